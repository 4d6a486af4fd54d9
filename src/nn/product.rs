//! Products of matrices. What multiplies is a library; here stands how our matrices lie.

use std::fmt::{self, Debug};

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::Real;

/// Whether a product replaces what its target holds or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    Replace,
    Add,
}

/// Rows of a matrix, or some columns of them: row `i` begins at `i * stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a, T> {
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
    fn new(rows: Rows<'a, T>, size: [usize; 2]) -> Self {
        View { values: rows.values, size, strides: [rows.stride, 1] }
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
    fn multiply(c: &mut [Self], a: View<'_, Self>, b: Right<'_, Self>, into: Into);
}

thread_local! {
    /// The library, with the kernel for this processor.
    static LIBRARY: GemmExecutor<f32> = GemmExecutor::new();
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
        PackedF32(LIBRARY.with(|library| library.prepack_b(matrix.of_library())))
    }

    fn multiply(c: &mut [f32], a: View<'_, f32>, b: Right<'_, f32>, into: Into) {
        let b = match b {
            Right::Plain(view) => GemmInputB::Unpacked(view.of_library()),
            Right::Packed(packed) => GemmInputB::Packed(&packed.0),
        };
        let beta = if into == Into::Add { 1.0 } else { 0.0 };
        let options = GemmOptions { beta, ..GemmOptions::default() };
        let a = GemmInputA::Unpacked(a.of_library());
        LIBRARY.with(|library| library.gemm(c, a, b, options)).expect("sizes that fit each other");
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

    fn multiply(c: &mut [f64], a: View<'_, f64>, b: Right<'_, f64>, into: Into) {
        let b = match b {
            Right::Plain(view) => view,
            Right::Packed((values, size)) => View::new(Rows { values, stride: size[1] }, *size),
        };
        multiply_plainly(c, a, b, into);
    }
}

/// What [`Multiply::multiply`] means.
fn multiply_plainly<T: Real>(c: &mut [T], a: View<T>, b: View<T>, into: Into) {
    let [inner, columns] = b.size;
    if into == Into::Replace {
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
pub(super) fn product_tn<T: Real>(c: &mut [T], a: Rows<T>, b: Rows<T>, [m, n, k]: [usize; 3], into: Into) {
    T::multiply(c, View::new(a, [k, m]).transposed(), Right::Plain(View::new(b, [k, n])), into);
}

/// A matrix `[k, n]` that products are made with, laid out once for all of them.
///
/// A row of a product has the same bits whatever other rows there are, so that what is predicted of a text does not depend on what
/// else is predicted with it. (With a factor as it lies the library goes another way for one row.)
#[derive(Debug, Clone)]
pub(crate) struct Factor<T: Multiply> {
    /// Nothing of an empty matrix, which the library cannot lay out.
    packed: Option<T::Packed>,
    rows: usize,
}

impl<T: Real> Factor<T> {
    /// Of a matrix `[rows, columns]`.
    pub fn of(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        Factor::pack(View::new(Rows { values, stride: columns }, [rows, columns]))
    }

    /// Of the transpose of a matrix `[columns, rows]`.
    pub fn of_transposed(values: &[T], [rows, columns]: [usize; 2]) -> Self {
        Factor::pack(View::new(Rows { values, stride: rows }, [columns, rows]).transposed())
    }

    fn pack(matrix: View<T>) -> Self {
        let [rows, columns] = matrix.size;
        Factor { packed: (rows > 0 && columns > 0).then(|| T::pack(matrix)), rows }
    }

    /// `c (+)= a f`, with c `[m, n]`, a `[m, k]`, row-major.
    pub fn multiply(&self, c: &mut [T], a: Rows<T>, m: usize, into: Into) {
        match &self.packed {
            Some(packed) => T::multiply(c, View::new(a, [m, self.rows]), Right::Packed(packed), into),
            None if into == Into::Replace => c.fill(T::zero()),
            None => {}
        }
    }
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
        Factor::<f32>::of(&[], [0, 2]).multiply(&mut sums, Rows { values: &[], stride: 0 }, 1, Into::Add);
        assert_eq!(sums, [1.0, 2.0]);
        Factor::<f32>::of(&[], [0, 2]).multiply(&mut sums, Rows { values: &[], stride: 0 }, 1, Into::Replace);
        assert_eq!(sums, [0.0, 0.0]);
        Factor::of(&[1.0f32], [1, 1]).multiply(&mut [], Rows { values: &[], stride: 1 }, 0, Into::Replace);
        Factor::<f32>::of(&[], [3, 0]).multiply(&mut [], Rows { values: &[1.0; 3], stride: 3 }, 1, Into::Replace);
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
        ] {
            let value = |i: usize| ((i * 7919 + 31) % 1009) as f32 / 331.0 - 1.5;
            let a: Vec<f32> = (0..150 * k).map(value).collect();
            let b: Vec<f32> = (0..n * k).map(|i| value(i + 77)).collect();
            let factor = Factor::of(&b, [k, n]);
            for into in [Into::Replace, Into::Add] {
                let product = |m: usize| {
                    let mut sums = vec![0.3f32; m * n];
                    factor.multiply(&mut sums, Rows { values: &a[..m * k], stride: k }, m, into);
                    sums.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
                };
                let whole = product(150);
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
        for (into, times) in [(Into::Replace, 1.0), (Into::Add, 2.0)] {
            let sums: Vec<T> = naive.iter().map(|&x| x * T::of(times)).collect();
            let wide = beside(&a, k);
            for a in [Rows { values: &a, stride: k }, Rows { values: &wide, stride: k + 3 }] {
                for factor in [Factor::of(&b, [k, n]), Factor::of_transposed(&turned(&b, [k, n]), [k, n])] {
                    let mut c = naive.clone();
                    factor.multiply(&mut c, a, m, into);
                    assert!(c == sums, "{m} x {k} x {n}, {into:?}");
                }
            }
            let a = turned(&a, [m, k]);
            let (wide_a, wide_b) = (beside(&a, m), beside(&b, n));
            for (a, b) in [
                (Rows { values: &a, stride: m }, Rows { values: &b, stride: n }),
                (Rows { values: &wide_a, stride: m + 3 }, Rows { values: &wide_b, stride: n + 3 }),
            ] {
                let mut c = naive.clone();
                product_tn(&mut c, a, b, [m, n, k], into);
                assert!(c == sums, "tn {m} x {k} x {n}, {into:?}");
            }
        }
    }
}
