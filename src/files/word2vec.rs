//! word2vec binary: a header line `rows dimension`, then for each row the word, a space and little-endian 32-bit floats.
//!
//! `word2vec.c` writes a line feed after each row; other programs do not. Both variants are read.

use std::io::Write;

use memchr::memchr;
use rayon::prelude::*;

use super::packed::ReadError;
use super::row::{excerpt, split_line};
use super::stream::{Stream, head};
use super::text::header_of;
use super::{Buffer, ReadOptions, Rows, SkippedRows, Words, remove_rows};
use crate::error::{Advice, Malformed, Place};

/// Maximum length of a word in bytes. word2vec's own limit is 100.
const MAX_WORD_LENGTH: usize = 1 << 16;

/// Approximate number of bytes that one task copies.
const BATCH: usize = 1 << 20;

/// The header line. Its numbers are not checked yet.
struct BinaryHeader {
    rows: u64,
    dimension: usize,
    /// Bytes per row of numbers.
    width: usize,
    /// Where the rows begin.
    body_at: usize,
}

/// Why a row cannot be read.
enum RowError<'a> {
    /// The bytes end inside this part.
    CutShort(&'static str),
    /// The beginning of a word that is too long.
    LongWord(&'a [u8]),
}

/// Consecutive rows that were located and are not copied yet.
struct RowBatch<'a> {
    /// The index of the first row.
    row: usize,
    /// All of their bytes.
    bytes: &'a [u8],
    /// Where the numbers of each row begin in the body.
    numbers: Vec<usize>,
    /// Where the numbers are copied to.
    values: &'a mut [f32],
}

/// Reads all rows. `release` is called with each part of `bytes` that is not needed any more.
pub(super) fn parse(bytes: &[u8], options: &ReadOptions, release: &(dyn Fn(&[u8]) + Sync)) -> Result<Rows, Malformed> {
    let header = BinaryHeader::of(head(bytes))?;
    let BinaryHeader { dimension, width, body_at, .. } = header;
    let body = &bytes[body_at..];
    let max_rows = header.max_rows(body.len());
    let mut values = Buffer::zeros(max_rows * dimension);
    let mut words = Words::default();
    words.reserve(max_rows, max_rows * 8);

    // The position of a row is only known once the row before it is read: one thread at a time locates the next batch, while the
    // others copy the batches that were located before.
    let (mut at, mut stop, mut values_left) = (0, None, values.as_mut_slice());
    let rows_per_batch = (BATCH / width).max(1);
    let batches = std::iter::from_fn(|| {
        let (row, from) = (words.len(), at);
        let mut numbers = Vec::with_capacity(rows_per_batch);
        while stop.is_none() && numbers.len() < rows_per_batch && (words.len() as u64) < header.rows {
            match next_row(&body[at..], width) {
                Ok((word, length)) => {
                    words.push(word);
                    at += length;
                    numbers.push(at - width);
                }
                Err(why) => stop = Some(why),
            }
        }
        let (values, after) = std::mem::take(&mut values_left).split_at_mut(numbers.len() * dimension);
        values_left = after;
        (!numbers.is_empty()).then(|| RowBatch { row, bytes: &body[from..at], numbers, values })
    });
    let mut bad: Vec<(usize, usize, usize)> = batches
        .par_bridge()
        .flat_map_iter(|batch| {
            let bytes = batch.bytes;
            let bad = batch.copy(body, options.allow_nonfinite);
            release(bytes);
            bad
        })
        .collect();
    bad.sort_unstable();

    values.truncate(words.len() * dimension);
    let mut skipped = SkippedRows::default();
    for &(row, numbers, component) in &bad {
        let error = nonfinite(row, body_at + numbers, &values[row * dimension..][..dimension], component);
        if !options.skip_bad_rows {
            return Err(error);
        }
        skipped.add(error);
    }
    let mut warnings = Vec::new();
    if let Some(stop) = stop {
        warnings.extend(header.stopped(stop, words.len(), at, body.len(), options)?);
    } else {
        let more = body[at..].iter().any(|&byte| byte != b'\n').then(|| body.len() - at);
        warnings.extend(header.followed(more, at, options)?);
    }
    if !bad.is_empty() {
        words = remove_rows(&words, &mut values, dimension, bad.iter().map(|&(row, ..)| row));
    }
    Rows { words, values, dimension, skipped, warnings }.checked()
}

/// Reads all rows of a stream. The result is that of [`parse`].
pub(super) fn parse_stream(stream: &mut Stream, options: &ReadOptions) -> Result<Rows, ReadError> {
    let header = BinaryHeader::of(stream.piece()?)?;
    let BinaryHeader { dimension, width, body_at, .. } = header;
    stream.skip(body_at);
    let taken = |stream: &Stream| stream.offset() as usize - body_at;
    let (mut words, mut values) = (Words::default(), Vec::new());
    let (mut skipped, mut warnings) = (SkippedRows::default(), Vec::new());
    let mut row = 0;
    while (row as u64) < header.rows {
        let at = taken(stream);
        skip_line_feeds(stream)?;
        wait_for_row(stream, width)?;
        let (word, length) = match next_row(stream.rest(), width) {
            Ok(found) => found,
            Err(stop) => {
                let bytes = taken(stream) + stream.rest().len();
                warnings.extend(header.stopped(stop, row, at, bytes, options)?);
                break;
            }
        };
        let start = values.len();
        let numbers = stream.rest()[length - width..length].as_chunks::<4>().0;
        values.extend(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        match first_nonfinite(&values[start..]).filter(|_| !options.allow_nonfinite) {
            None => words.push(word),
            Some(component) => {
                let numbers_at = stream.offset() as usize + length - width;
                let error = nonfinite(row, numbers_at, &values[start..], component);
                if !options.skip_bad_rows {
                    return Err(error.into());
                }
                skipped.add(error);
                values.truncate(start);
            }
        }
        stream.skip(length);
        row += 1;
    }
    if row as u64 == header.rows {
        let at = taken(stream);
        skip_line_feeds(stream)?;
        let more = !stream.rest().is_empty();
        while stream.more()? {
            stream.skip(stream.rest().len());
        }
        let more = more.then(|| taken(stream) + stream.rest().len() - at);
        warnings.extend(header.followed(more, at, options)?);
    }
    values.shrink_to_fit();
    Ok(Rows { words, values: values.into(), dimension, skipped, warnings }.checked()?)
}

/// Skips line feeds.
fn skip_line_feeds(stream: &mut Stream) -> Result<(), ReadError> {
    loop {
        let line_feeds = stream.rest().iter().take_while(|&&byte| byte == b'\n').count();
        stream.skip(line_feeds);
        if !stream.rest().is_empty() || !stream.more()? {
            return Ok(());
        }
    }
}

/// Waits until the next row is complete, the stream ends, or the row turns out to be invalid.
fn wait_for_row(stream: &mut Stream, width: usize) -> Result<(), ReadError> {
    while let Err(RowError::CutShort(_)) = next_row(stream.rest(), width)
        && stream.more()?
    {}
    Ok(())
}

impl BinaryHeader {
    fn of(head: &[u8]) -> Result<BinaryHeader, Malformed> {
        let (line, body) = split_line(head);
        let Some((rows, dimension)) = header_of(line) else {
            return Err(Malformed::at(
                Place::Line(1),
                "a header line `rows dimension`",
                excerpt(&line[..line.len().min(200)]),
            ));
        };
        if rows == 0 {
            return Err(Malformed::at(Place::Line(1), "rows of word vectors", "a header of 0 rows"));
        }
        Ok(BinaryHeader { rows, dimension, width: dimension.saturating_mul(4), body_at: head.len() - body.len() })
    }

    /// Maximum number of rows in this many bytes: each has at least a space and its numbers.
    fn max_rows(&self, bytes: usize) -> usize {
        let max = bytes / self.width.saturating_add(1);
        usize::try_from(self.rows).map_or(max, |rows| rows.min(max))
    }

    /// Reading stopped after `rows` rows, at byte `at` of `bytes`. If bad rows are skipped and the file is truncated, the complete rows
    /// are kept with a warning.
    fn stopped(
        &self,
        stop: RowError,
        rows: usize,
        at: usize,
        bytes: usize,
        options: &ReadOptions,
    ) -> Result<Option<String>, Malformed> {
        let place = Place::Row { row: rows as u64 + 1, byte: (self.body_at + at) as u64 };
        let what = match stop {
            RowError::LongWord(word) => {
                return Err(Malformed::at(
                    place,
                    format!("a word of at most {MAX_WORD_LENGTH} bytes and a space"),
                    excerpt(word),
                )
                .advise("the file is damaged, or the dimension in its header is wrong"));
            }
            RowError::CutShort(what) => what,
        };
        if options.skip_bad_rows && rows > 0 {
            return Ok(Some(format!(
                "the file is truncated: it has {rows} complete rows of the {} in its header",
                self.rows
            )));
        }
        if (self.max_rows(bytes) as u64) < self.rows {
            return Err(Malformed::at(
                Place::Line(1),
                format!("{} rows of {} numbers, as in the header", self.rows, self.dimension),
                format!("only {bytes} bytes"),
            )
            .advise("the file may be truncated, or its header wrong"));
        }
        Err(Malformed::at(
            place,
            format!("{} rows, as in the header", self.rows),
            format!("the end of the file inside {what}"),
        )
        .advise("the file is truncated, or the number of rows in its header is too large"))
    }

    /// All rows were read, up to byte `at`; `more` bytes follow that are not only line feeds.
    fn followed(&self, more: Option<usize>, at: usize, options: &ReadOptions) -> Result<Option<String>, Malformed> {
        let Some(more) = more else { return Ok(None) };
        if options.skip_bad_rows {
            return Ok(Some(format!(
                "{more} bytes follow the last row: the number of rows or the dimension in the header is wrong"
            )));
        }
        Err(Malformed::at(
            Place::Byte((self.body_at + at) as u64),
            format!("the end of the file after {} rows, as in the header", self.rows),
            format!("{more} more bytes"),
        )
        .advise("the number of rows or the dimension in the header is wrong"))
    }
}

impl RowBatch<'_> {
    /// Copies the numbers. Unless non-finite rows are allowed, returns them: the row, where its numbers begin in the body, and the index
    /// of the first number that is not finite.
    fn copy(self, body: &[u8], allow_nonfinite: bool) -> Vec<(usize, usize, usize)> {
        let dimension = self.values.len() / self.numbers.len();
        let mut bad = Vec::new();
        for (index, (&from, row)) in self.numbers.iter().zip(self.values.chunks_exact_mut(dimension)).enumerate() {
            for (value, bytes) in row.iter_mut().zip(body[from..].as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            if !allow_nonfinite && let Some(component) = first_nonfinite(row) {
                bad.push((self.row + index, from, component));
            }
        }
        bad
    }
}

/// The row at the beginning of `bytes`: its word, and its length in bytes up to the end of its numbers.
fn next_row(bytes: &[u8], width: usize) -> Result<(&[u8], usize), RowError<'_>> {
    let start = bytes.iter().take_while(|&&byte| byte == b'\n').count();
    let window = &bytes[start..bytes.len().min(start + MAX_WORD_LENGTH + 1)];
    match memchr(b' ', window) {
        Some(space) if bytes.len() - (start + space + 1) >= width => Ok((&window[..space], start + space + 1 + width)),
        Some(_) => Err(RowError::CutShort("a row")),
        None if window.len() > MAX_WORD_LENGTH => Err(RowError::LongWord(window)),
        None => Err(RowError::CutShort("a word")),
    }
}

fn first_nonfinite(row: &[f32]) -> Option<usize> {
    // An exponent of all ones carries into the top bit. The loop has no early exit, so that it is vectorized.
    let carries = row.iter().fold(0, |all, value| all | ((value.to_bits() & 0x7f80_0000) + 0x0080_0000));
    if carries >> 31 == 1 { row.iter().position(|value| !value.is_finite()) } else { None }
}

/// The error for a non-finite number; `at` is the byte of the file at which the numbers of the row begin.
fn nonfinite(row: usize, at: usize, values: &[f32], component: usize) -> Malformed {
    Malformed::at(
        Place::Row { row: row as u64 + 1, byte: (at + 4 * component) as u64 },
        format!("a finite number ({} of {})", component + 1, values.len()),
        format!("{}", values[component]),
    )
    .advise(Advice::KeepNonFinite)
}

/// What a word contains that cannot be written in this format.
pub(super) fn unwritable(word: &[u8]) -> Option<&'static str> {
    if word.contains(&b' ') {
        Some("a space, where the word would end")
    } else if word.starts_with(b"\n") {
        Some("a line feed at its beginning")
    } else if word.len() > MAX_WORD_LENGTH {
        Some("more than 65,536 bytes")
    } else {
        None
    }
}

/// Writes all rows as `word2vec.c` does, with a line feed after each.
pub(super) fn write(out: &mut dyn Write, words: &Words, values: &[f32], dimension: usize) -> std::io::Result<()> {
    writeln!(out, "{} {dimension}", words.len())?;
    let mut row = Vec::with_capacity(4 * dimension);
    for (word, values) in words.iter().zip(values.chunks_exact(dimension)) {
        row.clear();
        row.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(word)?;
        out.write_all(b" ")?;
        out.write_all(&row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
