//! Texts in tables, chunk by chunk: Parquet, Arrow, CSV, TSV, JSON lines and plain lines come in, the same columns and new ones
//! go out, and no more than a few chunks are held at a time.
//!
//! A [`Source`] tells its form by content and yields a [`Chunk`] after the other; a [`Sink`] writes a chunk's columns and those that
//! were added; [`pass`] does both beside the work in the middle.

mod error;
mod lines;
mod numpy;
mod pass;
mod rows;
mod sink;
mod source;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, Result};
pub use pass::{Passed, label_fields, labels, pass, vector_field, vectors};
pub use sink::{Compression, Sink, SinkOptions};
pub use source::{Chunk, Source, SourceOptions, is_columnar};

/// A form of tables of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// A text a line; read only.
    Lines,
    /// Comma-separated columns under a header (RFC 4180).
    Csv,
    /// Tab-separated columns under a header.
    Tsv,
    /// A JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow's file format (IPC), which is Feather's second version, too.
    Arrow,
    /// Arrow's stream format (IPC).
    ArrowStream,
    /// A NumPy array of vectors; written only.
    Numpy,
}

impl TextFormat {
    /// All forms, in the order in which help texts name them.
    pub const ALL: [TextFormat; 8] = [
        TextFormat::Parquet,
        TextFormat::Arrow,
        TextFormat::ArrowStream,
        TextFormat::Csv,
        TextFormat::Tsv,
        TextFormat::JsonLines,
        TextFormat::Lines,
        TextFormat::Numpy,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TextFormat::Lines => "lines",
            TextFormat::Csv => "csv",
            TextFormat::Tsv => "tsv",
            TextFormat::JsonLines => "jsonl",
            TextFormat::Parquet => "parquet",
            TextFormat::Arrow => "arrow",
            TextFormat::ArrowStream => "arrow-stream",
            TextFormat::Numpy => "npy",
        }
    }

    /// The form that a file's ending stands for; `.gz` behind it is passed over.
    pub fn of_name(path: &Path) -> Option<TextFormat> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let ending = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?.1;
        Some(match ending {
            "parquet" | "pq" => TextFormat::Parquet,
            "arrow" | "feather" | "ipc" => TextFormat::Arrow,
            "arrows" => TextFormat::ArrowStream,
            "csv" => TextFormat::Csv,
            "tsv" => TextFormat::Tsv,
            "jsonl" | "ndjson" => TextFormat::JsonLines,
            "txt" => TextFormat::Lines,
            "npy" => TextFormat::Numpy,
            _ => return None,
        })
    }

    /// Whether the file has a schema of its own, with types.
    pub fn is_columnar(self) -> bool {
        matches!(self, TextFormat::Parquet | TextFormat::Arrow | TextFormat::ArrowStream)
    }
}

impl fmt::Display for TextFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TextFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        TextFormat::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = TextFormat::ALL.map(TextFormat::name).join(", ");
            Error::invalid("format", names, format!("`{name}`"))
        })
    }
}
