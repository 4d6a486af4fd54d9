//! The element-wise half of a step of the plain recurrent network (Elman 1990), PyTorch's `nn.RNN` with tanh:
//! `h' = tanh(W x + U h + b)`.

use multiversion::multiversion;

use super::Real;
use super::gates::flushed;
use super::tokens::TokenRows;

/// From sums to states, which take the sums' place and are copied to `hidden`. To the sums are added the products of the tokens
/// from `first` on.
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

/// From states to the gradients of the sums, in place, given what is owed to the states.
///
/// # Shapes
/// `states` and `owed` `[R, H]`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn backward<T: Real>(states: &mut [T], owed: &[T]) {
    for (state, &owed) in states.iter_mut().zip(owed) {
        *state = flushed(owed * (T::one() - *state * *state));
    }
}
