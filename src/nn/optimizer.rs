//! Adam, AdamW and stochastic gradient descent, for dense parameters and for the rows of an embedding.

use multiversion::multiversion;
use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::real::squares;
use super::{Embedding, Real, RowGradients};
use crate::error::Error;

/// The optimizer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015); weight decay is added to the gradient. PyTorch's `optim.Adam`.
    Adam,
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019). PyTorch's `optim.AdamW`.
    AdamW,
    /// Stochastic gradient descent with momentum, without Nesterov's; weight decay is added to the gradient. PyTorch's
    /// `optim.SGD`.
    Sgd,
}

impl OptimizerKind {
    /// All kinds, in the order in which help texts list them.
    pub const ALL: &'static [OptimizerKind] = <OptimizerKind as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The options of an optimizer, with PyTorch's defaults for Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerOptions {
    /// The optimizer.
    pub kind: OptimizerKind,
    /// Learning rate.
    pub lr: f64,
    /// Decay rates of Adam's running means of the gradient and of its square.
    pub betas: (f64, f64),
    /// Added to the root of Adam's second moment.
    pub eps: f64,
    /// Momentum of [`OptimizerKind::Sgd`].
    pub momentum: f64,
    /// Weight decay; see [`OptimizerKind`] for how it is applied.
    pub weight_decay: f64,
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        OptimizerOptions {
            kind: OptimizerKind::Adam,
            lr: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }
}

/// An optimizer for dense parameters, which every step changes.
#[derive(Debug, Clone)]
pub struct DenseOptimizer<T> {
    options: OptimizerOptions,
    /// Steps taken.
    pub(crate) steps: i32,
    /// The moments of each parameter; empty before the first step.
    pub(crate) moments: Vec<Moments<T>>,
}

/// The state of an optimizer for one parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments<T> {
    /// Adam's running mean, or the momentum buffer of SGD.
    pub first: Vec<T>,
    /// Adam's running mean of squares; empty for SGD.
    pub second: Vec<T>,
}

impl<T: Real> Moments<T> {
    pub(crate) fn zeros(kind: OptimizerKind, length: usize) -> Self {
        let second = if kind == OptimizerKind::Sgd { 0 } else { length };
        Moments { first: vec![T::zero(); length], second: vec![T::zero(); second] }
    }
}

/// A slice of a parameter with its gradient and moments.
struct Piece<'a, T> {
    values: &'a mut [T],
    gradient: &'a [T],
    first: &'a mut [T],
    second: &'a mut [T],
}

impl<T: Real> DenseOptimizer<T> {
    /// An optimizer without state.
    pub fn new(options: OptimizerOptions) -> Self {
        DenseOptimizer { options, steps: 0, moments: Vec::new() }
    }

    /// The options.
    pub fn options(&self) -> &OptimizerOptions {
        &self.options
    }

    /// One step. The parameters must be the same, in the same order, in every step. `factor` scales the gradients (see
    /// [`clip_factor`]), and `rate` the learning rate (see [`Schedule`](super::Schedule)).
    pub fn step(&mut self, parameters: Vec<&mut [T]>, gradients: &[&[T]], factor: f64, rate: f64) {
        self.steps = self.steps.saturating_add(1);
        if self.moments.is_empty() {
            self.moments = parameters.iter().map(|p| Moments::zeros(self.options.kind, p.len())).collect();
        }
        let rule = Rule::new(&self.options, self.steps, factor, rate, Eps::AfterCorrection);
        // The pieces of all parameters in one parallel loop, so that threads synchronise only once.
        let mut pieces: Vec<Piece<T>> = Vec::new();
        for ((values, gradient), moments) in parameters.into_iter().zip(gradients).zip(&mut self.moments) {
            let mut second = moments.second.chunks_mut(PIECE);
            let values = values.chunks_mut(PIECE).zip(gradient.chunks(PIECE)).zip(moments.first.chunks_mut(PIECE));
            pieces.extend(values.map(|((values, gradient), first)| {
                let second = second.next().unwrap_or_default();
                Piece { values, gradient, first, second }
            }));
        }
        pieces.into_par_iter().for_each(|Piece { values, gradient, first, second }| match rule {
            Rule::Adam(rule) => adam(rule, values, gradient, first, second),
            Rule::Sgd(rule) => sgd(rule, values, gradient, first),
        });
    }
}

/// Numbers per task.
const PIECE: usize = 1 << 14;

/// An optimizer for the rows of an embedding. A step updates only the rows with a gradient and their moments. With Adam it is
/// PyTorch's `optim.SparseAdam`.
///
/// Weight decay, which `SparseAdam` does not have, and the momentum of [`OptimizerKind::Sgd`] also affect a row only in steps
/// that update it.
#[derive(Debug, Clone)]
pub struct RowOptimizer<T> {
    options: OptimizerOptions,
    max_norm: Option<f64>,
    /// Steps taken.
    pub(crate) steps: i32,
    /// The ids that have moments, in the order of the moments.
    pub(crate) ids: Vec<u32>,
    /// The index of the moments of each id, if it has any.
    places: Vec<Option<u32>>,
    /// `[ids, dimension]`
    pub(crate) moments: Moments<T>,
}

impl<T: Real> RowOptimizer<T> {
    /// An optimizer without state. Updated rows with a norm above `max_norm` are scaled to it, as by PyTorch's
    /// `embedding_renorm_`; `None` for no limit.
    pub fn new(options: OptimizerOptions, max_norm: Option<f64>) -> Self {
        let moments = Moments::zeros(options.kind, 0);
        RowOptimizer { options, max_norm, steps: 0, ids: Vec::new(), places: Vec::new(), moments }
    }

    /// The options.
    pub fn options(&self) -> &OptimizerOptions {
        &self.options
    }

    /// One step on the rows of `embedding`. `factor` scales the gradients, and `rate` the learning rate.
    ///
    /// As in PyTorch, `eps` is added before the bias correction of the second moment, unlike in dense Adam.
    pub fn step(&mut self, embedding: &mut Embedding<T>, gradients: &RowGradients<T>, factor: f64, rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let rule = Rule::new(&self.options, self.steps, factor, rate, Eps::BeforeCorrection);
        for (id, gradient) in gradients.iter() {
            let Some(values) = embedding.row_mut(id) else { continue };
            let at = self.place(id, gradient.len());
            let place = at..at + gradient.len();
            let first = &mut self.moments.first[place.clone()];
            match rule {
                Rule::Adam(rule) => adam(rule, values, gradient, first, &mut self.moments.second[place]),
                Rule::Sgd(rule) => sgd(rule, values, gradient, first),
            }
            if let Some(limit) = self.max_norm {
                let norm = squares(values).sqrt();
                if norm > limit {
                    let scale = T::of(limit / (norm + 1e-7));
                    values.iter_mut().for_each(|value| *value *= scale);
                }
            }
        }
    }

    /// The start of the moments of an id, which are created as zeros.
    pub(crate) fn place(&mut self, id: u32, dimension: usize) -> usize {
        let index = id as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let place = match self.places[index] {
            Some(place) => place as usize,
            None => {
                let place = self.ids.len();
                self.places[index] = Some(place as u32);
                self.ids.push(id);
                self.moments.first.resize((place + 1) * dimension, T::zero());
                if self.options.kind != OptimizerKind::Sgd {
                    self.moments.second.resize((place + 1) * dimension, T::zero());
                }
                place
            }
        };
        place * dimension
    }
}

/// Whether Adam adds `eps` to the root of the second moment after its bias correction or before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Eps {
    AfterCorrection,
    BeforeCorrection,
}

/// The coefficients of one step.
#[derive(Debug, Clone, Copy)]
enum Rule<T> {
    Adam(AdamRule<T>),
    Sgd(SgdRule<T>),
}

#[derive(Debug, Clone, Copy)]
struct AdamRule<T> {
    /// Weights of the new gradient and of its square in their running means.
    decay: [T; 2],
    factor: T,
    /// Coefficient of the L2 penalty, which is added to the gradient.
    l2: T,
    /// Factor of the value, for decoupled weight decay.
    keep: T,
    step: T,
    root: T,
    eps: T,
}

#[derive(Debug, Clone, Copy)]
struct SgdRule<T> {
    factor: T,
    l2: T,
    momentum: T,
    lr: T,
}

impl<T: Real> Rule<T> {
    fn new(options: &OptimizerOptions, steps: i32, factor: f64, rate: f64, eps: Eps) -> Self {
        let lr = options.lr * rate;
        let decay = options.weight_decay;
        let (l2, keep) = match options.kind {
            OptimizerKind::Adam => (decay, 1.0),
            OptimizerKind::AdamW => (0.0, 1.0 - lr * decay),
            OptimizerKind::Sgd => {
                let (factor, l2, momentum) = (T::of(factor), T::of(decay), T::of(options.momentum));
                return Rule::Sgd(SgdRule { factor, l2, momentum, lr: T::of(lr) });
            }
        };
        let (beta1, beta2) = options.betas;
        let correction1 = 1.0 - beta1.powi(steps);
        let correction2 = 1.0 - beta2.powi(steps);
        let (step, root) = match eps {
            Eps::AfterCorrection => (lr / correction1, 1.0 / correction2.sqrt()),
            Eps::BeforeCorrection => (lr * correction2.sqrt() / correction1, 1.0),
        };
        Rule::Adam(AdamRule {
            decay: [T::of(1.0 - beta1), T::of(1.0 - beta2)],
            factor: T::of(factor),
            l2: T::of(l2),
            keep: T::of(keep),
            step: T::of(step),
            root: T::of(root),
            eps: T::of(options.eps),
        })
    }
}

/// One step of Adam: running means, then `value = keep value - step mean / (sqrt(square) root + eps)`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn adam<T: Real>(rule: AdamRule<T>, values: &mut [T], gradient: &[T], mean: &mut [T], square: &mut [T]) {
    let AdamRule { decay, factor, l2, keep, step, root, eps } = rule;
    for (((value, &gradient), mean), square) in values.iter_mut().zip(gradient).zip(mean).zip(square) {
        let gradient = gradient * factor + *value * l2;
        *mean += (gradient - *mean) * decay[0];
        *square += (gradient * gradient - *square) * decay[1];
        *value = *value * keep - step * *mean / (square.sqrt() * root + eps);
    }
}

/// One step of gradient descent: `direction = momentum direction + gradient`, then `value -= lr direction`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn sgd<T: Real>(rule: SgdRule<T>, values: &mut [T], gradient: &[T], direction: &mut [T]) {
    let SgdRule { factor, l2, momentum, lr } = rule;
    for ((value, &gradient), direction) in values.iter_mut().zip(gradient).zip(direction) {
        *direction = *direction * momentum + (gradient * factor + *value * l2);
        *value -= lr * *direction;
    }
}

/// The factor that limits the total norm of all gradients to `limit`, as PyTorch's `clip_grad_norm_` does. `squares` is the sum of
/// the squares of all components.
pub fn clip_factor(squares: f64, limit: f64) -> f64 {
    (limit / (squares.sqrt() + 1e-6)).min(1.0)
}
