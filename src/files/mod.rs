//! Reading and writing vector files: formats, their detection, and opening.
//!
//! Readers take `&[u8]`; mapping and decompression are in [`bytes`].

mod buffer;
pub mod bytes;
mod encoding;
mod fasttext;
mod format;
mod index;
pub(crate) mod inspect;
mod number;
pub mod numpy;
mod options;
mod packed;
mod row;
mod rows;
pub mod save;
mod sniff;
mod stream;
mod subwords;
pub mod table;
pub(crate) mod tensors;
mod text;
mod view;
mod vocabulary_file;
mod word2vec;
mod words;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Advice, Malformed, Place, Result};
pub use buffer::Buffer;
pub use bytes::Bytes;
use bytes::Opened;
pub use encoding::BOM;
pub(crate) use encoding::text_of;
pub use format::{ElementType, Format};
pub use index::StoredIndex;
pub use number::parse_f32;
pub use options::ReadOptions;
pub use packed::Compression;
use packed::ReadError;
#[cfg(feature = "get")]
pub(crate) use packed::max_inflated;
pub(crate) use row::excerpt;
pub use row::parse_vector;
pub(crate) use rows::remove_rows;
pub use rows::{Rows, SkippedRows};
use stream::Stream;
pub use subwords::{SubwordLayout, Subwords};
pub use table::{Table, TableInfo};
pub(crate) use view::TableView;
pub use vocabulary_file::{MatrixFormat, matrix_format, parse_vocabulary, save_matrix, vocabulary_file};
pub use words::Words;
pub use write::{AtomicFile, check_writable, write_atomic};

/// The file that vectors were read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path, as given by the caller.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Its compression.
    pub compression: Compression,
    /// Size of the file in bytes (for pipes, of the decompressed content).
    pub bytes: u64,
}

/// The contents of a vector file.
#[derive(Debug)]
pub enum Contents {
    /// Rows in memory, and the vectors of character n-grams, if the file has them.
    Rows(Box<Rows>, Option<Subwords>),
    /// A table that is used in place.
    Table(Box<Table>),
}

/// Opens a vector file and reads all its rows; a table file is only mapped.
///
/// # Errors
/// The errors of [`bytes::open`], [`parse`] and [`Table::open`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<(Contents, Source)> {
    let (opened, compression) = bytes::open_lazily(path, options.member.as_deref())?;
    let (contents, format, size) = contents_of(opened, path, options)?;
    let on_disk = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file());
    let bytes = on_disk.map_or(size, |metadata| metadata.len());
    Ok((contents, Source { path: path.to_path_buf(), format, compression, bytes }))
}

/// As [`read`], for a file whose bytes are in memory; messages refer to it as `name`.
///
/// # Errors
/// As [`read`]; a NumPy array without [`ReadOptions::word_list`].
pub fn read_bytes(bytes: Vec<u8>, name: &str, options: &ReadOptions) -> Result<(Contents, Source)> {
    let path = PathBuf::from(name);
    let size = bytes.len() as u64;
    let (opened, compression) = bytes::in_memory(bytes, options.member.as_deref())?;
    let (contents, format, _) = contents_of(opened, &path, options)?;
    Ok((contents, Source { path, format, compression, bytes: size }))
}

/// The contents of a file, its format, and its decompressed size in bytes.
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

/// Reads rows of text and word2vec binary while they are decompressed; `None` for formats that are read as a whole.
fn read_stream(stream: &mut Stream, options: &ReadOptions) -> Result<(Option<Rows>, Format), ReadError> {
    let format = format_of(stream.piece()?, options)?;
    let rows = match format {
        Format::Glove => text::parse_stream(stream, text::HeaderLine::Absent, options)?,
        Format::Word2vecText => text::parse_stream(stream, text::HeaderLine::Present, options)?,
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
            let list = options.word_list.clone().unwrap_or_else(|| numpy::word_list_path(path));
            if options.word_list.is_none() && !list.exists() {
                let message = format!("the word list `{}` is missing", list.display());
                let error = Malformed::message(Place::File, message).advise(Advice::SetWordList);
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

/// Reads the rows in `bytes`. The format is detected from the content unless `options` specify it.
///
/// # Errors
/// Bytes that are not word vectors, and rows that violate the rules of their format, listed in `docs/reference/formats.md`; a table
/// file, which is not read row by row (see [`Table::open`]), and a NumPy array, which has no words.
pub fn parse(bytes: &[u8], options: &ReadOptions) -> Result<(Rows, Format)> {
    let format = format_of(bytes, options)?;
    Ok((parse_as(format, bytes, options, &|_| ())?, format))
}

/// Reads rows of a format. `release` is called with each part of `bytes` that is not needed for a while.
fn parse_as(
    format: Format,
    bytes: &[u8],
    options: &ReadOptions,
    release: &(dyn Fn(&[u8]) + Sync),
) -> Result<Rows, Malformed> {
    match format {
        Format::Glove => text::parse(bytes, text::HeaderLine::Absent, options, release),
        Format::Word2vecText => text::parse(bytes, text::HeaderLine::Present, options, release),
        Format::Word2vecBinary => word2vec::parse(bytes, options, release),
        Format::Fasttext => Ok(fasttext::parse(bytes, options.allow_nonfinite)?.0),
        Format::Numpy => {
            Err(Malformed::message(Place::File, "a NumPy array has no words: open it as a file with a word list"))
        }
        Format::Table => {
            Err(Malformed::message(Place::File, "a table file is not read row by row: open it as a table"))
        }
        Format::Projector => {
            Err(Malformed::message(Place::File, "files of the Embedding Projector can only be written"))
        }
    }
}

/// The format in the options, or else the detected one.
pub(crate) fn format_of(bytes: &[u8], options: &ReadOptions) -> Result<Format, Malformed> {
    options.format.map_or_else(|| sniff::format(stream::head(bytes)), Ok)
}
