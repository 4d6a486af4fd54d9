//! The optimizer of a whole network.

use super::network::{Gradients, Network};
use crate::nn::{DenseOptimizer, OptimizerOptions, Real, RowOptimizer, clip_factor};

/// The optimizer of a [`Network`]: all parameters of the encoder and the head, and those embedding rows that have a gradient.
/// Gradients are clipped by their global norm.
#[derive(Debug, Clone)]
pub struct Optimizer<T> {
    pub(super) dense: DenseOptimizer<T>,
    pub(super) rows: RowOptimizer<T>,
    clip: Option<f64>,
}

/// Settings that apply only to the rows of the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowSettings {
    /// Learning rate of the rows; `None` for that of the network.
    pub lr: Option<f64>,
    /// Maximum norm of a row: after a step, longer rows are scaled down to it. `None` for no limit.
    pub max_norm: Option<f64>,
}

impl<T: Real> Optimizer<T> {
    /// A new optimizer; `clip` is the maximum global norm of the gradients, `None` for no limit.
    pub fn new(options: OptimizerOptions, clip: Option<f64>) -> Self {
        Optimizer::with_rows(options, clip, RowSettings::default())
    }

    /// A new optimizer with separate settings for the rows of the embedding.
    pub fn with_rows(options: OptimizerOptions, clip: Option<f64>, rows: RowSettings) -> Self {
        let row_options = OptimizerOptions { lr: rows.lr.unwrap_or(options.lr), ..options };
        Optimizer { dense: DenseOptimizer::new(options), rows: RowOptimizer::new(row_options, rows.max_norm), clip }
    }

    /// Updates the network with the full learning rate.
    pub fn step(&mut self, network: &mut Network<T>, gradients: &Gradients<T>) {
        self.step_at(network, gradients, 1.0);
    }

    /// Updates the network with the learning rate multiplied by `rate`; see [`Schedule`](crate::nn::Schedule).
    ///
    /// Steps in which the embedding is frozen are not counted by the optimizer of its rows, as in PyTorch for a parameter without
    /// a gradient.
    pub fn step_at(&mut self, network: &mut Network<T>, gradients: &Gradients<T>, rate: f64) {
        let factor = self.clip.map_or(1.0, |limit| clip_factor(gradients.squares(), limit));
        let Network { embedding, encoder, head } = network;
        let (rows, dense) = (&mut self.rows, &mut self.dense);
        let step_rows = || {
            if !embedding.is_frozen() {
                rows.step(embedding, &gradients.rows, factor, rate);
            }
        };
        let step_dense = || {
            let mut parameters = encoder.parameters_mut();
            parameters.extend(head.parameters_mut());
            dense.step(parameters, &gradients.dense().collect::<Vec<&[T]>>(), factor, rate);
        };
        rayon::join(step_dense, step_rows);
    }
}
