//! What a process does with some of the texts of a corpus: vectors of texts, counts of words.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use vocable::classifier::{TextVectors as Library, TokenCounter as Words, Weighting, WordFrequencies};
use vocable::error::Error;
use vocable::files::bytes;
use vocable::report::json::CoverageAnswer;
use vocable::vectors::Case;

use crate::errors::{exception, raised};
use crate::progress::python;
use crate::question::array2;
use crate::settings::parsed;
use crate::table::Table;
use crate::threads::work;

/// What makes vectors of texts.
#[pyclass(frozen, module = "vocable._vocable")]
pub struct TextVectors {
    of: Library,
    dimension: usize,
}

#[pymethods]
impl TextVectors {
    /// `weighting`, `a` and `counts` as `vocable embed` has them.
    #[new]
    #[pyo3(signature = (table, tokenizer, how, weighting, a, counts))]
    fn new(
        py: Python,
        table: &Bound<Table>,
        tokenizer: &Bound<PyAny>,
        how: &str,
        weighting: &str,
        a: f64,
        counts: Option<PathBuf>,
    ) -> PyResult<Self> {
        let weighting = match (weighting, counts) {
            ("mean", None) => Weighting::Mean,
            ("mean", Some(_)) => {
                let what = Error::invalid("counts", "weighting=\"frequency\" beside them", "none");
                return Err(raised(py, what));
            }
            ("frequency", None) => Weighting::Frequency { a, frequencies: WordFrequencies::Zipf },
            ("frequency", Some(path)) => {
                let shares = work(py, || {
                    let read = bytes::open(&path, None)?;
                    WordFrequencies::parse(&read.0).map_err(|e| Error::from(e.in_file(path.to_string_lossy())))
                })?;
                Weighting::Frequency { a, frequencies: shares.map_err(|e| raised(py, e))? }
            }
            (other, _) => return Err(exception(py, format!("weighting: expected mean or frequency, found `{other}`"))),
        };
        let (vectors, tokenizer, how) =
            (Arc::clone(&table.get().vectors), parsed(tokenizer)?, how.parse().map_err(|e| raised(py, e))?);
        let dimension = vectors.dimension();
        let of = work(py, || Library::new(vectors, tokenizer, how, weighting))?.map_err(|e| raised(py, e))?;
        Ok(TextVectors { of, dimension })
    }

    /// The vectors of some texts, `[texts, dimension]`; zeros where no word is known.
    fn of<'py>(&self, py: Python<'py>, texts: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let values = work(py, || self.of.of(&texts).into_iter().flat_map(|vector| vector.values).collect())?;
        array2(py, values, self.dimension)
    }
}

/// The words of texts that come part by part, from several processes.
#[pyclass(module = "vocable._vocable")]
pub struct TokenCounter(Words);

#[pymethods]
impl TokenCounter {
    #[new]
    fn new(tokenizer: &Bound<PyAny>) -> PyResult<Self> {
        Ok(TokenCounter(Words::new(parsed(tokenizer)?)))
    }

    /// Counts the words of more texts.
    fn add(&mut self, py: Python, texts: Vec<PyBackedStr>) -> PyResult<()> {
        work(py, || self.0.add(&texts))
    }

    /// Adds what another one counted: words and how often each occurs, numbers of words and how many texts have so many.
    fn add_counted(
        &mut self,
        words: Vec<PyBackedStr>,
        counts: Vec<usize>,
        lengths: Vec<usize>,
        texts: Vec<usize>,
    ) -> PyResult<()> {
        let words = words.iter().map(|word| &**word).zip(counts);
        self.0.add_counted(words, lengths.into_iter().zip(texts));
        Ok(())
    }

    /// The words in the order in which they were first met, how often each occurs, numbers of words, and how many texts have so many.
    fn counted(&self) -> (Vec<&str>, Vec<usize>, Vec<usize>, Vec<usize>) {
        let (words, counts) = self.0.words().into_iter().unzip();
        let (lengths, texts) = self.0.lengths().iter().unzip();
        (words, counts, lengths, texts)
    }

    /// Looks the words up, as `vocable coverage --json` does; `file` is what its answer calls the texts.
    fn coverage<'py>(
        &self,
        py: Python<'py>,
        table: &Bound<Table>,
        file: &str,
        k: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let vectors = &table.get().vectors;
        let coverage = work(py, || self.0.coverage(vectors, Case::Fold))?.map_err(|e| raised(py, e))?;
        python(py, &CoverageAnswer::new(file, &coverage, k))
    }
}
