//! Metrics of predictions on labelled texts.
//!
//! Precision, recall and F1 are defined as in scikit-learn, except that an undefined value (0/0) is `None` instead of 0.
//! `docs/reference/metrics.md` has the formulas.

use serde::{Deserialize, Serialize};

/// Number of bins of the expected calibration error, as in Guo et al. (2017).
pub const CALIBRATION_BINS: usize = 15;

/// Metrics of predictions on a set of labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Log loss: the mean negative log probability of the true class.
    pub loss: f64,
    /// Confusion matrix: `confusion[true class][predicted class]` is a number of texts.
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error (Guo et al. 2017, equation 3), from 0 to 1: the mean absolute difference between the probability
    /// of the predicted class and the accuracy, over [`CALIBRATION_BINS`] bins of equal width weighted by their number of texts.
    pub calibration_error: f64,
}

/// Counts of one class, from which its precision, recall and F1 follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassMetrics {
    /// Number of texts of the class.
    pub texts: usize,
    /// Number of texts predicted to be of the class.
    pub predicted: usize,
    /// Number of texts of the class that were predicted correctly.
    pub correct: usize,
}

impl ClassMetrics {
    /// Fraction of the predictions that are correct; `None` for a class that was never predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.correct, self.predicted)
    }

    /// Fraction of the class's texts that were predicted correctly; `None` for a class without texts.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.correct, self.texts)
    }

    /// Harmonic mean of precision and recall, `2 correct / (texts + predicted)`; `None` if both are undefined, 0 if only one is.
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.correct, self.texts + self.predicted)
    }
}

fn ratio(numerator: usize, denominator: usize) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}

impl Metrics {
    /// Computes the metrics from the predicted probabilities and the true classes.
    ///
    /// The predicted class is the most probable one; the first in case of a tie.
    ///
    /// # Shapes
    /// `probabilities` `[B, C]`, `labels` `[B]` each below `C`.
    pub fn of(probabilities: &[f32], labels: &[u32], classes: usize) -> Metrics {
        let mut confusion = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        // For each bin, the sum of the predicted classes' probabilities minus the number of correct predictions.
        let mut bins = [0.0; CALIBRATION_BINS];
        for (row, &label) in probabilities.chunks_exact(classes.max(1)).zip(labels) {
            let (label, predicted) = (label as usize, most_probable(row));
            confusion[label][predicted] += 1;
            // A probability that was rounded to zero is replaced by the smallest normal number.
            loss -= f64::from(row[label].max(f32::MIN_POSITIVE)).ln();
            let top = f64::from(row[predicted]);
            // Bin m holds probabilities in the interval ((m - 1)/15, m/15].
            let bin = (top * CALIBRATION_BINS as f64).ceil() as usize;
            bins[bin.clamp(1, CALIBRATION_BINS) - 1] += top - f64::from(u8::from(label == predicted));
        }
        let texts = labels.len() as f64;
        let calibration_error = bins.iter().map(|sum| sum.abs()).sum::<f64>() / texts;
        Metrics { loss: loss / texts, confusion, calibration_error }
    }

    /// Number of texts.
    pub fn texts(&self) -> usize {
        self.confusion.iter().flatten().sum()
    }

    /// Fraction of texts whose class was predicted correctly.
    pub fn accuracy(&self) -> f64 {
        let correct: usize = (0..self.confusion.len()).map(|class| self.confusion[class][class]).sum();
        correct as f64 / self.texts() as f64
    }

    /// The counts of each class.
    pub fn classes(&self) -> Vec<ClassMetrics> {
        let predicted = |class: usize| self.confusion.iter().map(|row| row[class]).sum();
        let of = |(class, row): (usize, &Vec<usize>)| ClassMetrics {
            texts: row.iter().sum(),
            predicted: predicted(class),
            correct: row[class],
        };
        self.confusion.iter().enumerate().map(of).collect()
    }

    /// The unweighted mean of the classes' F1. A class with neither texts nor predictions counts as 0, as in scikit-learn with
    /// `zero_division=0` and all labels given.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.classes();
        classes.iter().filter_map(ClassMetrics::f1).sum::<f64>() / classes.len() as f64
    }

    /// The mean of the classes' F1, weighted by the number of texts of each class.
    pub fn weighted_f1(&self) -> f64 {
        let sum: f64 = self.classes().iter().map(|class| class.texts as f64 * class.f1().unwrap_or(0.0)).sum();
        sum / self.texts() as f64
    }

    /// The pairs of true and predicted class that were confused, with the number of texts, most frequent first.
    pub fn mistakes(&self) -> Vec<(usize, usize, usize)> {
        let cells = self.confusion.iter().enumerate();
        let cells = cells.flat_map(|(label, row)| row.iter().enumerate().map(move |(class, &n)| (label, class, n)));
        let mut mistakes: Vec<_> = cells.filter(|&(label, class, texts)| label != class && texts > 0).collect();
        // A stable sort keeps ties in the order of the classes.
        mistakes.sort_by_key(|&(_, _, texts)| std::cmp::Reverse(texts));
        mistakes
    }
}

/// The index of the largest probability; the first in case of a tie.
pub fn most_probable(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = class;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_equal_those_computed_by_hand() {
        let probabilities = [0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.5, 0.5];
        let metrics = Metrics::of(&probabilities, &[0, 0, 1, 1], 2);
        assert_eq!(metrics.confusion, [[1, 1], [1, 1]]);
        assert_eq!(metrics.accuracy(), 0.5);
        assert_eq!(metrics.macro_f1(), 0.5);
        let loss = -(0.9f64.ln() + 0.4f64.ln() + 0.8f64.ln() + 0.5f64.ln()) / 4.0;
        assert!((metrics.loss - loss).abs() < 1e-7);
        // Four bins of one text each: correct at 0.9 and 0.8, wrong at 0.6 and 0.5.
        assert!((metrics.calibration_error - (0.1 + 0.6 + 0.2 + 0.5) / 4.0).abs() < 1e-7);
        assert_eq!(metrics.mistakes(), [(0, 1, 1), (1, 0, 1)]);
    }

    #[test]
    fn texts_of_one_bin_are_averaged() {
        // 0.59 and 0.55 are both above 8/15 and not above 9/15; one is correct, one wrong.
        let metrics = Metrics::of(&[0.59, 0.41, 0.55, 0.45], &[0, 1], 2);
        assert!((metrics.calibration_error - (0.57 - 0.5)).abs() < 1e-7, "{}", metrics.calibration_error);
        // A certain and correct prediction is in the last bin and has no error.
        assert_eq!(Metrics::of(&[1.0, 0.0], &[0], 2).calibration_error, 0.0);
    }

    #[test]
    fn a_class_that_never_occurs_counts_as_zero() {
        let metrics = Metrics::of(&[0.9, 0.1, 0.0, 0.1, 0.9, 0.0], &[0, 1], 3);
        assert_eq!(metrics.accuracy(), 1.0);
        assert!((metrics.macro_f1() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(metrics.weighted_f1(), 1.0);
        assert_eq!(metrics.classes()[2], ClassMetrics { texts: 0, predicted: 0, correct: 0 });
    }
}
