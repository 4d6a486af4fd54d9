//! Products with packed matrices, and with single rows.

use multiversion::{multiversion, target::target_cfg_f};

use super::Real;
use super::gemm::{Accumulate, Multiply, RightOperand, RowMatrix, View};

/// `c (+)= a^T b`, with c `[m, n]`, a `[k, m]`, b `[k, n]`, all row-major.
pub(super) fn product_tn<T: Real>(
    c: &mut [T],
    a: RowMatrix<T>,
    b: RowMatrix<T>,
    [m, n, k]: [usize; 3],
    accumulate: Accumulate,
) {
    T::multiply(c, View::new(a, [k, m]).transposed(), RightOperand::Plain(View::new(b, [k, n])), accumulate);
}

/// A right operand `[k, n]`, packed once for many products, in panels of columns.
///
/// rten-gemm splits products that are larger than a panel between threads. Here each thread has its own texts, so products are
/// computed panel by panel on one thread.
///
/// The bits of a row of a product do not depend on the other rows, so the prediction for a text does not depend on the batch. (With
/// unpacked operands rten-gemm uses another kernel for a single row.)
#[derive(Debug, Clone)]
pub(crate) struct GemmMatrix<T: Multiply> {
    /// Empty for an empty matrix.
    panels: Vec<T::Packed>,
    size: [usize; 2],
}

/// Maximum rows and columns of a product that rten-gemm computes on one thread.
const PANEL: [usize; 2] = [32, 128];

impl<T: Real> GemmMatrix<T> {
    /// Packs a matrix `[rows, columns]`.
    pub fn new(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        GemmMatrix::pack(View::new(RowMatrix { values, stride: columns }, [rows, columns]))
    }

    /// Packs the transpose of a matrix `[columns, rows]`.
    pub fn transposed(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        GemmMatrix::pack(View::new(RowMatrix { values, stride: rows }, [columns, rows]).transposed())
    }

    fn pack(matrix: View<T>) -> Self {
        let [rows, columns] = matrix.size;
        let firsts = (0..columns).step_by(PANEL[1]).filter(|_| rows > 0);
        GemmMatrix {
            panels: firsts.map(|first| T::pack(matrix.columns(first, PANEL[1]))).collect(),
            size: [rows, columns],
        }
    }

    /// `c (+)= a b` with this matrix as b, c `[m, n]`, a `[m, k]`, row-major.
    pub fn multiply(&self, c: &mut [T], a: RowMatrix<T>, m: usize, accumulate: Accumulate) {
        let [k, n] = self.size;
        if k == 0 && accumulate == Accumulate::Replace {
            c.fill(T::zero());
        }
        // rten-gemm writes contiguous rows, so products of several panels go through a buffer.
        let mut buffer = (n > PANEL[1]).then(|| [T::zero(); PANEL[0] * PANEL[1]]);
        for (c, first) in c.chunks_mut((PANEL[0] * n).max(1)).zip((0..m).step_by(PANEL[0])) {
            let rows = c.len() / n.max(1);
            let a = View::new(RowMatrix { values: &a.values[first * a.stride..], stride: a.stride }, [rows, k]);
            for (packed, column) in self.panels.iter().zip((0..n).step_by(PANEL[1])) {
                let width = PANEL[1].min(n - column);
                let Some(buffer) = &mut buffer else {
                    T::multiply(c, a, RightOperand::Packed(packed), accumulate);
                    continue;
                };
                let product = &mut buffer[..rows * width];
                T::multiply(product, a, RightOperand::Packed(packed), Accumulate::Replace);
                for (c, product) in c.chunks_exact_mut(n).zip(product.chunks_exact(width)) {
                    let c = &mut c[column..column + width];
                    match accumulate {
                        Accumulate::Replace => c.copy_from_slice(product),
                        Accumulate::Add => c.iter_mut().zip(product).for_each(|(c, &product)| *c += product),
                    }
                }
            }
        }
    }
}

/// A right operand `[k, n]` for products with single rows, which avoids the overhead of a call of rten-gemm. In f32 the results are
/// bit for bit those of [`GemmMatrix`].
#[derive(Debug, Clone)]
pub(super) struct GemvMatrix<T> {
    /// Panels of [`LANES`] columns, the last padded with zeros; in each panel, row after row.
    panels: Vec<[T; LANES]>,
    size: [usize; 2],
}

/// Columns whose sums are kept in registers.
const LANES: usize = 64;

/// Number of summands that rten-gemm adds sequentially; longer sums are sums of such partial sums.
const CHAIN: usize = 256;

impl<T: Real> GemvMatrix<T> {
    /// Packs the transpose of a matrix `[columns, rows]`.
    pub fn transposed(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        let mut panels = vec![[T::zero(); LANES]; columns.div_ceil(LANES) * rows];
        for (panel, lines) in panels.chunks_mut(rows.max(1)).zip(values.chunks((LANES * rows).max(1))) {
            for (lane, line) in lines.chunks_exact(rows).enumerate() {
                panel.iter_mut().zip(line).for_each(|(to, &value)| to[lane] = value);
            }
        }
        GemvMatrix { panels, size: [rows, columns] }
    }

    /// `c = a b` with this matrix as b, c `[n]`, a `[k]`.
    pub fn multiply(&self, c: &mut [T], a: &[T]) {
        let [rows, columns] = self.size;
        if rows == 0 {
            return c.fill(T::zero());
        }
        let panels = self.panels.chunks_exact(rows);
        for (c, panel) in c[..columns].chunks_mut(LANES).zip(panels) {
            let sums = linear_combination(a, panel);
            c.copy_from_slice(&sums[..c.len()]);
        }
    }
}

/// The linear linear_combination of some rows. Uses fused multiply-add where rten-gemm does.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
fn linear_combination<T: Real>(factors: &[T], rows: &[[T; LANES]]) -> [T; LANES] {
    let fused = cfg!(target_arch = "aarch64") || target_cfg_f!(target_feature = "fma");
    let mut all = [T::zero(); LANES];
    for (factors, rows) in factors.chunks(CHAIN).zip(rows.chunks(CHAIN)) {
        let mut sums = [T::zero(); LANES];
        for (&factor, row) in factors.iter().zip(rows) {
            for lane in 0..LANES {
                let (value, sum) = (row[lane], sums[lane]);
                sums[lane] = if fused { factor.mul_add(value, sum) } else { sum + factor * value };
            }
        }
        for lane in 0..LANES {
            all[lane] += sums[lane];
        }
    }
    all
}

/// Writes the transpose of a matrix `[rows, columns]`.
pub(super) fn transpose<T: Copy>(from: &[T], [rows, columns]: [usize; 2], to: &mut [T]) {
    /// Rows per pass, so that whole cache lines are written.
    const ROWS_PER_PASS: usize = 16;
    if rows == 0 {
        return;
    }
    for first in (0..rows).step_by(ROWS_PER_PASS) {
        let some = first..rows.min(first + ROWS_PER_PASS);
        for (column, to) in to.chunks_exact_mut(rows).enumerate() {
            to[some.clone()].iter_mut().zip(some.clone()).for_each(|(to, row)| *to = from[row * columns + column]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [[usize; 3]; 9] = [
        [3, 5, 4],
        [2, 300, 7],
        [1, 96, 3],
        [1, 300, 5],
        [4, 96, 17],
        [1, 33, 2],
        [7, 1, 9],
        [70, 130, 600],
        [5, 3, 1],
    ];

    #[test]
    fn products_equal_their_definition() {
        for size in SIZES {
            products_of::<f32>(size);
            products_of::<f64>(size);
        }
    }

    #[test]
    fn empty_matrices_have_products() {
        let mut sums = [1.0f32, 2.0];
        GemmMatrix::<f32>::new(&[], [0, 2]).multiply(
            &mut sums,
            RowMatrix { values: &[], stride: 0 },
            1,
            Accumulate::Add,
        );
        assert_eq!(sums, [1.0, 2.0]);
        GemmMatrix::<f32>::new(&[], [0, 2]).multiply(
            &mut sums,
            RowMatrix { values: &[], stride: 0 },
            1,
            Accumulate::Replace,
        );
        assert_eq!(sums, [0.0, 0.0]);
        GemmMatrix::new(&[1.0f32], [1, 1]).multiply(
            &mut [],
            RowMatrix { values: &[], stride: 1 },
            0,
            Accumulate::Replace,
        );
        GemmMatrix::<f32>::new(&[], [3, 0]).multiply(
            &mut [],
            RowMatrix { values: &[1.0; 3], stride: 3 },
            1,
            Accumulate::Replace,
        );
        let mut sums = [1.0f32, 2.0];
        GemvMatrix::transposed(&[], [0, 2]).multiply(&mut sums, &[]);
        assert_eq!(sums, [0.0, 0.0]);
        GemvMatrix::<f32>::transposed(&[], [2, 0]).multiply(&mut [], &sums);
        transpose::<f32>(&[], [0, 3], &mut []);
        transpose::<f32>(&[], [3, 0], &mut []);
    }

    #[test]
    fn a_row_has_the_same_bits_with_any_other_rows() {
        for [n, k] in [
            [1, 7],
            [2, 16],
            [2, 128],
            [3, 600],
            [5, 300],
            [17, 50],
            [97, 64],
            [192, 512],
            [200, 513],
            [100, 1100],
            [300, 3],
            [512, 128],
        ] {
            let value = |i: usize| ((i * 7919 + 31) % 1009) as f32 / 331.0 - 1.5;
            let a: Vec<f32> = (0..150 * k).map(value).collect();
            let b: Vec<f32> = (0..n * k).map(|i| value(i + 77)).collect();
            let factor = GemmMatrix::new(&b, [k, n]);
            let mut turned = vec![0.0; n * k];
            transpose(&b, [k, n], &mut turned);
            let mut single = vec![0.3f32; n];
            GemvMatrix::transposed(&turned, [k, n]).multiply(&mut single, &a[..k]);
            for accumulate in [Accumulate::Replace, Accumulate::Add] {
                let product = |m: usize| {
                    let mut sums = vec![0.3f32; m * n];
                    factor.multiply(&mut sums, RowMatrix { values: &a[..m * k], stride: k }, m, accumulate);
                    sums.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
                };
                let whole = product(150);
                if accumulate == Accumulate::Replace {
                    let single: Vec<u32> = single.iter().map(|x| x.to_bits()).collect();
                    assert!(single == whole[..n], "a single row, {n} x {k}");
                }
                for m in (1..20).chain([31, 32, 33, 63, 64, 65, 129]) {
                    assert!(product(m) == whole[..m * n], "{m} rows of {n} x {k}, {accumulate:?}");
                }
            }
        }
    }

    fn products_of<T: Real>([m, n, k]: [usize; 3]) {
        // Integers, whose sums are exact.
        let value = |i: usize| T::of(((i * 37 + 11) % 17) as f64 - 8.0);
        let a: Vec<T> = (0..m * k).map(value).collect();
        let b: Vec<T> = (0..n * k).map(|i| value(i + 100)).collect();
        let turned = |x: &[T], size: [usize; 2]| {
            let mut turned = vec![T::zero(); x.len()];
            transpose(x, size, &mut turned);
            turned
        };
        // Also with a stride larger than the width.
        let padded = |x: &[T], width: usize| -> Vec<T> {
            x.chunks_exact(width).flat_map(|row| row.iter().copied().chain([T::of(1e9); 3])).collect()
        };
        let expected: Vec<T> =
            (0..m * n).map(|at| (0..k).fold(T::zero(), |sum, l| sum + a[at / n * k + l] * b[l * n + at % n])).collect();
        for (accumulate, times) in [(Accumulate::Replace, 1.0), (Accumulate::Add, 2.0)] {
            let sums: Vec<T> = expected.iter().map(|&x| x * T::of(times)).collect();
            let wide = padded(&a, k);
            for a in [RowMatrix { values: &a, stride: k }, RowMatrix { values: &wide, stride: k + 3 }] {
                for factor in [GemmMatrix::new(&b, [k, n]), GemmMatrix::transposed(&turned(&b, [k, n]), [k, n])] {
                    let mut c = expected.clone();
                    factor.multiply(&mut c, a, m, accumulate);
                    assert!(c == sums, "{m} x {k} x {n}, {accumulate:?}");
                }
            }
            let a = turned(&a, [m, k]);
            let (wide_a, wide_b) = (padded(&a, m), padded(&b, n));
            for (a, b) in [
                (RowMatrix { values: &a, stride: m }, RowMatrix { values: &b, stride: n }),
                (RowMatrix { values: &wide_a, stride: m + 3 }, RowMatrix { values: &wide_b, stride: n + 3 }),
            ] {
                let mut c = expected.clone();
                product_tn(&mut c, a, b, [m, n, k], accumulate);
                assert!(c == sums, "tn {m} x {k} x {n}, {accumulate:?}");
            }
        }
    }
}
