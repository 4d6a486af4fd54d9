//! The words nearest to others.

use std::ops::Range;

use super::Answer;
use super::scan::{best, best_by_codes, dot};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// How to search.
#[derive(Debug, Clone)]
pub struct NearestOptions {
    /// How many answers.
    pub k: usize,
    /// Search only the first rows, which in most files are the most frequent words. `None`: all of them.
    pub restrict: Option<usize>,
}

impl Default for NearestOptions {
    fn default() -> Self {
        NearestOptions { k: 10, restrict: None }
    }
}

impl NearestOptions {
    /// The rows searched.
    pub(super) fn rows(&self, vectors: &Vectors) -> Range<u32> {
        0..self.restrict.map_or(vectors.len(), |n| n.min(vectors.len())) as u32
    }
}

impl Vectors {
    /// The words nearest to `positive` and far from `negative`, best first, with their cosines. gensim's `most_similar`.
    ///
    /// The query is the sum of the positive words' unit vectors less that of the negative ones', divided by their number;
    /// every row is scored by its cosine with it. The words named are left out of the answer, by row: another spelling of
    /// a word stays.
    ///
    /// # Errors
    /// No word at all, an unknown word, one without a direction, or words that cancel each other out.
    pub fn nearest<P: AsRef<[u8]>, N: AsRef<[u8]>>(
        &self,
        positive: &[P],
        negative: &[N],
        options: &NearestOptions,
    ) -> Result<Vec<Answer>> {
        if positive.is_empty() && negative.is_empty() {
            return Err(Error::invalid("words", "at least one", "none"));
        }
        let mut query = vec![0.0; self.dimension()];
        let mut named = Vec::new();
        for word in positive {
            let word = self.named(word)?;
            word.add_unit(1.0, &mut query);
            named.extend(word.row);
        }
        for word in negative {
            let word = self.named(word)?;
            word.add_unit(-1.0, &mut query);
            named.extend(word.row);
        }
        self.scan(&direction(&query)?, &named, options)
    }

    /// Scores all rows by cosine with a vector of unit length.
    pub(super) fn scan(&self, unit: &[f32], excluded: &[u32], options: &NearestOptions) -> Result<Vec<Answer>> {
        self.check_length()?;
        let rows = Rows::of(self);
        let cosine = |row| rows.cosine(row, unit);
        self.readable(match self.codes() {
            Some(codes) => best_by_codes(codes, unit, options.rows(self), options.k, excluded, cosine),
            None => best(options.rows(self), options.k, excluded, cosine),
        })
    }
}

/// The rows of some vectors, to be scored one after the other.
pub(super) struct Rows<'a> {
    values: &'a [f32],
    norms: &'a [f32],
    dimension: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn of(vectors: &'a Vectors) -> Self {
        Rows { values: vectors.values(), norms: vectors.norms(), dimension: vectors.dimension() }
    }

    /// The cosine of a row with a vector of unit length; NaN for a row without a direction.
    #[inline]
    pub(super) fn cosine(&self, row: u32, unit: &[f32]) -> f32 {
        let start = row as usize * self.dimension;
        let (Some(values), Some(&norm)) =
            (self.values.get(start..start + self.dimension), self.norms.get(row as usize))
        else {
            return f32::NAN;
        };
        if norm > 0.0 && norm < f32::INFINITY { dot(values, unit) / norm } else { f32::NAN }
    }
}

/// A sum of words' unit vectors, scaled to unit length.
pub(super) fn direction(sum: &[f64]) -> Result<Vec<f32>> {
    unit(sum).ok_or_else(|| Error::invalid("words", "words that do not cancel each other out", "a sum of zero"))
}

/// A vector scaled to unit length; `None` where it has no direction.
pub(super) fn unit(vector: &[f64]) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    // What is left of unit vectors that cancel out is rounding noise.
    (norm > 1e-12 && norm.is_finite()).then(|| vector.iter().map(|value| (value / norm) as f32).collect())
}
