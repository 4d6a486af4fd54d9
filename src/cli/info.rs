//! `vocable info`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;
use vocable::files::Compression;
use vocable::{Vectors, report};

use super::common::{VectorArgs, complete_vectors};
use super::output::{Failure, Output};

/// Describe a vector file: format, rows, dimension, memory use, anomalies.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable info --vectors glove.6B.50d.txt
  vocable info --vectors glove.safetensors --verify")]
pub struct Info {
    /// File to describe [default: the one that --vectors names]
    #[arg(value_name = "FILE", conflicts_with = "vectors", add = ArgValueCompleter::new(complete_vectors))]
    file: Option<PathBuf>,
    /// Verify the checksum of a table file by reading all of it; other files are always read completely
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Serialize)]
struct InfoResult {
    file: String,
    format: &'static str,
    rows: usize,
    dimension: usize,
    bytes: u64,
    duplicates: usize,
    non_utf8: usize,
    zero_rows: usize,
    memory: usize,
    mean_norm: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<TableInfo>,
    verified: bool,
}

#[derive(Serialize)]
struct TableInfo {
    source: String,
    source_format: String,
    dtype: &'static str,
    checksum: String,
}

impl Info {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = match &self.file {
            Some(path) => self.vectors.read.open(path)?,
            None => self.vectors.open()?,
        };
        vectors.check()?;
        if self.verify {
            vectors.verify()?;
        }
        let (source, findings) = (vectors.source(), vectors.load_report());
        let facts = InfoResult {
            file: source.path.to_string_lossy().into_owned(),
            format: source.format.name(),
            rows: vectors.len(),
            dimension: vectors.dimension(),
            bytes: source.bytes,
            duplicates: findings.duplicates,
            non_utf8: vectors.non_utf8_words(),
            zero_rows: vectors.zero_rows(),
            memory: vectors.memory(),
            mean_norm: vectors.mean_norm(),
            table: vectors.table_info().map(|info| TableInfo {
                source: info.source.clone(),
                source_format: info.source_format.clone(),
                dtype: info.dtype.name(),
                checksum: format!("{:016x}", info.checksum),
            }),
            // Other files are read completely when opened.
            verified: self.verify || vectors.table_info().is_none(),
        };
        if output.json {
            output.json(&facts)?;
        } else {
            let rows = rows(&vectors, facts).into_iter().map(|(name, value)| (name.to_owned(), value));
            output.text(report::key_values(rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The facts as names and values.
fn rows(vectors: &Vectors, facts: InfoResult) -> Vec<(&'static str, String)> {
    let compression = match vectors.source().compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Zip => ", in a zip archive",
    };
    let first: Vec<String> =
        (0..5.min(vectors.len() as u32)).map(|row| report::printable(&vectors.word(row))).collect();
    let mut rows = vec![
        ("file", facts.file),
        ("format", format!("{}{compression}", facts.format)),
        ("rows", report::thousands(facts.rows)),
        ("dimension", facts.dimension.to_string()),
        (
            "size",
            match facts.memory {
                0 => format!("{} on disk, mapped", report::size(facts.bytes)),
                memory => {
                    format!("{} on disk, {} in memory", report::size(facts.bytes), report::size(memory as u64))
                }
            },
        ),
        ("first words", first.join("  ")),
        ("mean norm", format!("{:.3}", facts.mean_norm)),
        ("duplicates", facts.duplicates.to_string()),
        ("not UTF-8", facts.non_utf8.to_string()),
        ("zero rows", facts.zero_rows.to_string()),
    ];
    if let Some(table) = facts.table {
        rows.insert(2, ("converted from", format!("{} ({})", table.source, table.source_format)));
        rows.insert(3, ("stored as", table.dtype.to_owned()));
        let state = if facts.verified { "correct" } else { "not verified; use --verify" };
        rows.push(("checksum", format!("{} ({state})", table.checksum)));
    }
    rows
}
