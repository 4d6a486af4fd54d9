//! Softmax and cross-entropy.

use super::Real;

/// The softmax of each row of logits, in place. A row with NaN or positive infinity becomes NaN.
///
/// # Shapes
/// `logits` `[B, C]`.
pub fn softmax<T: Real>(logits: &mut [T], classes: usize) {
    for row in logits.chunks_exact_mut(classes.max(1)) {
        let largest = row.iter().copied().fold(T::neg_infinity(), T::max);
        let mut sum = T::zero();
        for value in row.iter_mut() {
            *value = (*value - largest).exp();
            sum += *value;
        }
        row.iter_mut().for_each(|value| *value /= sum);
    }
}

/// The summed cross-entropy of `logits` with the true classes, and its gradient, both times `scale` (1/B for the mean).
///
/// # Shapes
/// `logits` `[B, C]`, `labels` `[B]` each below `C`; the gradient is `[B, C]`.
pub fn cross_entropy<T: Real>(logits: &[T], labels: &[u32], classes: usize, scale: f64) -> (f64, Vec<T>) {
    CrossEntropy::default().loss_and_gradient(logits, labels, classes, scale)
}

/// Cross-entropy with class weights and label smoothing: PyTorch's `CrossEntropyLoss(weight, label_smoothing)`.
///
/// With weights `w`, smoothing `s` and `C` classes, a text of class `y` adds
/// `-(1 - s) w[y] log p[y] - s/C sum_c w[c] log p[c]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    /// The weight of each class; empty for weights of 1.
    pub weights: Vec<f64>,
    /// Label smoothing, from 0 to 1: the probability that is spread evenly over all classes.
    pub smoothing: f64,
}

impl CrossEntropy {
    /// The weight of a class.
    pub fn weight(&self, class: u32) -> f64 {
        self.weights.get(class as usize).copied().unwrap_or(1.0)
    }

    /// The scale of the summed loss for PyTorch's mean: 1 over the sum of the weights of the labels.
    pub fn mean_scale(&self, labels: impl Iterator<Item = u32>) -> f64 {
        1.0 / labels.map(|label| self.weight(label)).sum::<f64>()
    }

    /// The loss summed over the texts, and its gradient, both times `scale`.
    ///
    /// # Shapes
    /// `logits` `[B, C]`, `labels` `[B]` each below `C`; the gradient is `[B, C]`.
    pub fn loss_and_gradient<T: Real>(
        &self,
        logits: &[T],
        labels: &[u32],
        classes: usize,
        scale: f64,
    ) -> (f64, Vec<T>) {
        let mut gradient = logits.to_vec();
        softmax(&mut gradient, classes);
        let shared = self.smoothing / classes.max(1) as f64;
        let mut loss = 0.0;
        for ((probabilities, logits), &label) in
            gradient.chunks_exact_mut(classes.max(1)).zip(logits.chunks_exact(classes.max(1))).zip(labels)
        {
            // The target of each class: for plain cross-entropy 1 for the true class and 0 for the others.
            let target = |class: usize| {
                let own = if class == label as usize { 1.0 - self.smoothing } else { 0.0 };
                (own + shared) * self.weight(class as u32)
            };
            let total: f64 = (0..classes).map(target).sum();
            // Computed from the logits, because the probability may be rounded to zero.
            let largest = logits.iter().copied().fold(T::neg_infinity(), T::max);
            let sum: T = logits.iter().map(|&value| (value - largest).exp()).sum();
            for (class, (probability, &logit)) in probabilities.iter_mut().zip(logits).enumerate() {
                let target = target(class);
                // With a target of 0 the logit may be infinite.
                if target > 0.0 {
                    loss += target * (sum.ln() + largest - logit).as_f64();
                }
                *probability = (*probability * T::of(total) - T::of(target)) * T::of(scale);
            }
        }
        (loss * scale, gradient)
    }
}
