//! The element-wise half of an LSTM's step, for all sequences that run at it.
//!
//! Each function is compiled once for each of the instruction sets named, and once for any processor; which is run is found out
//! when the program runs. Nothing is summed across components, so all of them give the same bits.
//!
//! Units go through in groups of [`LANES`], which are read into arrays, computed and written back: so a compiler need not prove
//! that the many slices do not overlap before it computes several at once. Arrays are read and written by plain loops: what is
//! called in a function that is compiled for more instructions must be compiled into it, and `array::map` is not, without
//! link-time optimization.

use multiversion::multiversion;

use super::Real;
use super::tokens::TokenRows;

/// What a step of a cell reads and writes, row after row of the sequences that run.
///
/// # Shapes
/// With `R` sequences: `gates` `[R, 4 H]`, the others `[R, H]`.
pub(super) struct Step<'a, T> {
    /// What the states of the step before contribute to the sums, which become activations, in the order i, f, g, o.
    pub gates: &'a mut [T],
    /// How many of the sequences, the first ones, have such states; the others begin with zeros, whatever `gates` holds.
    pub known: usize,
    /// What the tokens contribute to the sums, bias and all, and which of them is the first sequence's.
    pub products: &'a TokenRows<'a, &'a [T]>,
    pub first: usize,
    /// Cell states, before and then after the step.
    pub cells: &'a mut [T],
    /// Cell states before the step, kept for the backward pass.
    pub cells_before: &'a mut [T],
    pub tanh_cells: &'a mut [T],
    pub hidden: &'a mut [T],
}

/// Units computed together.
const LANES: usize = 16;

/// From the gates' sums to the states: `c' = f c + i g`, `h' = o tanh(c')`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn forward<T: Real>(step: Step<T>, width: usize) {
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

/// A sequence's part of a [`Step`].
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

/// The units from `at` on of one sequence.
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

/// What the backward pass of a step reads and writes.
///
/// # Shapes
/// As in [`Step`].
pub(super) struct BackStep<'a, T> {
    /// Activations that become the gradients of the sums.
    pub gates: &'a mut [T],
    pub cells_before: &'a [T],
    pub tanh_cells: &'a [T],
    /// What is owed to this step's hidden states.
    pub hidden: &'a [T],
    /// What the later step owes to this one's cells, which becomes what this step owes to those before it.
    pub cells: &'a mut [T],
}

/// From the gradients of a step's states to those of its gates' sums and of the cells before.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn backward<T: Real>(step: BackStep<T>, hidden: usize) {
    let width = hidden.max(1);
    let kept = step.cells_before.chunks_exact(width).zip(step.tanh_cells.chunks_exact(width));
    let owed = step.hidden.chunks_exact(width).zip(step.cells.chunks_exact_mut(width));
    for ((gates, (cells_before, tanh_cells)), (hidden, cells)) in
        step.gates.chunks_exact_mut(4 * width).zip(kept).zip(owed)
    {
        let mut row = BackStep { gates, cells_before, tanh_cells, hidden, cells };
        let whole = width - width % LANES;
        for at in (0..whole).step_by(LANES) {
            backward_units::<T, LANES>(&mut row, at);
        }
        for at in whole..width {
            backward_units::<T, 1>(&mut row, at);
        }
    }
}

/// The units from `at` on of one sequence.
#[inline(always)]
fn backward_units<T: Real, const N: usize>(row: &mut BackStep<T>, at: usize) {
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

/// Zero in place of a tiny number. Gradients that fade over a long text would else become subnormal, which many processors
/// multiply a hundred times slower; as gradients they count for nothing.
#[inline(always)]
pub(super) fn flushed<T: Real>(value: T) -> T {
    if value.abs() < T::of(1e-30) { T::zero() } else { value }
}
