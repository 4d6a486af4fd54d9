//! File formats of tables, and how their columns are compressed.

use std::path::Path;

use arrow_ipc::CompressionType;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Result};

/// A file format of tables of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Arrow's IPC file format, which is also Feather version 2.
    Arrow,
    /// Arrow's IPC stream format.
    ArrowStream,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// One JSON object per line.
    #[strum(serialize = "jsonl")]
    JsonLines,
    /// One text per line; can only be read.
    Lines,
    /// A NumPy array of vectors; can only be written.
    #[strum(serialize = "npy")]
    Numpy,
}

impl TableFormat {
    /// The format that a file extension stands for; a final `.gz` is ignored.
    pub fn from_extension(path: &Path) -> Option<TableFormat> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let extension = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?.1;
        Some(match extension {
            "parquet" | "pq" => TableFormat::Parquet,
            "arrow" | "feather" | "ipc" => TableFormat::Arrow,
            "arrows" => TableFormat::ArrowStream,
            "csv" => TableFormat::Csv,
            "tsv" => TableFormat::Tsv,
            "jsonl" | "ndjson" => TableFormat::JsonLines,
            "txt" => TableFormat::Lines,
            "npy" => TableFormat::Numpy,
            _ => return None,
        })
    }

    /// Whether the format is binary, with a schema and compressed columns: Parquet or Arrow.
    pub fn is_columnar(self) -> bool {
        matches!(self, TableFormat::Parquet | TableFormat::Arrow | TableFormat::ArrowStream)
    }
}

/// Compression of the columns of Parquet and Arrow files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum ColumnCompression {
    /// Uncompressed.
    None,
    /// Snappy; Parquet only.
    Snappy,
    /// Zstandard, level 3.
    Zstd,
    /// gzip; Parquet only.
    Gzip,
    /// LZ4: raw blocks in Parquet, frames in Arrow.
    Lz4,
}

impl ColumnCompression {
    /// The value for Parquet's writer.
    pub(super) fn for_parquet(self) -> Compression {
        match self {
            ColumnCompression::None => Compression::UNCOMPRESSED,
            ColumnCompression::Snappy => Compression::SNAPPY,
            ColumnCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()),
            ColumnCompression::Gzip => Compression::GZIP(GzipLevel::default()),
            ColumnCompression::Lz4 => Compression::LZ4_RAW,
        }
    }

    /// The value for Arrow's writers.
    ///
    /// # Errors
    /// A compression that Arrow does not have.
    pub(super) fn for_arrow(self) -> Result<Option<CompressionType>> {
        match self {
            ColumnCompression::None => Ok(None),
            ColumnCompression::Lz4 => Ok(Some(CompressionType::LZ4_FRAME)),
            ColumnCompression::Zstd => Ok(Some(CompressionType::ZSTD)),
            other => Err(Error::invalid("compression of Arrow files", "none, zstd or lz4", format!("`{other}`"))),
        }
    }
}
