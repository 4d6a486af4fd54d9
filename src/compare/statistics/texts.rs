//! Two embeddings over test texts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial as Draws, Distribution};
use rayon::prelude::*;
use serde::Serialize;
use statrs::distribution::{Binomial, Discrete, DiscreteCDF};

use super::LEVEL;
use crate::error::{Error, Result};

/// Resamples of a bootstrap: 9,999, so that the ends of a 95 % interval are two of the resampled values.
pub const RESAMPLES: usize = 9_999;

/// Resamples that one task draws, with a stream of random numbers of its own.
const SHARD: usize = 500;

/// McNemar's test of two models on the same texts (McNemar 1947): only texts that one gets right and the other wrong tell them
/// apart, and were the models equally good, each such text would be either's with the same chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Texts that the first alone gets right.
    pub only_first: u64,
    /// Texts that the second alone gets right.
    pub only_second: u64,
    /// Two-sided p of the exact binomial test. It is conservative: of models that are the same it finds fewer than 5 % different.
    pub exact: f64,
    /// Two-sided mid-p, which counts outcomes as extreme as the one seen by half: close to the level for few texts and for many (Fagerland, Lydersen
    /// and Laake 2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better than exact conditional",
    /// BMC Medical Research Methodology 13:91).
    pub mid_p: f64,
}

impl McNemar {
    /// From the numbers of texts that one alone gets right.
    pub fn of(only_first: u64, only_second: u64) -> McNemar {
        let texts = only_first.saturating_add(only_second);
        let fewer = only_first.min(only_second);
        let (exact, mid_p) = match Binomial::new(0.5, texts) {
            _ if texts == 0 => (1.0, 1.0),
            // As extreme as this outcome is only itself.
            Ok(binomial) if only_first == only_second => (1.0, 1.0 - binomial.pmf(fewer) / 2.0),
            Ok(binomial) => {
                let exact = (2.0 * binomial.cdf(fewer)).min(1.0);
                (exact, exact - binomial.pmf(fewer))
            }
            Err(_) => (f64::NAN, f64::NAN),
        };
        McNemar { only_first, only_second, exact, mid_p }
    }

    /// From whether each text was classified rightly.
    ///
    /// # Errors
    /// Unequally many texts.
    pub fn of_outcomes(first: &[bool], second: &[bool]) -> Result<McNemar> {
        if first.len() != second.len() {
            return Err(unequal(format!("{} and {}", first.len(), second.len())));
        }
        let pairs = || first.iter().zip(second);
        let count = |wanted: (bool, bool)| pairs().filter(|&(&a, &b)| (a, b) == wanted).count() as u64;
        Ok(McNemar::of(count((true, false)), count((false, true))))
    }
}

/// The difference in accuracy of two embeddings, as other texts of the kind could show it for the same models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextDifference {
    /// Test texts.
    pub texts: usize,
    /// The second's accuracy less the first's, a mean over texts and seeds.
    pub difference: f64,
    /// The 95 % interval of a bootstrap over texts.
    pub interval: [f64; 2],
    /// McNemar's test of the two models of each seed.
    pub by_seed: Vec<McNemar>,
}

impl TextDifference {
    /// Compares `second` with `first`: for each seed, whether each text was classified rightly.
    ///
    /// The bootstrap is paired and takes texts as the units that vary: a text counts with its difference between the embeddings, the mean
    /// over the seeds, and texts are drawn with replacement; the interval reaches from the 250th to the 9,750th of 9,999
    /// sorted means (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", 13.3). Seeds are not drawn: a handful of them,
    /// resampled, varies far less than seeds do, and to draw both counts what is neither's thrice (Owen 2007, "The pigeonhole
    /// bootstrap", Annals of Applied Statistics 1). What another seed does is [`Paired`](super::Paired)'s question.
    ///
    /// Texts with the same difference are the same to a resample, so what is drawn is how many of each there are. The same `seed`
    /// gives the same bits at any number of threads.
    ///
    /// # Errors
    /// No seeds, no texts, or unequally many.
    pub fn of(first: &[Vec<bool>], second: &[Vec<bool>], seed: u64) -> Result<TextDifference> {
        let texts = first.first().map_or(0, Vec::len);
        if first.len() != second.len() || texts == 0 || first.iter().chain(second).any(|right| right.len() != texts) {
            let sizes =
                |runs: &[Vec<bool>]| runs.iter().map(|right| right.len().to_string()).collect::<Vec<_>>().join(", ");
            return Err(unequal(format!("[{}] and [{}]", sizes(first), sizes(second))));
        }
        let by_seed: Vec<McNemar> = first
            .iter()
            .zip(second)
            .map(|(first, second)| McNemar::of_outcomes(first, second))
            .collect::<Result<_>>()?;
        // Of every text how many more seeds get it right, and how many texts there are of each difference.
        let seeds = first.len();
        let mut texts_with = vec![0u64; 2 * seeds + 1];
        for text in 0..texts {
            let right = |runs: &[Vec<bool>]| runs.iter().filter(|right| right[text]).count();
            texts_with[seeds + right(second) - right(first)] += 1;
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

    /// Whether the interval holds 0: other texts could turn the difference.
    pub fn contains_zero(&self) -> bool {
        self.interval[0] <= 0.0 && self.interval[1] >= 0.0
    }
}

/// The summed differences of `texts` texts that are drawn with replacement from kinds of (difference, number of texts): how many
/// are of the first kind, how many of the others of the second, and so on.
fn resampled(kinds: &[(f64, u64)], texts: u64, rng: &mut ChaCha8Rng) -> f64 {
    let (mut left, mut of, mut sum) = (texts, texts, 0.0);
    for &(difference, count) in kinds {
        // The last kind gets all that are left.
        let drawn =
            if count >= of { left } else { Draws::new(left, count as f64 / of as f64).map_or(0, |d| d.sample(rng)) };
        sum += difference * drawn as f64;
        left -= drawn.min(left);
        of -= count.min(of);
    }
    sum
}

fn unequal(found: String) -> Error {
    Error::invalid("outcomes of two embeddings", "one for every seed and test text, at least one of each", found)
}
