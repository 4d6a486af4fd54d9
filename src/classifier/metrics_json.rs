//! The figures of predictions as JSON: what `train`, its log, `predict --measure` and `compare` share. `null` stands for 0/0.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ClassMetrics, Epoch, Metrics};
use crate::error::{Error, Result};

/// The figures over all classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsSummary {
    texts: usize,
    accuracy: f64,
    macro_f1: f64,
    weighted_f1: f64,
    loss: f64,
    calibration_error: f64,
}

/// All figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsReport<'a> {
    #[serde(flatten)]
    figures: MetricsSummary,
    classes: Vec<Class<'a>>,
    /// A row for each right class, in it a number for each predicted class, both in the order of `classes`.
    confusion: &'a [Vec<usize>],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Class<'a> {
    label: &'a str,
    texts: usize,
    predicted: usize,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

/// An epoch in numbers, in a [`TrainingLog`] and in the answer of `train --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochMetrics {
    epoch: usize,
    /// Steps since training began.
    step: usize,
    train_loss: f64,
    /// Learning rate of the epoch's last step.
    lr: f64,
    dev: MetricsSummary,
    /// Seconds since training began.
    seconds: f64,
    /// Tokens that went through the network and back in a second of the epoch's training half.
    tokens_per_second: f64,
}

/// The log of a training, open for writing: a line of JSON an epoch.
#[derive(Debug)]
pub struct TrainingLog {
    path: PathBuf,
    file: File,
}

impl MetricsSummary {
    /// Those of some predictions.
    pub fn of(metrics: &Metrics) -> Self {
        MetricsSummary {
            texts: metrics.texts(),
            accuracy: metrics.accuracy(),
            macro_f1: metrics.macro_f1(),
            weighted_f1: metrics.weighted_f1(),
            loss: metrics.loss,
            calibration_error: metrics.calibration_error,
        }
    }
}

impl<'a> MetricsReport<'a> {
    /// Those of some predictions, `labels` naming the classes.
    pub fn of(metrics: &'a Metrics, labels: &'a [String]) -> Self {
        let class = |(label, class): (&'a String, ClassMetrics)| Class {
            label,
            texts: class.texts,
            predicted: class.predicted,
            precision: class.precision(),
            recall: class.recall(),
            f1: class.f1(),
        };
        MetricsReport {
            figures: MetricsSummary::of(metrics),
            classes: labels.iter().zip(metrics.classes()).map(class).collect(),
            confusion: &metrics.confusion,
        }
    }
}

impl EpochMetrics {
    /// Those of an epoch.
    pub fn of(epoch: &Epoch) -> Self {
        EpochMetrics {
            epoch: epoch.number,
            step: epoch.step,
            train_loss: epoch.train_loss,
            lr: epoch.lr,
            dev: MetricsSummary::of(&epoch.dev),
            seconds: epoch.seconds,
            tokens_per_second: epoch.tokens as f64 / epoch.train_seconds,
        }
    }
}

impl TrainingLog {
    /// Makes a new file, or empties the one that is there.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn create(path: &Path) -> Result<TrainingLog> {
        let file = File::create(path).map_err(|e| Error::io(path, "write it", e))?;
        Ok(TrainingLog { path: path.into(), file })
    }

    /// Writes an epoch's line at once, whole.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        let line = serde_json::to_string(&EpochMetrics::of(epoch)).map_err(std::io::Error::from);
        let written = line.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|e| Error::io(&self.path, "write it", e))
    }
}
