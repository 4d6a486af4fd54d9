//! A set of rows.

use rayon::prelude::*;

use crate::error::Result;
use crate::vectors::{Case, Vectors};

/// A set of rows of a table, for searches restricted to them: distinct, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSet(Vec<u32>);

impl FromIterator<u32> for RowSet {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut rows: Vec<u32> = rows.into_iter().collect();
        rows.sort_unstable();
        rows.dedup();
        RowSet(rows)
    }
}

impl RowSet {
    /// The rows of some words, looked up exactly, and the words that have no row, in the order given.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn of_words<'a>(
        vectors: &Vectors,
        words: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(RowSet, Vec<&'a [u8]>)> {
        let (mut rows, mut unknown) = (Vec::new(), Vec::new());
        for word in words {
            match vectors.find(word, Case::Exact)? {
                Some(row) => rows.push(row),
                None => unknown.push(word),
            }
        }
        Ok((rows.into_iter().collect(), unknown))
    }

    /// The rows whose words satisfy `predicate`, which is called in parallel for the bytes of every word.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn matching(vectors: &Vectors, predicate: impl Fn(&[u8]) -> bool + Sync) -> Result<RowSet> {
        vectors.check()?;
        let words = vectors.vocabulary();
        let rows = (0..words.len() as u32).into_par_iter();
        Ok(RowSet(rows.filter(|&row| words.word(row).is_some_and(&predicate)).collect()))
    }

    /// The rows in both sets.
    pub fn intersection(&self, other: &RowSet) -> RowSet {
        let (few, many) = if self.len() < other.len() { (self, other) } else { (other, self) };
        RowSet(few.0.iter().copied().filter(|row| many.0.binary_search(row).is_ok()).collect())
    }

    /// The rows, in ascending order.
    pub fn rows(&self) -> &[u32] {
        &self.0
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rows of the set that are among the first `rows` of the table.
    pub fn among_first(&self, rows: usize) -> &[u32] {
        &self.0[..self.0.partition_point(|&row| (row as usize) < rows)]
    }
}
