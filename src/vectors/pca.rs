//! Principal component analysis in two dimensions.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Points in two dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// x and y of each row.
    pub points: Vec<[f32; 2]>,
    /// The fraction of the variance explained by x and by y, for principal components.
    pub explained: Option<[f64; 2]>,
}

/// Rows per partial sum of the covariance. Fixed, so that the result is the same for any number of threads.
const ROWS_PER_TASK: usize = 4096;

/// Directions of the subspace iteration; more than two make it converge faster.
const BLOCK: usize = 12;

/// Maximum number of iterations.
const MAX_ITERATIONS: usize = 400;

/// Iterations between two checks for convergence.
const CHECK_INTERVAL: usize = 10;

/// The first two principal components of some rows, by subspace iteration with a final Rayleigh-Ritz projection, in f64.
///
/// # Shapes
/// `rows` `[n, dimension]`, finite. The sign of each component is chosen so that its largest weight is positive.
pub fn pca(rows: &[f32], dimension: usize) -> Projection {
    let count = rows.len().checked_div(dimension).unwrap_or(0);
    let flat = Projection { points: vec![[0.0; 2]; count], explained: Some([0.0; 2]) };
    if count < 2 {
        return flat;
    }
    let mut mean = vec![0.0f64; dimension];
    for row in rows.chunks_exact(dimension) {
        mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    mean.iter_mut().for_each(|sum| *sum /= count as f64);
    let covariance = covariance(rows, &mean);
    let total: f64 = (0..dimension).map(|i| covariance[i * dimension + i]).sum();
    if total <= 0.0 || !total.is_finite() {
        return flat;
    }
    let (variances, directions) = leading(&covariance, dimension);
    let axis = |which: usize| directions.get(which).cloned().unwrap_or_else(|| vec![0.0; dimension]);
    let axes = [axis(0), axis(1)];
    let along = |row: &[f32], axis: &[f64]| {
        row.iter().zip(&mean).zip(axis).map(|((&value, mean), weight)| (f64::from(value) - mean) * weight).sum::<f64>()
            as f32
    };
    let points = rows.par_chunks_exact(dimension).map(|row| [along(row, &axes[0]), along(row, &axes[1])]).collect();
    let explained = |which: usize| variances.get(which).map_or(0.0, |variance| variance / total);
    Projection { points, explained: Some([explained(0), explained(1)]) }
}

/// The covariance of the rows, `[dimension, dimension]`.
fn covariance(rows: &[f32], mean: &[f64]) -> Vec<f64> {
    let dimension = mean.len();
    let parts: Vec<Vec<f64>> = rows
        .par_chunks(ROWS_PER_TASK * dimension)
        .map(|rows| {
            let mut sums = vec![0.0f64; dimension * dimension];
            let mut centred = vec![0.0f64; dimension];
            for row in rows.chunks_exact(dimension) {
                for ((centred, &value), mean) in centred.iter_mut().zip(row).zip(mean) {
                    *centred = f64::from(value) - mean;
                }
                for (i, sums) in sums.chunks_exact_mut(dimension).enumerate() {
                    let factor = centred[i];
                    sums[i..].iter_mut().zip(&centred[i..]).for_each(|(sum, value)| *sum += factor * value);
                }
            }
            sums
        })
        .collect();
    let mut covariance = vec![0.0f64; dimension * dimension];
    for part in parts {
        covariance.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    let count = (rows.len() / dimension) as f64;
    for i in 0..dimension {
        for j in i..dimension {
            let value = covariance[i * dimension + j] / count;
            covariance[i * dimension + j] = value;
            covariance[j * dimension + i] = value;
        }
    }
    covariance
}

/// The largest eigenvalues of a covariance and their eigenvectors of length 1.
fn leading(covariance: &[f64], dimension: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let times = |direction: &Vec<f64>| -> Vec<f64> {
        covariance.chunks_exact(dimension).map(|row| product(row, direction)).collect()
    };
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut block: Vec<Vec<f64>> =
        (0..BLOCK.min(dimension)).map(|_| (0..dimension).map(|_| random.random_range(-1.0..1.0)).collect()).collect();
    orthonormal(&mut block);
    let mut before = [f64::NAN; 2];
    for iteration in 1..=MAX_ITERATIONS {
        block = block.par_iter().map(times).collect();
        orthonormal(&mut block);
        if iteration % CHECK_INTERVAL == 0 {
            let now = [0, 1].map(|which| block.get(which).map_or(0.0, |one| product(one, &times(one))));
            if now.iter().zip(before).all(|(now, before)| (now - before).abs() <= 1e-13 * now.abs()) {
                break;
            }
            before = now;
        }
    }
    // Rayleigh-Ritz: the eigenvectors of the covariance projected on the block.
    let images: Vec<Vec<f64>> = block.iter().map(times).collect();
    let small: Vec<Vec<f64>> = block.iter().map(|a| images.iter().map(|b| product(a, b)).collect()).collect();
    let (variances, weights) = eigen(small);
    let combined = |weights: &Vec<f64>| {
        let mut direction = vec![0.0; dimension];
        for (weight, one) in weights.iter().zip(&block) {
            direction.iter_mut().zip(one).for_each(|(sum, value)| *sum += weight * value);
        }
        let largest =
            direction.iter().fold(0.0f64, |largest, &value| if value.abs() > largest.abs() { value } else { largest });
        if largest < 0.0 {
            direction.iter_mut().for_each(|value| *value = -*value);
        }
        direction
    };
    (variances, weights.iter().map(combined).collect())
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Orthonormalises directions by the Gram-Schmidt process, twice because of rounding errors. A direction that is a linear
/// combination of earlier ones becomes zero.
fn orthonormal(block: &mut [Vec<f64>]) {
    for index in 0..block.len() {
        let (before, rest) = block.split_at_mut(index);
        let Some(one) = rest.first_mut() else { return };
        let length = product(one, one).sqrt();
        for _ in 0..2 {
            for other in before.iter() {
                let shared = product(one, other);
                one.iter_mut().zip(other).for_each(|(value, other)| *value -= shared * other);
            }
        }
        let left = product(one, one).sqrt();
        let scale = if left > 1e-14 * length { 1.0 / left } else { 0.0 };
        one.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Eigenvalues of a small symmetric matrix in descending order, and their eigenvectors, by Jacobi rotations.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    // The eigenvectors, as rows.
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..50 {
        let off_diagonal: f64 =
            (0..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        let all: f64 = matrix.iter().flatten().map(|value| value * value).sum();
        if off_diagonal <= 1e-32 * all {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                if matrix[p][q] == 0.0 {
                    continue;
                }
                let angle = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
                let tangent = angle.signum() / (angle.abs() + (angle * angle + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                for row in &mut matrix {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                for rows in [&mut matrix, &mut vectors] {
                    let Ok([row_p, row_q]) = rows.get_disjoint_mut([p, q]) else { continue };
                    for (a, b) in row_p.iter_mut().zip(row_q) {
                        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                    }
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    (order.iter().map(|&i| matrix[i][i]).collect(), order.iter().map(|&i| vectors[i].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows along rotated axes of decreasing variance.
    fn rows(count: usize, dimension: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut axes: Vec<Vec<f64>> =
            (0..dimension).map(|_| (0..dimension).map(|_| random.random_range(-1.0..1.0)).collect()).collect();
        orthonormal(&mut axes);
        let mut rows = Vec::new();
        for _ in 0..count {
            let weights: Vec<f64> =
                (0..dimension).map(|axis| random.random_range(-1.0..1.0) * 0.8f64.powi(axis as i32)).collect();
            rows.extend(
                (0..dimension).map(|j| weights.iter().zip(&axes).map(|(w, axis)| w * axis[j]).sum::<f64>() as f32),
            );
        }
        rows
    }

    /// Compared with the eigenvalues of the full covariance, and with the variances of the points.
    #[test]
    fn principal_components_are_those_of_the_covariance() {
        let (count, dimension) = (5000, 20);
        let rows = rows(count, dimension);
        let found = pca(&rows, dimension);
        let mean: Vec<f64> = (0..dimension)
            .map(|j| rows.iter().skip(j).step_by(dimension).map(|&v| f64::from(v)).sum::<f64>() / count as f64)
            .collect();
        let whole: Vec<Vec<f64>> = covariance(&rows, &mean).chunks(dimension).map(<[f64]>::to_vec).collect();
        let total: f64 = (0..dimension).map(|i| whole[i][i]).sum();
        let (values, vectors) = eigen(whole.clone());
        for (value, vector) in values.iter().zip(&vectors) {
            for (row, component) in whole.iter().zip(vector) {
                assert!((product(row, vector) - value * component).abs() < 1e-12, "not an eigenvector");
            }
        }
        for axis in 0..2 {
            assert!((found.explained.unwrap()[axis] - values[axis] / total).abs() < 1e-12);
            let variance = found.points.iter().map(|point| f64::from(point[axis]).powi(2)).sum::<f64>() / count as f64;
            assert!((variance - values[axis]).abs() < 1e-6 * values[axis], "{variance} is not {}", values[axis]);
        }
        let both: f64 = found.points.iter().map(|point| f64::from(point[0] * point[1])).sum::<f64>() / count as f64;
        assert!(both.abs() < 1e-7, "the components are correlated: {both}");
    }

    #[test]
    fn the_same_rows_give_the_same_bits_on_any_number_of_threads() {
        let rows = rows(600, 20);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pca(&rows, 20))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn few_or_equal_rows_have_components() {
        assert_eq!(pca(&[], 3).points.len(), 0);
        assert_eq!(pca(&[1.0, 2.0, 3.0], 3).points, [[0.0; 2]]);
        assert_eq!(pca(&[1.0; 12], 3).points, [[0.0; 2]; 4]);
        let line = pca(&[0.0, 1.0, 2.0], 1);
        assert_eq!(line.points, [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        assert_eq!(line.explained, Some([1.0, 0.0]));
    }
}
