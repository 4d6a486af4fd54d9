//! The words nearest to others.

use multiversion::multiversion;
use rayon::prelude::*;

use super::ScoredRow;
use super::row_set::RowSet;
use super::scan::{SearchSpace, TopKOptions, best, best_by_codes, dot};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// How to search.
#[derive(Debug, Clone)]
pub struct NearestOptions {
    /// How many answers.
    pub k: usize,
    /// Search only the first rows, which in most files are the most frequent words. `None`: all of them.
    pub restrict: Option<usize>,
    /// Search only these rows. `None`: all of them.
    pub within: Option<RowSet>,
    /// Leave out answers whose cosine is lower, and those without one.
    pub min_cosine: Option<f32>,
}

impl Default for NearestOptions {
    fn default() -> Self {
        NearestOptions { k: 10, restrict: None, within: None, min_cosine: None }
    }
}

/// Share of the rows, as one in so many, from which on codes pay for a search of listed rows.
const LISTED_THAT_PAY: usize = 16;

impl NearestOptions {
    /// The rows searched.
    pub(super) fn searched(&self, vectors: &Vectors) -> SearchSpace<'_> {
        let first = self.restrict.map_or(vectors.len(), |n| n.min(vectors.len()));
        match &self.within {
            None => SearchSpace::First(first),
            Some(within) => SearchSpace::Listed(within.among_first(first)),
        }
    }
}

/// A part of a question: a word, or a vector of the caller's own.
#[derive(Debug, Clone, Copy)]
pub enum Term<'a> {
    /// A word, whose unit vector counts, and which is left out of the answers.
    Word(&'a [u8]),
    /// A vector `[dimension]`, which counts as it is.
    Vector(&'a [f32]),
}

/// A question: a direction, and the rows that are no answers to it. Made by [`Vectors::query`], for vectors of one table.
#[derive(Debug, Clone)]
pub struct Query {
    /// Length 1.
    pub(super) unit: Vec<f32>,
    /// Rows left out of the answers.
    pub(super) excluded: Vec<u32>,
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
    ) -> Result<Vec<ScoredRow>> {
        let positive = positive.iter().map(|word| (1.0, Term::Word(word.as_ref())));
        let negative = negative.iter().map(|word| (-1.0, Term::Word(word.as_ref())));
        self.search(&self.query(&positive.chain(negative).collect::<Vec<_>>())?, options)
    }

    /// A question made of words and vectors with weights: their weighted sum. gensim's `most_similar` with pairs of a key and
    /// a weight.
    ///
    /// # Errors
    /// No term at all, an unknown word, one without a direction, a vector of another length or with numbers that are not
    /// finite, or terms that cancel each other out.
    pub fn query(&self, terms: &[(f32, Term)]) -> Result<Query> {
        if terms.is_empty() {
            return Err(Error::invalid("words", "at least one", "none"));
        }
        let mut sum = vec![0.0; self.dimension()];
        let mut excluded = Vec::new();
        for &(weight, term) in terms {
            let weight = f64::from(weight);
            match term {
                Term::Word(word) => {
                    let word = self.query_word(word)?;
                    word.add_unit(weight, &mut sum);
                    excluded.extend(word.row);
                }
                Term::Vector(values) => {
                    if values.len() != self.dimension() {
                        let expected = format!("{} numbers, as the vectors have", self.dimension());
                        return Err(Error::invalid("vector", expected, values.len().to_string()));
                    }
                    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += weight * f64::from(value));
                }
            }
        }
        if let Some(value) = sum.iter().find(|value| !value.is_finite()) {
            return Err(Error::invalid("vector", "finite numbers", value.to_string()));
        }
        Ok(Query { unit: direction(&sum)?, excluded })
    }

    /// The words nearest to a question, best first, with their cosines.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn search(&self, query: &Query, options: &NearestOptions) -> Result<Vec<ScoredRow>> {
        let mut answers = self.nearest_batch(std::slice::from_ref(query), options)?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Answers many questions at once, each as [`Vectors::search`] does, in the order of the questions: for many, that takes
    /// a small part of the time. Nothing as large as questions x rows is ever held.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn nearest_batch(&self, queries: &[Query], options: &NearestOptions) -> Result<Vec<Vec<ScoredRow>>> {
        self.check_length()?;
        let rows = Rows::of(self);
        let searched = options.searched(self);
        let wanted = TopKOptions { k: options.k, least: options.min_cosine };
        // Codes are read of all rows, so a short list is better scored by itself.
        let by_codes = match searched {
            SearchSpace::First(_) => true,
            SearchSpace::Listed(rows) => rows.len() >= self.len() / LISTED_THAT_PAY,
        };
        let codes = if by_codes { self.codes(queries.len()) } else { None };
        let answers = match codes {
            Some(codes) => best_by_codes(codes, queries, searched, wanted, &rows),
            None => queries
                .par_iter()
                .map(|query| {
                    best(searched, wanted, &query.excluded, |block, scores| rows.cosines(block, &query.unit, scores))
                })
                .collect(),
        };
        answers.into_iter().map(|answers| self.readable(answers)).collect()
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
    #[inline(always)]
    pub(super) fn cosine(&self, row: u32, unit: &[f32]) -> f32 {
        let start = row as usize * self.dimension;
        let (Some(values), Some(&norm)) =
            (self.values.get(start..start + self.dimension), self.norms.get(row as usize))
        else {
            return f32::NAN;
        };
        if norm > 0.0 && norm < f32::INFINITY { dot(values, unit) / norm } else { f32::NAN }
    }

    /// The cosines of some rows with a vector of unit length, to the bit what [`Rows::cosine`] gives.
    pub(super) fn cosines(&self, rows: &[u32], unit: &[f32], cosines: &mut [f32]) {
        fill(self, rows, unit, cosines);
    }
}

/// Compiled once for each of the instruction sets named. Every sum is made in the same order, so all of them find the same.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn fill(table: &Rows, rows: &[u32], unit: &[f32], cosines: &mut [f32]) {
    for (cosine, &row) in cosines.iter_mut().zip(rows) {
        *cosine = table.cosine(row, unit);
    }
}

/// A sum of words' unit vectors, scaled to unit length.
pub(super) fn direction(sum: &[f64]) -> Result<Vec<f32>> {
    unit(sum).ok_or_else(|| Error::invalid("question", "terms that do not cancel each other out", "a sum of zero"))
}

/// A vector scaled to unit length; `None` where it has no direction.
pub(super) fn unit(vector: &[f64]) -> Option<Vec<f32>> {
    let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    // What is left of unit vectors that cancel out is rounding noise.
    (norm > 1e-12 && norm.is_finite()).then(|| vector.iter().map(|value| (value / norm) as f32).collect())
}
