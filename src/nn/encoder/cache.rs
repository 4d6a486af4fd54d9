//! What the forward pass stores for the backward pass.

use super::shape::{CellKind, EncoderShape};
use crate::nn::recurrence::CellCache;
use crate::nn::{Dropout, Real, Scratch};

/// The activations of a forward pass, for the backward pass.
#[derive(Debug)]
pub struct EncoderCache<T: Real> {
    pub(super) shape: EncoderShape,
    pub(super) layers: Vec<LayerCache<T>>,
    pub(super) pooled: Vec<T>,
    /// For max pooling, the row of each component of `pooled`.
    pub(super) rows: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct LayerCache<T: Real> {
    /// The input of the layer; empty for the first layer, whose input is products.
    pub input: Scratch<T>,
    /// The dropout that was applied to `input`.
    pub dropout: Dropout<T>,
    pub directions: Vec<CellCache<T>>,
}

impl<T: Real> EncoderCache<T> {
    /// The pooled states, `[B, D H]`, in the caller's order.
    pub fn pooled(&self) -> &[T] {
        &self.pooled
    }

    /// The states of the last layer, `[N, D H]`: for each token the forward state and then the backward state.
    pub fn output(&self) -> Vec<T> {
        let layer = self.layers.len() - 1;
        let (width, directions) = (self.shape.hidden.max(1), self.shape.directions());
        let states: Vec<Vec<T>> = (0..directions).map(|direction| self.hidden(layer, direction)).collect();
        let tokens = states[0].len() / width;
        (0..tokens)
            .flat_map(|token| states.iter().flat_map(move |all| all[token * width..][..width].to_vec()))
            .collect()
    }

    /// The cell states of a layer and direction, `[N, H]`; empty for a plain RNN, which has none.
    pub fn cells(&self, layer: usize, direction: usize) -> Vec<T> {
        let cache = &self.layers[layer].directions[direction];
        let width = self.shape.hidden.max(1);
        let rows = cache.gates.chunks_exact(4 * width).zip(cache.cells_before.chunks_exact(width));
        rows.flat_map(|(gates, before)| {
            // Computed as in the forward pass.
            (0..width).map(move |j| gates[j] * gates[2 * width + j] + gates[width + j] * before[j])
        })
        .collect()
    }

    /// The hidden states of a layer and direction, `[N, H]`.
    pub fn hidden(&self, layer: usize, direction: usize) -> Vec<T> {
        let cache = &self.layers[layer].directions[direction];
        let width = self.shape.hidden.max(1);
        match self.shape.cell {
            CellKind::Rnn => cache.gates.to_vec(),
            CellKind::Lstm => {
                let rows = cache.gates.chunks_exact(4 * width).zip(cache.tanh_cells.chunks_exact(width));
                rows.flat_map(|(gates, tanh)| (0..width).map(move |j| gates[3 * width + j] * tanh[j])).collect()
            }
        }
    }

    /// The gates of a layer and direction after their activations, `[N, 4 H]`, in the order i, f, g, o; for a plain RNN the
    /// states, `[N, H]`.
    pub fn gates(&self, layer: usize, direction: usize) -> &[T] {
        &self.layers[layer].directions[direction].gates
    }
}
