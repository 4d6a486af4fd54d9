//! The encoder: reads the embeddings of a text's words and returns one vector for the text. Its cells are LSTMs (Hochreiter &
//! Schmidhuber 1997, with the forget gate of Gers et al. 2000) or plain recurrent networks (Elman 1990), both as in PyTorch.
//!
//! ```text
//! LSTM  i = sigmoid(W_i x + U_i h + b_i)    f = sigmoid(W_f x + U_f h + b_f)
//!       g = tanh   (W_g x + U_g h + b_g)    o = sigmoid(W_o x + U_o h + b_o)
//!       c' = f * c + i * g                  h' = o * tanh(c')
//! RNN   h' = tanh(W x + U h + b)
//! ```
//!
//! `docs/internals/lstm-backward.md` derives the backward pass.

mod cache;
mod gradients;
mod shape;
mod weights;

use std::fmt;

use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::gemm::{Accumulate, RowMatrix};
use super::real::add;
use super::recurrence::{CellCache, Recurrence, RecurrentWeights};
use super::tokens::TokenRows;
use super::{Dropout, Packing, Parameter, Pooling, Real, Scratch, pooling};
pub use cache::EncoderCache;
use cache::LayerCache;
pub use gradients::{InputGradients, PartialGradients};
pub use shape::{CellKind, EncoderShape};
pub use weights::Cell;
use weights::PackedWeights;

/// One or more layers of recurrent cells, in one or two directions, and the pooling of their states.
///
/// # Shapes
/// The input is the products of the embeddings with the input weights, `[U, D G H]`, from [`Encoder::multiply`]; the output is the
/// pooled states, `[B, D H]`.
#[derive(Clone)]
pub struct Encoder<T: Real> {
    shape: EncoderShape,
    /// For each layer the forward cell and then the backward cell, if there is one.
    cells: Vec<Cell<T>>,
    /// Packed copies of the weights, discarded when the cells change.
    packed: PackedWeights<T>,
}

/// A summary, not the weights.
impl<T: Real> fmt::Debug for Encoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({:?})", self.shape)
    }
}

impl<T: Real> PartialEq for Encoder<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.cells == other.cells
    }
}

impl<T: Real> Encoder<T> {
    /// An encoder of zeros, also used for gradients.
    pub fn zeros(shape: EncoderShape) -> Self {
        let cells = (0..shape.layers * shape.directions())
            .map(|cell| Cell::zeros(shape.sums(), shape.layer_input(cell / shape.directions()), shape.hidden))
            .collect();
        Encoder { shape, cells, packed: PackedWeights::default() }
    }

    /// An encoder with PyTorch's initialisation, uniform in ±1/sqrt(H). The forget gate of an LSTM has a bias of 1 (Jozefowicz et al.
    /// 2015), so that a new cell remembers.
    pub fn new(shape: EncoderShape, rng: &mut impl Rng) -> Self {
        let mut encoder = Encoder::zeros(shape);
        let hidden = shape.hidden;
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let uniform = Uniform::new_inclusive(-bound, bound).ok();
        for cell in &mut encoder.cells {
            for values in [&mut cell.weight_ih, &mut cell.weight_hh, &mut cell.bias_ih, &mut cell.bias_hh] {
                values.fill_with(|| T::of(uniform.map_or(0.0, |uniform| uniform.sample(rng))));
            }
            if shape.cell == CellKind::Lstm {
                cell.bias_ih[hidden..2 * hidden].fill(T::one());
                cell.bias_hh[hidden..2 * hidden].fill(T::zero());
            }
        }
        encoder
    }

    /// Removes the input weights of the first layer, for inputs that are products.
    pub fn without_input_weights(mut self) -> Self {
        self.shape.input = 0;
        let directions = self.shape.directions();
        self.cells_mut().iter_mut().take(directions).for_each(|cell| cell.weight_ih = Vec::new());
        self
    }

    /// The shape.
    pub fn shape(&self) -> EncoderShape {
        self.shape
    }

    /// The cells: for each layer the forward cell and then the backward cell, if there is one.
    pub fn cells(&self) -> &[Cell<T>] {
        &self.cells
    }

    /// The cells, mutable.
    pub fn cells_mut(&mut self) -> &mut [Cell<T>] {
        self.packed = PackedWeights::default();
        &mut self.cells
    }

    /// All weights under PyTorch's names.
    pub fn parameters(&self) -> Vec<Parameter<'_, T>> {
        let directions = self.shape.directions();
        let rows = self.shape.sums();
        let mut all = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let layer = index / directions;
            let suffix = if index % directions == 1 { "_reverse" } else { "" };
            let input = self.shape.layer_input(layer);
            for (name, shape, values) in [
                ("weight_ih", vec![rows, input], &cell.weight_ih),
                ("weight_hh", vec![rows, self.shape.hidden], &cell.weight_hh),
                ("bias_ih", vec![rows], &cell.bias_ih),
                ("bias_hh", vec![rows], &cell.bias_hh),
            ] {
                if !values.is_empty() {
                    all.push(Parameter { name: format!("{name}_l{layer}{suffix}"), shape, values });
                }
            }
        }
        all
    }

    /// All weights, in the order of [`Encoder::parameters`].
    pub fn parameters_mut(&mut self) -> Vec<&mut [T]> {
        self.cells_mut()
            .iter_mut()
            .flat_map(|cell| [&mut cell.weight_ih, &mut cell.weight_hh, &mut cell.bias_ih, &mut cell.bias_hh])
            .map(Vec::as_mut_slice)
            .filter(|values| !values.is_empty())
            .collect()
    }

    /// Multiplies rows with the input weights of the first layer and adds the biases, for [`Encoder::forward`]. If the rows are
    /// already products, only adds the biases.
    ///
    /// # Shapes
    /// `rows` `[U, E]`, `products` `[U, D G H]`.
    pub fn multiply(&self, rows: &[T], products: &mut [T]) {
        self.products(0, rows, products);
    }

    /// The forward pass of a batch. All initial states are zeros.
    ///
    /// `dropouts` has one dropout for the input of each layer after the first in training; `vec![]` for none.
    ///
    /// # Shapes
    /// `products` `[U, D G H]` from [`Encoder::multiply`]; `places` `[N]`, the row of each token in `products`, in the order of
    /// `packing`. A word that occurs several times is multiplied only once.
    pub fn forward(
        &self,
        packing: &Packing,
        products: &[T],
        places: &[u32],
        dropouts: Vec<Dropout<T>>,
    ) -> EncoderCache<T> {
        let mut dropouts = dropouts.into_iter();
        let mut layers = Vec::with_capacity(self.shape.layers);
        let mut output = LayerOutput::default();
        for layer in 0..self.shape.layers {
            let mut directions: Vec<CellCache<T>> = (0..self.shape.directions())
                .map(|_| CellCache::new(self.shape.cell, self.shape.hidden, packing.tokens()))
                .collect();
            let (input, dropout) = if layer == 0 {
                output = self.run(0, packing, products, Some(places), Some(&mut directions));
                (Scratch::default(), Dropout::none())
            } else {
                let mut input = std::mem::take(&mut output.output);
                let dropout = dropouts.next().unwrap_or_else(Dropout::none);
                dropout.apply(&mut input);
                let mut products = Scratch::uncleared(packing.tokens() * self.shape.products());
                self.products(layer, &input, &mut products);
                output = self.run(layer, packing, &products, None, Some(&mut directions));
                (input, dropout)
            };
            layers.push(LayerCache { input, dropout, directions });
        }
        let (pooled, rows) = self.pool(packing, &output);
        EncoderCache { shape: self.shape, layers, pooled, rows }
    }

    /// The pooled states, `[B, D H]`, without a cache for the backward pass.
    ///
    /// # Shapes
    /// As [`Encoder::forward`].
    pub fn encode(&self, packing: &Packing, products: &[T], places: &[u32]) -> Vec<T> {
        let mut output = self.run(0, packing, products, Some(places), None);
        for layer in 1..self.shape.layers {
            let mut products = Scratch::uncleared(packing.tokens() * self.shape.products());
            self.products(layer, &output.output, &mut products);
            output = self.run(layer, packing, &products, None, None);
        }
        self.pool(packing, &output).0
    }

    /// Writes `rows` `[U, input]` times the input weights of all directions plus the biases to `products` `[U, D G H]`.
    fn products(&self, layer: usize, rows: &[T], products: &mut [T]) {
        let (width, stride) = (self.shape.layer_input(layer), self.shape.products());
        let count = products.len() / stride.max(1);
        if width == 0 {
            products.copy_from_slice(rows);
        } else if count > 0 {
            let rows = RowMatrix { values: rows, stride: width };
            self.packed.input(&self.shape, &self.cells)[layer].multiply(products, rows, count, Accumulate::Replace);
        }
        let cells = self.layer(layer).iter();
        let bias: Vec<T> =
            cells.flat_map(|cell| cell.bias_ih.iter().zip(&cell.bias_hh)).map(|(&a, &b)| a + b).collect();
        products.chunks_exact_mut(stride.max(1)).for_each(|row| add(row, &bias));
    }

    fn layer(&self, layer: usize) -> &[Cell<T>] {
        let directions = self.shape.directions();
        &self.cells[layer * directions..(layer + 1) * directions]
    }

    /// Packs the weights, so that the threads of a batch do not wait for each other. Otherwise the first pass packs them.
    pub fn prepare(&self) {
        let (shape, cells) = (&self.shape, &self.cells);
        rayon::join(
            || rayon::join(|| self.packed.hidden(shape, cells), || self.packed.hidden_backward(shape, cells)),
            || rayon::join(|| self.packed.input(shape, cells), || self.packed.input_backward(shape, cells)),
        );
    }

    fn recurrence<'a>(&self, packing: &'a Packing, direction: usize) -> Recurrence<'a> {
        Recurrence { kind: self.shape.cell, hidden: self.shape.hidden, reverse: direction == 1, packing }
    }

    /// Runs all directions of a layer.
    fn run(
        &self,
        layer: usize,
        packing: &Packing,
        products: &[T],
        places: Option<&[u32]>,
        mut caches: Option<&mut [CellCache<T>]>,
    ) -> LayerOutput<T> {
        let shape = self.shape;
        let (directions, width) = (shape.directions(), shape.output());
        // With last-state pooling, the last layer only needs its last states.
        let all = layer + 1 < shape.layers || shape.pooling != Pooling::Last;
        let mut output = Scratch::uncleared(if all { packing.tokens() * width } else { 0 });
        let mut last = Vec::with_capacity(directions);
        for direction in 0..directions {
            let cell = layer * directions + direction;
            let weight = match caches.is_none() && packing.sequences() == 1 {
                true => RecurrentWeights::Single(&self.packed.hidden_single(&self.shape, &self.cells)[cell]),
                false => RecurrentWeights::Batch(&self.packed.hidden(&self.shape, &self.cells)[cell]),
            };
            let (stride, column) = (shape.products(), direction * shape.sums());
            let products = TokenRows { values: products, stride, column, places };
            let column = direction * shape.hidden;
            let output = all.then_some(TokenRows { values: &mut *output, stride: width, column, places: None });
            let cache = caches.as_deref_mut().map(|caches| &mut caches[direction]);
            let recurrence = self.recurrence(packing, direction);
            last.push(recurrence.forward(&weight, &products, cache, output));
        }
        LayerOutput { last, output }
    }

    /// The pooled states, and for max pooling the row of each of their components.
    fn pool(&self, packing: &Packing, output: &LayerOutput<T>) -> (Vec<T>, Vec<u32>) {
        let (hidden, width) = (self.shape.hidden, self.shape.output());
        match self.shape.pooling {
            Pooling::Mean => (pooling::mean(packing, &output.output, width), Vec::new()),
            Pooling::Max => pooling::max(packing, &output.output, width),
            Pooling::Last => {
                // Zeros for an empty sequence.
                let mut pooled = vec![T::zero(); packing.sequences() * width];
                for (direction, last) in output.last.iter().enumerate() {
                    for (&sequence, state) in packing.order().iter().zip(last.chunks_exact(hidden.max(1))) {
                        pooled[sequence * width + direction * hidden..][..hidden].copy_from_slice(state);
                    }
                }
                (pooled, Vec::new())
            }
        }
    }

    /// The backward pass: from the gradient of the pooled states to those of all layers.
    ///
    /// Consumes the cache, in which gates are overwritten by their gradients.
    ///
    /// # Shapes
    /// `pooled_gradient` `[B, D H]`.
    pub fn backward(&self, packing: &Packing, cache: EncoderCache<T>, pooled_gradient: &[T]) -> InputGradients<T> {
        let shape = self.shape;
        let (directions, hidden, width) = (shape.directions(), shape.hidden, shape.output());
        // The gradient of all states of the layer; `None` if only the last states have one.
        let mut gradient = match shape.pooling {
            Pooling::Last => None,
            Pooling::Mean => Some(pooling::mean_backward(packing, pooled_gradient, width)),
            Pooling::Max => Some(pooling::max_backward(packing, pooled_gradient, &cache.rows, width)),
        };
        let mut layers = cache.layers;
        let mut weights = PartialGradients::new();
        for (layer, LayerCache { input, dropout, directions: caches }) in layers.iter_mut().enumerate().rev() {
            for (direction, cache) in caches.iter_mut().enumerate() {
                let mut last = Scratch::zeros(packing.running(0) * hidden);
                if gradient.is_none() {
                    for (&sequence, last) in packing.order().iter().zip(last.chunks_exact_mut(hidden.max(1))) {
                        last.copy_from_slice(&pooled_gradient[sequence * width + direction * hidden..][..hidden]);
                    }
                }
                let column = direction * hidden;
                let output =
                    gradient.as_deref().map(|values| TokenRows { values, stride: width, column, places: None });
                let cell = layer * directions + direction;
                let weight = &self.packed.hidden_backward(&self.shape, &self.cells)[cell];
                self.recurrence(packing, direction).backward(weight, cache, last, output);
                // Immediately, while the gates are still in the cache of the core.
                weights.recurrent(cell, packing, direction == 1, cache);
                if layer > 0 {
                    weights.input(cell, &cache.gates, [shape.sums(), 0, shape.sums()], input);
                }
            }
            if layer > 0 {
                let mut below = Scratch::uncleared(input.len());
                for (direction, cache) in caches.iter().enumerate() {
                    let sums = RowMatrix { values: &cache.gates, stride: shape.sums() };
                    self.input_backward(layer, direction, sums, &mut below);
                }
                dropout.apply(&mut below);
                gradient = Some(below);
            }
        }
        InputGradients::new(layers.into_iter().next(), weights)
    }

    /// The backward pass of [`Encoder::multiply`]: partial gradients of the input weights, and the gradient of the rows.
    ///
    /// # Shapes
    /// `rows` `[U, E]` as in the forward pass, `products` `[U, D G H]` the gradient of their products. The gradient of the rows is
    /// written to `rows_gradient`, `[U, E]`, if it is given.
    pub fn multiply_backward(
        &self,
        rows: &[T],
        products: &[T],
        rows_gradient: Option<&mut [T]>,
    ) -> PartialGradients<T> {
        let (shape, sums) = (self.shape, self.shape.sums());
        let mut weights = PartialGradients::new();
        // Rows that are products have no weights.
        let multiplied = if shape.input == 0 { &[] } else { rows };
        for direction in 0..shape.directions() {
            weights.input(direction, products, [shape.products(), direction * sums, sums], multiplied);
        }
        if let Some(rows_gradient) = rows_gradient {
            self.rows_backward(products, rows_gradient);
        }
        weights
    }

    /// The gradients of all weights: the sum of partial gradients, in their order.
    pub fn gradients(&self, partials: &[&PartialGradients<T>]) -> Encoder<T> {
        let mut gradients = Encoder::zeros(self.shape);
        PartialGradients::sum_into(&mut gradients.cells, partials, self.shape.sums());
        gradients
    }

    /// Writes the gradient of the rows that were multiplied with the input weights of the first layer.
    fn rows_backward(&self, products: &[T], rows: &mut [T]) {
        if self.shape.input == 0 {
            return rows.copy_from_slice(products);
        }
        for direction in 0..self.shape.directions() {
            let column = direction * self.shape.sums();
            let sums = RowMatrix { values: &products[column..], stride: self.shape.products() };
            self.input_backward(0, direction, sums, rows);
        }
    }

    /// The gradient of a layer's input from one direction: written for the first direction, added for the second.
    fn input_backward(&self, layer: usize, direction: usize, sums: RowMatrix<T>, rows: &mut [T]) {
        let accumulate = if direction == 0 { Accumulate::Replace } else { Accumulate::Add };
        let count = rows.len() / self.shape.layer_input(layer).max(1);
        if count > 0 {
            let cell = layer * self.shape.directions() + direction;
            let weight = &self.packed.input_backward(&self.shape, &self.cells)[cell];
            weight.multiply(rows, sums, count, accumulate);
        }
    }
}

/// The output of a layer.
struct LayerOutput<T: Real> {
    /// For each direction the last state of each sequence, in the order of the packing, `[running(0), H]`.
    last: Vec<Scratch<T>>,
    /// All states of all directions, `[N, D H]`, if they are needed.
    output: Scratch<T>,
}

impl<T: Real> Default for LayerOutput<T> {
    fn default() -> Self {
        LayerOutput { last: Vec::new(), output: Scratch::default() }
    }
}
