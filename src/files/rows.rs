//! Rows as the readers return them: words, numbers, and the rows that were skipped.

use super::buffer::Buffer;
use super::words::Words;
use crate::error::{Malformed, Place};

/// The rows of a file, in the order of the file and including duplicates.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    /// The words, one per row.
    pub words: Words,
    /// The vectors, `[rows, dimension]`.
    pub values: Buffer<f32>,
    /// Numbers per row.
    pub dimension: usize,
    /// Bad rows that were skipped; none without [`ReadOptions::skip_bad_rows`](super::ReadOptions::skip_bad_rows).
    pub skipped: SkippedRows,
    /// Warnings about the file, one sentence each.
    pub warnings: Vec<String>,
}

impl Rows {
    /// The rows, with a warning about skipped rows.
    ///
    /// # Errors
    /// All rows were skipped.
    pub(super) fn checked(mut self) -> Result<Rows, Malformed> {
        if let Some(first) = self.skipped.examples.first() {
            let skipped = if self.skipped.rows == 1 { "row was" } else { "rows were" };
            let skipped =
                format!("{} {skipped} skipped; the first: {}", self.skipped.rows, first.clone().without_advice());
            if self.words.is_empty() {
                return Err(Malformed::message(Place::File, format!("no row can be read: {skipped}")));
            }
            self.warnings.push(skipped);
        }
        Ok(self)
    }
}

/// Bad rows that were skipped.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SkippedRows {
    /// Number of rows.
    pub rows: u64,
    /// The errors of the first few.
    pub examples: Vec<Malformed>,
}

impl SkippedRows {
    /// Maximum number of examples.
    const MAX_EXAMPLES: usize = 5;

    pub(super) fn add(&mut self, error: Malformed) {
        self.rows += 1;
        if self.examples.len() < Self::MAX_EXAMPLES {
            self.examples.push(error);
        }
    }

    /// Adds rows that come later in the file.
    pub(super) fn append(&mut self, later: SkippedRows) {
        self.rows += later.rows;
        self.examples.extend(later.examples);
        self.examples.truncate(Self::MAX_EXAMPLES);
    }
}

/// Removes the rows `removed`, in ascending order, from the values. Returns the words of the other rows.
pub(crate) fn remove_rows(
    words: &Words,
    values: &mut Buffer<f32>,
    dimension: usize,
    removed: impl Iterator<Item = usize>,
) -> Words {
    let mut kept = Words::default();
    let numbers = values.as_mut_slice();
    let mut removed = removed.peekable();
    for (row, word) in words.iter().enumerate() {
        if removed.next_if_eq(&row).is_none() {
            numbers.copy_within(row * dimension..(row + 1) * dimension, kept.len() * dimension);
            kept.push(word);
        }
    }
    values.truncate(kept.len() * dimension);
    kept
}
