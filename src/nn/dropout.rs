//! Inverted dropout (Srivastava et al. 2014): kept components are scaled up in training, so prediction needs no scaling.

use rand::{Rng, RngExt};

use super::Real;

/// The dropout mask of a forward pass, also applied in its backward pass.
///
/// # Shapes
/// As the values that it is applied to.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout<T> {
    /// 0 for dropped components, the scale for kept ones; empty for no dropout.
    mask: Vec<T>,
}

impl<T: Real> Dropout<T> {
    /// No dropout.
    pub fn none() -> Self {
        Dropout { mask: Vec::new() }
    }

    /// Drops each of `count` components with probability `rate`, in [0, 1), which is rounded to 1/65,536 because each random number
    /// is used for four components.
    pub fn new(count: usize, rate: f64, rng: &mut impl Rng) -> Self {
        if rate <= 0.0 {
            return Dropout::none();
        }
        let keep = T::of(1.0 / (1.0 - rate));
        let threshold = (rate * 65_536.0).round() as u64;
        let mut mask = vec![keep; count];
        for group in mask.chunks_mut(4) {
            let mut draws = rng.random::<u64>();
            for scale in group {
                if draws & 0xffff < threshold {
                    *scale = T::zero();
                }
                draws >>= 16;
            }
        }
        Dropout { mask }
    }

    /// Additionally drops whole rows, each with probability `rate`.
    ///
    /// # Shapes
    /// The mask is `[count, width]`.
    pub fn rows(&mut self, count: usize, width: usize, rate: f64, rng: &mut impl Rng) {
        if rate <= 0.0 {
            return;
        }
        if self.mask.is_empty() {
            self.mask = vec![T::one(); count * width];
        }
        let keep = T::of(1.0 / (1.0 - rate));
        for row in self.mask.chunks_exact_mut(width.max(1)) {
            let scale = if rng.random::<f64>() < rate { T::zero() } else { keep };
            row.iter_mut().for_each(|mask| *mask *= scale);
        }
    }

    /// Applies the mask to values (forward) or to their gradients (backward).
    pub fn apply(&self, values: &mut [T]) {
        for (value, &mask) in values.iter_mut().zip(&self.mask) {
            *value *= mask;
        }
    }
}
