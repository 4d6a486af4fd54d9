//! The number type of a network, and the arithmetic the layers are made of.
//!
//! Training runs in f32; f64 is there so that gradients and reference values can be checked to many digits.

use std::fmt::Debug;
use std::iter::Sum;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use num_traits::{Float, NumAssign};

use super::scratch::Pool;

/// f32 or f64.
pub trait Real: Float + NumAssign + Sum + Debug + Default + Send + Sync + faer::traits::ComplexField + 'static {
    /// The nearest value to `value`.
    fn of(value: f64) -> Self;
    /// The value as f64.
    fn as_f64(self) -> f64;
    /// A component of a pretrained row.
    fn of_f32(value: f32) -> Self;
    /// The nearest f32.
    fn as_f32(self) -> f32;
    /// Free buffers.
    #[doc(hidden)]
    fn pool() -> &'static Pool<Self>;
    /// The logistic function.
    fn sigmoid(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh_(self) -> Self;
}

impl Real for f32 {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<f32> = Pool::new(Vec::new());
        &POOL
    }

    #[inline]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn of_f32(value: f32) -> Self {
        value
    }

    #[inline]
    fn as_f32(self) -> f32 {
        self
    }

    /// By way of tanh; off by at most 2.3e-7.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        0.5 + 0.5 * (0.5 * self).tanh_()
    }

    /// A quotient of two polynomials, that of Eigen's `ptanh`: off by at most 3.9e-7 of the value, and exactly 1 from 7.91 on. Without
    /// branches, so that a compiler can do several at once; faster than by way of an exponential, and with the same bits on
    /// every machine.
    #[inline(always)]
    fn tanh_(self) -> Self {
        const END: f32 = 7.905_311;
        // A NaN passes: training must see it.
        let x = if self > END { END } else { self };
        let x = if x < -END { -END } else { x };
        let square = x * x;
        let mut above = -2.760_768_4e-16;
        for coefficient in
            [2.000_188e-13, -8.604_672e-11, 5.122_297_3e-8, 1.485_722_35e-5, 6.372_619_5e-4, 4.893_524_6e-3]
        {
            above = above * square + coefficient;
        }
        let mut below = 1.198_258_4e-6;
        for coefficient in [1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3] {
            below = below * square + coefficient;
        }
        x * above / below
    }
}

impl Real for f64 {
    fn pool() -> &'static Pool<Self> {
        static POOL: Pool<f64> = Pool::new(Vec::new());
        &POOL
    }

    #[inline]
    fn of(value: f64) -> Self {
        value
    }

    #[inline]
    fn as_f64(self) -> f64 {
        self
    }

    #[inline]
    fn of_f32(value: f32) -> Self {
        f64::from(value)
    }

    #[inline]
    fn as_f32(self) -> f32 {
        self as f32
    }

    #[inline]
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }

    #[inline]
    fn tanh_(self) -> Self {
        self.tanh()
    }
}

/// Whether a product replaces what its target holds or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Replace,
    Add,
}

impl Into {
    fn accum(self) -> Accum {
        match self {
            Into::Replace => Accum::Replace,
            Into::Add => Accum::Add,
        }
    }
}

/// Rows of a matrix, or some columns of them: row `i` begins at `i * stride`.
#[derive(Debug)]
pub(super) struct Rows<V> {
    pub values: V,
    pub stride: usize,
}

impl<'a, T: Real> Rows<&'a [T]> {
    fn matrix(self, rows: usize, columns: usize) -> MatRef<'a, T> {
        MatRef::from_row_major_slice_with_stride(self.values, rows, columns, self.stride)
    }
}

impl<'a, T: Real> Rows<&'a mut [T]> {
    fn matrix(self, rows: usize, columns: usize) -> MatMut<'a, T> {
        // Not by `from_row_major_slice_with_stride_mut`: faer 0.24 has its strides the wrong way round.
        MatMut::from_column_major_slice_with_stride_mut(self.values, columns, rows, self.stride).transpose_mut()
    }
}

/// `c (+)= a b^T`, with c `[m, n]`, a `[m, k]`, b `[n, k]`, all row-major.
pub(super) fn product_nt<T: Real>(c: Rows<&mut [T]>, a: &[T], b: &[T], [m, n, k]: [usize; 3], into: Into) {
    let a = MatRef::from_row_major_slice(a, m, k);
    let b = MatRef::from_row_major_slice(b, n, k).transpose();
    matmul(c.matrix(m, n), into.accum(), a, b, T::of(1.0), Par::Seq);
}

/// `c (+)= a b`, with c `[m, n]`, a `[m, k]`, b `[k, n]`, all row-major.
pub(super) fn product_nn<T: Real>(c: &mut [T], a: Rows<&[T]>, b: &[T], [m, n, k]: [usize; 3], into: Into) {
    if m == 1 && n > 0 {
        // A text alone. The library packs the matrix first, which takes longer than to read it once.
        if into == Into::Replace {
            c.fill(T::zero());
        }
        return add_combination(c, &a.values[..k], b);
    }
    let b = MatRef::from_row_major_slice(b, k, n);
    let c = MatMut::from_row_major_slice_mut(c, m, n);
    matmul(c, into.accum(), a.matrix(m, k), b, T::of(1.0), Par::Seq);
}

/// `c (+)= a^T b`, with c `[m, n]`, a `[k, m]`, b `[k, n]`, all row-major.
pub(super) fn product_tn<T: Real>(c: &mut [T], a: Rows<&[T]>, b: &[T], [m, n, k]: [usize; 3], into: Into) {
    let b = MatRef::from_row_major_slice(b, k, n);
    let c = MatMut::from_row_major_slice_mut(c, m, n);
    matmul(c, into.accum(), a.matrix(k, m).transpose(), b, T::of(1.0), Par::Seq);
}

/// Adds to `sum` the rows of `rows`, `[factors.len(), sum.len()]`, each times its factor.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn add_combination<T: Real>(sum: &mut [T], factors: &[T], rows: &[T]) {
    /// Sums that stay in registers while all rows go by.
    const TOGETHER: usize = 128;
    let width = sum.len();
    let (whole, rest) = sum.as_chunks_mut::<TOGETHER>();
    let left = whole.len() * TOGETHER;
    for (place, sum) in whole.iter_mut().enumerate() {
        let mut sums = *sum;
        for (&factor, row) in factors.iter().zip(rows.chunks_exact(width)) {
            if let Some(row) = row[place * TOGETHER..].first_chunk::<TOGETHER>() {
                for lane in 0..TOGETHER {
                    sums[lane] += factor * row[lane];
                }
            }
        }
        *sum = sums;
    }
    if !rest.is_empty() {
        for (&factor, row) in factors.iter().zip(rows.chunks_exact(width)) {
            rest.iter_mut().zip(&row[left..]).for_each(|(sum, &value)| *sum += factor * value);
        }
    }
}

/// `sum += row` for every row of `rows`, of which `stride` numbers belong to each and those from `column` on are meant.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn add_columns<T: Real>(sum: &mut [T], rows: &[T], stride: usize, column: usize) {
    for row in rows.chunks_exact(stride.max(1)) {
        for (sum, &value) in sum.iter_mut().zip(&row[column..]) {
            *sum += value;
        }
    }
}

/// `sum += values`, component by component.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn add<T: Real>(sum: &mut [T], values: &[T]) {
    for (sum, &value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

/// The sum of the squares of some values, in eight sums side by side.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn squares<T: Real>(values: &[T]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (whole, rest) = values.as_chunks::<8>();
    for values in whole {
        for lane in 0..8 {
            sums[lane] += values[lane].as_f64() * values[lane].as_f64();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| value.as_f64() * value.as_f64()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_in_f32_are_near_those_in_f64() {
        for i in -20_000..=20_000 {
            let x = i as f32 * 5e-3;
            let exact = f64::from(x);
            assert!((f64::from(x.sigmoid()) - exact.sigmoid()).abs() < 2.5e-7, "sigmoid({x})");
            // Over four million points the largest errors are 2.3e-7 of sigmoid, and 3.9e-7 of the value of tanh.
            let tanh = exact.tanh();
            assert!((f64::from(x.tanh_()) - tanh).abs() <= 4e-7 * tanh.abs() + 1e-30, "tanh({x})");
        }
        for x in [1e-3f32, -1e-8, 1e-30] {
            assert!((x.tanh_() - x).abs() <= 1e-6 * x.abs(), "tanh({x})");
        }
        assert!(f32::NAN.sigmoid().is_nan() && f32::NAN.tanh_().is_nan());
        assert_eq!((f32::INFINITY.tanh_(), f32::NEG_INFINITY.tanh_()), (1.0, -1.0));
        assert_eq!((f32::INFINITY.sigmoid(), f32::NEG_INFINITY.sigmoid()), (1.0, 0.0));
    }

    #[test]
    fn products_equal_their_definition() {
        // Sizes with and without a whole group of the sums that are kept together.
        [[3, 5, 4], [2, 300, 7], [1, 128, 3]].into_iter().for_each(products_of);
    }

    fn products_of([m, n, k]: [usize; 3]) {
        let value = |i: usize| ((i * 37 + 11) % 17) as f64 - 8.0;
        let a: Vec<f64> = (0..m * k).map(value).collect();
        let b: Vec<f64> = (0..n * k).map(|i| value(i + 100)).collect();
        let naive: Vec<f64> =
            (0..m * n).map(|at| (0..k).map(|l| a[at / n * k + l] * b[at % n * k + l]).sum()).collect();
        let transposed = |x: &[f64], rows: usize, columns: usize| -> Vec<f64> {
            (0..x.len()).map(|at| x[at % rows * columns + at / rows]).collect()
        };
        let mut c = vec![1.0; m * n];
        product_nt(Rows { values: &mut c, stride: n }, &a, &b, [m, n, k], Into::Replace);
        assert_eq!(c, naive);
        product_nn(&mut c, Rows { values: &a, stride: k }, &transposed(&b, n, k), [m, n, k], Into::Replace);
        assert_eq!(c, naive);
        product_tn(
            &mut c,
            Rows { values: &transposed(&a, m, k), stride: m },
            &transposed(&b, n, k),
            [m, n, k],
            Into::Add,
        );
        assert_eq!(c, naive.iter().map(|x| 2.0 * x).collect::<Vec<f64>>());
    }
}
