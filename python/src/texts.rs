//! Text vectors and word counts of a part of a corpus, for distributed processing.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use vocable::classifier::{
    TextVectors as RustTextVectors, TokenCounter as RustTokenCounter, Weighting, WordFrequencies,
};
use vocable::files::bytes;
use vocable::report::json::CoverageResult;
use vocable::vectors::Case;

use crate::errors::{exception, to_py_err};
use crate::handle::VectorsHandle;
use crate::progress::to_python;
use crate::settings::{parse_str, parse_value};
use crate::terms::array2;
use crate::threads::run;

/// Computes text vectors.
#[pyclass(frozen, module = "vocable._vocable")]
pub struct TextVectors {
    inner: RustTextVectors,
    dimension: usize,
}

#[pymethods]
impl TextVectors {
    /// The arguments are named like the options of `vocable embed`.
    #[new]
    #[pyo3(signature = (vectors, tokenizer, case, weighting, a, counts))]
    fn new(
        py: Python,
        vectors: &Bound<VectorsHandle>,
        tokenizer: &Bound<PyAny>,
        case: &str,
        weighting: &str,
        a: f64,
        counts: Option<PathBuf>,
    ) -> PyResult<Self> {
        let weighting = match (weighting, counts) {
            ("mean", None) => Weighting::Mean,
            ("mean", Some(_)) => {
                return Err(exception(py, "counts: pass weighting=\"frequency\" as well".to_owned()));
            }
            ("frequency", None) => Weighting::Frequency { a, frequencies: WordFrequencies::Zipf },
            ("frequency", Some(path)) => {
                let frequencies = run(py, || {
                    let read = bytes::open(&path, None)?;
                    WordFrequencies::parse(&read.0).map_err(|e| e.in_file(path.to_string_lossy()))
                })?;
                Weighting::Frequency { a, frequencies: frequencies.map_err(|e| to_py_err(py, e))? }
            }
            (other, _) => return Err(exception(py, format!("weighting: expected mean or frequency, found `{other}`"))),
        };
        let (vectors, tokenizer, case) =
            (Arc::clone(&vectors.get().vectors), parse_value("tokenizer", tokenizer)?, parse_str(py, "case", case)?);
        let dimension = vectors.dimension();
        let inner =
            run(py, || RustTextVectors::new(vectors, tokenizer, case, weighting))?.map_err(|e| to_py_err(py, e))?;
        Ok(TextVectors { inner, dimension })
    }

    /// The vectors of texts, `[texts, dimension]`; zeros for texts without any known word.
    fn of<'py>(&self, py: Python<'py>, texts: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let values = run(py, || self.inner.of(&texts).into_iter().flat_map(|vector| vector.values).collect())?;
        array2(py, values, self.dimension)
    }
}

/// Counts the words of texts; partial counts of several processes can be added up.
#[pyclass(module = "vocable._vocable")]
pub struct TokenCounter(RustTokenCounter);

#[pymethods]
impl TokenCounter {
    #[new]
    fn new(tokenizer: &Bound<PyAny>) -> PyResult<Self> {
        Ok(TokenCounter(RustTokenCounter::new(parse_value("tokenizer", tokenizer)?)))
    }

    /// Counts the words of texts.
    fn add(&mut self, py: Python, texts: Vec<PyBackedStr>) -> PyResult<()> {
        run(py, || self.0.add(&texts))
    }

    /// Adds the counts of another counter: words and their counts, text lengths and the number of texts with each length.
    fn add_counts(
        &mut self,
        words: Vec<PyBackedStr>,
        counts: Vec<usize>,
        lengths: Vec<usize>,
        texts: Vec<usize>,
    ) -> PyResult<()> {
        let words = words.iter().map(|word| &**word).zip(counts);
        self.0.add_counts(words, lengths.into_iter().zip(texts));
        Ok(())
    }

    /// Words in order of first occurrence and their counts; text lengths (in words) and the number of texts with each length.
    fn counts(&self) -> (Vec<&str>, Vec<usize>, Vec<usize>, Vec<usize>) {
        let (words, counts) = self.0.words().into_iter().unzip();
        let (lengths, texts) = self.0.lengths().iter().unzip();
        (words, counts, lengths, texts)
    }

    /// Looks up the words. Returns the keys of `vocable coverage --json`; `file` is the name of the texts in it.
    fn coverage<'py>(
        &self,
        py: Python<'py>,
        vectors: &Bound<VectorsHandle>,
        file: &str,
        k: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let vectors = &vectors.get().vectors;
        let coverage = run(py, || self.0.coverage(vectors, Case::Fold))?.map_err(|e| to_py_err(py, e))?;
        to_python(py, &CoverageResult::new(file, &coverage, k))
    }
}
