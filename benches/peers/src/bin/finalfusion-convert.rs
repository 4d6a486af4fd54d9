//! Writes vectors in finalfusion's own format, which it maps.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use finalfusion::io::WriteEmbeddings;
use peers::{Failure, Format, finish, open};

/// Writes the vectors of FILE to OUT in finalfusion's own format.
#[derive(Parser)]
struct Arguments {
    format: Format,
    file: PathBuf,
    out: PathBuf,
}

fn main() -> ExitCode {
    finish(convert(&Arguments::parse()))
}

fn convert(arguments: &Arguments) -> Result<(), Failure> {
    let vectors = open(arguments.format, &arguments.file)?;
    let mut out = BufWriter::new(File::create(&arguments.out)?);
    vectors.write_embeddings(&mut out)?;
    out.flush()?;
    Ok(())
}
