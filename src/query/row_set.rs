//! Rows of a table, to search no others.

use rayon::prelude::*;

use crate::error::Result;
use crate::vectors::{Case, Vectors};

/// Rows of a table, to search no others: each once, in ascending order.
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
    /// The rows of some words, looked up exactly; beside them, the words that have none, in the order given.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn of_words<'a>(
        vectors: &Vectors,
        words: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(RowSet, Vec<&'a [u8]>)> {
        let (mut rows, mut without) = (Vec::new(), Vec::new());
        for word in words {
            match vectors.find(word, Case::Exact)? {
                Some(row) => rows.push(row),
                None => without.push(word),
            }
        }
        Ok((rows.into_iter().collect(), without))
    }

    /// The rows whose words, as bytes, are `wanted`. All words are asked about, in parallel.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn matching(vectors: &Vectors, wanted: impl Fn(&[u8]) -> bool + Sync) -> Result<RowSet> {
        vectors.check()?;
        let words = vectors.vocabulary();
        let rows = (0..words.len() as u32).into_par_iter();
        Ok(RowSet(rows.filter(|&row| words.word(row).is_some_and(&wanted)).collect()))
    }

    /// The rows that are in both.
    pub fn intersection(&self, other: &RowSet) -> RowSet {
        let (few, many) = if self.len() < other.len() { (self, other) } else { (other, self) };
        RowSet(few.0.iter().copied().filter(|row| many.0.binary_search(row).is_ok()).collect())
    }

    /// The rows.
    pub fn rows(&self) -> &[u32] {
        &self.0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those among the first `rows` of the table.
    pub fn among_first(&self, rows: usize) -> &[u32] {
        &self.0[..self.0.partition_point(|&row| (row as usize) < rows)]
    }
}
