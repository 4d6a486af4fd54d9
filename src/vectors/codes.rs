//! Rows as 8-bit codes: a quarter of the bytes, with a bound on what the rounding can change.
//!
//! A scan for neighbours is bound by memory. It reads the codes of all rows, drops the rows that the bound rules out, and
//! scores what is left from the rows themselves: the answer is the exact one, for a quarter of the reading.
//!
//! # The bound
//! Let `u` be a row divided by its norm, `u = a c + e` with whole numbers `c` of at most 127 in size and `|e_j| <= a / 2`;
//! and `q` a query of length 1, `q = t d + f` likewise. Then
//!
//! ```text
//! u.q = a c.q + e.q = a t c.d + a c.f + e.q
//! |e.q| <= a/2 |q|_1          (q is known: the sum of its components' sizes)
//! |a c.f| <= |u - e| |f| <= (1 + a/2 sqrt(D)) |f|
//! ```
//!
//! so that `u.q <= a (t c.d + |q|_1 / 2 + sqrt(D) / 2 |f|) + |f|`, to which [`SLACK`] is added for all that is computed in
//! 32 bits. The sum `c.d` is exact.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::kernel::{GROUP, Kernel, LANES, STRIDE, Tile};
use crate::error::Error;
use crate::files::Buffer;

/// The code of zero: codes are unsigned, as the fastest instructions want one factor to be.
const ZERO: u8 = 128;

/// The largest size of a code, beside zero.
const LARGEST: f32 = 127.0;

/// Bytes of codes that stay in a core's own cache while one query after the other is held against them.
const CACHED: usize = 1 << 18;

/// What rounding to 32 bits can add to a score, for each component and beyond: scores, bounds and unit vectors are each within
/// a few units of 2^-24 a component.
const SLACK: f32 = 1e-6;

/// Codes of all rows of a table: of their directions, so that they stand for cosines.
///
/// # Shapes
/// With `R` rows of `D` numbers, `B` = ceil(R / 16) blocks and `G` = ceil(D / 4) groups: codes `[B, G, 16, 4]`, component
/// `4 g + j` of row `16 b + i` at `[b, g, i, j]`, 128 where there is none; scales `[R]`. Row / norm is about
/// scale x (code - 128). The scale is NaN, and no bound holds, for a row without a direction or with a norm that is not well
/// within the range of 32 bits: such rows are always scored themselves.
#[derive(Debug, Clone)]
pub struct Codes {
    codes: Buffer<u8>,
    scales: Buffer<f32>,
    groups: usize,
    kernel: Kernel,
}

/// How rows are searched. The answers are the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum Scan {
    /// Rows that their 8-bit codes rule out are not read: a quarter of the bytes.
    #[default]
    Codes,
    /// All rows are read.
    F32,
}

impl Scan {
    /// All kinds of scan.
    pub const ALL: &'static [Scan] = <Scan as VariantArray>::VARIANTS;

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Scans after which it pays to make codes: making them takes as long as reading the rows a few times.
const MIN_SCANS_FOR_CODES: usize = 16;

/// Rows below which a scan is so short that codes do not matter.
const MIN_ROWS_FOR_CODES: usize = 1 << 14;

/// The codes of a table: there from the beginning, or made once enough scans have come to pay for it.
#[derive(Debug, Default)]
pub(crate) struct LazyCodes {
    codes: OnceLock<Codes>,
    scans: AtomicUsize,
    scan: Scan,
}

impl LazyCodes {
    /// The codes for `scans` scans of `rows` rows, where they should use them.
    pub(crate) fn get(&self, make: impl FnOnce() -> Codes, rows: usize, scans: usize) -> Option<&Codes> {
        if self.scan == Scan::F32 {
            return None;
        }
        self.codes.get().or_else(|| {
            let pays = rows >= MIN_ROWS_FOR_CODES && self.scans.fetch_add(scans, Relaxed) + scans > MIN_SCANS_FOR_CODES;
            pays.then(|| self.codes.get_or_init(make))
        })
    }

    pub(crate) fn set_scan(&mut self, scan: Scan) {
        self.scan = scan;
    }

    /// Bytes held in memory.
    pub(crate) fn memory(&self) -> usize {
        self.codes.get().map_or(0, |codes| codes.codes.memory() + codes.scales.memory())
    }
}

impl From<Option<Codes>> for LazyCodes {
    fn from(stored: Option<Codes>) -> Self {
        LazyCodes { codes: stored.map_or_else(OnceLock::new, OnceLock::from), ..LazyCodes::default() }
    }
}

impl Codes {
    /// Codes as they lie in a file; `None` for sizes that do not fit.
    pub fn stored(codes: Buffer<u8>, scales: Buffer<f32>, dimension: usize) -> Option<Codes> {
        let groups = dimension.div_ceil(GROUP);
        let expected = scales.len().div_ceil(LANES).checked_mul(groups)?.checked_mul(STRIDE)?;
        (codes.len() == expected && groups > 0).then_some(Codes { codes, scales, groups, kernel: Kernel::fastest() })
    }

    /// The codes of some rows.
    ///
    /// # Shapes
    /// `values` `[R, D]`, `norms` `[R]`.
    pub(crate) fn of(values: &[f32], norms: &[f32], dimension: usize) -> Codes {
        let groups = dimension.div_ceil(GROUP);
        let mut codes = vec![ZERO; norms.len().div_ceil(LANES) * groups * STRIDE];
        let mut scales = vec![f32::NAN; norms.len()];
        codes
            .par_chunks_exact_mut(groups * STRIDE)
            .zip(scales.par_chunks_mut(LANES))
            .zip(values.par_chunks(LANES * dimension).zip(norms.par_chunks(LANES)))
            .for_each(|((block, scales), (values, norms))| {
                for (lane, (row, &norm)) in values.chunks_exact(dimension).zip(norms).enumerate() {
                    scales[lane] = encode(row, norm, lane, block);
                }
            });
        Codes { codes: codes.into(), scales: scales.into(), groups, kernel: Kernel::fastest() }
    }

    /// `[B, G, 16, 4]` and `[R]`.
    pub(crate) fn parts(&self) -> (&[u8], &[f32]) {
        (&self.codes, &self.scales)
    }

    /// Up to `T` queries of length 1 as codes. The places of those that lack are below every limit.
    pub(crate) fn tile<'q, const T: usize>(&self, units: impl Iterator<Item = &'q [f32]>) -> Tile<T> {
        let mut tile = Tile {
            groups: vec![[[0; GROUP]; T]; self.groups],
            start: [0; T],
            scale: [0.0; T],
            per_scale: [f32::NEG_INFINITY; T],
            constant: [0.0; T],
        };
        for (query, unit) in units.enumerate().take(T) {
            let largest = unit.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let scale = largest / LARGEST;
            let mut lost = 0.0f64;
            let mut sum = 0i32;
            for (index, &value) in unit.iter().enumerate() {
                let code = if scale > 0.0 { (value / scale).round().clamp(-LARGEST, LARGEST) as i8 } else { 0 };
                tile.groups[index / GROUP][query][index % GROUP] = code;
                sum += i32::from(code);
                lost += (f64::from(value) - f64::from(scale) * f64::from(code)).powi(2);
            }
            let lost = lost.sqrt() as f32;
            let sizes: f32 = unit.iter().map(|value| value.abs()).sum();
            let dimension = unit.len() as f32;
            tile.start[query] = -i32::from(ZERO) * sum;
            tile.scale[query] = scale;
            tile.per_scale[query] = 0.5 * (sizes + dimension.sqrt() * lost);
            tile.constant[query] = lost + SLACK * (dimension + 8.0);
        }
        tile
    }

    /// Blocks of rows whose codes fit a core's cache, with room for what else it needs.
    pub(crate) fn blocks_in_cache(&self) -> usize {
        (CACHED / (self.groups * STRIDE)).max(1)
    }

    /// Passes a query's place in the tile and a row of a run of blocks to `found` when the row may score the query's `least`
    /// or more, and when no bound is known of the row; for each query in ascending order of rows. `found` returns the
    /// query's new least, which must not be lower.
    pub(crate) fn candidates<const T: usize>(
        &self,
        blocks: Range<usize>,
        tile: &Tile<T>,
        mut least: [f32; T],
        mut found: impl FnMut(usize, u32) -> f32,
    ) {
        let width = self.groups * STRIDE;
        let codes = self.codes.get(blocks.start * width..blocks.end * width).unwrap_or_default();
        let (codes, _) = codes.as_chunks::<STRIDE>();
        let rows = blocks.start * LANES;
        let scales = self.scales.get(rows..self.scales.len().min(blocks.end * LANES)).unwrap_or_default();
        let (whole, rest) = scales.as_chunks::<LANES>();
        let (whole_codes, rest_codes) = codes.split_at(codes.len().min(whole.len() * self.groups));
        for (least, constant) in least.iter_mut().zip(&tile.constant) {
            *least -= constant;
        }
        let mut search = |mut codes: &[[u8; STRIDE]], mut scales: &[[f32; LANES]], mut row: usize, exist: u16| {
            while let Some((index, reached)) = self.kernel.find(codes, scales, tile, &least) {
                for (query, lanes) in reached.into_iter().enumerate() {
                    let mut lanes = lanes & exist;
                    while lanes != 0 {
                        let row = (row + index * LANES) as u32 + lanes.trailing_zeros();
                        least[query] = found(query, row) - tile.constant[query];
                        lanes &= lanes - 1;
                    }
                }
                codes = &codes[(index + 1) * self.groups..];
                scales = &scales[index + 1..];
                row += (index + 1) * LANES;
            }
        };
        search(whole_codes, whole, rows, u16::MAX);
        if !rest.is_empty() {
            let mut padded = [[0.0; LANES]];
            padded[0][..rest.len()].copy_from_slice(rest);
            search(rest_codes, &padded, rows + whole.len() * LANES, u16::MAX >> (LANES - rest.len()));
        }
    }
}

/// Writes a row's codes into its lane of a block; its scale.
fn encode(row: &[f32], norm: f32, lane: usize, block: &mut [u8]) -> f32 {
    // Sums of smaller or larger numbers may lose more in 32 bits than the bound allows for.
    if !(1e-25..1e25).contains(&norm) {
        return f32::NAN;
    }
    let unit = |value: f32| (f64::from(value) / f64::from(norm)) as f32;
    let scale = row.iter().fold(0.0f32, |largest, &value| largest.max(unit(value).abs())) / LARGEST;
    for (index, &value) in row.iter().enumerate() {
        let code = (unit(value) / scale).round().clamp(-LARGEST, LARGEST) as i16 + i16::from(ZERO);
        block[index / GROUP * STRIDE + lane * GROUP + index % GROUP] = code as u8;
    }
    scale
}
