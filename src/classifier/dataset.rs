//! Labelled texts: reading them, telling their form by content.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

use crate::error::{Advice, Error, Malformed, Place, Problem, Result};
use crate::files::{bytes, text_of};

/// A form of labelled texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataFormat {
    /// `LABEL TEXT`, one a line.
    Plain,
    /// Tab-separated columns under a header.
    Tsv,
    /// Comma-separated columns under a header (RFC 4180: quotes, line breaks in them).
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// fastText's: `__label__LABEL TEXT`, one a line.
    FastText,
}

impl DataFormat {
    /// All forms, in the order in which help texts name them.
    pub const ALL: [DataFormat; 5] =
        [DataFormat::Plain, DataFormat::Tsv, DataFormat::Csv, DataFormat::JsonLines, DataFormat::FastText];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            DataFormat::Plain => "plain",
            DataFormat::Tsv => "tsv",
            DataFormat::Csv => "csv",
            DataFormat::JsonLines => "jsonl",
            DataFormat::FastText => "fasttext",
        }
    }
}

impl fmt::Display for DataFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        DataFormat::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = DataFormat::ALL.map(DataFormat::name).join(", ");
            Error::invalid("data format", names, format!("`{name}`"))
        })
    }
}

/// How to read labelled texts.
#[derive(Debug, Clone, Default)]
pub struct DataOptions {
    /// The form; `None` tells it by content.
    pub format: Option<DataFormat>,
    /// Column (or JSON key) of the label; `None` takes the first of [`LABEL_NAMES`] that is there.
    pub label_column: Option<String>,
    /// Column (or JSON key) of the text; `None` takes the first of [`TEXT_NAMES`] that is there.
    pub text_column: Option<String>,
}

/// Names under which labels are looked for.
pub const LABEL_NAMES: [&str; 7] = ["label", "labels", "class", "category", "target", "sentiment", "y"];

/// Names under which texts are looked for.
pub const TEXT_NAMES: [&str; 7] = ["text", "sentence", "review", "question", "content", "body", "document"];

/// A text and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledText {
    /// As the file has it.
    pub label: String,
    /// As the file has it, bytes that are not UTF-8 replaced.
    pub text: String,
    /// Line it begins on, counted from 1.
    pub line: u64,
}

/// The labelled texts of a file.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The file's name, for messages.
    pub name: String,
    /// Its form.
    pub format: DataFormat,
    /// The texts in the file's order.
    pub texts: Vec<LabelledText>,
    /// How many of them held bytes that are not UTF-8, which were replaced by U+FFFD.
    pub replaced: usize,
}

impl Dataset {
    /// Reads a file; gzip and zip are inflated.
    ///
    /// # Errors
    /// A file that cannot be read or has no texts, a column that is not there, a line without a label.
    pub fn open(path: impl AsRef<Path>, options: &DataOptions) -> Result<Dataset> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        let name = path.to_string_lossy().into_owned();
        Dataset::parse(&bytes, options, &name).map_err(|e| e.in_file(name).into())
    }

    /// Reads texts from bytes; `name` is what messages call them.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn parse(bytes: &[u8], options: &DataOptions, name: &str) -> Result<Dataset, Malformed> {
        let bytes = text_of(bytes)?;
        let format = options.format.unwrap_or_else(|| sniff(bytes, options, name));
        let mut data = Dataset { name: name.to_owned(), format, texts: Vec::new(), replaced: 0 };
        match format {
            DataFormat::Plain => data.read_lines(bytes, plain)?,
            DataFormat::FastText => data.read_lines(bytes, fasttext)?,
            DataFormat::JsonLines => data.read_lines(bytes, |line| json(line, options))?,
            DataFormat::Tsv => data.read_columns(bytes, b'\t', options)?,
            DataFormat::Csv => data.read_columns(bytes, b',', options)?,
        }
        if data.texts.is_empty() {
            return Err(Malformed::at(Place::File, "labelled texts", "none"));
        }
        Ok(data)
    }

    /// The distinct labels, sorted.
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
            // In tab-separated files a quote is just a quote.
            .quoting(delimiter == b',')
            .from_reader(bytes);
        // A record's position is where the one before it ended: the line feeds between them still lie ahead.
        let line_of = |position: &csv::Position| {
            let ahead = bytes.get(position.byte() as usize..).unwrap_or_default();
            let breaks = ahead.iter().take_while(|byte| b"\r\n".contains(byte));
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
        // The reader takes all that follows an open quote as one text.
        let record = bytes.get(last.byte() as usize..).unwrap_or_default();
        if delimiter == b',' && ends_in_quotes(record) {
            let line = Place::Line(line_of(&last));
            return Err(Malformed::at(line, "a closing quote", "the end of the file")
                .advise("a quote inside a quoted field is written twice"));
        }
        Ok(())
    }
}

/// Texts without labels, one a line.
#[derive(Debug, Clone)]
pub struct UnlabelledTexts {
    /// The texts in the file's order, without lines of white space alone.
    pub texts: Vec<String>,
    /// How many of them held bytes that are not UTF-8, which were replaced by U+FFFD.
    pub replaced: usize,
}

impl UnlabelledTexts {
    /// Reads a file; gzip and zip are inflated.
    ///
    /// # Errors
    /// A file that cannot be read or has no texts.
    pub fn open(path: impl AsRef<Path>) -> Result<UnlabelledTexts> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        UnlabelledTexts::parse(&bytes).map_err(|e| e.in_file(path.to_string_lossy()).into())
    }

    /// Reads texts from bytes.
    ///
    /// # Errors
    /// No texts.
    pub fn parse(bytes: &[u8]) -> Result<UnlabelledTexts, Malformed> {
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
            return Err(Malformed::at(Place::File, "texts, one a line", "none"));
        }
        Ok(lines)
    }
}

/// The form of labelled texts, by their first line; where that says nothing, by the file's name.
fn sniff(bytes: &[u8], options: &DataOptions, name: &str) -> DataFormat {
    let first = bytes.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    let start = first.trim();
    // A JSON array is none of the forms; as JSON lines it is refused, as plain lines its brackets would be labels.
    if start.starts_with('{') || start.starts_with("[{") || start == "[" {
        return DataFormat::JsonLines;
    }
    if first.starts_with("__label__") {
        return DataFormat::FastText;
    }
    // A header is one that names the columns looked for.
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
        // Columns were asked for: let the reader say which are there.
        (true, true) => DataFormat::Tsv,
        (true, false) => DataFormat::Csv,
        // As plain lines its first words would be labels.
        (false, _) if is_csv => DataFormat::Csv,
        (false, _) => DataFormat::Plain,
    }
}

/// The index of a column: the one asked for, or the first that has one of the usual names in any case.
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

/// A line's label and text; an error is given its line later.
type Parsed = Result<(String, String), Malformed>;

fn unlike(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
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
            Err(unlike("one label a text", format!("two in `{}`", shortened(line))))
        }
        Some(label) if !label.is_empty() => Ok((label.to_owned(), text.trim().to_owned())),
        _ => Err(unlike("`__label__LABEL TEXT`", format!("`{}`", shortened(line)))),
    }
}

fn json(line: &str, options: &DataOptions) -> Parsed {
    let value: Value =
        serde_json::from_str(line).map_err(|e| unlike("a JSON object", format!("`{}` ({e})", shortened(line))))?;
    let Value::Object(object) = value else {
        return Err(unlike("a JSON object", format!("`{}`", shortened(line))));
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
                Err(unlike(format!("a string or a number at `{key}`"), shortened(&value.to_string())))
            }
            None => {
                let keys: Vec<String> = object.keys().cloned().collect();
                let expected = match wanted {
                    Some(wanted) => format!("a key `{wanted}`"),
                    None => format!("a key for the {what} ({})", usual.join(", ")),
                };
                Err(unlike(expected, format!("the keys {}", listed(&keys))).advise(Advice::SetColumns))
            }
        }
    };
    let label = field(&options.label_column, &LABEL_NAMES, "label")?;
    if label.is_empty() {
        return Err(unlike("a label", "an empty string"));
    }
    Ok((label, field(&options.text_column, &TEXT_NAMES, "text")?))
}

/// Whether a record of CSV ends before its last quote is closed.
fn ends_in_quotes(record: &[u8]) -> bool {
    // A quote opens a field at its first byte only; right behind a closing one it is the second of a doubled quote.
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

/// The beginning of a line, fit for an error message.
fn shortened(line: &str) -> String {
    line.chars().take(40).collect()
}

/// Names of columns, fit for an error message.
pub(crate) fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let more = if names.len() > MOST { ", ..." } else { "" };
    let names = names.iter().take(MOST).map(|name| shortened(name).replace(char::is_control, " "));
    format!("{}{more}", names.collect::<Vec<_>>().join(", "))
}

impl AsRef<str> for LabelledText {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
