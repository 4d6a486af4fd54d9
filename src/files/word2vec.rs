//! word2vec binary: a header line `rows dimension`, then for each row the word, a space and little-endian 32-bit floats.
//!
//! As `word2vec.c` writes it: a line feed follows each row. Other writers leave it out; both are read.

use std::io::Write;

use memchr::memchr;
use rayon::prelude::*;

use super::packed::ReadError;
use super::row::{excerpt, split_line};
use super::stream::{Stream, head};
use super::text::header_of;
use super::{Buffer, ReadOptions, Rows, Skipped, Words, remove_rows};
use crate::error::{Advice, Malformed, Place};

/// The longest word taken, in bytes. word2vec's own limit is 100.
const LONGEST_WORD: usize = 1 << 16;

/// Bytes that one task copies, about.
const BATCH: usize = 1 << 20;

/// What the header line says, as yet believed by nobody.
struct Declared {
    rows: u64,
    dimension: usize,
    /// Bytes of a row's numbers.
    width: usize,
    /// Where the rows begin.
    body_at: usize,
}

/// Why no row can be read at some place.
enum Stop<'a> {
    /// The bytes end inside of this.
    CutShort(&'static str),
    /// Beginning of a word that does not end.
    EndlessWord(&'a [u8]),
}

/// Rows one behind the other, found and yet to be copied.
struct Batch<'a> {
    /// The first of them.
    row: usize,
    /// All of their bytes.
    bytes: &'a [u8],
    /// Where in the body the numbers of each begin.
    numbers: Vec<usize>,
    /// Where the numbers belong.
    values: &'a mut [f32],
}

/// Reads all rows. Each part of `bytes` that will not be needed any more is told to `release`.
pub(super) fn parse(bytes: &[u8], options: &ReadOptions, release: &(dyn Fn(&[u8]) + Sync)) -> Result<Rows, Malformed> {
    let declared = Declared::of(head(bytes))?;
    let Declared { dimension, width, body_at, .. } = declared;
    let body = &bytes[body_at..];
    let room = declared.room(body.len());
    let mut values = Buffer::zeros(room * dimension);
    let mut words = Words::default();
    words.reserve(room, room * 8);

    // Where a row begins is known only after the one before it: one thread at a time goes from row to row and finds the
    // next batch, while others copy those that were found before.
    let (mut at, mut stop, mut values_left) = (0, None, values.as_mut_slice());
    let rows_a_batch = (BATCH / width).max(1);
    let batches = std::iter::from_fn(|| {
        let (row, from) = (words.len(), at);
        let mut numbers = Vec::with_capacity(rows_a_batch);
        while stop.is_none() && numbers.len() < rows_a_batch && (words.len() as u64) < declared.rows {
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
        (!numbers.is_empty()).then(|| Batch { row, bytes: &body[from..at], numbers, values })
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
    let mut skipped = Skipped::default();
    for &(row, numbers, component) in &bad {
        let error = nonfinite(row, body_at + numbers, &values[row * dimension..][..dimension], component);
        if !options.skip_bad_rows {
            return Err(error);
        }
        skipped.add(error);
    }
    let mut warnings = Vec::new();
    if let Some(stop) = stop {
        warnings.extend(declared.stopped(stop, words.len(), at, body.len(), options)?);
    } else {
        let more = body[at..].iter().any(|&byte| byte != b'\n').then(|| body.len() - at);
        warnings.extend(declared.followed(more, at, options)?);
    }
    if !bad.is_empty() {
        words = remove_rows(&words, &mut values, dimension, bad.iter().map(|&(row, ..)| row));
    }
    Rows { words, values, dimension, skipped, warnings }.checked()
}

/// Reads all rows while they are being read and inflated. The result is that of [`parse`].
pub(super) fn parse_stream(stream: &mut Stream, options: &ReadOptions) -> Result<Rows, ReadError> {
    let declared = Declared::of(stream.piece()?)?;
    let Declared { dimension, width, body_at, .. } = declared;
    stream.skip(body_at);
    let taken = |stream: &Stream| stream.offset() as usize - body_at;
    let (mut words, mut values) = (Words::default(), Vec::new());
    let (mut skipped, mut warnings) = (Skipped::default(), Vec::new());
    let mut row = 0;
    while (row as u64) < declared.rows {
        let at = taken(stream);
        skip_line_feeds(stream)?;
        wait_for_row(stream, width)?;
        let (word, length) = match next_row(stream.rest(), width) {
            Ok(found) => found,
            Err(stop) => {
                let bytes = taken(stream) + stream.rest().len();
                warnings.extend(declared.stopped(stop, row, at, bytes, options)?);
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
    if row as u64 == declared.rows {
        let at = taken(stream);
        skip_line_feeds(stream)?;
        let more = !stream.rest().is_empty();
        while stream.more()? {
            stream.skip(stream.rest().len());
        }
        let more = more.then(|| taken(stream) + stream.rest().len() - at);
        warnings.extend(declared.followed(more, at, options)?);
    }
    values.shrink_to_fit();
    Ok(Rows { words, values: values.into(), dimension, skipped, warnings }.checked()?)
}

/// Takes the line feeds that come next.
fn skip_line_feeds(stream: &mut Stream) -> Result<(), ReadError> {
    loop {
        let line_feeds = stream.rest().iter().take_while(|&&byte| byte == b'\n').count();
        stream.skip(line_feeds);
        if !stream.rest().is_empty() || !stream.more()? {
            return Ok(());
        }
    }
}

/// Waits until the next row is there as a whole, or nothing more is to come, or none is to be found.
fn wait_for_row(stream: &mut Stream, width: usize) -> Result<(), ReadError> {
    while let Err(Stop::CutShort(_)) = next_row(stream.rest(), width)
        && stream.more()?
    {}
    Ok(())
}

impl Declared {
    fn of(head: &[u8]) -> Result<Declared, Malformed> {
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
        Ok(Declared { rows, dimension, width: dimension.saturating_mul(4), body_at: head.len() - body.len() })
    }

    /// Rows that so many bytes can hold at most: each takes a space and its numbers at least.
    fn room(&self, bytes: usize) -> usize {
        let most = bytes / self.width.saturating_add(1);
        usize::try_from(self.rows).map_or(most, |rows| rows.min(most))
    }

    /// The rows ended before they all were read: `rows` of them, up to `at` of `bytes`. Where bad rows are skipped and the
    /// file is cut short, the whole ones are kept, with a warning.
    fn stopped(
        &self,
        stop: Stop,
        rows: usize,
        at: usize,
        bytes: usize,
        options: &ReadOptions,
    ) -> Result<Option<String>, Malformed> {
        let place = Place::Row { row: rows as u64 + 1, byte: (self.body_at + at) as u64 };
        let what = match stop {
            Stop::EndlessWord(word) => {
                return Err(Malformed::at(
                    place,
                    format!("a word of at most {LONGEST_WORD} bytes and a space"),
                    excerpt(word),
                )
                .advise("the file is damaged, or its header says a wrong dimension"));
            }
            Stop::CutShort(what) => what,
        };
        if options.skip_bad_rows && rows > 0 {
            return Ok(Some(format!(
                "the file is cut short: {rows} whole rows are there, of the {} that its header says",
                self.rows
            )));
        }
        if (self.room(bytes) as u64) < self.rows {
            return Err(Malformed::at(
                Place::Line(1),
                format!("{} rows of {} numbers, as the header says", self.rows, self.dimension),
                format!("{bytes} bytes, too few for them"),
            )
            .advise("the file may be cut short: fetch it again, or correct its header"));
        }
        Err(Malformed::at(
            place,
            format!("{} rows, as the header says", self.rows),
            format!("the end of the file inside {what}"),
        )
        .advise("the file is cut short, or its header says too many rows"))
    }

    /// All rows were read, up to `at`; `more` bytes follow, some of which are not line feeds.
    fn followed(&self, more: Option<usize>, at: usize, options: &ReadOptions) -> Result<Option<String>, Malformed> {
        let Some(more) = more else { return Ok(None) };
        if options.skip_bad_rows {
            return Ok(Some(format!("the header says too few rows or a wrong dimension: {more} bytes follow them")));
        }
        Err(Malformed::at(
            Place::Byte((self.body_at + at) as u64),
            format!("the end of the file after {} rows, as the header says", self.rows),
            format!("{more} more bytes"),
        )
        .advise("the header says too few rows or a wrong dimension"))
    }
}

impl Batch<'_> {
    /// Copies the numbers to their places. Rows that are not finite are returned, unless they are allowed: the row, where its
    /// numbers begin in the body, and which of them is the first that is not.
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

/// The row at the front of `bytes`: its word, and how many bytes it takes up to the end of its numbers.
fn next_row(bytes: &[u8], width: usize) -> Result<(&[u8], usize), Stop<'_>> {
    let start = bytes.iter().take_while(|&&byte| byte == b'\n').count();
    let window = &bytes[start..bytes.len().min(start + LONGEST_WORD + 1)];
    match memchr(b' ', window) {
        Some(space) if bytes.len() - (start + space + 1) >= width => Ok((&window[..space], start + space + 1 + width)),
        Some(_) => Err(Stop::CutShort("a row")),
        None if window.len() > LONGEST_WORD => Err(Stop::EndlessWord(window)),
        None => Err(Stop::CutShort("a word")),
    }
}

fn first_nonfinite(row: &[f32]) -> Option<usize> {
    // An exponent of ones carries into the top bit. Without a way out of the loop, many are looked at at a time.
    let carries = row.iter().fold(0, |all, value| all | ((value.to_bits() & 0x7f80_0000) + 0x0080_0000));
    if carries >> 31 == 1 { row.iter().position(|value| !value.is_finite()) } else { None }
}

/// `at` is the byte of the file at which the row's numbers begin.
fn nonfinite(row: usize, at: usize, values: &[f32], component: usize) -> Malformed {
    Malformed::at(
        Place::Row { row: row as u64 + 1, byte: (at + 4 * component) as u64 },
        format!("a finite number ({} of {})", component + 1, values.len()),
        format!("{}", values[component]),
    )
    .advise(Advice::KeepNonFinite)
}

/// What a word holds that words of this format cannot hold.
pub(super) fn unwritable(word: &[u8]) -> Option<&'static str> {
    if word.contains(&b' ') {
        Some("a space, where the word would end")
    } else if word.starts_with(b"\n") {
        Some("a line feed at its beginning")
    } else if word.len() > LONGEST_WORD {
        Some("more than 65,536 bytes")
    } else {
        None
    }
}

/// Writes all rows as `word2vec.c` does, a line feed after each.
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
