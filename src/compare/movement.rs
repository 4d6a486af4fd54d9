//! What training changed in the embedding: how far each row moved, its nearest neighbours before and after, the cosines of word pairs,
//! and the rows of out-of-vocabulary words.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::classifier::checksum::Hash;
use crate::classifier::{Classifier, Dataset, RowChecksum, TrainOptions};
use crate::error::{Error, Result};
use crate::nn::Embedding;
use crate::query::{NearestOptions, RowSet, ScoredRow, Term, cosine};
use crate::vectors::{Case, Vectors, pca};

/// Antonyms that occur in similar contexts, so that word vectors place them close together, while sentiment classification needs
/// them apart.
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

/// Ranges of word counts in the train set.
const BANDS: [RangeInclusive<usize>; 6] = [0..=0, 1..=1, 2..=9, 10..=99, 100..=999, 1000..=usize::MAX];

/// The rows of the words of a task, before and after training.
#[derive(Debug)]
pub struct Movement {
    before: Vectors,
    after: Vectors,
    words: Vec<WordMove>,
    /// Rows of words that the vectors have.
    known: RowSet,
}

/// How far the row of a word moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMove {
    /// The word; bytes that are not UTF-8 are replaced.
    pub word: String,
    /// Number of occurrences in the train set.
    pub count: usize,
    /// Whether the vectors have it; otherwise its row was initialized at random.
    pub known: bool,
    /// Cosine of its rows before and after training; `None` if one of them is zero.
    pub cosine: Option<f64>,
    /// Euclidean distance between its rows before and after training.
    pub distance: f64,
    /// This distance as a fraction of the sum over all words, from 0 to 1; 0 if nothing moved.
    pub share: f64,
}

/// A nearest neighbour of a word, and their cosine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestWord {
    /// The word.
    pub word: String,
    /// Cosine, from -1 to 1.
    pub cosine: f32,
}

/// The nearest neighbours of a word among the words of the task, before and after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourChange {
    /// The word.
    pub word: String,
    /// Before training, nearest first.
    pub before: Vec<NearestWord>,
    /// After training, nearest first.
    pub after: Vec<NearestWord>,
}

/// The cosine of two words, before and after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairCosine {
    /// The words.
    pub words: [String; 2],
    /// Their cosine before training.
    pub before: f64,
    /// Their cosine after training.
    pub after: f64,
}

/// The rows of out-of-vocabulary words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OovRows {
    /// How many words there are.
    pub words: usize,
    /// Mean norm of their rows before training; `None` if there are none.
    pub norm_before: Option<f64>,
    /// Mean norm of their rows after training.
    pub norm_after: Option<f64>,
    /// Mean norm after training of the rows of in-vocabulary words, for comparison.
    pub known_norm_after: Option<f64>,
    /// For the most frequent of them, the nearest in-vocabulary words after training, nearest first.
    pub nearest: Vec<(String, Vec<NearestWord>)>,
}

/// How far words of similar frequency moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrequencyBand {
    /// Minimum number of occurrences in the train set.
    pub min: usize,
    /// Maximum number of occurrences; `None` for no limit.
    pub max: Option<usize>,
    /// Number of words.
    pub words: usize,
    /// Mean distance that their rows moved.
    pub distance: f64,
    /// Mean cosine of their rows before and after training, where it is defined; `None` if it is for none.
    pub cosine: Option<f64>,
    /// The sum of their distances as a fraction of the sum over all words.
    pub share: f64,
}

/// Words in two dimensions: their rows before and after training, projected on the first two principal components of all of these rows
/// together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMap {
    /// Fraction of the variance along x and along y.
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
    /// x and y after training.
    pub after: [f32; 2],
}

impl Movement {
    /// Compares two tables with the same words in the same order. `counts[i]` is the number of occurrences of word `i` in the train
    /// set, and `known[i]` says whether the vectors have it.
    ///
    /// # Errors
    /// Tables that differ in words or dimension; `counts` or `known` of another length.
    pub fn of(before: Vectors, after: Vectors, counts: &[usize], known: &[bool]) -> Result<Movement> {
        let same = before.dimension() == after.dimension() && before.vocabulary().iter().eq(after.vocabulary().iter());
        if !same || [counts.len(), known.len()] != [before.len(); 2] {
            let size = |vectors: &Vectors| format!("{} x {}", vectors.len(), vectors.dimension());
            let found = format!(
                "{} before and {} after, with {} counts and {} flags",
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

    /// Compares the embedding of a trained classifier with its initial state, which is rebuilt, bit for bit, from the vectors, options and
    /// train set that the classifier was trained with.
    ///
    /// # Errors
    /// Vectors of another dimension; a classifier with one-hot embedding, which has no rows; a damaged table file.
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
            // The rows of padding and of the unknown word come first.
            let first = Embedding::<f32>::id_of_word(0) as usize * embedding.dimension();
            let values = embedding.weights().get(first..).unwrap_or_default().to_vec();
            Vectors::new(&words, values, embedding.dimension())
        };
        Movement::of(of_words(&before)?, of_words(&classifier.network().embedding)?, &counts, &known)
    }

    /// All words, in the order of the vocabulary.
    pub fn words(&self) -> &[WordMove] {
        &self.words
    }

    /// The `n` words that moved most, by decreasing distance; words with the same distance keep their order.
    pub fn most_moved(&self, n: usize) -> Vec<&WordMove> {
        let mut words: Vec<&WordMove> = self.words.iter().collect();
        words.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        words.truncate(n);
        words
    }

    /// A word of the task; `None` if the task does not have it.
    pub fn of_word(&self, word: &str) -> Option<&WordMove> {
        self.before.row_of(word).and_then(|row| self.words.get(row as usize))
    }

    /// Number of rows that changed.
    pub fn moved(&self) -> usize {
        self.before.iter().zip(self.after.iter()).filter(|((_, old), (_, new))| old != new).count()
    }

    /// Projects the rows of some words, before and after training, on the first two principal components of all these rows together. Words
    /// that the task does not have are omitted.
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

    /// The `k` nearest neighbours of a word among the words of the task, before and after training.
    ///
    /// # Errors
    /// A word that the task does not have, or whose row is zero.
    pub fn neighbours(&self, word: &str, k: usize) -> Result<NeighbourChange> {
        let options = NearestOptions { k, ..NearestOptions::default() };
        let near = |vectors: &Vectors| -> Result<Vec<NearestWord>> {
            Ok(named(vectors, vectors.nearest(&[word], &[] as &[&str], &options)?))
        };
        Ok(NeighbourChange { word: word.to_owned(), before: near(&self.before)?, after: near(&self.after)? })
    }

    /// The cosines of word pairs before and after training. Pairs with a word that the task does not have, or with a zero row, are
    /// omitted.
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

    /// The rows of out-of-vocabulary words, and for the `n` most frequent of these words the `k` in-vocabulary words that are nearest
    /// after training.
    ///
    /// # Errors
    /// Those of a nearest-neighbour search.
    pub fn oov_rows(&self, n: usize, k: usize) -> Result<OovRows> {
        let mean_norm = |vectors: &Vectors, known: bool| {
            let norms = vectors.norms().iter().zip(&self.words).filter(|(_, word)| word.known == known);
            mean(norms.map(|(&norm, _)| f64::from(norm)))
        };
        let mut unknown: Vec<(usize, &WordMove)> =
            self.words.iter().enumerate().filter(|(_, word)| !word.known).collect();
        let words = unknown.len();
        // The sort is stable: words with the same count keep their order.
        unknown.sort_by_key(|(_, word)| std::cmp::Reverse(word.count));
        let options = NearestOptions { k, within: Some(self.known.clone()), ..NearestOptions::default() };
        let mut nearest = Vec::new();
        for (row, word) in unknown.into_iter().take(n) {
            let row = row as u32;
            // A zero row has no neighbours.
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

    /// How far words moved, by frequency; ranges without words are omitted.
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

    /// Checksums of the rows of in-vocabulary words (`known`) or of out-of-vocabulary words. Frozen rows keep their checksum.
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

/// The distinct words of the train set and their counts.
fn tokens(options: &TrainOptions, train: &Dataset) -> Vec<(String, usize)> {
    let (counts, _) = options.tokenizer.count(&train.texts);
    counts.in_order().into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

fn named(vectors: &Vectors, rows: Vec<ScoredRow>) -> Vec<NearestWord> {
    let named = |found: ScoredRow| NearestWord { word: vectors.word(found.row).into_owned(), cosine: found.score };
    // The cosine with a zero row is undefined.
    rows.into_iter().filter(|found| !found.score.is_nan()).map(named).collect()
}

/// `None` if there are no values.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}
