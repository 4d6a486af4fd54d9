//! The scan: a score for every row, the best k kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use rayon::prelude::*;

use super::Answer;

/// Rows that one task scores.
const BLOCK: usize = 4096;

/// A row with its score, ordered from best to worst: higher scores first, rows without a score last, ties by lower row.
#[derive(Debug, Clone, Copy)]
struct Ranked(Answer);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |score: f32| if score.is_nan() { f32::NEG_INFINITY } else { score };
        key(other.0.score).total_cmp(&key(self.0.score)).then_with(|| self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// The `k` best of `rows` by `score`, best first, those in `excluded` left out. Blocks are scored in parallel; the order
/// is total, so the answer does not depend on how.
pub(super) fn best(rows: Range<u32>, k: usize, excluded: &[u32], score: impl Fn(u32) -> f32 + Sync) -> Vec<Answer> {
    let starts: Vec<u32> = rows.clone().step_by(BLOCK).collect();
    let mut found: Vec<Ranked> = starts
        .into_par_iter()
        .flat_map_iter(|start| {
            let end = rows.end.min(start.saturating_add(BLOCK as u32));
            best_of_block(start..end, k, excluded, &score)
        })
        .collect();
    found.sort_unstable();
    found.truncate(k);
    found.into_iter().map(|ranked| ranked.0).collect()
}

fn best_of_block(rows: Range<u32>, k: usize, excluded: &[u32], score: &impl Fn(u32) -> f32) -> Vec<Ranked> {
    // The worst of those kept is at the top, ready to make room.
    let mut kept: BinaryHeap<Ranked> = BinaryHeap::new();
    for row in rows {
        let candidate = Ranked(Answer { row, score: score(row) });
        let full = kept.len() >= k;
        if full && kept.peek().is_none_or(|worst| *worst <= candidate) || excluded.contains(&row) {
            continue;
        }
        if full {
            kept.pop();
        }
        kept.push(candidate);
    }
    kept.into_vec()
}

/// The dot product in f32, in sixteen sums that a compiler keeps in vector registers.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] += a * b;
    }
    sums.iter().sum()
}
