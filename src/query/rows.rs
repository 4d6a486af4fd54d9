//! Cosines of rows with a query.

use multiversion::multiversion;

use crate::vectors::Vectors;

/// The rows of a table, which are scored one by one.
pub(super) struct RowScorer<'a> {
    values: &'a [f32],
    norms: &'a [f32],
    dimension: usize,
}

impl<'a> RowScorer<'a> {
    pub fn new(vectors: &'a Vectors) -> Self {
        RowScorer { values: vectors.values(), norms: vectors.norms(), dimension: vectors.dimension() }
    }

    /// The cosine of a row with a vector of unit length; NaN for a row without a direction.
    #[inline(always)]
    pub fn cosine(&self, row: u32, unit: &[f32]) -> f32 {
        let start = row as usize * self.dimension;
        let (Some(values), Some(&norm)) =
            (self.values.get(start..start + self.dimension), self.norms.get(row as usize))
        else {
            return f32::NAN;
        };
        if norm > 0.0 && norm < f32::INFINITY { dot(values, unit) / norm } else { f32::NAN }
    }

    /// The cosines of some rows with a vector of unit length, bit for bit those of [`RowScorer::cosine`].
    pub fn cosines(&self, rows: &[u32], unit: &[f32], cosines: &mut [f32]) {
        fill(self, rows, unit, cosines);
    }
}

/// Compiled for several instruction sets. All of them add in the same order, so the results are the same.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn fill(scorer: &RowScorer, rows: &[u32], unit: &[f32], cosines: &mut [f32]) {
    for (cosine, &row) in cosines.iter_mut().zip(rows) {
        *cosine = scorer.cosine(row, unit);
    }
}

/// The dot product in f32: 16 partial sums, which the compiler keeps in vector registers, then 4, then 1, added pairwise.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let (a4, a1) = a_rest.as_chunks::<4>();
    let (b4, b1) = b_rest.as_chunks::<4>();
    let rest: f32 = a1.iter().zip(b1).map(|(a, b)| a * b).sum();
    sums(a, b) + sums(a4, b4) + rest
}

/// The dot product in `N` partial sums; `N` is a power of two.
#[inline(always)]
fn sums<const N: usize>(a: &[[f32; N]], b: &[[f32; N]]) -> f32 {
    let mut sums = [0.0f32; N];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..N {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut width = N / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}
