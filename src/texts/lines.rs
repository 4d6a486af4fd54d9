//! Reading texts from lines: plain ones, CSV, TSV, JSON.

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

use super::TextFormat;
use super::error::{Refusal, malformed};
use super::source::{BYTES, Chunk, Columns, ROWS, SourceOptions, collision, text_column};
use crate::classifier::dataset::{TEXT_NAMES, listed};
use crate::error::{Advice, Error, Malformed, Place, Result};
use crate::files::BOM;

/// The longest record taken, in bytes: an open quote or a file without line feeds would otherwise fill the memory.
const LONGEST: u64 = 16 << 20;

/// A file of records that lie between line feeds.
pub(super) struct LineReader {
    reader: Reader,
    counts: Arc<Counts>,
    /// The number of the line read last, counted from 1.
    line: u64,
    options: SourceOptions,
}

enum Reader {
    /// The only column is the line.
    Lines(Input, SchemaRef),
    Json(Input),
    Columns {
        records: Box<csv::Reader<Input>>,
        schema: SchemaRef,
        text: usize,
        /// The line of the record read last, if it may have taken what follows an open quote.
        open_at: Option<u64>,
    },
}

type Input = BufReader<Counted>;

/// What has been read.
#[derive(Default)]
struct Counts {
    /// Bytes since the last record.
    bytes: AtomicU64,
    /// Quotes in all.
    quotes: AtomicU64,
}

/// Counts what is read, and refuses to read on when a record has no end.
struct Counted {
    input: Box<dyn BufRead + Send>,
    counts: Arc<Counts>,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(to)?;
        let quotes = memchr_iter(b'"', to.get(..read).unwrap_or_default()).count();
        self.counts.quotes.fetch_add(quotes as u64, Ordering::Relaxed);
        if self.counts.bytes.fetch_add(read as u64, Ordering::Relaxed) > LONGEST {
            let what =
                format!("more than {} MiB without an end of the record; is a quote never closed?", LONGEST >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(read)
    }
}

impl LineReader {
    pub fn new(
        path: &Path,
        mut input: Box<dyn BufRead + Send>,
        format: TextFormat,
        options: &SourceOptions,
    ) -> Result<LineReader> {
        if input.fill_buf().map_err(|e| Error::io(path, "read it", e))?.starts_with(BOM) {
            input.consume(BOM.len());
        }
        let counts = Arc::new(Counts::default());
        let input = Counted { input, counts: Arc::clone(&counts) };
        let strings = |names: &[String]| {
            let fields = names.iter().map(|name| Field::new(name, DataType::Utf8, true));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        let reader = match format {
            TextFormat::Csv | TextFormat::Tsv => {
                let quoting = format == TextFormat::Csv;
                let mut records = csv::ReaderBuilder::new()
                    .delimiter(if quoting { b',' } else { b'\t' })
                    // In tab-separated files a quote is just a quote.
                    .quoting(quoting)
                    .from_reader(BufReader::new(input));
                let header = records.byte_headers().map_err(|e| Refusal::from(e).reading(path, "a header"))?;
                let names: Vec<String> =
                    header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
                let text = text_column(path, &names, options)?;
                Reader::Columns { records: Box::new(records), schema: strings(&names), text, open_at: None }
            }
            TextFormat::JsonLines => Reader::Json(BufReader::new(input)),
            _ => Reader::Lines(BufReader::new(input), strings(&["text".to_owned()])),
        };
        Ok(LineReader { reader, counts, line: 0, options: options.clone() })
    }

    /// The columns; `None` where each line has its own.
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

    /// The next line, without its end.
    fn line<'l>(&mut self, path: &Path, line: &'l mut Vec<u8>) -> Result<Option<Cow<'l, str>>> {
        line.clear();
        let (Reader::Lines(input, _) | Reader::Json(input)) = &mut self.reader else { return Ok(None) };
        self.counts.bytes.store(0, Ordering::Relaxed);
        if input.read_until(b'\n', line).map_err(|e| Refusal::from(e).reading(path, "lines"))? == 0 {
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
        while rows < ROWS && bytes < BYTES {
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
        while objects.len() < ROWS && bytes < BYTES {
            let Some(text) = self.line(path, &mut line)? else { break };
            let text_is = text.trim();
            if text_is.is_empty() {
                continue;
            }
            let at_line =
                |e: Malformed| Malformed { place: Place::Line(self.line), ..e }.in_file(path.to_string_lossy());
            texts.append_option(text_of(text_is, &self.options).map_err(at_line)?);
            replaced += usize::from(matches!(text, Cow::Owned(_)));
            bytes += text_is.len();
            objects.push(text_is.to_owned());
        }
        Ok(Chunk { texts: Arc::new(texts.finish()), columns: Columns::Objects(objects), replaced })
    }

    fn columns(&mut self, path: &Path) -> Result<Chunk> {
        let Reader::Columns { records, schema, text, open_at } = &mut self.reader else {
            return Err(malformed(path, "columns", "none"));
        };
        let mut columns: Vec<StringBuilder> = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let (mut record, mut rows, mut bytes, mut replaced) = (csv::ByteRecord::new(), 0, 0, 0);
        while rows < ROWS && bytes < BYTES {
            self.counts.bytes.store(0, Ordering::Relaxed);
            let more = records.read_byte_record(&mut record).map_err(|e| {
                let line = e.position().map_or(Place::File, |position| Place::Line(position.line()));
                match e.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        Malformed::at(line, format!("{expected_len} columns, as the header has"), len.to_string())
                            .in_file(path.to_string_lossy())
                            .into()
                    }
                    _ => Refusal::from(e).reading(path, "records"),
                }
            })?;
            if !more {
                let open = self.counts.quotes.load(Ordering::Relaxed) % 2 == 1;
                if let (true, Some(line)) = (open, *open_at) {
                    return Err(Malformed::at(Place::Line(line), "a closing quote", "the end of the file")
                        .advise("a quote inside a quoted field is written twice")
                        .in_file(path.to_string_lossy())
                        .into());
                }
                break;
            }
            let mut odd = false;
            for (field, column) in record.iter().zip(&mut columns) {
                let field = String::from_utf8_lossy(field);
                odd |= matches!(field, Cow::Owned(_));
                bytes += field.len();
                column.append_value(field);
            }
            // The reader takes all that follows an open quote as one field, the last line feed included.
            let may_be_open = record.iter().next_back().is_some_and(|field| field.ends_with(b"\n"));
            *open_at = record.position().map(csv::Position::line).filter(|_| may_be_open);
            replaced += usize::from(odd);
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
        let batch = RecordBatch::try_new(schema, columns).map_err(|e| Refusal::from(e).reading(path, "columns"))?;
        let texts = texts.ok_or_else(|| malformed(path, "a column of texts", "none"))?;
        Ok(Chunk { texts, columns: Columns::Batch(batch), replaced })
    }
}

/// The text of a JSON object; `None` for null.
fn text_of(line: &str, options: &SourceOptions) -> Result<Option<String>, Malformed> {
    let unlike = |expected: &str, found: String| Malformed::at(Place::File, expected, found);
    let shown = || line.chars().take(40).collect::<String>();
    let object: Map<String, Value> =
        serde_json::from_str(line).map_err(|e| unlike("a JSON object", format!("`{}` ({e})", shown())))?;
    if let Some(name) = options.added.iter().find(|name| object.contains_key(*name)) {
        return Err(collision(Place::File, name));
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
            Err(unlike(&format!("a string or a number at `{key}`"), value))
        }
        None => {
            let keys: Vec<String> = object.keys().cloned().collect();
            let expected = match &options.text_column {
                Some(wanted) => format!("a key `{wanted}`"),
                None => format!("a key for the text ({})", TEXT_NAMES.join(", ")),
            };
            Err(unlike(&expected, format!("the keys {}", listed(&keys))).advise(Advice::SetTextColumn))
        }
    }
}

/// The form of lines: by the first one; where that says nothing, by the file's name.
pub(super) fn sniff(head: &[u8], path: &Path, options: &SourceOptions) -> Result<TextFormat> {
    for (magic, what) in [
        (&b"PK\x03\x04"[..], "a zip archive"),
        (b"FEA1", "Feather of version 1"),
        (b"ORC", "ORC"),
        (b"Obj\x01", "Avro"),
    ] {
        if head.starts_with(magic) {
            return Err(malformed(path, "Parquet, Arrow, CSV, TSV, JSON lines or plain lines", what));
        }
    }
    let head = head.strip_prefix(BOM).unwrap_or(head);
    let first = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    if first.trim_start().starts_with('{') {
        return Ok(TextFormat::JsonLines);
    }
    // A header is one that names the column looked for.
    for (format, delimiter) in [(TextFormat::Tsv, '\t'), (TextFormat::Csv, ',')] {
        let names: Vec<String> = first.split(delimiter).map(|name| name.trim().trim_matches('"').to_owned()).collect();
        if names.len() > 1 && text_column(path, &names, options).is_ok() {
            return Ok(format);
        }
    }
    Ok(match TextFormat::of_name(path) {
        Some(format @ (TextFormat::Csv | TextFormat::Tsv | TextFormat::JsonLines)) => format,
        // A column was asked for: let the reader say which are there.
        _ if options.text_column.is_some() && first.contains('\t') => TextFormat::Tsv,
        _ if options.text_column.is_some() => TextFormat::Csv,
        _ => TextFormat::Lines,
    })
}
