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

use super::real::{Into, add_rows, product_nn, product_nt, product_tn};
use super::{Dropout, Packing, Parameter, Real};

/// The sizes of an LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LstmShape {
    /// Numbers a token that go in, `E`.
    pub input: usize,
    /// Numbers of a state, `H`.
    pub hidden: usize,
    /// Layers, each reading the one before.
    pub layers: usize,
    /// Whether a second cell of each layer reads from the end to the beginning.
    pub bidirectional: bool,
}

impl LstmShape {
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
pub struct Lstm<T> {
    shape: LstmShape,
    /// Layer by layer, in each the forward cell and then, if any, the backward one.
    pub cells: Vec<Cell<T>>,
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct LstmCache<T> {
    layers: Vec<LayerCache<T>>,
}

#[derive(Debug)]
struct LayerCache<T> {
    /// What the layer read: `[N, input]`.
    input: Vec<T>,
    /// The dropout that `input` has gone through since the layer before.
    dropout: Dropout<T>,
    directions: Vec<DirectionCache<T>>,
}

#[derive(Debug)]
struct DirectionCache<T> {
    /// After their activations, `[N, 4 H]`.
    gates: Vec<T>,
    /// Cell states c, `[N, H]`.
    cells: Vec<T>,
    /// tanh(c), `[N, H]`.
    tanh_cells: Vec<T>,
    /// Hidden states h, `[N, H]`.
    hidden: Vec<T>,
}

impl<T: Real> LstmCache<T> {
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

impl<T: Real> Lstm<T> {
    /// An LSTM of zeros; also what gradients are summed up in.
    pub fn zeros(shape: LstmShape) -> Self {
        let cells = (0..shape.layers * shape.directions())
            .map(|cell| Cell::zeros(shape.layer_input(cell / shape.directions()), shape.hidden))
            .collect();
        Lstm { shape, cells }
    }

    /// Weights drawn as PyTorch draws them, uniformly from ±1/sqrt(H), with a bias of the forget gate of 1 (Jozefowicz et
    /// al. 2015), so that a new cell remembers.
    pub fn new(shape: LstmShape, rng: &mut ChaCha8Rng) -> Self {
        let mut lstm = Lstm::zeros(shape);
        let hidden = shape.hidden;
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let uniform = Uniform::new_inclusive(-bound, bound).ok();
        for cell in &mut lstm.cells {
            for values in [&mut cell.weight_ih, &mut cell.weight_hh, &mut cell.bias_ih, &mut cell.bias_hh] {
                values.fill_with(|| T::of(uniform.map_or(0.0, |uniform| uniform.sample(rng))));
            }
            cell.bias_ih[hidden..2 * hidden].fill(T::one());
            cell.bias_hh[hidden..2 * hidden].fill(T::zero());
        }
        lstm
    }

    /// The sizes.
    pub fn shape(&self) -> LstmShape {
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

    /// All weights, in the order of [`Lstm::parameters`].
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
    /// `dropouts` holds, for training, one dropout for the input of each layer after the first; `&[]` for none.
    ///
    /// # Shapes
    /// `input` `[N, E]`, laid out by `packing`; output `[N, D H]`, for each token the forward state and then the backward
    /// one.
    pub fn forward(&self, packing: &Packing, input: Vec<T>, dropouts: Vec<Dropout<T>>) -> (Vec<T>, LstmCache<T>) {
        let mut dropouts = dropouts.into_iter();
        let mut layers = Vec::with_capacity(self.shape.layers);
        let mut input = input;
        for (layer, cells) in self.cells.chunks_exact(self.shape.directions()).enumerate() {
            let dropout = match layer {
                0 => Dropout::none(),
                _ => dropouts.next().unwrap_or_else(Dropout::none),
            };
            dropout.apply(&mut input);
            let directions: Vec<DirectionCache<T>> = cells
                .iter()
                .enumerate()
                .map(|(direction, cell)| self.run(cell, direction == 1, packing, &input))
                .collect();
            let output = self.join(&directions);
            layers.push(LayerCache { input, dropout, directions });
            input = output;
        }
        (input, LstmCache { layers })
    }

    /// Adds to `gradients` what `cache`'s forward pass owes to its weights, and returns the gradient of its input.
    ///
    /// The cache is used up: gates turn into their own gradients in place.
    ///
    /// # Shapes
    /// `output_gradient` `[N, D H]`; returns `[N, E]`, or nothing where `want_input` is false: a frozen embedding needs
    /// none, and it is a third of the work.
    pub fn backward(
        &self,
        packing: &Packing,
        cache: LstmCache<T>,
        output_gradient: Vec<T>,
        gradients: &mut Lstm<T>,
        want_input: bool,
    ) -> Option<Vec<T>> {
        let directions = self.shape.directions();
        let (tokens, hidden) = (packing.tokens(), self.shape.hidden);
        let mut gradient = output_gradient;
        for (layer, cache) in cache.layers.into_iter().enumerate().rev() {
            let width = self.shape.layer_input(layer);
            let wanted = want_input || layer > 0;
            let mut input_gradient = vec![T::zero(); if wanted { tokens * width } else { 0 }];
            for (direction, mut states) in cache.directions.into_iter().enumerate() {
                let cell = &self.cells[layer * directions + direction];
                let sums = &mut gradients.cells[layer * directions + direction];
                let columns = direction * hidden..(direction + 1) * hidden;
                self.run_back(cell, direction == 1, packing, &mut states, &gradient, columns);
                // `gates` now holds the gradients of the gates before their activations.
                let rows = 4 * hidden;
                product_tn(&mut sums.weight_ih, &states.gates, &cache.input, [rows, width, tokens], Into::Add);
                let before = before(packing, hidden, direction == 1, &states.hidden);
                product_tn(&mut sums.weight_hh, &states.gates, &before, [rows, hidden, tokens], Into::Add);
                add_rows(&mut sums.bias_ih, &states.gates);
                add_rows(&mut sums.bias_hh, &states.gates);
                if wanted {
                    let shape = [tokens, width, rows];
                    product_nn(&mut input_gradient, &states.gates, &cell.weight_ih, shape, Into::Add);
                }
            }
            cache.dropout.apply(&mut input_gradient);
            gradient = input_gradient;
        }
        want_input.then_some(gradient)
    }

    /// One cell over a batch, from the front or from the back.
    fn run(&self, cell: &Cell<T>, reverse: bool, packing: &Packing, input: &[T]) -> DirectionCache<T> {
        let hidden = self.shape.hidden;
        let (tokens, rows) = (packing.tokens(), 4 * hidden);
        let width = cell.weight_ih.len() / rows;
        let mut gates = vec![T::zero(); tokens * rows];
        product_nt(&mut gates, input, &cell.weight_ih, [tokens, rows, width], Into::Replace);
        let bias: Vec<T> = cell.bias_ih.iter().zip(&cell.bias_hh).map(|(&a, &b)| a + b).collect();
        let mut states = DirectionCache {
            gates,
            cells: vec![T::zero(); tokens * hidden],
            tanh_cells: vec![T::zero(); tokens * hidden],
            hidden: vec![T::zero(); tokens * hidden],
        };
        for step in steps(packing, reverse) {
            let (from, running) = (packing.offset(step), packing.running(step));
            let earlier = earlier(packing, step, reverse);
            if let Some((earlier, known)) = earlier {
                let state = &states.hidden[earlier * hidden..(earlier + known) * hidden];
                let gates = &mut states.gates[from * rows..(from + known) * rows];
                product_nt(gates, state, &cell.weight_hh, [known, rows, hidden], Into::Add);
            }
            for place in 0..running {
                let row = from + place;
                let cell_before =
                    earlier.filter(|&(_, known)| place < known).map(|(earlier, _)| (earlier + place) * hidden);
                self.step(&mut states, row, cell_before, &bias);
            }
        }
        states
    }

    /// The element-wise half of one step of one sequence: from the gates' sums to c and h.
    #[inline]
    fn step(&self, states: &mut DirectionCache<T>, row: usize, before: Option<usize>, bias: &[T]) {
        let hidden = self.shape.hidden;
        let gates = &mut states.gates[row * 4 * hidden..(row + 1) * 4 * hidden];
        for (gate, &bias) in gates.iter_mut().zip(bias) {
            *gate += bias;
        }
        let (input_forget, candidate_output) = gates.split_at_mut(2 * hidden);
        let (candidate, output) = candidate_output.split_at_mut(hidden);
        input_forget.iter_mut().for_each(|x| *x = x.sigmoid());
        candidate.iter_mut().for_each(|x| *x = x.tanh_());
        output.iter_mut().for_each(|x| *x = x.sigmoid());
        let (input, forget) = input_forget.split_at(hidden);

        // The sum is built where tanh(c) will stand, because the cells of the step before are read at the same time.
        let now = row * hidden..(row + 1) * hidden;
        let sums = &mut states.tanh_cells[now.clone()];
        for ((sum, &input), &candidate) in sums.iter_mut().zip(input).zip(&*candidate) {
            *sum = input * candidate;
        }
        if let Some(before) = before {
            let before = &states.cells[before..before + hidden];
            for ((sum, &forget), &cell) in sums.iter_mut().zip(forget).zip(before) {
                *sum += forget * cell;
            }
        }
        let cells = &mut states.cells[now.clone()];
        let states_now = states.hidden[now].iter_mut().zip(&*output);
        for ((cell, tanh), (state, &output)) in cells.iter_mut().zip(sums).zip(states_now) {
            *cell = *tanh;
            *tanh = cell.tanh_();
            *state = output * *tanh;
        }
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
        let mut hidden_later = vec![T::zero(); sequences * hidden];
        let mut cell_later = vec![T::zero(); sequences * hidden];
        for step in steps(packing, !reverse) {
            let (from, running) = (packing.offset(step), packing.running(step));
            let earlier = earlier(packing, step, reverse);
            for place in 0..running {
                let row = from + place;
                let at = row * hidden;
                let gates = &mut states.gates[row * rows..(row + 1) * rows];
                let (input, rest) = gates.split_at_mut(hidden);
                let (forget, rest) = rest.split_at_mut(hidden);
                let (candidate, output) = rest.split_at_mut(hidden);
                let tanh_cells = &states.tanh_cells[at..at + hidden];
                let hidden_later = &hidden_later[place * hidden..(place + 1) * hidden];
                let cell_later = &mut cell_later[place * hidden..(place + 1) * hidden];
                let from_output = &output_gradient[row * width..(row + 1) * width][columns.clone()];
                let before = earlier
                    .filter(|&(_, known)| place < known)
                    .map(|(earlier, _)| &states.cells[(earlier + place) * hidden..][..hidden]);
                let one = T::one();
                for j in 0..hidden {
                    let (i, f, g, o, t) = (input[j], forget[j], candidate[j], output[j], tanh_cells[j]);
                    let dh = from_output[j] + hidden_later[j];
                    let dc = cell_later[j] + dh * o * (one - t * t);
                    output[j] = dh * t * o * (one - o);
                    input[j] = dc * g * i * (one - i);
                    candidate[j] = dc * i * (one - g * g);
                    cell_later[j] = dc * f;
                    forget[j] = dc * f * (one - f);
                }
                // A sequence's first step has no cell before it: the forget gate acted on zero.
                match before {
                    Some(before) => forget.iter_mut().zip(before).for_each(|(f, &c)| *f *= c),
                    None => forget.fill(T::zero()),
                }
            }
            if let Some((_, known)) = earlier {
                let gates = &states.gates[from * rows..(from + known) * rows];
                let later = &mut hidden_later[..known * hidden];
                product_nn(later, gates, &cell.weight_hh, [known, hidden, rows], Into::Replace);
            }
        }
    }

    /// The states of both directions side by side: `[N, D H]`.
    fn join(&self, directions: &[DirectionCache<T>]) -> Vec<T> {
        match directions {
            [forward] => forward.hidden.clone(),
            _ => {
                let hidden = self.shape.hidden;
                let rows = directions[0].hidden.len() / hidden;
                (0..rows)
                    .flat_map(|row| directions.iter().flat_map(move |d| &d.hidden[row * hidden..][..hidden]))
                    .copied()
                    .collect()
            }
        }
    }

    /// The last state of every sequence, in the caller's order: the forward state after the last token, and the backward
    /// state after the first. Zeros for an empty sequence.
    ///
    /// # Shapes
    /// `output` `[N, D H]` from [`Lstm::forward`]; returns `[B, D H]`.
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
    pub fn last_backward(&self, packing: &Packing, last_gradient: &[T]) -> Vec<T> {
        let (hidden, width) = (self.shape.hidden, self.shape.output());
        let mut output = vec![T::zero(); packing.tokens() * width];
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

/// For every token the hidden state that its step began with, `[N, H]`: zeros where a sequence begins.
fn before<T: Real>(packing: &Packing, hidden: usize, reverse: bool, states: &[T]) -> Vec<T> {
    let mut before = vec![T::zero(); states.len()];
    for step in 0..packing.steps() {
        if let Some((earlier, known)) = earlier(packing, step, reverse) {
            let to = packing.offset(step) * hidden;
            before[to..to + known * hidden].copy_from_slice(&states[earlier * hidden..(earlier + known) * hidden]);
        }
    }
    before
}
