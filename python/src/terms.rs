//! Words, row numbers and vectors as arguments from Python.

use std::borrow::Cow;

use numpy::{AllowTypeChange, PyArray2, PyArrayLike1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use vocable::Vectors;
use vocable::query::{Query, Term};
use vocable::vectors::Case;

use crate::errors::{to_py_err, unknown_word};
use crate::handle::VectorsHandle;

/// The bytes of a word: `str`, or `bytes` for a word that is not UTF-8; `None` for other types.
pub fn word_bytes<'a>(key: &'a Bound<PyAny>) -> Option<Cow<'a, [u8]>> {
    if let Ok(text) = key.cast::<PyString>() {
        return Some(match text.to_str() {
            Ok(text) => Cow::Borrowed(text.as_bytes()),
            // A lone surrogate is not valid UTF-8, so it cannot match a word.
            Err(_) => Cow::Owned(text.to_string_lossy().into_owned().into_bytes()),
        });
    }
    key.cast::<PyBytes>().ok().map(|bytes| Cow::Borrowed(bytes.as_bytes()))
}

/// A row number from an integer of Python or NumPy; `None` for other types. The number may be out of range.
pub fn row_number(key: &Bound<PyAny>) -> Option<i64> {
    let is_integer = key.cast::<PyInt>().is_ok() || !key.hasattr("__len__").unwrap_or(true);
    if is_integer { key.call_method0("__index__").ok()?.extract().ok() } else { None }
}

/// Whether a value is a key: a word or a row number.
pub fn is_key(key: &Bound<PyAny>) -> bool {
    key.cast::<PyString>().is_ok() || key.cast::<PyBytes>().is_ok() || row_number(key).is_some()
}

/// The row of a key; `None` if there is none.
pub fn find_row(vectors: &Vectors, key: &Bound<PyAny>) -> PyResult<Option<u32>> {
    if let Some(word) = word_bytes(key) {
        return vectors.find(&*word, Case::Exact).map_err(|e| to_py_err(key.py(), e));
    }
    let Some(number) = row_number(key) else {
        let expected = "expected a word (str or bytes) or a row number, found ";
        return Err(PyTypeError::new_err(format!("{expected}{}", key.get_type().name()?)));
    };
    Ok(u32::try_from(number).ok().filter(|&row| (row as usize) < vectors.len()))
}

/// The exception for a key without a row.
pub fn unknown_key(handle: &Bound<VectorsHandle>, key: &Bound<PyAny>) -> PyErr {
    let word = word_bytes(key).map(|word| String::from_utf8_lossy(&word).into_owned());
    match word {
        Some(word) => unknown_word(key.py(), &word, Some(handle.clone().into_any().unbind()), None),
        None => {
            let rows = handle.get().vectors.len();
            let text = format!("row: expected a number from 0 to {}, found {key}", rows - 1);
            unknown_word(key.py(), &key.to_string(), None, Some(text))
        }
    }
}

/// A term of a query, with its weight.
pub struct QueryTerm {
    weight: f32,
    value: TermValue,
}

enum TermValue {
    Word(Vec<u8>),
    Vector(Vec<f32>),
}

impl QueryTerm {
    fn to_rust(&self) -> (f32, Term<'_>) {
        let term = match &self.value {
            TermValue::Word(word) => Term::Word(word),
            TermValue::Vector(values) => Term::Vector(values),
        };
        (self.weight, term)
    }
}

/// The terms of an argument `positive` or `negative`: words, row numbers, vectors, or pairs of one of these and a weight; a
/// single one or several of them, or an array of vectors `[n, dimension]`. `weight` is the weight of terms without one.
pub fn query_terms(
    handle: &Bound<VectorsHandle>,
    argument: Option<&Bound<PyAny>>,
    weight: f32,
) -> PyResult<Vec<QueryTerm>> {
    let Some(argument) = argument.filter(|argument| !argument.is_none()) else { return Ok(Vec::new()) };
    if is_key(argument) || dimensions(argument) == Some(1) {
        return Ok(vec![query_term(handle, argument, weight)?]);
    }
    argument.try_iter()?.map(|each| query_term(handle, &each?, weight)).collect()
}

/// The queries of an iterable; each item is an argument of [`query_terms`].
pub fn queries(handle: &Bound<VectorsHandle>, argument: &Bound<PyAny>) -> PyResult<Vec<Query>> {
    argument.try_iter()?.map(|each| query(handle, &query_terms(handle, Some(&each?), 1.0)?)).collect()
}

/// A query with some terms.
pub fn query(handle: &Bound<VectorsHandle>, terms: &[QueryTerm]) -> PyResult<Query> {
    let terms: Vec<(f32, Term)> = terms.iter().map(QueryTerm::to_rust).collect();
    // Fast, since all words are known: the GIL is not released.
    handle.get().vectors.query(&terms).map_err(|e| to_py_err(handle.py(), e))
}

fn query_term(handle: &Bound<VectorsHandle>, argument: &Bound<PyAny>, weight: f32) -> PyResult<QueryTerm> {
    let vectors = &handle.get().vectors;
    if is_key(argument) {
        let word = match (word_bytes(argument), find_row(vectors, argument)?) {
            (Some(word), Some(_)) => word.into_owned(),
            (Some(word), None) if vectors.vector(&*word).is_some() => word.into_owned(),
            (None, Some(row)) => vectors.vocabulary().word(row).unwrap_or_default().to_vec(),
            _ => return Err(unknown_key(handle, argument)),
        };
        return Ok(QueryTerm { weight, value: TermValue::Word(word) });
    }
    if let Ok(pair) = argument.cast::<PyTuple>()
        && pair.len() == 2
        && let (term, weight) = (pair.get_item(0)?, pair.get_item(1)?)
        && (is_key(&term) || dimensions(&term) == Some(1))
    {
        return Ok(QueryTerm { weight: weight.extract()?, value: query_term(handle, &term, 1.0)?.value });
    }
    let values: PyArrayLike1<f32, AllowTypeChange> = argument.extract()?;
    Ok(QueryTerm { weight, value: TermValue::Vector(values.as_array().to_vec()) })
}

/// The number of dimensions of an array; `None` for other types.
fn dimensions(argument: &Bound<PyAny>) -> Option<usize> {
    argument.cast::<numpy::PyUntypedArray>().ok().map(|array| array.ndim())
}

/// An array `[rows, columns]` of the values, without a copy.
pub fn array2(py: Python, values: Vec<f32>, columns: usize) -> PyResult<Bound<PyArray2<f32>>> {
    let rows = values.len() / columns.max(1);
    numpy::PyArray1::from_vec(py, values).reshape([rows, columns])
}
