//! The elementwise part of a step of the plain recurrent network (Elman 1990), PyTorch's `nn.RNN` with tanh:
//! `h' = tanh(W x + U h + b)`.

use multiversion::multiversion;

use super::Real;
use super::gates::flushed;
use super::tokens::TokenRows;

/// Computes the states from the pre-activations `sums` plus the products of the tokens from `first` on. Overwrites `sums` with the
/// states, and copies them to `hidden`.
///
/// # Shapes
/// `sums` and `hidden` `[R, H]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn forward<T: Real>(
    sums: &mut [T],
    hidden: &mut [T],
    products: &TokenRows<&[T]>,
    first: usize,
    width: usize,
) {
    let width = width.max(1);
    for ((sums, hidden), token) in sums.chunks_exact_mut(width).zip(hidden.chunks_exact_mut(width)).zip(first..) {
        for ((sum, hidden), &product) in sums.iter_mut().zip(hidden).zip(products.row(token, width)) {
            *sum = (*sum + product).tanh_();
            *hidden = *sum;
        }
    }
}

/// Computes the gradients of the pre-activations from those of the states, in place of the states.
///
/// # Shapes
/// `states` and `gradient` `[R, H]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn backward<T: Real>(states: &mut [T], gradient: &[T]) {
    for (state, &gradient) in states.iter_mut().zip(gradient) {
        *state = flushed(gradient * (T::one() - *state * *state));
    }
}
