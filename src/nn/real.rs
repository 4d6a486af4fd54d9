//! The number type of a network, and vector arithmetic.
//!
//! Training uses f32; f64 serves to check gradients and reference values with high precision.

use std::fmt::Debug;
use std::iter::Sum;
use std::sync::Mutex;

use multiversion::multiversion;
use num_traits::{Float, NumAssign};

use super::gemm::Multiply;

/// Buffers that are reused.
pub type Pool<T> = Mutex<Vec<Vec<T>>>;

/// The number type of a network: f32 or f64.
pub trait Real: Float + NumAssign + Sum + Debug + Default + Send + Sync + Multiply + 'static {
    /// Converts from f64, rounding to nearest.
    fn of(value: f64) -> Self;
    /// Converts to f64.
    fn as_f64(self) -> f64;
    /// Converts from f32.
    fn of_f32(value: f32) -> Self;
    /// Converts to f32, rounding to nearest.
    fn as_f32(self) -> f32;
    /// Buffers that are not in use.
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

    /// Computed from tanh; the error is at most 2.3e-7.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        0.5 + 0.5 * (0.5 * self).tanh_()
    }

    /// The rational approximation of Eigen's `ptanh`: the relative error is at most 3.9e-7, and the value is exactly 1 from 7.91 on.
    /// It has no branches, so the compiler vectorises it; it is faster than an exponential, and has the same bits on every
    /// machine.
    #[inline(always)]
    fn tanh_(self) -> Self {
        const END: f32 = 7.905_311;
        // NaN must propagate, so that training detects it.
        let x = if self > END { END } else { self };
        let x = if x < -END { -END } else { x };
        let square = x * x;
        let mut numerator = -2.760_768_4e-16;
        for coefficient in
            [2.000_188e-13, -8.604_672e-11, 5.122_297_3e-8, 1.485_722_35e-5, 6.372_619_5e-4, 4.893_524_6e-3]
        {
            numerator = numerator * square + coefficient;
        }
        let mut denominator = 1.198_258_4e-6;
        for coefficient in [1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3] {
            denominator = denominator * square + coefficient;
        }
        x * numerator / denominator
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

/// Adds the columns from `column` on of all rows of `rows`, each `stride` numbers long, to `sum`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn add_columns<T: Real>(sum: &mut [T], rows: &[T], stride: usize, column: usize) {
    for row in rows.chunks_exact(stride.max(1)) {
        for (sum, &value) in sum.iter_mut().zip(&row[column..]) {
            *sum += value;
        }
    }
}

/// `sum += values`, elementwise.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn add<T: Real>(sum: &mut [T], values: &[T]) {
    for (sum, &value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

/// The sum of the squares, in eight partial sums.
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
            // Over four million points the maximum error is 2.3e-7 for sigmoid, and the maximum relative error 3.9e-7 for tanh.
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
}
