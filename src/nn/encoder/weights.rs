//! The weights of cells, and their packed copies.

use std::sync::OnceLock;

use super::shape::EncoderShape;
use crate::nn::Real;
use crate::nn::product::{GemmMatrix, GemvMatrix};

/// The weights of one cell (a layer and a direction), or their gradients. The gates of an LSTM are in the order i, f, g, o.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<T> {
    /// `[G H, input]`; empty if the inputs are products.
    pub weight_ih: Vec<T>,
    /// `[G H, H]`
    pub weight_hh: Vec<T>,
    /// `[G H]`
    pub bias_ih: Vec<T>,
    /// `[G H]`; added to `bias_ih`. Separate as in PyTorch, because the optimizer updates both.
    pub bias_hh: Vec<T>,
}

impl<T: Real> Cell<T> {
    pub(super) fn zeros(sums: usize, input: usize, hidden: usize) -> Self {
        let zeros = |count: usize| vec![T::zero(); count];
        Cell {
            weight_ih: zeros(sums * input),
            weight_hh: zeros(sums * hidden),
            bias_ih: zeros(sums),
            bias_hh: zeros(sums),
        }
    }
}

/// The weights of an encoder as packed right operands, each packed when it is first used.
#[derive(Debug, Clone)]
pub(super) struct PackedWeights<T: Real> {
    hidden: OnceLock<Vec<GemmMatrix<T>>>,
    hidden_single: OnceLock<Vec<GemvMatrix<T>>>,
    hidden_backward: OnceLock<Vec<GemmMatrix<T>>>,
    input: OnceLock<Vec<GemmMatrix<T>>>,
    input_backward: OnceLock<Vec<GemmMatrix<T>>>,
}

impl<T: Real> Default for PackedWeights<T> {
    fn default() -> Self {
        let [hidden, hidden_backward, input, input_backward] = [(); 4].map(|()| OnceLock::new());
        PackedWeights { hidden, hidden_single: OnceLock::new(), hidden_backward, input, input_backward }
    }
}

impl<T: Real> PackedWeights<T> {
    /// `weight_hh` of each cell transposed, `[H, G H]`.
    pub fn hidden(&self, shape: &EncoderShape, cells: &[Cell<T>]) -> &[GemmMatrix<T>] {
        let size = [shape.hidden, shape.sums()];
        let pack = |cell: &Cell<T>| GemmMatrix::transposed(&cell.weight_hh, size);
        self.hidden.get_or_init(|| cells.iter().map(pack).collect())
    }

    /// The same, for prediction of a single text.
    pub fn hidden_single(&self, shape: &EncoderShape, cells: &[Cell<T>]) -> &[GemvMatrix<T>] {
        let size = [shape.hidden, shape.sums()];
        let pack = |cell: &Cell<T>| GemvMatrix::transposed(&cell.weight_hh, size);
        self.hidden_single.get_or_init(|| cells.iter().map(pack).collect())
    }

    /// `weight_hh` of each cell, `[G H, H]`, for the backward pass.
    pub fn hidden_backward(&self, shape: &EncoderShape, cells: &[Cell<T>]) -> &[GemmMatrix<T>] {
        let size = [shape.sums(), shape.hidden];
        let pack = |cell: &Cell<T>| GemmMatrix::new(&cell.weight_hh, size);
        self.hidden_backward.get_or_init(|| cells.iter().map(pack).collect())
    }

    /// `weight_ih` of each layer transposed, both directions side by side, `[input, D G H]`.
    pub fn input(&self, shape: &EncoderShape, cells: &[Cell<T>]) -> &[GemmMatrix<T>] {
        let pack = |(layer, cells): (usize, &[Cell<T>])| {
            let size = [shape.layer_input(layer), shape.products()];
            match cells {
                [cell] => GemmMatrix::transposed(&cell.weight_ih, size),
                cells => {
                    let both: Vec<T> = cells.iter().flat_map(|cell| &cell.weight_ih).copied().collect();
                    GemmMatrix::transposed(&both, size)
                }
            }
        };
        self.input.get_or_init(|| cells.chunks(shape.directions()).enumerate().map(pack).collect())
    }

    /// `weight_ih` of each cell, `[G H, input]`, for the backward pass.
    pub fn input_backward(&self, shape: &EncoderShape, cells: &[Cell<T>]) -> &[GemmMatrix<T>] {
        let sums = shape.sums();
        let pack = |cell: &Cell<T>| GemmMatrix::new(&cell.weight_ih, [sums, cell.weight_ih.len() / sums.max(1)]);
        self.input_backward.get_or_init(|| cells.iter().map(pack).collect())
    }
}
