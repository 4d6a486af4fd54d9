//! t-SNE projections.
//!
//! Maps use unit vectors, because neighbours are ranked by cosine; the squared distance of two unit vectors is `2 - 2 cos`.

use bhtsne::Neighbor;

use crate::error::{Error, Result};
use crate::query::{NearestOptions, Query, Term};
use crate::vectors::{Projection, Vectors, pca};

/// Perplexity: roughly the number of neighbours that a point stays close to. Reduced for small maps.
const PERPLEXITY: f32 = 30.0;

/// Number of gradient descent steps. The first half uses early exaggeration, so that clusters form.
const STEPS: usize = 500;

/// Number of neighbour searches in a batch; cancellation is checked between batches.
const BATCH_SIZE: usize = 256;

/// Projects rows by t-SNE (van der Maaten & Hinton 2008) with interpolation (Linderman et al. 2019). It uses exact nearest neighbours and
/// starts from the principal components, so that the same rows always give the same map. `cancelled` is polled between steps.
///
/// # Shapes
/// `rows`: `[n, dimension]`, unit vectors.
///
/// # Errors
/// Fewer than eight rows; cancellation.
pub fn tsne(rows: &[f32], dimension: usize, cancelled: &dyn Fn() -> bool) -> Result<Projection> {
    const MIN_ROWS: usize = 8;
    let count = rows.len().checked_div(dimension).unwrap_or(0);
    if count < MIN_ROWS {
        return Err(Error::invalid("t-SNE", format!("at least {MIN_ROWS} words"), count.to_string()));
    }
    let perplexity = PERPLEXITY.min((count - 1) as f32 / 3.5);
    let neighbours = neighbours(rows, dimension, (3.0 * perplexity) as usize, cancelled)?;
    let start = pca(rows, dimension).points;
    let spread = (start.iter().map(|point| point[0].powi(2)).sum::<f32>() / count as f32).sqrt().max(f32::MIN_POSITIVE);
    let start: Vec<f32> = start.iter().flatten().map(|value| 1e-4 * value / spread).collect();
    // The sums of bhtsne depend on the number of threads. One thread is deterministic, and hardly slower.
    let single_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let single_thread = single_thread.map_err(|e| Error::other(format!("t-SNE cannot start a thread: {e}")))?;
    let embedding = single_thread.install(|| {
        let mut tsne = bhtsne::tSNE::<f32, Vec<Neighbor<f32>>, 2>::new(&neighbours);
        tsne.perplexity(perplexity).epochs(STEPS).initial_embedding(start);
        tsne.fit_sne_with_neighbors(&neighbours).embedding()
    });
    let (points, _) = embedding.as_chunks::<2>();
    if points.as_flattened().iter().any(|value| !value.is_finite()) {
        return Err(Error::other("t-SNE failed: the coordinates are not finite"));
    }
    Ok(Projection { points: points.to_vec(), explained: None })
}

/// The `k` nearest neighbours of each row, with their distances.
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
    for names in names.chunks(BATCH_SIZE) {
        if cancelled() {
            return Err(Error::other("the map was cancelled"));
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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Random rows; the values decrease from column to column.
    fn rows(count: usize, dimension: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let scale = |index: usize| 0.8f32.powi((index % dimension) as i32);
        (0..count * dimension).map(|index| scale(index) * random.random_range(-1.0..1.0)).collect()
    }

    #[test]
    fn maps_do_not_depend_on_the_number_of_threads() {
        let rows = rows(600, 20);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (pca(&rows, 20), tsne(&rows, 20, &|| false).unwrap()))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn few_and_equal_rows_can_be_projected() {
        assert!(tsne(&[1.0; 12], 3, &|| false).is_err());
        assert!(tsne(&rows(8, 3), 3, &|| false).is_ok());
        assert!(tsne(&[0.5; 64], 4, &|| false).is_ok_and(|map| map.points.len() == 16));
    }

    #[test]
    fn clusters_stay_together() {
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
        assert!(tsne(&rows, 10, &|| true).is_err(), "cancelled");
    }
}
