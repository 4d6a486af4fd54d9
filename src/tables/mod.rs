//! Tables of texts, read and written in chunks: Parquet, Arrow, CSV, TSV, JSON Lines and plain lines.
//!
//! A [`TableReader`] detects the format from the content and yields one [`Chunk`] after another; a [`TableWriter`] writes the columns of
//! a chunk, followed by new ones; [`process`] connects the two through a function that computes the new columns. Only a few chunks are
//! in memory at a time.

mod chunk;
mod columns;
mod encoder;
mod error;
mod format;
mod lines;
mod numpy;
mod options;
mod process;
mod reader;
mod sniff;
mod values;
mod writer;

pub use chunk::Chunk;
pub use columns::{label_columns, label_fields, vector_column, vector_field};
pub use format::{ColumnCompression, TableFormat};
pub use options::{TableReaderOptions, TableWriterOptions};
pub use process::{RowCounts, process};
pub use reader::TableReader;
pub use sniff::is_columnar;
pub use writer::TableWriter;
