//! Correlations and confidence intervals.

use std::cmp::Ordering;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The 97.5 % quantile of the standard normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Pearson's correlation; NaN if undefined: for fewer than two pairs, if one side is constant, and for numbers that are not
/// finite.
pub(super) fn pearson(x: &[f64], y: &[f64]) -> f64 {
    // The mean is rounded, so a constant side could seem to vary.
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

/// Spearman's rank correlation, average ranks for ties; NaN if undefined.
pub(super) fn spearman(x: &[f64], y: &[f64]) -> f64 {
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return f64::NAN;
    }
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1; ties share their average rank.
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

/// The two-sided p-value of a correlation of `n` pairs, from Student's t with `n - 2` degrees of freedom, as in SciPy. `None`
/// for fewer than three pairs or an undefined correlation.
pub(super) fn correlation_p(r: f64, n: usize) -> Option<f64> {
    let degrees = n.checked_sub(2).filter(|&degrees| degrees > 0 && !r.is_nan())? as f64;
    let t = r * (degrees / ((1.0 - r) * (1.0 + r))).sqrt();
    if t.is_infinite() {
        return Some(0.0);
    }
    Some(2.0 * StudentsT::new(0.0, 1.0, degrees).ok()?.cdf(-t.abs()))
}

/// `tanh(atanh r ± 1.96 sqrt(variance / (n - 3)))`; `None` for fewer than four pairs or an undefined correlation.
fn fisher(r: f64, n: usize, variance: f64) -> Option<[f64; 2]> {
    if n < 4 || r.is_nan() {
        return None;
    }
    let half = NORMAL_95 * (variance / (n - 3) as f64).sqrt();
    Some([(r.atanh() - half).tanh(), (r.atanh() + half).tanh()])
}

/// The 95 % interval of a proportion: Wilson's score interval (Wilson 1927), which stays within 0 and 1 and is valid for small
/// numbers and for proportions near 0. `None` if `n` is 0.
pub(super) fn wilson_95(successes: usize, n: usize) -> Option<[f64; 2]> {
    if n == 0 {
        return None;
    }
    let (proportion, n, zz) = (successes as f64 / n as f64, n as f64, NORMAL_95 * NORMAL_95);
    let middle = (proportion + zz / (2.0 * n)) / (1.0 + zz / n);
    let half = NORMAL_95 / (1.0 + zz / n) * (proportion * (1.0 - proportion) / n + zz / (4.0 * n * n)).sqrt();
    Some([(middle - half).max(0.0), (middle + half).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: impl IntoIterator<Item = f64>, expected: impl IntoIterator<Item = f64>) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
    }

    const X: [f64; 8] = [1.0, 2.5, 2.5, 4.0, 7.0, 3.0, 8.0, 0.5];
    const Y: [f64; 8] = [2.0, 1.0, 3.0, 3.0, 9.0, 4.0, 4.0, 1.5];

    /// `scipy.stats.pearsonr(x, y)`, its `confidence_interval(0.95)`, and `spearmanr(x, y)`, of SciPy 1.17.1.
    #[test]
    fn correlations_are_scipys() {
        let r = pearson(&X, &Y);
        near([r, spearman(&X, &Y)], [0.7209562287949698, 0.7939539754135209]);
        near(pearson_95(r, 8).unwrap(), [0.033098718018746864, 0.945353392042358]);
        near(
            [correlation_p(r, 8).unwrap(), correlation_p(spearman(&X, &Y), 8).unwrap()],
            [0.04358592780197757, 0.018628914899784424],
        );
        assert_eq!((correlation_p(1.0, 8), correlation_p(0.5, 2), correlation_p(f64::NAN, 8)), (Some(0.0), None, None));
    }

    /// Computed in NumPy: `z = arctanh(r)`, `se = sqrt((1 + r * r / 2) / (n - 3))`, `tanh(z -+ norm.ppf(0.975) * se)`.
    #[test]
    fn the_interval_of_spearmans_is_bonett_and_wrights() {
        near(spearman_95(0.6, 28).unwrap(), [0.2611423876281449, 0.8072069892740471]);
        near(spearman_95(0.142, 837).unwrap(), [0.07461792723246748, 0.20809128887882522]);
        near(spearman_95(-0.3, 10).unwrap(), [-0.7882529000902374, 0.42005735681209383]);
    }

    /// `scipy.stats.binomtest(k, n).proportion_ci(0.95, method="wilson")`, of SciPy 1.17.1.
    #[test]
    fn the_interval_of_a_proportion_is_wilsons() {
        for (right, n, expected) in [
            (137, 7643, [0.015183456060254057, 0.021150690569685777]),
            (15, 552, [0.016535691424532335, 0.04434760233425665]),
            (1, 3, [0.06149194472039626, 0.7923403991979523]),
            (0, 10, [0.0, 0.27753279986288926]),
            (10, 10, [0.7224672001371109, 1.0]),
        ] {
            near(wilson_95(right, n).unwrap(), expected);
        }
    }

    #[test]
    fn undefined_correlations_are_nan() {
        let constant = [0.1; 8];
        for (x, y) in [(&[][..], &[][..]), (&[1.0], &[2.0]), (&X, &constant), (&constant, &Y), (&X, &[f64::NAN; 8])] {
            assert!(pearson(x, y).is_nan() && spearman(x, y).is_nan(), "{x:?} {y:?}");
        }
        assert_eq!((pearson_95(0.5, 3), spearman_95(f64::NAN, 9), wilson_95(0, 0)), (None, None, None));
        // Fisher's z is infinite.
        assert_eq!((pearson(&X, &X), pearson_95(1.0, 8)), (1.0, Some([1.0, 1.0])));
    }
}
