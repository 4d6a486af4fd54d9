//! How good predictions are.

use serde::{Deserialize, Serialize};

/// Figures over a set of labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean negative log probability of the right class.
    pub loss: f64,
    /// `confusion[right][predicted]`: numbers of texts.
    pub confusion: Vec<Vec<usize>>,
}

impl Metrics {
    /// From probabilities `[B, C]` and right classes `[B]`. The predicted class is the most probable; of equals the first.
    pub fn of(probabilities: &[f32], labels: &[u32], classes: usize) -> Metrics {
        let mut confusion = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        for (row, &label) in probabilities.chunks_exact(classes).zip(labels) {
            confusion[label as usize][most_probable(row)] += 1;
            // The smallest normal number stands for a probability that rounded to zero.
            loss -= f64::from(row[label as usize].max(f32::MIN_POSITIVE)).ln();
        }
        Metrics { loss: loss / labels.len() as f64, confusion }
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

    /// The mean of the classes' F1, each class counting the same. A class with neither texts nor predictions counts as 0, as
    /// in scikit-learn.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.confusion.len();
        let f1 = |class: usize| {
            let right = self.confusion[class][class];
            let texts: usize = self.confusion[class].iter().sum();
            let predicted: usize = self.confusion.iter().map(|row| row[class]).sum();
            if texts + predicted == 0 { 0.0 } else { 2.0 * right as f64 / (texts + predicted) as f64 }
        };
        (0..classes).map(f1).sum::<f64>() / classes as f64
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
    }

    #[test]
    fn a_class_that_never_occurs_counts_as_zero() {
        let metrics = Metrics::of(&[0.9, 0.1, 0.0, 0.1, 0.9, 0.0], &[0, 1], 3);
        assert_eq!(metrics.accuracy(), 1.0);
        assert!((metrics.macro_f1() - 2.0 / 3.0).abs() < 1e-12);
    }
}
