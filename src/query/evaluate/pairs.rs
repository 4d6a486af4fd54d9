//! Word-pair benchmarks: cosines compared with human scores.

use super::file::{Pair, Pairs};
use super::protocol::{EvaluateOptions, PairProtocol};
use super::statistics::{correlation_p, pearson, pearson_95, spearman, spearman_95};
use crate::error::Result;
use crate::vectors::Vectors;

/// The results of a word-pair benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct PairReport {
    /// The protocol.
    pub protocol: PairProtocol,
    /// Rows searched for the words.
    pub rows: usize,
    /// Pairs used for the correlations: those whose words are both known, or all pairs if unknown words count.
    pub used: usize,
    /// Pairs with an unknown word.
    pub unknown: usize,
    /// Pairs in the file.
    pub total: usize,
    /// Spearman's correlation with the human scores, average ranks for ties; NaN if undefined, as for fewer than two pairs.
    pub spearman: f64,
    /// Pearson's correlation with the human scores; NaN if undefined.
    pub pearson: f64,
    /// The row of each word of the file.
    pub(super) found: Vec<Option<u32>>,
}

impl PairReport {
    /// Percentage of pairs with an unknown word.
    pub fn unknown_percent(&self) -> f64 {
        100.0 * self.unknown as f64 / self.total as f64
    }

    /// The 95 % interval of Spearman's correlation: Fisher's z with the variance of Bonett and Wright (2000). `None` for fewer
    /// than four pairs.
    pub fn spearman_95(&self) -> Option<[f64; 2]> {
        spearman_95(self.spearman, self.used)
    }

    /// The 95 % interval of Pearson's correlation: Fisher's z. `None` for fewer than four pairs.
    pub fn pearson_95(&self) -> Option<[f64; 2]> {
        pearson_95(self.pearson, self.used)
    }

    /// The two-sided p-value of Spearman's correlation, by Student's t. `None` for fewer than three pairs.
    pub fn spearman_p(&self) -> Option<f64> {
        correlation_p(self.spearman, self.used)
    }

    /// The two-sided p-value of Pearson's correlation, by Student's t. `None` for fewer than three pairs.
    pub fn pearson_p(&self) -> Option<f64> {
        correlation_p(self.pearson, self.used)
    }
}

impl Vectors {
    /// Compares the cosines of word pairs with human scores.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn evaluate_pairs(
        &self,
        pairs: &Pairs,
        protocol: PairProtocol,
        options: &EvaluateOptions,
    ) -> Result<PairReport> {
        self.check()?;
        let rows = options.rows(protocol.restrict(), self.len());
        let found = self.benchmark_rows(&pairs.words, protocol.folding(), rows)?;
        let (mut cosines, mut scores) = (Vec::new(), Vec::new());
        let mut unknown = 0;
        for &Pair { words: [a, b], score } in &pairs.pairs {
            let cosine = match (found[a], found[b]) {
                (Some(a), Some(b)) => self.gensim_cosine(a, b),
                _ => {
                    unknown += 1;
                    if !options.dummy4unknown {
                        continue;
                    }
                    0.0
                }
            };
            cosines.push(cosine);
            scores.push(score);
        }
        Ok(PairReport {
            protocol,
            rows,
            used: scores.len(),
            unknown,
            total: pairs.len(),
            spearman: spearman(&cosines, &scores),
            pearson: pearson(&cosines, &scores),
            found,
        })
    }

    /// The cosine of two rows; 0 if one is a row of zeros, as in gensim, which does not normalise such rows. The cosine of a row
    /// with itself is exactly 1, so that all such pairs share a rank.
    fn gensim_cosine(&self, a: u32, b: u32) -> f64 {
        let zero = |row| self.norm(row) == Some(0.0);
        match (zero(a) || zero(b), a == b) {
            (true, _) => 0.0,
            (false, true) => 1.0,
            (false, false) => self.cosine(a, b),
        }
    }
}
