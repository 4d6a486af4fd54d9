//! Vectors in two dimensions: principal components, and t-SNE.
//!
//! Maps are made of directions, rows scaled to length 1, because neighbours are told by cosines; between directions the squared
//! distance is `2 - 2 cos`.

use bhtsne::Neighbor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::query::{NearestOptions, Query, Term};
use crate::vectors::Vectors;

/// Points in two dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// x and y of each row.
    pub points: Vec<[f32; 2]>,
    /// The share of the variance along x and along y, for principal components.
    pub explained: Option<[f64; 2]>,
}

/// Rows whose part of the covariance is summed by itself. Fixed, so that the same rows give the same bits at any number of threads.
const PART: usize = 4096;

/// Directions that are iterated together; those beyond the two that are wanted make it converge sooner.
const BLOCK: usize = 12;

/// Rounds of the iteration at the most, and after how many it is looked at whether the variances still change.
const ROUNDS: usize = 400;
const LOOK: usize = 10;

/// Perplexity of t-SNE: about how many neighbours a point keeps near. Fewer for few points.
const PERPLEXITY: f32 = 30.0;

/// Steps of t-SNE's descent; in the first half neighbours attract each other more, so that groups form.
const STEPS: usize = 500;

/// Searches at a time for the neighbours of points, so that others get their turn.
const SEARCHES: usize = 256;

/// The first two principal components of some rows, by iterating a block of directions with their covariance (subspace iteration with
/// Rayleigh and Ritz's projection at the end), in f64.
///
/// # Shapes
/// `rows` `[n, dimension]`, finite. The largest weight of each component is positive, which settles its sign.
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
    let share = |which: usize| variances.get(which).map_or(0.0, |variance| variance / total);
    Projection { points, explained: Some([share(0), share(1)]) }
}

/// `[dimension, dimension]`, of all rows about their mean.
fn covariance(rows: &[f32], mean: &[f64]) -> Vec<f64> {
    let dimension = mean.len();
    let parts: Vec<Vec<f64>> = rows
        .par_chunks(PART * dimension)
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

/// The largest variances of a covariance and their directions, of length 1.
fn leading(covariance: &[f64], dimension: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let times = |direction: &Vec<f64>| -> Vec<f64> {
        covariance.chunks_exact(dimension).map(|row| product(row, direction)).collect()
    };
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut block: Vec<Vec<f64>> =
        (0..BLOCK.min(dimension)).map(|_| (0..dimension).map(|_| random.random_range(-1.0..1.0)).collect()).collect();
    orthonormal(&mut block);
    let mut before = [f64::NAN; 2];
    for round in 1..=ROUNDS {
        block = block.par_iter().map(times).collect();
        orthonormal(&mut block);
        if round % LOOK == 0 {
            let now = [0, 1].map(|which| block.get(which).map_or(0.0, |one| product(one, &times(one))));
            if now.iter().zip(before).all(|(now, before)| (now - before).abs() <= 1e-13 * now.abs()) {
                break;
            }
            before = now;
        }
    }
    // Within the block the directions are settled by the small covariance that they have among themselves.
    let images: Vec<Vec<f64>> = block.iter().map(times).collect();
    let small: Vec<Vec<f64>> = block.iter().map(|a| images.iter().map(|b| product(a, b)).collect()).collect();
    let (variances, turns) = eigen(small);
    let turned = |turn: &Vec<f64>| {
        let mut direction = vec![0.0; dimension];
        for (weight, one) in turn.iter().zip(&block) {
            direction.iter_mut().zip(one).for_each(|(sum, value)| *sum += weight * value);
        }
        let largest =
            direction.iter().fold(0.0f64, |largest, &value| if value.abs() > largest.abs() { value } else { largest });
        if largest < 0.0 {
            direction.iter_mut().for_each(|value| *value = -*value);
        }
        direction
    };
    (variances, turns.iter().map(turned).collect())
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Makes directions orthogonal to each other and of length 1 (Gram and Schmidt, twice over for the sake of rounding); one that is a
/// sum of those before it becomes zero.
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

/// Eigenvalues of a small symmetric matrix, falling, and their eigenvectors, by Jacobi's rotations.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    // Row by row, the vectors.
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..50 {
        let beside: f64 = (0..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        let all: f64 = matrix.iter().flatten().map(|value| value * value).sum();
        if beside <= 1e-32 * all {
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

/// t-SNE (van der Maaten & Hinton 2008) by interpolation (Linderman et al. 2019), from the exact nearest neighbours among the rows and
/// from where the principal components have them, so that the same rows give the same map. `cancelled` is asked now and then.
///
/// # Shapes
/// `rows` `[n, dimension]`, of length 1.
///
/// # Errors
/// Fewer than eight rows; a map that nobody waits for any more.
pub fn tsne(rows: &[f32], dimension: usize, cancelled: &dyn Fn() -> bool) -> Result<Projection> {
    const LEAST: usize = 8;
    let count = rows.len().checked_div(dimension).unwrap_or(0);
    if count < LEAST {
        return Err(Error::invalid("t-SNE", format!("{LEAST} words or more"), count.to_string()));
    }
    let perplexity = PERPLEXITY.min((count - 1) as f32 / 3.5);
    let neighbours = neighbours(rows, dimension, (3.0 * perplexity) as usize, cancelled)?;
    let start = pca(rows, dimension).points;
    let spread = (start.iter().map(|point| point[0].powi(2)).sum::<f32>() / count as f32).sqrt().max(f32::MIN_POSITIVE);
    let start: Vec<f32> = start.iter().flatten().map(|value| 1e-4 * value / spread).collect();
    // The library's sums depend on the number of threads. On one, they are always the same, and hardly slower.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|e| Error::invalid("t-SNE", "a thread", e.to_string()))?;
    let embedding = alone.install(|| {
        let mut tsne = bhtsne::tSNE::<f32, Vec<Neighbor<f32>>, 2>::new(&neighbours);
        tsne.perplexity(perplexity).epochs(STEPS).initial_embedding(start);
        tsne.fit_sne_with_neighbors(&neighbours).embedding()
    });
    let (points, _) = embedding.as_chunks::<2>();
    if points.as_flattened().iter().any(|value| !value.is_finite()) {
        return Err(Error::invalid("t-SNE", "a map of finite numbers", "others"));
    }
    Ok(Projection { points: points.to_vec(), explained: None })
}

/// For each row the `k` rows nearest to it, with their distances.
fn neighbours(
    rows: &[f32],
    dimension: usize,
    k: usize,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Vec<Neighbor<f32>>>> {
    let count = rows.len() / dimension;
    let names: Vec<String> = (0..count).map(|row| row.to_string()).collect();
    let table = Vectors::new(&names, rows.to_vec(), dimension)?;
    let options = NearestOptions { k, ..NearestOptions::default() };
    let mut all = Vec::with_capacity(count);
    for names in names.chunks(SEARCHES) {
        if cancelled() {
            return Err(Error::invalid("map", "someone who waits for it", "nobody"));
        }
        let queries: Result<Vec<Query>> =
            names.iter().map(|name| table.query(&[(1.0, Term::Word(name.as_bytes()))])).collect();
        for answers in table.nearest_batch(&queries?, &options)? {
            let distance = |cosine: f32| (2.0 - 2.0 * cosine).max(0.0).sqrt();
            let near = answers.iter().map(|near| Neighbor { index: near.row as usize, distance: distance(near.score) });
            all.push(near.collect());
        }
    }
    Ok(all)
}

/// Turns, mirrors, moves and scales `points` so that they lie as near to `onto` as they can (Procrustes), which makes two maps of
/// the same words comparable. Both have the same number of points.
pub fn superpose(points: &mut [[f32; 2]], onto: &[[f32; 2]]) {
    let centre = |points: &[[f32; 2]]| {
        let sum =
            points.iter().fold([0.0f64; 2], |sum, point| [sum[0] + f64::from(point[0]), sum[1] + f64::from(point[1])]);
        sum.map(|sum| sum / points.len().max(1) as f64)
    };
    let (from, to) = (centre(points), centre(onto));
    // Of the products of both, seen as complex numbers: a turn is the mean of `conj(p) q`, a mirrored turn that of `p q`.
    let (mut turn, mut mirrored, mut size) = ([0.0f64; 2], [0.0f64; 2], 0.0f64);
    for (p, q) in points.iter().zip(onto) {
        let p = [f64::from(p[0]) - from[0], f64::from(p[1]) - from[1]];
        let q = [f64::from(q[0]) - to[0], f64::from(q[1]) - to[1]];
        turn = [turn[0] + p[0] * q[0] + p[1] * q[1], turn[1] + p[0] * q[1] - p[1] * q[0]];
        mirrored = [mirrored[0] + p[0] * q[0] - p[1] * q[1], mirrored[1] + p[0] * q[1] + p[1] * q[0]];
        size += p[0] * p[0] + p[1] * p[1];
    }
    if size <= 0.0 {
        return;
    }
    let mirror = mirrored[0].hypot(mirrored[1]) > turn[0].hypot(turn[1]);
    let [a, b] = if mirror { mirrored } else { turn }.map(|value| value / size);
    for point in points {
        let [x, y] = [f64::from(point[0]) - from[0], f64::from(point[1]) - from[1]];
        let y = if mirror { -y } else { y };
        *point = [(a * x - b * y + to[0]) as f32, (a * y + b * x + to[1]) as f32];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows along axes of known variances, turned.
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

    /// Against the eigenvalues of the whole covariance by rotations, and the variances of the points themselves.
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
                assert!((product(row, vector) - value * component).abs() < 1e-12, "no eigenvector");
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
            pool.install(|| (pca(&rows, 20), tsne(&rows, 20, &|| false).unwrap()))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn few_and_equal_rows_have_maps_too() {
        assert_eq!(pca(&[], 3).points.len(), 0);
        assert_eq!(pca(&[1.0, 2.0, 3.0], 3).points, [[0.0; 2]]);
        assert_eq!(pca(&[1.0; 12], 3).points, [[0.0; 2]; 4]);
        let line = pca(&[0.0, 1.0, 2.0], 1);
        assert_eq!(line.points, [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        assert_eq!(line.explained, Some([1.0, 0.0]));
        assert!(tsne(&[1.0; 12], 3, &|| false).is_err());
        assert!(tsne(&rows(8, 3), 3, &|| false).is_ok());
        assert!(tsne(&[0.5; 64], 4, &|| false).is_ok_and(|map| map.points.len() == 16));
    }

    #[test]
    fn groups_stay_together() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let mut rows = Vec::new();
        for index in 0..300 {
            let mut row: Vec<f32> = (0..10).map(|_| random.random_range(-0.1..0.1)).collect();
            row[index % 3] += 1.0;
            let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            rows.extend(row.iter().map(|value| value / norm));
        }
        let points = tsne(&rows, 10, &|| false).unwrap().points;
        let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for (index, &point) in points.iter().enumerate() {
            let others = points.iter().enumerate().filter(|&(other, _)| other != index);
            let nearest = others.min_by(|a, b| distance(point, *a.1).total_cmp(&distance(point, *b.1))).unwrap().0;
            assert_eq!(nearest % 3, index % 3);
        }
        assert!(tsne(&rows, 10, &|| true).is_err(), "nobody waits");
    }

    #[test]
    fn maps_are_laid_upon_each_other() {
        let onto: Vec<[f32; 2]> = vec![[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [-1.0, 3.0]];
        // Turned by a quarter, mirrored, doubled and moved.
        let mut points: Vec<[f32; 2]> = onto.iter().map(|&[x, y]| [2.0 * y + 5.0, 2.0 * x - 7.0]).collect();
        superpose(&mut points, &onto);
        for (found, expected) in points.iter().flatten().zip(onto.iter().flatten()) {
            assert!((found - expected).abs() < 1e-5, "{points:?}");
        }
        let mut same = vec![[1.0, 1.0]; 4];
        superpose(&mut same, &onto);
        assert_eq!(same, [[1.0, 1.0]; 4]);
    }
}
