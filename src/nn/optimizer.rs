//! Adam for dense parameters, and for the rows of an embedding that a step touched.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Embedding, Real, RowGradients};

/// The settings of Adam (Kingma & Ba 2015), with PyTorch's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamOptions {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the running means of the gradient and of its square.
    pub betas: (f64, f64),
    /// Added to the root of the second mean.
    pub eps: f64,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions { lr: 1e-3, betas: (0.9, 0.999), eps: 1e-8 }
    }
}

/// Adam over parameters that every step changes; PyTorch's `optim.Adam`.
#[derive(Debug, Clone)]
pub struct Adam<T> {
    options: AdamOptions,
    steps: i32,
    /// For each parameter the running means of its gradient and of the square of it.
    means: Vec<(Vec<T>, Vec<T>)>,
}

impl<T: Real> Adam<T> {
    /// An optimizer that has not stepped yet.
    pub fn new(options: AdamOptions) -> Self {
        Adam { options, steps: 0, means: Vec::new() }
    }

    /// One step. Pass the same parameters in the same order every time; `factor` scales the gradients (see
    /// [`clip_factor`]).
    pub fn step(&mut self, parameters: Vec<&mut [T]>, gradients: &[&[T]], factor: f64) {
        self.steps += 1;
        let AdamOptions { lr, betas: (beta1, beta2), eps } = self.options;
        let correction1 = 1.0 - beta1.powi(self.steps);
        let correction2 = 1.0 - beta2.powi(self.steps);
        if self.means.is_empty() {
            let zeros = |parameter: &&mut [T]| vec![T::zero(); parameter.len()];
            self.means = parameters.iter().map(|p| (zeros(p), zeros(p))).collect();
        }
        let rule = Rule {
            decay: [T::of(1.0 - beta1), T::of(1.0 - beta2)],
            factor: T::of(factor),
            step: T::of(lr / correction1),
            root: T::of(1.0 / correction2.sqrt()),
            eps: T::of(eps),
        };
        for ((values, gradient), (mean, square)) in parameters.into_iter().zip(gradients).zip(&mut self.means) {
            let means = mean.par_chunks_mut(PIECE).zip(square.par_chunks_mut(PIECE));
            let values = values.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE));
            values.zip(means).for_each(|((values, gradient), (mean, square))| {
                update(rule, values, gradient, mean, square);
            });
        }
    }
}

/// Parameters that one task changes.
const PIECE: usize = 1 << 14;

/// Adam over the rows of an embedding: only rows that a step touched are changed in it, and only their running means
/// decay; PyTorch's `optim.SparseAdam`.
#[derive(Debug, Clone)]
pub struct SparseAdam<T> {
    options: AdamOptions,
    steps: i32,
    /// For each id where its running means stand, once it has been touched.
    places: Vec<Option<u32>>,
    means: Vec<T>,
    squares: Vec<T>,
}

impl<T: Real> SparseAdam<T> {
    /// An optimizer that has not stepped yet.
    pub fn new(options: AdamOptions) -> Self {
        SparseAdam { options, steps: 0, places: Vec::new(), means: Vec::new(), squares: Vec::new() }
    }

    /// One step on the rows of `embedding`; `factor` scales the gradients.
    ///
    /// As in PyTorch, `eps` is added before the second mean is corrected for its beginning, unlike in dense Adam.
    pub fn step(&mut self, embedding: &mut Embedding<T>, gradients: &RowGradients<T>, factor: f64) {
        self.steps += 1;
        let AdamOptions { lr, betas: (beta1, beta2), eps } = self.options;
        let correction1 = 1.0 - beta1.powi(self.steps);
        let correction2 = 1.0 - beta2.powi(self.steps);
        let rule = Rule {
            decay: [T::of(1.0 - beta1), T::of(1.0 - beta2)],
            factor: T::of(factor),
            step: T::of(lr * correction2.sqrt() / correction1),
            root: T::one(),
            eps: T::of(eps),
        };
        for (id, gradient) in gradients.iter() {
            let Some(values) = embedding.row_mut(id) else { continue };
            let at = self.place(id, gradient.len());
            let means = at..at + gradient.len();
            update(rule, values, gradient, &mut self.means[means.clone()], &mut self.squares[means]);
        }
    }

    fn place(&mut self, id: u32, dimension: usize) -> usize {
        let id = id as usize;
        if self.places.len() <= id {
            self.places.resize(id + 1, None);
        }
        let next = (self.means.len() / dimension.max(1)) as u32;
        let place = *self.places[id].get_or_insert(next) as usize * dimension;
        if place == self.means.len() {
            self.means.resize(place + dimension, T::zero());
            self.squares.resize(place + dimension, T::zero());
        }
        place
    }
}

/// The numbers of one step of Adam.
#[derive(Debug, Clone, Copy)]
struct Rule<T> {
    /// Shares of the new gradient and of its square in their running means.
    decay: [T; 2],
    factor: T,
    step: T,
    root: T,
    eps: T,
}

/// One step of Adam: running means, then `value -= step mean / (sqrt(square) root + eps)`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn update<T: Real>(rule: Rule<T>, values: &mut [T], gradient: &[T], mean: &mut [T], square: &mut [T]) {
    let Rule { decay, factor, step, root, eps } = rule;
    for (((value, &gradient), mean), square) in values.iter_mut().zip(gradient).zip(mean).zip(square) {
        let gradient = gradient * factor;
        *mean += (gradient - *mean) * decay[0];
        *square += (gradient * gradient - *square) * decay[1];
        *value -= step * *mean / (square.sqrt() * root + eps);
    }
}

/// What to scale gradients by so that their norm together is at most `limit`; PyTorch's `clip_grad_norm_`.
/// `squares` is the sum of the squares of all their components.
pub fn clip_factor(squares: f64, limit: f64) -> f64 {
    (limit / (squares.sqrt() + 1e-6)).min(1.0)
}
