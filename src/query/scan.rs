//! The scan: scores every row and keeps the best k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;

use super::question::{Query, ScoredRow};
use super::rows::RowScorer;
use crate::vectors::codes::Codes;
use crate::vectors::kernel::{LANES, Tile};

/// Rows that are scored at a time.
pub(super) const BLOCK: usize = 64;

/// Rows per task, without codes.
const ROWS_PER_TASK: usize = 4096;

/// Queries per tile.
const TILE: usize = 16;

/// Tiles per task: 128 queries for each read of the codes, so that arithmetic takes far longer than reading.
const TILES_PER_TASK: usize = 8;

/// The approximate number of tasks per thread.
const TASKS_PER_THREAD: usize = 8;

/// The minimum number of blocks of codes per task: 16,384 rows.
const MIN_BLOCKS: usize = 1024;

/// A row with its score, ordered from best to worst: higher scores first, rows without a score last, ties by lower row.
#[derive(Debug, Clone, Copy)]
struct RankedRow(ScoredRow);

impl RankedRow {
    /// The score for the ranking: an undefined score ranks below all others.
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

/// Which results to keep: the best `k`, without those whose score is below `min_score`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopKOptions {
    pub k: usize,
    pub min_score: Option<f32>,
}

/// The rows that a search considers.
#[derive(Debug, Clone, Copy)]
pub(super) enum SearchSpace<'a> {
    /// The first rows, this many.
    First(usize),
    /// These rows, in ascending order.
    Listed(&'a [u32]),
}

impl SearchSpace<'_> {
    fn len(&self) -> usize {
        match self {
            SearchSpace::First(rows) => *rows,
            SearchSpace::Listed(rows) => rows.len(),
        }
    }

    /// One more than the last row.
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

/// The best rows of `space`, best first, without those in `excluded`. `score` fills in the scores of up to [`BLOCK`] rows.
/// Runs of rows are scored in parallel. The order is total, so the result does not depend on the number of threads.
pub(super) fn best(
    space: SearchSpace,
    options: TopKOptions,
    excluded: &[u32],
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Vec<ScoredRow> {
    let found: Vec<RankedRow> = (0..space.len())
        .step_by(ROWS_PER_TASK)
        .collect::<Vec<usize>>()
        .into_par_iter()
        .flat_map_iter(|start| {
            let mut top = TopK::new(options);
            let (mut rows, mut scores) = ([0; BLOCK], [0.0; BLOCK]);
            let end = space.len().min(start + ROWS_PER_TASK);
            for block in (start..end).step_by(BLOCK) {
                let count = BLOCK.min(end - block);
                for (row, index) in rows.iter_mut().zip(block..end) {
                    *row = space.row(index);
                }
                score(&rows[..count], &mut scores[..count]);
                for (&row, &score) in rows[..count].iter().zip(&scores) {
                    if top.worst().is_none_or(|worst| score >= worst) && !excluded.contains(&row) {
                        top.offer(RankedRow(ScoredRow { row, score }));
                    }
                }
            }
            top.heap.into_vec()
        })
        .collect();
    merged(found, options.k)
}

/// As [`best`] for each query, scored by the cosine. Rows that their codes rule out are not scored; the results are the same.
pub(super) fn best_by_codes(
    codes: &Codes,
    queries: &[Query],
    space: SearchSpace,
    options: TopKOptions,
    rows: &RowScorer,
) -> Vec<Vec<ScoredRow>> {
    match queries.len() {
        0 | 1 => CodeScan::<1>::new(codes, queries, space, options, rows).run(),
        _ => CodeScan::<TILE>::new(codes, queries, space, options, rows).run(),
    }
}

/// A scan of codes, for `T` queries at a time.
struct CodeScan<'a, const T: usize> {
    codes: &'a Codes,
    queries: &'a [Query],
    space: SearchSpace<'a>,
    options: TopKOptions,
    rows: &'a RowScorer<'a>,
    tiles: Vec<Tile<T>>,
    /// For each query, the k-th best score that any task has found, as [`ordered`] bits: lower scores cannot be among the k best.
    limits: Vec<AtomicU32>,
}

impl<'a, const T: usize> CodeScan<'a, T> {
    fn new(
        codes: &'a Codes,
        queries: &'a [Query],
        space: SearchSpace<'a>,
        options: TopKOptions,
        rows: &'a RowScorer<'a>,
    ) -> Self {
        let tiles =
            queries.chunks(T).map(|queries| codes.tile(queries.iter().map(|query| query.unit.as_slice()))).collect();
        let limits = queries.iter().map(|_| AtomicU32::new(ordered(options.lowest()))).collect();
        CodeScan { codes, queries, space, options, rows, tiles, limits }
    }

    fn run(&self) -> Vec<Vec<ScoredRow>> {
        let blocks = self.space.end().div_ceil(LANES);
        let groups = self.tiles.len().div_ceil(TILES_PER_TASK);
        // Enough tasks for all threads to end at about the same time.
        let spans = (TASKS_PER_THREAD * rayon::current_num_threads()).div_ceil(groups.max(1));
        let span = blocks.div_ceil(spans).next_multiple_of(self.codes.blocks_in_cache()).max(MIN_BLOCKS);
        let tasks: Vec<(usize, usize)> =
            (0..groups).flat_map(|group| (0..blocks).step_by(span).map(move |start| (group, start))).collect();
        let found: Vec<(usize, Vec<TopK>)> = tasks
            .into_par_iter()
            .map(|(group, start)| (group * TILES_PER_TASK * T, self.task(group, start..blocks.min(start + span))))
            .collect();
        let mut all: Vec<Vec<RankedRow>> = self.queries.iter().map(|_| Vec::new()).collect();
        for (first_query, top) in found {
            for (all, top) in all[first_query..].iter_mut().zip(top) {
                all.extend(top.heap);
            }
        }
        all.into_iter().map(|found| merged(found, self.options.k)).collect()
    }

    /// The best rows of a run of blocks, for each query of a group of tiles.
    fn task(&self, group: usize, blocks: Range<usize>) -> Vec<TopK> {
        let first_tile = group * TILES_PER_TASK;
        let tiles = &self.tiles[first_tile..self.tiles.len().min(first_tile + TILES_PER_TASK)];
        let first_query = first_tile * T;
        let queries = &self.queries[first_query..self.queries.len().min(first_query + tiles.len() * T)];
        let limits = &self.limits[first_query..];
        let mut top: Vec<TopK> = queries.iter().map(|_| TopK::new(self.options)).collect();
        for chunk in blocks.clone().step_by(self.codes.blocks_in_cache()) {
            let chunk = chunk..blocks.end.min(chunk + self.codes.blocks_in_cache());
            for (index, tile) in tiles.iter().enumerate() {
                let place = index * T;
                let known = std::array::from_fn(|query| {
                    limits.get(place + query).map_or(f32::INFINITY, |limit| unordered(limit.load(Relaxed)))
                });
                self.codes.candidates(chunk.clone(), tile, known, |query, row| {
                    let query = place + query;
                    let (Some(question), Some(limit)) = (queries.get(query), limits.get(query)) else {
                        return f32::INFINITY;
                    };
                    if self.space.contains(row)
                        && !question.excluded.contains(&row)
                        && top[query].offer(RankedRow(ScoredRow { row, score: self.rows.cosine(row, &question.unit) }))
                        && let Some(worst) = top[query].worst()
                    {
                        limit.fetch_max(ordered(worst), Relaxed);
                    }
                    unordered(limit.load(Relaxed))
                });
            }
        }
        top
    }
}

/// The `k` best of the rows that the tasks kept, best first.
fn merged(mut found: Vec<RankedRow>, k: usize) -> Vec<ScoredRow> {
    found.sort_unstable();
    found.truncate(k);
    found.into_iter().map(|ranked| ranked.0).collect()
}

/// Bits that order as unsigned integers as the scores do.
fn ordered(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The score of [`ordered`] bits.
fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// The best rows so far.
struct TopK {
    options: TopKOptions,
    /// The worst row is at the top, to be replaced next.
    heap: BinaryHeap<RankedRow>,
}

impl TopKOptions {
    /// The lowest score that is accepted.
    fn lowest(&self) -> f32 {
        self.min_score.unwrap_or(f32::NEG_INFINITY)
    }

    fn accepts(&self, score: f32) -> bool {
        self.min_score.is_none_or(|min| score >= min)
    }
}

impl TopK {
    fn new(options: TopKOptions) -> Self {
        TopK { options, heap: BinaryHeap::new() }
    }

    /// Keeps a row if it is accepted and among the best so far. Returns whether it was kept.
    fn offer(&mut self, candidate: RankedRow) -> bool {
        if !self.options.accepts(candidate.0.score) {
            return false;
        }
        if self.heap.len() >= self.options.k {
            if self.heap.peek().is_none_or(|worst| *worst <= candidate) {
                return false;
            }
            self.heap.pop();
        }
        self.heap.push(candidate);
        true
    }

    /// The score that a row must reach to be kept; `None` while there are fewer than k rows.
    fn worst(&self) -> Option<f32> {
        self.heap.peek().filter(|_| self.heap.len() >= self.options.k).map(RankedRow::key)
    }
}
