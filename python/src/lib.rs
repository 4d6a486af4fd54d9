//! The extension module `vocable._vocable` of the Python package `vocable`.
//!
//! It converts arguments, results and errors between Python and the library. What needs no Rust (the interface of gensim, progress,
//! notebooks) is in `vocable/*.py`.

// Python functions have many keyword arguments and return tuples.
#![allow(clippy::too_many_arguments, clippy::type_complexity)]

mod classifier;
mod compare;
mod datasets;
mod errors;
mod gather;
mod handle;
mod progress;
mod settings;
mod terms;
mod texts;
mod threads;
mod training;
mod vectors;
mod views;

use pyo3::prelude::*;

/// The classes and functions that the Python modules of the package build on.
#[pymodule]
mod _vocable {
    use pyo3::prelude::*;
    use vocable::classifier::dataset;

    #[pymodule_export]
    use super::classifier::Classifier;
    #[pymodule_export]
    use super::compare::{ComparisonReport, compare, execute_run, prepare_comparison, read_comparison};
    #[pymodule_export]
    use super::handle::VectorsHandle;
    #[pymodule_export]
    use super::texts::{TextVectors, TokenCounter};
    #[pymodule_export]
    use super::threads::{get_num_threads, set_num_threads};
    #[pymodule_export]
    use super::training::train;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("TEXT_NAMES", dataset::TEXT_NAMES)
    }
}
