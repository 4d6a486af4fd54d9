//! Vocabulary files of other tools: the word at each index of a model's embedding.

use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Map, Value};

use super::encoding::BOM;
use super::format::ElementType;
use super::write::write_atomic;
use super::{bytes, numpy};
use crate::error::{Error, Malformed, Place, Result};

/// Maximum number of rows without a word, so that a wrong index cannot fill the memory.
const MAX_GAPS: usize = 1 << 16;

/// Reads a vocabulary file: the word of each row; `None` for a row without a word.
///
/// Three formats are supported: a list of words, one per line (every line is a row, including empty lines); a JSON list of words; and
/// a JSON object from word to index, also as the `vocab` of the `model` in a `tokenizer.json` of Hugging Face's tokenizers, with its
/// `added_tokens`.
///
/// # Errors
/// A file that cannot be read or has another format, no words, and two words with the same index.
pub fn vocabulary_file(path: impl AsRef<Path>) -> Result<Vec<Option<Vec<u8>>>> {
    let path = path.as_ref();
    let (bytes, _) = bytes::open(path, None)?;
    let must_be_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    parse_vocabulary(&bytes, must_be_json).map_err(|e| e.in_file(path.to_string_lossy()).into())
}

/// As [`vocabulary_file`], from bytes. Text that begins like JSON but is not JSON is read as a list (BERT's begins with `[PAD]`),
/// unless `must_be_json`.
///
/// # Errors
/// As [`vocabulary_file`].
pub fn parse_vocabulary(bytes: &[u8], must_be_json: bool) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let may_be_json = text.trim_ascii_start().first().is_some_and(|first| b"[{".contains(first));
    let rows = match serde_json::from_slice(text) {
        Ok(json) if must_be_json || may_be_json => of_json(&json)?,
        Err(e) if must_be_json => return Err(Malformed::at(Place::File, "a vocabulary in JSON", e.to_string())),
        _ => {
            let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n');
            lines.map(|line| Some(line.strip_suffix(b"\r").unwrap_or(line).to_vec())).collect()
        }
    };
    match rows.iter().flatten().all(Vec::is_empty) {
        true => Err(Malformed::at(Place::File, "a vocabulary", "no words")),
        false => Ok(rows),
    }
}

fn of_json(json: &Value) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    match json {
        Value::Array(words) => words.iter().map(|word| listed(word).map(Some)).collect(),
        Value::Object(object) => match object.get("model") {
            Some(Value::Object(model)) => of_tokenizer(object, model),
            _ => indexed(object.iter().map(|(word, index)| (word.as_str(), index))),
        },
        other => Err(wrong("a list of words, or an object from word to index", other)),
    }
}

/// A word of a list; Hugging Face's unigram models have pairs of a word and its score.
fn listed(word: &Value) -> Result<Vec<u8>, Malformed> {
    let word = word.as_array().and_then(|pair| pair.first()).unwrap_or(word);
    word.as_str().map(|word| word.as_bytes().to_vec()).ok_or_else(|| wrong("a word", word))
}

fn of_tokenizer(file: &Map<String, Value>, model: &Map<String, Value>) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    let mut rows = match model.get("vocab") {
        Some(Value::Object(words)) => indexed(words.iter().map(|(word, index)| (word.as_str(), index)))?,
        Some(Value::Array(words)) => words.iter().map(|word| listed(word).map(Some)).collect::<Result<_, _>>()?,
        _ => return Err(Malformed::at(Place::File, "`vocab` in the `model` of a tokenizer", "none")),
    };
    let added = file.get("added_tokens").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let max = rows.len() + added.len() + MAX_GAPS;
    for token in added {
        let (Some(word), Some(index)) = (token["content"].as_str(), token["id"].as_u64()) else {
            return Err(wrong("`content` and `id` of an added token", token));
        };
        let index = usize::try_from(index).ok().filter(|&index| index < max);
        let index = index.ok_or_else(|| wrong(&format!("an index below {max}"), &token["id"]))?;
        if index >= rows.len() {
            rows.resize(index + 1, None);
        }
        // Most added tokens are among the words as well.
        rows[index] = Some(word.as_bytes().to_vec());
    }
    Ok(rows)
}

fn indexed<'w>(words: impl Iterator<Item = (&'w str, &'w Value)> + Clone) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    let max = words.clone().count() + MAX_GAPS;
    let mut rows: Vec<Option<Vec<u8>>> = Vec::new();
    for (word, index) in words {
        let place = index.as_u64().and_then(|index| usize::try_from(index).ok()).filter(|&index| index < max);
        let place = place.ok_or_else(|| wrong(&format!("an index below {max} for `{word}`"), index))?;
        if place >= rows.len() {
            rows.resize(place + 1, None);
        }
        if let Some(other) = rows[place].replace(word.as_bytes().to_vec()) {
            let found = format!("`{}` and `{word}` both at {place}", String::from_utf8_lossy(&other));
            return Err(Malformed::at(Place::File, "an index for every word", found));
        }
    }
    Ok(rows)
}

fn wrong(expected: &str, found: &Value) -> Malformed {
    const SHOWN: usize = 40;
    let found = found.to_string();
    let short: String = found.chars().take(SHOWN).collect();
    Malformed::at(Place::File, expected, if short.len() < found.len() { format!("{short}...") } else { found })
}

/// Writes a matrix for another tool: a NumPy array if the name ends in `.npy`, or a safetensors file with the tensor `weight` if it
/// ends in `.safetensors`. `values` is `[rows, columns]`, stored as 32-bit floats.
///
/// # Errors
/// Another extension, a number of values that is not rows x columns, and I/O errors.
pub fn save_matrix(path: impl AsRef<Path>, values: &[f32], columns: usize) -> Result<()> {
    let path = path.as_ref();
    let format = matrix_format(path)?;
    if columns == 0 || values.is_empty() || !values.len().is_multiple_of(columns) {
        let expected = format!("one or more rows of {columns} numbers");
        return Err(Error::invalid("matrix", expected, format!("{} numbers", values.len())));
    }
    match format {
        MatrixFormat::Numpy => write_atomic(path, |out| numpy::write(out, values, columns, ElementType::F32)),
        MatrixFormat::Safetensors => {
            let too_large = |e: safetensors::SafeTensorError| {
                Error::invalid("matrix", "sizes that safetensors supports", e.to_string())
            };
            // Little-endian on every machine.
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let shape = vec![values.len() / columns, columns];
            let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(too_large)?;
            let file = serialize([("weight", view)], None).map_err(too_large)?;
            write_atomic(path, |out| out.write_all(&file))
        }
    }
}

/// A file format of matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixFormat {
    /// A NumPy array.
    Numpy,
    /// A safetensors file.
    Safetensors,
}

/// The format of a matrix file, by its extension.
///
/// # Errors
/// Another extension.
pub fn matrix_format(path: &Path) -> Result<MatrixFormat> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("npy") => Ok(MatrixFormat::Numpy),
        Some("safetensors") => Ok(MatrixFormat::Safetensors),
        _ => Err(Error::invalid(
            "matrix file",
            "a name that ends in .npy or .safetensors",
            format!("`{}`", path.display()),
        )),
    }
}
