//! Correlations and intervals.

use std::cmp::Ordering;

/// The standard normal distribution's 97.5 % point: 95 % of it lie within so many deviations of the mean.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Pearson's correlation; NaN where it is undefined: for fewer than two pairs, where one side is constant, and for numbers
/// that are not finite.
pub(super) fn pearson(x: &[f64], y: &[f64]) -> f64 {
    // A mean is rounded, so that a constant side could seem to vary.
    let constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if x.len() < 2 || constant(x) || constant(y) {
        return f64::NAN;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
    }
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}

/// Spearman's rank correlation, average ranks for ties; NaN where it is undefined.
pub(super) fn spearman(x: &[f64], y: &[f64]) -> f64 {
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return f64::NAN;
    }
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1, ties sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let compare = |i: usize, j: usize| values[i].partial_cmp(&values[j]).unwrap_or(Ordering::Equal);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| compare(i, j));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&i, &j| compare(i, j) == Ordering::Equal) {
        let rank = from as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&i| ranks[i] = rank);
        from += tied.len();
    }
    ranks
}

/// The 95 % interval of Pearson's correlation over `n` pairs: Fisher's z, `atanh r ± 1.96 / sqrt(n - 3)` (Fisher 1921).
pub(super) fn pearson_95(r: f64, n: usize) -> Option<[f64; 2]> {
    fisher(r, n, 1.0)
}

/// The 95 % interval of Spearman's correlation over `n` pairs: Fisher's z with the variance `(1 + r^2 / 2) / (n - 3)` of
/// Bonett and Wright (2000), "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
/// Psychometrika 65.
pub(super) fn spearman_95(r: f64, n: usize) -> Option<[f64; 2]> {
    fisher(r, n, 1.0 + r * r / 2.0)
}

/// `tanh(atanh r ± 1.96 sqrt(variance / (n - 3)))`; `None` for fewer than four pairs or an undefined correlation.
fn fisher(r: f64, n: usize, variance: f64) -> Option<[f64; 2]> {
    if n < 4 || r.is_nan() {
        return None;
    }
    let half = NORMAL_95 * (variance / (n - 3) as f64).sqrt();
    Some([(r.atanh() - half).tanh(), (r.atanh() + half).tanh()])
}

/// The 95 % interval of a share: Wilson's score interval (Wilson 1927), which stays within 0 and 1 and holds for small
/// numbers and for shares near 0 too. `None` for none of none.
pub(super) fn wilson_95(successes: usize, n: usize) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let (share, n, zz) = (successes as f64 / n as f64, n as f64, NORMAL_95 * NORMAL_95);
    let middle = (share + zz / (2.0 * n)) / (1.0 + zz / n);
    let half = NORMAL_95 / (1.0 + zz / n) * (share * (1.0 - share) / n + zz / (4.0 * n * n)).sqrt();
    Some([(middle - half).max(0.0), (middle + half).min(1.0)])
}
