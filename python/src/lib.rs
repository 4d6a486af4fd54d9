//! The extension module `vocable._vocable`: what the Python package `vocable` has of Rust.
//!
//! Words, arrays and options of Python's become those of the library, its answers and errors Python's. What is a matter of
//! Python alone (gensim's spellings, progress, notebooks) stands in `vocable/*.py`.

// Functions that Python calls take and return what it has at hand: many keywords, tuples of several things.
#![allow(clippy::too_many_arguments, clippy::type_complexity)]

mod classifier;
mod compare;
mod corpus;
mod errors;
mod gather;
mod lend;
mod progress;
mod question;
mod settings;
mod table;
mod texts;
mod threads;
mod training;

use pyo3::prelude::*;

/// Vectors, classifiers and comparisons, as the package's Python modules build on them.
#[pymodule]
mod _vocable {
    use pyo3::prelude::*;
    use vocable::classifier::dataset;

    #[pymodule_export]
    use super::classifier::Classifier;
    #[pymodule_export]
    use super::compare::{Found, begin_comparison, compare, do_run, read_comparison};
    #[pymodule_export]
    use super::corpus::{TextVectors, TokenCounter};
    #[pymodule_export]
    use super::table::Table;
    #[pymodule_export]
    use super::threads::{get_num_threads, set_num_threads};
    #[pymodule_export]
    use super::training::train;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("TEXT_NAMES", dataset::TEXT_NAMES)
    }
}
