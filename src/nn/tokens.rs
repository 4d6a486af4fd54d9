//! What the tokens of a batch read.

use super::real::add;
use super::{Real, Scratch};

/// What the tokens of a batch are: some rows, and which of them each token reads. A word that occurs often in a batch is so
/// multiplied with the weights once.
#[derive(Debug)]
pub struct Tokens<T: Real> {
    /// `[U, E]`
    rows: Scratch<T>,
    /// `[N]`, each below `U`; `None` where each token reads the row of its own number.
    places: Option<Vec<u32>>,
}

impl<T: Real> Tokens<T> {
    /// Tokens that share rows.
    ///
    /// # Shapes
    /// `rows` `[U, E]`, `places` `[N]`, each below `U`.
    pub fn shared(rows: Vec<T>, places: Vec<u32>) -> Self {
        Tokens { rows: rows.into(), places: Some(places) }
    }

    pub(super) fn rows(&self) -> &[T] {
        &self.rows
    }

    pub(super) fn rows_mut(&mut self) -> &mut [T] {
        &mut self.rows
    }

    pub(super) fn places(&self) -> Option<&[u32]> {
        self.places.as_deref()
    }
}

impl<T: Real> Default for Tokens<T> {
    fn default() -> Self {
        Scratch::default().into()
    }
}

impl<T: Real> From<Scratch<T>> for Tokens<T> {
    fn from(rows: Scratch<T>) -> Self {
        Tokens { rows, places: None }
    }
}

impl<T: Real> From<Vec<T>> for Tokens<T> {
    fn from(rows: Vec<T>) -> Self {
        Scratch::from(rows).into()
    }
}

/// Some columns of a matrix, those from `column` on, and which of its rows belongs to each token.
#[derive(Debug)]
pub(super) struct OfTokens<'a, V> {
    pub values: V,
    pub stride: usize,
    pub column: usize,
    pub places: Option<&'a [u32]>,
}

impl<V> OfTokens<'_, V> {
    /// Where the row of a token begins.
    fn at(&self, token: usize) -> usize {
        self.places.map_or(token, |places| places[token] as usize) * self.stride + self.column
    }
}

impl<T: Real> OfTokens<'_, &[T]> {
    /// Copies the rows of the tokens from `first` on, each `width` long, to `to`.
    pub fn read(&self, first: usize, width: usize, to: &mut [T]) {
        for (token, to) in (first..).zip(to.chunks_exact_mut(width)) {
            to.copy_from_slice(&self.values[self.at(token)..][..width]);
        }
    }

    /// Adds the rows of the tokens from `first` on to `to`.
    pub fn read_add(&self, first: usize, width: usize, to: &mut [T]) {
        for (token, to) in (first..).zip(to.chunks_exact_mut(width)) {
            add(to, &self.values[self.at(token)..][..width]);
        }
    }
}

impl<T: Real> OfTokens<'_, &mut [T]> {
    /// Writes the rows of the tokens from `first` on.
    pub fn write(&mut self, first: usize, width: usize, of_tokens: &[T]) {
        for (token, values) in (first..).zip(of_tokens.chunks_exact(width)) {
            let at = self.at(token);
            self.values[at..at + width].copy_from_slice(values);
        }
    }

    /// Adds to the rows of the tokens from `first` on.
    pub fn add(&mut self, first: usize, width: usize, of_tokens: &[T]) {
        for (token, values) in (first..).zip(of_tokens.chunks_exact(width)) {
            let at = self.at(token);
            add(&mut self.values[at..at + width], values);
        }
    }
}
