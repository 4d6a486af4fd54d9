//! Tables of texts in files: what `predict` and `embed` share.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use arrow_array::ArrayRef;
use arrow_schema::Field;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use vocable::tables::{
    ColumnCompression, TableFormat, TableReader, TableReaderOptions, TableWriter, TableWriterOptions, process,
};
use vocable::{Error, report};

use super::input::is_standard;
use super::output::{self, Failure, Output};
use super::paths::check_distinct;

/// A table of texts that comes in, and one that goes out.
#[derive(Debug, Args)]
pub struct Tables {
    /// Table of texts: Parquet, Arrow, CSV, TSV, JSON lines or plain lines, told by content; - for standard input
    #[arg(long = "in", value_name = "FILE", requires = "output", help_heading = "Tables of texts")]
    input: Option<PathBuf>,
    /// Where the same rows go, with new columns: .parquet, .arrow, .feather, .arrows, .csv, .tsv or .jsonl; - for standard output
    #[arg(long = "out", value_name = "FILE", requires = "input", help_heading = "Tables of texts")]
    output: Option<PathBuf>,
    /// Form of the table that comes in: parquet, arrow, arrow-stream, csv, tsv, jsonl, lines
    #[arg(long, value_name = "NAME", requires = "input", help_heading = "Tables of texts")]
    in_format: Option<TableFormat>,
    /// Form of the table that goes out [default: by its ending]
    #[arg(long, value_name = "NAME", requires = "input", help_heading = "Tables of texts")]
    out_format: Option<TableFormat>,
    /// What to put before the names of new columns
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = "Tables of texts")]
    pub prefix: String,
    /// Compression of Parquet or Arrow: none, snappy, zstd, gzip, lz4 [default: snappy for Parquet, none for Arrow]
    #[arg(long, value_name = "NAME", requires = "input", help_heading = "Tables of texts")]
    compression: Option<ColumnCompression>,
}

#[derive(Serialize)]
struct Answer {
    rows: u64,
    nulls: u64,
    replaced: u64,
    seconds: f64,
}

impl Tables {
    /// Whether tables were named.
    pub fn are_given(&self) -> bool {
        self.input.is_some()
    }

    /// Passes all rows on, with the columns `added` that `work` fills, and says how it went.
    pub fn pass(
        &self,
        text_column: Option<&str>,
        added: Vec<Field>,
        output: &mut Output,
        mut work: impl FnMut(&[Option<Cow<str>>]) -> Result<Vec<ArrayRef>, Error>,
    ) -> Result<(), Failure> {
        let (Some(from), Some(to)) = (&self.input, &self.output) else {
            return Err(Error::invalid("tables of texts", "--in FILE and --out FILE", "none").into());
        };
        check_distinct(&[("--in", Some(from))], &[("--out", Some(to))])?;
        let options = TableReaderOptions {
            format: self.in_format,
            text_column: text_column.map(str::to_owned),
            added: added.iter().map(|field| field.name().clone()).collect(),
        };
        let reader = if is_standard(from) {
            TableReader::from_reader(Path::new("standard input"), Box::new(std::io::stdin()), &options)?
        } else {
            TableReader::open(from, &options)?
        };
        let writer_options = TableWriterOptions { format: self.out_format, compression: self.compression };
        let writer = if is_standard(to) {
            let same = Some(reader.format()).filter(|format| matches!(format, TableFormat::Csv | TableFormat::Tsv));
            let format = self.out_format.or(same).unwrap_or(TableFormat::JsonLines);
            let out = Box::new(std::io::stdout());
            TableWriter::from_writer(Path::new("standard output"), out, format, &reader, added, &writer_options)?
        } else {
            TableWriter::create(to, &reader, added, &writer_options)?
        };
        let bar = bar(reader.rows());
        let start = Instant::now();
        let passed = process(reader, Some(writer), &mut work, |passed| bar.set_position(passed.rows));
        bar.finish_and_clear();
        let passed = passed.map_err(|error| match error {
            // Whoever read our output has seen enough.
            Error::Io { source, .. } if is_standard(to) && source.kind() == std::io::ErrorKind::BrokenPipe => {
                Failure::Output(source)
            }
            error => error.into(),
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let name = from.to_string_lossy();
        if passed.nulls > 0 {
            let (nulls, rows) = (thousands(passed.nulls), thousands(passed.rows));
            output::warn(format_args!(
                "{name}: {nulls} of {rows} rows have no text (null); what is new in them is null, too"
            ));
        }
        output::warn_replaced(&name, passed.replaced as usize);
        output::note(format_args!(
            "{name}: {} texts in {seconds:.1} s, {} a second",
            thousands(passed.rows),
            thousands((passed.rows as f64 / seconds) as u64)
        ));
        if output.json && !is_standard(to) {
            let (rows, nulls, replaced) = (passed.rows, passed.nulls, passed.replaced);
            output.json(&Answer { rows, nulls, replaced, seconds })?;
        }
        Ok(())
    }
}

pub fn thousands(number: u64) -> String {
    report::thousands(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Rows done, of those that are known.
fn bar(rows: Option<u64>) -> ProgressBar {
    match rows {
        Some(rows) => {
            let style =
                ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} texts, {per_sec}, {eta} left");
            ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        None => {
            let style = ProgressStyle::with_template("{human_pos} texts, {per_sec}");
            ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        }
    }
}
