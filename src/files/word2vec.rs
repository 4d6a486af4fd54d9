//! word2vec binary: a header line `rows dimension`, then for each row the word, a space and little-endian 32-bit floats.
//!
//! As `word2vec.c` writes it: a line feed follows each row. Other writers leave it out; both are read.

use std::io::Write;

use memchr::memchr;
use rayon::prelude::*;

use super::text::{excerpt, header_of, split_line};
use super::{Rows, Words};
use crate::error::{Malformed, Place};

/// The longest word taken, in bytes. word2vec's own limit is 100.
const LONGEST_WORD: usize = 1 << 16;

/// Reads all rows.
pub(super) fn parse(bytes: &[u8], allow_nonfinite: bool) -> Result<Rows, Malformed> {
    let (line, body) = split_line(bytes);
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
    let start = bytes.len() - body.len();
    // A row takes a space and its floats at least. Checked before anything is allocated for what the header claims.
    let width = dimension.checked_mul(4);
    let least = width.and_then(|width| rows.checked_mul(width as u64 + 1));
    let (Some(width), Some(true)) = (width, least.map(|least| least <= body.len() as u64)) else {
        return Err(Malformed::at(
            Place::Line(1),
            format!("{rows} rows of {dimension} numbers, as the header says"),
            format!("{} bytes, too few for them", body.len()),
        )
        .advise("the file may be cut short: fetch it again, or correct its header"));
    };
    let rows = rows as usize;

    // Where a row begins is known only after the one before it: find them one by one, copy in parallel.
    let mut words = Words::default();
    let mut numbers_at = Vec::with_capacity(rows);
    let mut at = 0;
    for row in 0..rows {
        let place = Place::Row(row as u64 + 1, (start + at) as u64);
        let cut_short = |what: &str| {
            Malformed::at(
                place,
                format!("{rows} rows, as the header says"),
                format!("the end of the file inside {what}"),
            )
            .advise("the file is cut short, or its header says too many rows")
        };
        at += body[at..].iter().take_while(|&&byte| byte == b'\n').count();
        let window = &body[at..body.len().min(at + LONGEST_WORD + 1)];
        let Some(space) = memchr(b' ', window) else {
            return Err(if window.len() > LONGEST_WORD {
                Malformed::at(place, format!("a word of at most {LONGEST_WORD} bytes and a space"), excerpt(window))
                    .advise("the file is damaged, or its header says a wrong dimension")
            } else {
                cut_short("a word")
            });
        };
        let numbers = at + space + 1;
        if body.len() - numbers < width {
            return Err(cut_short("a row"));
        }
        words.push(&window[..space]);
        numbers_at.push(numbers);
        at = numbers + width;
    }
    let left = body[at..].iter().filter(|&&byte| byte != b'\n').count();
    if left > 0 {
        return Err(Malformed::at(
            Place::Byte((start + at) as u64),
            format!("the end of the file after {rows} rows, as the header says"),
            format!("{} more bytes", body.len() - at),
        )
        .advise("the header says too few rows or a wrong dimension"));
    }

    let mut values = vec![0.0f32; rows * dimension];
    let bad = values
        .par_chunks_exact_mut(dimension)
        .zip(&numbers_at)
        .enumerate()
        .filter_map(|(row, (values, &from))| {
            for (value, bytes) in values.iter_mut().zip(body[from..from + width].as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            let bad = values.iter().position(|value| !value.is_finite())?;
            Some((row, bad))
        })
        .min();
    if let Some((row, component)) = bad
        && !allow_nonfinite
    {
        return Err(Malformed::at(
            Place::Row(row as u64 + 1, (start + numbers_at[row] + 4 * component) as u64),
            format!("a finite number ({} of {dimension})", component + 1),
            format!("{}", values[row * dimension + component]),
        )
        .advise("--allow-nonfinite keeps such rows; they rank last"));
    }
    Ok(Rows { words, values, dimension, warnings: Vec::new() })
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
