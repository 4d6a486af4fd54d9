//! `vocable info`

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::files::Wrapping;
use vocable::report;

use super::Common;
use super::output::{Failure, Output};

/// What a file of vectors holds: format, rows, dimension, memory, what is odd about it.
#[derive(Debug, Args)]
pub struct Info {}

#[derive(Serialize)]
struct Facts {
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
}

impl Info {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = common.open()?;
        let (source, findings) = (vectors.source(), vectors.findings());
        let facts = Facts {
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
        };
        if output.json {
            output.json(&facts)?;
        } else {
            let wrapping = match source.wrapping {
                Wrapping::Plain => "",
                Wrapping::Gzip => ", gzipped",
                Wrapping::Zip => ", in a zip archive",
            };
            let first: Vec<String> =
                (0..5.min(vectors.len() as u32)).map(|row| vectors.word(row).into_owned()).collect();
            let rows = [
                ("file", facts.file),
                ("format", format!("{}{wrapping}", facts.format)),
                ("rows", report::thousands(facts.rows)),
                ("dimension", facts.dimension.to_string()),
                (
                    "size",
                    format!("{} on disk, {} in memory", report::size(facts.bytes), report::size(facts.memory as u64)),
                ),
                ("first words", first.join("  ")),
                ("mean norm", format!("{:.3}", facts.mean_norm)),
                ("duplicates", facts.duplicates.to_string()),
                ("not UTF-8", facts.non_utf8.to_string()),
                ("zero rows", facts.zero_rows.to_string()),
            ];
            output.text(report::facts(rows.map(|(name, value)| (name.to_owned(), value))))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
