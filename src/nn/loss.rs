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
    let mut gradient = logits.to_vec();
    softmax(&mut gradient, classes);
    let mut loss = 0.0;
    for ((probabilities, logits), &label) in
        gradient.chunks_exact_mut(classes).zip(logits.chunks_exact(classes)).zip(labels)
    {
        // From the logits, not from the probability, which may have rounded to zero.
        let largest = logits.iter().copied().fold(T::neg_infinity(), T::max);
        let sum: T = logits.iter().map(|&value| (value - largest).exp()).sum();
        loss += (sum.ln() + largest - logits[label as usize]).as_f64();
        probabilities[label as usize] -= T::one();
        probabilities.iter_mut().for_each(|value| *value *= T::of(scale));
    }
    (loss * scale, gradient)
}
