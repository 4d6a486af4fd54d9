//! Vectors of texts: the mean of their words' vectors.
//!
//! Words have the same weight, or the weight `a / (a + p)`, where `p` is the relative frequency of the word: the smooth inverse
//! frequency of Arora, Liang & Ma, "A simple but tough-to-beat baseline for sentence embeddings" (ICLR 2017). The second step of that
//! paper, the removal of the first principal component, needs all texts at once and is not done here.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;

use super::Tokenizer;
use crate::error::{Error, Malformed, Place, Result};
use crate::files::BOM;
use crate::vectors::{Case, Vectors};

/// The weights of the words of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighting {
    /// All words have the same weight.
    Mean,
    /// Smooth inverse frequency: `a / (a + p)`, where `p` is the relative frequency of the word.
    Frequency {
        /// The smoothing parameter `a`; the paper recommends 1e-3 to 1e-4.
        a: f64,
        /// The relative frequencies `p`.
        frequencies: WordFrequencies,
    },
}

/// The relative frequencies of words.
#[derive(Debug, Clone, PartialEq)]
pub enum WordFrequencies {
    /// Zipf's law: the word in row `r` of `n`, counted from 1, has the frequency `1 / (r H)`, with `H = 1 + 1/2 + ... + 1/n`. Vector
    /// files list words by descending frequency.
    Zipf,
    /// The frequency of each word; words that are not in the map have the frequency 0.
    Listed(HashMap<String, f64>),
}

impl WordFrequencies {
    /// Reads word counts, one `WORD COUNT` per line, as GloVe (`vocab.txt`) and word2vec (`-save-vocab`) write them. The counts of a
    /// repeated word are added.
    ///
    /// # Errors
    /// A line without a word or a count; a file in which no word has a count above 0.
    pub fn parse(bytes: &[u8]) -> Result<WordFrequencies> {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let mut counts: HashMap<String, f64> = HashMap::new();
        for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\r', ' ', '\t']);
            if line.is_empty() {
                continue;
            }
            let invalid = || {
                let shown: String = line.chars().take(40).collect();
                Malformed::at(Place::Line(number), "`WORD COUNT`", format!("`{shown}`"))
            };
            let (word, count) = line.rsplit_once([' ', '\t']).ok_or_else(invalid)?;
            let count: u64 = count.parse().map_err(|_| invalid())?;
            *counts.entry(word.to_owned()).or_default() += count as f64;
        }
        let total: f64 = counts.values().sum();
        if total <= 0.0 {
            return Err(Malformed::at(Place::File, "word counts, one `WORD COUNT` per line", "none").into());
        }
        counts.values_mut().for_each(|count| *count /= total);
        Ok(WordFrequencies::Listed(counts))
    }
}

/// Computes vectors of texts from word vectors.
#[derive(Debug)]
pub struct TextVectors {
    vectors: Arc<Vectors>,
    tokenizer: Tokenizer,
    case: Case,
    weighting: Weighting,
    /// The harmonic number of the number of rows, the normalisation of Zipf's law.
    harmonic: f64,
}

/// The vector of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextVector {
    /// `[dimension]`; zeros if no word is known.
    pub values: Vec<f32>,
    /// Number of tokens of the text.
    pub words: usize,
    /// How many of them have no vector and were skipped.
    pub unknown: usize,
}

impl TextVectors {
    /// Combines word vectors with a tokenizer, a way to look words up, and weights. Words without a row get subword vectors, if the
    /// vectors have them.
    ///
    /// # Errors
    /// Vectors in a damaged table file; an `a` that is not a number above 0.
    pub fn new(vectors: Arc<Vectors>, tokenizer: Tokenizer, case: Case, weighting: Weighting) -> Result<TextVectors> {
        vectors.check()?;
        if let Weighting::Frequency { a, .. } = weighting
            && !(a > 0.0 && a.is_finite())
        {
            return Err(Error::invalid("parameter a of the frequency weighting", "a number above 0", a.to_string()));
        }
        // Summed from the smallest to the largest term, for accuracy.
        let harmonic = (1..=vectors.len()).rev().map(|rank| 1.0 / rank as f64).sum();
        Ok(TextVectors { vectors, tokenizer, case, weighting, harmonic })
    }

    /// The vectors of texts, in parallel. The vector of a text does not depend on the other texts.
    pub fn of<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<TextVector> {
        texts.par_iter().with_min_len(64).map(|text| self.of_text(text.as_ref())).collect()
    }

    /// The weighted mean of a text's word vectors, summed in f64 in the order of the words.
    fn of_text(&self, text: &str) -> TextVector {
        let mut sums = vec![0.0f64; self.vectors.dimension()];
        let words = self.tokenizer.words(text);
        let mut known = 0usize;
        for word in &words {
            let Some((vector, weight)) = self.vector(word) else { continue };
            known += 1;
            for (sum, &value) in sums.iter_mut().zip(vector.iter()) {
                *sum += weight * f64::from(value);
            }
        }
        let count = known.max(1) as f64;
        let values = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        TextVector { values, words: words.len(), unknown: words.len() - known }
    }

    /// The vector and the weight of a word.
    fn vector(&self, word: &str) -> Option<(Cow<'_, [f32]>, f64)> {
        let folded = || match self.case {
            Case::Exact => None,
            Case::Fold => self.vectors.row_of(word.to_lowercase()),
        };
        if let Some(row) = self.vectors.row_of(word).or_else(folded) {
            let vector = Cow::Borrowed(self.vectors.row(row)?);
            return Some((vector, self.weight(word, Some(row))));
        }
        let vector = match self.case {
            Case::Exact => self.vectors.vector(word),
            Case::Fold => self.vectors.vector(word.to_lowercase()),
        };
        Some((vector?, self.weight(word, None)))
    }

    /// The weight of a word.
    fn weight(&self, word: &str, row: Option<u32>) -> f64 {
        let Weighting::Frequency { a, frequencies } = &self.weighting else { return 1.0 };
        let frequency = match frequencies {
            WordFrequencies::Zipf => row.map_or(0.0, |row| 1.0 / ((f64::from(row) + 1.0) * self.harmonic)),
            WordFrequencies::Listed(frequencies) => {
                let folded = || frequencies.get(word.to_lowercase().as_str()).filter(|_| self.case == Case::Fold);
                frequencies.get(word).or_else(folded).copied().unwrap_or(0.0)
            }
        };
        a / (a + frequency)
    }
}
