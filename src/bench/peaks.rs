//! The peak rates of the machine: memory, arithmetic and files.

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

/// Size of the buffer: much larger than the caches.
const BYTES: usize = 256 << 20;

/// Passes over the buffer per round.
const PASSES: usize = 4;

/// Numbers of 8 bytes per task.
const WORDS_PER_TASK: usize = 1 << 19;

/// Rows and columns of the matrices: three matrices take 768 KiB, which fit in the cache of a core.
const SIDE: usize = 256;

/// Products per round.
const PRODUCTS: usize = 60;

/// Bytes of the file per task.
const BYTES_PER_TASK: u64 = 8 << 20;

/// Bytes per read.
const BYTES_PER_READ: u64 = 1 << 20;

/// A buffer that is read to measure memory bandwidth.
#[derive(Debug)]
pub(super) struct Memory(Buffer<u64>);

impl Memory {
    /// Allocates the buffer and writes to all of it, so that its pages exist.
    pub fn new() -> Memory {
        let mut words: Buffer<u64> = Buffer::zeros(BYTES / size_of::<u64>());
        words.as_mut_slice().par_chunks_mut(WORDS_PER_TASK).for_each(|words| words.fill(1));
        Memory(words)
    }

    /// The memory bandwidth of all threads together, in GB/s.
    pub fn rate(&self) -> f64 {
        let seconds = seconds(|| {
            for _ in 0..PASSES {
                black_box(self.0.par_chunks(WORDS_PER_TASK).map(sum).reduce(|| 0, u64::wrapping_add));
            }
        });
        (PASSES * BYTES) as f64 / seconds / 1e9
    }
}

/// Compiled for wide registers too, so that memory is the limit and not arithmetic.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn sum(words: &[u64]) -> u64 {
    words.iter().fold(0, |sum, &word| sum.wrapping_add(word))
}

/// The rate of f32 matrix products of matrices in the cache, for all threads together, in GFLOP/s. A multiplication with its
/// addition counts as two operations.
pub(super) fn products() -> f64 {
    let matrix = |start: usize| -> Vec<f32> { (0..SIDE * SIDE).map(|at| ((at + start) % 17) as f32 - 8.0).collect() };
    let (a, b) = (matrix(0), matrix(5));
    let seconds = seconds(|| {
        rayon::broadcast(|_| {
            // Each thread has its own matrices, because shared ones would be in the cache of another core.
            let (a, b, mut c) = (a.clone(), GemmMatrix::new(&b, [SIDE; 2]), vec![0.0; SIDE * SIDE]);
            for _ in 0..PRODUCTS {
                let rows = RowMatrix { values: a.as_slice(), stride: SIDE };
                black_box(&b).multiply(&mut c, rows, SIDE, Accumulate::Replace);
                black_box(&mut c);
            }
        });
    });
    (2 * SIDE * SIDE * SIDE * PRODUCTS * rayon::current_num_threads()) as f64 / seconds / 1e9
}

/// The rate at which all threads together read a file, in GB/s.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn reading(path: &Path, bytes: u64) -> Result<f64> {
    let began = Instant::now();
    let parts: Vec<u64> = (0..bytes.div_ceil(BYTES_PER_TASK)).collect();
    let read = |part: u64| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(part * BYTES_PER_TASK))?;
        let mut piece = Vec::with_capacity(BYTES_PER_READ as usize);
        for _ in 0..BYTES_PER_TASK / BYTES_PER_READ {
            piece.clear();
            file.by_ref().take(BYTES_PER_READ).read_to_end(&mut piece)?;
            black_box(&piece);
        }
        Ok(())
    };
    parts.into_par_iter().try_for_each(read).map_err(|e| Error::io(path, "read it", e))?;
    Ok(bytes as f64 / began.elapsed().as_secs_f64() / 1e9)
}

/// The duration of some work, in seconds.
fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64()
}

/// The CPU time of the process so far, in seconds, if the system reports it.
pub(super) fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    }
    #[cfg(not(unix))]
    None
}
