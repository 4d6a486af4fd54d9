//! Detecting a format from the content.

use super::encoding::BOM;
use super::fasttext;
use super::format::Format;
use super::row::{excerpt, numbers_in, split_line, trim_line};
use super::text::header_of;
use crate::error::{Malformed, Place};

/// Magic numbers of other files that users may pass by mistake: what they are, and what to do.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (b"\x89PNG", "a PNG image", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x89HDF", "an HDF5 file", "save the vectors as text with the program that wrote it"),
    (b"FiFu", "a finalfusion file", "convert it with `finalfusion convert -t text`"),
    (b"BZh", "a bzip2 file", "unpack it first: bunzip2"),
    (b"\xfd7zXZ", "an xz file", "unpack it first: unxz"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
];

/// The format of `bytes`, which are not compressed.
///
/// Every safetensors file is detected as a table; the reader of tables refuses other safetensors files.
///
/// A first line of two integers is a header. If the second line is a row of text, even with another number of numbers than in the
/// header, the file is word2vec text, otherwise word2vec binary. Without a header it is GloVe text.
pub(super) fn format(bytes: &[u8]) -> Result<Format, Malformed> {
    let expected = "word vectors (GloVe text, word2vec text or binary)";
    if bytes.is_empty() {
        return Err(Malformed::at(Place::File, expected, "an empty file"));
    }
    // Before magic numbers of two bytes, since the length of a header may begin with any bytes.
    if bytes.get(8) == Some(&b'{') && bytes[..8].ends_with(&[0, 0, 0]) {
        return Ok(Format::Table);
    }
    if let Some((_, found, advice)) = OTHERS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        let error = Malformed::at(Place::File, expected, *found);
        return Err(if advice.is_empty() { error } else { error.advise(*advice) });
    }
    if bytes[0] == 0x80 && bytes.get(1).is_some_and(|version| (2..=5).contains(version)) {
        return Err(Malformed::at(Place::File, expected, "a Python pickle")
            .advise("in gensim, save the vectors with `save_word2vec_format`"));
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
        // The bytes of a single float may look like the only number of a row.
        let is_text = numbers == dimension && !second.iter().any(|&byte| byte < b'\t');
        return Ok(match numbers {
            _ if is_text || rest.is_empty() => Format::Word2vecText,
            0 => Format::Word2vecBinary,
            // The bytes of a few floats may look like text; those of many do not.
            _ if rest[..start(rest)].iter().any(|&byte| byte < b'\t') => Format::Word2vecBinary,
            // Vectors of one dimension whose first word is a number.
            1 if trim_line(second).split(|&byte| byte == b' ').count() == 2 => Format::Glove,
            _ => Format::Word2vecText,
        });
    }
    // A first row of text is decisive, since words may contain any byte.
    if numbers_in(first) == 0 && bytes[..start(bytes)].contains(&0) {
        return Err(Malformed::at(
            Place::Line(1),
            expected,
            format!("binary data without a header line `rows dimension`: {}", excerpt(&first[..first.len().min(16)])),
        )
        .advise("GloVe's .bin files are not supported: use the .txt file"));
    }
    Ok(Format::Glove)
}
