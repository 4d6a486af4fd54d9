//! Softmax and cross-entropy.

use super::Real;

/// Turns each row of logits into probabilities, in place. A row of infinities or NaN becomes NaN.
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

/// The summed cross-entropy of `logits` with the right classes, and its gradient, both times `scale` (1/B for the mean).
///
/// # Shapes
/// `logits` `[B, C]`, `labels` `[B]` each below `C`; the gradient is `[B, C]`.
pub fn cross_entropy<T: Real>(logits: &[T], labels: &[u32], classes: usize, scale: f64) -> (f64, Vec<T>) {
    CrossEntropy::default().loss_and_gradient(logits, labels, classes, scale)
}

/// Cross-entropy with weights of classes and smoothed labels; PyTorch's `CrossEntropyLoss(weight, label_smoothing)`.
///
/// With weights `w`, smoothing `s` and `C` classes, a text of class `y` adds
/// `-(1 - s) w[y] log p[y] - s/C sum_c w[c] log p[c]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    /// A weight for each class; empty where each counts 1.
    pub weights: Vec<f64>,
    /// The share of a label that all classes get together, from 0 to 1.
    pub smoothing: f64,
}

impl CrossEntropy {
    /// The weight of a class.
    pub fn weight(&self, class: u32) -> f64 {
        self.weights.get(class as usize).copied().unwrap_or(1.0)
    }

    /// What to scale summed losses by for PyTorch's mean: 1 over the sum of the weights of the texts' classes.
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
            // What the text asks of each class; for plain cross-entropy 1 of its own and 0 of the others.
            let wanted = |class: usize| {
                let own = if class == label as usize { 1.0 - self.smoothing } else { 0.0 };
                (own + shared) * self.weight(class as u32)
            };
            let total: f64 = (0..classes).map(wanted).sum();
            // From the logits, not from the probability, which may have rounded to zero.
            let largest = logits.iter().copied().fold(T::neg_infinity(), T::max);
            let sum: T = logits.iter().map(|&value| (value - largest).exp()).sum();
            for (class, (probability, &logit)) in probabilities.iter_mut().zip(logits).enumerate() {
                let wanted = wanted(class);
                // Nothing is asked of a class whose logit may be infinite.
                if wanted > 0.0 {
                    loss += wanted * (sum.ln() + largest - logit).as_f64();
                }
                *probability = (*probability * T::of(total) - T::of(wanted)) * T::of(scale);
            }
        }
        (loss * scale, gradient)
    }
}
