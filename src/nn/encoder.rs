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
//! `docs/lstm.md` derives the backward pass.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Uniform};
use serde::Serialize;

use super::real::{Into, Rows, add, add_columns, product_nn, product_nt, product_tn};
use super::recurrence::{Kept, Recurrence};
use super::tokens::OfTokens;
use super::{Dropout, Packing, Parameter, Pooling, Real, Scratch, Tokens, pooling};
use crate::error::{Error, Result};

/// What a cell computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// The long short-term memory, PyTorch's `nn.LSTM`.
    #[default]
    Lstm,
    /// The plain recurrent network with tanh, PyTorch's `nn.RNN`.
    Rnn,
}

impl CellKind {
    /// All kinds.
    pub const ALL: [CellKind; 2] = [CellKind::Lstm, CellKind::Rnn];

    /// The name on the command line, and before the names of the weights in model files.
    pub fn name(self) -> &'static str {
        match self {
            CellKind::Lstm => "lstm",
            CellKind::Rnn => "rnn",
        }
    }

    /// Sums that a cell computes for each number of its state, `G`: the four gates i, f, g, o, or one.
    pub fn gates(self) -> usize {
        match self {
            CellKind::Lstm => 4,
            CellKind::Rnn => 1,
        }
    }
}

impl fmt::Display for CellKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CellKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        CellKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Error::invalid("encoder", CellKind::ALL.map(CellKind::name).join(", "), format!("`{name}`")))
    }
}

/// The sizes of an encoder, and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// The cells of all layers.
    pub cell: CellKind,
    /// Numbers a token that go in, `E`; 0 where tokens come as products with the input weights already
    /// ([`EncoderShape::products`] numbers each), which is what an LSTM over one-hot words is.
    pub input: usize,
    /// Numbers of a state, `H`.
    pub hidden: usize,
    /// Layers, each reading the one before.
    pub layers: usize,
    /// Whether a second cell of each layer reads from the end to the beginning.
    pub bidirectional: bool,
    /// How the states of the last layer become one row.
    pub pooling: Pooling,
}

impl EncoderShape {
    /// An LSTM of one layer in one direction, of which the last state is taken.
    pub fn lstm(input: usize, hidden: usize) -> Self {
        let (cell, pooling) = (CellKind::Lstm, Pooling::Last);
        EncoderShape { cell, input, hidden, layers: 1, bidirectional: false, pooling }
    }

    /// Directions, `D`.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Numbers a text that come out, `D * H`.
    pub fn output(&self) -> usize {
        self.directions() * self.hidden
    }

    /// Numbers a token after the product with the input weights of the first layer, `D * G * H`.
    pub fn products(&self) -> usize {
        self.directions() * self.sums()
    }

    /// Numbers of a token's row as it goes in: `E`, or the products.
    pub fn row(&self) -> usize {
        if self.input == 0 { self.products() } else { self.input }
    }

    fn sums(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input } else { self.output() }
    }
}

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

/// What steps of a cell read in another form than the cell has it.
#[derive(Debug, Clone)]
struct Ready<T> {
    /// `weight_hh` transposed, `[H, G H]`.
    weight_hh: Vec<T>,
    /// The sum of both biases, `[G H]`.
    bias: Vec<T>,
}

/// One or several layers of recurrent cells, in one or two directions, and a pooling of their states.
#[derive(Debug, Clone)]
pub struct Encoder<T> {
    shape: EncoderShape,
    /// Layer by layer, in each the forward cell and then, if any, the backward one.
    cells: Vec<Cell<T>>,
    /// Made of the cells when first needed after they changed.
    ready: OnceLock<Vec<Ready<T>>>,
}

impl<T: PartialEq> PartialEq for Encoder<T> {
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
    /// What the layer read.
    input: Tokens<T>,
    /// The dropout that `input` has gone through since the layer before.
    dropout: Dropout<T>,
    directions: Vec<Kept<T>>,
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
        Encoder { shape, cells, ready: OnceLock::new() }
    }

    /// Weights drawn as PyTorch draws them, uniformly from ±1/sqrt(H); for an LSTM with a bias of the forget gate of 1
    /// (Jozefowicz et al. 2015), so that a new cell remembers.
    pub fn new(shape: EncoderShape, rng: &mut ChaCha8Rng) -> Self {
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
        self.ready.take();
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

    /// Runs over a batch; all sequences begin with a state of zeros.
    ///
    /// `dropouts` holds, for training, one dropout for the input of each layer after the first; `vec![]` for none.
    ///
    /// # Shapes
    /// `input` `[N, E]`, or `[U, E]` and the places of `N` tokens (with products in place of `E` numbers where the shape's
    /// input is 0); tokens are laid out by `packing`.
    pub fn forward(
        &self,
        packing: &Packing,
        input: impl std::convert::Into<Tokens<T>>,
        dropouts: Vec<Dropout<T>>,
    ) -> EncoderCache<T> {
        let mut dropouts = dropouts.into_iter();
        let mut input = input.into();
        let mut layers = Vec::with_capacity(self.shape.layers);
        let mut ends = Ends::default();
        for layer in 0..self.shape.layers {
            let mut dropout = Dropout::none();
            if layer > 0 {
                dropout = dropouts.next().unwrap_or_else(Dropout::none);
                input = std::mem::take(&mut ends.output).into();
                dropout.apply(input.rows_mut());
            }
            let mut directions: Vec<Kept<T>> = (0..self.shape.directions())
                .map(|_| Kept::new(self.shape.cell, self.shape.hidden, packing.tokens()))
                .collect();
            let products = self.products(layer, input.rows());
            let products = products.as_deref().unwrap_or(input.rows());
            ends = self.run(layer, packing, products, input.places(), Some(&mut directions));
            layers.push(LayerCache { input: std::mem::take(&mut input), dropout, directions });
        }
        let (pooled, rows) = self.pool(packing, &ends);
        EncoderCache { shape: self.shape, layers, pooled, rows }
    }

    /// The products of rows with the input weights of the first layer, `[U, E]` to `[U, D G H]`; rows that are products stay
    /// what they are.
    pub fn multiply(&self, rows: Vec<T>) -> Vec<T> {
        self.products(0, &rows).map_or(rows, Scratch::into_vec)
    }

    /// The rows of the texts, `[B, D H]`, without anything kept for a backward pass.
    ///
    /// # Shapes
    /// `products` `[U, D G H]` from [`Encoder::multiply`], `places` `[N]` each below `U`, laid out by `packing`.
    pub fn encode(&self, packing: &Packing, products: &[T], places: &[u32]) -> Vec<T> {
        let mut ends = self.run(0, packing, products, Some(places), None);
        for layer in 1..self.shape.layers {
            let products = self.products(layer, &ends.output);
            ends = self.run(layer, packing, products.as_deref().unwrap_or_default(), None, None);
        }
        self.pool(packing, &ends).0
    }

    /// `[U, input]` to `[U, D G H]`; `None` where rows are products already.
    fn products(&self, layer: usize, rows: &[T]) -> Option<Scratch<T>> {
        let (width, sums, stride) = (self.shape.layer_input(layer), self.shape.sums(), self.shape.products());
        if width == 0 {
            return None;
        }
        let count = rows.len() / width;
        let mut products = Scratch::any(count * stride);
        for (direction, cell) in self.layer(layer).iter().enumerate() {
            if count > 0 {
                let values = &mut products[direction * sums..];
                product_nt(Rows { values, stride }, rows, &cell.weight_ih, [count, sums, width], Into::Replace);
            }
        }
        Some(products)
    }

    fn layer(&self, layer: usize) -> &[Cell<T>] {
        let directions = self.shape.directions();
        &self.cells[layer * directions..(layer + 1) * directions]
    }

    fn ready(&self) -> &[Ready<T>] {
        let make = |cell: &Cell<T>| Ready {
            weight_hh: transposed(&cell.weight_hh, self.shape.sums(), self.shape.hidden),
            bias: cell.bias_ih.iter().zip(&cell.bias_hh).map(|(&a, &b)| a + b).collect(),
        };
        self.ready.get_or_init(|| self.cells.iter().map(make).collect())
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
        mut kept: Option<&mut [Kept<T>]>,
    ) -> Ends<T> {
        let shape = self.shape;
        let (directions, width) = (shape.directions(), shape.output());
        // The last states alone are asked of the last layer, unless its states are pooled.
        let all = layer + 1 < shape.layers || shape.pooling != Pooling::Last;
        let mut output = Scratch::any(if all { packing.tokens() * width } else { 0 });
        let mut last = Vec::with_capacity(directions);
        for direction in 0..directions {
            let ready = &self.ready()[layer * directions + direction];
            let (stride, column) = (shape.products(), direction * shape.sums());
            let products = OfTokens { values: products, stride, column, places };
            let column = direction * shape.hidden;
            let output = all.then_some(OfTokens { values: &mut *output, stride: width, column, places: None });
            let kept = kept.as_deref_mut().map(|kept| &mut kept[direction]);
            let recurrence = self.recurrence(packing, direction);
            last.push(recurrence.run(&ready.weight_hh, &ready.bias, &products, kept, output));
        }
        Ends { last, output }
    }

    /// One row a text, and where its numbers were found, for the largest values.
    fn pool(&self, packing: &Packing, ends: &Ends<T>) -> (Vec<T>, Vec<u32>) {
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

    /// Adds to `gradients` what `cache`'s forward pass owes to its weights, and returns the gradient of its input.
    ///
    /// The cache is used up: gates turn into their own gradients in place.
    ///
    /// # Shapes
    /// `pooled_gradient` `[B, D H]`; returns the gradient of the rows that went in, `[N, E]` or `[U, E]`; or nothing where
    /// `want_input` is false, because a frozen embedding needs none.
    pub fn backward(
        &self,
        packing: &Packing,
        cache: EncoderCache<T>,
        pooled_gradient: &[T],
        gradients: &mut Encoder<T>,
        want_input: bool,
    ) -> Option<Scratch<T>> {
        let shape = self.shape;
        let (directions, hidden, sums) = (shape.directions(), shape.hidden, shape.sums());
        let (width, stride) = (shape.output(), shape.products());
        // What is owed to all states of the layer; `None` where it is owed to the last ones alone.
        let mut owed = match shape.pooling {
            Pooling::Last => None,
            Pooling::Mean => Some(pooling::mean_backward(packing, pooled_gradient, width)),
            Pooling::Max => Some(pooling::max_backward(packing, pooled_gradient, &cache.rows, width)),
        };
        for (layer, LayerCache { input, dropout, directions: kept }) in cache.layers.into_iter().enumerate().rev() {
            let columns = shape.layer_input(layer);
            let read = input.rows().len() / if layer == 0 { shape.row() } else { columns }.max(1);
            // The gradients of the products, each the sum over the tokens that read it.
            let mut products = Scratch::zeros(read * stride);
            for (direction, mut kept) in kept.into_iter().enumerate() {
                let cell = layer * directions + direction;
                let places = packing.running(0);
                let mut last = Scratch::zeros(places * hidden);
                if owed.is_none() {
                    for (&sequence, last) in packing.order().iter().zip(last.chunks_exact_mut(hidden.max(1))) {
                        last.copy_from_slice(&pooled_gradient[sequence * width + direction * hidden..][..hidden]);
                    }
                }
                let column = direction * hidden;
                let output = owed.as_deref().map(|values| OfTokens { values, stride: width, column, places: None });
                let column = direction * sums;
                let mut into = OfTokens { values: &mut *products, stride, column, places: input.places() };
                let weight_gradient = &mut gradients.cells[cell].weight_hh;
                let recurrence = self.recurrence(packing, direction);
                let weight = &self.cells[cell].weight_hh;
                recurrence.run_back(weight, &mut kept, last, output, &mut into, weight_gradient);
            }
            for direction in 0..directions {
                let sum = &mut gradients.cells[layer * directions + direction];
                let mut bias = Scratch::zeros(sums);
                add_columns(&mut bias, &products, stride, direction * sums);
                add(&mut sum.bias_ih, &bias);
                add(&mut sum.bias_hh, &bias);
            }
            if columns == 0 {
                return want_input.then_some(products);
            }
            let wanted = want_input || layer > 0;
            let mut input_gradient = Scratch::any(if wanted { input.rows().len() } else { 0 });
            for direction in (0..directions).filter(|_| read > 0) {
                let cell = layer * directions + direction;
                let of_direction = || Rows { values: &products[direction * sums..], stride };
                let weight_gradient = &mut gradients.cells[cell].weight_ih;
                product_tn(weight_gradient, of_direction(), input.rows(), [sums, columns, read], Into::Add);
                if wanted {
                    let into = if direction == 0 { Into::Replace } else { Into::Add };
                    let weight = &self.cells[cell].weight_ih;
                    product_nn(&mut input_gradient, of_direction(), weight, [read, columns, sums], into);
                }
            }
            dropout.apply(&mut input_gradient);
            owed = Some(input_gradient);
        }
        owed.filter(|_| want_input)
    }
}

/// What a layer ends with.
struct Ends<T: Real> {
    /// For each direction the state in which each sequence ends, in the order of the packing's places, `[running(0), H]`.
    last: Vec<Scratch<T>>,
    /// All states of both directions side by side, `[N, D H]`, if they are asked for.
    output: Scratch<T>,
}

impl<T: Real> Default for Ends<T> {
    fn default() -> Self {
        Ends { last: Vec::new(), output: Scratch::default() }
    }
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed<T: Real>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut turned = vec![T::zero(); values.len()];
    // A few rows at a time, so that whole lines of the cache are written.
    for (from, rows_of) in values.chunks(16 * columns.max(1)).enumerate() {
        for column in 0..columns {
            let to = &mut turned[column * rows + from * 16..];
            for (to, row) in to.iter_mut().zip(rows_of.chunks_exact(columns)) {
                *to = row[column];
            }
        }
    }
    turned
}
