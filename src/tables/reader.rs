//! Reading tables of texts in chunks.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use flate2::bufread::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::chunk::{Chunk, ChunkData, MAX_BYTES, MAX_ROWS};
use super::error::{TableError, catch_panics, malformed};
use super::format::TableFormat;
use super::lines::LineReader;
use super::options::TableReaderOptions;
use super::sniff::{by_magic_bytes, text_format};
use crate::error::{Error, Malformed, Place, Result};

/// An open table of texts.
pub struct TableReader {
    path: PathBuf,
    format: TableFormat,
    schema: Option<SchemaRef>,
    rows: Option<u64>,
    reader: Reader,
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, TableError>> + Send>;

enum Reader {
    Batches {
        batches: Batches,
        text: usize,
        /// The current batch, and the first row of it that was not yet returned.
        current: Option<(RecordBatch, usize)>,
    },
    Lines(LineReader),
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableReader").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}

impl TableReader {
    /// Opens a file. Text formats and Arrow streams may be compressed with gzip.
    ///
    /// # Errors
    /// A file that cannot be read or is malformed, a text column that does not exist or is not made of strings, a column that has the
    /// name of one that will be added.
    pub fn open(path: &Path, options: &TableReaderOptions) -> Result<TableReader> {
        let io = |e| Error::io(path, "open it", e);
        let mut file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(malformed(path, "a table of texts", "a directory"));
        }
        let mut head = Vec::new();
        file.by_ref().take(8).read_to_end(&mut head).map_err(|e| Error::io(path, "read it", e))?;
        match options.format.or_else(|| by_magic_bytes(&head)) {
            Some(TableFormat::Parquet) => {
                file.rewind().map_err(io)?;
                catch_panics(path, PARQUET, || TableReader::parquet(file, path, options))
            }
            Some(TableFormat::Arrow) => {
                file.rewind().map_err(io)?;
                catch_panics(path, ARROW_FILE, || {
                    let reader = FileReader::try_new(BufReader::new(file), None);
                    let reader = reader.map_err(|e| TableError::from(e).reading(path, ARROW_FILE))?;
                    let schema = reader.schema();
                    let batches = reader.map(|batch| batch.map_err(TableError::from));
                    TableReader::batches(path, TableFormat::Arrow, schema, None, Box::new(batches), options)
                })
            }
            _ => TableReader::from_reader(path, Box::new(Cursor::new(head).chain(file)), options),
        }
    }

    /// Reads from a pipe or another input that cannot seek; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`TableReader::open`]; Parquet and Arrow files, which are read from the end.
    pub fn from_reader(path: &Path, input: Box<dyn Read + Send>, options: &TableReaderOptions) -> Result<TableReader> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let mut compressed = false;
        let head = input.fill_buf().map_err(|e| Error::io(path, "read it", e))?;
        let mut input: Box<dyn BufRead + Send> = if head.starts_with(&[0x1f, 0x8b]) {
            compressed = true;
            let mut gzip = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input));
            gzip.fill_buf().map_err(|e| TableError::from(e).reading(path, "a complete gzip stream"))?;
            Box::new(gzip)
        } else {
            Box::new(input)
        };
        let head = first_line(&mut input).map_err(|e| Error::io(path, "read it", e))?;
        let format = match options.format.or_else(|| by_magic_bytes(&head)) {
            Some(format) => format,
            None => text_format(&head, path, options)?,
        };
        let input: Box<dyn BufRead + Send> = Box::new(Cursor::new(head).chain(input));
        match format {
            TableFormat::Parquet | TableFormat::Arrow => {
                let input = if compressed { "a gzip stream" } else { "a pipe" };
                Err(Malformed::message(Place::File, format!("the {format} format cannot be read from {input}"))
                    .advise("write it to a file first")
                    .in_file(path.to_string_lossy())
                    .into())
            }
            TableFormat::ArrowStream => catch_panics(path, ARROW_STREAM, || {
                let reader = StreamReader::try_new(input, None);
                let reader = reader.map_err(|e| TableError::from(e).reading(path, ARROW_STREAM))?;
                let schema = reader.schema();
                let batches = reader.map(|batch| batch.map_err(TableError::from));
                TableReader::batches(path, format, schema, None, Box::new(batches), options)
            }),
            TableFormat::Numpy => Err(malformed(path, "a table of texts", "a NumPy array")),
            TableFormat::Lines | TableFormat::Csv | TableFormat::Tsv | TableFormat::JsonLines => {
                let reader = LineReader::new(path, input, format, options)?;
                let schema = reader.schema();
                if let Some(schema) = &schema {
                    options.check_added(path, schema)?;
                }
                Ok(TableReader { path: path.into(), format, schema, rows: None, reader: Reader::Lines(reader) })
            }
        }
    }

    fn parquet(file: File, path: &Path, options: &TableReaderOptions) -> Result<TableReader> {
        let failed = |e| TableError::from(e).reading(path, PARQUET);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
        let rows_and_bytes = |group: &parquet::file::metadata::RowGroupMetaData| {
            (group.num_rows().max(1) as u64, group.total_byte_size().max(0) as u64)
        };
        let groups = builder.metadata().row_groups().iter().map(rows_and_bytes);
        let bytes_per_row = groups.map(|(rows, bytes)| bytes / rows).max().unwrap_or(0).max(1);
        let batch_size = (MAX_BYTES as u64 / bytes_per_row).clamp(1, MAX_ROWS as u64) as usize;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
        let schema = Arc::clone(builder.schema());
        let reader = builder.with_batch_size(batch_size).build().map_err(failed)?;
        let batches = reader.map(|batch| batch.map_err(TableError::from));
        TableReader::batches(path, TableFormat::Parquet, schema, rows, Box::new(batches), options)
    }

    fn batches(
        path: &Path,
        format: TableFormat,
        schema: SchemaRef,
        rows: Option<u64>,
        batches: Batches,
        options: &TableReaderOptions,
    ) -> Result<TableReader> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let text = options.find_text_column(path, &names)?;
        let field = schema.field(text);
        if !is_text(value_type(field.data_type())) {
            return Err(malformed(
                path,
                &format!("strings in the column `{}`", field.name()),
                &format!("the type {}", field.data_type()),
            ));
        }
        options.check_added(path, &schema)?;
        let fields = schema.fields().iter().map(|field| match value_type(field.data_type()) {
            plain if plain == field.data_type() => Arc::clone(field),
            values => Arc::new(Field::clone(field).with_data_type(values.clone())),
        });
        let schema = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()));
        let reader = Reader::Batches { batches, text, current: None };
        Ok(TableReader { path: path.into(), format, schema: Some(schema), rows, reader })
    }

    /// The format.
    pub fn format(&self) -> TableFormat {
        self.format
    }

    /// The columns; `None` for JSON Lines, where each line has its own keys. Dictionary columns have the type of their values.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    /// The number of rows, if the file states it.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The next chunk; `None` at the end. The size of chunks depends on the file.
    ///
    /// # Errors
    /// A file that is truncated or corrupt, a line without a text.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let expected = expected(self.format);
        let (path, schema) = (&self.path, &self.schema);
        match &mut self.reader {
            Reader::Lines(lines) => lines.next_chunk(path),
            Reader::Batches { batches, text, current } => catch_panics(path, expected, || {
                let failed = |e| TableError::from(e).reading(path, expected);
                while current.as_ref().is_none_or(|(batch, from)| *from >= batch.num_rows()) {
                    match batches.next() {
                        None => return Ok(None),
                        Some(batch) => *current = Some((batch.map_err(|e| e.reading(path, expected))?, 0)),
                    }
                }
                let Some((batch, from)) = current else { return Ok(None) };
                let rows = chunk_rows(batch, *from);
                let slice = batch.slice(*from, rows);
                *from += rows;
                let columns: Vec<ArrayRef> =
                    slice.columns().iter().map(without_dictionary).collect::<Result<_, _>>().map_err(failed)?;
                let Some(texts) = columns.get(*text).map(Arc::clone) else { return Ok(None) };
                let schema = schema.clone().unwrap_or_else(|| batch.schema());
                let batch = RecordBatch::try_new(schema, columns).map_err(failed)?;
                Ok(Some(Chunk { texts, data: ChunkData::Batch(batch), replaced: 0 }))
            }),
        }
    }
}

const PARQUET: &str = "a whole Parquet file";
const ARROW_FILE: &str = "a whole Arrow file";
const ARROW_STREAM: &str = "a whole Arrow stream";

fn expected(format: TableFormat) -> &'static str {
    match format {
        TableFormat::Parquet => PARQUET,
        TableFormat::Arrow => ARROW_FILE,
        _ => ARROW_STREAM,
    }
}

/// The input up to at least the end of the first line that is not blank, but not much more than 64 KiB.
fn first_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    const MAX_HEAD: usize = 1 << 16;
    let mut head = Vec::new();
    loop {
        match input.fill_buf() {
            Ok(read) => {
                let length = read.len();
                head.extend_from_slice(read);
                input.consume(length);
                let has_line = head.trim_ascii_start().contains(&b'\n');
                if length == 0 || has_line || head.len() >= MAX_HEAD {
                    return Ok(head);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The type of a column's values; for a dictionary column, that of the dictionary's values.
fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => value_type(values),
        plain => plain,
    }
}

fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

/// The values of a dictionary column, or the column itself. Written files have one dictionary for all batches, but each batch that was
/// read has its own.
fn without_dictionary(column: &ArrayRef) -> Result<ArrayRef, arrow_schema::ArrowError> {
    match column.as_any_dictionary_opt() {
        Some(dictionary) => without_dictionary(&take(dictionary.values().as_ref(), dictionary.keys(), None)?),
        None => Ok(Arc::clone(column)),
    }
}

/// Number of rows in a chunk that begins at row `from` of a batch. Batches may be of any size.
fn chunk_rows(batch: &RecordBatch, from: usize) -> usize {
    // The size of the slices, not of the buffers behind them: all columns of a batch may share one buffer.
    let bytes: usize =
        batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum();
    let bytes_per_row = bytes / batch.num_rows().max(1);
    (MAX_BYTES / bytes_per_row.max(1)).clamp(1, MAX_ROWS).min(batch.num_rows() - from)
}
