//! The difference between two embeddings over test texts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial as BinomialSampler, Distribution};
use rayon::prelude::*;
use serde::Serialize;
use statrs::distribution::{Binomial, Discrete, DiscreteCDF};

use super::summary::LEVEL;
use crate::error::{Error, Result};

/// Number of bootstrap resamples: 9,999, so that the ends of a 95 % interval are two of the resampled values.
pub const RESAMPLES: usize = 9_999;

/// Number of resamples per parallel task; each task has its own stream of random numbers.
const SHARD: usize = 500;

/// McNemar's test of two models on the same texts (McNemar 1947). Only texts that exactly one model classifies correctly count; under
/// the null hypothesis either model is equally likely to be the correct one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Number of texts that only the first model classifies correctly.
    pub only_first: u64,
    /// Number of texts that only the second model classifies correctly.
    pub only_second: u64,
    /// Two-sided p of the exact binomial test, which is conservative: its false positive rate is below the level.
    pub exact: f64,
    /// Two-sided mid-p, which counts the observed outcome by half. Its false positive rate is close to the level for few texts and for
    /// many (Fagerland, Lydersen and Laake 2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better
    /// than exact conditional", BMC Medical Research Methodology 13:91).
    pub mid_p: f64,
}

impl McNemar {
    /// From the numbers of texts that exactly one model classifies correctly.
    pub fn of(only_first: u64, only_second: u64) -> McNemar {
        let texts = only_first.saturating_add(only_second);
        let fewer = only_first.min(only_second);
        let (exact, mid_p) = match Binomial::new(0.5, texts) {
            _ if texts == 0 => (1.0, 1.0),
            // Equal counts are the least extreme outcome: exact p is 1.
            Ok(binomial) if only_first == only_second => (1.0, 1.0 - binomial.pmf(fewer) / 2.0),
            Ok(binomial) => {
                let exact = (2.0 * binomial.cdf(fewer)).min(1.0);
                (exact, exact - binomial.pmf(fewer))
            }
            Err(_) => (f64::NAN, f64::NAN),
        };
        McNemar { only_first, only_second, exact, mid_p }
    }

    /// From whether each text was classified correctly.
    ///
    /// # Errors
    /// Different numbers of texts.
    pub fn of_outcomes(first: &[bool], second: &[bool]) -> Result<McNemar> {
        if first.len() != second.len() {
            return Err(unequal_sizes(format!("{} and {}", first.len(), second.len())));
        }
        let pairs = || first.iter().zip(second);
        let count = |wanted: (bool, bool)| pairs().filter(|&(&a, &b)| (a, b) == wanted).count() as u64;
        Ok(McNemar::of(count((true, false)), count((false, true))))
    }
}

/// The difference in accuracy between two embeddings, and its variation over test texts for the given models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextDifference {
    /// Number of test texts.
    pub texts: usize,
    /// Accuracy of the second minus accuracy of the first, a mean over texts and seeds.
    pub difference: f64,
    /// The 95 % interval of a bootstrap over texts.
    pub interval: [f64; 2],
    /// McNemar's test of the two models of each seed.
    pub by_seed: Vec<McNemar>,
}

impl TextDifference {
    /// Compares `second` with `first`, which say for each seed whether each text was classified correctly.
    ///
    /// The bootstrap is paired and resamples texts: each text counts with its difference between the embeddings, averaged over the seeds,
    /// and texts are drawn with replacement. The interval reaches from the 250th to the 9,750th of 9,999 sorted means (Efron and
    /// Tibshirani 1993, "An Introduction to the Bootstrap", 13.3). Seeds are not resampled: a resample of a few seeds varies far less
    /// than seeds do, and resampling both overestimates the variance (Owen 2007, "The pigeonhole bootstrap", Annals of Applied
    /// Statistics 1). [`Paired`](super::Paired) describes the variation over seeds.
    ///
    /// Texts with the same difference are interchangeable, so the number of texts of each difference is drawn. The same `seed` gives
    /// the same bits with any number of threads.
    ///
    /// # Errors
    /// No seeds, no texts, or different numbers of them.
    pub fn of(first: &[Vec<bool>], second: &[Vec<bool>], seed: u64) -> Result<TextDifference> {
        let texts = first.first().map_or(0, Vec::len);
        if first.len() != second.len() || texts == 0 || first.iter().chain(second).any(|correct| correct.len() != texts)
        {
            let sizes = |runs: &[Vec<bool>]| {
                runs.iter().map(|correct| correct.len().to_string()).collect::<Vec<_>>().join(", ")
            };
            return Err(unequal_sizes(format!("[{}] and [{}]", sizes(first), sizes(second))));
        }
        let by_seed: Vec<McNemar> = first
            .iter()
            .zip(second)
            .map(|(first, second)| McNemar::of_outcomes(first, second))
            .collect::<Result<_>>()?;
        // For each text, the difference between the numbers of correct seeds; `texts_with` counts the texts by difference.
        let seeds = first.len();
        let mut texts_with = vec![0u64; 2 * seeds + 1];
        for text in 0..texts {
            let correct = |runs: &[Vec<bool>]| runs.iter().filter(|correct| correct[text]).count();
            texts_with[seeds + correct(second) - correct(first)] += 1;
        }
        let share = |sum: f64| sum / (texts * seeds) as f64;
        let kinds: Vec<(f64, u64)> = (0..)
            .zip(texts_with)
            .filter(|&(_, texts)| texts > 0)
            .map(|(place, texts): (i64, u64)| ((place - seeds as i64) as f64, texts))
            .collect();
        let observed: f64 = kinds.iter().map(|&(difference, texts)| difference * texts as f64).sum();
        let mut sums: Vec<f64> = (0..RESAMPLES.div_ceil(SHARD))
            .into_par_iter()
            .flat_map_iter(|shard| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(shard as u64);
                let drawn = SHARD.min(RESAMPLES - shard * SHARD);
                (0..drawn).map(|_| resampled(&kinds, texts as u64, &mut rng)).collect::<Vec<f64>>()
            })
            .collect();
        sums.sort_by(f64::total_cmp);
        let end = ((RESAMPLES + 1) as f64 * LEVEL / 2.0).round() as usize;
        let interval = [sums[end - 1], sums[RESAMPLES - end]].map(share);
        Ok(TextDifference { texts, difference: share(observed), interval, by_seed })
    }

    /// Whether the interval contains 0: on other texts the difference could have the other sign.
    pub fn contains_zero(&self) -> bool {
        self.interval[0] <= 0.0 && self.interval[1] >= 0.0
    }
}

/// The sum of differences of `texts` texts drawn with replacement from `kinds`, which are pairs of a difference and a number of texts. The
/// counts of the kinds follow a multinomial distribution, drawn as a sequence of binomial ones.
fn resampled(kinds: &[(f64, u64)], texts: u64, rng: &mut ChaCha8Rng) -> f64 {
    let (mut left, mut remaining, mut sum) = (texts, texts, 0.0);
    for &(difference, count) in kinds {
        // All texts that are left are of the last kind.
        let drawn = if count >= remaining {
            left
        } else {
            BinomialSampler::new(left, count as f64 / remaining as f64).map_or(0, |d| d.sample(rng))
        };
        sum += difference * drawn as f64;
        left -= drawn.min(left);
        remaining -= count.min(remaining);
    }
    sum
}

fn unequal_sizes(found: String) -> Error {
    Error::invalid("outcomes of two embeddings", "one per seed and test text for both, and at least one", found)
}
