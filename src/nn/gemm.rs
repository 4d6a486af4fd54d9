//! Matrix products of strided matrices, computed by rten-gemm for f32.

use std::fmt::{self, Debug};

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

/// Whether a product replaces the content of its target or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accumulate {
    Replace,
    Add,
}

/// Rows of a matrix, or a range of their columns: row `i` begins at `i * stride`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMatrix<'a, T> {
    pub values: &'a [T],
    pub stride: usize,
}

/// A matrix `[rows, columns]` with the distances between rows and between columns in `strides`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    pub(super) values: &'a [T],
    pub(super) size: [usize; 2],
    pub(super) strides: [usize; 2],
}

impl<'a, T> View<'a, T> {
    pub(super) fn new(rows: RowMatrix<'a, T>, size: [usize; 2]) -> Self {
        View { values: rows.values, size, strides: [rows.stride, 1] }
    }

    /// Up to `width` columns, beginning with `first`.
    pub(super) fn columns(self, first: usize, width: usize) -> Self {
        let [rows, columns] = self.size;
        let values = self.values.get(first * self.strides[1]..).unwrap_or_default();
        View { values, size: [rows, width.min(columns - first)], strides: self.strides }
    }

    pub(super) fn transposed(self) -> Self {
        let ([rows, columns], [row, column]) = (self.size, self.strides);
        View { values: self.values, size: [columns, rows], strides: [column, row] }
    }
}

/// A right operand: as it is, or packed for many products.
#[derive(Debug, Clone, Copy)]
pub enum RightOperand<'a, T: Multiply> {
    Plain(View<'a, T>),
    Packed(&'a T::Packed),
}

/// Element types of matrices.
pub trait Multiply: Copy {
    /// A packed right operand.
    type Packed: Debug + Clone + Send + Sync;

    fn pack(matrix: View<'_, Self>) -> Self::Packed;

    /// `c (+)= a b`, with `c` row-major and of the size of the product.
    fn multiply(c: &mut [Self], a: View<'_, Self>, b: RightOperand<'_, Self>, accumulate: Accumulate);
}

thread_local! {
    /// The kernel for this processor.
    static GEMM: GemmExecutor<f32> = GemmExecutor::new();
}

/// A matrix in the layout of rten-gemm's kernels.
#[derive(Clone)]
pub struct PackedF32(PackedBMatrix<f32>);

impl Debug for PackedF32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedF32({} x {})", self.0.rows(), self.0.cols())
    }
}

impl<'a> View<'a, f32> {
    fn as_tensor(self) -> NdTensorView<'a, f32, 2> {
        NdTensorView::from_slice_with_strides(self.size, self.values, self.strides).expect("values for the whole size")
    }
}

impl Multiply for f32 {
    type Packed = PackedF32;

    fn pack(matrix: View<'_, f32>) -> PackedF32 {
        PackedF32(GEMM.with(|gemm| gemm.prepack_b(matrix.as_tensor())))
    }

    fn multiply(c: &mut [f32], a: View<'_, f32>, b: RightOperand<'_, f32>, accumulate: Accumulate) {
        let b = match b {
            RightOperand::Plain(view) => GemmInputB::Unpacked(view.as_tensor()),
            RightOperand::Packed(packed) => GemmInputB::Packed(&packed.0),
        };
        let beta = if accumulate == Accumulate::Add { 1.0 } else { 0.0 };
        let options = GemmOptions { beta, ..GemmOptions::default() };
        let a = GemmInputA::Unpacked(a.as_tensor());
        GEMM.with(|gemm| gemm.gemm(c, a, b, options)).expect("matching sizes");
    }
}

/// A plain loop: f64 is only used to check gradients, and rten-gemm does not support it.
impl Multiply for f64 {
    type Packed = (Vec<f64>, [usize; 2]);

    fn pack(matrix: View<'_, f64>) -> Self::Packed {
        let ([rows, columns], [row, column]) = (matrix.size, matrix.strides);
        let index = |at: usize| at / columns * row + at % columns * column;
        ((0..rows * columns).map(|at| matrix.values[index(at)]).collect(), matrix.size)
    }

    fn multiply(c: &mut [f64], a: View<'_, f64>, b: RightOperand<'_, f64>, accumulate: Accumulate) {
        let b = match b {
            RightOperand::Plain(view) => view,
            RightOperand::Packed((values, size)) => View::new(RowMatrix { values, stride: size[1] }, *size),
        };
        let [inner, columns] = b.size;
        if accumulate == Accumulate::Replace {
            c.fill(0.0);
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
}
