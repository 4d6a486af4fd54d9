//! Metrics as JSON, shared by `train`, its log, `predict --evaluate` and `compare`. An undefined metric (0/0) is `null`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{ClassMetrics, Epoch, Metrics};
use crate::error::{Error, Result};

/// Metrics over all classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsSummary {
    texts: usize,
    accuracy: f64,
    macro_f1: f64,
    weighted_f1: f64,
    loss: f64,
    calibration_error: f64,
}

/// Metrics over all classes, the metrics of each class, and the confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsReport<'a> {
    #[serde(flatten)]
    summary: MetricsSummary,
    classes: Vec<ClassReport<'a>>,
    /// Numbers of texts: a row for each true class, a column for each predicted class, both in the order of `classes`.
    confusion: &'a [Vec<usize>],
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ClassReport<'a> {
    label: &'a str,
    texts: usize,
    predicted: usize,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

/// Metrics of an epoch, as in a [`TrainingLog`] and in the output of `train --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochMetrics {
    epoch: usize,
    /// Number of steps since the start of training.
    step: usize,
    train_loss: f64,
    /// Learning rate of the epoch's last step.
    lr: f64,
    dev: MetricsSummary,
    /// Seconds since the start of training.
    seconds: f64,
    /// Training tokens per second, without the time spent on evaluation.
    tokens_per_second: f64,
}

/// The log file of a training run: one line of JSON per epoch.
#[derive(Debug)]
pub struct TrainingLog {
    path: PathBuf,
    file: File,
}

impl MetricsSummary {
    /// Summarizes metrics.
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
    /// Reports metrics; `labels` are the names of the classes.
    pub fn of(metrics: &'a Metrics, labels: &'a [String]) -> Self {
        let class = |(label, class): (&'a String, ClassMetrics)| ClassReport {
            label,
            texts: class.texts,
            predicted: class.predicted,
            precision: class.precision(),
            recall: class.recall(),
            f1: class.f1(),
        };
        MetricsReport {
            summary: MetricsSummary::of(metrics),
            classes: labels.iter().zip(metrics.classes()).map(class).collect(),
            confusion: &metrics.confusion,
        }
    }
}

impl EpochMetrics {
    /// Summarizes an epoch.
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
    /// Creates the file, or truncates an existing one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<TrainingLog> {
        let file = File::create(path).map_err(|e| Error::io(path, "write it", e))?;
        Ok(TrainingLog { path: path.into(), file })
    }

    /// Writes the line of an epoch with a single call to the system.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        let line = serde_json::to_string(&EpochMetrics::of(epoch)).map_err(std::io::Error::from);
        let written = line.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|e| Error::io(&self.path, "write it", e))
    }
}
