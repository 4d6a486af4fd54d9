//! The rows of a vocabulary that somebody else made, in its order.

use std::sync::Arc;

use super::{Embedding, EmbeddingMode, EmbeddingOptions, UNKNOWN};
use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};

/// How a [`EmbeddingMatrix`] is made.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingMatrixOptions {
    /// The vocabulary's word for a pad, whose row is zeros.
    pub pad: Option<Vec<u8>>,
    /// The vocabulary's word for unknown words, whose row is [`Vectors::unknown_vector`].
    pub unknown: Option<Vec<u8>>,
    /// How words are looked up.
    pub case: Case,
    /// Standard deviation of the rows made for words that the vectors lack; their mean is zero.
    pub oov_std: f64,
    /// Seed of these rows. A word gets the same row whatever other words there are.
    pub seed: u64,
}

impl Default for EmbeddingMatrixOptions {
    fn default() -> Self {
        let EmbeddingOptions { case, oov_std, seed, .. } = EmbeddingOptions::default();
        EmbeddingMatrixOptions { pad: None, unknown: None, case, oov_std, seed }
    }
}

/// Rows for a vocabulary, index by index, as another tool's embedding layer begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingMatrix {
    /// `[rows, E]`.
    pub values: Vec<f32>,
    /// Numbers a row, `E`.
    pub dimension: usize,
    /// Rows whose words the vectors know.
    pub known: usize,
    /// Rows of those words that the vectors lack, ascending: neither the pad nor the word for unknown words.
    pub unknown: Vec<usize>,
    /// Rows that no word has, ascending; they are zeros.
    pub without_word: Vec<usize>,
}

impl EmbeddingMatrix {
    /// A row for each entry of `vocabulary`, in its order, each as [`Embedding`] makes it: as the vectors have it, by character
    /// n-grams where they have those, or small and random for a word that they lack.
    ///
    /// # Errors
    /// A pad or word for unknown words that the vocabulary lacks, a deviation that is negative or not finite, a damaged table
    /// file.
    pub fn for_vocabulary(
        vectors: &Arc<Vectors>,
        vocabulary: &[Option<Vec<u8>>],
        options: &EmbeddingMatrixOptions,
    ) -> Result<EmbeddingMatrix> {
        vectors.check()?;
        for (what, special) in [("pad", &options.pad), ("word for unknown words", &options.unknown)] {
            if let Some(word) = special.as_ref().filter(|word| !vocabulary.iter().flatten().any(|other| other == *word))
            {
                let found = format!("`{}`, which it lacks", String::from_utf8_lossy(word));
                return Err(Error::invalid(what, "a word of the vocabulary", found));
            }
        }
        let is = |word: &[u8], special: &Option<Vec<u8>>| special.as_ref().is_some_and(|special| special == word);
        let words: Vec<&[u8]> = vocabulary.iter().map(|word| word.as_deref().unwrap_or_default()).collect();
        let rows = EmbeddingOptions {
            mode: EmbeddingMode::Frozen,
            case: options.case,
            oov_std: options.oov_std,
            seed: options.seed,
            ..EmbeddingOptions::default()
        };
        let embedding = Embedding::<f32>::new(vectors, &words, &rows)?;
        let dimension = embedding.dimension();
        let mut matrix = EmbeddingMatrix {
            values: Vec::with_capacity(vocabulary.len() * dimension),
            dimension,
            known: 0,
            unknown: Vec::new(),
            without_word: Vec::new(),
        };
        for (row, word) in vocabulary.iter().enumerate() {
            let Some(word) = word.as_deref().filter(|word| !is(word, &options.pad)) else {
                matrix.values.resize(matrix.values.len() + dimension, 0.0);
                if word.is_none() {
                    matrix.without_word.push(row);
                }
                continue;
            };
            let id = if is(word, &options.unknown) { UNKNOWN } else { Embedding::<f32>::id_of_word(row) };
            if id != UNKNOWN {
                match vectors.find(word, options.case)?.is_some() || vectors.vector(word).is_some() {
                    true => matrix.known += 1,
                    false => matrix.unknown.push(row),
                }
            }
            matrix.values.extend(embedding.forward(&[id]));
        }
        Ok(matrix)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }
}
