//! Questions about words: how close two are, what is near, analogies, the odd one out; and the benchmarks made of them.
//!
//! All of it is methods of [`Vectors`]. What each answer means, and which tool's it equals, stands with the method.

mod analogy;
mod evaluate;
mod nearest;
mod odd;
mod scan;
mod similarity;
mod suggest;

use crate::error::{Error, Result};
use crate::vectors::Vectors;
pub use analogy::Method;
pub use evaluate::{AnalogyReport, PairReport, Section};
pub use nearest::NearestOptions;

/// A row that answers a question, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The row.
    pub row: u32,
    /// Cosine, or what the method of the question says. NaN where it is undefined: a row without a direction, which
    /// ranks after all others.
    pub score: f32,
}

impl Vectors {
    /// The row of a word that a question names.
    ///
    /// # Errors
    /// [`Error::UnknownWord`] with words that are spelt like it.
    pub fn require(&self, word: impl AsRef<[u8]>) -> Result<u32> {
        let word = word.as_ref();
        self.row_of(word).ok_or_else(|| Error::UnknownWord {
            word: String::from_utf8_lossy(word).into_owned(),
            suggestions: self.suggest(word, 3),
        })
    }

    /// The row of a word that a question names, and which has a direction.
    fn require_direction(&self, word: impl AsRef<[u8]>) -> Result<u32> {
        let row = self.require(word)?;
        if self.has_direction(row) { Ok(row) } else { Err(Error::NoDirection { word: self.word(row).into_owned() }) }
    }

    fn has_direction(&self, row: u32) -> bool {
        self.norm(row).is_some_and(|norm| norm > 0.0 && norm.is_finite())
    }

    /// Adds `weight` times the unit vector of a row to `sum`.
    fn add_unit(&self, row: u32, weight: f64, sum: &mut [f64]) {
        let (Some(values), Some(norm)) = (self.row(row), self.norm(row)) else { return };
        for (sum, &value) in sum.iter_mut().zip(values) {
            *sum += weight * f64::from(value) / f64::from(norm);
        }
    }
}
