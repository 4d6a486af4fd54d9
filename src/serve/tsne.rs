//! Vectors in two dimensions by t-SNE.
//!
//! Maps are made of directions, rows scaled to length 1, because neighbours are told by cosines; between directions the squared
//! distance is `2 - 2 cos`.

use bhtsne::Neighbor;

use crate::error::{Error, Result};
use crate::query::{NearestOptions, Query, Term};
use crate::vectors::{Projection, Vectors, pca};

/// Perplexity of t-SNE: about how many neighbours a point keeps near. Fewer for few points.
const PERPLEXITY: f32 = 30.0;

/// Steps of t-SNE's descent; in the first half neighbours attract each other more, so that groups form.
const STEPS: usize = 500;

/// Searches at a time for the neighbours of points, so that others get their turn.
const SEARCHES: usize = 256;

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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Rows of random numbers, those of later columns smaller.
    fn rows(count: usize, dimension: usize) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let scale = |index: usize| 0.8f32.powi((index % dimension) as i32);
        (0..count * dimension).map(|index| scale(index) * random.random_range(-1.0..1.0)).collect()
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
}
