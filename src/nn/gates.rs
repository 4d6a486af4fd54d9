//! The elementwise part of an LSTM step, for all running sequences.
//!
//! Each function is compiled for several instruction sets, one of which is chosen at run time. Nothing is summed across
//! components, so all of them give the same bits.
//!
//! Hidden units are processed in groups of [`LANES`], which are read into arrays, computed and written back, so that the compiler
//! need not prove that the slices do not overlap in order to vectorise. Arrays are read and written by plain loops, because a
//! function called from code for a larger instruction set must be inlined, and `array::map` is not without link-time
//! optimization.

use multiversion::multiversion;

use super::Real;
use super::tokens::TokenRows;

/// The inputs and outputs of a forward step, one row per running sequence.
///
/// # Shapes
/// With `R` sequences: `gates` `[R, 4 H]`, the others `[R, H]`.
pub(super) struct ForwardStep<'a, T> {
    /// The contributions of the previous states to the pre-activations, overwritten with the activations, in the order i, f, g, o.
    pub gates: &'a mut [T],
    /// The number of sequences, the first ones, that have a previous state; for the others the content of `gates` is ignored.
    pub known: usize,
    /// The contributions of the tokens to the pre-activations, with biases, and the token of the first sequence.
    pub products: &'a TokenRows<'a, &'a [T]>,
    pub first: usize,
    /// The cell states, updated in place.
    pub cells: &'a mut [T],
    /// The cell states before the step, for the backward pass.
    pub cells_before: &'a mut [T],
    pub tanh_cells: &'a mut [T],
    pub hidden: &'a mut [T],
}

/// Hidden units per group.
const LANES: usize = 16;

/// Computes the states from the pre-activations: `c' = f c + i g`, `h' = o tanh(c')`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn forward<T: Real>(step: ForwardStep<T>, width: usize) {
    let width = width.max(1);
    let cells = step.cells.chunks_exact_mut(width).zip(step.cells_before.chunks_exact_mut(width));
    let states = step.tanh_cells.chunks_exact_mut(width).zip(step.hidden.chunks_exact_mut(width));
    let sums = step.gates.chunks_exact_mut(4 * width).zip(step.first..);
    for (((gates, token), (cells, cells_before)), (tanh_cells, hidden)) in sums.zip(cells).zip(states) {
        let products = step.products.row(token, 4 * width);
        let known = token - step.first < step.known;
        let mut row = Row { gates, known, products, cells, cells_before, tanh_cells, hidden };
        let whole = width - width % LANES;
        for at in (0..whole).step_by(LANES) {
            forward_units::<T, LANES>(&mut row, at);
        }
        for at in whole..width {
            forward_units::<T, 1>(&mut row, at);
        }
    }
}

/// The rows of one sequence in a [`ForwardStep`].
struct Row<'a, T> {
    gates: &'a mut [T],
    known: bool,
    products: &'a [T],
    cells: &'a mut [T],
    cells_before: &'a mut [T],
    tanh_cells: &'a mut [T],
    hidden: &'a mut [T],
}

#[inline(always)]
fn read<T: Real, const N: usize>(values: &[T], at: usize) -> [T; N] {
    let mut group = [T::zero(); N];
    group.iter_mut().zip(&values[at..at + N]).for_each(|(to, &from)| *to = from);
    group
}

#[inline(always)]
fn write<T: Real, const N: usize>(group: [T; N], values: &mut [T], at: usize) {
    values[at..at + N].iter_mut().zip(group).for_each(|(to, from)| *to = from);
}

/// Processes `N` hidden units of one sequence, beginning with `at`.
#[inline(always)]
fn forward_units<T: Real, const N: usize>(row: &mut Row<T>, at: usize) {
    let hidden = row.hidden.len();
    let [at_i, at_f, at_g, at_o] = [at, hidden + at, 2 * hidden + at, 3 * hidden + at];
    let (mut i, mut f, mut g, mut o) = ([T::zero(); N], [T::zero(); N], [T::zero(); N], [T::zero(); N]);
    if row.known {
        (i, f) = (read(row.gates, at_i), read(row.gates, at_f));
        (g, o) = (read(row.gates, at_g), read(row.gates, at_o));
    }
    let (x_i, x_f) = (read::<T, N>(row.products, at_i), read::<T, N>(row.products, at_f));
    let (x_g, x_o) = (read::<T, N>(row.products, at_g), read::<T, N>(row.products, at_o));
    let before = read::<T, N>(row.cells, at);
    let (mut cells, mut tanh_cells, mut states) = ([T::zero(); N], [T::zero(); N], [T::zero(); N]);
    for j in 0..N {
        i[j] = (i[j] + x_i[j]).sigmoid();
        f[j] = (f[j] + x_f[j]).sigmoid();
        g[j] = (g[j] + x_g[j]).tanh_();
        o[j] = (o[j] + x_o[j]).sigmoid();
        cells[j] = i[j] * g[j] + f[j] * before[j];
        tanh_cells[j] = cells[j].tanh_();
        states[j] = o[j] * tanh_cells[j];
    }
    write(i, row.gates, at_i);
    write(f, row.gates, at_f);
    write(g, row.gates, at_g);
    write(o, row.gates, at_o);
    write(before, row.cells_before, at);
    write(cells, row.cells, at);
    write(tanh_cells, row.tanh_cells, at);
    write(states, row.hidden, at);
}

/// The inputs and outputs of a backward step.
///
/// # Shapes
/// As in [`ForwardStep`].
pub(super) struct BackwardStep<'a, T> {
    /// The activations, overwritten with the gradients of the pre-activations.
    pub gates: &'a mut [T],
    pub cells_before: &'a [T],
    pub tanh_cells: &'a [T],
    /// The gradients of the hidden states.
    pub hidden: &'a [T],
    /// The gradients of the cell states after the step, overwritten with those before it.
    pub cells: &'a mut [T],
}

/// Computes the gradients of the pre-activations and of the previous cell states from those of the states.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn backward<T: Real>(step: BackwardStep<T>, hidden: usize) {
    let width = hidden.max(1);
    let activations = step.cells_before.chunks_exact(width).zip(step.tanh_cells.chunks_exact(width));
    let gradients = step.hidden.chunks_exact(width).zip(step.cells.chunks_exact_mut(width));
    for ((gates, (cells_before, tanh_cells)), (hidden, cells)) in
        step.gates.chunks_exact_mut(4 * width).zip(activations).zip(gradients)
    {
        let mut row = BackwardStep { gates, cells_before, tanh_cells, hidden, cells };
        let whole = width - width % LANES;
        for at in (0..whole).step_by(LANES) {
            backward_units::<T, LANES>(&mut row, at);
        }
        for at in whole..width {
            backward_units::<T, 1>(&mut row, at);
        }
    }
}

/// Processes `N` hidden units of one sequence, beginning with `at`.
#[inline(always)]
fn backward_units<T: Real, const N: usize>(row: &mut BackwardStep<T>, at: usize) {
    let one = T::one();
    let hidden = row.hidden.len();
    let [at_i, at_f, at_g, at_o] = [at, hidden + at, 2 * hidden + at, 3 * hidden + at];
    let (mut i, mut f) = (read::<T, N>(row.gates, at_i), read::<T, N>(row.gates, at_f));
    let (mut g, mut o) = (read::<T, N>(row.gates, at_g), read::<T, N>(row.gates, at_o));
    let (before, tanh) = (read::<T, N>(row.cells_before, at), read::<T, N>(row.tanh_cells, at));
    let (dh, mut dc) = (read::<T, N>(row.hidden, at), read::<T, N>(row.cells, at));
    for j in 0..N {
        let (ij, fj, gj, oj) = (i[j], f[j], g[j], o[j]);
        let cell = dc[j] + dh[j] * oj * (one - tanh[j] * tanh[j]);
        o[j] = flushed(dh[j] * tanh[j] * oj * (one - oj));
        i[j] = flushed(cell * gj * ij * (one - ij));
        g[j] = flushed(cell * ij * (one - gj * gj));
        f[j] = flushed(cell * before[j] * fj * (one - fj));
        dc[j] = flushed(cell * fj);
    }
    write(i, row.gates, at_i);
    write(f, row.gates, at_f);
    write(g, row.gates, at_g);
    write(o, row.gates, at_o);
    write(dc, row.cells, at);
}

/// Replaces tiny numbers by zero. Gradients that vanish over a long text would become subnormal, which many processors multiply a
/// hundred times slower, and do not affect training.
#[inline(always)]
pub(super) fn flushed<T: Real>(value: T) -> T {
    if value.abs() < T::of(1e-30) { T::zero() } else { value }
}
