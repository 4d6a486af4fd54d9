//! Labelled data sets: reading them, and detecting their format.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde_json::Value;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Advice, Error, Malformed, Place, Problem, Result};
use crate::files::{bytes, text_of};

/// A format of labelled data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum DataFormat {
    /// One `LABEL TEXT` per line.
    Plain,
    /// Tab-separated columns with a header; quotes have no special meaning.
    Tsv,
    /// Comma-separated columns with a header (RFC 4180: quoted fields may contain commas and line breaks).
    Csv,
    /// JSON Lines: one JSON object per line.
    #[strum(serialize = "jsonl")]
    JsonLines,
    /// The format of fastText: one `__label__LABEL TEXT` per line.
    FastText,
}

impl DataFormat {
    /// All formats, in the order of help texts.
    pub const ALL: &'static [DataFormat] = <DataFormat as VariantArray>::VARIANTS;

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Options for reading a labelled data set.
#[derive(Debug, Clone, Default)]
pub struct DataOptions {
    /// The format; `None` detects it from the content.
    pub format: Option<DataFormat>,
    /// Column or JSON key of the label; `None` for the first of [`LABEL_NAMES`] that exists.
    pub label_column: Option<String>,
    /// Column or JSON key of the text; `None` for the first of [`TEXT_NAMES`] that exists.
    pub text_column: Option<String>,
}

/// Default names of the label column, in any case.
pub const LABEL_NAMES: [&str; 7] = ["label", "labels", "class", "category", "target", "sentiment", "y"];

/// Default names of the text column, in any case.
pub const TEXT_NAMES: [&str; 7] = ["text", "sentence", "review", "question", "content", "body", "document"];

/// A text and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledText {
    /// The label as written in the file.
    pub label: String,
    /// The text as written in the file; bytes that are not UTF-8 are replaced by U+FFFD.
    pub text: String,
    /// The line on which it begins, counted from 1.
    pub line: u64,
}

/// A labelled data set.
#[derive(Clone)]
pub struct Dataset {
    /// The name of the file, for messages.
    pub name: String,
    /// Its format.
    pub format: DataFormat,
    /// The texts in the order of the file.
    pub texts: Vec<LabelledText>,
    /// How many texts contained bytes that are not UTF-8, which were replaced by U+FFFD.
    pub replaced: usize,
}

impl Dataset {
    /// Reads a file, which may be compressed with gzip or zip.
    ///
    /// # Errors
    /// [`Error::Io`]; a file without texts; a missing column; a record without a label.
    pub fn open(path: impl AsRef<Path>, options: &DataOptions) -> Result<Dataset> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        let name = path.to_string_lossy().into_owned();
        Dataset::parse(&bytes, options, &name).map_err(|e| e.in_file(name))
    }

    /// Reads a data set from bytes; `name` is used in messages.
    ///
    /// # Errors
    /// Those of [`Dataset::open`], without [`Error::Io`].
    pub fn parse(bytes: &[u8], options: &DataOptions, name: &str) -> Result<Dataset> {
        let bytes = text_of(bytes)?;
        let format = options.format.unwrap_or_else(|| detect_format(bytes, options, name));
        let mut data = Dataset { name: name.to_owned(), format, texts: Vec::new(), replaced: 0 };
        match format {
            DataFormat::Plain => data.read_lines(bytes, plain)?,
            DataFormat::FastText => data.read_lines(bytes, fasttext)?,
            DataFormat::JsonLines => data.read_lines(bytes, |line| json(line, options))?,
            DataFormat::Tsv => data.read_columns(bytes, b'\t', options)?,
            DataFormat::Csv => data.read_columns(bytes, b',', options)?,
        }
        if data.texts.is_empty() {
            return Err(Malformed::at(Place::File, "labelled texts", "none").into());
        }
        Ok(data)
    }

    /// The distinct labels in alphabetical order.
    pub fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self.texts.iter().map(|text| text.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    fn read_lines(&mut self, bytes: &[u8], parse: impl Fn(&str) -> Parsed) -> Result<(), Malformed> {
        for (line, number) in bytes.split(|&byte| byte == b'\n').zip(1..) {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if line.trim().is_empty() {
                continue;
            }
            let (label, text) = parse(&line).map_err(|e| Malformed { place: Place::Line(number), ..e })?;
            self.replaced += usize::from(matches!(line, Cow::Owned(_)));
            self.texts.push(LabelledText { label, text, line: number });
        }
        Ok(())
    }

    fn read_columns(&mut self, bytes: &[u8], delimiter: u8, options: &DataOptions) -> Result<(), Malformed> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            // In tab-separated files, quotes have no special meaning.
            .quoting(delimiter == b',')
            .from_reader(bytes);
        // The position of a record is the end of the previous one, before the line breaks between them.
        let line_of = |position: &csv::Position| {
            let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
            let breaks = rest.iter().take_while(|byte| b"\r\n".contains(byte));
            position.line() + breaks.filter(|&&byte| byte == b'\n').count() as u64
        };
        let malformed = |e: csv::Error| {
            let line = e.position().map_or(Place::File, |position| Place::Line(line_of(position)));
            let found = match e.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    let (expected, found) = (*expected_len as usize, *len as usize);
                    return Malformed::new(line, Problem::ColumnCount { expected, found });
                }
                _ => e.to_string(),
            };
            Malformed::at(line, "a record", found)
        };
        let header: Vec<String> = reader
            .byte_headers()
            .map_err(malformed)?
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let label = column(&header, options.label_column.as_deref(), &LABEL_NAMES, "label")?;
        let text = column(&header, options.text_column.as_deref(), &TEXT_NAMES, "text")?;
        let mut last = csv::Position::new();
        for record in reader.byte_records() {
            let record = record.map_err(malformed)?;
            let field = |index: usize| String::from_utf8_lossy(record.get(index).unwrap_or_default());
            last = record.position().cloned().unwrap_or(last);
            let line = line_of(&last);
            let (label, text) = (field(label), field(text));
            if label.is_empty() {
                return Err(Malformed::at(Place::Line(line), "a label", "an empty field"));
            }
            let replaced = matches!(label, Cow::Owned(_)) || matches!(text, Cow::Owned(_));
            self.replaced += usize::from(replaced);
            self.texts.push(LabelledText { label: label.into_owned(), text: text.into_owned(), line });
        }
        // The reader accepts an unclosed quote and takes the rest of the file as one field.
        let record = bytes.get(last.byte() as usize..).unwrap_or_default();
        if delimiter == b',' && ends_in_quotes(record) {
            let line = Place::Line(line_of(&last));
            return Err(Malformed::at(line, "a closing quote", "the end of the file")
                .advise("write a quote inside a quoted field twice"));
        }
        Ok(())
    }
}

/// Texts without labels, one per line.
#[derive(Debug, Clone)]
pub struct UnlabelledTexts {
    /// The texts in the order of the file, without blank lines.
    pub texts: Vec<String>,
    /// How many texts contained bytes that are not UTF-8, which were replaced by U+FFFD.
    pub replaced: usize,
}

impl UnlabelledTexts {
    /// Reads a file, which may be compressed with gzip or zip.
    ///
    /// # Errors
    /// [`Error::Io`]; a file without texts.
    pub fn open(path: impl AsRef<Path>) -> Result<UnlabelledTexts> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        UnlabelledTexts::parse(&bytes).map_err(|e| e.in_file(path.to_string_lossy()))
    }

    /// Reads texts from bytes.
    ///
    /// # Errors
    /// A file without texts.
    pub fn parse(bytes: &[u8]) -> Result<UnlabelledTexts> {
        let bytes = text_of(bytes)?;
        let mut lines = UnlabelledTexts { texts: Vec::new(), replaced: 0 };
        for line in bytes.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            if !line.trim().is_empty() {
                lines.replaced += usize::from(matches!(line, Cow::Owned(_)));
                lines.texts.push(line.trim().to_owned());
            }
        }
        if lines.texts.is_empty() {
            return Err(Malformed::at(Place::File, "one text per line", "none").into());
        }
        Ok(lines)
    }
}

/// Detects the format of a data set from its first line or, if that is inconclusive, from the name of the file.
fn detect_format(bytes: &[u8], options: &DataOptions, name: &str) -> DataFormat {
    let first = bytes.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    let start = first.trim();
    // A JSON array is not supported. It is an error as JSON Lines; as plain lines, its brackets would be labels.
    if start.starts_with('{') || start.starts_with("[{") || start == "[" {
        return DataFormat::JsonLines;
    }
    if first.starts_with("__label__") {
        return DataFormat::FastText;
    }
    // A header contains the names of a label and a text column.
    for (format, delimiter) in [(DataFormat::Tsv, '\t'), (DataFormat::Csv, ',')] {
        let names: Vec<String> = first.split(delimiter).map(|name| name.trim().trim_matches('"').to_owned()).collect();
        let has = |wanted: Option<&str>, usual: &[&str]| column(&names, wanted, usual, "").is_ok();
        let (label, text) = (options.label_column.as_deref(), options.text_column.as_deref());
        if names.len() > 1 && has(label, &LABEL_NAMES) && has(text, &TEXT_NAMES) {
            return format;
        }
    }
    let name = name.to_ascii_lowercase();
    let is_csv = [".csv", ".csv.gz", ".csv.zip"].iter().any(|ending| name.ends_with(ending));
    match (options.label_column.is_some() || options.text_column.is_some(), first.contains('\t')) {
        // If columns are given, the reader reports which ones exist.
        (true, true) => DataFormat::Tsv,
        (true, false) => DataFormat::Csv,
        // As plain lines, the first word of each line would be the label.
        (false, _) if is_csv => DataFormat::Csv,
        (false, _) => DataFormat::Plain,
    }
}

/// The index of a column: the wanted one, or the first of the usual names in any case.
fn column(header: &[String], wanted: Option<&str>, usual: &[&str], what: &str) -> Result<usize, Malformed> {
    let found = match wanted {
        Some(wanted) => header.iter().position(|name| name == wanted),
        None => usual.iter().find_map(|usual| header.iter().position(|name| name.eq_ignore_ascii_case(usual))),
    };
    found.ok_or_else(|| {
        let expected = match wanted {
            Some(wanted) => format!("a column `{wanted}`"),
            None => format!("a column for the {what} ({})", usual.join(", ")),
        };
        Malformed::at(Place::Line(1), expected, format!("the columns {}", listed(header))).advise(Advice::SetColumns)
    })
}

/// The label and text of a line. The caller adds the line number to an error.
type Parsed = Result<(String, String), Malformed>;

fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}

fn plain(line: &str) -> Parsed {
    let line = line.trim_start();
    let (label, text) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    Ok((label.to_owned(), text.trim().to_owned()))
}

fn fasttext(line: &str) -> Parsed {
    let (label, text) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    match label.strip_prefix("__label__") {
        Some(_) if text.trim_start().starts_with("__label__") => {
            Err(unexpected("one label per text", format!("two in `{}`", shortened(line))))
        }
        Some(label) if !label.is_empty() => Ok((label.to_owned(), text.trim().to_owned())),
        _ => Err(unexpected("`__label__LABEL TEXT`", format!("`{}`", shortened(line)))),
    }
}

fn json(line: &str, options: &DataOptions) -> Parsed {
    let value: Value =
        serde_json::from_str(line).map_err(|e| unexpected("a JSON object", format!("`{}` ({e})", shortened(line))))?;
    let Value::Object(object) = value else {
        return Err(unexpected("a JSON object", format!("`{}`", shortened(line))));
    };
    let field = |wanted: &Option<String>, usual: &[&str], what: &str| {
        let found = match wanted {
            Some(wanted) => object.get_key_value(wanted),
            None => usual.iter().find_map(|usual| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(usual))),
        };
        match found {
            Some((_, Value::String(text))) => Ok(text.clone()),
            Some((_, value @ (Value::Number(_) | Value::Bool(_)))) => Ok(value.to_string()),
            Some((key, value)) => {
                Err(unexpected(format!("a string or a number at `{key}`"), shortened(&value.to_string())))
            }
            None => {
                let keys: Vec<String> = object.keys().cloned().collect();
                let expected = match wanted {
                    Some(wanted) => format!("a key `{wanted}`"),
                    None => format!("a key for the {what} ({})", usual.join(", ")),
                };
                Err(unexpected(expected, format!("the keys {}", listed(&keys))).advise(Advice::SetColumns))
            }
        }
    };
    let label = field(&options.label_column, &LABEL_NAMES, "label")?;
    if label.is_empty() {
        return Err(unexpected("a label", "an empty string"));
    }
    Ok((label, field(&options.text_column, &TEXT_NAMES, "text")?))
}

/// Whether a CSV record ends inside a quoted field.
fn ends_in_quotes(record: &[u8]) -> bool {
    // A quote opens a field only as its first byte. After a closing quote, it is the second byte of an escaped quote.
    let (mut open, mut may_open) = (false, true);
    for &byte in record {
        match byte {
            b'"' if open => (open, may_open) = (false, true),
            b'"' if may_open => (open, may_open) = (true, false),
            _ => may_open = b",\r\n".contains(&byte),
        }
    }
    open
}

/// The beginning of a line, for error messages.
fn shortened(line: &str) -> String {
    line.chars().take(40).collect()
}

/// The names of columns, for error messages.
pub(crate) fn listed(names: &[String]) -> String {
    const MAX_NAMES: usize = 20;
    let more = if names.len() > MAX_NAMES { ", ..." } else { "" };
    let names = names.iter().take(MAX_NAMES).map(|name| shortened(name).replace(char::is_control, " "));
    format!("{}{more}", names.collect::<Vec<_>>().join(", "))
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("texts", &self.texts.len())
            .field("labels", &self.labels().len())
            .field("replaced", &self.replaced)
            .finish()
    }
}

impl AsRef<str> for LabelledText {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
