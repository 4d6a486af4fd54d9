//! The scan: a score for every row, the best k kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use super::nearest::Rows;
use super::{Query, ScoredRow};
use crate::vectors::codes::Codes;
use crate::vectors::kernel::{LANES, Tile};

/// Rows that are scored at a time.
pub(super) const BLOCK: usize = 64;

/// Rows that one task scores, without codes.
const RUN: usize = 4096;

/// Queries side by side in a tile.
const TILE: usize = 16;

/// Tiles of queries for which one task reads the codes once: 128 queries, so that arithmetic takes far longer than reading.
const GROUP: usize = 8;

/// Tasks a thread, about.
const TASKS: usize = 8;

/// Blocks of codes that a task looks at, at the least: 16,384 rows.
const MIN_BLOCKS: usize = 1024;

/// A row with its score, ordered from best to worst: higher scores first, rows without a score last, ties by lower row.
#[derive(Debug, Clone, Copy)]
struct RankedRow(ScoredRow);

impl RankedRow {
    /// The score that it ranks by: one that is undefined is below all others.
    fn key(&self) -> f32 {
        if self.0.score.is_nan() { f32::NEG_INFINITY } else { self.0.score }
    }
}

impl Ord for RankedRow {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().total_cmp(&self.key()).then_with(|| self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for RankedRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RankedRow {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for RankedRow {}

/// What is asked for: the best `k`, none with a score below `least`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopKOptions {
    pub(super) k: usize,
    pub(super) least: Option<f32>,
}

/// The rows that a search looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum SearchSpace<'a> {
    /// So many from the first on.
    First(usize),
    Listed(&'a [u32]),
}

impl SearchSpace<'_> {
    fn len(&self) -> usize {
        match self {
            SearchSpace::First(rows) => *rows,
            SearchSpace::Listed(rows) => rows.len(),
        }
    }

    /// The row behind the last one.
    fn end(&self) -> usize {
        match self {
            SearchSpace::First(rows) => *rows,
            SearchSpace::Listed(rows) => rows.last().map_or(0, |&last| last as usize + 1),
        }
    }

    fn contains(&self, row: u32) -> bool {
        match self {
            SearchSpace::First(rows) => (row as usize) < *rows,
            SearchSpace::Listed(rows) => rows.binary_search(&row).is_ok(),
        }
    }

    fn row(&self, index: usize) -> u32 {
        match self {
            SearchSpace::First(_) => index as u32,
            SearchSpace::Listed(rows) => rows[index],
        }
    }
}

/// The best of the rows `searched`, best first, those in `excluded` left out. `score` fills in the scores of up to [`BLOCK`]
/// rows. Runs of rows are scored in parallel; the order is total, so the answer does not depend on how.
pub(super) fn best(
    searched: SearchSpace,
    wanted: TopKOptions,
    excluded: &[u32],
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Vec<ScoredRow> {
    let found: Vec<RankedRow> = (0..searched.len())
        .step_by(RUN)
        .collect::<Vec<usize>>()
        .into_par_iter()
        .flat_map_iter(|start| {
            let mut kept = TopK::new(wanted);
            let (mut rows, mut scores) = ([0; BLOCK], [0.0; BLOCK]);
            let end = searched.len().min(start + RUN);
            for block in (start..end).step_by(BLOCK) {
                let count = BLOCK.min(end - block);
                for (row, index) in rows.iter_mut().zip(block..end) {
                    *row = searched.row(index);
                }
                score(&rows[..count], &mut scores[..count]);
                for (&row, &score) in rows[..count].iter().zip(&scores) {
                    if kept.worst().is_none_or(|worst| score >= worst) && !excluded.contains(&row) {
                        kept.offer(RankedRow(ScoredRow { row, score }));
                    }
                }
            }
            kept.best.into_vec()
        })
        .collect();
    merged(found, wanted.k)
}

/// As [`best`] for each query, with the cosine as the score: rows that their codes rule out are not scored. The answers are
/// the same.
pub(super) fn best_by_codes(
    codes: &Codes,
    queries: &[Query],
    searched: SearchSpace,
    wanted: TopKOptions,
    rows: &Rows,
) -> Vec<Vec<ScoredRow>> {
    match queries.len() {
        0 | 1 => best_by_tiles::<1>(codes, queries, searched, wanted, rows),
        _ => best_by_tiles::<TILE>(codes, queries, searched, wanted, rows),
    }
}

/// [`best_by_codes`], `T` queries at a time.
fn best_by_tiles<const T: usize>(
    codes: &Codes,
    queries: &[Query],
    searched: SearchSpace,
    wanted: TopKOptions,
    rows: &Rows,
) -> Vec<Vec<ScoredRow>> {
    let tiles: Vec<Tile<T>> =
        queries.chunks(T).map(|queries| codes.tile(queries.iter().map(|query| query.unit.as_slice()))).collect();
    // The k-th best score that any task has found for a query: what is below it cannot be among the k best of all.
    let least: Vec<AtomicU32> = queries.iter().map(|_| AtomicU32::new(ordered(wanted.floor()))).collect();
    let blocks = searched.end().div_ceil(LANES);
    let groups = tiles.len().div_ceil(GROUP);
    // Tasks enough for all threads to end at about the same time.
    let spans = (TASKS * rayon::current_num_threads()).div_ceil(groups.max(1));
    let span = blocks.div_ceil(spans).next_multiple_of(codes.blocks_in_cache()).max(MIN_BLOCKS);
    let tasks: Vec<(usize, usize)> =
        (0..groups).flat_map(|group| (0..blocks).step_by(span).map(move |start| (group, start))).collect();
    let found: Vec<(usize, Vec<TopK>)> = tasks
        .into_par_iter()
        .map(|(group, start)| {
            let tiles = &tiles[group * GROUP..tiles.len().min((group + 1) * GROUP)];
            let first_query = group * GROUP * T;
            let queries = &queries[first_query..queries.len().min(first_query + tiles.len() * T)];
            let least = &least[first_query..];
            let mut kept: Vec<TopK> = queries.iter().map(|_| TopK::new(wanted)).collect();
            let end = blocks.min(start + span);
            for chunk in (start..end).step_by(codes.blocks_in_cache()) {
                let chunk = chunk..end.min(chunk + codes.blocks_in_cache());
                for (index, tile) in tiles.iter().enumerate() {
                    let place = index * T;
                    let known = std::array::from_fn(|query| {
                        least.get(place + query).map_or(f32::INFINITY, |least| unordered(least.load(Relaxed)))
                    });
                    codes.candidates(chunk.clone(), tile, known, |query, row| {
                        let query = place + query;
                        let (Some(question), Some(least)) = (queries.get(query), least.get(query)) else {
                            return f32::INFINITY;
                        };
                        if searched.contains(row)
                            && !question.excluded.contains(&row)
                            && kept[query].offer(RankedRow(ScoredRow { row, score: rows.cosine(row, &question.unit) }))
                            && let Some(worst) = kept[query].worst()
                        {
                            least.fetch_max(ordered(worst), Relaxed);
                        }
                        unordered(least.load(Relaxed))
                    });
                }
            }
            (first_query, kept)
        })
        .collect();
    let mut all: Vec<Vec<RankedRow>> = queries.iter().map(|_| Vec::new()).collect();
    for (first_query, kept) in found {
        for (all, kept) in all[first_query..].iter_mut().zip(kept) {
            all.extend(kept.best);
        }
    }
    all.into_iter().map(|found| merged(found, wanted.k)).collect()
}

/// The `k` best of what the tasks kept, best first.
fn merged(mut found: Vec<RankedRow>, k: usize) -> Vec<ScoredRow> {
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
struct TopK {
    wanted: TopKOptions,
    /// The worst of them is at the top, ready to make room.
    best: BinaryHeap<RankedRow>,
}

impl TopKOptions {
    /// The score that is reached by all that is wanted.
    fn floor(&self) -> f32 {
        self.least.unwrap_or(f32::NEG_INFINITY)
    }

    fn wants(&self, score: f32) -> bool {
        self.least.is_none_or(|least| score >= least)
    }
}

impl TopK {
    fn new(wanted: TopKOptions) -> Self {
        TopK { wanted, best: BinaryHeap::new() }
    }

    /// Keeps a row if it is wanted and among the best so far, and says whether it is.
    fn offer(&mut self, candidate: RankedRow) -> bool {
        if !self.wanted.wants(candidate.0.score) {
            return false;
        }
        if self.best.len() >= self.wanted.k {
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
        self.best.peek().filter(|_| self.best.len() >= self.wanted.k).map(RankedRow::key)
    }
}

/// The dot product in f32, in sixteen sums that a compiler keeps in vector registers, then four, then one, added up in pairs.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let (a4, a1) = a_rest.as_chunks::<4>();
    let (b4, b1) = b_rest.as_chunks::<4>();
    let rest: f32 = a1.iter().zip(b1).map(|(a, b)| a * b).sum();
    sums(a, b) + sums(a4, b4) + rest
}

/// The sum of the products of `N` sums side by side; `N` is a power of two.
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
