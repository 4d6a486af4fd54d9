//! Results of runs, the input of statistics and reports.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::plan::PlannedRun;
use crate::classifier::{Classifier, Dataset, Epoch, LabelledText, Metrics, RowChecksum, TrainingOutcome};
use crate::error::{Advice, Error, Result};
use crate::nn::EmbeddingMode;

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Unique name ([`PlannedRun::name`]).
    pub name: String,
    /// The embedding.
    #[serde(deserialize_with = "embedding")]
    pub embedding: EmbeddingMode,
    /// The pretrained vectors, by name.
    pub vectors: String,
    /// How many texts the run was trained on.
    pub train_texts: usize,
    /// Values of the swept options.
    pub settings: BTreeMap<String, String>,
    /// The seed.
    pub seed: u64,
    /// Accuracy on the dev set, from 0 to 1.
    pub dev_accuracy: f64,
    /// Macro-F1 on the dev set, from 0 to 1.
    pub dev_macro_f1: f64,
    /// Accuracy on the test set, from 0 to 1.
    pub test_accuracy: Option<f64>,
    /// Macro-F1 on the test set, from 0 to 1.
    pub test_macro_f1: Option<f64>,
    /// Number of trainable parameters.
    pub trainable_parameters: usize,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// Why training stopped: max-epochs, early-stopping or diverged ([`StopReason::name`](crate::classifier::StopReason::name)).
    pub stop_reason: String,
    /// All epochs, including those after the best one.
    pub history: Vec<EpochScores>,
    /// Number of distinct words in the training texts.
    pub words: usize,
    /// How many of them the vectors have.
    pub known_words: usize,
    /// Checksums of the rows taken from the vectors; `None` for random and one-hot embeddings.
    pub pretrained_rows: Option<RowChecksum>,
    /// The labels, in the class order of [`Metrics::confusion`] and [`Predictions`].
    pub labels: Vec<String>,
    /// Metrics on the dev set.
    pub dev: Metrics,
    /// Metrics on the test set.
    pub test: Option<Metrics>,
    /// Predictions for the test set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Predictions>,
    /// Training time in seconds, while the machine was shared with concurrent runs. Stored apart from the results, since it differs
    /// each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Predictions for the texts of the test set, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// The true class of each text.
    pub gold: Vec<usize>,
    /// The predicted class of each text.
    pub predicted: Vec<usize>,
    /// The class probabilities of each text.
    pub probabilities: Vec<Vec<f32>>,
}

/// Scores of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochScores {
    /// Mean loss over the training texts during the epoch, with dropout.
    pub train_loss: f64,
    /// Loss on the dev set.
    pub dev_loss: f64,
    /// Accuracy on the dev set.
    pub dev_accuracy: f64,
}

fn embedding<'d, D: Deserializer<'d>>(deserializer: D) -> Result<EmbeddingMode, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Run {
    /// The results of a finished training run; `test` is the test set.
    pub(super) fn new(
        planned: &PlannedRun,
        vectors: &str,
        trained: &TrainingOutcome,
        pretrained_rows: Option<RowChecksum>,
        test: Option<&Dataset>,
    ) -> Result<Run> {
        let finite = trained.test.as_ref().is_none_or(|m| m.loss.is_finite() && m.calibration_error.is_finite());
        if !finite {
            let message = format!("run {}: the metrics on the test set are not finite", planned.name);
            return Err(Error::other(message).advise(Advice::LowerLearningRate));
        }
        Ok(Run {
            name: planned.name.clone(),
            embedding: planned.embedding,
            vectors: vectors.to_owned(),
            train_texts: planned.train_texts,
            settings: planned.settings.clone(),
            seed: planned.seed,
            dev_accuracy: trained.dev.accuracy(),
            dev_macro_f1: trained.dev.macro_f1(),
            test_accuracy: trained.test.as_ref().map(Metrics::accuracy),
            test_macro_f1: trained.test.as_ref().map(Metrics::macro_f1),
            trainable_parameters: trained.trainable_parameters,
            best_epoch: trained.best_epoch,
            epochs: trained.history.len(),
            stop_reason: trained.stop_reason.name().to_owned(),
            history: trained.history.iter().map(EpochScores::of).collect(),
            words: trained.train_words,
            known_words: trained.known_train_words,
            pretrained_rows,
            labels: trained.classifier.labels().to_vec(),
            dev: trained.dev.clone(),
            test: trained.test.clone(),
            predictions: test.map(|test| Predictions::of(&trained.classifier, test)),
            seconds: Some(trained.seconds),
        })
    }

    /// Whether these are the results of the planned run.
    pub(super) fn matches(&self, planned: &PlannedRun) -> bool {
        (&self.name, self.embedding, self.seed, self.train_texts)
            == (&planned.name, planned.embedding, planned.seed, planned.train_texts)
            && self.settings == planned.settings
    }
}

impl EpochScores {
    fn of(epoch: &Epoch) -> EpochScores {
        EpochScores { train_loss: epoch.train_loss, dev_loss: epoch.dev.loss, dev_accuracy: epoch.dev.accuracy() }
    }
}

impl Predictions {
    /// Labels that the classifier does not have count as one class after all others; training refuses such texts.
    fn of(classifier: &Classifier, test: &Dataset) -> Predictions {
        let labels = classifier.labels();
        let class = |text: &LabelledText| labels.iter().position(|l| *l == text.label).unwrap_or(labels.len());
        let predictions = classifier.predict(&test.texts);
        Predictions {
            gold: test.texts.iter().map(class).collect(),
            predicted: predictions.iter().map(|prediction| prediction.class).collect(),
            probabilities: predictions.into_iter().map(|prediction| prediction.probabilities).collect(),
        }
    }
}

/// Mean and sample standard deviation (n - 1; 0 for a single value).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl MeanStd {
    /// Mean and standard deviation of some values; NaN for none.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> MeanStd {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        MeanStd { mean, std: if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 } }
    }
}

/// Results of an embedding over all seeds, for one combination of the other options.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingResult {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The pretrained vectors, by name.
    pub vectors: String,
    /// How many texts its runs were trained on.
    pub train_texts: usize,
    /// Values of the swept options.
    pub settings: BTreeMap<String, String>,
    /// Number of finished runs.
    pub runs: usize,
    /// Accuracy on the dev set, from 0 to 1.
    pub dev_accuracy: MeanStd,
    /// Macro-F1 on the dev set.
    pub dev_macro_f1: MeanStd,
    /// Accuracy on the test set.
    pub test_accuracy: Option<MeanStd>,
    /// Macro-F1 on the test set.
    pub test_macro_f1: Option<MeanStd>,
    /// Number of trainable parameters of the first run; it varies with the seed if the train set is a subset.
    pub trainable_parameters: usize,
    /// The epoch whose weights were kept, counted from 1.
    pub best_epoch: MeanStd,
    /// Training time per run, in seconds.
    pub seconds: Option<MeanStd>,
}

/// The results of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Number of planned runs; if fewer are done, the comparison is not finished.
    pub planned: usize,
    /// For each combination of vectors, swept options and train size, a summary of each embedding; in the order of the runs.
    pub embeddings: Vec<EmbeddingResult>,
    /// All finished runs, in the order of the plan.
    pub runs: Vec<Run>,
    /// The test set; empty if there is none.
    #[serde(skip)]
    pub test_texts: Vec<LabelledText>,
}

impl Comparison {
    /// Summarizes finished runs, given in the order of the plan.
    pub fn new(planned: usize, runs: Vec<Run>, test_texts: Vec<LabelledText>) -> Comparison {
        let embeddings =
            runs.chunk_by(|a, b| all_but_seed(a) == all_but_seed(b)).filter_map(EmbeddingResult::of).collect();
        Comparison { planned, embeddings, runs, test_texts }
    }

    /// Whether all runs are done.
    pub fn is_finished(&self) -> bool {
        self.runs.len() == self.planned
    }

    /// The comparison without predictions, which take up most of its size.
    pub fn without_predictions(mut self) -> Comparison {
        self.runs.iter_mut().for_each(|run| run.predictions = None);
        self
    }
}

fn all_but_seed(run: &Run) -> (EmbeddingMode, &str, usize, &BTreeMap<String, String>) {
    (run.embedding, &run.vectors, run.train_texts, &run.settings)
}

impl EmbeddingResult {
    fn of(runs: &[Run]) -> Option<EmbeddingResult> {
        let first = runs.first()?;
        let spread = |value: fn(&Run) -> f64| MeanStd::of(runs.iter().map(value));
        // All runs have a test set, or none has.
        let if_all = |value: fn(&Run) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(value).collect();
            values.map(|values| MeanStd::of(values.iter().copied()))
        };
        Some(EmbeddingResult {
            embedding: first.embedding,
            vectors: first.vectors.clone(),
            train_texts: first.train_texts,
            settings: first.settings.clone(),
            runs: runs.len(),
            dev_accuracy: spread(|run| run.dev_accuracy),
            dev_macro_f1: spread(|run| run.dev_macro_f1),
            test_accuracy: if_all(|run| run.test_accuracy),
            test_macro_f1: if_all(|run| run.test_macro_f1),
            trainable_parameters: first.trainable_parameters,
            best_epoch: spread(|run| run.best_epoch as f64),
            seconds: if_all(|run| run.seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::MeanStd;

    #[test]
    fn mean_and_standard_deviation_by_hand() {
        let spread = MeanStd::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter());
        assert_eq!(spread.mean, 5.0);
        assert!((spread.std - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(MeanStd::of([3.0].into_iter()).std, 0.0);
    }
}
