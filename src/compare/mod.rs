//! The same task with several embeddings and seeds, side by side.

pub mod disagreements;
pub mod movement;
pub mod statistics;

use std::sync::Arc;

use serde::Serialize;

use crate::classifier::{Parts, Progress, TrainOptions, train};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;
use crate::vectors::Vectors;

/// What to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// The embeddings, in the order of the report.
    pub arms: Vec<EmbeddingMode>,
    /// Each arm is trained once with each seed. Arms with the same seed share their first weights, the order of the texts
    /// and what dropout drops, so that they differ in the embedding alone.
    pub seeds: Vec<u64>,
    /// Everything else; its `embedding` and `seed` are overridden.
    pub train: TrainOptions,
}

/// The numbers of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Name of the embedding.
    pub arm: &'static str,
    /// Its seed.
    pub seed: u64,
    /// Accuracy on the development part, from 0 to 1.
    pub dev_accuracy: f64,
    /// Macro-F1 on the development part, from 0 to 1.
    pub dev_macro_f1: f64,
    /// Accuracy on the test part.
    pub test_accuracy: Option<f64>,
    /// Macro-F1 on the test part.
    pub test_macro_f1: Option<f64>,
    /// Numbers that training could change.
    pub trained_parameters: usize,
    /// The epoch that was kept.
    pub best_epoch: usize,
    /// Epochs that ran.
    pub epochs: usize,
    /// Why it ended: epochs, patience or diverged ([`Ended::name`](crate::classifier::Ended::name)).
    pub ended: &'static str,
    /// Seconds the run took.
    pub seconds: f64,
}

/// Mean and standard deviation (of the sample, n - 1; 0 for a single value).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
}

impl Spread {
    /// Of some values; NaN for none.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Spread {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Spread { mean, deviation: if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 } }
    }
}

/// An arm over all its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arm {
    /// Name of the embedding.
    pub arm: &'static str,
    /// Accuracy on the development part, from 0 to 1.
    pub dev_accuracy: Spread,
    /// Macro-F1 on the development part.
    pub dev_macro_f1: Spread,
    /// Accuracy on the test part.
    pub test_accuracy: Option<Spread>,
    /// Macro-F1 on the test part.
    pub test_macro_f1: Option<Spread>,
    /// Numbers that training could change.
    pub trained_parameters: usize,
    /// The epoch that was kept.
    pub best_epoch: Spread,
    /// Seconds a run.
    pub seconds: Spread,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// A summary for each arm.
    pub arms: Vec<Arm>,
    /// All runs, arm by arm.
    pub runs: Vec<Run>,
}

/// Trains every arm with every seed.
///
/// `observe` is told which run of how many is under way, its arm and seed, and its progress.
///
/// # Errors
/// No arm or no seed, and whatever [`train`] refuses.
pub fn compare(
    vectors: &Arc<Vectors>,
    parts: &Parts,
    options: &CompareOptions,
    observe: &mut dyn FnMut(usize, EmbeddingMode, u64, Progress),
) -> Result<Comparison> {
    if options.arms.is_empty() || options.seeds.is_empty() {
        return Err(Error::invalid("comparison", "at least one arm and one seed", "none"));
    }
    let mut arms = Vec::new();
    let mut runs = Vec::new();
    for &arm in &options.arms {
        let first = runs.len();
        for &seed in &options.seeds {
            let settings = TrainOptions { embedding: arm, seed, ..options.train.clone() };
            let number = runs.len() + 1;
            let trained = train(vectors, parts, &settings, &mut |progress| observe(number, arm, seed, progress))?;
            runs.push(Run {
                arm: arm.name(),
                seed,
                dev_accuracy: trained.dev.accuracy(),
                dev_macro_f1: trained.dev.macro_f1(),
                test_accuracy: trained.test.as_ref().map(|test| test.accuracy()),
                test_macro_f1: trained.test.as_ref().map(|test| test.macro_f1()),
                trained_parameters: trained.trained_parameters,
                best_epoch: trained.best_epoch,
                epochs: trained.history.len(),
                ended: trained.ended.name(),
                seconds: trained.seconds,
            });
        }
        arms.push(Arm::of(arm, &runs[first..]));
    }
    Ok(Comparison { arms, runs })
}

impl Arm {
    fn of(arm: EmbeddingMode, runs: &[Run]) -> Arm {
        let spread = |value: fn(&Run) -> f64| Spread::of(runs.iter().map(value));
        // A test part is there for all runs or for none.
        let if_tested = |value: fn(&Run) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(value).collect();
            values.map(|values| Spread::of(values.iter().copied()))
        };
        Arm {
            arm: arm.name(),
            dev_accuracy: spread(|run| run.dev_accuracy),
            dev_macro_f1: spread(|run| run.dev_macro_f1),
            test_accuracy: if_tested(|run| run.test_accuracy),
            test_macro_f1: if_tested(|run| run.test_macro_f1),
            trained_parameters: runs.first().map_or(0, |run| run.trained_parameters),
            best_epoch: spread(|run| run.best_epoch as f64),
            seconds: spread(|run| run.seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn spread_of_a_case_done_by_hand() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter());
        assert_eq!(spread.mean, 5.0);
        assert!((spread.deviation - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([3.0].into_iter()).deviation, 0.0);
    }
}
