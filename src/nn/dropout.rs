//! Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so that prediction needs no change.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

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

    /// Drops each of `count` components with probability `rate`, which is at least 0 and less than 1.
    pub fn new(count: usize, rate: f64, rng: &mut ChaCha8Rng) -> Self {
        if rate <= 0.0 {
            return Dropout::none();
        }
        let keep = T::of(1.0 / (1.0 - rate));
        let threshold = (rate * f64::from(u32::MAX)) as u32;
        let draw = || if rng.random::<u32>() < threshold { T::zero() } else { keep };
        Dropout { mask: std::iter::repeat_with(draw).take(count).collect() }
    }

    /// Drops each of some words' rows as a whole with probability `rate`, beside what is dropped already. What becomes of a word
    /// depends on `seed` and its id alone, so that it is the same in every part of a batch.
    pub fn rows(&mut self, ids: &[u32], width: usize, rate: f64, seed: u64) {
        if rate <= 0.0 {
            return;
        }
        if self.mask.is_empty() {
            self.mask = vec![T::one(); ids.len() * width];
        }
        let keep = T::of(1.0 / (1.0 - rate));
        for (row, &id) in self.mask.chunks_exact_mut(width.max(1)).zip(ids) {
            let chance = ChaCha8Rng::seed_from_u64(seed ^ (u64::from(id) << 32)).random::<f64>();
            let scale = if chance < rate { T::zero() } else { keep };
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
