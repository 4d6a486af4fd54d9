//! The gradients of an encoder's weights, accumulated over the parts of a batch.

use rayon::prelude::*;

use super::cache::LayerCache;
use super::weights::Cell;
use crate::nn::gemm::{Accumulate, RowMatrix};
use crate::nn::product::{product_tn, transpose};
use crate::nn::real::{add, add_columns};
use crate::nn::recurrence::CellCache;
use crate::nn::{Packing, Real, Scratch};

/// The result of a backward pass: the gradients of the input products of all tokens, and partial gradients of the weights.
#[derive(Debug)]
pub struct InputGradients<T: Real> {
    /// The gradients of the first layer's pre-activations, for each direction, `[N, G H]`.
    sums: Vec<Scratch<T>>,
    weights: PartialGradients<T>,
}

impl<T: Real> InputGradients<T> {
    pub(super) fn new(first: Option<LayerCache<T>>, weights: PartialGradients<T>) -> Self {
        let directions = first.map_or_else(Vec::new, |layer| layer.directions);
        InputGradients { sums: directions.into_iter().map(|cache| cache.gates).collect(), weights }
    }

    /// The partial gradients of all weights except those of [`Encoder::multiply`](super::Encoder::multiply).
    pub fn weights(&self) -> &PartialGradients<T> {
        &self.weights
    }

    /// Adds the gradient of a token's products to `sum`, `[D G H]`.
    pub fn add_products(&self, token: usize, sum: &mut [T]) {
        self.products(token, sum, add);
    }

    /// Writes the gradient of a token's products to `to`, `[D G H]`.
    pub fn copy_products(&self, token: usize, to: &mut [T]) {
        self.products(token, to, <[T]>::copy_from_slice);
    }

    fn products(&self, token: usize, to: &mut [T], each: impl Fn(&mut [T], &[T])) {
        let width = to.len() / self.sums.len().max(1);
        for (sums, to) in self.sums.iter().zip(to.chunks_exact_mut(width.max(1))) {
            each(to, &sums[token * width..][..width]);
        }
    }
}

/// The gradients of some weights, for a part of a batch.
#[derive(Debug)]
pub struct PartialGradients<T: Real> {
    pieces: Vec<Piece<T>>,
}

/// The gradient of one parameter of one cell.
#[derive(Debug)]
struct Piece<T: Real> {
    /// Index of the cell.
    cell: usize,
    weights: Weights,
    /// Transposed for weight matrices, `[input, G H]`, so that the smaller operand of their product is read by columns.
    gradient: Scratch<T>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Weights {
    Input,
    Hidden,
    Bias,
}

impl<T: Real> PartialGradients<T> {
    pub(super) fn new() -> Self {
        PartialGradients { pieces: Vec::new() }
    }

    /// Adds the gradient of a weight matrix, given the gradients of the pre-activations and the inputs of the matrix.
    ///
    /// # Shapes
    /// `sums` `[count, stride]`, of which the first `height` columns are used; `rows` `[count, width]`.
    fn product(&mut self, cell: usize, weights: Weights, sums: RowMatrix<T>, rows: &[T], [height, count]: [usize; 2]) {
        if rows.is_empty() || count == 0 || height == 0 {
            return;
        }
        let width = rows.len() / count;
        let mut gradient = Scratch::uncleared(height * width);
        let rows = RowMatrix { values: rows, stride: width };
        product_tn(&mut gradient, rows, sums, [width, height, count], Accumulate::Replace);
        self.pieces.push(Piece { cell, weights, gradient });
    }

    fn bias(&mut self, cell: usize, sums: &[T], stride: usize, column: usize, height: usize) {
        let mut gradient = Scratch::zeros(height);
        add_columns(&mut gradient, sums, stride, column);
        self.pieces.push(Piece { cell, weights: Weights::Bias, gradient });
    }

    /// Adds the gradient of the recurrent weights of a cell, given the gradients of its pre-activations.
    pub(super) fn recurrent(&mut self, cell: usize, packing: &Packing, reverse: bool, cache: &CellCache<T>) {
        // In the forward direction the initial states of the first step are zeros and contribute nothing.
        let first = if reverse || packing.steps() == 0 { 0 } else { packing.running(0) };
        let count = packing.tokens() - first;
        let (height, width) =
            (cache.gates.len() / packing.tokens().max(1), cache.hidden_before.len() / packing.tokens().max(1));
        let sums = RowMatrix { values: &cache.gates[first * height..], stride: height };
        self.product(cell, Weights::Hidden, sums, &cache.hidden_before[first * width..], [height, count]);
    }

    /// Adds the gradients of the input weights and the bias of a cell, given the gradients of its pre-activations and its inputs.
    ///
    /// # Shapes
    /// `sums` `[N, stride]`, of which `height` columns from `column` on belong to the cell; `rows` `[N, input]`.
    pub(super) fn input(&mut self, cell: usize, sums: &[T], [stride, column, height]: [usize; 3], rows: &[T]) {
        let count = sums.len() / stride.max(1);
        if count > 0 {
            let columns = RowMatrix { values: &sums[column..], stride };
            self.product(cell, Weights::Input, columns, rows, [height, count]);
            self.bias(cell, sums, stride, column, height);
        }
    }

    /// Writes the sums of partial gradients, in their order, to the gradients of the cells. `height` is `G H`.
    pub(super) fn sum_into(cells: &mut [Cell<T>], partials: &[&PartialGradients<T>], height: usize) {
        // Summed in blocks in the layout of the partial gradients, and then transposed.
        let mut sums: Vec<(usize, Weights, &mut Vec<T>, Scratch<T>)> = Vec::new();
        for (index, cell) in cells.iter_mut().enumerate() {
            for (weights, values) in [
                (Weights::Hidden, &mut cell.weight_hh),
                (Weights::Input, &mut cell.weight_ih),
                (Weights::Bias, &mut cell.bias_ih),
            ] {
                let sum = Scratch::zeros(values.len());
                sums.push((index, weights, values, sum));
            }
        }
        let blocks = sums.iter_mut().flat_map(|(cell, weights, _, sum)| {
            let blocks = sum.chunks_mut(BLOCK).enumerate();
            blocks.map(|(block, sum)| (*cell, *weights, block * BLOCK, sum))
        });
        let blocks: Vec<(usize, Weights, usize, &mut [T])> = blocks.collect();
        blocks.into_par_iter().for_each(|(cell, weights, first, sum)| {
            let pieces = partials.iter().flat_map(|partial| &partial.pieces);
            let pieces = pieces.filter(|piece| (piece.cell, piece.weights) == (cell, weights));
            pieces.for_each(|piece| add(sum, &piece.gradient[first..]));
        });
        sums.into_par_iter().for_each(|(_, weights, values, sum)| match weights {
            Weights::Bias => values.copy_from_slice(&sum),
            Weights::Hidden | Weights::Input => transpose(&sum, [values.len() / height.max(1), height], values),
        });
        for cell in cells {
            cell.bias_hh.copy_from_slice(&cell.bias_ih);
        }
    }
}

/// Numbers per task.
const BLOCK: usize = 1 << 14;
