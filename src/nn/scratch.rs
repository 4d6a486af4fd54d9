//! Buffers that are reused between batches.
//!
//! A batch needs some megabytes for its states. Allocating them each time takes longer than the elementwise arithmetic on them, so
//! the buffers of the last batch are kept. All threads share one pool, because a buffer is often freed on another thread.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use super::Real;

/// Maximum number of free buffers in the pool.
const MAX_FREE_BUFFERS: usize = 256;

/// A buffer that returns to the pool when it is dropped.
pub struct Scratch<T: Real> {
    /// May be longer than `length`, so that a longer buffer need not be cleared again.
    buffer: Vec<T>,
    length: usize,
}

impl<T: Real> Scratch<T> {
    /// A buffer with unspecified content.
    pub(crate) fn uncleared(length: usize) -> Self {
        if length == 0 {
            return Scratch::default();
        }
        let mut pool = T::pool().lock().unwrap_or_else(PoisonError::into_inner);
        let large_enough = pool.iter().enumerate().filter(|(_, buffer)| buffer.len() >= length);
        let place = large_enough.min_by_key(|(_, buffer)| buffer.len()).map(|(place, _)| place);
        let buffer = place.map(|place| pool.swap_remove(place));
        drop(pool);
        // Some spare capacity, so that a slightly larger batch can reuse the buffer.
        let buffer = buffer.unwrap_or_else(|| vec![T::zero(); length + length / 4]);
        Scratch { buffer, length }
    }

    /// A buffer of zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut buffer = Scratch::uncleared(length);
        buffer.fill(T::zero());
        buffer
    }
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Self {
        Scratch { buffer: Vec::new(), length: 0 }
    }
}

impl<T: Real> Drop for Scratch<T> {
    fn drop(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let mut pool = T::pool().lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < MAX_FREE_BUFFERS {
            pool.push(std::mem::take(&mut self.buffer));
        }
    }
}

impl<T: Real> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[..self.length]
    }
}

impl<T: Real> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[..self.length]
    }
}

impl<T: Real> fmt::Debug for Scratch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
