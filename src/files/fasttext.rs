//! fastText's binary models (`.bin`): each vector is computed from a row for the word and rows for its character n-grams.
//!
//! The format is that of `FastText::saveModel` and `FastText::loadModel` (versions 11 and 12): arguments, dictionary, input matrix,
//! output matrix; all numbers are little-endian. A word's vector is the mean of its own row and of its n-grams' rows
//! (`getWordVector`), summed here in fastText's order, so that the results are equal bit for bit.

use std::io::{self, Write};

use memchr::memchr;
use rayon::prelude::*;

use super::row::excerpt;
use super::subwords::{SubwordLayout, Subwords, add_row, scale};
use super::{Rows, Words};
use crate::error::{Advice, Malformed, Place};

/// The magic number of a model.
pub(super) const MAGIC: [u8; 4] = 793_712_314i32.to_le_bytes();

/// Maximum length of a word in bytes; a longer one means a damaged file.
const MAX_WORD_LENGTH: usize = 1 << 16;

/// Rows that are computed at once when writing.
const BLOCK: usize = 4096;

/// fastText's codes for the kinds of models.
const SKIPGRAM: i32 = 2;
const SUPERVISED: i32 = 3;

/// fastText's code for the loss "negative sampling".
const NEGATIVE_SAMPLING: i32 = 2;

/// fastText's codes for the entries of a dictionary.
const WORD: u8 = 0;
const LABEL: u8 = 1;

const DAMAGED: &str = "the file is damaged: download it again";
const TRUNCATED_OR_DAMAGED: &str = "the file is truncated or damaged; download it again";

/// Reads all words with their vectors, and locates the rows of the n-grams, if the model has them.
pub(super) fn parse(bytes: &[u8], allow_nonfinite: bool) -> Result<(Rows, Option<SubwordLayout>), Malformed> {
    let mut reader = ByteReader { bytes, at: 0 };
    let arguments = arguments(&mut reader)?;
    let (words, labels) = dictionary(&mut reader)?;
    let dimension = arguments.dimension;
    let input = matrices(&mut reader, &arguments, words.len())?;
    let subwords = (arguments.max > 0 && arguments.min <= arguments.max).then(|| SubwordLayout {
        start: input.start + words.len() * dimension * 4,
        buckets: arguments.buckets as u32,
        dimension,
        min: arguments.min,
        max: arguments.max,
    });
    if let Some(layout) = &subwords {
        layout.check(bytes)?;
    }
    let values = word_vectors(bytes, &input, &words, subwords.as_ref(), allow_nonfinite)?;
    let mut warnings = Vec::new();
    if labels > 0 {
        let (number, verb) =
            if labels == 1 { ("1 label".to_owned(), "was") } else { (format!("{labels} labels"), "were") };
        warnings.push(format!("{number} of the model {verb} left out: labels have no word vectors"));
    }
    Ok((Rows { words, values: values.into(), dimension, warnings, ..Rows::default() }, subwords))
}

/// Reads the matrices up to the end of the file, and returns the input matrix.
fn matrices(reader: &mut ByteReader, arguments: &ModelArguments, words: usize) -> Result<MatrixSpan, Malformed> {
    let at = reader.at;
    if reader.flag("the quantization flag of the input matrix")? {
        return Err(Malformed::at(Place::Byte(at as u64), "a fastText model", "a quantized fastText model (.ftz)")
            .advise("use the .bin or .vec file of the original model"));
    }
    let at = reader.at;
    let input = reader.matrix("input matrix")?;
    let (rows, columns) = (words + arguments.buckets, arguments.dimension);
    if input.rows != rows || input.columns != columns {
        return Err(Malformed::at(
            Place::Byte(at as u64),
            format!(
                "an input matrix of {rows} rows ({words} words, {} buckets) and {columns} columns",
                arguments.buckets
            ),
            format!("{} rows and {} columns", input.rows, input.columns),
        )
        .advise(DAMAGED));
    }
    reader.flag("the quantization flag of the output matrix")?;
    reader.matrix("output matrix")?;
    let more = reader.bytes.len() - reader.at;
    if more > 0 {
        let place = Place::Byte(reader.at as u64);
        return Err(Malformed::at(place, "the end of the file after the output matrix", format!("{more} more bytes"))
            .advise(DAMAGED));
    }
    Ok(input)
}

/// The vectors of all words, `[words, dimension]`: the mean of a word's own row and of its n-grams' rows.
fn word_vectors(
    bytes: &[u8],
    input: &MatrixSpan,
    words: &Words,
    subwords: Option<&SubwordLayout>,
    allow_nonfinite: bool,
) -> Result<Vec<f32>, Malformed> {
    let dimension = input.columns;
    let width = dimension * 4;
    let mut values = vec![0.0f32; words.len() * dimension];
    let nonfinite = values
        .par_chunks_exact_mut(dimension)
        .zip(bytes[input.start..].par_chunks_exact(width))
        .enumerate()
        .filter_map(|(row, (mean, own))| {
            add_row(own, mean);
            let word = words.get(row).unwrap_or_default();
            let ngrams = subwords.map_or(0, |layout| layout.add(bytes, word, mean));
            scale(mean, 1 + ngrams);
            let component = mean.iter().position(|value| !value.is_finite())?;
            Some((row, component))
        })
        .min();
    match nonfinite.filter(|_| !allow_nonfinite) {
        None => Ok(values),
        Some((row, component)) => Err(Malformed::at(
            Place::Row { row: row as u64 + 1, byte: (input.start + row * width) as u64 },
            format!("a finite number ({} of {dimension})", component + 1),
            format!("{}", values[row * dimension + component]),
        )
        .advise(Advice::KeepNonFinite)),
    }
}

/// The arguments of a model that matter here.
struct ModelArguments {
    dimension: usize,
    buckets: usize,
    min: u32,
    max: u32,
}

/// Reads the magic number, the version and the arguments.
fn arguments(reader: &mut ByteReader) -> Result<ModelArguments, Malformed> {
    let magic = reader.array::<4>("the magic number of a fastText model")?;
    if magic != MAGIC {
        return Err(Malformed::at(
            Place::Byte(0),
            "the magic number of a fastText model, BA 16 4F 2F",
            excerpt(&magic),
        )
        .advise("models of the first versions of fastText cannot be read: use the .vec file"));
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
    // Supervised models of version 11 were trained without n-grams, whatever their arguments say.
    let max = if version == 11 && model == SUPERVISED { 0 } else { max };
    Ok(ModelArguments { dimension, buckets, min, max })
}

/// The words, and the number of labels, which follow the words.
fn dictionary(reader: &mut ByteReader) -> Result<(Words, usize), Malformed> {
    let (words, labels) = dictionary_sizes(reader)?;
    let entries = words + labels;
    // An entry takes at least ten bytes. Checked before memory is allocated for the number of words that the file claims.
    let left = reader.bytes.len() - reader.at;
    if entries > left / 10 {
        let place = Place::Byte(reader.at as u64);
        let expected = format!("a dictionary of {entries} entries");
        return Err(Malformed::at(place, expected, format!("only {left} bytes")).advise(TRUNCATED_OR_DAMAGED));
    }
    let mut known = Words::default();
    known.reserve(words, 0);
    for entry in 0..entries {
        let kind = if entry < words { WORD } else { LABEL };
        let word = dictionary_entry(reader, kind, || format!("entry {} of {entries} in the dictionary", entry + 1))?;
        if kind == WORD {
            known.push(word);
        }
    }
    Ok((known, labels))
}

/// The number of words and the number of labels.
fn dictionary_sizes(reader: &mut ByteReader) -> Result<(usize, usize), Malformed> {
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
        .advise(DAMAGED));
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
            format!("a quantized model with {pruned} of its n-grams"),
        )
        .advise("use the .bin or .vec file of the original model"));
    }
    Ok((words, labels))
}

/// The word or label of an entry, which must be of this kind; `name` names the entry in errors.
fn dictionary_entry<'a>(
    reader: &mut ByteReader<'a>,
    expected: u8,
    name: impl Fn() -> String,
) -> Result<&'a [u8], Malformed> {
    let at = reader.at;
    let rest = &reader.bytes[at..];
    let Some(end) = memchr(0, &rest[..rest.len().min(MAX_WORD_LENGTH + 1)]) else {
        return Err(if rest.len() > MAX_WORD_LENGTH {
            let expected = format!("{}, a word of at most {MAX_WORD_LENGTH} bytes and a zero", name());
            Malformed::at(Place::Byte(at as u64), expected, excerpt(rest)).advise(DAMAGED)
        } else {
            cut_short(at, &name())
        });
    };
    // The count of the word follows; it does not matter for the vector.
    let Some(&kind) = rest.get(end + 1 + 8) else {
        return Err(cut_short(at, &name()));
    };
    if kind != expected {
        return Err(Malformed::at(
            Place::Byte((at + end + 9) as u64),
            format!("{}, of kind {expected} (0: word, 1: label)", name()),
            format!("kind {kind} for {}", excerpt(&rest[..end])),
        )
        .advise(DAMAGED));
    }
    reader.at += end + 10;
    Ok(&rest[..end])
}

/// Bytes, and the position up to which they have been read.
struct ByteReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A matrix of 32-bit floats: its shape, and the byte at which its numbers begin.
struct MatrixSpan {
    rows: usize,
    columns: usize,
    start: usize,
}

impl ByteReader<'_> {
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

    /// A number of at least `min`.
    fn count(&mut self, what: &str, min: i32) -> Result<usize, Malformed> {
        let at = self.at;
        let number = self.i32(&format!("the {what}"))?;
        if number < min {
            return Err(Malformed::at(
                Place::Byte(at as u64),
                format!("a {what} of at least {min}"),
                number.to_string(),
            )
            .advise(DAMAGED));
        }
        Ok(number as usize)
    }

    fn flag(&mut self, what: &str) -> Result<bool, Malformed> {
        let at = self.at;
        match self.array(what)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => {
                Err(Malformed::at(Place::Byte(at as u64), format!("{what} (0 or 1)"), other.to_string())
                    .advise(DAMAGED))
            }
        }
    }

    /// A matrix; its numbers are skipped after checking that the file has them.
    fn matrix(&mut self, what: &str) -> Result<MatrixSpan, Malformed> {
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
                format!("only {left} bytes"),
            )
            .advise(TRUNCATED_OR_DAMAGED));
        };
        let start = self.at;
        self.at += size;
        Ok(MatrixSpan { rows, columns, start })
    }
}

fn cut_short(at: usize, what: &str) -> Malformed {
    Malformed::at(Place::Byte(at as u64), what, "the end of the file")
        .advise("the file is truncated; download it again")
}

/// What a word contains that cannot be part of a word in fastText, because it separates words.
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
/// With `subwords` the model has their rows, and the words' own rows are computed so that the vectors are reproduced. The word
/// counts are not known: they decrease from the number of words to 1, so that programs which sort by count keep the order. The
/// output matrix, which is only used for training, is zero.
///
/// # Errors
/// Errors of `out`. As invalid input: an [unwritable] word, sizes that a model cannot have or that do not fit together, and a
/// vector whose own row is too large for 32-bit floats.
pub(super) fn write<'a>(
    out: &mut impl Write,
    words: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    values: &[f32],
    dimension: usize,
    subwords: Option<&Subwords>,
) -> io::Result<()> {
    let rows = words.len();
    let layout = subwords.map(Subwords::layout);
    let buckets = layout.map_or(0, |layout| layout.buckets);
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
    write_arguments(out, dimension, layout)?;
    write_dictionary(out, words.clone())?;

    out.write_all(&[0])?;
    out.write_all(&(rows as i64 + i64::from(buckets)).to_le_bytes())?;
    out.write_all(&(dimension as i64).to_le_bytes())?;
    match subwords {
        None => write_numbers(out, values)?,
        Some(subwords) => write_own_rows(out, words, values, dimension, subwords)?,
    }

    out.write_all(&[0])?;
    out.write_all(&(rows as i64).to_le_bytes())?;
    out.write_all(&(dimension as i64).to_le_bytes())?;
    let zeros = vec![0; dimension * 4];
    (0..rows).try_for_each(|_| out.write_all(&zeros))
}

fn invalid<T>(what: String) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// Writes the magic number, the version and the arguments.
fn write_arguments(out: &mut impl Write, dimension: usize, layout: Option<SubwordLayout>) -> io::Result<()> {
    let (buckets, min, max) = layout.map_or((0, 0, 0), |layout| (layout.buckets, layout.min, layout.max));
    out.write_all(&MAGIC)?;
    let arguments: [i32; 13] = [
        12,
        dimension as i32,
        5, // window size
        5, // epochs
        1, // minimum count of a word
        5, // negative samples
        1, // maximum length of word n-grams
        NEGATIVE_SAMPLING,
        SKIPGRAM,
        buckets as i32,
        min as i32,
        max as i32,
        100, // tokens between updates of the learning rate
    ];
    for argument in arguments {
        out.write_all(&argument.to_le_bytes())?;
    }
    out.write_all(&1e-4f64.to_le_bytes())
}

fn write_dictionary<'a>(out: &mut impl Write, words: impl ExactSizeIterator<Item = &'a [u8]>) -> io::Result<()> {
    let rows = words.len();
    for count in [rows, rows, 0] {
        out.write_all(&(count as i32).to_le_bytes())?;
    }
    let tokens = rows as i64 * (rows as i64 + 1) / 2;
    out.write_all(&tokens.to_le_bytes())?;
    out.write_all(&(-1i64).to_le_bytes())?;
    for (index, word) in words.enumerate() {
        if let Some(found) = unwritable(word) {
            return invalid(format!("word {} contains {found}: {}", index + 1, excerpt(word)));
        }
        out.write_all(word)?;
        out.write_all(&[0])?;
        out.write_all(&((rows - index) as i64).to_le_bytes())?;
        out.write_all(&[WORD])?;
    }
    Ok(())
}

/// Writes the input matrix of a model with n-grams: the words' own rows, then the rows of the n-grams.
fn write_own_rows<'a>(
    out: &mut impl Write,
    mut words: impl Iterator<Item = &'a [u8]>,
    values: &[f32],
    dimension: usize,
    subwords: &Subwords,
) -> io::Result<()> {
    for vectors in values.chunks(BLOCK * dimension) {
        let words: Vec<&[u8]> = words.by_ref().take(BLOCK).collect();
        let mut own = vectors.to_vec();
        own.par_chunks_mut(dimension).zip(&words).for_each(|(row, word)| solve(row, word, subwords));
        if let Some(at) = own.iter().zip(vectors).position(|(own, value)| value.is_finite() && !own.is_finite()) {
            return invalid(format!("the vector of {} is too large", excerpt(words[at / dimension])));
        }
        write_numbers(out, &own)?;
    }
    out.write_all(subwords.rows())
}

/// Turns a word's vector into the word's own row: the row whose mean with the rows of the n-grams is the vector.
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
