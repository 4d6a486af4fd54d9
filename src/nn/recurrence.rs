//! A recurrent cell over a batch in one direction: the forward and the backward pass.

use super::gemm::{Accumulate, RowMatrix};
use super::product::{GemmMatrix, GemvMatrix};
use super::tokens::TokenRows;
use super::{CellKind, Packing, Real, Scratch, gates, rnn};

/// A cell, its direction, and the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recurrence<'a> {
    pub kind: CellKind,
    pub hidden: usize,
    pub reverse: bool,
    pub packing: &'a Packing,
}

/// The recurrent weights transposed, `[H, G H]`, packed for a batch or for a single text.
#[derive(Debug)]
pub(super) enum RecurrentWeights<'a, T: Real> {
    Batch(&'a GemmMatrix<T>),
    Single(&'a GemvMatrix<T>),
}

/// The activations of a cell for the backward pass, one row per token. Without a backward pass, one row per sequence, which
/// each step overwrites.
#[derive(Debug)]
pub(super) struct CellCache<T: Real> {
    /// The gates after their activations, `[N, 4 H]`; for a plain RNN the states, `[N, H]`.
    pub gates: Scratch<T>,
    /// The hidden states before each step, `[N, H]`.
    pub hidden_before: Scratch<T>,
    /// The cell states before each step, `[N, H]`; LSTM only.
    pub cells_before: Scratch<T>,
    /// tanh of the cell states after each step, `[N, H]`; LSTM only.
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
    /// All steps, in the order of the direction.
    fn steps(&self) -> impl DoubleEndedIterator<Item = usize> {
        let count = self.packing.steps();
        let reverse = self.reverse;
        (0..count).map(move |step| if reverse { count - 1 - step } else { step })
    }

    /// The number of sequences of a step, its first ones, that have a state from the previous step.
    fn known(&self, step: usize) -> usize {
        let before = if self.reverse { Some(step + 1) } else { step.checked_sub(1) };
        before.map_or(0, |before| self.packing.running(before).min(self.packing.running(step)))
    }

    /// The forward pass. Returns the last state of each sequence, in the order of the packing.
    ///
    /// # Shapes
    /// `weight` is `weight_hh` transposed; `products` `[N, G H]` include the biases; `cache` has `N` rows. All states are written to
    /// `output`, `[N, H]`, if it is given. Returns `[running(0), H]`.
    pub fn forward<T: Real>(
        &self,
        weight: &RecurrentWeights<T>,
        products: &TokenRows<&[T]>,
        cache: Option<&mut CellCache<T>>,
        mut output: Option<TokenRows<&mut [T]>>,
    ) -> Scratch<T> {
        let (packing, width) = (self.packing, self.hidden);
        let rows = self.kind.gates() * width;
        let sequences = packing.running(0);
        let has_cache = cache.is_some();
        let mut one_step = CellCache::new(self.kind, width, if has_cache { 0 } else { sequences });
        let cache = cache.unwrap_or(&mut one_step);
        let mut hidden = Scratch::zeros(sequences * width);
        let mut cells = Scratch::zeros(if self.kind == CellKind::Lstm { sequences * width } else { 0 });
        for step in self.steps() {
            let (first, running, known) = (packing.offset(step), packing.running(step), self.known(step));
            let from = if has_cache { first } else { 0 };
            let now = from * width..(from + running) * width;
            let gates = &mut cache.gates[from * rows..(from + running) * rows];
            if has_cache {
                cache.hidden_before[now.clone()].copy_from_slice(&hidden[..running * width]);
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
                    let step = gates::ForwardStep {
                        gates,
                        known,
                        products,
                        first,
                        cells: &mut cells[..running * width],
                        cells_before: &mut cache.cells_before[now.clone()],
                        tanh_cells: &mut cache.tanh_cells[now],
                        hidden,
                    };
                    gates::forward(step, width);
                }
                CellKind::Rnn => {
                    // Initial states of zeros contribute nothing.
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

    /// The backward pass, which overwrites `cache.gates` with the gradients of the pre-activations.
    ///
    /// # Shapes
    /// `weight` is `weight_hh`, `[G H, H]`. `gradient` is the gradient of the last states, in the order of the packing,
    /// `[running(0), H]`, and `output` the gradient of all states, `[N, H]`.
    pub fn backward<T: Real>(
        &self,
        weight: &GemmMatrix<T>,
        cache: &mut CellCache<T>,
        mut gradient: Scratch<T>,
        output: Option<TokenRows<&[T]>>,
    ) {
        let (packing, width) = (self.packing, self.hidden);
        let rows = self.kind.gates() * width;
        let mut cells = Scratch::zeros(if self.kind == CellKind::Lstm { gradient.len() } else { 0 });
        for step in self.steps().rev() {
            let (first, running, known) = (packing.offset(step), packing.running(step), self.known(step));
            let now = first * width..(first + running) * width;
            let gates = &mut cache.gates[first * rows..(first + running) * rows];
            if let Some(output) = &output {
                output.read_add(first, width, &mut gradient[..running * width]);
            }
            match self.kind {
                CellKind::Lstm => {
                    let step = gates::BackwardStep {
                        gates,
                        cells_before: &cache.cells_before[now.clone()],
                        tanh_cells: &cache.tanh_cells[now],
                        hidden: &gradient[..running * width],
                        cells: &mut cells[..running * width],
                    };
                    gates::backward(step, width);
                }
                CellKind::Rnn => rnn::backward(gates, &gradient[..running * width]),
            }
            if known > 0 {
                let gates = RowMatrix { values: &gates[..known * rows], stride: rows };
                weight.multiply(&mut gradient[..known * width], gates, known, Accumulate::Replace);
            }
        }
    }
}
