//! The struct behind `vocable.Vectors`.

use std::sync::Arc;

use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use vocable::Vectors;
use vocable::error::Error;

use crate::errors::to_py_err;
use crate::threads::run;
use crate::views::array_views;

/// Word vectors, and NumPy views of their rows. The methods are in `vectors.rs`.
#[pyclass(frozen, subclass, module = "vocable._vocable")]
pub struct VectorsHandle {
    pub vectors: Arc<Vectors>,
    /// `[rows, dimension]`
    pub values: Py<PyArray2<f32>>,
    /// `[rows]`
    pub norms: Py<PyArray1<f32>>,
}

impl VectorsHandle {
    pub fn new(py: Python, vectors: Vectors) -> PyResult<Self> {
        let vectors = Arc::new(vectors);
        let (values, norms) = array_views(py, &vectors)?;
        Ok(VectorsHandle { values: values.unbind(), norms: norms.unbind(), vectors })
    }

    /// Calls the library on all threads, with the GIL released.
    pub fn call<R: Send>(&self, py: Python, call: impl FnOnce(&Vectors) -> Result<R, Error> + Send) -> PyResult<R> {
        run(py, || call(&self.vectors))?.map_err(|e| to_py_err(py, e))
    }
}
