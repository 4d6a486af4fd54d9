//! A linear layer: y = W x + b.

use rand::Rng;
use rand_distr::{Distribution, Uniform};

use super::gemm::{Accumulate, RowMatrix};
use super::product::{GemmMatrix, product_tn};
use super::real::add_columns;
use super::{Parameter, Real};

/// A linear layer: PyTorch's `nn.Linear`.
///
/// # Shapes
/// Input `[B, input]`, output `[B, output]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense<T> {
    input: usize,
    output: usize,
    /// `[output, input]`
    pub weight: Vec<T>,
    /// `[output]`
    pub bias: Vec<T>,
}

impl<T: Real> Dense<T> {
    /// A layer of zeros, also used to accumulate gradients.
    pub fn zeros(input: usize, output: usize) -> Self {
        Dense { input, output, weight: vec![T::zero(); output * input], bias: vec![T::zero(); output] }
    }

    /// A layer with PyTorch's initialisation: uniform in ±1/sqrt(input).
    pub fn new(input: usize, output: usize, rng: &mut impl Rng) -> Self {
        let mut dense = Dense::zeros(input, output);
        let bound = 1.0 / (input.max(1) as f64).sqrt();
        let uniform = Uniform::new_inclusive(-bound, bound).ok();
        for values in [&mut dense.weight, &mut dense.bias] {
            values.fill_with(|| T::of(uniform.map_or(0.0, |uniform| uniform.sample(rng))));
        }
        dense
    }

    /// The input and output dimensions.
    pub fn shape(&self) -> (usize, usize) {
        (self.input, self.output)
    }

    /// The parameters under PyTorch's names.
    pub fn parameters(&self) -> Vec<Parameter<'_, T>> {
        vec![
            Parameter { name: "weight".into(), shape: vec![self.output, self.input], values: &self.weight },
            Parameter { name: "bias".into(), shape: vec![self.output], values: &self.bias },
        ]
    }

    /// The parameters, in the order of [`Dense::parameters`].
    pub fn parameters_mut(&mut self) -> Vec<&mut [T]> {
        vec![&mut self.weight, &mut self.bias]
    }

    /// `x W^T + b`.
    ///
    /// # Shapes
    /// `x` `[B, input]`; returns `[B, output]`.
    pub fn forward(&self, x: &[T]) -> Vec<T> {
        let rows = x.len() / self.input.max(1);
        let mut y = self.bias.repeat(rows);
        let weight = GemmMatrix::transposed(&self.weight, [self.input, self.output]);
        weight.multiply(&mut y, RowMatrix { values: x, stride: self.input }, rows, Accumulate::Add);
        y
    }

    /// Adds the gradients of the parameters to `gradients`, and returns the gradient of `x`.
    ///
    /// # Shapes
    /// `x` `[B, input]` as in the forward pass, `gradient` `[B, output]`; returns `[B, input]`.
    pub fn backward(&self, x: &[T], gradient: &[T], gradients: &mut Dense<T>) -> Vec<T> {
        let rows = x.len() / self.input.max(1);
        let output = RowMatrix { values: gradient, stride: self.output };
        let inputs = RowMatrix { values: x, stride: self.input };
        product_tn(&mut gradients.weight, output, inputs, [self.output, self.input, rows], Accumulate::Add);
        add_columns(&mut gradients.bias, gradient, self.output, 0);
        let mut input = vec![T::zero(); x.len()];
        GemmMatrix::new(&self.weight, [self.output, self.input]).multiply(
            &mut input,
            output,
            rows,
            Accumulate::Replace,
        );
        input
    }
}
