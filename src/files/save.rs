//! Writing vectors in any format.
//!
//! Before anything is written, the words are checked against the format: a file that would not read back as the same vectors is not
//! written.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use rayon::prelude::*;

use super::row::any_row;
use super::view::TableView;
use super::{ElementType, Format, ReadOptions, Words, fasttext, numpy, parse, table, word2vec, write_atomic};
use crate::error::{Error, Result};

/// Rows that one task formats as text.
const BLOCK: usize = 1024;

/// Number of rows that are read back as a test before a text file is written.
const TEST_ROWS: usize = 100;

/// The result of saving vectors.
#[derive(Debug, Clone, Default)]
pub struct SaveReport {
    /// All files that were written.
    pub files: Vec<PathBuf>,
    /// Warnings about the files, one sentence each.
    pub warnings: Vec<String>,
}

/// Writes vectors; each file is written under a temporary name and then renamed. Text and word2vec binary are compressed with gzip if
/// `path` ends in `.gz`.
///
/// # Errors
/// A word that the format cannot store, a number type that it does not support, and I/O errors.
pub(crate) fn save(path: &Path, table: &TableView, format: Format, dtype: ElementType) -> Result<SaveReport> {
    let gzip = is_gzip(path);
    if gzip && !matches!(format, Format::Glove | Format::Word2vecText | Format::Word2vecBinary) {
        return Err(Error::other(format!("files of format {format} cannot be written as .gz")));
    }
    if dtype == ElementType::F16 && !matches!(format, Format::Table | Format::Numpy) {
        return Err(Error::other(format!("the format {format} stores only f32 numbers, not f16")));
    }
    let mut saved = SaveReport { files: vec![path.to_path_buf()], warnings: Vec::new() };
    if table.subwords.is_some() && !matches!(format, Format::Table | Format::Fasttext) {
        let text =
            "the vectors of character n-grams are not saved: only table files and fastText models can store them";
        saved.warnings.push(text.to_owned());
    }
    match format {
        Format::Fasttext => {
            check_words(table.words, format, fasttext::unwritable)?;
            let words = (0..table.words.len()).map(|row| table.words.get(row).unwrap_or_default());
            write_atomic(path, |out| fasttext::write(out, words, table.values, table.dimension, table.subwords))?;
        }
        Format::Numpy => {
            check_words(table.words, format, numpy::unlistable)?;
            let list = numpy::word_list_path(path);
            write_atomic(path, |out| numpy::write(out, table.values, table.dimension, dtype))?;
            write_atomic(&list, |out| numpy::write_words(out, table.words.iter()))?;
            saved.files.push(list);
        }
        Format::Table => table::write(path, table, dtype)?,
        Format::Glove | Format::Word2vecText => {
            check_text(table, format)?;
            write_gzipped(path, gzip, |out| write_text(out, table, format))?;
        }
        Format::Word2vecBinary => {
            check_words(table.words, format, word2vec::unwritable)?;
            write_gzipped(path, gzip, |out| word2vec::write(out, table.words, table.values, table.dimension))?;
        }
        Format::Projector => write_projector(path, table, &mut saved)?,
    }
    Ok(saved)
}

/// Writes the pair of files of the Embedding Projector: numbers, and words as metadata.
fn write_projector(path: &Path, table: &TableView, saved: &mut SaveReport) -> Result<()> {
    let words = path.with_extension("metadata.tsv");
    write_atomic(path, |out| {
        write_lines(out, table, |row, line| {
            let values = &table.values[row * table.dimension..][..table.dimension];
            for (index, &value) in values.iter().enumerate() {
                line.extend_from_slice(if index > 0 { b"\t" } else { b"" });
                push_number(line, value);
            }
        })
    })?;
    let mut changed = 0;
    write_atomic(&words, |out| {
        table.words.iter().try_for_each(|word| {
            let shown = in_column(word);
            changed += usize::from(shown.as_bytes() != word);
            writeln!(out, "{shown}")
        })
    })?;
    if changed > 0 {
        saved
            .warnings
            .push(format!("{changed} words have tabs, line breaks or bytes that are not UTF-8; these were replaced"));
    }
    saved.files.push(words);
    Ok(())
}

/// The format for a file name, by its extension (before `.gz`).
pub fn format_for(path: &Path) -> Option<Format> {
    let inner = if is_gzip(path) { Path::new(path.file_stem()?) } else { path };
    match inner.extension().and_then(OsStr::to_str)?.to_lowercase().as_str() {
        "txt" | "glove" => Some(Format::Glove),
        "vec" | "w2v" => Some(Format::Word2vecText),
        "bin" => Some(Format::Word2vecBinary),
        "npy" => Some(Format::Numpy),
        "safetensors" => Some(Format::Table),
        "tsv" => Some(Format::Projector),
        _ => None,
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn write_gzipped(path: &Path, gzip: bool, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    write_atomic(path, |out| {
        if !gzip {
            return write(out);
        }
        let mut packed = BufWriter::with_capacity(1 << 16, GzEncoder::new(out, flate2::Compression::default()));
        write(&mut packed)?;
        packed.into_inner()?.finish().map(drop)
    })
}

/// Checks that a format can store all words.
pub(super) fn check_words(words: &Words, format: Format, unwritable: fn(&[u8]) -> Option<&'static str>) -> Result<()> {
    for (row, word) in words.iter().enumerate() {
        if let Some(found) = unwritable(word) {
            return Err(cannot_store(format, row, word, &format!("contains {found}")));
        }
    }
    Ok(())
}

fn cannot_store(format: Format, row: usize, word: &[u8], found: &str) -> Error {
    let word = String::from_utf8_lossy(word);
    let message =
        format!("the format {format} cannot store the word `{}` (row {}), which {found}", word.escape_debug(), row + 1);
    Error::other(message).advise("save a table file, which stores any word")
}

/// Checks that rows written as text read back as the same rows.
fn check_text(table: &TableView, format: Format) -> Result<()> {
    let mut numbers = vec![0.0; table.dimension];
    for (row, word) in table.words.iter().enumerate() {
        if word.contains(&b'\n') {
            return Err(cannot_store(format, row, word, "contains a line feed"));
        }
        // `b 1` before integers reads as a row with too many numbers.
        if word.contains(&b' ') {
            let mut line = Vec::new();
            push_row(&mut line, table, row);
            if any_row(&line, 0, &mut numbers).ok() != Some(word) {
                return Err(cannot_store(format, row, word, "would read back as another word"));
            }
        }
    }
    // A first row that looks like a header, or begins with a byte-order mark, would be misread.
    let rows = table.words.len().min(TEST_ROWS);
    let sample = TableView {
        words: &table.words.iter().take(rows).collect(),
        values: &table.values[..rows * table.dimension],
        ..*table
    };
    let mut bytes = Vec::new();
    write_text(&mut bytes, &sample, format).map_err(|e| Error::invalid("words", "rows as text", e.to_string()))?;
    match parse(&bytes, &ReadOptions { allow_nonfinite: true, ..ReadOptions::default() }) {
        Ok((read, found)) if found == format && read.words == *sample.words && read.dimension == table.dimension => {
            Ok(())
        }
        _ => {
            let first = table.words.get(0).unwrap_or_default();
            let error = cannot_store(format, 0, first, "would not read back as the same word");
            Err(match format {
                Format::Glove => error.advise("save word2vec text, whose header prevents this, or a table file"),
                _ => error,
            })
        }
    }
}

fn write_text(out: &mut dyn Write, table: &TableView, format: Format) -> std::io::Result<()> {
    if format == Format::Word2vecText {
        writeln!(out, "{} {}", table.words.len(), table.dimension)?;
    }
    write_lines(out, table, |row, line| push_row(line, table, row))
}

/// Writes one line per row; lines are formatted in parallel and written in order.
fn write_lines(
    out: &mut (impl Write + ?Sized),
    table: &TableView,
    push: impl Fn(usize, &mut Vec<u8>) + Sync,
) -> std::io::Result<()> {
    let rows = table.words.len();
    let together = BLOCK * 8 * rayon::current_num_threads();
    for start in (0..rows).step_by(together) {
        let blocks: Vec<usize> = (start..rows.min(start + together)).step_by(BLOCK).collect();
        let formatted: Vec<Vec<u8>> = blocks
            .into_par_iter()
            .map(|from| {
                let mut lines = Vec::with_capacity(BLOCK * table.dimension * 10);
                for row in from..rows.min(from + BLOCK) {
                    push(row, &mut lines);
                    lines.push(b'\n');
                }
                lines
            })
            .collect();
        formatted.iter().try_for_each(|lines| out.write_all(lines))?;
    }
    Ok(())
}

fn push_row(line: &mut Vec<u8>, table: &TableView, row: usize) {
    line.extend_from_slice(table.words.get(row).unwrap_or_default());
    for &value in &table.values[row * table.dimension..][..table.dimension] {
        line.push(b' ');
        push_number(line, value);
    }
}

/// The shortest decimal that reads back as the same number.
fn push_number(line: &mut Vec<u8>, value: f32) {
    let size = value.abs();
    let plain = size == 0.0 || (1e-5..1e9).contains(&size) || !size.is_finite();
    // Writing to memory does not fail.
    let _ = if plain { write!(line, "{value}") } else { write!(line, "{value:e}") };
}

/// A word as a field of tab-separated text.
fn in_column(word: &[u8]) -> Cow<'_, str> {
    let word = String::from_utf8_lossy(word);
    if word.contains(['\t', '\n', '\r']) { word.replace(['\t', '\n', '\r'], " ").into() } else { word }
}
