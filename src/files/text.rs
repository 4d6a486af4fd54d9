//! Rows as text: GloVe (no header), word2vec text and fastText `.vec` (a header line `rows dimension`).
//!
//! Fields are separated by the byte 0x20 and by nothing else, so tabs, NBSP and the like are parts of words. The last
//! `dimension` fields of a line are the numbers; everything before them is the word, spaces and all (GloVe.840B has the
//! word `. . .`).

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use super::number::{parse_f32, plain_decimal};
use super::{Rows, Words};
use crate::error::{Malformed, Place};

/// Whether the first line says how many rows and numbers follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Absent,
    Present,
}

/// Bytes that one task parses; fixed, so that work is cut the same way at any number of threads.
const CHUNK: usize = 1 << 20;

/// Lines looked at to find the dimension of a file without a header.
const SAMPLE: usize = 100;

/// A run of whole lines, with the number of the first and how many there are.
pub(super) struct Chunk<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) first_line: u64,
    pub(super) lines: usize,
}

/// Reads all rows, in parallel, straight into the table.
pub(super) fn parse(bytes: &[u8], header: Header, allow_nonfinite: bool) -> Result<Rows, Malformed> {
    let mut warnings = Vec::new();
    let body = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            warnings.push("the file begins with a byte-order mark, which was left out".to_owned());
            rest
        }
        None => bytes,
    };
    let (declared, body, first_line) = match header {
        Header::Absent => (None, body, 1),
        Header::Present => {
            let (line, rest) = split_line(body);
            let declared = header_of(line).ok_or_else(|| {
                Malformed::at(Place::Line(1), "a header line `rows dimension`", excerpt(line))
                    .advise("a file without a header reads with --format glove")
            })?;
            (Some(declared), rest, 2)
        }
    };
    let body = trim_final_newlines(body);
    if body.is_empty() {
        return Err(Malformed::at(Place::File, "rows of word vectors", "none"));
    }
    if bytes.last() != Some(&b'\n') {
        warnings.push("the file lacks its final line feed: its last number may be cut short".to_owned());
    }
    let dimension = match declared {
        Some((_, dimension)) => dimension,
        None => dimension_of(body)?,
    };

    let chunks = cut(body, first_line);
    let lines: usize = chunks.iter().map(|chunk| chunk.lines).sum();
    check_size(body, lines, dimension, first_line)?;
    if let Some((rows, _)) = declared
        && rows != lines as u64
    {
        return Err(Malformed::at(Place::Line(1), format!("{rows} rows, as the header says"), format!("{lines}"))
            .advise(format!("if the file is whole, correct its first line to `{lines} {dimension}`")));
    }

    let mut values = vec![0.0; lines * dimension];
    let mut rest = values.as_mut_slice();
    let tasks: Vec<(&Chunk, &mut [f32])> = chunks
        .iter()
        .map(|chunk| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(chunk.lines * dimension);
            rest = after;
            (chunk, part)
        })
        .collect();
    let parts: Vec<Result<Words, Malformed>> =
        tasks.into_par_iter().map(|(chunk, values)| parse_chunk(chunk, dimension, allow_nonfinite, values)).collect();

    let parts = parts.into_iter().collect::<Result<Vec<Words>, Malformed>>()?;
    let mut words = Words::default();
    words.reserve(lines, parts.iter().map(|part| part.parts().0.len()).sum());
    parts.iter().for_each(|part| words.append(part));
    Ok(Rows { words, values, dimension, warnings })
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

/// The first line without its line feed, and what follows it.
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// A line without a carriage return and without trailing spaces (word2vec and fastText write one).
pub(super) fn trim_line(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let end = line.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    &line[..end]
}

/// How many of the last fields of a line are numbers, the first field left out: it belongs to the word.
pub(super) fn numbers_in(line: &[u8]) -> usize {
    let mut rest = trim_line(line);
    let mut count = 0;
    while let Some(space) = memrchr(b' ', rest) {
        if parse_f32(&rest[space + 1..]).is_none() {
            break;
        }
        count += 1;
        rest = &rest[..space];
    }
    count
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

/// Refuses sizes that no such file can have before anything is allocated for them.
fn check_size(body: &[u8], lines: usize, dimension: usize, first_line: u64) -> Result<(), Malformed> {
    // A number takes two bytes at least: a space and a digit.
    let least = lines.checked_mul(dimension).and_then(|numbers| numbers.checked_mul(2));
    if least.is_some_and(|least| least <= body.len()) {
        return Ok(());
    }
    // Some row is too short then; say which.
    let short = body
        .split(|&byte| byte == b'\n')
        .enumerate()
        .find(|(_, line)| numbers_in(line) < dimension)
        .map_or((0, &[][..]), |(index, line)| (index, line));
    Err(wrong_width(short.1, first_line + short.0 as u64, dimension))
}

/// Cuts the body into chunks of whole lines.
pub(super) fn cut(body: &[u8], first_line: u64) -> Vec<Chunk<'_>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end =
            rest.get(CHUNK..).and_then(|tail| memchr(b'\n', tail)).map_or(rest.len(), |newline| CHUNK + newline + 1);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    // The body's last line has lost its line feed, all others end in theirs.
    let lines: Vec<usize> = pieces
        .par_iter()
        .map(|piece| memchr_iter(b'\n', piece).count() + usize::from(!piece.ends_with(b"\n")))
        .collect();
    let mut line = first_line;
    pieces
        .into_iter()
        .zip(lines)
        .map(|(bytes, lines)| {
            let chunk = Chunk { bytes, first_line: line, lines };
            line += lines as u64;
            chunk
        })
        .collect()
}

fn parse_chunk(chunk: &Chunk, dimension: usize, allow_nonfinite: bool, values: &mut [f32]) -> Result<Words, Malformed> {
    let mut words = Words::default();
    words.reserve(chunk.lines, chunk.lines * 8);
    let mut rest = chunk.bytes;
    for (index, row) in values.chunks_exact_mut(dimension).enumerate() {
        let (line, after) = split_line(rest);
        rest = after;
        let number = chunk.first_line + index as u64;
        let word = match plain_row(trim_line(line), row) {
            Some(word) => word,
            None => any_row(line, number, row)?,
        };
        words.push(word);
        if !allow_nonfinite && let Some(at) = row.iter().position(|value| !value.is_finite()) {
            return Err(nonfinite(line, number, at, dimension));
        }
    }
    Ok(words)
}

/// A row as almost all rows are: a word without spaces, then plain decimals, one space before each. `None` for all others.
#[inline]
fn plain_row<'a>(line: &'a [u8], row: &mut [f32]) -> Option<&'a [u8]> {
    let word = &line[..memchr(b' ', line)?];
    let mut at = word.len();
    for value in row {
        if line.get(at) != Some(&b' ') {
            return None;
        }
        let (number, length) = plain_decimal(&line[at + 1..])?;
        *value = number;
        at += 1 + length;
    }
    (at == line.len()).then_some(word)
}

/// Any row at all: the last fields are the numbers, the rest is the word.
pub(super) fn any_row<'a>(line: &'a [u8], number: u64, row: &mut [f32]) -> Result<&'a [u8], Malformed> {
    let dimension = row.len();
    let mut rest = trim_line(line);
    for (index, value) in row.iter_mut().enumerate().rev() {
        let Some(space) = memrchr(b' ', rest) else {
            return Err(wrong_width(line, number, dimension));
        };
        let field = &rest[space + 1..];
        *value = match parse_f32(field) {
            Some(value) => value,
            None if memchr_iter(b' ', trim_line(line)).count() < dimension => {
                return Err(wrong_width(line, number, dimension));
            }
            None => {
                return Err(Malformed::at(
                    Place::Column(number, space as u64 + 2),
                    format!("number {} of {dimension}", index + 1),
                    excerpt(field),
                ));
            }
        };
        rest = &rest[..space];
    }
    // `b 1 2 3 4` in a file of three dimensions is a row too long, not the word `b 1`; `route 66 0.1 0.2 0.3` is a word.
    let last = memrchr(b' ', rest).map(|space| &rest[space + 1..]);
    if let Some(field) = last
        && parse_f32(field).is_some_and(f32::is_finite)
        && (is_fraction(field) || !line[rest.len()..].split(|&byte| byte == b' ').any(is_fraction))
    {
        return Err(wrong_width(line, number, dimension));
    }
    Ok(rest)
}

/// Whether a number is written with something behind a point, or with an exponent.
fn is_fraction(number: &[u8]) -> bool {
    number.iter().rposition(|byte| b".eE".contains(byte)).is_some_and(|at| at + 1 < number.len())
}

fn wrong_width(line: &[u8], number: u64, dimension: usize) -> Malformed {
    let found = match numbers_in(line) {
        0 if trim_line(line).is_empty() => "an empty line".to_owned(),
        count => format!("{count} in {}", excerpt(line)),
    };
    Malformed::at(Place::Line(number), format!("a word and {dimension} numbers"), found)
        .advise("the file may be damaged there, or its header wrong")
}

fn nonfinite(line: &[u8], number: u64, at: usize, dimension: usize) -> Malformed {
    let mut rest = trim_line(line);
    let mut column = 0;
    for _ in at..dimension {
        column = memrchr(b' ', rest).unwrap_or(0);
        rest = &rest[..column];
    }
    let (field, _) = split_at_space(&line[(column + 1).min(line.len())..]);
    Malformed::at(
        Place::Column(number, column as u64 + 2),
        format!("a finite number ({} of {dimension})", at + 1),
        excerpt(field),
    )
    .advise("--allow-nonfinite keeps such rows; they rank last")
}

fn split_at_space(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(memchr(b' ', bytes).unwrap_or(bytes.len()))
}

/// The beginning of something, fit for an error message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 40;
    let text: Cow<str> = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]);
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let more = if bytes.len() > 4 * LONGEST || text.chars().count() > LONGEST { "..." } else { "" };
    format!("`{shown}{more}`")
}
