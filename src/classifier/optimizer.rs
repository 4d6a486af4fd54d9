//! One optimizer for a whole network.

use super::network::{Gradients, Network};
use crate::nn::{DenseOptimizer, OptimizerOptions, Real, RowOptimizer, clip_factor};

/// The optimizer of a [`Network`]: dense for encoder and head, for the rows only those that a step touched, the norm of all
/// gradients clipped together.
#[derive(Debug, Clone)]
pub struct Optimizer<T> {
    pub(super) dense: DenseOptimizer<T>,
    pub(super) rows: RowOptimizer<T>,
    clip: Option<f64>,
}

/// What is different about the rows of the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RowSettings {
    /// Their own learning rate, in place of the network's.
    pub lr: Option<f64>,
    /// Rows that a step leaves longer than this are scaled to it.
    pub max_norm: Option<f64>,
}

impl<T: Real> Optimizer<T> {
    /// An optimizer that has not stepped yet; `clip` is the largest norm that all gradients together may have.
    pub fn new(options: OptimizerOptions, clip: Option<f64>) -> Self {
        Optimizer::with_rows(options, clip, RowSettings::default())
    }

    /// An optimizer that treats the rows of the embedding in its own way.
    pub fn with_rows(options: OptimizerOptions, clip: Option<f64>, rows: RowSettings) -> Self {
        let of_rows = OptimizerOptions { lr: rows.lr.unwrap_or(options.lr), ..options };
        Optimizer { dense: DenseOptimizer::new(options), rows: RowOptimizer::new(of_rows, rows.max_norm), clip }
    }

    /// One step at the full learning rate.
    pub fn step(&mut self, network: &mut Network<T>, gradients: &Gradients<T>) {
        self.step_at(network, gradients, 1.0);
    }

    /// One step at a share of the learning rate; see [`Schedule`](crate::nn::Schedule).
    ///
    /// While the rows of the embedding are held, the steps do not count for their optimizer, as in PyTorch for a parameter
    /// without a gradient.
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
