//! The library's rows as NumPy arrays. The one place of the package with `unsafe`.

use std::sync::Arc;

use numpy::ndarray::{ArrayView1, ArrayView2};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use vocable::Vectors;

use crate::errors::exception;

/// Keeps vectors for as long as an array looks at them.
#[pyclass(frozen)]
struct Owner {
    _vectors: Arc<Vectors>,
}

/// All rows `[rows, dimension]` and their norms `[rows]` where they lie, in memory or in a mapped file; read-only.
pub fn lend<'py>(
    py: Python<'py>,
    vectors: &Arc<Vectors>,
) -> PyResult<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>)> {
    let owner = Bound::new(py, Owner { _vectors: Arc::clone(vectors) })?.into_any();
    let shape = (vectors.len(), vectors.dimension());
    let values = ArrayView2::from_shape(shape, vectors.values()).map_err(|e| exception(py, e.to_string()))?;
    let norms = ArrayView1::from(vectors.norms());
    #[allow(unsafe_code)]
    // SAFETY: the numbers must stay where they are and as they are while an array looks at them. They are read through a shared
    // reference, and nothing changes or moves them as long as there is a `Vectors` to own them: it has no method that
    // does so through an `Arc`, and each array holds the owner as its base. The arrays are made read-only before anyone
    // sees them, and NumPy refuses to make them writeable again, because the owner lends no memory to be written. What
    // remains is the contract of all mapped files, which `src/files/bytes.rs` of the library states.
    let (values, norms) =
        unsafe { (PyArray2::borrow_from_array(&values, owner.clone()), PyArray1::borrow_from_array(&norms, owner)) };
    values.readwrite().make_nonwriteable();
    norms.readwrite().make_nonwriteable();
    Ok((values, norms))
}
