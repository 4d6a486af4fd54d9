//! Questions about words: how close two are, what is near, analogies, the odd one out; and the benchmarks made of them.
//!
//! All of it is methods of [`Vectors`]. What each answer means, and which tool's it equals, stands with the method.

mod analogy;
mod evaluate;
mod nearest;
mod odd;
mod row_set;
mod scan;
mod similarity;
mod suggest;

use std::borrow::Cow;

use crate::error::{Error, Malformed, Place, Result};
use crate::files::tensors::DAMAGED;
use crate::vectors::{Case, Vectors};
pub use analogy::AnalogyMethod;
pub use evaluate::{
    AnalogyCounts, AnalogyDifference, AnalogyPrediction, AnalogyProtocol, AnalogyReport, Benchmark, Causes,
    EvaluateOptions, PairDifference, PairProtocol, PairReport, Pairs, Questions, RowLimit, Section, WordDifference,
};
pub use nearest::{NearestOptions, Query, Term};
pub use row_set::RowSet;
pub use similarity::CosineDifference;
pub(crate) use similarity::cosine;

/// A row that answers a question, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredRow {
    /// The row.
    pub row: u32,
    /// Cosine, or what the method of the question says. NaN where it is undefined: a row without a direction, which
    /// ranks after all others.
    pub score: f32,
}

/// A word that a question names, with its vector, which has a direction.
struct QueryWord<'a> {
    /// Its row, where it has one.
    row: Option<u32>,
    values: Cow<'a, [f32]>,
    norm: f64,
}

impl QueryWord<'_> {
    /// Adds `weight` times the unit vector to `sum`.
    fn add_unit(&self, weight: f64, sum: &mut [f64]) {
        for (sum, &value) in sum.iter_mut().zip(self.values.iter()) {
            *sum += weight * f64::from(value) / self.norm;
        }
    }
}

impl Vectors {
    /// The row of a word that a question names.
    ///
    /// # Errors
    /// [`Error::UnknownWord`] with words that are spelt like it.
    pub fn require(&self, word: impl AsRef<[u8]>) -> Result<u32> {
        let word = word.as_ref();
        self.find(word, Case::Exact)?.ok_or_else(|| Error::UnknownWord {
            word: String::from_utf8_lossy(word).into_owned(),
            suggestions: self.suggest(word, 3),
        })
    }

    /// A word that a question names: by its row, or else by its character n-grams, where the vectors have them.
    ///
    /// # Errors
    /// An unknown word, and one without a direction.
    fn query_word(&self, word: impl AsRef<[u8]>) -> Result<QueryWord<'_>> {
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

    fn row_as_query_word(&self, row: u32) -> Result<QueryWord<'_>> {
        let no_direction = || Error::NoDirection { word: self.word(row).into_owned() };
        let values = self.row(row).ok_or_else(no_direction)?;
        let norm = self.norm(row).filter(|&norm| norm > 0.0 && norm.is_finite()).ok_or_else(no_direction)?;
        Ok(QueryWord { row: Some(row), values: Cow::Borrowed(values), norm: f64::from(norm) })
    }

    /// Passes on answers whose words can be read, as all can unless a table file is damaged.
    fn readable(&self, answers: Vec<ScoredRow>) -> Result<Vec<ScoredRow>> {
        match answers.iter().find(|answer| self.vocabulary().word(answer.row).is_none()) {
            None => Ok(answers),
            Some(answer) => {
                let expected = format!("the word of row {} within the words", answer.row);
                let error = Malformed::at(Place::File, expected, "offsets that point outside").advise(DAMAGED);
                Err(error.in_file(self.source().path.to_string_lossy()).into())
            }
        }
    }
}
