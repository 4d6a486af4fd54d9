//! The rows of a matrix, by token.

use super::Real;
use super::real::add;

/// The columns from `column` on of a matrix, and the row of each token: `places`, or else token `i` has row `i`.
#[derive(Debug)]
pub(super) struct TokenRows<'a, V> {
    pub values: V,
    pub stride: usize,
    pub column: usize,
    pub places: Option<&'a [u32]>,
}

impl<V> TokenRows<'_, V> {
    /// The start of the row of a token.
    fn at(&self, token: usize) -> usize {
        self.places.map_or(token, |places| places[token] as usize) * self.stride + self.column
    }
}

impl<'a, T: Real> TokenRows<'_, &'a [T]> {
    /// The row of a token.
    pub fn row(&self, token: usize, width: usize) -> &'a [T] {
        &self.values[self.at(token)..][..width]
    }

    /// Adds the rows of the tokens from `first` on to the rows of `to`.
    pub fn read_add(&self, first: usize, width: usize, to: &mut [T]) {
        for (token, to) in (first..).zip(to.chunks_exact_mut(width)) {
            add(to, self.row(token, width));
        }
    }
}

impl<T: Real> TokenRows<'_, &mut [T]> {
    /// Writes the rows of the tokens from `first` on.
    pub fn write(&mut self, first: usize, width: usize, of_tokens: &[T]) {
        for (token, values) in (first..).zip(of_tokens.chunks_exact(width)) {
            let at = self.at(token);
            self.values[at..at + width].copy_from_slice(values);
        }
    }
}
