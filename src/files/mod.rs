//! Bytes on disk to rows (a word and its numbers): the formats, telling them apart by content, opening.
//!
//! Readers take `&[u8]`; who maps and who inflates is [`bytes`]'s business.

mod buffer;
pub mod bytes;
mod fasttext;
mod index;
pub mod inspect;
mod number;
pub mod numpy;
mod packed;
mod row;
pub mod save;
mod sniff;
mod stream;
pub mod subwords;
pub mod table;
mod text;
mod vocabulary_file;
mod word2vec;
mod words;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Advice, Error, Malformed, Place, Result};
pub use buffer::Buffer;
use bytes::Opened;
pub use bytes::{Bytes, Wrapping};
pub use index::StoredIndex;
pub use number::parse_f32;
use packed::Failed;
#[cfg(feature = "get")]
pub(crate) use packed::most as most_inflated;
pub(crate) use row::excerpt;
pub use row::parse_vector;
use stream::Stream;
pub use subwords::{SubwordLayout, Subwords};
pub use table::{Precision, Table, TableInfo};
pub use vocabulary_file::{MatrixForm, matrix_form, parse_vocabulary, save_matrix, vocabulary_file};
pub use words::Words;
pub use write::{Beside, check_writable, write_beside};

/// A byte-order mark in UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Text without its byte-order mark.
///
/// # Errors
/// UTF-16, as some editors and spreadsheets save text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&[u8], Malformed> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Malformed::at(Place::File, "text in UTF-8", "UTF-16, by its first two bytes")
            .advise("save it as UTF-8, or: iconv -f UTF-16 -t UTF-8 FILE"));
    }
    Ok(bytes.strip_prefix(BOM).unwrap_or(bytes))
}

/// A format of word vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// GloVe text: a row a line, the word, then the numbers, separated by spaces.
    Glove,
    /// word2vec text: as GloVe, after a header line `rows dimension`. fastText's `.vec` is the same.
    Word2vecText,
    /// word2vec binary: the header line, then the word, a space and little-endian 32-bit floats.
    Word2vecBinary,
    /// fastText's binary model: words, and the vectors of character n-grams for words that it lacks.
    Fasttext,
    /// A NumPy array, with a list of its words in a text file.
    Numpy,
    /// Our own file, mapped and used where it lies: a safetensors file whose tensors are a word table. See [`table`].
    Table,
    /// The TensorFlow Embedding Projector's pair of tab-separated files, numbers and words. Written, not read.
    Projector,
}

impl Format {
    /// All formats, in the order in which help texts name them.
    pub const ALL: [Format; 7] = [
        Format::Glove,
        Format::Word2vecText,
        Format::Word2vecBinary,
        Format::Fasttext,
        Format::Numpy,
        Format::Table,
        Format::Projector,
    ];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Format::Glove => "glove",
            Format::Word2vecText => "word2vec",
            Format::Word2vecBinary => "word2vec-binary",
            Format::Fasttext => "fasttext",
            Format::Numpy => "numpy",
            Format::Table => "table",
            Format::Projector => "projector",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::invalid("format", Format::ALL.map(Format::name).join(", "), format!("`{name}`")))
    }
}

/// How to read a file of vectors.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format; `None` tells it by content.
    pub format: Option<Format>,
    /// The member to take from a zip archive that holds several files.
    pub member: Option<String>,
    /// The words of a NumPy array, one a line; `None` is the file beside it whose name ends in `.words.txt` in place of
    /// `.npy`.
    pub word_list: Option<PathBuf>,
    /// Keep rows with NaN or infinite components instead of refusing them.
    pub allow_nonfinite: bool,
    /// Skip bad rows and count them instead of refusing the file.
    pub lenient: bool,
}

/// What a reader yields: words and their numbers, in the file's order, duplicates and all.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    /// One word a row.
    pub words: Words,
    /// `[rows, dimension]`, row after row.
    pub values: Buffer<f32>,
    /// Numbers a row.
    pub dimension: usize,
    /// Rows that were left out because they are bad; none unless [`ReadOptions::lenient`] asked for it.
    pub skipped: Skipped,
    /// What a user should be told about the file, a sentence each.
    pub warnings: Vec<String>,
}

impl Rows {
    /// The rows, if there are any, with a warning about those that were skipped.
    fn checked(mut self) -> Result<Rows, Malformed> {
        if let Some(first) = self.skipped.examples.first() {
            let skipped = if self.skipped.rows == 1 { "row was" } else { "rows were" };
            let skipped =
                format!("{} {skipped} skipped; the first: {}", self.skipped.rows, first.clone().without_advice());
            if self.words.is_empty() {
                return Err(Malformed::at(
                    Place::File,
                    "rows of word vectors",
                    format!("none that is good: {skipped}"),
                ));
            }
            self.warnings.push(skipped);
        }
        Ok(self)
    }
}

/// Bad rows that were skipped.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub rows: u64,
    /// What was wrong with the first few.
    pub examples: Vec<Malformed>,
}

impl Skipped {
    /// Examples kept.
    const EXAMPLES: usize = 5;

    fn add(&mut self, error: Malformed) {
        self.rows += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(error);
        }
    }

    /// Adds rows that come later in the file.
    fn append(&mut self, later: Skipped) {
        self.rows += later.rows;
        self.examples.extend(later.examples);
        self.examples.truncate(Self::EXAMPLES);
    }
}

/// Closes the gaps that rows leave: those of `gone`, in ascending order. The words that stay are returned.
pub(crate) fn remove_rows(
    words: &Words,
    values: &mut Buffer<f32>,
    dimension: usize,
    gone: impl Iterator<Item = usize>,
) -> Words {
    let mut kept = Words::default();
    let numbers = values.as_mut_slice();
    let mut gone = gone.peekable();
    for (row, word) in words.iter().enumerate() {
        if gone.next_if_eq(&row).is_none() {
            numbers.copy_within(row * dimension..(row + 1) * dimension, kept.len() * dimension);
            kept.push(word);
        }
    }
    values.truncate(kept.len() * dimension);
    kept
}

/// Where rows came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// How the file wraps it.
    pub wrapping: Wrapping,
    /// Size of the file on disk, in bytes (of its inflated content for pipes).
    pub bytes: u64,
}

/// What a file of vectors holds, ready to be asked or to be indexed.
#[derive(Debug)]
pub enum Contents {
    /// Rows that were read into memory, and the vectors of character n-grams, where the file has them.
    Rows(Box<Rows>, Option<Subwords>),
    /// A table that is used where it lies in the file.
    Table(Box<Table>),
}

/// Opens a file of vectors and reads all its rows; a table file is mapped and not read.
///
/// # Errors
/// Whatever [`bytes::open`], [`parse`] and [`Table::open`] refuse.
pub fn read(path: &Path, options: &ReadOptions) -> Result<(Contents, Source)> {
    let (opened, wrapping) = bytes::open_lazily(path, options.member.as_deref())?;
    let (contents, format, size) = contents_of(opened, path, options)?;
    let on_disk = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file());
    let bytes = on_disk.map_or(size, |metadata| metadata.len());
    Ok((contents, Source { path: path.to_path_buf(), format, wrapping, bytes }))
}

/// As [`read`], of a file whose bytes are in memory; `name` stands for it in messages.
///
/// # Errors
/// As [`read`]. A NumPy array, unless [`ReadOptions::word_list`] names its words.
pub fn read_bytes(bytes: Vec<u8>, name: &str, options: &ReadOptions) -> Result<(Contents, Source)> {
    let path = PathBuf::from(name);
    let size = bytes.len() as u64;
    let (opened, wrapping) = bytes::in_memory(bytes, options.member.as_deref())?;
    let (contents, format, _) = contents_of(opened, &path, options)?;
    Ok((contents, Source { path, format, wrapping, bytes: size }))
}

/// What was opened, its format, and how many bytes it has, inflated.
fn contents_of(opened: Opened, path: &Path, options: &ReadOptions) -> Result<(Contents, Format, u64)> {
    Ok(match opened {
        Opened::Whole(bytes) => {
            let size = bytes.len() as u64;
            let format = format_of(&bytes, options).map_err(|e| e.in_file(path.to_string_lossy()))?;
            (read_whole(format, bytes, path, options)?, format, size)
        }
        Opened::Packed(packed) => {
            let mut stream = Stream::new(packed).map_err(|e| e.at(path))?;
            let (rows, format) = read_stream(&mut stream, options).map_err(|e| e.at(path))?;
            match rows {
                Some(rows) => (Contents::Rows(Box::new(rows), None), format, stream.total()),
                None => {
                    let bytes = stream.into_bytes().map_err(|e| e.at(path))?;
                    let size = bytes.len() as u64;
                    (read_whole(format, Bytes::Owned(bytes), path, options)?, format, size)
                }
            }
        }
    })
}

/// Reads rows of text and word2vec binary while they are being inflated; `None` for the formats that are read as a whole.
fn read_stream(stream: &mut Stream, options: &ReadOptions) -> Result<(Option<Rows>, Format), Failed> {
    let format = format_of(stream.piece()?, options)?;
    let rows = match format {
        Format::Glove => text::parse_stream(stream, text::Header::Absent, options)?,
        Format::Word2vecText => text::parse_stream(stream, text::Header::Present, options)?,
        Format::Word2vecBinary => word2vec::parse_stream(stream, options)?,
        Format::Fasttext | Format::Numpy | Format::Table | Format::Projector => return Ok((None, format)),
    };
    Ok((Some(rows), format))
}

fn read_whole(format: Format, bytes: Bytes, path: &Path, options: &ReadOptions) -> Result<Contents> {
    let in_file = |e: Malformed| e.in_file(path.to_string_lossy());
    let allow = options.allow_nonfinite;
    Ok(match format {
        Format::Table => Contents::Table(Box::new(Table::open(&Arc::new(bytes)).map_err(in_file)?)),
        Format::Fasttext => {
            let (rows, layout) = fasttext::parse(&bytes, allow).map_err(in_file)?;
            let subwords = layout.map(|layout| Subwords::new(Arc::new(bytes), layout));
            Contents::Rows(Box::new(rows), subwords.transpose().map_err(in_file)?)
        }
        Format::Numpy => {
            let (values, rows, dimension) = numpy::parse(&bytes, allow).map_err(in_file)?;
            let list = options.word_list.clone().unwrap_or_else(|| numpy::list_beside(path));
            if options.word_list.is_none() && !list.exists() {
                let expected = format!("a list of its words in `{}`", list.display());
                let error = Malformed::at(Place::File, expected, "none").advise(Advice::SetWordList);
                return Err(in_file(error).into());
            }
            let (text, _) = bytes::open(&list, None)?;
            let (words, warnings) = numpy::word_list(&text, rows).map_err(|e| e.in_file(list.to_string_lossy()))?;
            Contents::Rows(
                Box::new(Rows { words, values: values.into(), dimension, warnings, ..Rows::default() }),
                None,
            )
        }
        _ => {
            let rows = parse_as(format, &bytes, options, &|part| bytes.release(part)).map_err(in_file)?;
            Contents::Rows(Box::new(rows), None)
        }
    })
}

/// Reads the rows out of `bytes`, whose format is told by content where `options` does not say it.
///
/// # Errors
/// Bytes that are not word vectors, or rows that break their format's rules: `docs/reference/formats.md` lists them. A table file,
/// which is not read row by row ([`Table::open`]), and a NumPy array, which has no words of its own.
pub fn parse(bytes: &[u8], options: &ReadOptions) -> Result<(Rows, Format), Malformed> {
    let format = format_of(bytes, options)?;
    Ok((parse_as(format, bytes, options, &|_| ())?, format))
}

/// Reads rows of a format. Each part of `bytes` that will not be needed for a while is told to `release`.
fn parse_as(
    format: Format,
    bytes: &[u8],
    options: &ReadOptions,
    release: &(dyn Fn(&[u8]) + Sync),
) -> Result<Rows, Malformed> {
    match format {
        Format::Glove => text::parse(bytes, text::Header::Absent, options, release),
        Format::Word2vecText => text::parse(bytes, text::Header::Present, options, release),
        Format::Word2vecBinary => word2vec::parse(bytes, options, release),
        Format::Fasttext => Ok(fasttext::parse(bytes, options.allow_nonfinite)?.0),
        Format::Numpy => Err(Malformed::at(Place::File, "words and numbers", "a NumPy array, numbers alone")),
        Format::Table => Err(Malformed::at(Place::File, "rows to read one by one", "a table file")),
        Format::Projector => {
            Err(Malformed::at(Place::File, "a format that is read", "the Embedding Projector's, which is only written"))
        }
    }
}

pub(crate) fn format_of(bytes: &[u8], options: &ReadOptions) -> Result<Format, Malformed> {
    options.format.map_or_else(|| sniff::format(stream::head(bytes)), Ok)
}
