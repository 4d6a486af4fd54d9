//! Reading tables in text formats: plain lines, CSV, TSV, JSON Lines.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use memchr::memchr_iter;
use serde_json::{Map, Value};

use super::chunk::{Chunk, ChunkData, MAX_BYTES, MAX_ROWS};
use super::error::{TableError, malformed};
use super::format::TableFormat;
use super::options::{TableReaderOptions, duplicate_column};
use crate::classifier::dataset::{TEXT_NAMES, listed};
use crate::error::{Advice, Error, Malformed, Place, Problem, Result};
use crate::files::BOM;

/// Maximum size of a record in bytes: an unclosed quote or a file without line breaks would otherwise fill the memory.
const MAX_RECORD: u64 = 16 << 20;

/// Reads records that are separated by line breaks.
pub(super) struct LineReader {
    reader: Reader,
    counts: Arc<ReadCounts>,
    /// Number of the last line read, counted from 1.
    line: u64,
    options: TableReaderOptions,
}

enum Reader {
    /// The line is the only column.
    Lines(Input, SchemaRef),
    Json(Input),
    Columns {
        records: Box<csv::Reader<Input>>,
        schema: SchemaRef,
        text: usize,
        /// The line of the last record, if that record may contain an unclosed quote.
        open_quote: Option<u64>,
    },
}

type Input = BufReader<CountingReader>;

/// What has been read.
#[derive(Default)]
struct ReadCounts {
    /// Bytes since the last record.
    bytes: AtomicU64,
    /// Quotes in the whole file.
    quotes: AtomicU64,
}

/// Counts bytes and quotes, and fails when a record is longer than [`MAX_RECORD`].
struct CountingReader {
    input: Box<dyn BufRead + Send>,
    counts: Arc<ReadCounts>,
}

impl Read for CountingReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(to)?;
        let quotes = memchr_iter(b'"', to.get(..read).unwrap_or_default()).count();
        self.counts.quotes.fetch_add(quotes as u64, Ordering::Relaxed);
        if self.counts.bytes.fetch_add(read as u64, Ordering::Relaxed) > MAX_RECORD {
            let what = format!("a record of more than {} MiB; a quote may not be closed", MAX_RECORD >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(read)
    }
}

impl LineReader {
    pub fn new(
        path: &Path,
        mut input: Box<dyn BufRead + Send>,
        format: TableFormat,
        options: &TableReaderOptions,
    ) -> Result<LineReader> {
        if input.fill_buf().map_err(|e| Error::io(path, "read it", e))?.starts_with(BOM) {
            input.consume(BOM.len());
        }
        let counts = Arc::new(ReadCounts::default());
        let input = CountingReader { input, counts: Arc::clone(&counts) };
        let strings = |names: &[String]| {
            let fields = names.iter().map(|name| Field::new(name, DataType::Utf8, true));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        let reader = match format {
            TableFormat::Csv | TableFormat::Tsv => {
                let quoting = format == TableFormat::Csv;
                let mut records = csv::ReaderBuilder::new()
                    .delimiter(if quoting { b',' } else { b'\t' })
                    // Quotes have no special meaning in TSV.
                    .quoting(quoting)
                    .from_reader(BufReader::new(input));
                let header = records.byte_headers().map_err(|e| TableError::from(e).reading(path, "a header"))?;
                let names: Vec<String> =
                    header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
                let text = options.find_text_column(path, &names)?;
                Reader::Columns { records: Box::new(records), schema: strings(&names), text, open_quote: None }
            }
            TableFormat::JsonLines => Reader::Json(BufReader::new(input)),
            _ => Reader::Lines(BufReader::new(input), strings(&["text".to_owned()])),
        };
        Ok(LineReader { reader, counts, line: 0, options: options.clone() })
    }

    /// The columns; `None` for JSON Lines, where each line has its own keys.
    pub fn schema(&self) -> Option<SchemaRef> {
        match &self.reader {
            Reader::Lines(_, schema) | Reader::Columns { schema, .. } => Some(Arc::clone(schema)),
            Reader::Json(_) => None,
        }
    }

    pub fn next_chunk(&mut self, path: &Path) -> Result<Option<Chunk>> {
        let chunk = match &self.reader {
            Reader::Lines(..) => self.lines(path),
            Reader::Json(_) => self.objects(path),
            Reader::Columns { .. } => self.columns(path),
        };
        chunk.map(|chunk| Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    /// The next line, without the line break.
    fn line<'l>(&mut self, path: &Path, line: &'l mut Vec<u8>) -> Result<Option<Cow<'l, str>>> {
        line.clear();
        let (Reader::Lines(input, _) | Reader::Json(input)) = &mut self.reader else { return Ok(None) };
        self.counts.bytes.store(0, Ordering::Relaxed);
        if input.read_until(b'\n', line).map_err(|e| TableError::from(e).reading(path, "lines"))? == 0 {
            return Ok(None);
        }
        self.line += 1;
        for end in [b'\n', b'\r'] {
            line.pop_if(|last| *last == end);
        }
        Ok(Some(String::from_utf8_lossy(line)))
    }

    fn lines(&mut self, path: &Path) -> Result<Chunk> {
        let (mut texts, mut replaced, mut bytes, mut line) = (StringBuilder::new(), 0, 0, Vec::new());
        let mut rows = 0;
        while rows < MAX_ROWS && bytes < MAX_BYTES {
            let Some(text) = self.line(path, &mut line)? else { break };
            replaced += usize::from(matches!(text, Cow::Owned(_)));
            bytes += text.len();
            texts.append_value(text);
            rows += 1;
        }
        self.batch(path, vec![texts], 0, replaced)
    }

    fn objects(&mut self, path: &Path) -> Result<Chunk> {
        let (mut texts, mut objects, mut replaced, mut line) = (StringBuilder::new(), Vec::new(), 0, Vec::new());
        let mut bytes = 0;
        while objects.len() < MAX_ROWS && bytes < MAX_BYTES {
            let Some(text) = self.line(path, &mut line)? else { break };
            let object = text.trim();
            if object.is_empty() {
                continue;
            }
            let at_line =
                |e: Malformed| Malformed { place: Place::Line(self.line), ..e }.in_file(path.to_string_lossy());
            texts.append_option(text_of(object, &self.options).map_err(at_line)?);
            replaced += usize::from(matches!(text, Cow::Owned(_)));
            bytes += object.len();
            objects.push(object.to_owned());
        }
        Ok(Chunk { texts: Arc::new(texts.finish()), data: ChunkData::Objects(objects), replaced })
    }

    fn columns(&mut self, path: &Path) -> Result<Chunk> {
        let Reader::Columns { records, schema, text, open_quote } = &mut self.reader else {
            return Err(malformed(path, "columns", "none"));
        };
        let mut columns: Vec<StringBuilder> = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let (mut record, mut rows, mut bytes, mut replaced) = (csv::ByteRecord::new(), 0, 0, 0);
        while rows < MAX_ROWS && bytes < MAX_BYTES {
            self.counts.bytes.store(0, Ordering::Relaxed);
            let more = records.read_byte_record(&mut record).map_err(|e| {
                let line = e.position().map_or(Place::File, |position| Place::Line(position.line()));
                match e.kind() {
                    &csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        let problem = Problem::ColumnCount { expected: expected_len as usize, found: len as usize };
                        Malformed::new(line, problem).in_file(path.to_string_lossy()).into()
                    }
                    _ => TableError::from(e).reading(path, "records"),
                }
            })?;
            if !more {
                let open = self.counts.quotes.load(Ordering::Relaxed) % 2 == 1;
                if let (true, Some(line)) = (open, *open_quote) {
                    return Err(Malformed::message(Place::Line(line), "this quoted field is never closed")
                        .advise("write a quote inside a quoted field twice")
                        .in_file(path.to_string_lossy())
                        .into());
                }
                break;
            }
            let mut lossy = false;
            for (field, column) in record.iter().zip(&mut columns) {
                let field = String::from_utf8_lossy(field);
                lossy |= matches!(field, Cow::Owned(_));
                bytes += field.len();
                column.append_value(field);
            }
            // The reader takes everything after an unclosed quote as one field, including the last line break.
            let may_be_open = record.iter().next_back().is_some_and(|field| field.ends_with(b"\n"));
            *open_quote = record.position().map(csv::Position::line).filter(|_| may_be_open);
            replaced += usize::from(lossy);
            rows += 1;
        }
        let text = *text;
        self.batch(path, columns, text, replaced)
    }

    fn batch(&self, path: &Path, columns: Vec<StringBuilder>, text: usize, replaced: usize) -> Result<Chunk> {
        let columns: Vec<ArrayRef> =
            columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
        let schema = self.schema().unwrap_or_else(|| Arc::new(Schema::empty()));
        let texts = columns.get(text).map(Arc::clone);
        let batch = RecordBatch::try_new(schema, columns).map_err(|e| TableError::from(e).reading(path, "columns"))?;
        let texts = texts.ok_or_else(|| malformed(path, "a text column", "none"))?;
        Ok(Chunk { texts, data: ChunkData::Batch(batch), replaced })
    }
}

/// The text of a JSON object; `None` for null.
fn text_of(line: &str, options: &TableReaderOptions) -> Result<Option<String>, Malformed> {
    let mismatch = |expected: &str, found: String| Malformed::at(Place::File, expected, found);
    let shown = || line.chars().take(40).collect::<String>();
    let object: Map<String, Value> =
        serde_json::from_str(line).map_err(|e| mismatch("a JSON object", format!("`{}` ({e})", shown())))?;
    if let Some(name) = options.added.iter().find(|name| object.contains_key(*name)) {
        return Err(duplicate_column(Place::File, name));
    }
    let found = match &options.text_column {
        Some(wanted) => object.get_key_value(wanted),
        None => TEXT_NAMES.iter().find_map(|usual| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(usual))),
    };
    match found {
        Some((_, Value::String(text))) => Ok(Some(text.clone())),
        Some((_, value @ (Value::Number(_) | Value::Bool(_)))) => Ok(Some(value.to_string())),
        Some((_, Value::Null)) => Ok(None),
        Some((key, value)) => {
            let value: String = value.to_string().chars().take(40).collect();
            Err(mismatch(&format!("a string or a number at `{key}`"), value))
        }
        None => {
            let keys: Vec<String> = object.keys().cloned().collect();
            let expected = match &options.text_column {
                Some(wanted) => format!("a key `{wanted}`"),
                None => format!("a key for the text ({})", TEXT_NAMES.join(", ")),
            };
            Err(mismatch(&expected, format!("the keys {}", listed(&keys))).advise(Advice::SetTextColumn))
        }
    }
}
