//! The options for tables of texts, which `predict` and `embed` share.

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
use super::values;

/// The input and output tables.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tables of texts")]
pub struct TableArgs {
    /// Input table: Parquet, Arrow, CSV, TSV, JSON Lines or plain lines, detected from the content; `-` reads standard input
    #[arg(long = "in", value_name = "FILE", requires = "output")]
    input: Option<PathBuf>,
    /// Output table with new columns: .parquet, .arrow, .feather, .arrows, .csv, .tsv or .jsonl; `-` writes to standard output
    #[arg(long = "out", value_name = "FILE", requires = "input")]
    output: Option<PathBuf>,
    /// Override detection of the input format
    #[arg(long, value_name = "FORMAT", value_parser = values::named::<TableFormat>(), requires = "input")]
    in_format: Option<TableFormat>,
    /// Override the output format [default: by the extension]
    #[arg(long, value_name = "FORMAT", value_parser = values::named::<TableFormat>(), requires = "input")]
    out_format: Option<TableFormat>,
    /// Prefix of the names of new columns
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Compression of Parquet or Arrow [default: snappy for Parquet, none for Arrow]
    #[arg(long, value_name = "NAME", value_parser = values::named::<ColumnCompression>(), requires = "input")]
    compression: Option<ColumnCompression>,
}

#[derive(Serialize)]
struct TableResult {
    rows: u64,
    nulls: u64,
    replaced: u64,
    seconds: f64,
}

impl TableArgs {
    /// Whether tables are given.
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
            return Err(Error::other("--in and --out are required").into());
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
            // The reader of the pipe has closed it: it needs no more.
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
                "{name}: {nulls} of {rows} rows have no text (null); their new columns are null"
            ));
        }
        output::warn_replaced(&name, passed.replaced as usize);
        output::note(format_args!(
            "{name}: {} texts in {seconds:.1} s, {} per second",
            thousands(passed.rows),
            thousands((passed.rows as f64 / seconds) as u64)
        ));
        if output.json && !is_standard(to) {
            let (rows, nulls, replaced) = (passed.rows, passed.nulls, passed.replaced);
            output.json(&TableResult { rows, nulls, replaced, seconds })?;
        }
        Ok(())
    }
}

pub fn thousands(number: u64) -> String {
    report::thousands(usize::try_from(number).unwrap_or(usize::MAX))
}

/// A progress bar over the rows, whose number may be unknown.
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
