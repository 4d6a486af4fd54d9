//! NumPy views of the rows, without a copy. The only `unsafe` code of the package.

use std::sync::Arc;

use numpy::ndarray::{ArrayView1, ArrayView2};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use vocable::Vectors;

use crate::errors::exception;

/// Keeps the vectors alive as long as an array refers to them.
#[pyclass(frozen)]
struct Owner {
    _vectors: Arc<Vectors>,
}

/// Read-only views of all rows `[rows, dimension]` and their norms `[rows]`, in memory or in a mapped file.
pub fn array_views<'py>(
    py: Python<'py>,
    vectors: &Arc<Vectors>,
) -> PyResult<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>)> {
    let owner = Bound::new(py, Owner { _vectors: Arc::clone(vectors) })?.into_any();
    let shape = (vectors.len(), vectors.dimension());
    let values = ArrayView2::from_shape(shape, vectors.values()).map_err(|e| exception(py, e.to_string()))?;
    let norms = ArrayView1::from(vectors.norms());
    #[allow(unsafe_code)]
    // SAFETY: the values must not move or change while an array refers to them. `Vectors` has no method that moves or changes
    // them through an `Arc`, and each array keeps the owner alive as its base. The arrays are made read-only before they are
    // returned, and NumPy does not make them writeable again, because the owner has no writeable buffer. For mapped files,
    // the contract in `src/files/bytes.rs` of the library applies.
    let (values, norms) =
        unsafe { (PyArray2::borrow_from_array(&values, owner.clone()), PyArray1::borrow_from_array(&norms, owner)) };
    values.readwrite().make_nonwriteable();
    norms.readwrite().make_nonwriteable();
    Ok((values, norms))
}
