//! Products of matrices. What multiplies is a library; here stands how our matrices lie.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::{multiversion, target::target_cfg_f};

use super::Real;

/// Whether a product replaces what its target holds or is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
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
pub(crate) struct Rows<V> {
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
///
/// A row of `c` has the same bits whatever other rows there are.
pub(super) fn product_nt<T: Real>(c: Rows<&mut [T]>, a: &[T], b: &[T], [m, n, k]: [usize; 3], into: Into) {
    let b = MatRef::from_row_major_slice(b, n, k).transpose();
    row_by_row(c, Rows { values: a, stride: k }, b, m, into);
}

/// Products of so many multiplications at most go another way within the library, where sums are taken in another order; so do
/// those of one row.
const FEW: usize = 4096;

/// `c (+)= a b`, each row with the bits that it has beside any others: what is predicted of a text must not depend on what else is
/// predicted with it. Where the library would go another way for a few rows, rows of zeros are added to them.
fn row_by_row<T: Real>(c: Rows<&mut [T]>, a: Rows<&[T]>, b: MatRef<T>, m: usize, into: Into) {
    let (k, n) = (b.nrows(), b.ncols());
    let least = (FEW / (n * k).max(1) + 1).max(2);
    // To one column there is one way.
    if m >= least || m == 0 || n <= 1 || k == 0 {
        return matmul(c.matrix(m, n), into.accum(), a.matrix(m, k), b, T::of(1.0), Par::Seq);
    }
    let (mut sums, mut rows) = (vec![T::zero(); least * n], vec![T::zero(); least * k]);
    for (to, from) in rows.chunks_exact_mut(k).zip(a.values.chunks(a.stride)).take(m) {
        to.copy_from_slice(&from[..k]);
    }
    for (to, from) in sums.chunks_exact_mut(n).zip(c.values.chunks(c.stride)).take(m) {
        to.copy_from_slice(&from[..n]);
    }
    let target = MatMut::from_row_major_slice_mut(&mut sums, least, n);
    matmul(target, into.accum(), MatRef::from_row_major_slice(&rows, least, k), b, T::of(1.0), Par::Seq);
    for (to, from) in c.values.chunks_mut(c.stride).zip(sums.chunks_exact(n)).take(m) {
        to[..n].copy_from_slice(from);
    }
}

/// `c (+)= a b`, with c `[m, n]`, a `[m, k]`, b `[k, n]`, all row-major.
pub(crate) fn product_nn<T: Real>(c: &mut [T], a: Rows<&[T]>, b: &[T], [m, n, k]: [usize; 3], into: Into) {
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

/// Adds to `sum` the rows of `rows`, `[factors.len(), sum.len()]`, each times its factor. Multiplied and added in one step where the
/// library does, so that the bits are those of its products.
#[multiversion(targets("x86_64+avx512f+avx512vl+fma", "x86_64+avx2+fma"))]
fn add_combination<T: Real>(sum: &mut [T], factors: &[T], rows: &[T]) {
    let fused = cfg!(target_arch = "aarch64") || target_cfg_f!(target_feature = "fma");
    let step = |factor: T, value: T, sum: T| if fused { factor.mul_add(value, sum) } else { sum + factor * value };
    /// Sums that stay in registers while all rows go by.
    const TOGETHER: usize = 32;
    let width = sum.len();
    if let Ok(sum) = <&mut [T; PANEL]>::try_from(&mut *sum) {
        let mut sums = *sum;
        for (&factor, row) in factors.iter().zip(rows.as_chunks::<PANEL>().0) {
            for lane in 0..PANEL {
                sums[lane] = step(factor, row[lane], sums[lane]);
            }
        }
        *sum = sums;
        return;
    }
    let (whole, rest) = sum.as_chunks_mut::<TOGETHER>();
    let left = whole.len() * TOGETHER;
    for (place, sum) in whole.iter_mut().enumerate() {
        let mut sums = *sum;
        for (&factor, row) in factors.iter().zip(rows.chunks_exact(width)) {
            if let Some(row) = row[place * TOGETHER..].first_chunk::<TOGETHER>() {
                for lane in 0..TOGETHER {
                    sums[lane] = step(factor, row[lane], sums[lane]);
                }
            }
        }
        *sum = sums;
    }
    if !rest.is_empty() {
        for (&factor, row) in factors.iter().zip(rows.chunks_exact(width)) {
            rest.iter_mut().zip(&row[left..]).for_each(|(sum, &value)| *sum = step(factor, value, *sum));
        }
    }
}

/// A matrix `[k, n]` that many products are made with, cut into panels of some columns, each of which lies together. A panel is read from
/// one end to the other; rows of the whole matrix lie so far apart that they would push each other out of the cache, and the
/// library packs them anew for each product.
#[derive(Debug, Clone)]
pub(super) struct Panels<T> {
    values: Vec<T>,
    rows: usize,
    columns: usize,
}

/// Columns of a panel: what the library multiplies together with AVX-512, and a multiple of that elsewhere.
const PANEL: usize = 96;

/// Summands up to which the library adds one after the other; of more, it adds up sums of some.
const LONGEST_CHAIN: usize = 512;

impl<T: Real> Panels<T> {
    /// Of a matrix `[rows, columns]`.
    pub fn of(matrix: &[T], [rows, columns]: [usize; 2]) -> Self {
        let mut values = Vec::with_capacity(matrix.len());
        for first in (0..columns).step_by(PANEL) {
            let end = columns.min(first + PANEL);
            matrix.chunks_exact(columns).for_each(|row| values.extend_from_slice(&row[first..end]));
        }
        Panels { values, rows, columns }
    }

    /// Of the transpose of a matrix `[columns, rows]`.
    pub fn of_transposed(matrix: &[T], [rows, columns]: [usize; 2]) -> Self {
        let mut values = vec![T::zero(); matrix.len()];
        let panels = values.chunks_mut((PANEL * rows).max(1)).zip(matrix.chunks((PANEL * rows).max(1)));
        for (panel, lines) in panels {
            let width = lines.len() / rows;
            // A few lines at a time, so that whole lines of the cache are written.
            for (group, lines) in lines.chunks(16 * rows).enumerate() {
                for row in 0..rows {
                    let to = &mut panel[row * width + 16 * group..];
                    to.iter_mut().zip(lines.chunks_exact(rows)).for_each(|(to, line)| *to = line[row]);
                }
            }
        }
        Panels { values, rows, columns }
    }

    /// `c (+)= a p`, with c `[m, n]`, a `[m, k]`, row-major. In f32 a row of `c` has the same bits whatever other rows there are.
    pub fn multiply(&self, c: Rows<&mut [T]>, a: Rows<&[T]>, m: usize, into: Into) {
        let k = self.rows;
        let firsts = (0..self.columns).step_by(PANEL);
        for (first, panel) in firsts.zip(self.values.chunks((PANEL * k).max(1))) {
            let width = panel.len() / k;
            let values = &mut c.values[first..];
            if m == 1 && width > 1 && k <= LONGEST_CHAIN && into == Into::Replace {
                // A text alone. The library packs the matrix first, which takes longer than to read it once.
                let sums = &mut values[..width];
                sums.fill(T::zero());
                add_combination(sums, &a.values[..k], panel);
                continue;
            }
            let c = Rows { values, stride: c.stride };
            let a = Rows { values: a.values, stride: a.stride };
            row_by_row(c, a, MatRef::from_row_major_slice(panel, k, width), m, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_their_definition() {
        // Less than a panel, a whole one, several and a part; a row alone and more.
        [[3, 5, 4], [2, 300, 7], [1, 96, 3], [1, 300, 5], [4, 96, 17], [1, 33, 2]].into_iter().for_each(products_of);
    }

    #[test]
    fn a_row_has_the_same_bits_beside_any_others() {
        for [n, k] in
            [[1, 7], [2, 16], [2, 128], [3, 600], [5, 300], [17, 50], [97, 64], [192, 512], [200, 513], [100, 1100]]
        {
            let value = |i: usize| ((i * 7919 + 31) % 1009) as f32 / 331.0 - 1.5;
            let a: Vec<f32> = (0..150 * k).map(value).collect();
            let b: Vec<f32> = (0..n * k).map(|i| value(i + 77)).collect();
            let panels = Panels::of(&b, [k, n]);
            for into in [Into::Replace, Into::Add] {
                let products = |m: usize| {
                    let (mut nt, mut in_panels) = (vec![0.3f32; m * n], vec![0.3f32; m * n]);
                    product_nt(Rows { values: &mut nt, stride: n }, &a[..m * k], &b, [m, n, k], into);
                    let rows = Rows { values: &a[..m * k], stride: k };
                    panels.multiply(Rows { values: &mut in_panels, stride: n }, rows, m, into);
                    [nt, in_panels].map(|all| all.iter().map(|x| x.to_bits()).collect::<Vec<u32>>())
                };
                let whole = products(150);
                for m in (1..20).chain([31, 32, 33, 63, 64, 65, 129]) {
                    for (part, whole) in products(m).iter().zip(&whole) {
                        assert!(part[..] == whole[..m * n], "{m} rows of {n} x {k}, {into:?}");
                    }
                }
            }
        }
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
        for panels in [Panels::of(&transposed(&b, n, k), [k, n]), Panels::of_transposed(&b, [k, n])] {
            let mut product = vec![1.0; m * n];
            for (into, times) in [(Into::Replace, 1.0), (Into::Add, 2.0)] {
                let rows = Rows { values: &a[..], stride: k };
                panels.multiply(Rows { values: &mut product, stride: n }, rows, m, into);
                assert_eq!(product, naive.iter().map(|x| times * x).collect::<Vec<f64>>());
            }
        }
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
