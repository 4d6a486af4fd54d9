//! What a comparison's numbers allow to be said: intervals, tests, how many seeds it would take, and a sentence that says it.
//!
//! Chance enters a comparison twice. Another **seed** trains another model: [`Summary`] and [`Paired`] look at scores over seeds, on
//! the test texts at hand. Other **test texts** would have been classified otherwise: [`McNemar`] and [`TextDifference`] look at texts,
//! with the models at hand. Neither says what the other does, so a report needs both. Runs of one seed share the first weights, the
//! order of the texts and what dropout drops, so everything here is paired.
//!
//! [`pairs`] does all of it for all pairs of embeddings. Scores are shares from 0 to 1; a point is a hundredth.

mod pair;
mod seeds;
mod texts;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

pub use pair::{EmbeddingScores, Pair, Verdict, pairs};
pub use seeds::{MAX_SEEDS, Paired, Permutation, permutation, power, seeds_needed};
pub use texts::{McNemar, RESAMPLES, TextDifference};

/// The level of all tests and, as 1 less it, of all intervals.
pub const LEVEL: f64 = 0.05;

/// Scores over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub count: usize,
    /// Mean; NaN of none.
    pub mean: f64,
    /// Standard std of the sample (n - 1); `None` for fewer than two.
    pub std: Option<f64>,
    /// The 95 % interval of the mean, `mean ± t std / sqrt(n)` with Student's t of n - 1 degrees of freedom (Student 1908);
    /// `None` for fewer than two.
    pub interval: Option<[f64; 2]>,
}

impl Summary {
    /// Of some scores.
    pub fn of(scores: &[f64]) -> Summary {
        let count = scores.len();
        let mean = scores.iter().sum::<f64>() / count as f64;
        if count < 2 {
            return Summary { count, mean, std: None, interval: None };
        }
        // A mean is rounded, so that equal scores could seem to vary.
        let constant = scores.iter().all(|score| *score == scores[0]);
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let (mean, std) = if constant { (scores[0], 0.0) } else { (mean, (squares / (count - 1) as f64).sqrt()) };
        let half = t_quantile(1.0 - LEVEL / 2.0, count - 1) * std / (count as f64).sqrt();
        Summary { count, mean, std: Some(std), interval: Some([mean - half, mean + half]) }
    }
}

/// p-values as they stand after so many comparisons, in the order given: Holm's step-down method, which keeps the chance of any
/// false finding among them at the level, whatever they have to do with each other (Holm 1979, "A simple sequentially rejective
/// multiple test procedure", Scandinavian Journal of Statistics 6).
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

/// Student's t that a share `probability` lies below; NaN without degrees of freedom.
fn t_quantile(probability: f64, degrees: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees as f64).map_or(f64::NAN, |t| t.inverse_cdf(probability))
}

/// The chance of a |t| at least so large; NaN without degrees of freedom.
fn t_two_sided(t: f64, degrees: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees as f64).map_or(f64::NAN, |student| 2.0 * student.cdf(-t.abs()))
}
