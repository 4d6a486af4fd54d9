//! A table to be written, borrowed from wherever it is in memory.

use super::format::Format;
use super::subwords::Subwords;
use super::words::Words;

/// A table to be written, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct TableView<'a> {
    /// The words, no two of them equal.
    pub words: &'a Words,
    /// `[rows, dimension]`.
    pub values: &'a [f32],
    /// `[rows]`, Euclidean.
    pub norms: &'a [f32],
    /// Numbers a row.
    pub dimension: usize,
    /// The vectors of character n-grams, where there are any.
    pub subwords: Option<&'a Subwords>,
    /// The rows as 8-bit codes, `[blocks, groups, 16, 4]`, and a scale a row: for a table file, which leaves them out if there
    /// are none.
    pub codes: Option<(&'a [u8], &'a [f32])>,
    /// Name of the file that the rows came from.
    pub source: &'a str,
    /// Format of that file.
    pub source_format: Format,
}
