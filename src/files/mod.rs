//! Bytes on disk to rows (a word and its numbers): the formats, telling them apart by content, opening.
//!
//! Readers take `&[u8]`; who maps and who inflates is [`bytes`]'s business.

pub mod bytes;
#[cfg_attr(not(test), expect(dead_code, reason = "not among the formats yet"))]
mod fasttext;
mod number;
#[cfg_attr(not(test), expect(dead_code, reason = "not among the formats yet"))]
mod numpy;
mod sniff;
pub mod subwords;
mod text;
mod word2vec;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, Malformed, Result};
pub use bytes::{Bytes, Wrapping};
pub use number::parse_f32;
pub use subwords::{SubwordLayout, Subwords};
pub use write::{check_writable, write_beside};

/// A format of word vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// GloVe text: a row a line, the word, then the numbers, separated by spaces.
    Glove,
    /// word2vec text: as GloVe, after a header line `rows dimension`. fastText's `.vec` is the same.
    Word2vecText,
    /// word2vec binary: the header line, then the word, a space and little-endian 32-bit floats.
    Word2vecBinary,
}

impl Format {
    /// All formats, in the order in which help texts name them.
    pub const ALL: [Format; 3] = [Format::Glove, Format::Word2vecText, Format::Word2vecBinary];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Format::Glove => "glove",
            Format::Word2vecText => "word2vec",
            Format::Word2vecBinary => "word2vec-binary",
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
    /// Keep rows with NaN or infinite components instead of refusing them.
    pub allow_nonfinite: bool,
}

/// The words of a table, one after the other in a single buffer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Words {
    bytes: Vec<u8>,
    /// Where each word ends; it begins where the one before it ends.
    ends: Vec<u64>,
}

impl Words {
    /// Number of words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of word `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.bytes.get(start..end)
    }

    /// All words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let word = &self.bytes[start..end as usize];
            start = end as usize;
            word
        })
    }

    /// Appends a word.
    pub fn push(&mut self, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len() as u64);
    }

    /// Appends all of `other`.
    pub fn append(&mut self, other: &Words) {
        let base = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }

    /// Makes room for `words` more words of `bytes` bytes together.
    pub fn reserve(&mut self, words: usize, bytes: usize) {
        self.ends.reserve(words);
        self.bytes.reserve(bytes);
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<u64>()
    }
}

impl<W: AsRef<[u8]>> FromIterator<W> for Words {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let mut all = Words::default();
        words.into_iter().for_each(|word| all.push(word.as_ref()));
        all
    }
}

/// What a reader yields: words and their numbers, in the file's order, duplicates and all.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    /// One word a row.
    pub words: Words,
    /// `[rows, dimension]`, row after row.
    pub values: Vec<f32>,
    /// Numbers a row.
    pub dimension: usize,
    /// What a user should be told about the file, a sentence each.
    pub warnings: Vec<String>,
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

/// Opens a file of vectors and reads all its rows.
///
/// # Errors
/// Whatever [`bytes::open`] and [`parse`] refuse.
pub fn read(path: &Path, options: &ReadOptions) -> Result<(Rows, Source)> {
    let (bytes, wrapping) = bytes::open(path, options.member.as_deref())?;
    let (rows, format) = parse(&bytes, options).map_err(|e| e.in_file(path.to_string_lossy()))?;
    let on_disk = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file());
    let bytes = on_disk.map_or(bytes.len() as u64, |metadata| metadata.len());
    Ok((rows, Source { path: path.to_path_buf(), format, wrapping, bytes }))
}

/// Reads the rows out of `bytes`, whose format is told by content where `options` does not say it.
///
/// # Errors
/// Bytes that are not word vectors, or rows that break their format's rules: `docs/formats.md` lists them.
pub fn parse(bytes: &[u8], options: &ReadOptions) -> Result<(Rows, Format), Malformed> {
    let format = match options.format {
        Some(format) => format,
        None => sniff::format(bytes)?,
    };
    let rows = match format {
        Format::Glove => text::parse(bytes, text::Header::Absent, options.allow_nonfinite)?,
        Format::Word2vecText => text::parse(bytes, text::Header::Present, options.allow_nonfinite)?,
        Format::Word2vecBinary => word2vec::parse(bytes, options.allow_nonfinite)?,
    };
    Ok((rows, format))
}
