//! Embedding matrices for the vocabularies of other tools.

use std::sync::Arc;

use super::{Embedding, EmbeddingMode, EmbeddingOptions, UNKNOWN};
use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};

/// The options of an [`EmbeddingMatrix`].
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingMatrixOptions {
    /// The padding token of the vocabulary, whose row is zeros.
    pub pad: Option<Vec<u8>>,
    /// The token for unknown words of the vocabulary, whose row is [`Vectors::unknown_vector`].
    pub unknown: Option<Vec<u8>>,
    /// How the case of words is treated in lookups.
    pub case: Case,
    /// Standard deviation of the random rows of out-of-vocabulary words, whose mean is 0.
    pub oov_std: f64,
    /// Random seed. The row of a word does not depend on the other words.
    pub seed: u64,
}

impl Default for EmbeddingMatrixOptions {
    fn default() -> Self {
        let EmbeddingOptions { case, oov_std, seed, .. } = EmbeddingOptions::default();
        EmbeddingMatrixOptions { pad: None, unknown: None, case, oov_std, seed }
    }
}

/// The rows of a vocabulary, index by index, to initialise the embedding layer of another tool.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingMatrix {
    /// `[rows, E]`.
    pub values: Vec<f32>,
    /// Numbers per row, `E`.
    pub dimension: usize,
    /// Number of words that are in the vectors.
    pub known: usize,
    /// The rows of out-of-vocabulary words, in ascending order, without the padding token and the token for unknown words.
    pub unknown: Vec<usize>,
    /// Indices without a word, in ascending order; their rows are zeros.
    pub without_word: Vec<usize>,
}

impl EmbeddingMatrix {
    /// The matrix for a vocabulary: for each entry its row as in an [`Embedding`], which is pretrained, computed from character
    /// n-grams, or small and random for an out-of-vocabulary word.
    ///
    /// # Errors
    /// A padding token or token for unknown words that is not in the vocabulary, a standard deviation that is negative or not finite,
    /// a damaged table file.
    pub fn for_vocabulary(
        vectors: &Arc<Vectors>,
        vocabulary: &[Option<Vec<u8>>],
        options: &EmbeddingMatrixOptions,
    ) -> Result<EmbeddingMatrix> {
        vectors.check()?;
        for (what, special) in [("pad", &options.pad), ("unknown token", &options.unknown)] {
            if let Some(word) = special.as_ref().filter(|word| !vocabulary.iter().flatten().any(|other| other == *word))
            {
                let found = format!("`{}`", String::from_utf8_lossy(word));
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
