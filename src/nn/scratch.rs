//! Buffers that are used again.
//!
//! A batch needs some megabytes for its states. To ask the system for them anew each time costs more than the element-wise
//! arithmetic on them, so each thread keeps the buffers of its last batch.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use super::Real;

/// Free buffers of a thread.
pub type Pool<T> = RefCell<Vec<Vec<T>>>;

/// Buffers that a thread keeps at most.
const KEPT: usize = 64;

/// A buffer that goes back to its thread's pool.
pub struct Scratch<T: Real>(Vec<T>);

impl<T: Real> Scratch<T> {
    /// A buffer that holds whatever it held before.
    pub(super) fn any(length: usize) -> Self {
        let mut buffer = with_pool(T::pool(), |pool| {
            let fitting = pool.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
            let place = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(place, _)| place);
            place.map(|place| pool.swap_remove(place))
        })
        .flatten()
        // Some room, so that the next batch, a little larger, need not begin anew.
        .unwrap_or_else(|| Vec::with_capacity(length + length / 4));
        buffer.resize(length, T::zero());
        Scratch(buffer)
    }

    /// A buffer of zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let mut buffer = Scratch::any(length);
        buffer.fill(T::zero());
        buffer
    }
}

impl<T: Real> Scratch<T> {
    /// The buffer, to be kept.
    pub(super) fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

impl<T: Real> Default for Scratch<T> {
    fn default() -> Self {
        Scratch(Vec::new())
    }
}

/// Passes a thread's pool to `work`; `None` when the thread is ending.
fn with_pool<T, R>(pool: &'static LocalKey<Pool<T>>, work: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> Option<R> {
    pool.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| work(&mut pool))).ok().flatten()
}

impl<T: Real> Drop for Scratch<T> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        with_pool(T::pool(), |pool| {
            if pool.len() < KEPT && buffer.capacity() > 0 {
                pool.push(buffer);
            }
        });
    }
}

impl<T: Real> From<Vec<T>> for Scratch<T> {
    fn from(buffer: Vec<T>) -> Self {
        Scratch(buffer)
    }
}

impl<T: Real> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Real> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Real> fmt::Debug for Scratch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
