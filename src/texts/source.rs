//! Reading tables of texts, a chunk at a time.

use std::borrow::Cow;
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

use super::TextFormat;
use super::error::{Refusal, guarded, malformed};
use super::lines::{LineReader, sniff};
use crate::classifier::dataset::{TEXT_NAMES, listed};
use crate::error::{Advice, Error, Malformed, Place, Result};

/// Rows of a chunk, at most.
pub(super) const ROWS: usize = 8192;

/// Bytes of a chunk, about; a chunk of longer texts has fewer rows.
pub(super) const BYTES: usize = 8 << 20;

/// How to read a table of texts.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// The form; `None` tells it by content.
    pub format: Option<TextFormat>,
    /// Column or JSON key of the text; `None` takes the first of [`TEXT_NAMES`] that is there.
    pub text_column: Option<String>,
    /// Columns that will be added to the table: one that has such a column is refused.
    pub added: Vec<String>,
}

/// A table of texts, open for reading.
pub struct Source {
    path: PathBuf,
    format: TextFormat,
    schema: Option<SchemaRef>,
    rows: Option<u64>,
    reader: Reader,
}

enum Reader {
    Batches {
        batches: Box<dyn Iterator<Item = Result<RecordBatch, Refusal>> + Send>,
        text: usize,
        /// A batch that was read, and its first row that was not yet yielded.
        held: Option<(RecordBatch, usize)>,
    },
    Lines(LineReader),
}

/// Some rows of a table.
#[derive(Debug)]
pub struct Chunk {
    pub(super) texts: ArrayRef,
    pub(super) columns: Columns,
    /// Rows whose bytes were not all UTF-8 and were replaced when they were read.
    pub(super) replaced: usize,
}

/// All that the rows of a chunk hold.
#[derive(Debug)]
pub(super) enum Columns {
    Batch(RecordBatch),
    /// JSON objects, each as its line has it.
    Objects(Vec<String>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}

impl Source {
    /// Opens a file; gzip is inflated, but for Parquet and Arrow files.
    ///
    /// # Errors
    /// A file that cannot be read or is not what its first bytes promise, a text column that is not there or holds no strings,
    /// columns of the names that will be added.
    pub fn open(path: &Path, options: &SourceOptions) -> Result<Source> {
        let io = |e| Error::io(path, "open it", e);
        let mut file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(malformed(path, "a table of texts", "a folder"));
        }
        let mut head = Vec::new();
        file.by_ref().take(8).read_to_end(&mut head).map_err(|e| Error::io(path, "read it", e))?;
        match options.format.or_else(|| by_magic(&head)) {
            Some(TextFormat::Parquet) => {
                file.rewind().map_err(io)?;
                guarded(path, WHOLE_PARQUET, || Source::parquet(file, path, options))
            }
            Some(TextFormat::Arrow) => {
                file.rewind().map_err(io)?;
                guarded(path, WHOLE_ARROW, || {
                    let reader = FileReader::try_new(BufReader::new(file), None);
                    let reader = reader.map_err(|e| Refusal::from(e).reading(path, WHOLE_ARROW))?;
                    let schema = reader.schema();
                    let batches = reader.map(|batch| batch.map_err(Refusal::from));
                    Source::batches(path, TextFormat::Arrow, schema, None, Box::new(batches), options)
                })
            }
            _ => Source::read(path, Box::new(Cursor::new(head).chain(file)), options),
        }
    }

    /// Reads what comes from a pipe, or another place without an end that is known; `path` is what messages call it.
    ///
    /// # Errors
    /// As [`Source::open`]; Parquet and Arrow files, whose readers begin at the end.
    pub fn read(path: &Path, input: Box<dyn Read + Send>, options: &SourceOptions) -> Result<Source> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let mut inflated = false;
        let head = input.fill_buf().map_err(|e| Error::io(path, "read it", e))?;
        let mut input: Box<dyn BufRead + Send> = if head.starts_with(&[0x1f, 0x8b]) {
            inflated = true;
            let mut gzip = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(input));
            gzip.fill_buf().map_err(|e| Refusal::from(e).reading(path, "a whole gzip stream"))?;
            Box::new(gzip)
        } else {
            Box::new(input)
        };
        let head = first_line(&mut input).map_err(|e| Error::io(path, "read it", e))?;
        let format = match options.format.or_else(|| by_magic(&head)) {
            Some(format) => format,
            None => sniff(&head, path, options)?,
        };
        let input: Box<dyn BufRead + Send> = Box::new(Cursor::new(head).chain(input));
        match format {
            TextFormat::Parquet | TextFormat::Arrow => {
                let found = if inflated { "a gzip stream" } else { "a pipe" };
                Err(Malformed::at(Place::File, format!("a file, since {format} is read from its end"), found)
                    .advise("write it to a file first")
                    .in_file(path.to_string_lossy())
                    .into())
            }
            TextFormat::ArrowStream => guarded(path, WHOLE_STREAM, || {
                let reader = StreamReader::try_new(input, None);
                let reader = reader.map_err(|e| Refusal::from(e).reading(path, WHOLE_STREAM))?;
                let schema = reader.schema();
                let batches = reader.map(|batch| batch.map_err(Refusal::from));
                Source::batches(path, format, schema, None, Box::new(batches), options)
            }),
            TextFormat::Numpy => Err(malformed(path, "a table of texts", "a NumPy array")),
            TextFormat::Lines | TextFormat::Csv | TextFormat::Tsv | TextFormat::JsonLines => {
                let reader = LineReader::new(path, input, format, options)?;
                let schema = reader.schema();
                if let Some(schema) = &schema {
                    refuse_added(path, schema, options)?;
                }
                Ok(Source { path: path.into(), format, schema, rows: None, reader: Reader::Lines(reader) })
            }
        }
    }

    fn parquet(file: File, path: &Path, options: &SourceOptions) -> Result<Source> {
        let refused = |e| Refusal::from(e).reading(path, WHOLE_PARQUET);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(refused)?;
        let rows_and_bytes = |group: &parquet::file::metadata::RowGroupMetaData| {
            (group.num_rows().max(1) as u64, group.total_byte_size().max(0) as u64)
        };
        let groups = builder.metadata().row_groups().iter().map(rows_and_bytes);
        let a_row = groups.map(|(rows, bytes)| bytes / rows).max().unwrap_or(0).max(1);
        let together = (BYTES as u64 / a_row).clamp(1, ROWS as u64) as usize;
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
        let schema = Arc::clone(builder.schema());
        let reader = builder.with_batch_size(together).build().map_err(refused)?;
        let batches = reader.map(|batch| batch.map_err(Refusal::from));
        Source::batches(path, TextFormat::Parquet, schema, rows, Box::new(batches), options)
    }

    fn batches(
        path: &Path,
        format: TextFormat,
        schema: SchemaRef,
        rows: Option<u64>,
        batches: Box<dyn Iterator<Item = Result<RecordBatch, Refusal>> + Send>,
        options: &SourceOptions,
    ) -> Result<Source> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let text = text_column(path, &names, options)?;
        let field = schema.field(text);
        if !holds_texts(unpacked(field.data_type())) {
            return Err(malformed(
                path,
                &format!("strings in the column `{}`", field.name()),
                &format!("the type {}", field.data_type()),
            ));
        }
        refuse_added(path, &schema, options)?;
        let fields = schema.fields().iter().map(|field| match unpacked(field.data_type()) {
            as_is if as_is == field.data_type() => Arc::clone(field),
            values => Arc::new(Field::clone(field).with_data_type(values.clone())),
        });
        let schema = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()));
        let reader = Reader::Batches { batches, text, held: None };
        Ok(Source { path: path.into(), format, schema: Some(schema), rows, reader })
    }

    /// Its form.
    pub fn format(&self) -> TextFormat {
        self.format
    }

    /// Its columns; `None` for JSON lines, each of which may have others. Columns of dictionaries are those of their values.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    /// Its rows, where the file says how many they are.
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The next rows; `None` after the last. How rows are cut into chunks depends on the file.
    ///
    /// # Errors
    /// A file that is cut short or damaged, bytes that are no text, lines without a text.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let expected = expected(self.format);
        let (path, schema) = (&self.path, &self.schema);
        match &mut self.reader {
            Reader::Lines(lines) => lines.next_chunk(path),
            Reader::Batches { batches, text, held } => guarded(path, expected, || {
                let refused = |e| Refusal::from(e).reading(path, expected);
                while held.as_ref().is_none_or(|(batch, from)| *from >= batch.num_rows()) {
                    match batches.next() {
                        None => return Ok(None),
                        Some(batch) => *held = Some((batch.map_err(|e| e.reading(path, expected))?, 0)),
                    }
                }
                let Some((batch, from)) = held else { return Ok(None) };
                let rows = rows_at(batch, *from);
                let part = batch.slice(*from, rows);
                *from += rows;
                let columns: Vec<ArrayRef> =
                    part.columns().iter().map(values_of).collect::<Result<_, _>>().map_err(refused)?;
                let Some(texts) = columns.get(*text).map(Arc::clone) else { return Ok(None) };
                let schema = schema.clone().unwrap_or_else(|| batch.schema());
                let batch = RecordBatch::try_new(schema, columns).map_err(refused)?;
                Ok(Some(Chunk { texts, columns: Columns::Batch(batch), replaced: 0 }))
            }),
        }
    }
}

impl Chunk {
    /// Its rows.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of each row, `None` where there is none (null); beside them the number of rows that held bytes which are not UTF-8 and
    /// were replaced by U+FFFD.
    pub fn texts(&self) -> (Vec<Option<Cow<'_, str>>>, usize) {
        let texts = &self.texts;
        fn borrowed(text: Option<&str>) -> Option<Cow<'_, str>> {
            text.map(Cow::Borrowed)
        }
        fn lossy(bytes: Option<&[u8]>) -> Option<Cow<'_, str>> {
            bytes.map(String::from_utf8_lossy)
        }
        let texts: Vec<Option<Cow<str>>> = match texts.data_type() {
            DataType::Utf8 => return (texts.as_string::<i32>().iter().map(borrowed).collect(), self.replaced),
            DataType::LargeUtf8 => return (texts.as_string::<i64>().iter().map(borrowed).collect(), self.replaced),
            DataType::Utf8View => return (texts.as_string_view().iter().map(borrowed).collect(), self.replaced),
            DataType::Binary => texts.as_binary::<i32>().iter().map(lossy).collect(),
            DataType::LargeBinary => texts.as_binary::<i64>().iter().map(lossy).collect(),
            DataType::BinaryView => texts.as_binary_view().iter().map(lossy).collect(),
            _ => vec![None; texts.len()],
        };
        let replaced = texts.iter().filter(|text| matches!(text, Some(Cow::Owned(_)))).count();
        (texts, replaced)
    }
}

const WHOLE_PARQUET: &str = "a whole Parquet file";
const WHOLE_ARROW: &str = "a whole Arrow file";
const WHOLE_STREAM: &str = "a whole Arrow stream";

fn expected(format: TextFormat) -> &'static str {
    match format {
        TextFormat::Parquet => WHOLE_PARQUET,
        TextFormat::Arrow => WHOLE_ARROW,
        _ => WHOLE_STREAM,
    }
}

/// What comes first, up to the end of a line that is not blank, where there is one among the first 64 KiB, and what was read along.
fn first_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    const MOST: usize = 1 << 16;
    let mut head = Vec::new();
    loop {
        match input.fill_buf() {
            Ok(read) => {
                let length = read.len();
                head.extend_from_slice(read);
                input.consume(length);
                let whole = head.trim_ascii_start().contains(&b'\n');
                if length == 0 || whole || head.len() >= MOST {
                    return Ok(head);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The form of bytes that begin as no text does.
fn by_magic(head: &[u8]) -> Option<TextFormat> {
    match head {
        [b'P', b'A', b'R', b'1', ..] => Some(TextFormat::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(TextFormat::Arrow),
        [0xff, 0xff, 0xff, 0xff, ..] => Some(TextFormat::ArrowStream),
        _ => None,
    }
}

/// Whether a file begins as Parquet or Arrow does.
///
/// # Errors
/// A file that cannot be read.
pub fn is_columnar(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|e| Error::io(path, "open it", e))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    let mut head = Vec::new();
    file.take(8).read_to_end(&mut head).map_err(|e| Error::io(path, "read it", e))?;
    Ok(by_magic(&head).is_some())
}

/// The type of a column's values, where the column may be a dictionary of them.
fn unpacked(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => unpacked(values),
        as_is => as_is,
    }
}

fn holds_texts(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

/// A column without its dictionary: files hold one dictionary for all batches, where batches that were read have each their own.
fn values_of(column: &ArrayRef) -> Result<ArrayRef, arrow_schema::ArrowError> {
    match column.as_any_dictionary_opt() {
        Some(dictionary) => values_of(&take(dictionary.values().as_ref(), dictionary.keys(), None)?),
        None => Ok(Arc::clone(column)),
    }
}

/// Rows of a chunk that begins at a row of a batch. Batches of files that others wrote may be of any size.
fn rows_at(batch: &RecordBatch, from: usize) -> usize {
    // Not what the arrays hold on to, which is the same for all columns of a batch that was read in one piece.
    let bytes: usize =
        batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum();
    let a_row = bytes / batch.num_rows().max(1);
    (BYTES / a_row.max(1)).clamp(1, ROWS).min(batch.num_rows() - from)
}

/// Where the text stands among columns.
pub(super) fn text_column(path: &Path, names: &[String], options: &SourceOptions) -> Result<usize> {
    let found = match &options.text_column {
        Some(wanted) => names.iter().position(|name| name == wanted),
        None => TEXT_NAMES.iter().find_map(|usual| names.iter().position(|name| name.eq_ignore_ascii_case(usual))),
    };
    found.ok_or_else(|| {
        let expected = match &options.text_column {
            Some(wanted) => format!("a column `{wanted}`"),
            None => format!("a column for the text ({})", TEXT_NAMES.join(", ")),
        };
        Malformed::at(Place::File, expected, format!("the columns {}", listed(names)))
            .advise(Advice::SetTextColumn)
            .in_file(path.to_string_lossy())
            .into()
    })
}

/// That a table has none of the columns that will be added to it.
fn refuse_added(path: &Path, schema: &Schema, options: &SourceOptions) -> Result<()> {
    match options.added.iter().find(|name| schema.fields().iter().any(|field| field.name() == *name)) {
        None => Ok(()),
        Some(name) => Err(collision(Place::File, name).in_file(path.to_string_lossy()).into()),
    }
}

pub(super) fn collision(place: Place, name: &str) -> Malformed {
    Malformed::at(place, format!("no column `{name}`, since one is to be added"), "one").advise(Advice::SetPrefix)
}
