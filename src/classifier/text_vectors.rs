//! The vector of a text: a mean of its words' vectors.
//!
//! Plainly, every word counts the same. Weighted by frequency, a word counts `a / (a + p)`, where `p` is the share of all words that
//! are this one, so that words that occur everywhere hardly count: the smooth inverse frequency of Arora, Liang & Ma, "A simple but
//! tough-to-beat baseline for sentence embeddings" (ICLR 2017), whose second half, taking the first principal component of all
//! texts away, needs all of them at once and is left to those who have them.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;

use super::Tokenizer;
use crate::error::{Error, Malformed, Place, Result};
use crate::files::BOM;
use crate::vectors::{Case, Vectors};

/// How much each word of a text counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighting {
    /// As much as any other.
    Mean,
    /// `a / (a + p)`.
    Frequency {
        /// The paper's `a`, which takes 1e-3 where nothing speaks for another (its best are from 1e-3 to 1e-4).
        a: f64,
        /// Where `p` comes from.
        frequencies: WordFrequencies,
    },
}

/// The share of all words that each word has.
#[derive(Debug, Clone, PartialEq)]
pub enum WordFrequencies {
    /// By Zipf's law: the word at row `r`, counted from 1, of `n` has `1 / (r H)`, with `H = 1 + 1/2 + ... + 1/n`. Files of vectors
    /// have the most frequent words first.
    Zipf,
    /// TokenCounter: occurrences of each word, and of all. A word that is not among them has none, and counts fully.
    TokenCounter(HashMap<String, f64>),
}

impl WordFrequencies {
    /// Reads a list of counts, `WORD COUNT` a line, as GloVe (`vocab.txt`) and word2vec (`-save-vocab`) write it. A word that is there
    /// twice has both counts.
    ///
    /// # Errors
    /// A line without a word or a count, no lines, counts that add up to nothing.
    pub fn parse(bytes: &[u8]) -> Result<WordFrequencies, Malformed> {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let mut counts: HashMap<String, f64> = HashMap::new();
        for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\r', ' ', '\t']);
            if line.is_empty() {
                continue;
            }
            let wrong = || {
                let shown: String = line.chars().take(40).collect();
                Malformed::at(Place::Line(number), "`WORD COUNT`", format!("`{shown}`"))
            };
            let (word, count) = line.rsplit_once([' ', '\t']).ok_or_else(wrong)?;
            let count: u64 = count.parse().map_err(|_| wrong())?;
            *counts.entry(word.to_owned()).or_default() += count as f64;
        }
        let all: f64 = counts.values().sum();
        if all <= 0.0 {
            return Err(Malformed::at(Place::File, "counts of words, `WORD COUNT` a line", "none"));
        }
        counts.values_mut().for_each(|count| *count /= all);
        Ok(WordFrequencies::TokenCounter(counts))
    }
}

/// What makes vectors of texts.
#[derive(Debug)]
pub struct TextVectors {
    vectors: Arc<Vectors>,
    tokenizer: Tokenizer,
    case: Case,
    weighting: Weighting,
    /// The harmonic number of the rows, by which Zipf's law is scaled.
    harmonic: f64,
}

/// The vector of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextVector {
    /// `[dimension]`; zeros where no word is known.
    pub values: Vec<f32>,
    /// Words of the text.
    pub words: usize,
    /// How many of them have no vector, and were passed over.
    pub unknown: usize,
}

impl TextVectors {
    /// Cuts texts by `tokenizer` and looks words up as `case` says, then among those that n-grams make.
    ///
    /// # Errors
    /// A damaged table file, an `a` that is not a number above 0.
    pub fn new(vectors: Arc<Vectors>, tokenizer: Tokenizer, case: Case, weighting: Weighting) -> Result<TextVectors> {
        vectors.check()?;
        if let Weighting::Frequency { a, .. } = weighting
            && !(a > 0.0 && a.is_finite())
        {
            return Err(Error::invalid("a of the frequency weighting", "a number above 0", a.to_string()));
        }
        // From the smallest to the largest, which loses the fewest digits.
        let harmonic = (1..=vectors.len()).rev().map(|rank| 1.0 / rank as f64).sum();
        Ok(TextVectors { vectors, tokenizer, case, weighting, harmonic })
    }

    /// The vectors of some texts, in parallel. A text's vector does not depend on the others.
    pub fn of<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<TextVector> {
        texts.par_iter().with_min_len(64).map(|text| self.of_text(text.as_ref())).collect()
    }

    /// The mean of a text's words, summed up in their order in f64.
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

    /// The vector of a word and how much it counts.
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

    /// How much a word counts, which may have a row.
    fn weight(&self, word: &str, row: Option<u32>) -> f64 {
        let Weighting::Frequency { a, frequencies: shares } = &self.weighting else { return 1.0 };
        let share = match shares {
            WordFrequencies::Zipf => row.map_or(0.0, |row| 1.0 / ((f64::from(row) + 1.0) * self.harmonic)),
            WordFrequencies::TokenCounter(shares) => {
                let folded = || shares.get(word.to_lowercase().as_str()).filter(|_| self.case == Case::Fold);
                shares.get(word).or_else(folded).copied().unwrap_or(0.0)
            }
        };
        a / (a + share)
    }
}
