//! NumPy arrays (`.npy`), and the word list that belongs to one, since an array has no words.
//!
//! The format is that of `numpy.lib.format`: a magic string, a version, a header that is a Python dictionary, and the numbers.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use half::f16;
use rayon::prelude::*;

use super::row::{excerpt, split_line};
use super::{BOM, ElementType, Words};
use crate::error::{Advice, Malformed, Place};

/// The magic string of an array.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The first byte of an array, which does not occur in ASCII text.
pub const FIRST: u8 = MAGIC[0];

/// Digits that NumPy reserves in a header, so that the first number of the shape can be changed in place.
const MAX_SHAPE_DIGITS: usize = 21;

/// Numbers that one task converts.
const CHUNK: usize = 1 << 18;

/// Rows that one task transposes: few enough to stay in the cache.
const BAND: usize = 64;

/// Reads a two-dimensional array: its values `[rows, columns]`, the number of rows and the number of columns.
pub fn parse(bytes: &[u8], allow_nonfinite: bool) -> Result<(Vec<f32>, usize, usize), Malformed> {
    read(bytes, allow_nonfinite, false)
}

/// Reads vectors `[n, dimension]`, or a single vector `[dimension]`, and returns the values `[n, dimension]`. They need not be finite.
pub fn parse_vectors(bytes: &[u8], dimension: usize) -> Result<Vec<f32>, Malformed> {
    let (values, _, columns) = read(bytes, true, true)?;
    if columns != dimension {
        let expected = format!("{dimension} numbers per vector");
        return Err(Malformed::at(Place::File, expected, columns.to_string()));
    }
    Ok(values)
}

/// As [`parse`]; with `single`, an array of one dimension is a single row.
fn read(bytes: &[u8], allow_nonfinite: bool, single: bool) -> Result<(Vec<f32>, usize, usize), Malformed> {
    let (text, start) = header_text(bytes)?;
    let ArrayHeader { number_type, columns_first, rows, columns } =
        header(text, Place::Byte((start - text.len()) as u64), single)?;
    let count = rows.checked_mul(columns);
    let data = &bytes[start..];
    if count.and_then(|count| count.checked_mul(number_type.size())) != Some(data.len()) {
        let error = Malformed::at(
            Place::Byte(start as u64),
            format!("{rows} x {columns} numbers of {} bytes, as in the header", number_type.size()),
            format!("{} bytes", data.len()),
        );
        return Err(error.advise("the file is truncated, or has more than one array"));
    }

    let mut values = vec![0.0f32; rows * columns];
    let layout = columns_first.then_some(rows);
    match number_type {
        NumberType::F16 => fill(data, &mut values, columns, layout, |bytes| f16::from_le_bytes(bytes).to_f32()),
        NumberType::F32 => fill(data, &mut values, columns, layout, f32::from_le_bytes),
        NumberType::F64 => fill(data, &mut values, columns, layout, |bytes| f64::from_le_bytes(bytes) as f32),
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
            Place::Row { row: row as u64 + 1, byte: (start + number * number_type.size()) as u64 },
            format!("a finite 32-bit number ({} of {columns})", column + 1),
            format!("{}", values[row * columns + column]),
        )
        .advise(Advice::KeepNonFinite));
    }
    Ok((values, rows, columns))
}

/// The number types that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberType {
    F16,
    F32,
    F64,
}

impl NumberType {
    fn size(self) -> usize {
        match self {
            NumberType::F16 => 2,
            NumberType::F32 => 4,
            NumberType::F64 => 8,
        }
    }
}

/// The header of an array.
#[derive(Debug, PartialEq, Eq)]
struct ArrayHeader {
    number_type: NumberType,
    /// Column by column (Fortran order) instead of row by row.
    columns_first: bool,
    rows: usize,
    columns: usize,
}

/// Converts `data` into `values`, `[rows, columns]`. `rows_of_columns` is the number of rows if `data` is stored column by column.
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
            .advise("the file is truncated; download it again")
    };
    let Some(rest) = bytes.strip_prefix(&MAGIC) else {
        return Err(Malformed::at(
            Place::Byte(0),
            "the magic string of a NumPy array, 93 4E 55 4D 50 59",
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

/// Reads a header: a Python dictionary with `descr`, `fortran_order` and `shape`, in any order. With `single`, an array of one
/// dimension is a single row.
fn header(text: &[u8], place: Place, single: bool) -> Result<ArrayHeader, Malformed> {
    let (descr, columns_first, shape) = dictionary(text, place)?;
    let number_type = number_type(descr, place)?;
    let (rows, columns) = rows_and_columns(&shape, single, place)?;
    if rows == 0 || columns == 0 {
        return Err(Malformed::at(place, "rows of numbers", format!("an array of {rows} x {columns}")));
    }
    Ok(ArrayHeader { number_type, columns_first, rows, columns })
}

/// The entries `descr`, `fortran_order` and `shape` of a header.
fn dictionary(text: &[u8], place: Place) -> Result<(&[u8], bool, Vec<usize>), Malformed> {
    let unclear = || {
        Malformed::at(place, "a header with descr, fortran_order and shape", excerpt(text))
            .advise("the file is damaged: download it again")
    };
    let mut literal = LiteralParser { rest: text };
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
                return Err(Malformed::at(place, "an array of numbers", "an array of records (a structured dtype)")
                    .advise("in NumPy, save the field with the vectors as '<f4'"));
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
    Ok((descr, columns_first, shape))
}

fn number_type(descr: &[u8], place: Place) -> Result<NumberType, Malformed> {
    let (found, load) = match descr {
        b"<f2" => return Ok(NumberType::F16),
        b"<f4" => return Ok(NumberType::F32),
        b"<f8" => return Ok(NumberType::F64),
        [b'>', ..] => (format!("big-endian numbers, {}", excerpt(descr)), "numpy.load('old.npy')"),
        [_, b'O', ..] => {
            (format!("Python objects, {}", excerpt(descr)), "numpy.stack(numpy.load('old.npy', allow_pickle=True))")
        }
        _ => (excerpt(descr), "numpy.load('old.npy')"),
    };
    let advice = format!("in NumPy, save it again: numpy.save('new.npy', {load}.astype('<f4'))");
    Err(Malformed::at(place, "numbers of type <f2, <f4 or <f8", found).advise(advice))
}

fn rows_and_columns(shape: &[usize], single: bool, place: Place) -> Result<(usize, usize), Malformed> {
    match *shape {
        [rows, columns] => return Ok((rows, columns)),
        [columns] if single => return Ok((1, columns)),
        _ => {}
    }
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let (expected, rows) = if single {
        ("an array of one or two dimensions, one row per vector", "vectors")
    } else {
        ("an array of two dimensions, one row per word", "words")
    };
    let advice = format!("in NumPy, save it again: numpy.save('new.npy', numpy.load('old.npy').reshape({rows}, -1))");
    Err(Malformed::at(place, expected, format!("an array of shape ({})", shape.join(", "))).advise(advice))
}

/// A parser of Python literals.
struct LiteralParser<'a> {
    rest: &'a [u8],
}

impl<'a> LiteralParser<'a> {
    /// Consumes `byte` and the white space around it, if it comes next.
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

    /// A tuple of integers. Python 2 wrote an `L` after large ones.
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
/// Errors of `out`. As invalid input: no rows, a number of values that is not rows x columns, and a finite value that is too large
/// for a 16-bit float.
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

/// Everything before the numbers of an array, which begin at a multiple of 64 bytes. The length does not depend on the number of
/// rows.
pub fn header_of(rows: usize, columns: usize, dtype: ElementType) -> Vec<u8> {
    let descr = match dtype {
        ElementType::F16 => "<f2",
        ElementType::F32 => "<f4",
    };
    let rows = rows.to_string();
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let length = dictionary.len() + MAX_SHAPE_DIGITS.saturating_sub(rows.len());
    // 10 bytes precede the text, and a line feed follows it.
    let length = (10 + length + 1).next_multiple_of(64) - 10;
    let mut header = [&MAGIC[..], &[1, 0], &(length as u16).to_le_bytes()].concat();
    header.extend_from_slice(format!("{dictionary:<width$}\n", width = length - 1).as_bytes());
    header
}

/// Reads the words of an array of `rows` rows, one per line, with line ends LF or CRLF. Also returns warnings, one sentence each.
pub fn word_list(bytes: &[u8], rows: usize) -> Result<(Words, Vec<String>), Malformed> {
    let mut warnings = Vec::new();
    let mut rest = bytes;
    if let Some(text) = rest.strip_prefix(BOM) {
        warnings.push("the word list begins with a byte-order mark, which was removed".to_owned());
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
            format!("{rows} words, one per line, for the {rows} rows of the array"),
            format!("{} lines", words.len()),
        )
        .advise("the list must have one line for each row, in the order of the rows"));
    }
    Ok((words, warnings))
}

/// What a word contains that cannot be stored in a word list.
pub(super) fn unlistable(word: &[u8]) -> Option<&'static str> {
    if word.contains(&b'\n') {
        Some("a line feed")
    } else if word.ends_with(b"\r") {
        Some("a carriage return at its end")
    } else {
        None
    }
}

/// The path of the word list of an array: `vectors.words.txt` for `vectors.npy`.
pub fn word_list_path(path: &Path) -> PathBuf {
    path.with_extension("words.txt")
}

/// Writes a word list, one word per line.
///
/// # Errors
/// Errors of `out`; as invalid input, an [unlistable] word.
pub(super) fn write_words<'a>(out: &mut impl Write, words: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    for (index, word) in words.enumerate() {
        if let Some(found) = unlistable(word) {
            let what = format!("word {} contains {found}: {}", index + 1, excerpt(word));
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        // A reader would remove a byte-order mark from the first word.
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
