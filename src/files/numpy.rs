//! NumPy arrays (`.npy`), and the list of words that goes with one: an array has no words of its own.
//!
//! As NumPy's `numpy.lib.format` describes the format: a mark, a version, a header that is a Python dictionary, numbers.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use half::f16;
use rayon::prelude::*;

use super::row::{excerpt, split_line};
use super::{BOM, ElementType, Words};
use crate::error::{Advice, Malformed, Place};

/// What an array begins with.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The first byte of an array, which no text in ASCII has.
pub const FIRST: u8 = MAGIC[0];

/// What NumPy makes room for in a header, so that the first number of a shape can grow in place.
const LONGEST_NUMBER: usize = 21;

/// Numbers that one task converts.
const CHUNK: usize = 1 << 18;

/// Rows that one task transposes: few enough for their numbers to stay in a cache.
const BAND: usize = 64;

/// Reads a two-dimensional array: its values, row after row, its rows and its columns.
pub fn parse(bytes: &[u8], allow_nonfinite: bool) -> Result<(Vec<f32>, usize, usize), Malformed> {
    read(bytes, allow_nonfinite, false)
}

/// Reads vectors `[n, dimension]`, or a single one, `[dimension]`: their values, vector after vector. They need not be finite.
pub fn parse_vectors(bytes: &[u8], dimension: usize) -> Result<Vec<f32>, Malformed> {
    let (values, _, columns) = read(bytes, true, true)?;
    if columns != dimension {
        let expected = format!("{dimension} numbers a vector, as the vectors asked have");
        return Err(Malformed::at(Place::File, expected, columns.to_string()));
    }
    Ok(values)
}

/// [`parse`]; `single` takes an array of one dimension for a single row.
fn read(bytes: &[u8], allow_nonfinite: bool, single: bool) -> Result<(Vec<f32>, usize, usize), Malformed> {
    let (text, start) = header_text(bytes)?;
    let Header { kind, columns_first, rows, columns } = header(text, Place::Byte((start - text.len()) as u64), single)?;
    let count = rows.checked_mul(columns);
    let data = &bytes[start..];
    if count.and_then(|count| count.checked_mul(kind.size())) != Some(data.len()) {
        let error = Malformed::at(
            Place::Byte(start as u64),
            format!("{rows} x {columns} numbers of {} bytes, as the header says", kind.size()),
            format!("{} bytes", data.len()),
        );
        return Err(error.advise("the file is cut short, or is not a single array"));
    }

    let mut values = vec![0.0f32; rows * columns];
    let layout = columns_first.then_some(rows);
    match kind {
        Kind::F16 => fill(data, &mut values, columns, layout, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Kind::F32 => fill(data, &mut values, columns, layout, f32::from_le_bytes),
        Kind::F64 => fill(data, &mut values, columns, layout, |bytes| f64::from_le_bytes(bytes) as f32),
    }
    let rows_in_order = values.par_chunks_exact(columns).enumerate();
    let bad = rows_in_order.filter_map(|(row, values)| {
        let column = values.iter().position(|value| !value.is_finite())?;
        Some((row, column))
    });
    if let Some((row, column)) = bad.min()
        && !allow_nonfinite
    {
        let number = if columns_first { column * rows + row } else { row * columns + column };
        return Err(Malformed::at(
            Place::Row { row: row as u64 + 1, byte: (start + number * kind.size()) as u64 },
            format!("a finite 32-bit number ({} of {columns})", column + 1),
            format!("{}", values[row * columns + column]),
        )
        .advise(Advice::KeepNonFinite));
    }
    Ok((values, rows, columns))
}

/// The numbers of an array that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    F16,
    F32,
    F64,
}

impl Kind {
    fn size(self) -> usize {
        match self {
            Kind::F16 => 2,
            Kind::F32 => 4,
            Kind::F64 => 8,
        }
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    kind: Kind,
    /// Column after column (Fortran's order) rather than row after row.
    columns_first: bool,
    rows: usize,
    columns: usize,
}

/// Converts `data` into `values`, which are `[rows, columns]`. `rows_of_columns` is the number of rows where `data` has
/// column after column.
fn fill<const N: usize>(
    data: &[u8],
    values: &mut [f32],
    columns: usize,
    rows_of_columns: Option<usize>,
    number: impl Fn([u8; N]) -> f32 + Sync,
) {
    let data = data.as_chunks::<N>().0;
    match rows_of_columns {
        None => values.par_chunks_mut(CHUNK).zip(data.par_chunks(CHUNK)).for_each(|(values, data)| {
            values.iter_mut().zip(data).for_each(|(value, &bytes)| *value = number(bytes));
        }),
        Some(rows) => values.par_chunks_mut(BAND * columns).enumerate().for_each(|(band, values)| {
            for column in 0..columns {
                let from = column * rows + band * BAND;
                let places = values[column..].iter_mut().step_by(columns);
                places.zip(&data[from..]).for_each(|(value, &bytes)| *value = number(bytes));
            }
        }),
    }
}

/// The text of the header, and the byte at which the numbers begin.
fn header_text(bytes: &[u8]) -> Result<(&[u8], usize), Malformed> {
    let cut_short = |at: usize, what: &str| {
        Malformed::at(Place::Byte(at as u64), what, "the end of the file")
            .advise("the file is cut short: fetch it again")
    };
    let Some(rest) = bytes.strip_prefix(&MAGIC) else {
        return Err(Malformed::at(
            Place::Byte(0),
            "the mark of a NumPy array, 93 4E 55 4D 50 59",
            excerpt(&bytes[..bytes.len().min(MAGIC.len())]),
        ));
    };
    let (length, start) = match rest {
        [1, 0, low, high, ..] => (u16::from_le_bytes([*low, *high]) as usize, 10),
        [2 | 3, 0, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
        [] | [_] | [1, 0, ..] | [2 | 3, 0, ..] => return Err(cut_short(6, "a version and the length of a header")),
        [major, minor, ..] => {
            return Err(Malformed::at(
                Place::Byte(6),
                "a NumPy array of version 1.0, 2.0 or 3.0",
                format!("version {major}.{minor}"),
            ));
        }
    };
    let text = bytes.get(start..).and_then(|rest| rest.get(..length));
    text.map(|text| (text, start + length)).ok_or_else(|| cut_short(start, "a header"))
}

/// Reads a header: a Python dictionary of `descr`, `fortran_order` and `shape`, in any order. `single` takes an array of one
/// dimension for a single row.
fn header(text: &[u8], place: Place, single: bool) -> Result<Header, Malformed> {
    let resave = "from NumPy, save it again: numpy.save('new.npy', numpy.load('old.npy').astype('<f4'))";
    let unclear = || {
        Malformed::at(place, "a header of descr, fortran_order and shape", excerpt(text))
            .advise("the file is damaged: fetch it again")
    };
    let mut literal = Literal { rest: text };
    let (mut descr, mut columns_first, mut shape) = (None, None, None);
    if !literal.eat(b'{') {
        return Err(unclear());
    }
    while !literal.eat(b'}') {
        let key = literal.string().ok_or_else(unclear)?;
        if !literal.eat(b':') {
            return Err(unclear());
        }
        match key {
            b"descr" if literal.eat(b'[') => {
                return Err(Malformed::at(place, "an array of numbers", "one of records (a structured dtype)")
                    .advise("from NumPy, save the field that holds the vectors, as '<f4'"));
            }
            b"descr" => descr = Some(literal.string().ok_or_else(unclear)?),
            b"fortran_order" => columns_first = Some(literal.boolean().ok_or_else(unclear)?),
            b"shape" => shape = Some(literal.tuple().ok_or_else(unclear)?),
            _ => return Err(unclear()),
        }
        if !literal.eat(b',') && !literal.rest.starts_with(b"}") {
            return Err(unclear());
        }
    }
    let (Some(descr), Some(columns_first), Some(shape)) = (descr, columns_first, shape) else {
        return Err(unclear());
    };

    let kind = match descr {
        b"<f2" => Kind::F16,
        b"<f4" => Kind::F32,
        b"<f8" => Kind::F64,
        other => {
            let error = Malformed::at(
                place,
                "numbers of type <f2, <f4 or <f8",
                match other {
                    [b'>', ..] => format!("big-endian ones, {}", excerpt(other)),
                    [_, b'O', ..] => format!("Python objects, {}", excerpt(other)),
                    _ => excerpt(other),
                },
            );
            return Err(error.advise(match other {
                [_, b'O', ..] => {
                    "from NumPy, save it again: \
                     numpy.save('new.npy', numpy.stack(numpy.load('old.npy', allow_pickle=True)).astype('<f4'))"
                }
                _ => resave,
            }));
        }
    };
    let (rows, columns) = if let &[rows, columns] = shape.as_slice() {
        (rows, columns)
    } else if let (&[columns], true) = (shape.as_slice(), single) {
        (1, columns)
    } else {
        let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
        let found = format!("one of shape ({})", shape.join(", "));
        let (expected, rows) = if single {
            ("an array of one or two dimensions, a row a vector", "vectors")
        } else {
            ("an array of two dimensions, a row a word", "words")
        };
        let advice =
            format!("from NumPy, save it again: numpy.save('new.npy', numpy.load('old.npy').reshape({rows}, -1))");
        return Err(Malformed::at(place, expected, found).advise(advice));
    };
    if rows == 0 || columns == 0 {
        return Err(Malformed::at(place, "rows of numbers", format!("an array of {rows} x {columns}")));
    }
    Ok(Header { kind, columns_first, rows, columns })
}

/// What is left of a Python literal.
struct Literal<'a> {
    rest: &'a [u8],
}

impl<'a> Literal<'a> {
    /// Takes `byte` and the white space on both sides of it, if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.rest.trim_ascii_start();
        match rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest.trim_ascii_start();
                true
            }
            None => false,
        }
    }

    /// A string in either kind of quotes, without escapes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let (quote, rest) = self.rest.split_first()?;
        let end = rest.iter().position(|byte| byte == quote).filter(|_| matches!(quote, b'\'' | b'"'))?;
        self.rest = rest[end + 1..].trim_ascii_start();
        Some(&rest[..end])
    }

    fn boolean(&mut self) -> Option<bool> {
        let (value, rest) = match (self.rest.strip_prefix(b"True"), self.rest.strip_prefix(b"False")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return None,
        };
        self.rest = rest.trim_ascii_start();
        Some(value)
    }

    /// A tuple of whole numbers. Python 2 wrote an `L` behind large ones.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        if !self.eat(b'(') {
            return None;
        }
        while !self.eat(b')') {
            let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, rest) = self.rest.split_at(digits);
            numbers.push(std::str::from_utf8(number).ok()?.parse().ok()?);
            self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
            if !self.eat(b',') && !self.rest.starts_with(b")") {
                return None;
            }
        }
        Some(numbers)
    }
}

/// Writes an array of version 1.0, byte for byte as `numpy.save` does. `values` is `[rows, columns]`.
///
/// # Errors
/// What `out` returns. As invalid input: no rows, or a number of values that is not rows x columns; a finite value that
/// has no finite 16-bit float.
pub(super) fn write(out: &mut impl Write, values: &[f32], columns: usize, dtype: ElementType) -> io::Result<()> {
    if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
        let what = format!("{} values are not rows of {columns}", values.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    out.write_all(&header_of(values.len() / columns, columns, dtype))?;
    match dtype {
        ElementType::F32 => values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes())),
        ElementType::F16 => values.iter().enumerate().try_for_each(|(at, &value)| {
            let half = f16::from_f32(value);
            if value.is_finite() && !half.is_finite() {
                let what = format!("{value} in row {} is too large for 16 bits", at / columns + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            out.write_all(&half.to_le_bytes())
        }),
    }
}

/// All that stands before an array's numbers, which begin at a multiple of 64. The length does not depend on the number of rows.
pub fn header_of(rows: usize, columns: usize, dtype: ElementType) -> Vec<u8> {
    let descr = match dtype {
        ElementType::F16 => "<f2",
        ElementType::F32 => "<f4",
    };
    let rows = rows.to_string();
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let length = dictionary.len() + LONGEST_NUMBER.saturating_sub(rows.len());
    // Before the text stand 10 bytes, behind it a line feed.
    let length = (10 + length + 1).next_multiple_of(64) - 10;
    let mut header = [&MAGIC[..], &[1, 0], &(length as u16).to_le_bytes()].concat();
    header.extend_from_slice(format!("{dictionary:<width$}\n", width = length - 1).as_bytes());
    header
}

/// Reads the words of an array of `rows` rows: one a line, lines ending in LF or CRLF. AtomicFile them, what a user should be
/// told, a sentence each.
pub fn word_list(bytes: &[u8], rows: usize) -> Result<(Words, Vec<String>), Malformed> {
    let mut warnings = Vec::new();
    let mut rest = bytes;
    if let Some(text) = rest.strip_prefix(BOM) {
        warnings.push("the list of words begins with a byte-order mark, which was left out".to_owned());
        rest = text;
    }
    let mut words = Words::default();
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        words.push(line.strip_suffix(b"\r").unwrap_or(line));
        rest = after;
    }
    if words.len() != rows {
        return Err(Malformed::at(
            Place::File,
            format!("{rows} words, one a line, as the array has {rows} rows"),
            format!("{} lines", words.len()),
        )
        .advise("the list must name each row, in the rows' order, and nothing else"));
    }
    Ok((words, warnings))
}

/// What a word holds that a list of words cannot: it would not come back.
pub(super) fn unlistable(word: &[u8]) -> Option<&'static str> {
    if word.contains(&b'\n') {
        Some("a line feed")
    } else if word.ends_with(b"\r") {
        Some("a carriage return at its end")
    } else {
        None
    }
}

/// Where the words of an array are looked for and written: `vectors.npy` has them in `vectors.words.txt`.
pub fn list_beside(path: &Path) -> PathBuf {
    path.with_extension("words.txt")
}

/// Writes a list of words, one a line.
///
/// # Errors
/// What `out` returns; as invalid input, an [unlistable] word.
pub(super) fn write_words<'a>(out: &mut impl Write, words: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    for (index, word) in words.enumerate() {
        if let Some(found) = unlistable(word) {
            let what = format!("word {} holds {found}: {}", index + 1, excerpt(word));
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        // A first word that begins with a byte-order mark would lose it to a reader.
        if index == 0 && word.starts_with(BOM) {
            out.write_all(BOM)?;
        }
        out.write_all(word)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
