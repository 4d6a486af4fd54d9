//! Rows as text: GloVe (no header), word2vec text and fastText `.vec` (a header line `rows dimension`).
//!
//! Fields are separated by the byte 0x20 only, so tabs, no-break spaces and the like are parts of words. The last `dimension`
//! fields of a line are the numbers; everything before them is the word, including spaces (GloVe.840B has the word `. . .`).

use memchr::{memchr, memchr_iter};
use rayon::prelude::*;

use super::packed::ReadError;
use super::row::{any_row, excerpt, min_length, nonfinite, numbers_in, plain_row, split_line, trim_line, wrong_length};
use super::stream::{MAX_LINE_LENGTH, Stream, head, piece_end};
use super::{BOM, Buffer, ReadOptions, Rows, SkippedRows, Words};
use crate::error::{Advice, Malformed, Place};

/// Whether the first line is a header with the number of rows and the dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderLine {
    Absent,
    Present,
}

/// Number of lines that determine the dimension of a file without a header.
const SAMPLE: usize = 100;

/// A block of whole lines, with the number of the first line and the number of lines.
pub(super) struct LineBlock<'a> {
    pub bytes: &'a [u8],
    pub first_line: u64,
    pub lines: usize,
}

/// The beginning of a file: what precedes the rows, and the dimension.
struct FileHead {
    byte_order_mark: bool,
    /// Rows and dimension according to the header line.
    declared: Option<(u64, usize)>,
    dimension: usize,
    /// Where the rows begin.
    body_at: usize,
    /// The line at which the rows begin.
    first_line: u64,
}

/// The words of a block of lines, and the lines that were skipped.
#[derive(Default)]
struct ParsedBlock {
    words: Words,
    skipped: SkippedRows,
}

/// Reads all rows in parallel, directly into their final place. `release` is called with each part of `bytes` that is not needed for
/// a while.
pub(super) fn parse(
    bytes: &[u8],
    header: HeaderLine,
    options: &ReadOptions,
    release: &(dyn Fn(&[u8]) + Sync),
) -> Result<Rows, Malformed> {
    let head_info = FileHead::of(head(bytes), header)?;
    let dimension = head_info.dimension;
    let body = trim_final_newlines(&bytes[head_info.body_at..]);
    let blocks = divide(body, head_info.first_line, release);
    let room: Vec<usize> = blocks.iter().map(|block| block.max_rows(dimension) * dimension).collect();
    let mut values = Buffer::zeros(room.iter().sum());
    let mut rest = values.as_mut_slice();
    let tasks: Vec<(&LineBlock, &mut [f32])> = blocks
        .iter()
        .zip(&room)
        .map(|(block, &room)| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(room);
            rest = after;
            (block, part)
        })
        .collect();
    let parts: Vec<Result<ParsedBlock, Malformed>> = tasks
        .into_par_iter()
        .map(|(block, values)| {
            let part = block.parse(dimension, options, values);
            release(block.bytes);
            part
        })
        .collect();
    let parts = parts.into_iter().collect::<Result<Vec<ParsedBlock>, Malformed>>()?;

    let mut all = ParsedBlock::default();
    all.words
        .reserve(parts.iter().map(|part| part.words.len()).sum(), parts.iter().map(|part| part.words.size()).sum());
    let (mut from, mut to) = (0, 0);
    for (part, room) in parts.into_iter().zip(room) {
        let kept = part.words.len() * dimension;
        if from > to {
            // Close the gap that skipped lines left.
            values.as_mut_slice().copy_within(from..from + kept, to);
        }
        (from, to) = (from + room, to + kept);
        all.words.append(&part.words);
        all.skipped.append(part.skipped);
    }
    values.truncate(to);
    let lines = blocks.iter().map(|block| block.lines as u64).sum();
    head_info.finish(all, values, lines, bytes.ends_with(b"\n"), options)
}

/// Reads all rows of a stream. The result is that of [`parse`].
pub(super) fn parse_stream(stream: &mut Stream, header: HeaderLine, options: &ReadOptions) -> Result<Rows, ReadError> {
    let head_info = FileHead::of(stream.piece()?, header)?;
    let dimension = head_info.dimension;
    stream.skip(head_info.body_at);
    let mut all = ParsedBlock::default();
    let mut values = Vec::new();
    let mut lines = 0;
    // Empty lines, which are ignored if they turn out to be at the end of the file.
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
            let first_line = head_info.first_line + lines;
            for line in first_line..first_line + empty {
                let error = wrong_length(b"", line, dimension);
                if !options.skip_bad_rows {
                    return Err(error.into());
                }
                all.skipped.add(error);
            }
            let block = LineBlock { bytes: body, first_line: first_line + empty, lines: count_lines(body) };
            let start = values.len();
            values.resize(start + block.max_rows(dimension) * dimension, 0.0);
            let part = block.parse(dimension, options, &mut values[start..])?;
            values.truncate(start + part.words.len() * dimension);
            all.words.append(&part.words);
            all.skipped.append(part.skipped);
            lines += empty + block.lines as u64;
            empty = trimmed;
        }
        let length = piece.len();
        stream.skip(length);
    }
    values.shrink_to_fit();
    Ok(head_info.finish(all, values.into(), lines, final_line_feed, options)?)
}

impl FileHead {
    /// Reads the head from the first piece of the file.
    fn of(head: &[u8], header: HeaderLine) -> Result<FileHead, Malformed> {
        let text = head.strip_prefix(BOM).unwrap_or(head);
        let (declared, body, first_line) = match header {
            HeaderLine::Absent => (None, text, 1),
            HeaderLine::Present => {
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
        Ok(FileHead { byte_order_mark: text.len() < head.len(), declared, dimension, body_at, first_line })
    }

    /// The rows, after all lines were read.
    fn finish(
        &self,
        all: ParsedBlock,
        values: Buffer<f32>,
        lines: u64,
        final_line_feed: bool,
        options: &ReadOptions,
    ) -> Result<Rows, Malformed> {
        let mut warnings = Vec::new();
        if self.byte_order_mark {
            warnings.push("the file begins with a byte-order mark, which was removed".to_owned());
        }
        if !final_line_feed {
            warnings.push("the file does not end with a line feed: its last number may be truncated".to_owned());
        }
        if let Some((rows, dimension)) = self.declared
            && rows != lines
        {
            if !options.skip_bad_rows {
                let expected = format!("{rows} rows, as in the header");
                return Err(Malformed::at(Place::Line(1), expected, lines.to_string())
                    .advise(format!("if the file is complete, correct its first line to `{lines} {dimension}`")));
            }
            warnings.push(format!("the header announces {rows} rows, but {lines} lines follow"));
        }
        Rows { words: all.words, values, dimension: self.dimension, skipped: all.skipped, warnings }.checked()
    }
}

impl LineBlock<'_> {
    /// Maximum number of rows in the block, whatever a header says: one per line, each of at least the minimum length.
    fn max_rows(&self, dimension: usize) -> usize {
        self.lines.min(self.bytes.len() / min_length(dimension))
    }

    /// Parses the lines into `values`, which has space for the maximum number of rows.
    fn parse(&self, dimension: usize, options: &ReadOptions, values: &mut [f32]) -> Result<ParsedBlock, Malformed> {
        let mut part = ParsedBlock::default();
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
                // The space is used up by longer rows, so the remaining lines are too short to be rows.
                (None, None) => Err(wrong_length(line, number, dimension)),
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

/// The number of rows and the dimension, if the line is a header.
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

/// The most frequent dimension of the first lines, so that a single bad row does not determine it.
pub(super) fn dimension_of(body: &[u8]) -> Result<usize, Malformed> {
    let mut counts: Vec<(usize, usize)> = Vec::new();
    for line in body.split(|&byte| byte == b'\n').take(SAMPLE) {
        let numbers = numbers_in(line);
        match counts.iter_mut().find(|(dimension, _)| *dimension == numbers) {
            Some((_, count)) => *count += 1,
            None => counts.push((numbers, 1)),
        }
    }
    // Of equally frequent dimensions, the first.
    let max = counts.iter().map(|&(_, count)| count).max().unwrap_or(0);
    match counts.iter().find(|&&(_, count)| count == max) {
        Some(&(dimension, _)) if dimension > 0 => Ok(dimension),
        _ => {
            let (line, _) = split_line(body);
            let error = Malformed::at(Place::Line(1), "a word and its numbers, separated by spaces", excerpt(line));
            Err(if memchr(b'\t', line).is_some() {
                error.advise("fields are separated by tabs; replace them with spaces: tr '\\t' ' '")
            } else {
                error.advise("is this a file of word vectors?")
            })
        }
    }
}

/// Divides the body into blocks of whole lines.
pub(super) fn divide<'a>(body: &'a [u8], first_line: u64, release: &(dyn Fn(&[u8]) + Sync)) -> Vec<LineBlock<'a>> {
    let mut rest = body;
    let pieces = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at(piece_end(rest).unwrap_or(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    // The body is divided by one thread at a time; lines are counted by all threads.
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
        let block = LineBlock { bytes, first_line: line, lines };
        line += lines as u64;
        block
    };
    counted.into_iter().map(with_lines).collect()
}

/// The number of lines; the last may lack its line feed.
fn count_lines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count() + usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"))
}
