//! Rows as the readers return them: words, numbers, and the rows that were skipped.

use super::buffer::Buffer;
use super::words::Words;
use crate::error::{Malformed, Place};

/// What a reader yields: words and their numbers, in the file's order, duplicates and all.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    /// One word a row.
    pub words: Words,
    /// `[rows, dimension]`, row after row.
    pub values: Buffer<f32>,
    /// Numbers a row.
    pub dimension: usize,
    /// Rows that were left out because they are bad; none unless [``ReadOptions::skip_bad_rows`](super::ReadOptions::skip_bad_rows) asked for it.
    pub skipped: Skipped,
    /// What a user should be told about the file, a sentence each.
    pub warnings: Vec<String>,
}

impl Rows {
    /// The rows, if there are any, with a warning about those that were skipped.
    pub(super) fn checked(mut self) -> Result<Rows, Malformed> {
        if let Some(first) = self.skipped.examples.first() {
            let skipped = if self.skipped.rows == 1 { "row was" } else { "rows were" };
            let skipped =
                format!("{} {skipped} skipped; the first: {}", self.skipped.rows, first.clone().without_advice());
            if self.words.is_empty() {
                return Err(Malformed::at(
                    Place::File,
                    "rows of word vectors",
                    format!("none that is good: {skipped}"),
                ));
            }
            self.warnings.push(skipped);
        }
        Ok(self)
    }
}

/// Bad rows that were skipped.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// What was wrong with the first few.
    pub examples: Vec<Malformed>,
}

impl Skipped {
    /// Examples kept.
    const EXAMPLES: usize = 5;

    pub(super) fn add(&mut self, error: Malformed) {
        self.rows += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(error);
        }
    }

    /// Adds rows that come later in the file.
    pub(super) fn append(&mut self, later: Skipped) {
        self.rows += later.rows;
        self.examples.extend(later.examples);
        self.examples.truncate(Self::EXAMPLES);
    }
}

/// Closes the gaps that rows leave: those of `gone`, in ascending order. The words that stay are returned.
pub(crate) fn remove_rows(
    words: &Words,
    values: &mut Buffer<f32>,
    dimension: usize,
    gone: impl Iterator<Item = usize>,
) -> Words {
    let mut kept = Words::default();
    let numbers = values.as_mut_slice();
    let mut gone = gone.peekable();
    for (row, word) in words.iter().enumerate() {
        if gone.next_if_eq(&row).is_none() {
            numbers.copy_within(row * dimension..(row + 1) * dimension, kept.len() * dimension);
            kept.push(word);
        }
    }
    values.truncate(kept.len() * dimension);
    kept
}
