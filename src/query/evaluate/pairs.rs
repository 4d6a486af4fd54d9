//! Cosines of word pairs, held against what people say.

use super::file::{Pair, Pairs};
use super::statistics::{correlation_p, pearson, pearson_95, spearman, spearman_95};
use super::{EvaluateOptions, PairProtocol};
use crate::error::Result;
use crate::vectors::Vectors;

/// The outcome of a word-pair benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct PairReport {
    /// By whose rules.
    pub protocol: PairProtocol,
    /// Rows searched for the words.
    pub rows: usize,
    /// Pairs that the correlations are over: those whose words are both known; all, if unknown words count.
    pub used: usize,
    /// Pairs with an unknown word.
    pub unknown: usize,
    /// Pairs in the file.
    pub total: usize,
    /// Rank correlation with the human scores, average ranks for ties; NaN where it is undefined, as for fewer than two pairs.
    pub spearman: f64,
    /// Linear correlation with the human scores; NaN where it is undefined.
    pub pearson: f64,
    /// The rows that stand for the file's words.
    pub(super) found: Vec<Option<u32>>,
}

impl PairReport {
    /// Share of pairs with an unknown word, in percent.
    pub fn unknown_percent(&self) -> f64 {
        100.0 * self.unknown as f64 / self.total as f64
    }

    /// The 95 % interval of the rank correlation: Fisher's z with Bonett and Wright's (2000) variance. `None` for fewer than
    /// four pairs.
    pub fn spearman_95(&self) -> Option<[f64; 2]> {
        spearman_95(self.spearman, self.used)
    }

    /// The 95 % interval of the linear correlation: Fisher's z. `None` for fewer than four pairs.
    pub fn pearson_95(&self) -> Option<[f64; 2]> {
        pearson_95(self.pearson, self.used)
    }

    /// The two-sided p-value of the rank correlation, by Student's t. `None` for fewer than three pairs.
    pub fn spearman_p(&self) -> Option<f64> {
        correlation_p(self.spearman, self.used)
    }

    /// The two-sided p-value of the linear correlation, by Student's t. `None` for fewer than three pairs.
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
        let found = self.rows_standing_for(&pairs.words, protocol.fold(), rows)?;
        let (mut cosines, mut scores) = (Vec::new(), Vec::new());
        let mut unknown = 0;
        for &Pair { words: [a, b], score } in &pairs.pairs {
            let cosine = match (found[a], found[b]) {
                (Some(a), Some(b)) => self.gensims_cosine(a, b),
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

    /// The cosine of two rows; 0 where one is zero, as in gensim, which leaves such rows as they are. A row's with itself is
    /// 1 and not what rounding makes of it, so that such pairs share a rank.
    fn gensims_cosine(&self, a: u32, b: u32) -> f64 {
        let zero = |row| self.norm(row) == Some(0.0);
        match (zero(a) || zero(b), a == b) {
            (true, _) => 0.0,
            (false, true) => 1.0,
            (false, false) => self.cosine(a, b),
        }
    }
}
