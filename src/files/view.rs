//! A table to be written, borrowed from wherever it is in memory.

use super::format::Format;
use super::subwords::Subwords;
use super::words::Words;

/// A table to be written, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableView<'a> {
    /// The words, all distinct.
    pub words: &'a Words,
    /// The vectors, `[rows, dimension]`.
    pub values: &'a [f32],
    /// Euclidean norms of the vectors, `[rows]`.
    pub norms: &'a [f32],
    /// Numbers per row.
    pub dimension: usize,
    /// The vectors of character n-grams, if there are any.
    pub subwords: Option<&'a Subwords>,
    /// The vectors as 8-bit codes, `[blocks, groups, 16, 4]`, and one scale per row. Only table files store them.
    pub codes: Option<(&'a [u8], &'a [f32])>,
    /// Name of the file that the vectors were read from.
    pub source: &'a str,
    /// Format of that file.
    pub source_format: Format,
}
