//! Rows as text: GloVe (no header), word2vec text and fastText `.vec` (a header line `rows dimension`).
//!
//! Fields are separated by the byte 0x20 and by nothing else, so tabs, NBSP and the like are parts of words. The last
//! `dimension` fields of a line are the numbers; everything before them is the word, spaces and all (GloVe.840B has the
//! word `. . .`).

use memchr::{memchr, memchr_iter};
use rayon::prelude::*;

use super::packed::ReadError;
use super::row::{any_row, excerpt, nonfinite, numbers_in, plain_row, shortest, split_line, trim_line, wrong_width};
use super::stream::{MAX_LINE_LENGTH, Stream, head, piece_end};
use super::{BOM, Buffer, ReadOptions, Rows, Skipped, Words};
use crate::error::{Advice, Malformed, Place};

/// Whether the first line says how many rows and numbers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Absent,
    Present,
}

/// Lines looked at to find the dimension of a file without a header.
const SAMPLE: usize = 100;

/// A run of whole lines, with the number of the first and how many there are.
pub(super) struct Chunk<'a> {
    pub bytes: &'a [u8],
    pub first_line: u64,
    pub lines: usize,
}

/// What stands before the rows of a file, and how wide they are.
struct Opening {
    byte_order_mark: bool,
    /// Rows and dimension, as a header line says.
    declared: Option<(u64, usize)>,
    dimension: usize,
    /// Where the rows begin.
    body_at: usize,
    /// The line where they do.
    first_line: u64,
}

/// Rows of a run of lines, and the lines that were none.
#[derive(Default)]
struct Part {
    words: Words,
    skipped: Skipped,
}

/// Reads all rows, in parallel, straight into the table. Each part of `bytes` that will not be needed for a while is told
/// to `release`.
pub(super) fn parse(
    bytes: &[u8],
    header: Header,
    options: &ReadOptions,
    release: &(dyn Fn(&[u8]) + Sync),
) -> Result<Rows, Malformed> {
    let opening = Opening::of(head(bytes), header)?;
    let dimension = opening.dimension;
    let body = trim_final_newlines(&bytes[opening.body_at..]);
    let chunks = cut(body, opening.first_line, release);
    let room: Vec<usize> = chunks.iter().map(|chunk| chunk.room(dimension) * dimension).collect();
    let mut values = Buffer::zeros(room.iter().sum());
    let mut rest = values.as_mut_slice();
    let tasks: Vec<(&Chunk, &mut [f32])> = chunks
        .iter()
        .zip(&room)
        .map(|(chunk, &room)| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(room);
            rest = after;
            (chunk, part)
        })
        .collect();
    let parts: Vec<Result<Part, Malformed>> = tasks
        .into_par_iter()
        .map(|(chunk, values)| {
            let part = chunk.parse(dimension, options, values);
            release(chunk.bytes);
            part
        })
        .collect();
    let parts = parts.into_iter().collect::<Result<Vec<Part>, Malformed>>()?;

    let mut all = Part::default();
    all.words
        .reserve(parts.iter().map(|part| part.words.len()).sum(), parts.iter().map(|part| part.words.size()).sum());
    let (mut from, mut to) = (0, 0);
    for (part, room) in parts.into_iter().zip(room) {
        let kept = part.words.len() * dimension;
        if from > to {
            // Lines were skipped before: close the gap.
            values.as_mut_slice().copy_within(from..from + kept, to);
        }
        (from, to) = (from + room, to + kept);
        all.words.append(&part.words);
        all.skipped.append(part.skipped);
    }
    values.truncate(to);
    let lines = chunks.iter().map(|chunk| chunk.lines as u64).sum();
    opening.finish(all, values, lines, bytes.ends_with(b"\n"), options)
}

/// Reads all rows while they are being read and inflated. The result is that of [`parse`].
pub(super) fn parse_stream(stream: &mut Stream, header: Header, options: &ReadOptions) -> Result<Rows, ReadError> {
    let opening = Opening::of(stream.piece()?, header)?;
    let dimension = opening.dimension;
    stream.skip(opening.body_at);
    let mut all = Part::default();
    let mut values = Vec::new();
    let mut lines = 0;
    // Empty lines that would be those at the end of the file, if nothing followed.
    let mut empty = 0;
    let mut final_line_feed = true;
    loop {
        let piece = stream.piece()?;
        if piece.is_empty() {
            break;
        }
        final_line_feed = piece.ends_with(b"\n");
        let body = trim_final_newlines(piece);
        let trimmed = (count_lines(piece) - count_lines(body)) as u64;
        if body.is_empty() {
            empty += trimmed;
        } else {
            let first_line = opening.first_line + lines;
            for line in first_line..first_line + empty {
                let error = wrong_width(b"", line, dimension);
                if !options.skip_bad_rows {
                    return Err(error.into());
                }
                all.skipped.add(error);
            }
            let chunk = Chunk { bytes: body, first_line: first_line + empty, lines: count_lines(body) };
            let start = values.len();
            values.resize(start + chunk.room(dimension) * dimension, 0.0);
            let part = chunk.parse(dimension, options, &mut values[start..])?;
            values.truncate(start + part.words.len() * dimension);
            all.words.append(&part.words);
            all.skipped.append(part.skipped);
            lines += empty + chunk.lines as u64;
            empty = trimmed;
        }
        let length = piece.len();
        stream.skip(length);
    }
    values.shrink_to_fit();
    Ok(opening.finish(all, values.into(), lines, final_line_feed, options)?)
}

impl Opening {
    /// `head` is the file's first piece.
    fn of(head: &[u8], header: Header) -> Result<Opening, Malformed> {
        let text = head.strip_prefix(BOM).unwrap_or(head);
        let (declared, body, first_line) = match header {
            Header::Absent => (None, text, 1),
            Header::Present => {
                let (line, rest) = split_line(text);
                let declared = header_of(line).ok_or_else(|| {
                    Malformed::at(Place::Line(1), "a header line `rows dimension`", excerpt(line))
                        .advise(Advice::SetFormat("glove"))
                })?;
                (Some(declared), rest, 2)
            }
        };
        let body_at = head.len() - body.len();
        let body = trim_final_newlines(body);
        if body.is_empty() {
            return Err(Malformed::at(Place::File, "rows of word vectors", "none"));
        }
        let dimension = match declared {
            Some((_, dimension)) => dimension,
            None => dimension_of(body)?,
        };
        Ok(Opening { byte_order_mark: text.len() < head.len(), declared, dimension, body_at, first_line })
    }

    /// The rows, once all lines were read.
    fn finish(
        &self,
        all: Part,
        values: Buffer<f32>,
        lines: u64,
        final_line_feed: bool,
        options: &ReadOptions,
    ) -> Result<Rows, Malformed> {
        let mut warnings = Vec::new();
        if self.byte_order_mark {
            warnings.push("the file begins with a byte-order mark, which was left out".to_owned());
        }
        if !final_line_feed {
            warnings.push("the file lacks its final line feed: its last number may be cut short".to_owned());
        }
        if let Some((rows, dimension)) = self.declared
            && rows != lines
        {
            if !options.skip_bad_rows {
                let expected = format!("{rows} rows, as the header says");
                return Err(Malformed::at(Place::Line(1), expected, lines.to_string())
                    .advise(format!("if the file is whole, correct its first line to `{lines} {dimension}`")));
            }
            warnings.push(format!("the header says {rows} rows, and {lines} lines follow it"));
        }
        Rows { words: all.words, values, dimension: self.dimension, skipped: all.skipped, warnings }.checked()
    }
}

impl Chunk<'_> {
    /// Rows that the chunk can hold at most, whatever a header says: one a line, and none shorter than a row can be.
    fn room(&self, dimension: usize) -> usize {
        self.lines.min(self.bytes.len() / shortest(dimension))
    }

    /// Parses the lines into `values`, which has as much room as the chunk can need.
    fn parse(&self, dimension: usize, options: &ReadOptions, values: &mut [f32]) -> Result<Part, Malformed> {
        let mut part = Part::default();
        let room = values.len() / dimension;
        part.words.reserve(room, room * 8);
        let mut rows = values.chunks_exact_mut(dimension);
        let mut next = rows.next();
        let mut rest = self.bytes;
        let mut number = self.first_line;
        while !rest.is_empty() {
            let plain = next.as_deref_mut().and_then(|row| plain_row(rest, row));
            let plain = plain.filter(|&(_, length)| length <= MAX_LINE_LENGTH);
            let (line, after) = match plain {
                Some((_, length)) => rest.split_at(length),
                None => split_line(rest),
            };
            if line.len() > MAX_LINE_LENGTH {
                let expected = format!("a line of at most {MAX_LINE_LENGTH} bytes");
                return Err(Malformed::at(Place::Line(number), expected, excerpt(line)));
            }
            let word = match (plain, next.as_deref_mut()) {
                (Some((word, _)), _) => Ok(word),
                (None, Some(row)) => row_of(line, number, row, options),
                // The rows before took all that can be needed, so the lines left are too short to be rows.
                (None, None) => Err(wrong_width(line, number, dimension)),
            };
            match word {
                Ok(word) => {
                    part.words.push(word);
                    next = rows.next();
                }
                Err(error) if options.skip_bad_rows => part.skipped.add(error),
                Err(error) => return Err(error),
            }
            rest = after;
            number += 1;
        }
        Ok(part)
    }
}

fn row_of<'a>(line: &'a [u8], number: u64, row: &mut [f32], options: &ReadOptions) -> Result<&'a [u8], Malformed> {
    let word = any_row(line, number, row)?;
    match row.iter().position(|value| !value.is_finite()) {
        Some(at) if !options.allow_nonfinite => Err(nonfinite(line, number, at, row.len())),
        _ => Ok(word),
    }
}

/// The two numbers of a header line, where the line is one.
pub(super) fn header_of(line: &[u8]) -> Option<(u64, usize)> {
    let text = std::str::from_utf8(trim_line(line)).ok()?;
    let (rows, dimension) = text.split_once(' ')?;
    let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !plain(rows) || !plain(dimension) {
        return None;
    }
    let (rows, dimension) = (rows.parse().ok()?, dimension.parse().ok()?);
    (dimension > 0).then_some((rows, dimension))
}

pub(super) fn trim_final_newlines(mut body: &[u8]) -> &[u8] {
    while let Some(rest) = body.strip_suffix(b"\n") {
        body = rest.strip_suffix(b"\r").unwrap_or(rest);
    }
    body
}

/// The dimension that most of the first lines have; a single odd row cannot set it.
pub(super) fn dimension_of(body: &[u8]) -> Result<usize, Malformed> {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for line in body.split(|&byte| byte == b'\n').take(SAMPLE) {
        let numbers = numbers_in(line);
        match counts.iter_mut().find(|(dimension, _)| *dimension == numbers) {
            Some((_, count)) => *count += 1,
            None => counts.push((numbers, 1)),
        }
    }
    // Of equally frequent ones the first seen.
    let most = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    match counts.iter().find(|&&(_, count)| count == most) {
        Some(&(dimension, _)) if dimension > 0 => Ok(dimension),
        _ => {
            let (line, _) = split_line(body);
            let error = Malformed::at(Place::Line(1), "a word and its numbers, separated by spaces", excerpt(line));
            Err(if memchr(b'\t', line).is_some() {
                error.advise("tabs are parts of words; turn them into spaces: tr '\\t' ' '")
            } else {
                error.advise("is this a file of word vectors?")
            })
        }
    }
}

/// Cuts the body into chunks of whole lines.
pub(super) fn cut<'a>(body: &'a [u8], first_line: u64, release: &(dyn Fn(&[u8]) + Sync)) -> Vec<Chunk<'a>> {
    let mut rest = body;
    let pieces = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at(piece_end(rest).unwrap_or(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    // Cut by one thread at a time, counted by all.
    let mut counted: Vec<(usize, &[u8], usize)> = pieces
        .enumerate()
        .par_bridge()
        .map(|(index, bytes)| {
            let lines = count_lines(bytes);
            release(bytes);
            (index, bytes, lines)
        })
        .collect();
    counted.sort_unstable_by_key(|&(index, ..)| index);
    let mut line = first_line;
    let with_lines = |(_, bytes, lines)| {
        let chunk = Chunk { bytes, first_line: line, lines };
        line += lines as u64;
        chunk
    };
    counted.into_iter().map(with_lines).collect()
}

/// How many lines there are; the last may lack its line feed.
fn count_lines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count() + usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"))
}
