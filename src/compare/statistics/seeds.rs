//! The difference between two embeddings over seeds.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use super::summary::{LEVEL, Summary, t_quantile, t_two_sided};
use crate::error::{Error, Result};

/// Maximum number of seeds for which all assignments of signs are enumerated: 65,536.
const MAX_EXACT_SEEDS: usize = 16;

/// Number of assignments of signs that are sampled if there are too many to enumerate.
const SAMPLES: usize = 65_535;

/// Number of signs per table of precomputed sums.
const TABLE_SIGNS: usize = 8;

/// Maximum number of seeds that [`seeds_needed`] returns.
pub const MAX_SEEDS: usize = 500;

/// Number of points at which [`power`] evaluates its integrand.
const STEPS: usize = 2000;

/// The difference between two embeddings trained with the same seeds: the scores of the second minus those of the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Summary of the differences seed by seed; its interval is that of the paired t test.
    pub difference: Summary,
    /// Two-sided p of the paired t test; `None` if t is undefined: for a single seed, or if all differences are the same.
    pub t_p: Option<f64>,
    /// The sign-flip permutation test.
    pub permutation: Permutation,
    /// Number of seeds at which a paired t test detects a difference of this mean and standard deviation with a power of 80 %;
    /// `None` if that is more than [`MAX_SEEDS`], or if there is a single seed.
    pub seeds_needed: Option<usize>,
}

impl Paired {
    /// Compares the scores of `second` with those of `first`, paired by seed. `comparisons` is the number of comparisons made together:
    /// [`Paired::seeds_needed`] divides the level by it.
    ///
    /// # Errors
    /// No scores, different numbers of scores, or scores that are not finite.
    pub fn of(first: &[f64], second: &[f64], comparisons: usize) -> Result<Paired> {
        if first.is_empty() || first.len() != second.len() {
            let found = format!("{} and {}", first.len(), second.len());
            return Err(Error::invalid("scores of two embeddings", "one per seed for both", found));
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

    /// The p-value for the verdict: that of the t test, or of the permutation test if all differences are the same; 1 for a single
    /// seed.
    ///
    /// The t test is preferred because the permutation test cannot be significant with few seeds ([`Permutation::min_p`]), and because
    /// accuracies are means over many texts, so their differences over seeds are close to normal.
    pub fn p(&self) -> f64 {
        self.t_p.unwrap_or(self.permutation.p)
    }
}

/// The result of a sign-flip permutation test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Permutation {
    /// Two-sided p.
    pub p: f64,
    /// The smallest possible p with this number of seeds, `2 / 2^n`: 0.0625 for five, so fewer than six seeds cannot reach 0.05.
    pub min_p: f64,
    /// Whether all assignments of signs were enumerated rather than sampled.
    pub exact: bool,
}

/// Tests whether differences are symmetric about 0: under the null hypothesis both signs of each difference are equally likely. p is the
/// fraction of all assignments of signs whose mean is at least as far from 0 as the observed one (Fisher 1935, "The Design of
/// Experiments", section 21). For more than 16 differences, 65,535 assignments are sampled and p is `(k + 1) / (n + 1)`
/// (Phipson and Smyth 2010). Without differences, p is 1.
pub fn permutation(differences: &[f64], seed: u64) -> Permutation {
    let count = differences.len();
    // For each chunk of up to eight differences, their sum for every assignment of signs; each bit is a sign.
    let tables: Vec<Vec<f64>> = differences.chunks(TABLE_SIGNS).map(signed_sums).collect();
    let observed: f64 = differences.iter().sum();
    // Sums that differ only by rounding count as equal.
    let rounding = 1e-12 * differences.iter().map(|difference| difference.abs()).sum::<f64>();
    let sum_of = |bits: u64, tables: &[Vec<f64>]| -> f64 {
        let chosen =
            |(place, table): (usize, &Vec<f64>)| table[(bits >> (TABLE_SIGNS * place)) as usize & (table.len() - 1)];
        tables.iter().enumerate().map(chosen).sum()
    };
    let is_as_far = |sum: f64| sum.abs() >= observed.abs() - rounding;
    let smallest = 2.0 * 0.5f64.powi(count.min(1000) as i32);
    if count <= MAX_EXACT_SEEDS {
        let all = 1u64 << count;
        let far = (0..all).filter(|&signs| is_as_far(sum_of(signs, &tables))).count();
        return Permutation { p: far as f64 / all as f64, min_p: smallest.min(1.0), exact: true };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // 64 random bits are the signs for eight tables.
    let mut drawn = || tables.chunks(8).map(|tables| sum_of(rng.next_u64(), tables)).sum();
    let far = (0..SAMPLES).filter(|_| is_as_far(drawn())).count();
    Permutation {
        p: (far + 1) as f64 / (SAMPLES + 1) as f64,
        min_p: smallest.max(1.0 / (SAMPLES + 1) as f64),
        exact: false,
    }
}

/// The sums of some differences for every assignment of signs; if bit `i` is set, difference `i` is negated.
fn signed_sums(differences: &[f64]) -> Vec<f64> {
    let signed = |signs: usize| {
        let terms = differences.iter().enumerate();
        terms.map(|(place, &difference)| if signs >> place & 1 == 1 { -difference } else { difference }).sum()
    };
    (0..1 << differences.len()).map(signed).collect()
}

/// The power of a two-sided paired t test over `seeds` seeds at `level`, for a difference whose mean is `effect` times its standard
/// deviation; 0 for fewer than two seeds.
///
/// With ν degrees of freedom and the noncentrality `δ = effect sqrt(n)`, the statistic is `(Z + δ) / S`, where Z is standard normal and
/// `ν S^2` is chi-squared. For the critical value t, the power is the mean of `Φ(δ - t S) + Φ(-δ - t S)` over S, integrated
/// numerically.
pub fn power(effect: f64, seeds: usize, level: f64) -> f64 {
    let Ok(normal) = Normal::new(0.0, 1.0) else { return f64::NAN };
    if seeds < 2 {
        return 0.0;
    }
    let (degrees, shift) = ((seeds - 1) as f64, effect.abs() * (seeds as f64).sqrt());
    let limit = t_quantile(1.0 - level / 2.0, seeds - 1);
    // S has a mean near 1 and a standard deviation of about 1 / sqrt(2 ν).
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

/// The number of seeds at which a two-sided paired t test at `level` has a power of 80 %, for differences with this mean and standard
/// deviation. If the standard deviation is 0, the number that a permutation test needs. `None` if that is more than [`MAX_SEEDS`],
/// or if the mean is 0.
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
