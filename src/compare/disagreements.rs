//! Test texts that one of two embeddings classifies correctly and the other does not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::classifier::{Tokenizer, most_probable};
use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};

/// The most probable class of a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TopClass {
    /// The class; the first of several with the same probability.
    pub class: usize,
    /// Its probability, from 0 to 1.
    pub probability: f32,
}

/// A text that one embedding classifies correctly and the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Disagreement {
    /// Index of the text.
    pub text: usize,
    /// Its true class.
    pub label: usize,
    /// The prediction of the first embedding.
    pub first: TopClass,
    /// The prediction of the second embedding.
    pub second: TopClass,
    /// Difference between the two probabilities of the true class, from 0 to 1.
    pub gap: f32,
}

/// All texts that only one of two embeddings classifies correctly, by decreasing [`Disagreement::gap`]; texts with the same gap keep
/// their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Disagreements {
    /// Texts that only the first embedding classifies correctly.
    pub only_first: Vec<Disagreement>,
    /// Texts that only the second embedding classifies correctly.
    pub only_second: Vec<Disagreement>,
}

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarkedWord {
    /// The word, as the tokenizer returns it.
    pub word: String,
    /// Whether the vectors have the word, by a row or by its character n-grams.
    pub known: bool,
}

/// The mean of the class probabilities of several runs.
///
/// # Shapes
/// Each run and the result: `[T, C]`, texts by classes.
///
/// # Errors
/// No runs, or runs of unequal length.
pub fn mean_probabilities<R: AsRef<[f32]>>(runs: &[R]) -> Result<Vec<f32>> {
    let length = runs.first().map_or(0, |run| run.as_ref().len());
    if runs.is_empty() || runs.iter().any(|run| run.as_ref().len() != length) {
        let found: Vec<String> = runs.iter().map(|run| run.as_ref().len().to_string()).collect();
        return Err(Error::invalid(
            "probabilities of runs",
            "the same number for each run, and at least one run",
            found.join(", "),
        ));
    }
    let mut sums = vec![0.0f64; length];
    for run in runs {
        sums.iter_mut().zip(run.as_ref()).for_each(|(sum, &probability)| *sum += f64::from(probability));
    }
    Ok(sums.into_iter().map(|sum| (sum / runs.len() as f64) as f32).collect())
}

impl Disagreements {
    /// Compares the class probabilities of two embeddings with the true classes.
    ///
    /// # Shapes
    /// `first` and `second` `[T, C]`, `labels` `[T]`, each below `C`.
    ///
    /// # Errors
    /// Shapes that do not fit together.
    pub fn of(first: &[f32], second: &[f32], labels: &[u32], classes: usize) -> Result<Disagreements> {
        let numbers = labels.len().checked_mul(classes);
        let shapes_fit = numbers == Some(first.len()) && numbers == Some(second.len());
        if classes == 0 || !shapes_fit || labels.iter().any(|&label| label as usize >= classes) {
            let expected = format!("{} texts x {classes} classes, with labels below {classes}", labels.len());
            let found = format!("{} and {} probabilities", first.len(), second.len());
            return Err(Error::invalid("predictions of two embeddings", expected, found));
        }
        let mut all = Disagreements { only_first: Vec::new(), only_second: Vec::new() };
        let rows = first.chunks_exact(classes).zip(second.chunks_exact(classes));
        for (text, ((first, second), &label)) in rows.zip(labels).enumerate() {
            let label = label as usize;
            let top = |row: &[f32]| {
                let class = most_probable(row);
                TopClass { class, probability: row[class] }
            };
            let gap = (first[label] - second[label]).abs();
            let found = Disagreement { text, label, first: top(first), second: top(second), gap };
            match (found.first.class == label, found.second.class == label) {
                (true, false) => all.only_first.push(found),
                (false, true) => all.only_second.push(found),
                _ => {}
            }
        }
        for side in [&mut all.only_first, &mut all.only_second] {
            side.sort_by(|a, b| b.gap.total_cmp(&a.gap));
        }
        Ok(all)
    }
}

/// The out-of-vocabulary words of some texts: words that the vectors have neither as a row nor by character n-grams.
///
/// # Errors
/// A damaged table file.
pub fn unknown_words<S: AsRef<str> + Sync>(
    texts: &[S],
    vectors: &Vectors,
    tokenizer: Tokenizer,
    case: Case,
) -> Result<BTreeSet<String>> {
    let mut unknown = BTreeSet::new();
    for (word, _) in tokenizer.count(texts).0.in_order() {
        if vectors.find(word, case)?.is_none() && vectors.vector(word).is_none() {
            unknown.insert(word.to_owned());
        }
    }
    Ok(unknown)
}

/// The words of a text as a classifier reads it, with those in `unknown` marked.
pub fn marked_words(text: &str, tokenizer: Tokenizer, unknown: &BTreeSet<String>) -> Vec<MarkedWord> {
    let marked = |word: &Cow<str>| MarkedWord { word: word.to_string(), known: !unknown.contains(word.as_ref()) };
    tokenizer.words(text).iter().map(marked).collect()
}
