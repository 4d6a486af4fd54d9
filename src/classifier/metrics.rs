//! How good predictions are.
//!
//! Precision, recall and F1 are scikit-learn's; where they are 0/0 they are `None` here, not a silent 0. `docs/reference/metrics.md` has
//! the formulas.

use serde::{Deserialize, Serialize};

/// Bins of the expected calibration error, as many as Guo et al. (2017) take.
pub const CALIBRATION_BINS: usize = 15;

/// Figures over a set of labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Log loss: the mean negative logarithm of the right class's probability.
    pub loss: f64,
    /// `confusion[right][predicted]`: numbers of texts.
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error (Guo et al. 2017, equation 3), from 0 to 1: how far the probability of the predicted class lies
    /// from the share of predictions that are right, in [`CALIBRATION_BINS`] bins of equal width, weighted by their texts.
    pub calibration_error: f64,
}

/// Figures of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassMetrics {
    /// Texts that are of the class.
    pub texts: usize,
    /// Texts that were predicted to be.
    pub predicted: usize,
    /// Texts that are and were predicted to be.
    pub right: usize,
}

impl ClassMetrics {
    /// Share of the predictions that are right; `None` for a class that was never predicted.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.predicted)
    }

    /// Share of the texts that were found; `None` for a class without texts.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.texts)
    }

    /// Harmonic mean of precision and recall, `2 right / (texts + predicted)`: 0 where one of them is 0/0, `None` where both are.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.right, self.texts + self.predicted)
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Metrics {
    /// From probabilities and right classes. The predicted class is the most probable; of equals the first.
    ///
    /// # Shapes
    /// `probabilities` `[B, C]`, `labels` `[B]` each below `C`.
    pub fn of(probabilities: &[f32], labels: &[u32], classes: usize) -> Metrics {
        let mut confusion = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        // Of each bin, the summed probability of the predicted classes less the number that are right.
        let mut bins = [0.0; CALIBRATION_BINS];
        for (row, &label) in probabilities.chunks_exact(classes.max(1)).zip(labels) {
            let (right, predicted) = (label as usize, most_probable(row));
            confusion[right][predicted] += 1;
            // The smallest normal number stands for a probability that rounded to zero.
            loss -= f64::from(row[right].max(f32::MIN_POSITIVE)).ln();
            let top = f64::from(row[predicted]);
            // Bin m holds what is above (m - 1)/15, up to and with m/15.
            let bin = (top * CALIBRATION_BINS as f64).ceil() as usize;
            bins[bin.clamp(1, CALIBRATION_BINS) - 1] += top - f64::from(u8::from(right == predicted));
        }
        let texts = labels.len() as f64;
        let calibration_error = bins.iter().map(|sum| sum.abs()).sum::<f64>() / texts;
        Metrics { loss: loss / texts, confusion, calibration_error }
    }

    /// Number of texts.
    pub fn texts(&self) -> usize {
        self.confusion.iter().flatten().sum()
    }

    /// Share of texts whose class was predicted.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.confusion.len()).map(|class| self.confusion[class][class]).sum();
        right as f64 / self.texts() as f64
    }

    /// The figures of each class.
    pub fn classes(&self) -> Vec<ClassMetrics> {
        let predicted = |class: usize| self.confusion.iter().map(|row| row[class]).sum();
        let of = |(class, row): (usize, &Vec<usize>)| ClassMetrics {
            texts: row.iter().sum(),
            predicted: predicted(class),
            right: row[class],
        };
        self.confusion.iter().enumerate().map(of).collect()
    }

    /// The mean of the classes' F1, each class counting the same. A class with neither texts nor predictions counts as 0, as
    /// in scikit-learn with `zero_division=0` and all labels named.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.classes();
        classes.iter().filter_map(ClassMetrics::f1).sum::<f64>() / classes.len() as f64
    }

    /// The mean of the classes' F1, each class counting by its texts.
    pub fn weighted_f1(&self) -> f64 {
        let sum: f64 = self.classes().iter().map(|class| class.texts as f64 * class.f1().unwrap_or(0.0)).sum();
        sum / self.texts() as f64
    }

    /// The mistakes, most frequent first: right class, predicted class, texts.
    pub fn mistakes(&self) -> Vec<(usize, usize, usize)> {
        let cells = self.confusion.iter().enumerate();
        let cells = cells.flat_map(|(right, row)| row.iter().enumerate().map(move |(class, &n)| (right, class, n)));
        let mut mistakes: Vec<_> = cells.filter(|&(right, class, texts)| right != class && texts > 0).collect();
        // Stable: of equals the one of the first class.
        mistakes.sort_by_key(|&(_, _, texts)| std::cmp::Reverse(texts));
        mistakes
    }
}

/// The index of the largest probability, of equals the first.
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
    fn figures_of_a_small_case_done_by_hand() {
        let probabilities = [0.9, 0.1, 0.4, 0.6, 0.2, 0.8, 0.5, 0.5];
        let metrics = Metrics::of(&probabilities, &[0, 0, 1, 1], 2);
        assert_eq!(metrics.confusion, [[1, 1], [1, 1]]);
        assert_eq!(metrics.accuracy(), 0.5);
        assert_eq!(metrics.macro_f1(), 0.5);
        let loss = -(0.9f64.ln() + 0.4f64.ln() + 0.8f64.ln() + 0.5f64.ln()) / 4.0;
        assert!((metrics.loss - loss).abs() < 1e-7);
        // Four bins of one text each: right at 0.9 and 0.8, wrong at 0.6 and 0.5.
        assert!((metrics.calibration_error - (0.1 + 0.6 + 0.2 + 0.5) / 4.0).abs() < 1e-7);
        assert_eq!(metrics.mistakes(), [(0, 1, 1), (1, 0, 1)]);
    }

    #[test]
    fn texts_of_one_bin_are_weighed_together() {
        // 0.59 and 0.55 are both above 8/15 and not above 9/15; one is right, one wrong.
        let metrics = Metrics::of(&[0.59, 0.41, 0.55, 0.45], &[0, 1], 2);
        assert!((metrics.calibration_error - (0.57 - 0.5)).abs() < 1e-7, "{}", metrics.calibration_error);
        // Sure and right: no error, in the last bin.
        assert_eq!(Metrics::of(&[1.0, 0.0], &[0], 2).calibration_error, 0.0);
    }

    #[test]
    fn a_class_that_never_occurs_counts_as_zero() {
        let metrics = Metrics::of(&[0.9, 0.1, 0.0, 0.1, 0.9, 0.0], &[0, 1], 3);
        assert_eq!(metrics.accuracy(), 1.0);
        assert!((metrics.macro_f1() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(metrics.weighted_f1(), 1.0);
        assert_eq!(metrics.classes()[2], ClassMetrics { texts: 0, predicted: 0, right: 0 });
    }
}
