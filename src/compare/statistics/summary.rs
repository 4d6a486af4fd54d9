//! Means, intervals, and the correction for multiple comparisons.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The significance level of all tests; intervals have the confidence level 1 - `LEVEL`.
pub const LEVEL: f64 = 0.05;

/// Scores over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// Number of scores.
    pub count: usize,
    /// Mean; NaN if there are none.
    pub mean: f64,
    /// Sample standard deviation (n - 1); `None` for fewer than two scores.
    pub std: Option<f64>,
    /// The 95 % interval of the mean, `mean ± t std / sqrt(n)` with Student's t of n - 1 degrees of freedom (Student 1908);
    /// `None` for fewer than two scores.
    pub interval: Option<[f64; 2]>,
}

impl Summary {
    /// Summarizes some scores.
    pub fn of(scores: &[f64]) -> Summary {
        let count = scores.len();
        let mean = scores.iter().sum::<f64>() / count as f64;
        if count < 2 {
            return Summary { count, mean, std: None, interval: None };
        }
        // The mean is rounded, so equal scores could seem to vary.
        let constant = scores.iter().all(|score| *score == scores[0]);
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let (mean, std) = if constant { (scores[0], 0.0) } else { (mean, (squares / (count - 1) as f64).sqrt()) };
        let half = t_quantile(1.0 - LEVEL / 2.0, count - 1) * std / (count as f64).sqrt();
        Summary { count, mean, std: Some(std), interval: Some([mean - half, mean + half]) }
    }
}

/// p-values corrected for multiple comparisons, in the order given: Holm's step-down method, which controls the family-wise error rate
/// under any dependence of the tests (Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
/// of Statistics 6).
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, &index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - place) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

/// Quantile of Student's t distribution; NaN for zero degrees of freedom.
pub(super) fn t_quantile(probability: f64, degrees: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees as f64).map_or(f64::NAN, |t| t.inverse_cdf(probability))
}

/// Two-sided p of a t statistic; NaN for zero degrees of freedom.
pub(super) fn t_two_sided(t: f64, degrees: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees as f64).map_or(f64::NAN, |student| 2.0 * student.cdf(-t.abs()))
}
