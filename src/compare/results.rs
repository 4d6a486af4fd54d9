//! What came of the runs: what statistics and reports read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::plan::PlannedRun;
use crate::classifier::{Classifier, Dataset, Epoch, LabelledText, Metrics, RowChecksum, TrainingOutcome};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;

/// A run that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What tells it from the others ([`PlannedRun::name`]).
    pub name: String,
    /// Its embedding.
    #[serde(deserialize_with = "embedding")]
    pub embedding: EmbeddingMode,
    /// The vectors it began with, by name.
    pub vectors: String,
    /// How many texts it learnt from.
    pub train_texts: usize,
    /// Values of the settings that are swept.
    pub settings: BTreeMap<String, String>,
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
    pub trainable_parameters: usize,
    /// The epoch that was kept.
    pub best_epoch: usize,
    /// Epochs that ran.
    pub epochs: usize,
    /// Why training stopped: max-epochs, early-stopping or diverged ([`StopReason::name`](crate::classifier::StopReason::name)).
    pub stop_reason: String,
    /// Its epochs, those beyond the best one too.
    pub history: Vec<EpochScores>,
    /// Distinct words of the texts it learnt from.
    pub words: usize,
    /// How many of them the vectors know.
    pub known_words: usize,
    /// The rows that its words have in the vectors; none of random rows and one-hot words.
    pub pretrained_rows: Option<RowChecksum>,
    /// The labels, in the order in which [`Metrics::confusion`] and [`Predictions`] count classes.
    pub labels: Vec<String>,
    /// Figures on the development part.
    pub dev: Metrics,
    /// Figures on the test part.
    pub test: Option<Metrics>,
    /// What it says about each text of the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Predictions>,
    /// Seconds the run took; it shared the machine with the runs beside it. Not among its results, because it is another one each
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What a run says about the texts of the test part, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// The right class of each text.
    pub gold: Vec<usize>,
    /// The predicted class of each text.
    pub predicted: Vec<usize>,
    /// The probability of each class, for each text.
    pub probabilities: Vec<Vec<f32>>,
}

/// What came of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochScores {
    /// Mean loss over the training texts, as they were met, dropout included.
    pub train_loss: f64,
    /// Loss on the development part.
    pub dev_loss: f64,
    /// Accuracy on the development part.
    pub dev_accuracy: f64,
}

fn embedding<'d, D: Deserializer<'d>>(deserializer: D) -> Result<EmbeddingMode, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Run {
    /// The outcome of a training as planned; `rows` are the checksums of file rows before it, `test` the texts it was measured on.
    pub(super) fn of(
        planned: &PlannedRun,
        vectors: &str,
        trained: &TrainingOutcome,
        pretrained_rows: Option<RowChecksum>,
        test: Option<&Dataset>,
    ) -> Result<Run> {
        let finite = trained.test.as_ref().is_none_or(|m| m.loss.is_finite() && m.calibration_error.is_finite());
        if !finite {
            let found = format!("others, in the run {}; try a lower learning rate", planned.name);
            return Err(Error::invalid("figures on the test part", "finite numbers", found));
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

    /// Whether it is a run of this plan.
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
    /// What a classifier says about some texts. A label that it does not have counts as a class behind all others; training has
    /// refused such texts before.
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

/// Mean and standard std (of the sample, n - 1; 0 for a single value).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: f64,
    /// Standard std.
    pub std: f64,
}

impl MeanStd {
    /// Of some values; NaN for none.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> MeanStd {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        MeanStd { mean, std: if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 } }
    }
}

/// An embedding over all its seeds, everything else being the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingResult {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The vectors its runs began with, by name.
    pub vectors: String,
    /// How many texts they learnt from.
    pub train_texts: usize,
    /// Values of the settings that are swept.
    pub settings: BTreeMap<String, String>,
    /// How many runs that are.
    pub runs: usize,
    /// Accuracy on the development part, from 0 to 1.
    pub dev_accuracy: MeanStd,
    /// Macro-F1 on the development part.
    pub dev_macro_f1: MeanStd,
    /// Accuracy on the test part.
    pub test_accuracy: Option<MeanStd>,
    /// Macro-F1 on the test part.
    pub test_macro_f1: Option<MeanStd>,
    /// Numbers that training could change, of its first run: with fewer texts than all, each seed has words of its own.
    pub trainable_parameters: usize,
    /// The epoch that was kept.
    pub best_epoch: MeanStd,
    /// Seconds a run.
    pub seconds: Option<MeanStd>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How many runs were planned; where there are fewer, it is not finished.
    pub planned: usize,
    /// A summary for each embedding, in the order of the runs; for each combination of vectors, settings and number of training texts its own.
    pub embeddings: Vec<EmbeddingResult>,
    /// All runs that are done, in the order of the plan.
    pub runs: Vec<Run>,
    /// The texts of the test part; none where there is no such part.
    #[serde(skip)]
    pub test_texts: Vec<LabelledText>,
}

impl Comparison {
    /// Sums up finished runs, which stand in the order of their plan.
    pub fn new(planned: usize, runs: Vec<Run>, test_texts: Vec<LabelledText>) -> Comparison {
        let embeddings =
            runs.chunk_by(|a, b| all_but_seed(a) == all_but_seed(b)).filter_map(EmbeddingResult::of).collect();
        Comparison { planned, embeddings, runs, test_texts }
    }

    /// Whether all runs are done.
    pub fn is_finished(&self) -> bool {
        self.runs.len() == self.planned
    }

    /// Without what runs say about single texts, which is most of its size.
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
        // A test part is there for all runs or for none.
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
    fn spread_of_a_case_done_by_hand() {
        let spread = MeanStd::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter());
        assert_eq!(spread.mean, 5.0);
        assert!((spread.std - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(MeanStd::of([3.0].into_iter()).std, 0.0);
    }
}
