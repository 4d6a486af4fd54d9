//! Two embeddings over seeds.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use super::{LEVEL, Summary, t_quantile, t_two_sided};
use crate::error::{Error, Result};

/// Up to so many seeds all assignments of signs are counted, 65,536 of them.
const EXACT_SEEDS: usize = 16;

/// Assignments of signs that are drawn where there are too many to count.
const DRAWN: usize = 65_535;

/// Signs whose sums stand in one table.
const TOGETHER: usize = 8;

/// The most seeds that [`seeds_needed`] thinks of.
pub const MAX_SEEDS: usize = 500;

/// Points at which [`power`] sums up its integrand.
const STEPS: usize = 2000;

/// The difference of two embeddings that were trained with the same seeds: the second's scores less the first's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// The differences, seed by seed; their interval is that of the paired t test.
    pub difference: Summary,
    /// Two-sided p of the paired t test; `None` for a single seed, and where all differences are the same, which leaves t
    /// undefined.
    pub t_p: Option<f64>,
    /// The sign-flip permutation test.
    pub permutation: Permutation,
    /// Seeds that a paired t test would take to tell a difference of this size and spread, in 80 of 100 tries, at the level
    /// asked for; `None` where that is more than [`MAX_SEEDS`], or a single seed leaves the spread unknown.
    pub seeds_needed: Option<usize>,
}

impl Paired {
    /// Compares `second` with `first`, whose scores belong together seed by seed. `comparisons` is how many this is one of: the
    /// level for [`Paired::seeds_needed`] is divided by it.
    ///
    /// # Errors
    /// No scores, unequally many, or some that are not finite.
    pub fn of(first: &[f64], second: &[f64], comparisons: usize) -> Result<Paired> {
        if first.is_empty() || first.len() != second.len() {
            let found = format!("{} and {}", first.len(), second.len());
            return Err(Error::invalid("scores of two embeddings", "one of each for every seed", found));
        }
        if let Some(score) = first.iter().chain(second).find(|score| !score.is_finite()) {
            return Err(Error::invalid("scores of two embeddings", "finite numbers", score.to_string()));
        }
        let differences: Vec<f64> = first.iter().zip(second).map(|(first, second)| second - first).collect();
        let difference = Summary::of(&differences);
        let degrees = differences.len() - 1;
        let t = difference
            .std
            .filter(|&std| std > 0.0)
            .map(|std| difference.mean / (std / (differences.len() as f64).sqrt()));
        let needed = |std| seeds_needed(difference.mean, std, LEVEL / comparisons.max(1) as f64);
        Ok(Paired {
            difference,
            t_p: t.map(|t| t_two_sided(t, degrees)),
            permutation: permutation(&differences, 1),
            seeds_needed: difference.std.and_then(needed),
        })
    }

    /// The p-value that decides: the t test's, or the permutation test's where all differences are the same; 1 for a single
    /// seed.
    ///
    /// The t test, because a handful of seeds leaves the permutation test without a say ([`Permutation::smallest`]), and because
    /// accuracies are means over many texts, whose differences over seeds are close to normal.
    pub fn p(&self) -> f64 {
        self.t_p.unwrap_or(self.permutation.p)
    }
}

/// The outcome of a sign-flip permutation test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Permutation {
    /// Two-sided p.
    pub p: f64,
    /// The smallest p that so many seeds can give, `2 / 2^n`: 0.0625 for five, so that fewer than six cannot reach 0.05.
    pub min_p: f64,
    /// Whether all assignments of signs were counted, or some drawn.
    pub exact: bool,
}

/// Tests whether differences are symmetric about 0: were the embeddings the same, each difference could as well have the other sign. p is
/// the share of all assignments of signs whose mean lies at least as far from 0 as the one seen (Fisher 1935, "The Design of
/// Experiments", section 21). Beyond 16 differences 65,535 assignments are drawn and p is `(k + 1) / (n + 1)`
/// (Phipson and Smyth 2010). No differences give 1.
pub fn permutation(differences: &[f64], seed: u64) -> Permutation {
    let count = differences.len();
    // Of up to eight differences each: their sum for every assignment of signs, a bit a sign.
    let tables: Vec<Vec<f64>> = differences.chunks(TOGETHER).map(signed_sums).collect();
    let observed: f64 = differences.iter().sum();
    // Sums that differ by rounding alone are the same.
    let rounding = 1e-12 * differences.iter().map(|difference| difference.abs()).sum::<f64>();
    let sum_of = |bits: u64, tables: &[Vec<f64>]| -> f64 {
        let chosen =
            |(place, table): (usize, &Vec<f64>)| table[(bits >> (TOGETHER * place)) as usize & (table.len() - 1)];
        tables.iter().enumerate().map(chosen).sum()
    };
    let is_as_far = |sum: f64| sum.abs() >= observed.abs() - rounding;
    let smallest = 2.0 * 0.5f64.powi(count.min(1000) as i32);
    if count <= EXACT_SEEDS {
        let all = 1u64 << count;
        let far = (0..all).filter(|&signs| is_as_far(sum_of(signs, &tables))).count();
        return Permutation { p: far as f64 / all as f64, min_p: smallest.min(1.0), exact: true };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // A word of random bits holds the signs of eight tables.
    let mut drawn = || tables.chunks(8).map(|tables| sum_of(rng.next_u64(), tables)).sum();
    let far = (0..DRAWN).filter(|_| is_as_far(drawn())).count();
    Permutation {
        p: (far + 1) as f64 / (DRAWN + 1) as f64,
        min_p: smallest.max(1.0 / (DRAWN + 1) as f64),
        exact: false,
    }
}

/// The sums of some differences for every assignment of signs; where bit `i` is set, difference `i` is turned.
fn signed_sums(differences: &[f64]) -> Vec<f64> {
    let signed = |signs: usize| {
        let terms = differences.iter().enumerate();
        terms.map(|(place, &difference)| if signs >> place & 1 == 1 { -difference } else { difference }).sum()
    };
    (0..1 << differences.len()).map(signed).collect()
}

/// The chance that a two-sided paired t test over `seeds` finds a difference whose mean is `effect` of its standard deviations, at
/// `level`; 0 for fewer than two seeds.
///
/// With ν degrees of freedom and the noncentrality `δ = effect sqrt(n)`, t is `(Z + δ) / S`, Z normal and `S^2` a chi-squared by
/// ν, so that the chance is the mean of `Φ(δ - t S) + Φ(-δ - t S)` over S, t being the test's limit; it is integrated numerically.
pub fn power(effect: f64, seeds: usize, level: f64) -> f64 {
    let Ok(normal) = Normal::new(0.0, 1.0) else { return f64::NAN };
    if seeds < 2 {
        return 0.0;
    }
    let (degrees, shift) = ((seeds - 1) as f64, effect.abs() * (seeds as f64).sqrt());
    let limit = t_quantile(1.0 - level / 2.0, seeds - 1);
    // S has its mean near 1 and a std of about 1 / sqrt(2 ν).
    let reach = 10.0 / (2.0 * degrees).sqrt();
    let (from, to) = ((1.0 - reach).max(0.0), 1.0 + reach);
    let step = (to - from) / STEPS as f64;
    let constant = 2.0f64.ln() + degrees / 2.0 * (degrees / 2.0).ln() - ln_gamma(degrees / 2.0);
    let sum: f64 = (0..STEPS)
        .map(|index| {
            let s = from + (index as f64 + 0.5) * step;
            let density = (constant + (degrees - 1.0) * s.ln() - degrees * s * s / 2.0).exp();
            density * (normal.cdf(shift - limit * s) + normal.cdf(-shift - limit * s))
        })
        .sum();
    sum * step
}

/// How many seeds a paired t test takes to tell a difference with this mean and standard std over seeds, in 80 of 100 tries,
/// two-sided at `level`. Where the std is 0, how many a permutation test takes. `None` for more than [`MAX_SEEDS`], as for no
/// difference at all.
pub fn seeds_needed(mean: f64, std: f64, level: f64) -> Option<usize> {
    if mean == 0.0 || !mean.is_finite() || !std.is_finite() {
        return None;
    }
    if std == 0.0 {
        return (1..=MAX_SEEDS).find(|&seeds| 2.0 * 0.5f64.powi(seeds as i32) <= level);
    }
    let enough = |seeds: usize| power(mean / std, seeds, level) >= 0.8;
    if !enough(MAX_SEEDS) {
        return None;
    }
    // Power grows with the seeds.
    let (mut few, mut many) = (1, MAX_SEEDS);
    while many - few > 1 {
        let middle = few.midpoint(many);
        if enough(middle) { many = middle } else { few = middle }
    }
    Some(many)
}
