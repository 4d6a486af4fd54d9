//! The LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000), in PyTorch's form.
//!
//! ```text
//! i = sigmoid(W_i x + U_i h + b_i)    f = sigmoid(W_f x + U_f h + b_f)
//! g = tanh   (W_g x + U_g h + b_g)    o = sigmoid(W_o x + U_o h + b_o)
//! c' = f * c + i * g                  h' = o * tanh(c')
//! ```
//!
//! `docs/lstm.md` derives the backward pass.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Uniform};

use super::real::{Into, add, add_rows, product_nn, product_nt, product_tn};
use super::{Dropout, Packing, Parameter, Real, Scratch, gates};

/// The sizes of an LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// Numbers a token that go in, `E`.
    pub input: usize,
    /// Numbers of a state, `H`.
    pub hidden: usize,
    /// Layers, each reading the one before.
    pub layers: usize,
    /// Whether a second cell of each layer reads from the end to the beginning.
    pub bidirectional: bool,
}

impl EncoderShape {
    /// Directions, `D`.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Numbers a token that come out, `D * H`.
    pub fn output(&self) -> usize {
        self.directions() * self.hidden
    }

    fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input } else { self.output() }
    }
}

/// The weights of one cell (a layer and a direction), or their gradients. Gates stand in the order i, f, g, o.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell<T> {
    /// `[4 H, input]`
    pub weight_ih: Vec<T>,
    /// `[4 H, H]`
    pub weight_hh: Vec<T>,
    /// `[4 H]`
    pub bias_ih: Vec<T>,
    /// `[4 H]`; added to `bias_ih`, and kept apart as PyTorch does, because both are stepped.
    pub bias_hh: Vec<T>,
}

impl<T: Real> Cell<T> {
    fn zeros(input: usize, hidden: usize) -> Self {
        Cell {
            weight_ih: vec![T::zero(); 4 * hidden * input],
            weight_hh: vec![T::zero(); 4 * hidden * hidden],
            bias_ih: vec![T::zero(); 4 * hidden],
            bias_hh: vec![T::zero(); 4 * hidden],
        }
    }
}

/// One or several layers of LSTM cells, in one or two directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder<T> {
    shape: EncoderShape,
    /// Layer by layer, in each the forward cell and then, if any, the backward one.
    pub cells: Vec<Cell<T>>,
}

/// What the tokens of a batch are: some rows, and which of them each token reads. A word that occurs often in a batch is so
/// multiplied with the weights once.
#[derive(Debug)]
pub struct Tokens<T: Real> {
    /// `[U, E]`
    rows: Scratch<T>,
    /// `[N]`, each below `U`; `None` where each token reads the row of its own number.
    places: Option<Vec<u32>>,
}

impl<T: Real> Tokens<T> {
    /// Tokens that share rows.
    ///
    /// # Shapes
    /// `rows` `[U, E]`, `places` `[N]`, each below `U`.
    pub fn shared(rows: Vec<T>, places: Vec<u32>) -> Self {
        Tokens { rows: rows.into(), places: Some(places) }
    }
}

impl<T: Real> From<Vec<T>> for Tokens<T> {
    fn from(rows: Vec<T>) -> Self {
        Tokens { rows: rows.into(), places: None }
    }
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct EncoderCache<T: Real> {
    layers: Vec<LayerCache<T>>,
    /// The last layer's states of both directions side by side, `[N, D H]`; empty where there is one direction.
    joined: Scratch<T>,
}

#[derive(Debug)]
struct LayerCache<T: Real> {
    /// What the layer read.
    input: Tokens<T>,
    /// The dropout that `input` has gone through since the layer before.
    dropout: Dropout<T>,
    directions: Vec<DirectionCache<T>>,
}

#[derive(Debug)]
struct DirectionCache<T: Real> {
    /// After their activations, `[N, 4 H]`.
    gates: Scratch<T>,
    /// Cell states c, `[N, H]`.
    cells: Scratch<T>,
    /// tanh(c), `[N, H]`.
    tanh_cells: Scratch<T>,
    /// Hidden states h, `[N, H]`.
    hidden: Scratch<T>,
}

impl<T: Real> EncoderCache<T> {
    /// The output, `[N, D H]`: for each token the last layer's forward state and then the backward one.
    pub fn output(&self) -> &[T] {
        match self.layers.last().map(|layer| layer.directions.as_slice()) {
            Some([forward]) => &forward.hidden,
            _ => &self.joined,
        }
    }

    /// The cell states of a layer and direction, `[N, H]`.
    pub fn cells(&self, layer: usize, direction: usize) -> &[T] {
        &self.layers[layer].directions[direction].cells
    }

    /// The hidden states of a layer and direction, `[N, H]`.
    pub fn hidden(&self, layer: usize, direction: usize) -> &[T] {
        &self.layers[layer].directions[direction].hidden
    }

    /// The gates of a layer and direction after their activations, `[N, 4 H]`, in the order i, f, g, o.
    pub fn gates(&self, layer: usize, direction: usize) -> &[T] {
        &self.layers[layer].directions[direction].gates
    }
}

impl<T: Real> Tokens<T> {
    /// Something of each row, `[U, width]`, for the tokens that read it: `[N, width]`.
    fn scattered(&self, of_rows: Scratch<T>, width: usize) -> Scratch<T> {
        let Some(places) = &self.places else { return of_rows };
        let mut of_tokens = Scratch::any(places.len() * width);
        for (token, &place) in of_tokens.chunks_exact_mut(width.max(1)).zip(places) {
            token.copy_from_slice(&of_rows[place as usize * width..][..width]);
        }
        of_tokens
    }

    /// Something of each token, `[N, width]`, summed up for the row that it reads: `[U, width]`.
    fn gathered(&self, of_tokens: Scratch<T>, width: usize) -> Scratch<T> {
        let Some(places) = &self.places else { return of_tokens };
        let rows = places.iter().map(|&place| place as usize + 1).max().unwrap_or(0);
        let mut of_rows = Scratch::zeros(rows * width);
        for (token, &place) in of_tokens.chunks_exact(width.max(1)).zip(places) {
            add(&mut of_rows[place as usize * width..][..width], token);
        }
        of_rows
    }
}

fn copied<T: Real>(values: &[T]) -> Scratch<T> {
    let mut copy = Scratch::any(values.len());
    copy.copy_from_slice(values);
    copy
}

impl<T: Real> Encoder<T> {
    /// An LSTM of zeros; also what gradients are summed up in.
    pub fn zeros(shape: EncoderShape) -> Self {
        let cells = (0..shape.layers * shape.directions())
            .map(|cell| Cell::zeros(shape.layer_input(cell / shape.directions()), shape.hidden))
            .collect();
        Encoder { shape, cells }
    }

    /// Weights drawn as PyTorch draws them, uniformly from ±1/sqrt(H), with a bias of the forget gate of 1 (Jozefowicz et
    /// al. 2015), so that a new cell remembers.
    pub fn new(shape: EncoderShape, rng: &mut ChaCha8Rng) -> Self {
        let mut encoder = Encoder::zeros(shape);
        let hidden = shape.hidden;
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let uniform = Uniform::new_inclusive(-bound, bound).ok();
        for cell in &mut encoder.cells {
            for values in [&mut cell.weight_ih, &mut cell.weight_hh, &mut cell.bias_ih, &mut cell.bias_hh] {
                values.fill_with(|| T::of(uniform.map_or(0.0, |uniform| uniform.sample(rng))));
            }
            cell.bias_ih[hidden..2 * hidden].fill(T::one());
            cell.bias_hh[hidden..2 * hidden].fill(T::zero());
        }
        encoder
    }

    /// The sizes.
    pub fn shape(&self) -> EncoderShape {
        self.shape
    }

    /// All weights under PyTorch's names.
    pub fn parameters(&self) -> Vec<Parameter<'_, T>> {
        let directions = self.shape.directions();
        let rows = 4 * self.shape.hidden;
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
                all.push(Parameter { name: format!("{name}_l{layer}{suffix}"), shape, values });
            }
        }
        all
    }

    /// All weights, in the order of [`Encoder::parameters`].
    pub fn parameters_mut(&mut self) -> Vec<&mut [T]> {
        self.cells
            .iter_mut()
            .flat_map(|cell| {
                [
                    cell.weight_ih.as_mut_slice(),
                    cell.weight_hh.as_mut_slice(),
                    cell.bias_ih.as_mut_slice(),
                    cell.bias_hh.as_mut_slice(),
                ]
            })
            .collect()
    }

    /// Runs over a batch; all sequences begin with a state of zeros.
    ///
    /// `dropouts` holds, for training, one dropout for the input of each layer after the first; `vec![]` for none.
    ///
    /// # Shapes
    /// `input` `[N, E]`, or `[U, E]` and the places of `N` tokens; tokens are laid out by `packing`.
    pub fn forward(
        &self,
        packing: &Packing,
        input: impl std::convert::Into<Tokens<T>>,
        dropouts: Vec<Dropout<T>>,
    ) -> EncoderCache<T> {
        let mut dropouts = dropouts.into_iter();
        let mut cache = EncoderCache { layers: Vec::with_capacity(self.shape.layers), joined: Scratch::any(0) };
        let mut input = input.into();
        for (layer, cells) in self.cells.chunks_exact(self.shape.directions()).enumerate() {
            let mut dropout = Dropout::none();
            if layer > 0 {
                dropout = dropouts.next().unwrap_or_else(Dropout::none);
                input = Tokens { rows: copied(cache.output()), places: None };
                dropout.apply(&mut input.rows);
            }
            let directions: Vec<DirectionCache<T>> = cells
                .iter()
                .enumerate()
                .map(|(direction, cell)| self.run(cell, direction == 1, packing, &input))
                .collect();
            cache.joined = self.join(&directions);
            let read = std::mem::replace(&mut input, Vec::new().into());
            cache.layers.push(LayerCache { input: read, dropout, directions });
        }
        cache
    }

    /// Adds to `gradients` what `cache`'s forward pass owes to its weights, and returns the gradient of its input.
    ///
    /// The cache is used up: gates turn into their own gradients in place.
    ///
    /// # Shapes
    /// `output_gradient` `[N, D H]`; returns the gradient of the rows that went in, `[N, E]` or `[U, E]`; or nothing where
    /// `want_input` is false, because a frozen embedding needs none.
    pub fn backward(
        &self,
        packing: &Packing,
        cache: EncoderCache<T>,
        output_gradient: &[T],
        gradients: &mut Encoder<T>,
        want_input: bool,
    ) -> Option<Scratch<T>> {
        let directions = self.shape.directions();
        let (tokens, hidden) = (packing.tokens(), self.shape.hidden);
        let mut owed: Option<Scratch<T>> = None;
        for (layer, cache) in cache.layers.into_iter().enumerate().rev() {
            let gradient = owed.as_deref().unwrap_or(output_gradient);
            let width = self.shape.layer_input(layer);
            let wanted = want_input || layer > 0;
            let mut input_gradient = Scratch::any(if wanted { cache.input.rows.len() } else { 0 });
            for (direction, mut states) in cache.directions.into_iter().enumerate() {
                let cell = &self.cells[layer * directions + direction];
                let sums = &mut gradients.cells[layer * directions + direction];
                let columns = direction * hidden..(direction + 1) * hidden;
                self.run_back(cell, direction == 1, packing, &mut states, gradient, columns);
                // `gates` now holds the gradients of the gates before their activations.
                let rows = 4 * hidden;
                let before = before(packing, hidden, direction == 1, &states.hidden);
                product_tn(&mut sums.weight_hh, &states.gates, &before, [rows, hidden, tokens], Into::Add);
                let mut bias = Scratch::zeros(rows);
                add_rows(&mut bias, &states.gates);
                add(&mut sums.bias_ih, &bias);
                add(&mut sums.bias_hh, &bias);
                let read = cache.input.rows.len() / width.max(1);
                let gates = cache.input.gathered(states.gates, rows);
                product_tn(&mut sums.weight_ih, &gates, &cache.input.rows, [rows, width, read], Into::Add);
                if wanted {
                    let into = if direction == 0 { Into::Replace } else { Into::Add };
                    product_nn(&mut input_gradient, &gates, &cell.weight_ih, [read, width, rows], into);
                }
            }
            cache.dropout.apply(&mut input_gradient);
            owed = Some(input_gradient);
        }
        owed.filter(|_| want_input)
    }

    /// One cell over a batch, from the front or from the back.
    fn run(&self, cell: &Cell<T>, reverse: bool, packing: &Packing, input: &Tokens<T>) -> DirectionCache<T> {
        let hidden = self.shape.hidden;
        let (tokens, rows) = (packing.tokens(), 4 * hidden);
        let width = cell.weight_ih.len() / rows.max(1);
        let read = input.rows.len() / width.max(1);
        let mut products = Scratch::any(read * rows);
        product_nt(&mut products, &input.rows, &cell.weight_ih, [read, rows, width], Into::Replace);
        let bias: Vec<T> = cell.bias_ih.iter().zip(&cell.bias_hh).map(|(&a, &b)| a + b).collect();
        let mut states = DirectionCache {
            gates: input.scattered(products, rows),
            cells: Scratch::any(tokens * hidden),
            tanh_cells: Scratch::any(tokens * hidden),
            hidden: Scratch::any(tokens * hidden),
        };
        let weight_hh = transposed(&cell.weight_hh, rows, hidden);
        for step in steps(packing, reverse) {
            let (from, running) = (packing.offset(step), packing.running(step));
            let (earlier, known) = earlier(packing, step, reverse).unwrap_or((from, 0));
            if known > 0 {
                let state = &states.hidden[earlier * hidden..(earlier + known) * hidden];
                let gates = &mut states.gates[from * rows..(from + known) * rows];
                product_nn(gates, state, &weight_hh, [known, rows, hidden], Into::Add);
            }
            let now = from * hidden..(from + running) * hidden;
            let (before, cells) = before_and_now(&mut states.cells, now.clone(), earlier * hidden, known * hidden);
            let step = gates::Step {
                gates: &mut states.gates[from * rows..(from + running) * rows],
                before,
                cells,
                tanh_cells: &mut states.tanh_cells[now.clone()],
                hidden: &mut states.hidden[now],
            };
            gates::forward(step, &bias);
        }
        states
    }

    /// Back through one cell: `states.gates` are replaced by the gradients of their sums.
    fn run_back(
        &self,
        cell: &Cell<T>,
        reverse: bool,
        packing: &Packing,
        states: &mut DirectionCache<T>,
        output_gradient: &[T],
        columns: std::ops::Range<usize>,
    ) {
        let hidden = self.shape.hidden;
        let (rows, width) = (4 * hidden, self.shape.output());
        let sequences = packing.running(0);
        // What the later step owes to this one's h and c; zero for sequences whose last step this is.
        let mut hidden_later = Scratch::zeros(sequences * hidden);
        let mut cell_later = Scratch::zeros(sequences * hidden);
        for step in steps(packing, !reverse) {
            let (from, running) = (packing.offset(step), packing.running(step));
            // A sequence's first step has no cell before it: the forget gate acted on zero.
            let (earlier, known) = earlier(packing, step, reverse).unwrap_or((from, 0));
            let step = gates::BackStep {
                gates: &mut states.gates[from * rows..(from + running) * rows],
                before: &states.cells[earlier * hidden..(earlier + known) * hidden],
                tanh_cells: &states.tanh_cells[from * hidden..(from + running) * hidden],
                output: &output_gradient[from * width..(from + running) * width],
                width,
                column: columns.start,
                hidden_later: &hidden_later[..running * hidden],
                cell_later: &mut cell_later[..running * hidden],
            };
            gates::backward(step, hidden);
            if known > 0 {
                let gates = &states.gates[from * rows..(from + known) * rows];
                let later = &mut hidden_later[..known * hidden];
                product_nn(later, gates, &cell.weight_hh, [known, hidden, rows], Into::Replace);
            }
        }
    }

    /// The states of both directions side by side: `[N, D H]`; nothing where there is one.
    fn join(&self, directions: &[DirectionCache<T>]) -> Scratch<T> {
        let [forward, backward] = directions else { return Scratch::any(0) };
        let hidden = self.shape.hidden.max(1);
        let mut joined = Scratch::any(2 * forward.hidden.len());
        let both = forward.hidden.chunks_exact(hidden).zip(backward.hidden.chunks_exact(hidden));
        for (joined, (forward, backward)) in joined.chunks_exact_mut(2 * hidden).zip(both) {
            joined[..hidden].copy_from_slice(forward);
            joined[hidden..].copy_from_slice(backward);
        }
        joined
    }

    /// The last state of every sequence, in the caller's order: the forward state after the last token, and the backward
    /// state after the first. Zeros for an empty sequence.
    ///
    /// # Shapes
    /// `output` `[N, D H]` from [`Encoder::forward`]; returns `[B, D H]`.
    pub fn last(&self, packing: &Packing, output: &[T]) -> Vec<T> {
        let (hidden, width) = (self.shape.hidden, self.shape.output());
        let mut last = vec![T::zero(); packing.sequences() * width];
        self.for_last(packing, |sequence, direction, row| {
            let columns = direction * hidden..(direction + 1) * hidden;
            last[sequence * width..][columns.clone()].copy_from_slice(&output[row * width..][columns]);
        });
        last
    }

    /// The gradient of the output, given that of the last states.
    ///
    /// # Shapes
    /// `last_gradient` `[B, D H]`; returns `[N, D H]`.
    pub fn last_backward(&self, packing: &Packing, last_gradient: &[T]) -> Scratch<T> {
        let (hidden, width) = (self.shape.hidden, self.shape.output());
        let mut output = Scratch::zeros(packing.tokens() * width);
        self.for_last(packing, |sequence, direction, row| {
            let columns = direction * hidden..(direction + 1) * hidden;
            output[row * width..][columns.clone()].copy_from_slice(&last_gradient[sequence * width..][columns]);
        });
        output
    }

    /// Calls `visit(sequence, direction, row)` for where each direction of each sequence ends.
    fn for_last(&self, packing: &Packing, mut visit: impl FnMut(usize, usize, usize)) {
        for (place, &sequence) in packing.order().iter().enumerate().take(packing.running(0)) {
            let end = packing.offset(packing.length(place) - 1) + place;
            visit(sequence, 0, end);
            if self.shape.bidirectional {
                visit(sequence, 1, place);
            }
        }
    }
}

/// All steps, in the order in which a direction takes them.
fn steps(packing: &Packing, reverse: bool) -> impl Iterator<Item = usize> {
    let count = packing.steps();
    (0..count).map(move |step| if reverse { count - 1 - step } else { step })
}

/// The row where the step taken before this one begins, and how many of this step's sequences have a state from it;
/// `None` where none has.
fn earlier(packing: &Packing, step: usize, reverse: bool) -> Option<(usize, usize)> {
    let other = if reverse { Some(step + 1).filter(|&s| s < packing.steps()) } else { step.checked_sub(1) }?;
    Some((packing.offset(other), packing.running(step).min(packing.running(other))))
}

/// The cell states that a step reads and those that it writes: `length` numbers from `earlier` on, and those at `now`.
fn before_and_now<T>(cells: &mut [T], now: std::ops::Range<usize>, earlier: usize, length: usize) -> (&[T], &mut [T]) {
    if earlier < now.start {
        let (before, rest) = cells.split_at_mut(now.start);
        (&before[earlier..earlier + length], &mut rest[..now.len()])
    } else {
        let (rest, after) = cells.split_at_mut(now.end);
        let earlier = earlier.max(now.end) - now.end;
        (&after[earlier..earlier + length], &mut rest[now])
    }
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed<T: Real>(values: &[T], rows: usize, columns: usize) -> Scratch<T> {
    let mut turned = Scratch::any(values.len());
    // Sixteen rows at a time, so that whole lines of the cache are written.
    for (from, rows_of) in values.chunks(16 * columns).enumerate() {
        for column in 0..columns {
            let to = &mut turned[column * rows + from * 16..];
            for (to, row) in to.iter_mut().zip(rows_of.chunks_exact(columns)) {
                *to = row[column];
            }
        }
    }
    turned
}

/// For every token the hidden state that its step began with, `[N, H]`: zeros where a sequence begins.
fn before<T: Real>(packing: &Packing, hidden: usize, reverse: bool, states: &[T]) -> Scratch<T> {
    let mut before = Scratch::zeros(states.len());
    for step in 0..packing.steps() {
        if let Some((earlier, known)) = earlier(packing, step, reverse) {
            let to = packing.offset(step) * hidden;
            before[to..to + known * hidden].copy_from_slice(&states[earlier * hidden..(earlier + known) * hidden]);
        }
    }
    before
}
