//! The encoder: from the rows of a text's words to one row for the text, by an LSTM (Hochreiter & Schmidhuber 1997, with the
//! forget gate of Gers et al. 2000) or by the plain recurrent network it improves on (Elman 1990), both in PyTorch's form.
//!
//! ```text
//! LSTM  i = sigmoid(W_i x + U_i h + b_i)    f = sigmoid(W_f x + U_f h + b_f)
//!       g = tanh   (W_g x + U_g h + b_g)    o = sigmoid(W_o x + U_o h + b_o)
//!       c' = f * c + i * g                  h' = o * tanh(c')
//! RNN   h' = tanh(W x + U h + b)
//! ```
//!
//! `docs/internals/lstm-backward.md` derives the backward pass.

mod gradients;
mod shape;

use std::sync::OnceLock;

use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::product::{Accumulate, GemmMatrix, GemvMatrix, RowMatrix};
use super::real::add;
use super::recurrence::{CellCache, Recurrence, RecurrentWeights};
use super::tokens::TokenRows;
use super::{Dropout, Packing, Parameter, Pooling, Real, Scratch, pooling};
pub use gradients::{InputGradients, PartialGradients};
pub use shape::{CellKind, EncoderShape};

/// The weights of one cell (a layer and a direction), or their gradients. The gates of an LSTM stand in the order i, f, g, o.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<T> {
    /// `[G H, input]`; empty where tokens come as products.
    pub weight_ih: Vec<T>,
    /// `[G H, H]`
    pub weight_hh: Vec<T>,
    /// `[G H]`
    pub bias_ih: Vec<T>,
    /// `[G H]`; added to `bias_ih`, and kept apart as PyTorch does, because both are stepped.
    pub bias_hh: Vec<T>,
}

impl<T: Real> Cell<T> {
    fn zeros(sums: usize, input: usize, hidden: usize) -> Self {
        let zeros = |count: usize| vec![T::zero(); count];
        Cell {
            weight_ih: zeros(sums * input),
            weight_hh: zeros(sums * hidden),
            bias_ih: zeros(sums),
            bias_hh: zeros(sums),
        }
    }
}

/// One or several layers of recurrent cells, in one or two directions, and a pooling of their states.
#[derive(Debug, Clone)]
pub struct Encoder<T: Real> {
    shape: EncoderShape,
    /// Layer by layer, in each the forward cell and then, if any, the backward one.
    cells: Vec<Cell<T>>,
    /// The weights as products are made with them: when first needed after the cells changed.
    factors: Factors<T>,
}

/// The weights of an encoder as right factors.
#[derive(Debug, Clone)]
struct Factors<T: Real> {
    /// `weight_hh` of each cell transposed, `[H, G H]`.
    hidden: OnceLock<Vec<GemmMatrix<T>>>,
    /// The same for a text that is predicted alone.
    alone: OnceLock<Vec<GemvMatrix<T>>>,
    /// `weight_hh` of each cell, `[G H, H]`, for the way back.
    hidden_back: OnceLock<Vec<GemmMatrix<T>>>,
    /// `weight_ih` of each layer transposed, both directions' side by side, `[input, D G H]`.
    input: OnceLock<Vec<GemmMatrix<T>>>,
    /// `weight_ih` of each cell, `[G H, input]`, for the way back.
    input_back: OnceLock<Vec<GemmMatrix<T>>>,
}

impl<T: Real> Default for Factors<T> {
    fn default() -> Self {
        let [hidden, hidden_back, input, input_back] = [(); 4].map(|()| OnceLock::new());
        Factors { hidden, alone: OnceLock::new(), hidden_back, input, input_back }
    }
}

impl<T: Real> PartialEq for Encoder<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.cells == other.cells
    }
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct EncoderCache<T: Real> {
    shape: EncoderShape,
    layers: Vec<LayerCache<T>>,
    pooled: Vec<T>,
    /// Where each of `pooled` was found, for the largest values.
    rows: Vec<u32>,
}

#[derive(Debug)]
struct LayerCache<T: Real> {
    /// What the layer read; nothing for the first, which was given products.
    input: Scratch<T>,
    /// The dropout that `input` has gone through since the layer before.
    dropout: Dropout<T>,
    directions: Vec<CellCache<T>>,
}

impl<T: Real> EncoderCache<T> {
    /// The rows of the texts, `[B, D H]`, in the caller's order.
    pub fn pooled(&self) -> &[T] {
        &self.pooled
    }

    /// The states of the last layer, `[N, D H]`: for each token the forward one and then the backward one.
    pub fn output(&self) -> Vec<T> {
        let layer = self.layers.len() - 1;
        let (width, directions) = (self.shape.hidden.max(1), self.shape.directions());
        let states: Vec<Vec<T>> = (0..directions).map(|direction| self.hidden(layer, direction)).collect();
        let tokens = states[0].len() / width;
        (0..tokens)
            .flat_map(|token| states.iter().flat_map(move |all| all[token * width..][..width].to_vec()))
            .collect()
    }

    /// The cell states of a layer and direction, `[N, H]`; nothing for a plain network, which has none.
    pub fn cells(&self, layer: usize, direction: usize) -> Vec<T> {
        let kept = &self.layers[layer].directions[direction];
        let width = self.shape.hidden.max(1);
        let rows = kept.gates.chunks_exact(4 * width).zip(kept.cells_before.chunks_exact(width));
        rows.flat_map(|(gates, before)| {
            // As the forward pass computed them.
            (0..width).map(move |j| gates[j] * gates[2 * width + j] + gates[width + j] * before[j])
        })
        .collect()
    }

    /// The hidden states of a layer and direction, `[N, H]`.
    pub fn hidden(&self, layer: usize, direction: usize) -> Vec<T> {
        let kept = &self.layers[layer].directions[direction];
        let width = self.shape.hidden.max(1);
        match self.shape.cell {
            CellKind::Rnn => kept.gates.to_vec(),
            CellKind::Lstm => {
                let rows = kept.gates.chunks_exact(4 * width).zip(kept.tanh_cells.chunks_exact(width));
                rows.flat_map(|(gates, tanh)| (0..width).map(move |j| gates[3 * width + j] * tanh[j])).collect()
            }
        }
    }

    /// The gates of a layer and direction after their activations, `[N, 4 H]`, in the order i, f, g, o; the states of a plain
    /// network, `[N, H]`.
    pub fn gates(&self, layer: usize, direction: usize) -> &[T] {
        &self.layers[layer].directions[direction].gates
    }
}

impl<T: Real> Encoder<T> {
    /// An encoder of zeros; also what gradients are summed up in.
    pub fn zeros(shape: EncoderShape) -> Self {
        let cells = (0..shape.layers * shape.directions())
            .map(|cell| Cell::zeros(shape.sums(), shape.layer_input(cell / shape.directions()), shape.hidden))
            .collect();
        Encoder { shape, cells, factors: Factors::default() }
    }

    /// Weights drawn as PyTorch draws them, uniformly from ±1/sqrt(H); for an LSTM with a bias of the forget gate of 1
    /// (Jozefowicz et al. 2015), so that a new cell remembers.
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

    /// The same cells for tokens that come as products: the first layer loses its input weights.
    pub fn without_input_weights(mut self) -> Self {
        self.shape.input = 0;
        let directions = self.shape.directions();
        self.cells_mut().iter_mut().take(directions).for_each(|cell| cell.weight_ih = Vec::new());
        self
    }

    /// The sizes.
    pub fn shape(&self) -> EncoderShape {
        self.shape
    }

    /// Layer by layer, in each the forward cell and then, if any, the backward one.
    pub fn cells(&self) -> &[Cell<T>] {
        &self.cells
    }

    /// The cells, to be changed.
    pub fn cells_mut(&mut self) -> &mut [Cell<T>] {
        self.factors = Factors::default();
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

    /// The products of rows with the input weights of the first layer, biases added, which is what [`Encoder::forward`] reads; to
    /// rows that are products already the biases are added.
    ///
    /// # Shapes
    /// `rows` `[U, E]`, `products` `[U, D G H]`.
    pub fn multiply(&self, rows: &[T], products: &mut [T]) {
        self.products(0, rows, products);
    }

    /// Runs over a batch; all sequences begin with a state of zeros.
    ///
    /// `dropouts` holds, for training, one dropout for the input of each layer after the first; `vec![]` for none.
    ///
    /// # Shapes
    /// `products` `[U, D G H]` from [`Encoder::multiply`], of which each token reads a row: `places` `[N]`, each below `U`,
    /// laid out by `packing`. A word that occurs often is so multiplied once.
    pub fn forward(
        &self,
        packing: &Packing,
        products: &[T],
        places: &[u32],
        dropouts: Vec<Dropout<T>>,
    ) -> EncoderCache<T> {
        let mut dropouts = dropouts.into_iter();
        let mut layers = Vec::with_capacity(self.shape.layers);
        let mut ends = LayerOutput::default();
        for layer in 0..self.shape.layers {
            let mut directions: Vec<CellCache<T>> = (0..self.shape.directions())
                .map(|_| CellCache::new(self.shape.cell, self.shape.hidden, packing.tokens()))
                .collect();
            let (input, dropout) = if layer == 0 {
                ends = self.run(0, packing, products, Some(places), Some(&mut directions));
                (Scratch::default(), Dropout::none())
            } else {
                let mut input = std::mem::take(&mut ends.output);
                let dropout = dropouts.next().unwrap_or_else(Dropout::none);
                dropout.apply(&mut input);
                let mut products = Scratch::uncleared(packing.tokens() * self.shape.products());
                self.products(layer, &input, &mut products);
                ends = self.run(layer, packing, &products, None, Some(&mut directions));
                (input, dropout)
            };
            layers.push(LayerCache { input, dropout, directions });
        }
        let (pooled, rows) = self.pool(packing, &ends);
        EncoderCache { shape: self.shape, layers, pooled, rows }
    }

    /// The rows of the texts, `[B, D H]`, without anything kept for a backward pass.
    ///
    /// # Shapes
    /// As [`Encoder::forward`].
    pub fn encode(&self, packing: &Packing, products: &[T], places: &[u32]) -> Vec<T> {
        let mut ends = self.run(0, packing, products, Some(places), None);
        for layer in 1..self.shape.layers {
            let mut products = Scratch::uncleared(packing.tokens() * self.shape.products());
            self.products(layer, &ends.output, &mut products);
            ends = self.run(layer, packing, &products, None, None);
        }
        self.pool(packing, &ends).0
    }

    /// `rows` `[U, input]` times the input weights of both directions, side by side in `products` `[U, D G H]`, and their biases.
    fn products(&self, layer: usize, rows: &[T], products: &mut [T]) {
        let (width, stride) = (self.shape.layer_input(layer), self.shape.products());
        let count = products.len() / stride.max(1);
        if width == 0 {
            products.copy_from_slice(rows);
        } else if count > 0 {
            let rows = RowMatrix { values: rows, stride: width };
            self.input()[layer].multiply(products, rows, count, Accumulate::Replace);
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

    /// Makes what a pass needs in another form than the weights have it, so that the threads of a batch need not wait for it; without,
    /// the first pass does.
    pub fn prepare(&self) {
        rayon::join(
            || rayon::join(|| self.hidden(), || self.hidden_back()),
            || rayon::join(|| self.input(), || self.input_back()),
        );
    }

    fn hidden(&self) -> &[GemmMatrix<T>] {
        let size = [self.shape.hidden, self.shape.sums()];
        let factor = |cell: &Cell<T>| GemmMatrix::of_transposed(&cell.weight_hh, size);
        self.factors.hidden.get_or_init(|| self.cells.iter().map(factor).collect())
    }

    fn alone(&self) -> &[GemvMatrix<T>] {
        let size = [self.shape.hidden, self.shape.sums()];
        let factor = |cell: &Cell<T>| GemvMatrix::of_transposed(&cell.weight_hh, size);
        self.factors.alone.get_or_init(|| self.cells.iter().map(factor).collect())
    }

    fn hidden_back(&self) -> &[GemmMatrix<T>] {
        let size = [self.shape.sums(), self.shape.hidden];
        let factor = |cell: &Cell<T>| GemmMatrix::of(&cell.weight_hh, size);
        self.factors.hidden_back.get_or_init(|| self.cells.iter().map(factor).collect())
    }

    fn input(&self) -> &[GemmMatrix<T>] {
        let factor = |layer: usize| {
            let size = [self.shape.layer_input(layer), self.shape.products()];
            match self.layer(layer) {
                [cell] => GemmMatrix::of_transposed(&cell.weight_ih, size),
                cells => {
                    let both: Vec<T> = cells.iter().flat_map(|cell| &cell.weight_ih).copied().collect();
                    GemmMatrix::of_transposed(&both, size)
                }
            }
        };
        self.factors.input.get_or_init(|| (0..self.shape.layers).map(factor).collect())
    }

    fn input_back(&self) -> &[GemmMatrix<T>] {
        let sums = self.shape.sums();
        let factor = |cell: &Cell<T>| GemmMatrix::of(&cell.weight_ih, [sums, cell.weight_ih.len() / sums.max(1)]);
        self.factors.input_back.get_or_init(|| self.cells.iter().map(factor).collect())
    }

    fn recurrence<'a>(&self, packing: &'a Packing, direction: usize) -> Recurrence<'a> {
        Recurrence { kind: self.shape.cell, hidden: self.shape.hidden, reverse: direction == 1, packing }
    }

    /// All directions of a layer.
    fn run(
        &self,
        layer: usize,
        packing: &Packing,
        products: &[T],
        places: Option<&[u32]>,
        mut kept: Option<&mut [CellCache<T>]>,
    ) -> LayerOutput<T> {
        let shape = self.shape;
        let (directions, width) = (shape.directions(), shape.output());
        // The last states alone are asked of the last layer, unless its states are pooled.
        let all = layer + 1 < shape.layers || shape.pooling != Pooling::Last;
        let mut output = Scratch::uncleared(if all { packing.tokens() * width } else { 0 });
        let mut last = Vec::with_capacity(directions);
        for direction in 0..directions {
            let cell = layer * directions + direction;
            let weight = match kept.is_none() && packing.sequences() == 1 {
                true => RecurrentWeights::Single(&self.alone()[cell]),
                false => RecurrentWeights::Batch(&self.hidden()[cell]),
            };
            let (stride, column) = (shape.products(), direction * shape.sums());
            let products = TokenRows { values: products, stride, column, places };
            let column = direction * shape.hidden;
            let output = all.then_some(TokenRows { values: &mut *output, stride: width, column, places: None });
            let kept = kept.as_deref_mut().map(|kept| &mut kept[direction]);
            let recurrence = self.recurrence(packing, direction);
            last.push(recurrence.run(&weight, &products, kept, output));
        }
        LayerOutput { last, output }
    }

    /// One row a text, and where its numbers were found, for the largest values.
    fn pool(&self, packing: &Packing, ends: &LayerOutput<T>) -> (Vec<T>, Vec<u32>) {
        let (hidden, width) = (self.shape.hidden, self.shape.output());
        match self.shape.pooling {
            Pooling::Mean => (pooling::mean(packing, &ends.output, width), Vec::new()),
            Pooling::Max => pooling::max(packing, &ends.output, width),
            Pooling::Last => {
                // Zeros for an empty sequence.
                let mut pooled = vec![T::zero(); packing.sequences() * width];
                for (direction, last) in ends.last.iter().enumerate() {
                    for (&sequence, state) in packing.order().iter().zip(last.chunks_exact(hidden.max(1))) {
                        pooled[sequence * width + direction * hidden..][..hidden].copy_from_slice(state);
                    }
                }
                (pooled, Vec::new())
            }
        }
    }

    /// Takes the gradient of the rows of the texts back through all layers.
    ///
    /// The cache is used up: gates turn into their own gradients in place.
    ///
    /// # Shapes
    /// `pooled_gradient` `[B, D H]`.
    pub fn backward(&self, packing: &Packing, cache: EncoderCache<T>, pooled_gradient: &[T]) -> InputGradients<T> {
        let shape = self.shape;
        let (directions, hidden, width) = (shape.directions(), shape.hidden, shape.output());
        // What is owed to all states of the layer; `None` where it is owed to the last ones alone.
        let mut owed = match shape.pooling {
            Pooling::Last => None,
            Pooling::Mean => Some(pooling::mean_backward(packing, pooled_gradient, width)),
            Pooling::Max => Some(pooling::max_backward(packing, pooled_gradient, &cache.rows, width)),
        };
        let mut layers = cache.layers;
        let mut share = PartialGradients::new();
        for (layer, LayerCache { input, dropout, directions: kept }) in layers.iter_mut().enumerate().rev() {
            for (direction, kept) in kept.iter_mut().enumerate() {
                let mut last = Scratch::zeros(packing.running(0) * hidden);
                if owed.is_none() {
                    for (&sequence, last) in packing.order().iter().zip(last.chunks_exact_mut(hidden.max(1))) {
                        last.copy_from_slice(&pooled_gradient[sequence * width + direction * hidden..][..hidden]);
                    }
                }
                let column = direction * hidden;
                let output = owed.as_deref().map(|values| TokenRows { values, stride: width, column, places: None });
                let cell = layer * directions + direction;
                self.recurrence(packing, direction).run_back(&self.hidden_back()[cell], kept, last, output);
                // At once, while a core still has the gates in its cache.
                share.recurrent(cell, packing, direction == 1, kept);
                if layer > 0 {
                    share.input(cell, &kept.gates, [shape.sums(), 0, shape.sums()], input);
                }
            }
            if layer > 0 {
                let mut gradient = Scratch::uncleared(input.len());
                for (direction, kept) in kept.iter().enumerate() {
                    self.input_backward(layer, direction, &kept.gates, 0, shape.sums(), &mut gradient);
                }
                dropout.apply(&mut gradient);
                owed = Some(gradient);
            }
        }
        InputGradients::new(layers.into_iter().next(), share)
    }

    /// What rows owe that were multiplied with the first layer's input weights.
    fn rows_backward(&self, products: &[T], rows: &mut [T]) {
        if self.shape.input == 0 {
            return rows.copy_from_slice(products);
        }
        for direction in 0..self.shape.directions() {
            let column = direction * self.shape.sums();
            self.input_backward(0, direction, products, column, self.shape.products(), rows);
        }
    }

    /// What a direction owes to the rows that a layer read: written by the first direction, added to by the second.
    fn input_backward(&self, layer: usize, direction: usize, sums: &[T], column: usize, stride: usize, rows: &mut [T]) {
        let into = if direction == 0 { Accumulate::Replace } else { Accumulate::Add };
        let count = sums.len() / stride.max(1);
        if count > 0 {
            let sums = RowMatrix { values: &sums[column..], stride };
            let cell = layer * self.shape.directions() + direction;
            self.input_back()[cell].multiply(rows, sums, count, into);
        }
    }
}

/// What a layer ends with.
struct LayerOutput<T: Real> {
    /// For each direction the state in which each sequence ends, in the order of the packing's places, `[running(0), H]`.
    last: Vec<Scratch<T>>,
    /// All states of both directions side by side, `[N, D H]`, if they are asked for.
    output: Scratch<T>,
}

impl<T: Real> Default for LayerOutput<T> {
    fn default() -> Self {
        LayerOutput { last: Vec::new(), output: Scratch::default() }
    }
}
