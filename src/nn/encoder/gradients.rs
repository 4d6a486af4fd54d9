//! The gradients of an encoder's weights, summed up from what the parts of a batch owe to them.

use rayon::prelude::*;

use super::{CellCache, Encoder, LayerCache};
use crate::nn::product::{Accumulate, RowMatrix, product_tn, transpose};
use crate::nn::real::{add, add_columns};
use crate::nn::{Packing, Real, Scratch};

/// What a backward pass owes to the products of its tokens, and to the weights.
#[derive(Debug)]
pub struct InputGradients<T: Real> {
    /// The gradients of the first layer's sums, direction by direction, `[N, G H]`.
    sums: Vec<Scratch<T>>,
    share: PartialGradients<T>,
}

impl<T: Real> InputGradients<T> {
    pub(super) fn new(first: Option<LayerCache<T>>, share: PartialGradients<T>) -> Self {
        let directions = first.map_or_else(Vec::new, |layer| layer.directions);
        InputGradients { sums: directions.into_iter().map(|kept| kept.gates).collect(), share }
    }

    /// Its share of the weights' gradients: of all weights but those that [`Encoder::multiply`] works with.
    pub fn share(&self) -> &PartialGradients<T> {
        &self.share
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

/// What a part of a batch owes to some of the weights.
#[derive(Debug)]
pub struct PartialGradients<T: Real> {
    pieces: Vec<Piece<T>>,
}

#[derive(Debug)]
struct Piece<T: Real> {
    /// Which of the encoder's cells.
    cell: usize,
    weights: Weights,
    /// Of weights transposed, `[input, G H]`: the smaller factor of their product is then the one that is read in columns.
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

    /// What some sums owe to weights, given the rows that were multiplied with the weights.
    ///
    /// # Shapes
    /// `sums` `[N, stride]`, of which the columns that `gradient` has rows for are meant; `rows` `[N, width]`.
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

    /// Of the recurrent weights of a cell that reads forwards or backwards, given the gradients of its sums.
    pub(super) fn recurrent(&mut self, cell: usize, packing: &Packing, reverse: bool, kept: &CellCache<T>) {
        // Forwards, the tokens of the first step begin with zeros, which owe nothing.
        let first = if reverse || packing.steps() == 0 { 0 } else { packing.running(0) };
        let count = packing.tokens() - first;
        let (height, width) =
            (kept.gates.len() / packing.tokens().max(1), kept.hidden_before.len() / packing.tokens().max(1));
        let sums = RowMatrix { values: &kept.gates[first * height..], stride: height };
        self.product(cell, Weights::Hidden, sums, &kept.hidden_before[first * width..], [height, count]);
    }

    /// Of the input weights and the bias of a cell, given the gradients of its sums and the rows that it read.
    ///
    /// # Shapes
    /// `sums` `[N, stride]`, of which the `height` columns from `column` on are the cell's; `rows` `[N, input]`.
    pub(super) fn input(&mut self, cell: usize, sums: &[T], [stride, column, height]: [usize; 3], rows: &[T]) {
        let count = sums.len() / stride.max(1);
        if count > 0 {
            let columns = RowMatrix { values: &sums[column..], stride };
            self.product(cell, Weights::Input, columns, rows, [height, count]);
            self.bias(cell, sums, stride, column, height);
        }
    }
}

impl<T: Real> Encoder<T> {
    /// Back through [`Encoder::multiply`]: what some rows and the weights owe.
    ///
    /// # Shapes
    /// `rows` `[U, E]` as they went in, `products` `[U, D G H]` the gradient of their products. The gradient of the rows is
    /// written to `wanted`, `[U, E]`, if it is.
    pub fn multiply_backward(&self, rows: &[T], products: &[T], wanted: Option<&mut [T]>) -> PartialGradients<T> {
        let (shape, sums) = (self.shape, self.shape.sums());
        let mut share = PartialGradients::new();
        // Rows that are products have no weights.
        let multiplied = if shape.input == 0 { &[] } else { rows };
        for direction in 0..shape.directions() {
            share.input(direction, products, [shape.products(), direction * sums, sums], multiplied);
        }
        if let Some(wanted) = wanted {
            self.rows_backward(products, wanted);
        }
        share
    }

    /// The gradients of all weights: the sum of the shares, in their order.
    pub fn gradients(&self, shares: &[&PartialGradients<T>]) -> Encoder<T> {
        let mut gradients = Encoder::zeros(self.shape);
        let height = self.shape.sums();
        // Summed up as the shares have them, in blocks, and then turned.
        let mut sums: Vec<(usize, Weights, &mut Vec<T>, Scratch<T>)> = Vec::new();
        for (index, cell) in gradients.cells.iter_mut().enumerate() {
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
            let pieces = shares.iter().flat_map(|share| &share.pieces);
            let pieces = pieces.filter(|piece| (piece.cell, piece.weights) == (cell, weights));
            pieces.for_each(|piece| add(sum, &piece.gradient[first..]));
        });
        sums.into_par_iter().for_each(|(_, weights, values, sum)| match weights {
            Weights::Bias => values.copy_from_slice(&sum),
            Weights::Hidden | Weights::Input => transpose(&sum, [values.len() / height.max(1), height], values),
        });
        for cell in &mut gradients.cells {
            cell.bias_hh.copy_from_slice(&cell.bias_ih);
        }
        gradients
    }
}

/// Numbers that are summed up together.
const BLOCK: usize = 1 << 14;
