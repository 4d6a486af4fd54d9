//! The figures of predictions as JSON: what `train`, its log and `predict --measure` share. `null` stands for 0/0.

use serde::Serialize;
use vocable::classifier::{ClassMetrics, Metrics};

/// The figures over all classes.
#[derive(Serialize)]
pub struct Figures {
    texts: usize,
    accuracy: f64,
    macro_f1: f64,
    weighted_f1: f64,
    loss: f64,
    calibration_error: f64,
}

/// All figures.
#[derive(Serialize)]
pub struct Measured<'a> {
    #[serde(flatten)]
    figures: Figures,
    classes: Vec<Class<'a>>,
    /// A row for each right class, in it a number for each predicted class, both in the order of `classes`.
    confusion: &'a [Vec<usize>],
}

#[derive(Serialize)]
struct Class<'a> {
    label: &'a str,
    texts: usize,
    predicted: usize,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

impl Figures {
    pub fn of(metrics: &Metrics) -> Self {
        Figures {
            texts: metrics.texts(),
            accuracy: metrics.accuracy(),
            macro_f1: metrics.macro_f1(),
            weighted_f1: metrics.weighted_f1(),
            loss: metrics.loss,
            calibration_error: metrics.calibration_error,
        }
    }
}

impl<'a> Measured<'a> {
    pub fn of(metrics: &'a Metrics, labels: &'a [String]) -> Self {
        let class = |(label, class): (&'a String, ClassMetrics)| Class {
            label,
            texts: class.texts,
            predicted: class.predicted,
            precision: class.precision(),
            recall: class.recall(),
            f1: class.f1(),
        };
        Measured {
            figures: Figures::of(metrics),
            classes: labels.iter().zip(metrics.classes()).map(class).collect(),
            confusion: &metrics.confusion,
        }
    }
}
