//! Look-ups of many words: their row numbers, or their vectors as one array.

use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rayon::prelude::*;
use vocable::error::Error;

use crate::errors::to_py_err;
use crate::handle::VectorsHandle;
use crate::terms::{array2, find_row, unknown_key, word_bytes};
use crate::threads::run;

/// Number of words that a thread looks up at a time. A single chunk is processed on the calling thread.
const CHUNK: usize = 512;

/// The rows of words or row numbers, `[words]`. Keys without a row get `default`, or are an error if that is `None`.
pub fn rows<'py>(
    handle: &Bound<'py, VectorsHandle>,
    keys: &Bound<'py, PyAny>,
    default: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (py, vectors) = (handle.py(), &handle.get().vectors);
    let keys = to_vec(keys)?;
    let found: Vec<Option<u32>> = match as_words(&keys) {
        Some(words) => {
            let chunks: Result<Vec<Vec<_>>, Error> = match words.len() {
                ..=CHUNK => words.chunks(CHUNK).map(|words| vectors.find_all(words)).collect(),
                _ => run(py, || words.par_chunks(CHUNK).map(|words| vectors.find_all(words)).collect())?,
            };
            chunks.map_err(|e| to_py_err(py, e))?.concat()
        }
        None => keys.iter().map(|key| find_row(vectors, key)).collect::<PyResult<_>>()?,
    };
    let row = |(row, key): (&Option<u32>, &Bound<PyAny>)| {
        row.map(i64::from).or(default).ok_or_else(|| unknown_key(handle, key))
    };
    Ok(PyArray1::from_vec(py, found.iter().zip(&keys).map(row).collect::<PyResult<_>>()?))
}

/// The vectors of words or row numbers: `[words, dimension]`.
pub fn gather<'py>(
    handle: &Bound<'py, VectorsHandle>,
    keys: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (py, vectors) = (handle.py(), &handle.get().vectors);
    let keys = to_vec(keys)?;
    let dimension = vectors.dimension();
    if let Some(words) = as_words(&keys) {
        let mut values = vec![0.0; words.len() * dimension];
        let chunks: Vec<(&[&[u8]], &mut [f32])> =
            words.chunks(CHUNK).zip(values.chunks_mut(CHUNK * dimension)).collect();
        let copy = |(words, values): (&[&[u8]], &mut [f32])| vectors.copy_all(words, values);
        let all: Result<Vec<bool>, Error> = match chunks.len() {
            0 | 1 => chunks.into_iter().map(copy).collect(),
            _ => run(py, || chunks.into_par_iter().map(copy).collect())?,
        };
        if all.map_err(|e| to_py_err(py, e))?.into_iter().all(|all| all) {
            return array2(py, values, dimension);
        }
    }
    // Some keys are row numbers, words with n-gram vectors, or unknown.
    let mut values = Vec::with_capacity(keys.len() * dimension);
    for key in &keys {
        match find_row(vectors, key)?.and_then(|row| vectors.row(row)) {
            Some(row) => values.extend_from_slice(row),
            None => match word_bytes(key).and_then(|word| vectors.vector(&*word)) {
                Some(vector) => values.extend_from_slice(&vector),
                None => return Err(unknown_key(handle, key)),
            },
        }
    }
    array2(py, values, dimension)
}

fn to_vec<'py>(keys: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    keys.try_iter()?.collect()
}

/// The bytes of the words, if all keys are `str`. Strings are immutable, so other threads can read them without the GIL.
fn as_words<'a>(keys: &'a [Bound<PyAny>]) -> Option<Vec<&'a [u8]>> {
    keys.iter().map(|key| Some(key.cast::<PyString>().ok()?.to_str().ok()?.as_bytes())).collect()
}
