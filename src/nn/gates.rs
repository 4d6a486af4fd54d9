//! The element-wise half of an LSTM's step, for all sequences that run at it.
//!
//! Each function is compiled once for each of the instruction sets named, and once for any processor; which is run is found out
//! when the program runs. Nothing is summed across components, so all of them give the same bits.

use multiversion::multiversion;

use super::Real;

/// What a step of a cell reads and writes, row after row of the sequences that run.
///
/// # Shapes
/// With `R` sequences: `gates` `[R, 4 H]`, the others `[R, H]`.
pub(super) struct Step<'a, T> {
    /// Sums that become activations, in the order i, f, g, o.
    pub gates: &'a mut [T],
    /// Cell states, before and then after the step.
    pub cells: &'a mut [T],
    /// Cell states before the step, kept for the backward pass.
    pub cells_before: &'a mut [T],
    pub tanh_cells: &'a mut [T],
    pub hidden: &'a mut [T],
}

/// From the gates' sums to the states: `c' = f c + i g`, `h' = o tanh(c')`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
pub(super) fn forward<T: Real>(step: Step<T>, bias: &[T]) {
    let hidden = (bias.len() / 4).max(1);
    let (bias_i, rest) = bias.split_at(hidden);
    let (bias_f, rest) = rest.split_at(hidden);
    let (bias_g, bias_o) = rest.split_at(hidden);
    let cells = step.cells.chunks_exact_mut(hidden).zip(step.cells_before.chunks_exact_mut(hidden));
    let states = step.tanh_cells.chunks_exact_mut(hidden).zip(step.hidden.chunks_exact_mut(hidden));
    for ((gates, (cells, cells_before)), (tanh_cells, states)) in
        step.gates.chunks_exact_mut(4 * hidden).zip(cells).zip(states)
    {
        let (i, rest) = gates.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        // One length for all, so that no index needs to be checked.
        let (i, f, g, o) = (&mut i[..hidden], &mut f[..hidden], &mut g[..hidden], &mut o[..hidden]);
        let (cells, cells_before) = (&mut cells[..hidden], &mut cells_before[..hidden]);
        let (tanh_cells, states) = (&mut tanh_cells[..hidden], &mut states[..hidden]);
        let (bias_i, bias_f, bias_g, bias_o) =
            (&bias_i[..hidden], &bias_f[..hidden], &bias_g[..hidden], &bias_o[..hidden]);
        for j in 0..hidden {
            i[j] = (i[j] + bias_i[j]).sigmoid();
            f[j] = (f[j] + bias_f[j]).sigmoid();
            g[j] = (g[j] + bias_g[j]).tanh_();
            o[j] = (o[j] + bias_o[j]).sigmoid();
            cells_before[j] = cells[j];
            cells[j] = i[j] * g[j] + f[j] * cells[j];
            tanh_cells[j] = cells[j].tanh_();
            states[j] = o[j] * tanh_cells[j];
        }
    }
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
    let hidden = hidden.max(1);
    let one = T::one();
    let kept = step.cells_before.chunks_exact(hidden).zip(step.tanh_cells.chunks_exact(hidden));
    let owed = step.hidden.chunks_exact(hidden).zip(step.cells.chunks_exact_mut(hidden));
    for ((gates, (before, tanh_cells)), (dh, dc)) in step.gates.chunks_exact_mut(4 * hidden).zip(kept).zip(owed) {
        let (i, rest) = gates.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        let (i, f, g, o) = (&mut i[..hidden], &mut f[..hidden], &mut g[..hidden], &mut o[..hidden]);
        let (before, tanh_cells) = (&before[..hidden], &tanh_cells[..hidden]);
        let (dh, dc) = (&dh[..hidden], &mut dc[..hidden]);
        for j in 0..hidden {
            let (ij, fj, gj, oj, tj) = (i[j], f[j], g[j], o[j], tanh_cells[j]);
            let cell = dc[j] + dh[j] * oj * (one - tj * tj);
            o[j] = flushed(dh[j] * tj * oj * (one - oj));
            i[j] = flushed(cell * gj * ij * (one - ij));
            g[j] = flushed(cell * ij * (one - gj * gj));
            f[j] = flushed(cell * before[j] * fj * (one - fj));
            dc[j] = flushed(cell * fj);
        }
    }
}

/// Zero in place of a tiny number. Gradients that fade over a long text would else become subnormal, which many processors
/// multiply a hundred times slower; as gradients they count for nothing.
#[inline(always)]
pub(super) fn flushed<T: Real>(value: T) -> T {
    if value.abs() < T::of(1e-30) { T::zero() } else { value }
}
