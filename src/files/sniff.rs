//! Telling a format by content.

use super::row::{excerpt, numbers_in, split_line, trim_line};
use super::text::header_of;
use super::{BOM, Format, fasttext};
use crate::error::{Malformed, Place};

/// Beginnings of files that people hand over by mistake, and what to say.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (b"\x89PNG", "a PNG picture", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x89HDF", "an HDF5 file", "save the vectors as text from the program that made it"),
    (b"FiFu", "a finalfusion file", "convert it with `finalfusion convert -t text`"),
    (b"BZh", "a bzip2 file", "unpack it first: bunzip2"),
    (b"\xfd7zXZ", "an xz file", "unpack it first: unxz"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
];

/// The format of `bytes`, which are not compressed.
///
/// A safetensors file is taken for a table, whose reader says so if it is not one.
///
/// A first line of two whole numbers is a header when the second line says so too: a row of text makes the file word2vec
/// text, even one with more or fewer numbers than the header says; anything else makes it word2vec binary. Without a
/// header it is GloVe text.
pub(super) fn format(bytes: &[u8]) -> Result<Format, Malformed> {
    let expected = "word vectors (GloVe text, word2vec text or binary)";
    if bytes.is_empty() {
        return Err(Malformed::at(Place::File, expected, "an empty file"));
    }
    // Before all that is told by two bytes: the length of a header may begin with any.
    if bytes.get(8) == Some(&b'{') && bytes[..8].ends_with(&[0, 0, 0]) {
        return Ok(Format::Table);
    }
    if let Some((_, found, advice)) = OTHERS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        let error = Malformed::at(Place::File, expected, *found);
        return Err(if advice.is_empty() { error } else { error.advise(*advice) });
    }
    if bytes[0] == 0x80 && bytes.get(1).is_some_and(|version| (2..=5).contains(version)) {
        return Err(Malformed::at(Place::File, expected, "a Python pickle")
            .advise("from gensim, save the vectors with `save_word2vec_format`"));
    }
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(Format::Numpy);
    }
    if bytes.starts_with(&fasttext::MAGIC) {
        return Ok(Format::Fasttext);
    }

    let (first, rest) = split_line(bytes.strip_prefix(BOM).unwrap_or(bytes));
    let (second, _) = split_line(rest);
    let start = |bytes: &[u8]| bytes.len().min(1 << 16);
    if let Some((_, dimension)) = header_of(first) {
        let numbers = numbers_in(second);
        // The bytes of one float may happen to read as the only number of a row.
        let is_text = numbers == dimension && !second.iter().any(|&byte| byte < b'\t');
        return Ok(match numbers {
            _ if is_text || rest.is_empty() => Format::Word2vecText,
            0 => Format::Word2vecBinary,
            // The bytes of a few floats may happen to read as text; those of many do not.
            _ if rest[..start(rest)].iter().any(|&byte| byte < b'\t') => Format::Word2vecBinary,
            // A table of one dimension whose first word is a number.
            1 if trim_line(second).split(|&byte| byte == b' ').count() == 2 => Format::Glove,
            _ => Format::Word2vecText,
        });
    }
    // A row of text settles it: words may hold any byte.
    if numbers_in(first) == 0 && bytes[..start(bytes)].contains(&0) {
        return Err(Malformed::at(
            Place::Line(1),
            expected,
            format!("binary data without a header line `rows dimension`: {}", excerpt(&first[..first.len().min(16)])),
        )
        .advise("GloVe's own .bin output is not vectors to share: use its .txt"));
    }
    Ok(Format::Glove)
}
