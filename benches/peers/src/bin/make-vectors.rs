//! Writes synthetic vectors to a file.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use peers::synthetic::{Form, Kind, Synthetic};
use peers::{Failure, finish};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Number of blocks that are made in parallel and held in memory.
const AT_ONCE: usize = 64;

/// Writes synthetic vectors; the same seed gives the same bytes.
#[derive(Parser)]
struct Arguments {
    format: Form,
    rows: usize,
    /// Dimension
    dimension: usize,
    out: PathBuf,
    /// Relation between rows
    #[arg(long, default_value = "independent")]
    kind: Kind,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    finish(write(&Arguments::parse()))
}

fn write(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { format, kind, rows, dimension, seed, .. } = *arguments;
    let synthetic = Synthetic::new(format, kind, rows, dimension, seed);
    let mut file = File::create(&arguments.out)?;
    file.write_all(synthetic.header().as_bytes())?;
    for start in (0..synthetic.blocks()).step_by(AT_ONCE) {
        let end = synthetic.blocks().min(start + AT_ONCE);
        let blocks: Vec<Vec<u8>> = (start..end).into_par_iter().map(|index| synthetic.block(index)).collect();
        for block in blocks {
            file.write_all(&block)?;
        }
    }
    Ok(())
}
