//! The gradients of an encoder's weights, from what the parts of a batch owe to them.

use rayon::prelude::*;

use super::{Encoder, LayerCache};
use crate::nn::Real;
use crate::nn::real::{Into, Rows, add, add_columns, product_tn};

impl<T: Real> Encoder<T> {
    /// The gradients of all weights, from what the parts of a batch owe to them; computed in blocks, so that several threads share
    /// the work, each block with its sums in the order of the parts.
    ///
    /// # Shapes
    /// `rows` `[U, E]` as they went into [`Encoder::multiply`], `products` `[U, D G H]` the gradient of their products.
    pub fn gradients(&self, parts: &[Owed<T>], rows: &[T], products: &[T]) -> Encoder<T> {
        let (shape, sums) = (self.shape, self.shape.sums());
        let mut gradients = Encoder::zeros(shape);
        let mut blocks: Vec<(usize, Block, usize, &mut [T])> = Vec::new();
        for (index, cell) in gradients.cells.iter_mut().enumerate() {
            let width = cell.weight_ih.len() / sums.max(1);
            for (what, values, width) in [
                (Block::Hidden, &mut cell.weight_hh, shape.hidden),
                (Block::Input, &mut cell.weight_ih, width),
                (Block::Bias, &mut cell.bias_ih, 1),
            ] {
                let pieces = values.chunks_mut((BLOCK * width).max(1)).enumerate();
                blocks.extend(pieces.map(|(piece, values)| (index, what, piece * BLOCK, values)));
            }
        }
        blocks.into_par_iter().for_each(|(index, what, first, values)| {
            let (layer, direction) = (index / shape.directions(), index % shape.directions());
            let first_layer = OfSums { values: products, stride: shape.products(), column: direction * sums + first };
            let of_parts = parts.iter().map(|part| &part.layers[layer]);
            let of_parts = of_parts.map(|layer| {
                let kept = &layer.directions[direction];
                (OfSums { values: &kept.gates, stride: sums, column: first }, kept, layer)
            });
            match (what, layer) {
                (Block::Hidden, _) => of_parts.for_each(|(sums, kept, _)| sums.times(&kept.hidden_before, values)),
                (Block::Input, 0) => first_layer.times(rows, values),
                (Block::Input, _) => of_parts.for_each(|(sums, _, layer)| sums.times(&layer.input, values)),
                (Block::Bias, 0) => first_layer.add_up(values),
                (Block::Bias, _) => of_parts.for_each(|(sums, ..)| sums.add_up(values)),
            }
        });
        for cell in &mut gradients.cells {
            cell.bias_hh.copy_from_slice(&cell.bias_ih);
        }
        gradients
    }
}

/// Rows of weights whose gradients are computed together.
const BLOCK: usize = 128;

/// What the gradients of a block of rows are of.
#[derive(Debug, Clone, Copy)]
enum Block {
    Hidden,
    Input,
    Bias,
}

/// Gradients of some of the sums, `[rows, width]` of which the columns from `column` on are meant.
struct OfSums<'a, T> {
    values: &'a [T],
    stride: usize,
    column: usize,
}

impl<T: Real> OfSums<'_, T> {
    /// Adds their product with the rows that were multiplied with the weights to the weights' gradient.
    fn times(&self, rows: &[T], gradient: &mut [T]) {
        let count = self.values.len() / self.stride.max(1);
        let width = rows.len() / count.max(1);
        if let Some(height) = gradient.len().checked_div(width) {
            let sums = Rows { values: &self.values[self.column..], stride: self.stride };
            product_tn(gradient, sums, rows, [height, width, count], Into::Add);
        }
    }

    fn add_up(&self, gradient: &mut [T]) {
        add_columns(gradient, self.values, self.stride, self.column);
    }
}

/// What a backward pass owes to the weights and to the products: the gradients of all sums, and what they were the sums of.
#[derive(Debug)]
pub struct Owed<T: Real> {
    pub(super) layers: Vec<LayerCache<T>>,
}

impl<T: Real> Owed<T> {
    /// Adds the gradient of a token's products to `sum`, `[D G H]`.
    pub fn add_products(&self, token: usize, sum: &mut [T]) {
        let directions = self.layers.first().map(|layer| layer.directions.as_slice()).unwrap_or_default();
        let width = sum.len() / directions.len().max(1);
        for (kept, sum) in directions.iter().zip(sum.chunks_exact_mut(width.max(1))) {
            add(sum, &kept.gates[token * width..][..width]);
        }
    }
}
