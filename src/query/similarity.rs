//! The cosine of two words, and the difference of cosines between two tables.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// Pairs of rows whose cosines are compared by [`Vectors::compare_cosines`].
const PAIRS: usize = 100_000;

/// The difference of cosines between two tables with the same words.
#[derive(Debug, Clone, Copy)]
pub struct CosineDifference {
    /// The lowest cosine of a row with the other table's.
    pub min_cosine: f64,
    /// The row with that cosine.
    pub row: u32,
    /// The maximum change of the cosine of two rows, over [`CosineDifference::pairs`] random pairs.
    pub max_change: f64,
    /// Number of random pairs.
    pub pairs: usize,
}

impl Vectors {
    /// The cosine similarity of two words, from -1 to 1: `a.b / (|a| |b|)`, summed in f64. gensim's `similarity`.
    ///
    /// # Errors
    /// An unknown word, or a word whose vector has no direction.
    pub fn similarity(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<f32> {
        Ok(cosine(&self.query_word(a)?.values, &self.query_word(b)?.values) as f32)
    }

    /// The cosine of two rows; NaN if a row has no direction or does not exist.
    pub fn cosine(&self, a: u32, b: u32) -> f64 {
        match (self.row(a), self.row(b)) {
            (Some(x), Some(y)) => cosine(x, y),
            _ => f64::NAN,
        }
    }

    /// Compares the cosines of `other`, which has the same words, with these: the loss of storing 16-bit floats.
    ///
    /// # Errors
    /// Tables of different sizes.
    pub fn compare_cosines(&self, other: &Vectors) -> Result<CosineDifference> {
        if (self.len(), self.dimension()) != (other.len(), other.dimension()) {
            let size = |vectors: &Vectors| format!("{} rows of {} numbers", vectors.len(), vectors.dimension());
            return Err(Error::invalid("vectors", size(self), size(other)));
        }
        let (mut min_cosine, mut min_row) = (1.0f64, 0);
        for row in 0..self.len() as u32 {
            let cosine = match (self.row(row), other.row(row)) {
                (Some(a), Some(b)) => cosine(a, b),
                _ => f64::NAN,
            };
            if cosine < min_cosine {
                (min_cosine, min_row) = (cosine, row);
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut max_change = 0.0f64;
        for _ in 0..PAIRS {
            let (a, b) = (rng.random_range(0..self.len() as u32), rng.random_range(0..self.len() as u32));
            let change = (self.cosine(a, b) - other.cosine(a, b)).abs();
            // Rows without a direction have no cosine.
            max_change = max_change.max(if change.is_nan() { 0.0 } else { change });
        }
        Ok(CosineDifference { min_cosine, row: min_row, max_change, pairs: PAIRS })
    }
}

/// The cosine of two vectors, summed in f64; NaN if one has no direction.
pub(crate) fn cosine(x: &[f32], y: &[f32]) -> f64 {
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (f64::from(x), f64::from(y));
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}
