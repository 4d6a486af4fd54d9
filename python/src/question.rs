//! Words, rows and vectors as Python names them.

use std::borrow::Cow;

use numpy::{AllowTypeChange, PyArray2, PyArrayLike1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use vocable::Vectors;
use vocable::query::{Query, Term};
use vocable::vectors::Case;

use crate::errors::{raised, unknown_word};
use crate::table::Table;

/// The bytes of a word: `str`, or `bytes` for a word that is not UTF-8; `None` for anything else.
pub fn word<'a>(key: &'a Bound<PyAny>) -> Option<Cow<'a, [u8]>> {
    if let Ok(text) = key.cast::<PyString>() {
        return Some(match text.to_str() {
            Ok(text) => Cow::Borrowed(text.as_bytes()),
            // Half a surrogate pair: no UTF-8, so no word either.
            Err(_) => Cow::Owned(text.to_string_lossy().into_owned().into_bytes()),
        });
    }
    key.cast::<PyBytes>().ok().map(|bytes| Cow::Borrowed(bytes.as_bytes()))
}

/// The number that a whole number of Python's or NumPy's names a row by; `None` for anything else. Numbers past the end are
/// returned as they are.
pub fn row_number(key: &Bound<PyAny>) -> Option<i64> {
    let is_whole = key.cast::<PyInt>().is_ok() || !key.hasattr("__len__").unwrap_or(true);
    if is_whole { key.call_method0("__index__").ok()?.extract().ok() } else { None }
}

/// Whether something names one row: a word, or a whole number.
pub fn is_key(key: &Bound<PyAny>) -> bool {
    key.cast::<PyString>().is_ok() || key.cast::<PyBytes>().is_ok() || row_number(key).is_some()
}

/// The row that a word or a number names; `None` where there is none.
pub fn find(vectors: &Vectors, key: &Bound<PyAny>) -> PyResult<Option<u32>> {
    if let Some(word) = word(key) {
        return vectors.find(&*word, Case::Exact).map_err(|e| raised(key.py(), e));
    }
    let Some(number) = row_number(key) else {
        let expected = "expected a word (str or bytes) or the number of a row, found ";
        return Err(PyTypeError::new_err(format!("{expected}{}", key.get_type().name()?)));
    };
    Ok(u32::try_from(number).ok().filter(|&row| (row as usize) < vectors.len()))
}

/// The exception for a word or number that names no row.
pub fn missing(table: &Bound<Table>, key: &Bound<PyAny>) -> PyErr {
    let shown = word(key).map(|word| String::from_utf8_lossy(&word).into_owned());
    match shown {
        Some(word) => unknown_word(key.py(), &word, Some(table.clone().into_any().unbind()), None),
        None => {
            let rows = table.get().vectors.len();
            let text = format!("row: expected a number from 0 to {}, found {key}", rows - 1);
            unknown_word(key.py(), &key.to_string(), None, Some(text))
        }
    }
}

/// A part of a question, with its weight.
pub struct Part {
    weight: f32,
    what: What,
}

enum What {
    Word(Vec<u8>),
    Vector(Vec<f32>),
}

impl Part {
    fn term(&self) -> (f32, Term<'_>) {
        let term = match &self.what {
            What::Word(word) => Term::Word(word),
            What::Vector(values) => Term::Vector(values),
        };
        (self.weight, term)
    }
}

/// The parts of what Python calls `positive` or `negative`: a word, the number of a row, a vector, a pair of one of these and a
/// weight, several of them, or an array of vectors `[n, dimension]`. Parts without a weight have the one given.
pub fn parts(table: &Bound<Table>, asked: Option<&Bound<PyAny>>, weight: f32) -> PyResult<Vec<Part>> {
    let Some(asked) = asked.filter(|asked| !asked.is_none()) else { return Ok(Vec::new()) };
    if is_key(asked) || dimensions(asked) == Some(1) {
        return Ok(vec![part(table, asked, weight)?]);
    }
    asked.try_iter()?.map(|each| part(table, &each?, weight)).collect()
}

/// Several questions: of each, what [`parts`] takes.
pub fn questions(table: &Bound<Table>, asked: &Bound<PyAny>) -> PyResult<Vec<Query>> {
    asked.try_iter()?.map(|each| question(table, &parts(table, Some(&each?), 1.0)?)).collect()
}

/// A question made of parts.
pub fn question(table: &Bound<Table>, parts: &[Part]) -> PyResult<Query> {
    let terms: Vec<(f32, Term)> = parts.iter().map(Part::term).collect();
    // All words are known: this takes no time worth letting others run for.
    table.get().vectors.query(&terms).map_err(|e| raised(table.py(), e))
}

fn part(table: &Bound<Table>, asked: &Bound<PyAny>, weight: f32) -> PyResult<Part> {
    let vectors = &table.get().vectors;
    if is_key(asked) {
        let word = match (word(asked), find(vectors, asked)?) {
            (Some(word), Some(_)) => word.into_owned(),
            (Some(word), None) if vectors.vector(&*word).is_some() => word.into_owned(),
            (None, Some(row)) => vectors.vocabulary().word(row).unwrap_or_default().to_vec(),
            _ => return Err(missing(table, asked)),
        };
        return Ok(Part { weight, what: What::Word(word) });
    }
    if let Ok(pair) = asked.cast::<PyTuple>()
        && pair.len() == 2
        && let (term, weight) = (pair.get_item(0)?, pair.get_item(1)?)
        && (is_key(&term) || dimensions(&term) == Some(1))
    {
        return Ok(Part { weight: weight.extract()?, what: part(table, &term, 1.0)?.what });
    }
    let values: PyArrayLike1<f32, AllowTypeChange> = asked.extract()?;
    Ok(Part { weight, what: What::Vector(values.as_array().to_vec()) })
}

/// The number of an array's dimensions; `None` for what is no array.
fn dimensions(asked: &Bound<PyAny>) -> Option<usize> {
    asked.cast::<numpy::PyUntypedArray>().ok().map(|array| array.ndim())
}

/// An array `[rows, columns]` that takes over some numbers.
pub fn array2(py: Python, values: Vec<f32>, columns: usize) -> PyResult<Bound<PyArray2<f32>>> {
    let rows = values.len() / columns.max(1);
    numpy::PyArray1::from_vec(py, values).reshape([rows, columns])
}
