//! A cell that reads a batch in one direction, forward in time and back.

use super::product::{Accumulate, GemmMatrix, GemvMatrix, RowMatrix};
use super::tokens::TokenRows;
use super::{CellKind, Packing, Real, Scratch, gates, rnn};

/// A cell and the direction in which it reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recurrence<'a> {
    pub kind: CellKind,
    pub hidden: usize,
    pub reverse: bool,
    pub packing: &'a Packing,
}

/// The recurrent weights transposed, `[H, G H]`, for texts together or for one alone.
#[derive(Debug)]
pub(super) enum RecurrentWeights<'a, T: Real> {
    Batch(&'a GemmMatrix<T>),
    Single(&'a GemvMatrix<T>),
}

/// What the forward pass of a direction keeps for the backward pass: a row a token. Where nothing is kept, a row a sequence,
/// which each step overwrites.
#[derive(Debug)]
pub(super) struct CellCache<T: Real> {
    /// The gates after their activations, `[N, 4 H]`; the states of a plain network, `[N, H]`.
    pub gates: Scratch<T>,
    /// Hidden states that each step began with, `[N, H]`.
    pub hidden_before: Scratch<T>,
    /// Cell states that each step began with, `[N, H]`; LSTM only.
    pub cells_before: Scratch<T>,
    /// tanh of the cell states that each step ended with, `[N, H]`; LSTM only.
    pub tanh_cells: Scratch<T>,
}

impl<T: Real> CellCache<T> {
    pub fn new(kind: CellKind, hidden: usize, rows: usize) -> Self {
        let cells = if kind == CellKind::Lstm { rows * hidden } else { 0 };
        CellCache {
            gates: Scratch::uncleared(rows * kind.gates() * hidden),
            hidden_before: Scratch::uncleared(rows * hidden),
            cells_before: Scratch::uncleared(cells),
            tanh_cells: Scratch::uncleared(cells),
        }
    }
}

impl Recurrence<'_> {
    /// All steps, in the order in which the direction takes them.
    fn steps(&self) -> impl DoubleEndedIterator<Item = usize> {
        let count = self.packing.steps();
        let reverse = self.reverse;
        (0..count).map(move |step| if reverse { count - 1 - step } else { step })
    }

    /// How many of a step's sequences, the first ones, have a state from the step taken before.
    fn known(&self, step: usize) -> usize {
        let before = if self.reverse { Some(step + 1) } else { step.checked_sub(1) };
        before.map_or(0, |before| self.packing.running(before).min(self.packing.running(step)))
    }

    /// Runs over a batch. Returns the state in which each sequence ends, in the order of the packing's places.
    ///
    /// # Shapes
    /// `weight` is `weight_hh` transposed; `products` `[N, G H]`, biases included; `kept` for `N` rows. `output` is what
    /// to write all states to, `[N, H]`. Returns `[running(0), H]`.
    pub fn run<T: Real>(
        &self,
        weight: &RecurrentWeights<T>,
        products: &TokenRows<&[T]>,
        kept: Option<&mut CellCache<T>>,
        mut output: Option<TokenRows<&mut [T]>>,
    ) -> Scratch<T> {
        let (packing, width) = (self.packing, self.hidden);
        let rows = self.kind.gates() * width;
        let sequences = packing.running(0);
        let keeps = kept.is_some();
        let mut a_step = CellCache::new(self.kind, width, if keeps { 0 } else { sequences });
        let kept = kept.unwrap_or(&mut a_step);
        let mut hidden = Scratch::zeros(sequences * width);
        let mut cells = Scratch::zeros(if self.kind == CellKind::Lstm { sequences * width } else { 0 });
        for step in self.steps() {
            let (first, running, known) = (packing.offset(step), packing.running(step), self.known(step));
            let from = if keeps { first } else { 0 };
            let now = from * width..(from + running) * width;
            let gates = &mut kept.gates[from * rows..(from + running) * rows];
            if keeps {
                kept.hidden_before[now.clone()].copy_from_slice(&hidden[..running * width]);
            }
            if known > 0 {
                let (before, gates) = (&hidden[..known * width], &mut gates[..known * rows]);
                match weight {
                    RecurrentWeights::Batch(weight) => {
                        weight.multiply(gates, RowMatrix { values: before, stride: width }, known, Accumulate::Replace);
                    }
                    RecurrentWeights::Single(weight) => weight.multiply(gates, before),
                }
            }
            let hidden = &mut hidden[..running * width];
            match self.kind {
                CellKind::Lstm => {
                    let step = gates::Step {
                        gates,
                        known,
                        products,
                        first,
                        cells: &mut cells[..running * width],
                        cells_before: &mut kept.cells_before[now.clone()],
                        tanh_cells: &mut kept.tanh_cells[now],
                        hidden,
                    };
                    gates::forward(step, width);
                }
                CellKind::Rnn => {
                    // A state of zeros contributes nothing.
                    gates[known * rows..].fill(T::zero());
                    rnn::forward(gates, hidden, products, first, width);
                }
            }
            if let Some(output) = &mut output {
                output.write(first, width, hidden);
            }
        }
        hidden
    }

    /// Back over a batch: `kept.gates` becomes the gradients of the sums.
    ///
    /// # Shapes
    /// `weight` is `weight_hh`, `[G H, H]`. `owed` is the gradient of the states in which the sequences end, in the order of
    /// the packing's places, `[running(0), H]`; `output` that of all states, `[N, H]`.
    pub fn run_back<T: Real>(
        &self,
        weight: &GemmMatrix<T>,
        kept: &mut CellCache<T>,
        mut owed: Scratch<T>,
        output: Option<TokenRows<&[T]>>,
    ) {
        let (packing, width) = (self.packing, self.hidden);
        let rows = self.kind.gates() * width;
        let mut cells = Scratch::zeros(if self.kind == CellKind::Lstm { owed.len() } else { 0 });
        for step in self.steps().rev() {
            let (first, running, known) = (packing.offset(step), packing.running(step), self.known(step));
            let now = first * width..(first + running) * width;
            let gates = &mut kept.gates[first * rows..(first + running) * rows];
            if let Some(output) = &output {
                output.read_add(first, width, &mut owed[..running * width]);
            }
            match self.kind {
                CellKind::Lstm => {
                    let step = gates::BackStep {
                        gates,
                        cells_before: &kept.cells_before[now.clone()],
                        tanh_cells: &kept.tanh_cells[now],
                        hidden: &owed[..running * width],
                        cells: &mut cells[..running * width],
                    };
                    gates::backward(step, width);
                }
                CellKind::Rnn => rnn::backward(gates, &owed[..running * width]),
            }
            if known > 0 {
                let gates = RowMatrix { values: &gates[..known * rows], stride: rows };
                weight.multiply(&mut owed[..known * width], gates, known, Accumulate::Replace);
            }
        }
    }
}
