//! `table[words]`: many look-ups, and the rows one below the other.

use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use rayon::prelude::*;
use vocable::Vectors;

use crate::question::{array2, find, missing, word};
use crate::table::Table;
use crate::threads::work;

/// Numbers from which on they are copied by several threads: with fewer, waking them takes longer.
const SHARED: usize = 1 << 16;

/// The rows of some words or numbers, in their order: `[words]`. What names no row is `otherwise`, or an error where that is `None`.
pub fn rows<'py>(
    table: &Bound<'py, Table>,
    keys: &Bound<'py, PyAny>,
    otherwise: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let vectors = &table.get().vectors;
    let mut rows = Vec::with_capacity(keys.len().unwrap_or(0).min(vectors.len()));
    for key in keys.try_iter()? {
        let key = key?;
        rows.push(match (find(vectors, &key)?, otherwise) {
            (Some(row), _) => i64::from(row),
            (None, Some(otherwise)) => otherwise,
            (None, None) => return Err(missing(table, &key)),
        });
    }
    Ok(PyArray1::from_vec(table.py(), rows))
}

/// The vectors of some words or numbers, one below the other: `[words, dimension]`.
pub fn gather<'py>(table: &Bound<'py, Table>, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let vectors = &table.get().vectors;
    let mut rows: Vec<u32> = Vec::with_capacity(keys.len().unwrap_or(0).min(vectors.len()));
    // Vectors made of n-grams, and the places where they belong.
    let mut made: Vec<(usize, Vec<f32>)> = Vec::new();
    for key in keys.try_iter()? {
        let key = key?;
        match find(vectors, &key)? {
            Some(row) => rows.push(row),
            None => match word(&key).and_then(|word| vectors.vector(&*word)) {
                Some(vector) => {
                    made.push((rows.len(), vector.into_owned()));
                    rows.push(u32::MAX);
                }
                None => return Err(missing(table, &key)),
            },
        }
    }
    let dimension = vectors.dimension();
    let mut values = match rows.len().saturating_mul(dimension) >= SHARED {
        true => work(table.py(), || copied_by_several(vectors, &rows))?,
        false => copied(vectors, &rows),
    };
    for (place, vector) in made {
        values[place * dimension..][..dimension].copy_from_slice(&vector);
    }
    array2(table.py(), values, dimension)
}

fn copied(vectors: &Vectors, rows: &[u32]) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows.len() * vectors.dimension());
    for &row in rows {
        match vectors.row(row) {
            Some(numbers) => values.extend_from_slice(numbers),
            None => values.resize(values.len() + vectors.dimension(), 0.0),
        }
    }
    values
}

fn copied_by_several(vectors: &Vectors, rows: &[u32]) -> Vec<f32> {
    let mut values = vec![0.0; rows.len() * vectors.dimension()];
    values.par_chunks_exact_mut(vectors.dimension()).zip(rows).with_min_len(256).for_each(|(target, &row)| {
        if let Some(numbers) = vectors.row(row) {
            target.copy_from_slice(numbers);
        }
    });
    values
}
