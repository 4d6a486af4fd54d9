//! Rows quantised to 8-bit codes: a quarter of the bytes, with a bound on the rounding error.
//!
//! A scan for nearest neighbours is limited by memory bandwidth. It reads the codes of all rows, drops the rows that the bound
//! rules out, and scores the remaining rows in full precision. The result is exact, for a quarter of the reads.
//!
//! # The bound
//! Let `u` be a row divided by its norm, `u = a c + e` with integers `c` of at most 127 in magnitude and `|e_j| <= a / 2`;
//! and `q` a query of length 1, `q = t d + f` likewise. Then
//!
//! ```text
//! u.q = a c.q + e.q = a t c.d + a c.f + e.q
//! |e.q| <= a/2 |q|_1          (q is known: the sum of the magnitudes of its components)
//! |a c.f| <= |u - e| |f| <= (1 + a/2 sqrt(D)) |f|
//! ```
//!
//! so that `u.q <= a (t c.d + |q|_1 / 2 + sqrt(D) / 2 |f|) + |f|`, to which [`SLACK`] is added for the rounding errors of
//! 32-bit arithmetic. The sum `c.d` is exact.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rayon::prelude::*;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::kernel::{GROUP, Kernel, LANES, STRIDE, Tile};
use crate::error::Error;
use crate::files::Buffer;

/// The code of zero: codes are unsigned, because the fastest instructions require one unsigned factor.
const ZERO: u8 = 128;

/// The maximum magnitude of a code, relative to zero.
const MAX_CODE: f32 = 127.0;

/// Bytes of codes that stay in the cache of a core while one query after another is compared with them.
const CACHE_BYTES: usize = 1 << 18;

/// The rounding error of a score in 32 bits, per component: scores, bounds and unit vectors each have an error of a few units of
/// 2^-24 per component.
const SLACK: f32 = 1e-6;

/// The codes of all rows of a table. They encode directions, so products with them approximate cosines.
///
/// # Shapes
/// With `R` rows of `D` numbers, `B` = ceil(R / 16) blocks and `G` = ceil(D / 4) groups: codes `[B, G, 16, 4]`, component
/// `4 g + j` of row `16 b + i` at `[b, g, i, j]`, 128 where there is none; scales `[R]`. Row / norm is about
/// scale x (code - 128). The scale is NaN, and there is no bound, for a row without a direction or with a norm near the limits
/// of 32-bit floats: such rows are always scored in full precision.
#[derive(Clone)]
pub struct Codes {
    codes: Buffer<u8>,
    scales: Buffer<f32>,
    groups: usize,
    kernel: Kernel,
}

/// How rows are scanned. The results are the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum Scan {
    /// Skip rows that their 8-bit codes rule out, which reads a quarter of the bytes.
    #[default]
    Codes,
    /// Read all rows.
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

/// Number of scans from which codes are created, which takes as long as reading the rows a few times.
const MIN_SCANS_FOR_CODES: usize = 16;

/// Number of rows from which codes are created; shorter scans are fast without them.
const MIN_ROWS_FOR_CODES: usize = 1 << 14;

/// The codes of a table: stored in its file, or created after enough scans.
#[derive(Debug, Default)]
pub(crate) struct LazyCodes {
    codes: OnceLock<Codes>,
    scans: AtomicUsize,
    scan: Scan,
}

impl LazyCodes {
    /// The codes for `scans` more scans of `rows` rows, if the scans should use codes.
    pub(crate) fn get(&self, create: impl FnOnce() -> Codes, rows: usize, scans: usize) -> Option<&Codes> {
        if self.scan == Scan::F32 {
            return None;
        }
        self.codes.get().or_else(|| {
            let worthwhile =
                rows >= MIN_ROWS_FOR_CODES && self.scans.fetch_add(scans, Relaxed) + scans > MIN_SCANS_FOR_CODES;
            worthwhile.then(|| self.codes.get_or_init(create))
        })
    }

    pub(crate) fn set_scan(&mut self, scan: Scan) {
        self.scan = scan;
    }

    /// Bytes in memory.
    pub(crate) fn memory(&self) -> usize {
        self.codes.get().map_or(0, |codes| codes.codes.memory() + codes.scales.memory())
    }
}

impl From<Option<Codes>> for LazyCodes {
    fn from(stored: Option<Codes>) -> Self {
        LazyCodes { codes: stored.map_or_else(OnceLock::new, OnceLock::from), ..LazyCodes::default() }
    }
}

/// A summary, not the codes.
impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codes({} rows, {:?})", self.scales.len(), self.kernel)
    }
}

impl Codes {
    /// The codes in a file; `None` if the sizes do not match.
    pub fn from_file(codes: Buffer<u8>, scales: Buffer<f32>, dimension: usize) -> Option<Codes> {
        let groups = dimension.div_ceil(GROUP);
        let expected = scales.len().div_ceil(LANES).checked_mul(groups)?.checked_mul(STRIDE)?;
        (codes.len() == expected && groups > 0).then_some(Codes { codes, scales, groups, kernel: Kernel::fastest() })
    }

    /// Quantises rows.
    ///
    /// # Shapes
    /// `values` `[R, D]`, `norms` `[R]`.
    pub(crate) fn new(values: &[f32], norms: &[f32], dimension: usize) -> Codes {
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

    /// The codes `[B, G, 16, 4]` and the scales `[R]`.
    pub(crate) fn parts(&self) -> (&[u8], &[f32]) {
        (&self.codes, &self.scales)
    }

    /// Up to `T` queries of length 1 as codes. Unused columns are below every limit.
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
            let scale = largest / MAX_CODE;
            let mut lost = 0.0f64;
            let mut sum = 0i32;
            for (index, &value) in unit.iter().enumerate() {
                let code = if scale > 0.0 { (value / scale).round().clamp(-MAX_CODE, MAX_CODE) as i8 } else { 0 };
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

    /// Number of blocks of rows whose codes fit in the cache of a core.
    pub(crate) fn blocks_in_cache(&self) -> usize {
        (CACHE_BYTES / (self.groups * STRIDE)).max(1)
    }

    /// Calls `found` with the index of a query in the tile and a row of `blocks` if the row may reach the query's limit in
    /// `limits`, or has no bound; for each query in ascending order of rows. `found` returns the query's new limit, which must
    /// not be lower.
    pub(crate) fn candidates<const T: usize>(
        &self,
        blocks: Range<usize>,
        tile: &Tile<T>,
        mut limits: [f32; T],
        mut found: impl FnMut(usize, u32) -> f32,
    ) {
        let width = self.groups * STRIDE;
        let codes = self.codes.get(blocks.start * width..blocks.end * width).unwrap_or_default();
        let (codes, _) = codes.as_chunks::<STRIDE>();
        let rows = blocks.start * LANES;
        let scales = self.scales.get(rows..self.scales.len().min(blocks.end * LANES)).unwrap_or_default();
        let (whole, rest) = scales.as_chunks::<LANES>();
        let (whole_codes, rest_codes) = codes.split_at(codes.len().min(whole.len() * self.groups));
        for (limit, constant) in limits.iter_mut().zip(&tile.constant) {
            *limit -= constant;
        }
        let mut search = |mut codes: &[[u8; STRIDE]], mut scales: &[[f32; LANES]], mut row: usize, exist: u16| {
            while let Some((index, reached)) = self.kernel.find(codes, scales, tile, &limits) {
                for (query, lanes) in reached.into_iter().enumerate() {
                    let mut lanes = lanes & exist;
                    while lanes != 0 {
                        let row = (row + index * LANES) as u32 + lanes.trailing_zeros();
                        limits[query] = found(query, row) - tile.constant[query];
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

/// Writes the codes of a row into its lane of a block. Returns the scale.
fn encode(row: &[f32], norm: f32, lane: usize, block: &mut [u8]) -> f32 {
    // For smaller or larger norms the rounding errors in 32 bits may exceed the bound.
    if !(1e-25..1e25).contains(&norm) {
        return f32::NAN;
    }
    let unit = |value: f32| (f64::from(value) / f64::from(norm)) as f32;
    let scale = row.iter().fold(0.0f32, |largest, &value| largest.max(unit(value).abs())) / MAX_CODE;
    for (index, &value) in row.iter().enumerate() {
        let code = (unit(value) / scale).round().clamp(-MAX_CODE, MAX_CODE) as i16 + i16::from(ZERO);
        block[index / GROUP * STRIDE + lane * GROUP + index % GROUP] = code as u8;
    }
    scale
}
