//! What training did to the words: how far each row moved, what stands near it now, whether word_pairs parted, and what became of the
//! rows of words that the vectors lack.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::classifier::checksum::Hash;
use crate::classifier::{Classifier, Dataset, RowChecksum, TrainOptions};
use crate::error::{Error, Result};
use crate::nn::Embedding;
use crate::query::{NearestOptions, RowSet, ScoredRow, Term, cosine};
use crate::vectors::{Case, Vectors, pca};

/// PairCosine whose contexts are alike, so that vectors made from contexts place them close together, while a task about opinions
/// needs them apart.
pub const ANTONYMS: [[&str; 2]; 12] = [
    ["good", "bad"],
    ["better", "worse"],
    ["best", "worst"],
    ["great", "terrible"],
    ["like", "dislike"],
    ["love", "hate"],
    ["happy", "sad"],
    ["funny", "boring"],
    ["interesting", "dull"],
    ["strong", "weak"],
    ["smart", "stupid"],
    ["fresh", "stale"],
];

/// How often the words of each band occur in the training part.
const BANDS: [RangeInclusive<usize>; 6] = [0..=0, 1..=1, 2..=9, 10..=99, 100..=999, 1000..=usize::MAX];

/// The rows of a task's words before training and after.
#[derive(Debug)]
pub struct Movement {
    before: Vectors,
    after: Vectors,
    words: Vec<WordMove>,
    /// Rows of words that the vectors know.
    known: RowSet,
}

/// How a word moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMove {
    /// The word, shown lossily where it is not UTF-8.
    pub word: String,
    /// How often it occurs in the training part.
    pub count: usize,
    /// Whether the vectors know it; otherwise its row was made.
    pub known: bool,
    /// Cosine of its rows before and after; `None` where one of them is zero.
    pub cosine: Option<f64>,
    /// Euclidean distance of its rows before and after.
    pub distance: f64,
    /// The share of all words' distances that this is, from 0 to 1; 0 where nothing moved.
    pub share: f64,
}

/// A word that is near another, and its cosine with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestWord {
    /// The word.
    pub word: String,
    /// Cosine, from -1 to 1.
    pub cosine: f32,
}

/// The words nearest to one among the task's, before training and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourChange {
    /// The word.
    pub word: String,
    /// Best first.
    pub before: Vec<NearestWord>,
    /// Best first.
    pub after: Vec<NearestWord>,
}

/// Two words that mean the opposite of each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairCosine {
    /// The words.
    pub words: [String; 2],
    /// Their cosine before training.
    pub before: f64,
    /// Their cosine after it.
    pub after: f64,
}

/// The rows that were made for words which the vectors lack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OovRows {
    /// How many there are.
    pub words: usize,
    /// Their mean norm before training; `None` of none.
    pub norm_before: Option<f64>,
    /// Their mean norm after it.
    pub norm_after: Option<f64>,
    /// The mean norm after training of words that the vectors know, to compare with.
    pub known_norm_after: Option<f64>,
    /// Of the most frequent ones the known words nearest after training, best first.
    pub nearest: Vec<(String, Vec<NearestWord>)>,
}

/// How words that are about as frequent moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrequencyBand {
    /// The least number of times that its words occur in the training part.
    pub min: usize,
    /// The largest; `None` for any.
    pub max: Option<usize>,
    /// Its words.
    pub words: usize,
    /// Their mean distance.
    pub distance: f64,
    /// The mean cosine of their rows before and after, of those that have one; `None` of none.
    pub cosine: Option<f64>,
    /// The share of all words' distances that theirs are.
    pub share: f64,
}

/// Words in two dimensions before training and after: the rows of both are projected on the first two principal components that they have
/// together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMap {
    /// The share of the variance along x and along y.
    pub explained: [f64; 2],
    /// The words.
    pub words: Vec<MappedWord>,
}

/// A word in a [`WordMap`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappedWord {
    /// The word.
    pub word: String,
    /// x and y before training.
    pub before: [f32; 2],
    /// x and y after it.
    pub after: [f32; 2],
}

impl Movement {
    /// Of two tables with the same words in the same order. `counts[i]` is how often word `i` occurs in the training part,
    /// `known[i]` whether the vectors know it.
    ///
    /// # Errors
    /// Tables that differ in words or dimension, or a count or knowledge of other words.
    pub fn of(before: Vectors, after: Vectors, counts: &[usize], known: &[bool]) -> Result<Movement> {
        let same = before.dimension() == after.dimension() && before.vocabulary().iter().eq(after.vocabulary().iter());
        if !same || [counts.len(), known.len()] != [before.len(); 2] {
            let size = |vectors: &Vectors| format!("{} x {}", vectors.len(), vectors.dimension());
            let found = format!(
                "{} before and {} after, {} counts, {} known or not",
                size(&before),
                size(&after),
                counts.len(),
                known.len()
            );
            return Err(Error::invalid("rows before and after training", "the same words in the same order", found));
        }
        let mut words: Vec<WordMove> = (0..)
            .zip(before.iter().zip(after.iter()))
            .zip(counts.iter().zip(known))
            .map(|((row, ((_, old), (_, new))), (&count, &known))| {
                let squares = |(old, new): (&f32, &f32)| (f64::from(*new) - f64::from(*old)).powi(2);
                WordMove {
                    word: before.word(row).into_owned(),
                    count,
                    known,
                    cosine: Some(cosine(old, new)).filter(|cosine| cosine.is_finite()),
                    distance: old.iter().zip(new).map(squares).sum::<f64>().sqrt(),
                    share: 0.0,
                }
            })
            .collect();
        let all: f64 = words.iter().map(|word| word.distance).sum();
        if all > 0.0 {
            words.iter_mut().for_each(|word| word.share = word.distance / all);
        }
        let known = (0..).zip(known).filter(|&(_, &known)| known).map(|(row, _)| row).collect();
        Ok(Movement { before, after, words, known })
    }

    /// Of a classifier and the `vectors`, options and training part that it was trained with. The rows before training are made again,
    /// which gives the same bits.
    ///
    /// # Errors
    /// Vectors of another dimension, a classifier from one-hot words, which has no rows of vectors, or a damaged table file.
    pub fn of_classifier(
        classifier: &Classifier,
        vectors: &Arc<Vectors>,
        options: &TrainOptions,
        train: &Dataset,
    ) -> Result<Movement> {
        vectors.check()?;
        let vocabulary = classifier.vocabulary();
        let words: Vec<&[u8]> = vocabulary.iter().collect();
        let before = Embedding::<f32>::new(vectors, &words, &options.embedding_options())?;
        let mut counts = vec![0; words.len()];
        for (word, count) in tokens(options, train) {
            let folded = || match options.case {
                Case::Exact => None,
                Case::Fold => vocabulary.row(word.to_lowercase()),
            };
            if let Some(row) = vocabulary.row(&word).or_else(folded) {
                counts[row as usize] += count;
            }
        }
        let known: Vec<bool> = words.iter().map(|word| vectors.vector(word).is_some()).collect();
        let of_words = |embedding: &Embedding<f32>| {
            // The rows of pad and unknown word come first.
            let first = Embedding::<f32>::id_of_word(0) as usize * embedding.dimension();
            let values = embedding.weights().get(first..).unwrap_or_default().to_vec();
            Vectors::new(&words, values, embedding.dimension())
        };
        Movement::of(of_words(&before)?, of_words(&classifier.network().embedding)?, &counts, &known)
    }

    /// How each word moved, in the order of the words.
    pub fn words(&self) -> &[WordMove] {
        &self.words
    }

    /// The `n` words that moved most, by distance; of equals the first.
    pub fn most_moved(&self, n: usize) -> Vec<&WordMove> {
        let mut words: Vec<&WordMove> = self.words.iter().collect();
        words.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        words.truncate(n);
        words
    }

    /// How a word moved; `None` where the task lacks it.
    pub fn of_word(&self, word: &str) -> Option<&WordMove> {
        self.before.row_of(word).and_then(|row| self.words.get(row as usize))
    }

    /// How many rows are not what they were.
    pub fn moved(&self) -> usize {
        self.before.iter().zip(self.after.iter()).filter(|((_, old), (_, new))| old != new).count()
    }

    /// Where some words stood before training and after it, on the first two principal components of all these rows together. Words that the
    /// task lacks are left out.
    pub fn map<W: AsRef<str>>(&self, words: &[W]) -> WordMap {
        let rows: Vec<(&W, u32)> =
            words.iter().filter_map(|word| Some((word, self.before.row_of(word.as_ref())?))).collect();
        let both = [&self.before, &self.after];
        let values = both.into_iter().flat_map(|vectors| rows.iter().filter_map(|&(_, row)| vectors.row(row)));
        let found = pca(&values.flatten().copied().collect::<Vec<f32>>(), self.before.dimension());
        let (before, after) = found.points.split_at(rows.len().min(found.points.len()));
        WordMap {
            explained: found.explained.unwrap_or_default(),
            words: rows
                .iter()
                .zip(before.iter().zip(after))
                .map(|((word, _), (&before, &after))| MappedWord { word: word.as_ref().to_owned(), before, after })
                .collect(),
        }
    }

    /// The `k` words of the task that are nearest to one of them, before training and after.
    ///
    /// # Errors
    /// A word that the task lacks, or whose row is zero.
    pub fn neighbours(&self, word: &str, k: usize) -> Result<NeighbourChange> {
        let options = NearestOptions { k, ..NearestOptions::default() };
        let near = |vectors: &Vectors| -> Result<Vec<NearestWord>> {
            Ok(named(vectors, vectors.nearest(&[word], &[] as &[&str], &options)?))
        };
        Ok(NeighbourChange { word: word.to_owned(), before: near(&self.before)?, after: near(&self.after)? })
    }

    /// The cosines of pairs of words before training and after. Pairs of which the task lacks a word, or has no direction for one,
    /// are left out.
    pub fn pair_cosines<W: AsRef<str>>(&self, pairs: &[[W; 2]]) -> Vec<PairCosine> {
        let row = |word: &W| self.before.row_of(word.as_ref());
        pairs
            .iter()
            .filter_map(|[a, b]| {
                let (first, second) = (row(a)?, row(b)?);
                let [before, after] = [&self.before, &self.after].map(|vectors| vectors.cosine(first, second));
                let words = [a.as_ref().to_owned(), b.as_ref().to_owned()];
                (before.is_finite() && after.is_finite()).then_some(PairCosine { words, before, after })
            })
            .collect()
    }

    /// What became of the rows of words that the vectors lack; for the `n` most frequent of them the `k` known words that are
    /// nearest after training.
    ///
    /// # Errors
    /// None but those of a search.
    pub fn oov_rows(&self, n: usize, k: usize) -> Result<OovRows> {
        let mean_norm = |vectors: &Vectors, known: bool| {
            let norms = vectors.norms().iter().zip(&self.words).filter(|(_, word)| word.known == known);
            mean(norms.map(|(&norm, _)| f64::from(norm)))
        };
        let mut made: Vec<(usize, &WordMove)> = self.words.iter().enumerate().filter(|(_, word)| !word.known).collect();
        let words = made.len();
        // Stable: of equals the first.
        made.sort_by_key(|(_, word)| std::cmp::Reverse(word.count));
        let options = NearestOptions { k, within: Some(self.known.clone()), ..NearestOptions::default() };
        let mut nearest = Vec::new();
        for (row, word) in made.into_iter().take(n) {
            let row = row as u32;
            // A row of zeros is near nothing.
            let Some(values) = self.after.row(row).filter(|_| self.after.norm(row).is_some_and(|norm| norm > 0.0))
            else {
                continue;
            };
            let query = self.after.query(&[(1.0, Term::Vector(values))])?;
            nearest.push((word.word.clone(), named(&self.after, self.after.search(&query, &options)?)));
        }
        Ok(OovRows {
            words,
            norm_before: mean_norm(&self.before, false),
            norm_after: mean_norm(&self.after, false),
            known_norm_after: mean_norm(&self.after, true),
            nearest,
        })
    }

    /// How words moved by how frequent they are; bands without words are left out.
    pub fn bands(&self) -> Vec<FrequencyBand> {
        let band = |counts: RangeInclusive<usize>| {
            let words = || self.words.iter().filter(|word| counts.contains(&word.count));
            let (min, max) = (*counts.start(), *counts.end());
            FrequencyBand {
                min,
                max: (max < usize::MAX).then_some(max),
                words: words().count(),
                distance: mean(words().map(|word| word.distance)).unwrap_or(0.0),
                cosine: mean(words().filter_map(|word| word.cosine)),
                share: words().map(|word| word.share).sum(),
            }
        };
        BANDS.into_iter().map(band).filter(|band| band.words > 0).collect()
    }

    /// The checksum of the rows of known words, or of those that were made. Frozen rows keep theirs.
    pub fn checksum(&self, known: bool) -> RowChecksum {
        let of = |vectors: &Vectors| {
            let mut hash = Hash::new();
            let rows = vectors.iter().zip(&self.words).filter(|(_, word)| word.known == known);
            rows.for_each(|((_, row), _)| hash.f32(row));
            hash.checksum()
        };
        let rows = self.words.iter().filter(|word| word.known == known).count();
        RowChecksum { rows, before: of(&self.before), after: of(&self.after) }
    }
}

/// The distinct words of a training part and how often each occurs.
fn tokens(options: &TrainOptions, train: &Dataset) -> Vec<(String, usize)> {
    let (counts, _) = options.tokenizer.count(&train.texts);
    counts.in_order().into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

fn named(vectors: &Vectors, answers: Vec<ScoredRow>) -> Vec<NearestWord> {
    let named = |answer: ScoredRow| NearestWord { word: vectors.word(answer.row).into_owned(), cosine: answer.score };
    // Rows without a direction are near nothing.
    answers.into_iter().filter(|answer| !answer.score.is_nan()).map(named).collect()
}

/// `None` of none.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}
