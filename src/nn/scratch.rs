//! Buffers that are used again.
//!
//! A batch needs some megabytes for its states. To ask the system for them anew each time costs more than the element-wise
//! arithmetic on them, so the buffers of the last batch are kept. All threads share them: a buffer often ends on another thread than
//! it began on.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::Real;

/// Free buffers.
pub type Pool<T> = Mutex<Vec<Vec<T>>>;

/// Free buffers that are kept at most.
const MAX_FREE_BUFFERS: usize = 256;

/// A buffer that goes back to the pool.
pub struct Scratch<T: Real> {
    /// At least as long as what is seen of it: what it held before need not be cleared when more of it is wanted again.
    buffer: Vec<T>,
    length: usize,
}

impl<T: Real> Scratch<T> {
    /// A buffer that holds whatever it held before.
    pub(crate) fn uncleared(length: usize) -> Self {
        if length == 0 {
            return Scratch::default();
        }
        let mut pool = T::pool().lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = pool.iter().enumerate().filter(|(_, buffer)| buffer.len() >= length);
        let place = fitting.min_by_key(|(_, buffer)| buffer.len()).map(|(place, _)| place);
        let buffer = place.map(|place| pool.swap_remove(place));
        drop(pool);
        // Some room, so that the next batch, a little larger, need not begin anew.
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
