//! Products of matrices. What multiplies is a library; here stands how our matrices lie.

use std::fmt::{self, Debug};

use multiversion::{multiversion, target::target_cfg_f};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::Real;

/// Whether a product replaces what its target holds or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulate {
    Replace,
    Add,
}

/// Rows of a matrix, or some columns of them: row `i` begins at `i * stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMatrix<'a, T> {
    pub values: &'a [T],
    pub stride: usize,
}

/// A matrix `[rows, columns]` whose numbers lie in `values`, so far from the next row's and the next column's as `strides` says.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    values: &'a [T],
    size: [usize; 2],
    strides: [usize; 2],
}

impl<'a, T> View<'a, T> {
    fn new(rows: RowMatrix<'a, T>, size: [usize; 2]) -> Self {
        View { values: rows.values, size, strides: [rows.stride, 1] }
    }

    /// The columns from `first` on, `width` of them or those that there are.
    fn columns(self, first: usize, width: usize) -> Self {
        let [rows, columns] = self.size;
        let values = self.values.get(first * self.strides[1]..).unwrap_or_default();
        View { values, size: [rows, width.min(columns - first)], strides: self.strides }
    }

    fn transposed(self) -> Self {
        let ([rows, columns], [row, column]) = (self.size, self.strides);
        View { values: self.values, size: [columns, rows], strides: [column, row] }
    }
}

/// A right factor: as it lies, or as many products want it.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a, T: Multiply> {
    Plain(View<'a, T>),
    Packed(&'a T::Packed),
}

/// Numbers that matrices can be made of.
pub trait Multiply: Copy {
    /// A right factor as it is multiplied fastest.
    type Packed: Debug + Clone + Send + Sync;

    fn pack(matrix: View<'_, Self>) -> Self::Packed;

    /// `c (+)= a b`, with `c` row-major and as large as the product.
    fn multiply(c: &mut [Self], a: View<'_, Self>, b: Right<'_, Self>, into: Accumulate);
}

thread_local! {
    /// The library, with the kernel for this processor.
    static GEMM: GemmExecutor<f32> = GemmExecutor::new();
}

/// A matrix as the library lays it out for its registers.
#[derive(Clone)]
pub struct PackedF32(PackedBMatrix<f32>);

impl Debug for PackedF32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedF32({} x {})", self.0.rows(), self.0.cols())
    }
}

impl<'a> View<'a, f32> {
    fn of_library(self) -> NdTensorView<'a, f32, 2> {
        NdTensorView::from_slice_with_strides(self.size, self.values, self.strides)
            .expect("as many numbers as the size says")
    }
}

impl Multiply for f32 {
    type Packed = PackedF32;

    fn pack(matrix: View<'_, f32>) -> PackedF32 {
        PackedF32(GEMM.with(|library| library.prepack_b(matrix.of_library())))
    }

    fn multiply(c: &mut [f32], a: View<'_, f32>, b: Right<'_, f32>, into: Accumulate) {
        let b = match b {
            Right::Plain(view) => GemmInputB::Unpacked(view.of_library()),
            Right::Packed(packed) => GemmInputB::Packed(&packed.0),
        };
        let beta = if into == Accumulate::Add { 1.0 } else { 0.0 };
        let options = GemmOptions { beta, ..GemmOptions::default() };
        let a = GemmInputA::Unpacked(a.of_library());
        GEMM.with(|library| library.gemm(c, a, b, options)).expect("sizes that fit each other");
    }
}

/// One number after the other: f64 is for checks, and the library has none.
impl Multiply for f64 {
    type Packed = (Vec<f64>, [usize; 2]);

    fn pack(matrix: View<'_, f64>) -> Self::Packed {
        let ([rows, columns], [row, column]) = (matrix.size, matrix.strides);
        let place = |at: usize| at / columns * row + at % columns * column;
        ((0..rows * columns).map(|at| matrix.values[place(at)]).collect(), matrix.size)
    }

    fn multiply(c: &mut [f64], a: View<'_, f64>, b: Right<'_, f64>, into: Accumulate) {
        let b = match b {
            Right::Plain(view) => view,
            Right::Packed((values, size)) => View::new(RowMatrix { values, stride: size[1] }, *size),
        };
        multiply_plainly(c, a, b, into);
    }
}

/// What [`Multiply::multiply`] means.
fn multiply_plainly<T: Real>(c: &mut [T], a: View<T>, b: View<T>, into: Accumulate) {
    let [inner, columns] = b.size;
    if into == Accumulate::Replace {
        c.fill(T::zero());
    }
    for (row, c) in c.chunks_exact_mut(columns.max(1)).enumerate() {
        for l in 0..inner {
            let factor = a.values[row * a.strides[0] + l * a.strides[1]];
            for (j, c) in c.iter_mut().enumerate() {
                *c += factor * b.values[l * b.strides[0] + j * b.strides[1]];
            }
        }
    }
}

/// `c (+)= a^T b`, with c `[m, n]`, a `[k, m]`, b `[k, n]`, all row-major.
pub(super) fn product_tn<T: Real>(
    c: &mut [T],
    a: RowMatrix<T>,
    b: RowMatrix<T>,
    [m, n, k]: [usize; 3],
    into: Accumulate,
) {
    T::multiply(c, View::new(a, [k, m]).transposed(), Right::Plain(View::new(b, [k, n])), into);
}

/// A matrix `[k, n]` that products are made with, laid out once for all of them, in panels of some columns.
///
/// The library shares a product among threads as soon as it has more columns or more rows than a panel. Here threads have texts of
/// their own and need not wait for each other.
///
/// A row of a product has the same bits whatever other rows there are, so that what is predicted of a text does not depend on what
/// else is predicted with it. (With a factor as it lies the library goes another way for one row.)
#[derive(Debug, Clone)]
pub(crate) struct GemmMatrix<T: Multiply> {
    /// None of an empty matrix.
    panels: Vec<T::Packed>,
    size: [usize; 2],
}

/// Rows and columns up to which a product is one thread's.
const PANEL: [usize; 2] = [32, 128];

impl<T: Real> GemmMatrix<T> {
    /// Of a matrix `[rows, columns]`.
    pub fn of(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        GemmMatrix::pack(View::new(RowMatrix { values, stride: columns }, [rows, columns]))
    }

    /// Of the transpose of a matrix `[columns, rows]`.
    pub fn of_transposed(values: &[T], [rows, columns]: [usize; 2]) -> Self {
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

    /// `c (+)= a f`, with c `[m, n]`, a `[m, k]`, row-major.
    pub fn multiply(&self, c: &mut [T], a: RowMatrix<T>, m: usize, into: Accumulate) {
        let [k, n] = self.size;
        if k == 0 && into == Accumulate::Replace {
            c.fill(T::zero());
        }
        // The library writes products whose rows lie one behind the other; those of several panels go through a place of their own.
        let mut room = (n > PANEL[1]).then(|| [T::zero(); PANEL[0] * PANEL[1]]);
        for (c, first) in c.chunks_mut((PANEL[0] * n).max(1)).zip((0..m).step_by(PANEL[0])) {
            let rows = c.len() / n.max(1);
            let a = View::new(RowMatrix { values: &a.values[first * a.stride..], stride: a.stride }, [rows, k]);
            for (packed, column) in self.panels.iter().zip((0..n).step_by(PANEL[1])) {
                let width = PANEL[1].min(n - column);
                let Some(room) = &mut room else {
                    T::multiply(c, a, Right::Packed(packed), into);
                    continue;
                };
                let product = &mut room[..rows * width];
                T::multiply(product, a, Right::Packed(packed), Accumulate::Replace);
                for (c, product) in c.chunks_exact_mut(n).zip(product.chunks_exact(width)) {
                    let c = &mut c[column..column + width];
                    match into {
                        Accumulate::Replace => c.copy_from_slice(product),
                        Accumulate::Add => c.iter_mut().zip(product).for_each(|(c, &product)| *c += product),
                    }
                }
            }
        }
    }
}

/// A matrix `[k, n]` that single rows are multiplied with: to go through a whole product of the library takes a text alone as long again
/// as the multiplications. In f32 the same bits as [`GemmMatrix`].
#[derive(Debug, Clone)]
pub(super) struct GemvMatrix<T> {
    /// Panels of columns, the last filled up with zeros; of each the `rows` rows one behind the other.
    panels: Vec<[T; LANES]>,
    size: [usize; 2],
}

/// Columns whose sums stay in registers while the rows go by.
const LANES: usize = 64;

/// Summands that the library adds one after the other; of more, it adds up the sums of so many.
const CHAIN: usize = 256;

impl<T: Real> GemvMatrix<T> {
    /// Of the transpose of a matrix `[columns, rows]`.
    pub fn of_transposed(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        let mut panels = vec![[T::zero(); LANES]; columns.div_ceil(LANES) * rows];
        for (panel, lines) in panels.chunks_mut(rows.max(1)).zip(values.chunks((LANES * rows).max(1))) {
            for (lane, line) in lines.chunks_exact(rows).enumerate() {
                panel.iter_mut().zip(line).for_each(|(to, &value)| to[lane] = value);
            }
        }
        GemvMatrix { panels, size: [rows, columns] }
    }

    /// `c = a f`, with c `[n]`, a `[k]`.
    pub fn multiply(&self, c: &mut [T], a: &[T]) {
        let [rows, columns] = self.size;
        if rows == 0 {
            return c.fill(T::zero());
        }
        let panels = self.panels.chunks_exact(rows);
        for (c, panel) in c[..columns].chunks_mut(LANES).zip(panels) {
            let sums = combination(a, panel);
            c.copy_from_slice(&sums[..c.len()]);
        }
    }
}

/// The sum of some rows, each times its factor. Multiplied and added in one step where the library does.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
fn combination<T: Real>(factors: &[T], rows: &[[T; LANES]]) -> [T; LANES] {
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
    /// Rows that are gone through together, so that whole lines of the cache are written.
    const TOGETHER: usize = 16;
    if rows == 0 {
        return;
    }
    for first in (0..rows).step_by(TOGETHER) {
        let some = first..rows.min(first + TOGETHER);
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
    fn what_is_empty_has_a_product() {
        let mut sums = [1.0f32, 2.0];
        GemmMatrix::<f32>::of(&[], [0, 2]).multiply(
            &mut sums,
            RowMatrix { values: &[], stride: 0 },
            1,
            Accumulate::Add,
        );
        assert_eq!(sums, [1.0, 2.0]);
        GemmMatrix::<f32>::of(&[], [0, 2]).multiply(
            &mut sums,
            RowMatrix { values: &[], stride: 0 },
            1,
            Accumulate::Replace,
        );
        assert_eq!(sums, [0.0, 0.0]);
        GemmMatrix::of(&[1.0f32], [1, 1]).multiply(
            &mut [],
            RowMatrix { values: &[], stride: 1 },
            0,
            Accumulate::Replace,
        );
        GemmMatrix::<f32>::of(&[], [3, 0]).multiply(
            &mut [],
            RowMatrix { values: &[1.0; 3], stride: 3 },
            1,
            Accumulate::Replace,
        );
        let mut sums = [1.0f32, 2.0];
        GemvMatrix::of_transposed(&[], [0, 2]).multiply(&mut sums, &[]);
        assert_eq!(sums, [0.0, 0.0]);
        GemvMatrix::<f32>::of_transposed(&[], [2, 0]).multiply(&mut [], &sums);
        transpose::<f32>(&[], [0, 3], &mut []);
        transpose::<f32>(&[], [3, 0], &mut []);
    }

    #[test]
    fn a_row_has_the_same_bits_beside_any_others() {
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
            let factor = GemmMatrix::of(&b, [k, n]);
            let mut turned = vec![0.0; n * k];
            transpose(&b, [k, n], &mut turned);
            let mut alone = vec![0.3f32; n];
            GemvMatrix::of_transposed(&turned, [k, n]).multiply(&mut alone, &a[..k]);
            for into in [Accumulate::Replace, Accumulate::Add] {
                let product = |m: usize| {
                    let mut sums = vec![0.3f32; m * n];
                    factor.multiply(&mut sums, RowMatrix { values: &a[..m * k], stride: k }, m, into);
                    sums.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
                };
                let whole = product(150);
                if into == Accumulate::Replace {
                    let alone: Vec<u32> = alone.iter().map(|x| x.to_bits()).collect();
                    assert!(alone == whole[..n], "a row alone, {n} x {k}");
                }
                for m in (1..20).chain([31, 32, 33, 63, 64, 65, 129]) {
                    assert!(product(m) == whole[..m * n], "{m} rows of {n} x {k}, {into:?}");
                }
            }
        }
    }

    fn products_of<T: Real>([m, n, k]: [usize; 3]) {
        // Whole numbers, whose sums are exact.
        let value = |i: usize| T::of(((i * 37 + 11) % 17) as f64 - 8.0);
        let a: Vec<T> = (0..m * k).map(value).collect();
        let b: Vec<T> = (0..n * k).map(|i| value(i + 100)).collect();
        let turned = |x: &[T], size: [usize; 2]| {
            let mut turned = vec![T::zero(); x.len()];
            transpose(x, size, &mut turned);
            turned
        };
        // Beside columns of other matrices, too.
        let beside = |x: &[T], width: usize| -> Vec<T> {
            x.chunks_exact(width).flat_map(|row| row.iter().copied().chain([T::of(1e9); 3])).collect()
        };
        let naive: Vec<T> =
            (0..m * n).map(|at| (0..k).fold(T::zero(), |sum, l| sum + a[at / n * k + l] * b[l * n + at % n])).collect();
        for (into, times) in [(Accumulate::Replace, 1.0), (Accumulate::Add, 2.0)] {
            let sums: Vec<T> = naive.iter().map(|&x| x * T::of(times)).collect();
            let wide = beside(&a, k);
            for a in [RowMatrix { values: &a, stride: k }, RowMatrix { values: &wide, stride: k + 3 }] {
                for factor in [GemmMatrix::of(&b, [k, n]), GemmMatrix::of_transposed(&turned(&b, [k, n]), [k, n])] {
                    let mut c = naive.clone();
                    factor.multiply(&mut c, a, m, into);
                    assert!(c == sums, "{m} x {k} x {n}, {into:?}");
                }
            }
            let a = turned(&a, [m, k]);
            let (wide_a, wide_b) = (beside(&a, m), beside(&b, n));
            for (a, b) in [
                (RowMatrix { values: &a, stride: m }, RowMatrix { values: &b, stride: n }),
                (RowMatrix { values: &wide_a, stride: m + 3 }, RowMatrix { values: &wide_b, stride: n + 3 }),
            ] {
                let mut c = naive.clone();
                product_tn(&mut c, a, b, [m, n, k], into);
                assert!(c == sums, "tn {m} x {k} x {n}, {into:?}");
            }
        }
    }
}
