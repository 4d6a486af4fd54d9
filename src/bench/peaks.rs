//! What the machine allows: how fast memory, arithmetic and files are without anything around them.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use multiversion::multiversion;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::files::Buffer;
use crate::nn::{Accumulate, GemmMatrix, RowMatrix};

/// Bytes that are summed up: far more than caches hold.
const BYTES: usize = 256 << 20;

/// How often they are summed up in a round.
const PASSES: usize = 4;

/// Words of 8 bytes that a task sums up.
const RUN: usize = 1 << 19;

/// Rows and columns of the matrices that are multiplied: three of them take 768 KiB, which a core's own cache holds.
const SIDE: usize = 256;

/// How often they are multiplied in a round.
const TIMES: usize = 60;

/// Bytes of a file that a task reads, and those that it reads at a time.
const PART: u64 = 8 << 20;
const PIECE: u64 = 1 << 20;

/// Memory to be read.
#[derive(Debug)]
pub(super) struct Memory(Buffer<u64>);

impl Memory {
    /// Written to once, so that the system has given it.
    pub fn new() -> Memory {
        let mut words: Buffer<u64> = Buffer::zeros(BYTES / size_of::<u64>());
        words.as_mut_slice().par_chunks_mut(RUN).for_each(|words| words.fill(1));
        Memory(words)
    }

    /// GB that all threads together read in a second.
    pub fn rate(&self) -> f64 {
        let seconds = seconds(|| {
            for _ in 0..PASSES {
                black_box(self.0.par_chunks(RUN).map(sum).reduce(|| 0, u64::wrapping_add));
            }
        });
        (PASSES * BYTES) as f64 / seconds / 1e9
    }
}

/// Compiled for wide registers too: a core should wait for memory, not memory for a core.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, &word| sum.wrapping_add(word))
}

/// Billions of operations that all threads together do in a second in products of matrices of 32-bit floats that lie in the
/// cache; a multiplication and its addition are two.
pub(super) fn products() -> f64 {
    let matrix = |start: usize| -> Vec<f32> { (0..SIDE * SIDE).map(|at| ((at + start) % 17) as f32 - 8.0).collect() };
    let (a, b) = (matrix(0), matrix(5));
    let seconds = seconds(|| {
        rayon::broadcast(|_| {
            // Matrices of each thread's own: shared ones would lie in another core's cache.
            let (a, b, mut c) = (a.clone(), GemmMatrix::new(&b, [SIDE; 2]), vec![0.0; SIDE * SIDE]);
            for _ in 0..TIMES {
                let rows = RowMatrix { values: a.as_slice(), stride: SIDE };
                black_box(&b).multiply(&mut c, rows, SIDE, Accumulate::Replace);
                black_box(&mut c);
            }
        });
    });
    (2 * SIDE * SIDE * SIDE * TIMES * rayon::current_num_threads()) as f64 / seconds / 1e9
}

/// GB of a file that all threads together read in a second, and do nothing with.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn reading(path: &Path, bytes: u64) -> Result<f64> {
    let began = Instant::now();
    let parts: Vec<u64> = (0..bytes.div_ceil(PART)).collect();
    let read = |part: u64| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(part * PART))?;
        let mut piece = Vec::with_capacity(PIECE as usize);
        for _ in 0..PART / PIECE {
            piece.clear();
            file.by_ref().take(PIECE).read_to_end(&mut piece)?;
            black_box(&piece);
        }
        Ok(())
    };
    parts.into_par_iter().try_for_each(read).map_err(|e| Error::io(path, "read it", e))?;
    Ok(bytes as f64 / began.elapsed().as_secs_f64() / 1e9)
}

/// Seconds that some work takes.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64()
}

/// Seconds of processor time that the process has had so far, where the system tells.
pub(super) fn processor_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    }
    #[cfg(not(unix))]
    None
}
