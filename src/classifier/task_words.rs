//! The words that a classifier has embedding rows for.

use super::dataset::Dataset;
use super::options::TrainOptions;
use super::splits::Splits;
use super::tokenizer::WordCounts;
use crate::error::{Malformed, Place, Result};
use crate::files::Words;
use crate::vectors::{Case, Vectors};

/// The words of a task: those of the train set, most frequent first, then those of the dev and test set that are in the vectors.
#[derive(Debug)]
pub(super) struct TaskWords {
    pub words: Words,
    /// Number of distinct words of the train set.
    pub train_words: usize,
    /// How many of them are in the vectors.
    pub known_train_words: usize,
}

impl TaskWords {
    /// Collects the words of a task.
    ///
    /// # Errors
    /// A train set without words.
    pub fn of(vectors: &Vectors, splits: &Splits, options: &TrainOptions) -> Result<TaskWords> {
        let train = count(vectors, &splits.train, options);
        if train.is_empty() {
            let line = splits.train.texts.first().map_or(Place::File, |first| Place::Line(first.line));
            let error = Malformed::at(line, "a text after the label", "none, in this and all other lines");
            return Err(error.in_file(&splits.train.name).into());
        }
        let mut words: Words = train.most_frequent().iter().map(|(word, _)| word).collect();
        let mut others = WordCounts::default();
        for data in splits.iter().skip(1) {
            for (word, number) in count(vectors, data, options).in_order() {
                if vectors.vector(word).is_some() && !train.contains(word) {
                    others.add(word, number);
                }
            }
        }
        others.in_order().iter().for_each(|(word, _)| words.push(word.as_bytes()));
        let known_train_words = train.in_order().iter().filter(|(word, _)| vectors.vector(word).is_some()).count();
        Ok(TaskWords { words, train_words: train.len(), known_train_words })
    }
}

/// Counts the words of a data set in the spelling in which they are looked up: lower case if case is folded and the vectors do not have
/// the word as written.
fn count(vectors: &Vectors, data: &Dataset, options: &TrainOptions) -> WordCounts {
    let mut counts = WordCounts::default();
    for (word, count) in options.tokenizer.count(&data.texts).0.in_order() {
        match options.case {
            Case::Fold if vectors.row_of(word).is_none() => counts.add(&word.to_lowercase(), count),
            _ => counts.add(word, count),
        }
    }
    counts
}
