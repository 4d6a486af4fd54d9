//! The nearest words to a query.

use rayon::prelude::*;

use super::question::{Query, ScoredRow, Term, direction};
use super::row_set::RowSet;
use super::rows::RowScorer;
use super::scan::{SearchSpace, TopKOptions, best, best_by_codes};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// The options of a search.
#[derive(Debug, Clone)]
pub struct NearestOptions {
    /// Maximum number of results.
    pub k: usize,
    /// Search only the first rows, which in most files are the most frequent words. `None` searches all rows.
    pub restrict: Option<usize>,
    /// Search only these rows. `None` searches all rows.
    pub within: Option<RowSet>,
    /// Minimum cosine of the results. Rows without a direction have none.
    pub min_cosine: Option<f32>,
}

impl Default for NearestOptions {
    fn default() -> Self {
        NearestOptions { k: 10, restrict: None, within: None, min_cosine: None }
    }
}

/// Codes are used to search a list of rows if it contains at least one in this many rows of the table.
const MAX_ROWS_PER_LISTED_ROW: usize = 16;

impl NearestOptions {
    /// The rows that are searched.
    pub(super) fn search_space(&self, vectors: &Vectors) -> SearchSpace<'_> {
        let first = self.restrict.map_or(vectors.len(), |n| n.min(vectors.len()));
        match &self.within {
            None => SearchSpace::First(first),
            Some(within) => SearchSpace::Listed(within.among_first(first)),
        }
    }
}

impl Vectors {
    /// The words nearest to `positive` and far from `negative`, best first, with their cosines. gensim's `most_similar`.
    ///
    /// The query is the sum of the unit vectors of the positive words minus those of the negative words, divided by their
    /// number. Rows are scored by their cosine with it. The rows of the query's words are excluded from the results; rows of
    /// other spellings of a word are not.
    ///
    /// # Errors
    /// No words, an unknown word, a word without a direction, or words that cancel out.
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

    /// A query from weighted words and vectors: their weighted sum. gensim's `most_similar` with pairs of a key and a weight.
    ///
    /// # Errors
    /// No terms, an unknown word, a word without a direction, a vector of another dimension or with non-finite numbers, or
    /// terms that cancel out.
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
                        let expected = format!("{} numbers, the dimension of the vectors", self.dimension());
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

    /// The nearest words to a query, best first, with their cosines.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn search(&self, query: &Query, options: &NearestOptions) -> Result<Vec<ScoredRow>> {
        let mut results = self.nearest_batch(std::slice::from_ref(query), options)?;
        Ok(results.pop().unwrap_or_default())
    }

    /// The results of many queries, each as [`Vectors::search`] gives them, in the order of the queries. This is much faster
    /// than single searches, and never allocates queries x rows numbers.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn nearest_batch(&self, queries: &[Query], options: &NearestOptions) -> Result<Vec<Vec<ScoredRow>>> {
        self.check_length()?;
        let rows = RowScorer::new(self);
        let space = options.search_space(self);
        let top_k = TopKOptions { k: options.k, min_score: options.min_cosine };
        // A scan of codes reads those of all rows, so a short list of rows is scored directly.
        let by_codes = match space {
            SearchSpace::First(_) => true,
            SearchSpace::Listed(rows) => rows.len() >= self.len() / MAX_ROWS_PER_LISTED_ROW,
        };
        let codes = if by_codes { self.codes(queries.len()) } else { None };
        let results = match codes {
            Some(codes) => best_by_codes(codes, queries, space, top_k, &rows),
            None => queries
                .par_iter()
                .map(|query| {
                    best(space, top_k, &query.excluded, |block, scores| rows.cosines(block, &query.unit, scores))
                })
                .collect(),
        };
        results.into_iter().map(|results| self.check_words(results)).collect()
    }
}
