//! The parts of a query, and its results.

use std::borrow::Cow;

use crate::error::{Error, Malformed, Place, Result};
use crate::files::tensors::DAMAGED;
use crate::vectors::{Case, Vectors};

/// A row and its score: a result of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredRow {
    /// The row.
    pub row: u32,
    /// The cosine, or the score that the method of the query defines. NaN where it is undefined: a row without a direction,
    /// which ranks after all others.
    pub score: f32,
}

/// A term of a query: a word or a vector.
#[derive(Debug, Clone, Copy)]
pub enum Term<'a> {
    /// A word. Its unit vector is used, and it is excluded from the results.
    Word(&'a [u8]),
    /// A vector `[dimension]`, used as it is.
    Vector(&'a [f32]),
}

/// A direction, and the rows that are excluded from the results. Made by [`Vectors::query`], for vectors of one table.
#[derive(Debug, Clone)]
pub struct Query {
    /// The direction, of length 1.
    pub(super) unit: Vec<f32>,
    /// Rows that are excluded from the results.
    pub(super) excluded: Vec<u32>,
}

/// A word of a query and its vector, which has a direction.
pub(super) struct QueryWord<'a> {
    /// The row, if the word has one.
    pub row: Option<u32>,
    pub values: Cow<'a, [f32]>,
    pub norm: f64,
}

impl QueryWord<'_> {
    /// Adds `weight` times the unit vector to `sum`.
    pub fn add_unit(&self, weight: f64, sum: &mut [f64]) {
        for (sum, &value) in sum.iter_mut().zip(self.values.iter()) {
            *sum += weight * f64::from(value) / self.norm;
        }
    }
}

impl Vectors {
    /// The row of a word of a query.
    ///
    /// # Errors
    /// [`Error::UnknownWord`] with similar words.
    pub fn require(&self, word: impl AsRef<[u8]>) -> Result<u32> {
        let word = word.as_ref();
        self.find(word, Case::Exact)?.ok_or_else(|| Error::UnknownWord {
            word: String::from_utf8_lossy(word).into_owned(),
            suggestions: self.suggest(word, 3),
        })
    }

    /// A word of a query: its row, or else the vector of its character n-grams, if the vectors have n-grams.
    ///
    /// # Errors
    /// An unknown word, or a word whose vector has no direction.
    pub(super) fn query_word(&self, word: impl AsRef<[u8]>) -> Result<QueryWord<'_>> {
        let word = word.as_ref();
        if self.find(word, Case::Exact)?.is_none()
            && let Some(values) = self.vector(word)
        {
            let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 && norm.is_finite() {
                return Ok(QueryWord { row: None, values, norm });
            }
        }
        self.row_as_query_word(self.require(word)?)
    }

    pub(super) fn row_as_query_word(&self, row: u32) -> Result<QueryWord<'_>> {
        let no_direction = || Error::NoDirection { word: self.word(row).into_owned() };
        let values = self.row(row).ok_or_else(no_direction)?;
        let norm = self.norm(row).filter(|&norm| norm > 0.0 && norm.is_finite()).ok_or_else(no_direction)?;
        Ok(QueryWord { row: Some(row), values: Cow::Borrowed(values), norm: f64::from(norm) })
    }

    /// Checks that the words of the results can be read, which they can unless a table file is damaged.
    pub(super) fn check_words(&self, results: Vec<ScoredRow>) -> Result<Vec<ScoredRow>> {
        match results.iter().find(|result| self.vocabulary().word(result.row).is_none()) {
            None => Ok(results),
            Some(result) => {
                let expected = format!("the word of row {} within the words", result.row);
                let error = Malformed::at(Place::File, expected, "offsets outside the words").advise(DAMAGED);
                Err(error.in_file(self.source().path.to_string_lossy()).into())
            }
        }
    }
}

/// A sum of unit vectors, scaled to unit length.
///
/// # Errors
/// A sum of zero.
pub(super) fn direction(sum: &[f64]) -> Result<Vec<f32>> {
    unit(sum).ok_or_else(|| Error::other("the query's terms cancel out (zero vector)"))
}

/// A vector scaled to unit length; `None` if it has no direction.
pub(super) fn unit(vector: &[f64]) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    // Unit vectors that cancel out leave rounding errors.
    (norm > 1e-12 && norm.is_finite()).then(|| vector.iter().map(|value| (value / norm) as f32).collect())
}
