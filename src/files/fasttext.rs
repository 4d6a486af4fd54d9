//! fastText's binary models (`.bin`): words, and vectors made of a row for the word and rows for its character n-grams.
//!
//! As `FastText::saveModel` writes them and `FastText::loadModel` reads them (versions 11 and 12): arguments, dictionary,
//! input matrix, output matrix, all numbers little-endian. A word's vector is the mean of its own row and of its n-grams'
//! (`getWordVector`), summed here in fastText's order, so that the bits agree.

use std::io::{self, Write};

use memchr::memchr;
use rayon::prelude::*;

use super::row::excerpt;
use super::subwords::{SubwordLayout, Subwords, add_row, scale};
use super::{Rows, Words};
use crate::error::{Advice, Malformed, Place};

/// What a model begins with.
pub(super) const MAGIC: [u8; 4] = 793_712_314i32.to_le_bytes();

/// The longest word taken, in bytes; a longer one means a damaged file.
const LONGEST_WORD: usize = 1 << 16;

/// Rows that are made at once when writing.
const BLOCK: usize = 4096;

/// fastText's numbers for what a model was trained to do.
const SKIPGRAM: i32 = 2;
const SUPERVISED: i32 = 3;

/// Its number for the loss that is called negative sampling.
const NEGATIVE_SAMPLING: i32 = 2;

/// Its numbers for the entries of a dictionary.
const WORD: u8 = 0;
const LABEL: u8 = 1;

/// Reads all words with their vectors, and finds the rows of the n-grams, if the model has them.
pub(super) fn parse(bytes: &[u8], allow_nonfinite: bool) -> Result<(Rows, Option<SubwordLayout>), Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    let arguments = arguments(&mut reader)?;
    let (words, labels) = dictionary(&mut reader)?;
    let dimension = arguments.dimension;

    let at = reader.at;
    if reader.flag("whether the model is quantised")? {
        return Err(Malformed::at(Place::Byte(at as u64), "a fastText model", "a quantised fastText model (.ftz)")
            .advise("use the .bin or .vec file of the model it was made from"));
    }
    let at = reader.at;
    let input = reader.matrix("input matrix")?;
    if input.rows != words.len() + arguments.buckets || input.columns != dimension {
        return Err(Malformed::at(
            Place::Byte(at as u64),
            format!(
                "an input matrix of {} rows ({} words, {} buckets) and {dimension} columns",
                words.len() + arguments.buckets,
                words.len(),
                arguments.buckets,
            ),
            format!("{} rows and {} columns", input.rows, input.columns),
        )
        .advise("the file is damaged: fetch it again"));
    }
    reader.flag("whether the output matrix is quantised")?;
    reader.matrix("output matrix")?;
    if reader.at < bytes.len() {
        return Err(Malformed::at(
            Place::Byte(reader.at as u64),
            "the end of the file after the output matrix",
            format!("{} more bytes", bytes.len() - reader.at),
        )
        .advise("the file is damaged: fetch it again"));
    }

    let width = dimension * 4;
    let subwords = (arguments.max > 0 && arguments.min <= arguments.max).then(|| SubwordLayout {
        start: input.start + words.len() * width,
        buckets: arguments.buckets as u32,
        dimension,
        min: arguments.min,
        max: arguments.max,
    });
    if let Some(layout) = &subwords {
        layout.check(bytes)?;
    }

    let mut values = vec![0.0f32; words.len() * dimension];
    let bad = values
        .par_chunks_exact_mut(dimension)
        .zip(bytes[input.start..].par_chunks_exact(width))
        .enumerate()
        .filter_map(|(row, (mean, own))| {
            add_row(own, mean);
            let word = words.get(row).unwrap_or_default();
            let ngrams = subwords.as_ref().map_or(0, |layout| layout.add(bytes, word, mean));
            scale(mean, 1 + ngrams);
            let bad = mean.iter().position(|value| !value.is_finite())?;
            Some((row, bad))
        })
        .min();
    if let Some((row, component)) = bad
        && !allow_nonfinite
    {
        return Err(Malformed::at(
            Place::Row { row: row as u64 + 1, byte: (input.start + row * width) as u64 },
            format!("a finite number ({} of {dimension})", component + 1),
            format!("{}", values[row * dimension + component]),
        )
        .advise(Advice::KeepNonFinite));
    }

    let mut warnings = Vec::new();
    if labels > 0 {
        let (number, verb) =
            if labels == 1 { ("1 label".to_owned(), "was") } else { (format!("{labels} labels"), "were") };
        warnings.push(format!("{number} of the model {verb} left out: labels have no word vectors"));
    }
    Ok((Rows { words, values: values.into(), dimension, warnings, ..Rows::default() }, subwords))
}

/// What of a model's arguments counts here.
struct Arguments {
    dimension: usize,
    buckets: usize,
    min: u32,
    max: u32,
}

/// The mark, the version and the arguments.
fn arguments(reader: &mut Reader) -> Result<Arguments, Malformed> {
    let magic = reader.array::<4>("the mark of a fastText model")?;
    if magic != MAGIC {
        return Err(Malformed::at(Place::Byte(0), "the mark of a fastText model, BA 16 4F 2F", excerpt(&magic))
            .advise("the first models of fastText have none: use the .vec file"));
    }
    let version = reader.i32("the version")?;
    if !(11..=12).contains(&version) {
        return Err(Malformed::at(Place::Byte(4), "a fastText model of version 11 or 12", version.to_string()));
    }
    let dimension = reader.count("dimension", 1)?;
    reader.skip(6 * 4, "the arguments")?; // ws, epoch, minCount, neg, wordNgrams, loss
    let model = reader.i32("the arguments")?;
    let buckets = reader.count("number of buckets", 0)?;
    let min = reader.count("minn", 0)? as u32;
    let max = reader.count("maxn", 0)? as u32;
    reader.skip(4 + 8, "the arguments")?; // lrUpdateRate, t
    // Supervised models of version 11 were trained without n-grams, whatever they say.
    let max = if version == 11 && model == SUPERVISED { 0 } else { max };
    Ok(Arguments { dimension, buckets, min, max })
}

/// The words, and the number of labels, which stand behind them.
fn dictionary(reader: &mut Reader) -> Result<(Words, usize), Malformed> {
    let at = reader.at;
    let entries = reader.count("number of entries", 0)?;
    let words = reader.count("number of words", 0)?;
    let labels = reader.count("number of labels", 0)?;
    if words + labels != entries {
        return Err(Malformed::at(
            Place::Byte(at as u64),
            format!("a dictionary of {words} words and {labels} labels"),
            format!("{entries} entries"),
        )
        .advise("the file is damaged: fetch it again"));
    }
    if words == 0 {
        return Err(Malformed::at(Place::Byte(at as u64), "words in the dictionary", "none"));
    }
    reader.skip(8, "the number of tokens")?;
    let at = reader.at;
    let pruned = i64::from_le_bytes(reader.array("the number of n-grams that were kept")?);
    if pruned != -1 {
        return Err(Malformed::at(
            Place::Byte(at as u64),
            "a model with all of its n-grams",
            format!("one of which {pruned} were kept when it was quantised"),
        )
        .advise("use the .bin or .vec file of the model it was made from"));
    }

    // An entry takes ten bytes at least. Checked before anything is allocated for what the dictionary claims.
    let left = reader.bytes.len() - reader.at;
    if entries > left / 10 {
        return Err(Malformed::at(
            Place::Byte(reader.at as u64),
            format!("a dictionary of {entries} entries"),
            format!("{left} bytes, too few for them"),
        )
        .advise("the file is cut short, or damaged: fetch it again"));
    }
    let mut known = Words::default();
    known.reserve(words, 0);
    for entry in 0..entries {
        let at = reader.at;
        let what = || format!("entry {} of {entries} in the dictionary", entry + 1);
        let rest = &reader.bytes[at..];
        let Some(end) = memchr(0, &rest[..rest.len().min(LONGEST_WORD + 1)]) else {
            return Err(if rest.len() > LONGEST_WORD {
                Malformed::at(
                    Place::Byte(at as u64),
                    format!("{}, a word of at most {LONGEST_WORD} bytes and a zero", what()),
                    excerpt(rest),
                )
                .advise("the file is damaged: fetch it again")
            } else {
                cut_short(at, &what())
            });
        };
        // The word's count says nothing about its vector.
        let Some(&kind) = rest.get(end + 1 + 8) else {
            return Err(cut_short(at, &what()));
        };
        let expected = if entry < words { WORD } else { LABEL };
        if kind != expected {
            return Err(Malformed::at(
                Place::Byte((at + end + 9) as u64),
                format!("{}, of kind {expected} (0: word, 1: label)", what()),
                format!("kind {kind} for {}", excerpt(&rest[..end])),
            )
            .advise("the file is damaged: fetch it again"));
        }
        if entry < words {
            known.push(&rest[..end]);
        }
        reader.at += end + 10;
    }
    Ok((known, labels))
}

/// Bytes, and how far they have been read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A matrix of 32-bit floats: its shape, and the byte at which its numbers begin.
struct Matrix {
    rows: usize,
    columns: usize,
    start: usize,
}

impl Reader<'_> {
    fn skip(&mut self, count: usize, what: &str) -> Result<(), Malformed> {
        if count > self.bytes.len() - self.at {
            return Err(cut_short(self.at, what));
        }
        self.at += count;
        Ok(())
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Malformed> {
        let Some(&array) = self.bytes[self.at..].first_chunk() else {
            return Err(cut_short(self.at, what));
        };
        self.at += N;
        Ok(array)
    }

    fn i32(&mut self, what: &str) -> Result<i32, Malformed> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    /// A number that is `least` or more.
    fn count(&mut self, what: &str, least: i32) -> Result<usize, Malformed> {
        let at = self.at;
        let number = self.i32(&format!("the {what}"))?;
        if number < least {
            return Err(Malformed::at(
                Place::Byte(at as u64),
                format!("a {what} of {least} or more"),
                number.to_string(),
            )
            .advise("the file is damaged: fetch it again"));
        }
        Ok(number as usize)
    }

    fn flag(&mut self, what: &str) -> Result<bool, Malformed> {
        let at = self.at;
        match self.array(what)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Malformed::at(Place::Byte(at as u64), format!("{what}, 0 or 1"), other.to_string())
                .advise("the file is damaged: fetch it again")),
        }
    }

    /// A matrix, whose numbers are skipped once it is sure that they are there.
    fn matrix(&mut self, what: &str) -> Result<Matrix, Malformed> {
        let at = self.at;
        let shape = format!("the shape of the {what}");
        let rows = i64::from_le_bytes(self.array(&shape)?);
        let columns = i64::from_le_bytes(self.array(&shape)?);
        let left = self.bytes.len() - self.at;
        let counts = usize::try_from(rows).ok().zip(usize::try_from(columns).ok());
        let size = counts.and_then(|(rows, columns)| rows.checked_mul(columns)?.checked_mul(4));
        let (Some((rows, columns)), Some(size)) = (counts, size.filter(|&size| size <= left)) else {
            return Err(Malformed::at(
                Place::Byte(at as u64),
                format!("the {what} of {rows} x {columns} numbers"),
                format!("{left} bytes, not as many as it takes"),
            )
            .advise("the file is cut short, or damaged: fetch it again"));
        };
        let start = self.at;
        self.at += size;
        Ok(Matrix { rows, columns, start })
    }
}

fn cut_short(at: usize, what: &str) -> Malformed {
    Malformed::at(Place::Byte(at as u64), what, "the end of the file").advise("the file is cut short: fetch it again")
}

/// What a word holds that words of fastText cannot hold: it ends them.
pub(super) fn unwritable(word: &[u8]) -> Option<&'static str> {
    word.iter().find_map(|byte| match byte {
        0 => Some("a zero byte"),
        b' ' => Some("a space"),
        b'\t' => Some("a tab"),
        b'\n' => Some("a line feed"),
        b'\r' => Some("a carriage return"),
        0x0b => Some("a vertical tab"),
        0x0c => Some("a form feed"),
        _ => None,
    })
}

/// Writes a skip-gram model of version 12. `values` is `[words, dimension]`.
///
/// With `subwords` the model carries their rows, and the words' own rows are such that their vectors come out again.
/// How often a word was seen is not known: counts fall from the number of words to 1, so that programs which order by
/// count keep the order. The output matrix, which only training uses, is zero.
///
/// # Errors
/// What `out` returns. As invalid input: an [unwritable] word, sizes that a model cannot have or that do not fit
/// together, and a vector too large for its own row to be a 32-bit float.
pub(super) fn write<'a>(
    out: &mut impl Write,
    words: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    values: &[f32],
    dimension: usize,
    subwords: Option<&Subwords>,
) -> io::Result<()> {
    let invalid = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let rows = words.len();
    let layout = subwords.map(Subwords::layout);
    let (buckets, min, max) = layout.map_or((0, 0, 0), |layout| (layout.buckets, layout.min, layout.max));
    let fits = |number: usize| i32::try_from(number).is_ok();
    if rows == 0
        || dimension == 0
        || rows.checked_mul(dimension) != Some(values.len())
        || layout.is_some_and(|layout| layout.dimension != dimension)
        || !fits(dimension)
        || !fits(rows.saturating_add(buckets as usize))
    {
        return invalid(format!(
            "a fastText model cannot have {rows} words, {buckets} buckets, {dimension} dimensions and {} values",
            values.len()
        ));
    }

    out.write_all(&MAGIC)?;
    let arguments: [i32; 13] = [
        12,
        dimension as i32,
        5, // window
        5, // epochs
        1, // least count of a word
        5, // negatives
        1, // longest word n-gram
        NEGATIVE_SAMPLING,
        SKIPGRAM,
        buckets as i32,
        min as i32,
        max as i32,
        100, // tokens between updates of the rate
    ];
    for argument in arguments {
        out.write_all(&argument.to_le_bytes())?;
    }
    out.write_all(&1e-4f64.to_le_bytes())?;

    for count in [rows, rows, 0] {
        out.write_all(&(count as i32).to_le_bytes())?;
    }
    let tokens = rows as i64 * (rows as i64 + 1) / 2;
    out.write_all(&tokens.to_le_bytes())?;
    out.write_all(&(-1i64).to_le_bytes())?;
    for (index, word) in words.clone().enumerate() {
        if let Some(found) = unwritable(word) {
            return invalid(format!("word {} holds {found}: {}", index + 1, excerpt(word)));
        }
        out.write_all(word)?;
        out.write_all(&[0])?;
        out.write_all(&((rows - index) as i64).to_le_bytes())?;
        out.write_all(&[WORD])?;
    }

    out.write_all(&[0])?;
    out.write_all(&(rows as i64 + i64::from(buckets)).to_le_bytes())?;
    out.write_all(&(dimension as i64).to_le_bytes())?;
    match subwords {
        None => write_numbers(out, values)?,
        Some(subwords) => {
            let mut words = words;
            for vectors in values.chunks(BLOCK * dimension) {
                let words: Vec<&[u8]> = words.by_ref().take(BLOCK).collect();
                let mut own = vectors.to_vec();
                own.par_chunks_mut(dimension).zip(&words).for_each(|(row, word)| solve(row, word, subwords));
                if let Some(at) = own.iter().zip(vectors).position(|(own, value)| value.is_finite() && !own.is_finite())
                {
                    return invalid(format!("the vector of {} is too large", excerpt(words[at / dimension])));
                }
                write_numbers(out, &own)?;
            }
            out.write_all(subwords.rows())?;
        }
    }

    out.write_all(&[0])?;
    out.write_all(&(rows as i64).to_le_bytes())?;
    out.write_all(&(dimension as i64).to_le_bytes())?;
    let zeros = vec![0; dimension * 4];
    (0..rows).try_for_each(|_| out.write_all(&zeros))
}

/// Turns a word's vector into the row of its own that, with the rows of its n-grams, has this vector as the mean.
fn solve(row: &mut [f32], word: &[u8], subwords: &Subwords) {
    let mut sum = vec![0.0; row.len()];
    let count = (1 + subwords.add(word, &mut sum)) as f32;
    row.iter_mut().zip(&sum).for_each(|(value, sum)| *value = *value * count - sum);
}

fn write_numbers(out: &mut impl Write, numbers: &[f32]) -> io::Result<()> {
    numbers.iter().try_for_each(|number| out.write_all(&number.to_le_bytes()))
}

#[cfg(test)]
mod tests;
