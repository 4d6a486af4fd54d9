//! Parsing a line of text, a word and its numbers, and the errors for lines that are not.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr};

use super::number::{parse_f32, plain_decimal};
use crate::error::{Advice, Malformed, Place, Problem};

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

/// The number of fields at the end of a line that are numbers. The first field is not counted: it belongs to the word.
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

/// Parses a row at the beginning of `bytes` in its usual form: a word without spaces, then finite numbers, each after one space.
/// Returns the word, and the length of the line with its line feed; `None` for all other rows.
#[inline]
pub(super) fn plain_row<'a>(bytes: &'a [u8], row: &mut [f32]) -> Option<(&'a [u8], usize)> {
    let mut at = memchr2(b' ', b'\n', bytes)?;
    let word = &bytes[..at];
    for value in row {
        if bytes.get(at) != Some(&b' ') {
            return None;
        }
        let rest = &bytes[at + 1..];
        let (number, length) = match plain_decimal(rest) {
            Some((number, length)) if matches!(rest.get(length), Some(b' ' | b'\n' | b'\r')) => (number, length),
            _ => other_number(rest)?,
        };
        *value = number;
        at += 1 + length;
    }
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    match bytes.get(at..)? {
        [b'\n', ..] => Some((word, at + 1)),
        [b'\r', b'\n', ..] => Some((word, at + 2)),
        [] => Some((word, at)),
        _ => None,
    }
}

/// Parses a finite number at the beginning of `bytes` that is not a plain decimal (`9.4e-05`) or is at the end of the bytes.
#[cold]
fn other_number(bytes: &[u8]) -> Option<(f32, usize)> {
    let field = &bytes[..memchr3(b' ', b'\n', b'\r', bytes).unwrap_or(bytes.len())];
    let number = parse_f32(field).filter(|number| number.is_finite())?;
    Some((number, field.len()))
}

/// Parses any row: the last fields are the numbers, the rest is the word.
pub(super) fn any_row<'a>(line: &'a [u8], number: u64, row: &mut [f32]) -> Result<&'a [u8], Malformed> {
    let dimension = row.len();
    let trimmed = trim_line(line);
    if trimmed.len() < min_length(dimension) {
        return Err(wrong_length(line, number, dimension));
    }
    let mut rest = trimmed;
    for (index, value) in row.iter_mut().enumerate().rev() {
        let Some(space) = memrchr(b' ', rest) else {
            return Err(wrong_length(line, number, dimension));
        };
        let field = &rest[space + 1..];
        *value = match parse_f32(field) {
            Some(value) => value,
            None if memchr_iter(b' ', trimmed).count() < dimension => {
                return Err(wrong_length(line, number, dimension));
            }
            None => {
                return Err(Malformed::at(
                    Place::Column { line: number, column: space as u64 + 2 },
                    format!("number {} of {dimension}", index + 1),
                    excerpt(field),
                )
                .advise(Advice::SkipBadRows));
            }
        };
        rest = &rest[..space];
    }
    // `b 1 2 3 4` in a file of three dimensions is a row with too many numbers, not the word `b 1`; in `route 66 0.1 0.2 0.3`, `66`
    // is part of the word.
    let last = memrchr(b' ', rest).map(|space| &rest[space + 1..]);
    if let Some(field) = last
        && parse_f32(field).is_some_and(f32::is_finite)
        && (is_fraction(field) || !line[rest.len()..].split(|&byte| byte == b' ').any(is_fraction))
    {
        return Err(wrong_length(line, number, dimension));
    }
    Ok(rest)
}

/// Parses a vector without a word: `dimension` numbers, separated by spaces, tabs or commas. They need not be finite. `number` is the
/// number of the line, for errors.
///
/// # Errors
/// A wrong number of fields, and a field that is not a number.
pub fn parse_vector(line: &[u8], number: u64, dimension: usize) -> Result<Vec<f32>, Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut values = Vec::new();
    let mut at = 0;
    for field in line.split(|byte| b" \t,".contains(byte)) {
        if !field.is_empty() {
            values.push(parse_f32(field).ok_or_else(|| {
                let expected = format!("number {} of {dimension}", values.len() + 1);
                Malformed::at(Place::Column { line: number, column: at as u64 + 1 }, expected, excerpt(field))
            })?);
        }
        at += field.len() + 1;
    }
    if values.len() != dimension {
        let expected = format!("{dimension} numbers");
        return Err(Malformed::at(Place::Line(number), expected, values.len().to_string()));
    }
    Ok(values)
}

/// Minimum length of a row in bytes: a space and a digit for each number.
pub(super) fn min_length(dimension: usize) -> usize {
    dimension.saturating_mul(2)
}

/// Whether a number is written with a fraction or an exponent.
fn is_fraction(number: &[u8]) -> bool {
    number.iter().rposition(|byte| b".eE".contains(byte)).is_some_and(|at| at + 1 < number.len())
}

pub(super) fn wrong_length(line: &[u8], number: u64, dimension: usize) -> Malformed {
    let place = Place::Line(number);
    let error = match numbers_in(line) {
        0 if trim_line(line).is_empty() => {
            Malformed::at(place, format!("a word and {dimension} numbers"), "an empty line")
        }
        found => Malformed::new(place, Problem::RowLength { expected: dimension, found, excerpt: excerpt(line) }),
    };
    error.advise("the file may be damaged there, or its header may be wrong")
}

pub(super) fn nonfinite(line: &[u8], number: u64, at: usize, dimension: usize) -> Malformed {
    let mut rest = trim_line(line);
    let mut column = 0;
    for _ in at..dimension {
        column = memrchr(b' ', rest).unwrap_or(0);
        rest = &rest[..column];
    }
    let (field, _) = split_at_space(&line[(column + 1).min(line.len())..]);
    Malformed::at(
        Place::Column { line: number, column: column as u64 + 2 },
        format!("a finite number ({} of {dimension})", at + 1),
        excerpt(field),
    )
    .advise(Advice::KeepNonFinite)
}

fn split_at_space(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(memchr(b' ', bytes).unwrap_or(bytes.len()))
}

/// The beginning of `bytes` in quotes, for an error message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const MAX_CHARACTERS: usize = 40;
    let text: Cow<str> = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_CHARACTERS)]);
    let shown: String = text.chars().take(MAX_CHARACTERS).flat_map(char::escape_debug).collect();
    let more = if bytes.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS { "..." } else { "" };
    format!("`{shown}{more}`")
}
