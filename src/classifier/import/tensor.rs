//! Tensors of a model to import.

use crate::error::{Malformed, Place};

/// A tensor of a model to import.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its name, as in `lstm.weight_ih_l0` or `lstm/lstm_cell/kernel`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// A problem with the weights.
pub(super) fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}
