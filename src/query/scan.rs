//! The scan: a score for every row, the best k kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use super::Answer;
use crate::vectors::codes::{Codes, LANES};

/// Rows that one task scores.
const BLOCK: usize = 4096;

/// Blocks of codes that one task looks at: 16,384 rows.
const CODED_BLOCKS: usize = 1024;

/// A row with its score, ordered from best to worst: higher scores first, rows without a score last, ties by lower row.
#[derive(Debug, Clone, Copy)]
struct Ranked(Answer);

impl Ranked {
    /// The score that it ranks by: one that is undefined is below all others.
    fn key(&self) -> f32 {
        if self.0.score.is_nan() { f32::NEG_INFINITY } else { self.0.score }
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().total_cmp(&self.key()).then_with(|| self.0.row.cmp(&other.0.row))
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
    let found: Vec<Ranked> = starts
        .into_par_iter()
        .flat_map_iter(|start| {
            let end = rows.end.min(start.saturating_add(BLOCK as u32));
            best_of_block(start..end, k, excluded, &score)
        })
        .collect();
    merged(found, k)
}

/// As [`best`] with the cosine with `unit` as the score, of which `cosine` is the exact form: rows that their codes rule out are
/// not scored. The answer is the same.
pub(super) fn best_by_codes(
    codes: &Codes,
    unit: &[f32],
    rows: Range<u32>,
    k: usize,
    excluded: &[u32],
    cosine: impl Fn(u32) -> f32 + Sync,
) -> Vec<Answer> {
    let query = codes.query(unit);
    let blocks = (rows.end as usize).div_ceil(LANES);
    // The k-th best score that any task has found: what is below it cannot be among the k best of all.
    let least = AtomicU32::new(ordered(f32::NEG_INFINITY));
    let found: Vec<Ranked> = (0..blocks)
        .step_by(CODED_BLOCKS)
        .collect::<Vec<usize>>()
        .into_par_iter()
        .flat_map_iter(|start| {
            let mut kept = Kept::new(k);
            let run = start..blocks.min(start + CODED_BLOCKS);
            codes.candidates(run, &query, unordered(least.load(Relaxed)), |row| {
                if rows.contains(&row)
                    && !excluded.contains(&row)
                    && kept.offer(Ranked(Answer { row, score: cosine(row) }))
                    && let Some(worst) = kept.worst()
                {
                    least.fetch_max(ordered(worst), Relaxed);
                }
                unordered(least.load(Relaxed))
            });
            kept.best.into_vec()
        })
        .collect();
    merged(found, k)
}

/// The `k` best of what the tasks kept, best first.
fn merged(mut found: Vec<Ranked>, k: usize) -> Vec<Answer> {
    found.sort_unstable();
    found.truncate(k);
    found.into_iter().map(|ranked| ranked.0).collect()
}

/// Bits in whose order as whole numbers floats rank as scores do.
fn ordered(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The float of [`ordered`] bits.
fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// The best so far of the rows that were offered.
struct Kept {
    k: usize,
    /// The worst of them is at the top, ready to make room.
    best: BinaryHeap<Ranked>,
}

impl Kept {
    fn new(k: usize) -> Self {
        Kept { k, best: BinaryHeap::new() }
    }

    /// Keeps a row if it is among the k best so far, and says whether it is.
    fn offer(&mut self, candidate: Ranked) -> bool {
        if self.best.len() >= self.k {
            if self.best.peek().is_none_or(|worst| *worst <= candidate) {
                return false;
            }
            self.best.pop();
        }
        self.best.push(candidate);
        true
    }

    /// The score that a row must reach to be kept; `None` while there is room.
    fn worst(&self) -> Option<f32> {
        self.best.peek().filter(|_| self.best.len() >= self.k).map(Ranked::key)
    }
}

fn best_of_block(rows: Range<u32>, k: usize, excluded: &[u32], score: &impl Fn(u32) -> f32) -> Vec<Ranked> {
    let mut kept = Kept::new(k);
    for row in rows {
        if !excluded.contains(&row) {
            kept.offer(Ranked(Answer { row, score: score(row) }));
        }
    }
    kept.best.into_vec()
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
