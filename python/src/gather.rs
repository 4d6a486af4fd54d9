//! `table[words]`: many look-ups, and the rows one below the other.

use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rayon::prelude::*;
use vocable::error::Error;

use crate::errors::raised;
use crate::question::{array2, find, missing, word};
use crate::table::Table;
use crate::threads::work;

/// Words that a thread looks up at a time. Fewer than two such parts are not handed to other threads.
const PART: usize = 512;

/// The rows of some words or numbers, in their order: `[words]`. What names no row is `otherwise`, or an error where that is `None`.
pub fn rows<'py>(
    table: &Bound<'py, Table>,
    keys: &Bound<'py, PyAny>,
    otherwise: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let (py, vectors) = (table.py(), &table.get().vectors);
    let keys = listed(keys)?;
    let found: Vec<Option<u32>> = match as_words(&keys) {
        Some(words) => {
            let parts: Result<Vec<Vec<_>>, Error> = match words.len() {
                ..=PART => words.chunks(PART).map(|words| vectors.find_all(words)).collect(),
                _ => work(py, || words.par_chunks(PART).map(|words| vectors.find_all(words)).collect())?,
            };
            parts.map_err(|e| raised(py, e))?.concat()
        }
        None => keys.iter().map(|key| find(vectors, key)).collect::<PyResult<_>>()?,
    };
    let row =
        |(row, key): (&Option<u32>, &Bound<PyAny>)| row.map(i64::from).or(otherwise).ok_or_else(|| missing(table, key));
    Ok(PyArray1::from_vec(py, found.iter().zip(&keys).map(row).collect::<PyResult<_>>()?))
}

/// The vectors of some words or numbers, one below the other: `[words, dimension]`.
pub fn gather<'py>(table: &Bound<'py, Table>, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let (py, vectors) = (table.py(), &table.get().vectors);
    let keys = listed(keys)?;
    let dimension = vectors.dimension();
    if let Some(words) = as_words(&keys) {
        let mut values = vec![0.0; words.len() * dimension];
        let parts: Vec<(&[&[u8]], &mut [f32])> = words.chunks(PART).zip(values.chunks_mut(PART * dimension)).collect();
        let copy = |(words, values): (&[&[u8]], &mut [f32])| vectors.copy_all(words, values);
        let all: Result<Vec<bool>, Error> = match parts.len() {
            0 | 1 => parts.into_iter().map(copy).collect(),
            _ => work(py, || parts.into_par_iter().map(copy).collect())?,
        };
        if all.map_err(|e| raised(py, e))?.into_iter().all(|all| all) {
            return array2(py, values, dimension);
        }
    }
    // Numbers among the words, words made of n-grams, or one that is not there.
    let mut values = Vec::with_capacity(keys.len() * dimension);
    for key in &keys {
        match find(vectors, key)?.and_then(|row| vectors.row(row)) {
            Some(row) => values.extend_from_slice(row),
            None => match word(key).and_then(|word| vectors.vector(&*word)) {
                Some(vector) => values.extend_from_slice(&vector),
                None => return Err(missing(table, key)),
            },
        }
    }
    array2(py, values, dimension)
}

fn listed<'py>(keys: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    keys.try_iter()?.collect()
}

/// The bytes of words that all are `str`. The strings do not change, so other threads may read them while Python's run.
fn as_words<'a>(keys: &'a [Bound<PyAny>]) -> Option<Vec<&'a [u8]>> {
    keys.iter().map(|key| Some(key.cast::<PyString>().ok()?.to_str().ok()?.as_bytes())).collect()
}
