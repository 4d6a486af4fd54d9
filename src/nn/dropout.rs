//! Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so that prediction needs no change.

use rand::{Rng, RngExt};

use super::Real;

/// Which components a pass drops; the backward pass applies the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout<T> {
    /// Zero for what is dropped, the scale for what is kept; empty to change nothing.
    mask: Vec<T>,
}

impl<T: Real> Dropout<T> {
    /// Drops nothing.
    pub fn none() -> Self {
        Dropout { mask: Vec::new() }
    }

    /// Drops each of `count` components with probability `rate`, which is at least 0 and less than 1; to 1/65,536, because four
    /// draws are taken of each random number.
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

    /// Drops rows as a whole, each with probability `rate`, beside what is dropped already.
    ///
    /// # Shapes
    /// The mask is that of rows of `width` components each.
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

    /// Drops and scales, forward (values) or backward (their gradients).
    pub fn apply(&self, values: &mut [T]) {
        for (value, &mask) in values.iter_mut().zip(&self.mask) {
            *value *= mask;
        }
    }
}
