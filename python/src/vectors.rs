//! The methods of `vocable.Vectors` that are written in Rust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use numpy::{AllowTypeChange, PyArray1, PyArray2, PyArrayLike2};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyList, PyString};
use vocable::classifier::Coverage;
use vocable::files::ElementType;
use vocable::files::save::format_for;
use vocable::files::{Bytes, Format, ReadOptions, bytes, parse_vocabulary};
use vocable::nn::{EmbeddingMatrix, EmbeddingMatrixOptions};
use vocable::query::{AnalogyMethod, Benchmark, EvaluateOptions, NearestOptions, RowLimit, RowSet, ScoredRow};
use vocable::report::json::{AnalogyBenchmarkResult, CoverageResult, PairBenchmarkResult};
use vocable::vectors::Scan;
use vocable::{Vectors, fetch, report};

use crate::datasets::{DataFileOptions, is_path, labelled_texts};
use crate::errors::{exception, to_py_err, warn};
use crate::gather::{gather, rows};
use crate::handle::VectorsHandle;
use crate::progress::to_python;
use crate::settings::{parse_str, parse_value};
use crate::terms::{array2, find_row, is_key, queries, query, query_terms, unknown_key, word_bytes};
use crate::threads::run;

/// Options of a search.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct SearchOptions<'py> {
    k: usize,
    restrict: Option<usize>,
    within: Option<Bound<'py, PyAny>>,
    min_cosine: Option<f32>,
}

impl SearchOptions<'_> {
    fn to_rust(&self, py: Python, vectors: &Vectors) -> PyResult<NearestOptions> {
        let within = self.within.as_ref().map(|within| row_set(py, vectors, within)).transpose()?;
        Ok(NearestOptions { k: self.k, restrict: self.restrict, within, min_cosine: self.min_cosine })
    }
}

/// The rows of words or row numbers, with a warning about unknown words.
fn row_set(py: Python, vectors: &Vectors, within: &Bound<PyAny>) -> PyResult<RowSet> {
    let (mut found, mut unknown, mut total) = (Vec::new(), Vec::new(), 0);
    for key in within.try_iter()? {
        let key = key?;
        total += 1;
        match find_row(vectors, &key)? {
            Some(row) => found.push(row),
            None => unknown.push(word_bytes(&key).map_or(key.to_string().into_bytes(), |word| word.into_owned())),
        }
    }
    if !unknown.is_empty() {
        const MAX_EXAMPLES: usize = 5;
        let examples = unknown.iter().take(MAX_EXAMPLES).map(|word| format!("`{}`", String::from_utf8_lossy(word)));
        let more = if unknown.len() > MAX_EXAMPLES { ", ..." } else { "" };
        let examples = examples.collect::<Vec<_>>().join(", ");
        let (count, total) = (report::thousands(unknown.len()), report::thousands(total));
        warn(py, &format!("{count} of {total} words are not in the vocabulary: {examples}{more}"))?;
    }
    Ok(found.into_iter().collect())
}

#[pymethods]
impl VectorsHandle {
    /// Shares the vectors with another object; used by the Python subclass.
    #[new]
    fn from_handle(py: Python, handle: &Self) -> Self {
        let (values, norms) = (handle.values.clone_ref(py), handle.norms.clone_ref(py));
        VectorsHandle { vectors: Arc::clone(&handle.vectors), values, norms }
    }

    /// The file that a path, or the name of downloaded vectors, refers to.
    #[staticmethod]
    fn resolve(py: Python, path: PathBuf) -> PyResult<PathBuf> {
        fetch::resolve(&path).map_err(|e| to_py_err(py, e))
    }

    /// Opens a file.
    #[staticmethod]
    #[pyo3(signature = (path, format, member, word_list, allow_nonfinite, skip_bad_rows, exact_scan))]
    fn open(
        py: Python,
        path: PathBuf,
        format: Option<&str>,
        member: Option<String>,
        word_list: Option<PathBuf>,
        allow_nonfinite: bool,
        skip_bad_rows: bool,
        exact_scan: Option<&str>,
    ) -> PyResult<Self> {
        let format = format.map(|name| parse_str::<Format, _>(py, "format", name)).transpose()?;
        let scan = exact_scan.map(|name| parse_str::<Scan, _>(py, "exact_scan", name)).transpose()?;
        let options = ReadOptions { format, member, word_list, allow_nonfinite, skip_bad_rows };
        let opened = run(py, || Vectors::open_with(&path, &options))?;
        let mut vectors = opened.map_err(|e| to_py_err(py, e))?;
        vectors.set_scan(scan.unwrap_or_default());
        for warning in &vectors.load_report().warnings {
            warn(py, &format!("{}: {warning}", path.display()))?;
        }
        VectorsHandle::new(py, vectors)
    }

    /// The built-in demo vectors.
    #[staticmethod]
    fn demo(py: Python) -> PyResult<Self> {
        let vectors = run(py, Vectors::demo)?.map_err(|e| to_py_err(py, e))?;
        VectorsHandle::new(py, vectors)
    }

    /// Vectors in memory from words and values `[words, dimension]`, which are copied.
    #[staticmethod]
    fn from_arrays(
        py: Python,
        words: Vec<Bound<PyAny>>,
        vectors: PyArrayLike2<f32, AllowTypeChange>,
    ) -> PyResult<Self> {
        let to_bytes = |key: &Bound<PyAny>| {
            let bytes = word_bytes(key).map(|word| word.into_owned());
            bytes.ok_or_else(|| exception(py, format!("words: expected str or bytes, found {key}")))
        };
        let words = words.iter().map(to_bytes).collect::<PyResult<Vec<Vec<u8>>>>()?;
        let dimension = vectors.as_array().ncols();
        let values = vectors.as_array().iter().copied().collect();
        let created = run(py, || Vectors::new(words, values, dimension))?;
        VectorsHandle::new(py, created.map_err(|e| to_py_err(py, e))?)
    }

    /// Copies some of the rows to memory.
    fn subset(slf: &Bound<Self>, keys: &Bound<PyAny>) -> PyResult<Self> {
        let py = slf.py();
        let (mut rows, mut others) = (Vec::new(), Vec::new());
        for key in keys.try_iter()? {
            let key = key?;
            match (find_row(&slf.get().vectors, &key)?, word_bytes(&key)) {
                (Some(row), _) => rows.push(row),
                (None, Some(word)) if slf.get().vectors.vector(&*word).is_some() => others.push(word.into_owned()),
                _ => return Err(unknown_key(slf, &key)),
            }
        }
        VectorsHandle::new(py, slf.get().call(py, |vectors| vectors.subset(&rows, &others))?)
    }

    fn __len__(&self) -> usize {
        self.vectors.len()
    }

    fn __contains__(&self, key: &Bound<PyAny>) -> PyResult<bool> {
        if !is_key(key) {
            return Ok(false);
        }
        let has_ngram_vector = || word_bytes(key).is_some_and(|word| self.vectors.vector(&*word).is_some());
        Ok(find_row(&self.vectors, key)?.is_some() || self.vectors.subwords().is_some() && has_ngram_vector())
    }

    /// `v[word]`: the vector of a word `[dimension]`, a view. `v[words]`: a new array `[words, dimension]`.
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, handle) = (slf.py(), slf.get());
        if !is_key(key) {
            return Ok(gather(slf, key)?.into_any());
        }
        if let Some(row) = find_row(&handle.vectors, key)? {
            return handle.values.bind(py).get_item(row);
        }
        match word_bytes(key).and_then(|word| handle.vectors.vector(&*word)) {
            Some(vector) => Ok(PyArray1::from_vec(py, vector.into_owned()).into_any()),
            None => Err(unknown_key(slf, key)),
        }
    }

    /// All rows `[rows, dimension]`: a read-only view.
    #[getter]
    fn vectors<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f32>> {
        self.values.bind(py).clone()
    }

    /// The Euclidean norms of the rows `[rows]`: a read-only view.
    #[getter]
    fn norms<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        self.norms.bind(py).clone()
    }

    /// The dimension of the vectors.
    #[getter]
    fn dimension(&self) -> usize {
        self.vectors.dimension()
    }

    /// The path of the file, as it was given, or a description of the source.
    #[getter]
    fn path(&self) -> PathBuf {
        self.vectors.source().path.clone()
    }

    /// The format of the file.
    #[getter]
    fn format(&self) -> &'static str {
        self.vectors.source().format.name()
    }

    /// Number of words that are not UTF-8.
    #[getter]
    fn non_utf8_words(&self, py: Python) -> PyResult<usize> {
        run(py, || self.vectors.non_utf8_words())
    }

    /// Private memory of this process in bytes; memory-mapped files are not counted.
    #[getter]
    fn memory(&self) -> usize {
        self.vectors.memory()
    }

    /// The row of a key, or `default`.
    #[pyo3(name = "_row")]
    fn row(&self, key: &Bound<PyAny>, default: Option<i64>) -> PyResult<Option<i64>> {
        let found = if is_key(key) { find_row(&self.vectors, key)? } else { None };
        Ok(found.map(i64::from).or(default))
    }

    /// The rows of words, `[words]`, as 64-bit integers. Unknown words get `missing`, or raise `UnknownWordError` if that is None.
    #[pyo3(signature = (words, missing=None))]
    fn rows<'py>(
        slf: &Bound<'py, Self>,
        words: &Bound<'py, PyAny>,
        missing: Option<i64>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        rows(slf, words, missing)
    }

    /// The word of a row. Invalid UTF-8 is replaced by U+FFFD.
    fn word(&self, row: u32) -> PyResult<String> {
        let exists = (row as usize) < self.vectors.len();
        let error = || pyo3::exceptions::PyIndexError::new_err(format!("row {row} is out of range"));
        exists.then(|| self.vectors.word(row).into_owned()).ok_or_else(error)
    }

    /// The word of a row as bytes.
    fn word_bytes<'py>(&self, py: Python<'py>, row: u32) -> PyResult<Bound<'py, PyBytes>> {
        let error = || pyo3::exceptions::PyIndexError::new_err(format!("row {row} is out of range"));
        self.vectors.vocabulary().word(row).map(|word| PyBytes::new(py, word)).ok_or_else(error)
    }

    /// The words of the rows from `start` to `stop` (exclusive).
    fn words<'py>(&self, py: Python<'py>, start: u32, stop: u32) -> PyResult<Bound<'py, PyList>> {
        let stop = stop.min(self.vectors.len() as u32);
        let words: Vec<Bound<PyString>> =
            (start.min(stop)..stop).map(|row| PyString::new(py, &self.vectors.word(row))).collect();
        PyList::new(py, words)
    }

    /// The message of an unknown word, with similar words.
    #[pyo3(name = "_unknown_word_message")]
    fn unknown_word_message(&self, py: Python, word: &str) -> PyResult<String> {
        let text = run(py, || self.vectors.require(word).err().map(|error| error.to_string()))?;
        Ok(text.unwrap_or_else(|| format!("`{word}` is in the vocabulary")))
    }

    /// Up to `k` words of the vocabulary with a spelling similar to `word`.
    #[pyo3(signature = (word, k=3))]
    fn suggest(&self, py: Python, word: &str, k: usize) -> PyResult<Vec<String>> {
        run(py, || self.vectors.suggest(word, k))
    }

    /// The first `k` words that begin with `prefix`.
    #[pyo3(signature = (prefix, k=10))]
    fn complete(&self, prefix: &str, k: usize) -> Vec<String> {
        let rows = self.vectors.complete(prefix, k);
        rows.into_iter().map(|row| self.vectors.word(row).into_owned()).collect()
    }

    /// The nearest words of a query: pairs of word and cosine, best first.
    #[pyo3(name = "_nearest")]
    fn nearest_words<'py>(
        slf: &Bound<'py, Self>,
        positive: Option<&Bound<'py, PyAny>>,
        negative: Option<&Bound<'py, PyAny>>,
        options: SearchOptions<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, handle) = (slf.py(), slf.get());
        let mut terms = query_terms(slf, positive, 1.0)?;
        terms.extend(query_terms(slf, negative, -1.0)?);
        let query = query(slf, &terms)?;
        let options = options.to_rust(py, &handle.vectors)?;
        let answers = handle.call(py, |vectors| vectors.search(&query, &options))?;
        pairs(py, &handle.vectors, &answers)
    }

    /// The nearest words of many queries.
    #[pyo3(name = "_nearest_batch")]
    fn nearest_batch<'py>(
        slf: &Bound<'py, Self>,
        argument: &Bound<'py, PyAny>,
        options: SearchOptions<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, handle) = (slf.py(), slf.get());
        let queries = queries(slf, argument)?;
        let options = options.to_rust(py, &handle.vectors)?;
        let answers = handle.call(py, |vectors| vectors.nearest_batch(&queries, &options))?;
        let lists = answers.iter().map(|answers| pairs(py, &handle.vectors, answers));
        PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)
    }

    /// The cosine similarity of two words.
    #[pyo3(name = "_similarity")]
    fn cosine(slf: &Bound<Self>, a: &Bound<PyAny>, b: &Bound<PyAny>) -> PyResult<f32> {
        let (py, vectors) = (slf.py(), &slf.get().vectors);
        let [a, b] = [known_word(slf, a)?, known_word(slf, b)?];
        vectors.similarity(a, b).map_err(|e| to_py_err(py, e))
    }

    /// Solves the analogy "a is to b as c is to ...".
    #[pyo3(name = "_analogy")]
    fn analogy<'py>(
        slf: &Bound<'py, Self>,
        words: [Bound<'py, PyAny>; 3],
        method: &Bound<'py, PyAny>,
        options: SearchOptions<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, handle) = (slf.py(), slf.get());
        let [a, b, c] = [known_word(slf, &words[0])?, known_word(slf, &words[1])?, known_word(slf, &words[2])?];
        let method: AnalogyMethod = parse_value("method", method)?;
        let options = options.to_rust(py, &handle.vectors)?;
        let answers = handle.call(py, |vectors| vectors.analogy(a, b, c, method, &options))?;
        pairs(py, &handle.vectors, &answers)
    }

    /// The index of the word that does not match the others.
    #[pyo3(name = "_odd")]
    fn odd_index(slf: &Bound<Self>, words: Vec<Bound<PyAny>>) -> PyResult<usize> {
        let words = words.iter().map(|word| known_word(slf, word)).collect::<PyResult<Vec<_>>>()?;
        slf.get().vectors.odd(&words).map_err(|e| to_py_err(slf.py(), e))
    }

    /// Evaluates a benchmark file. Returns the keys of `vocable evaluate --json` and, for analogies, whether each question was answered
    /// correctly (None for questions with an unknown word).
    #[pyo3(name = "_evaluate", signature = (path, protocol, restrict, dummy4unknown))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        protocol: Option<&Bound<'py, PyAny>>,
        restrict: Option<usize>,
        dummy4unknown: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Option<Vec<Option<bool>>>)> {
        let restrict = match restrict {
            None => RowLimit::Protocol,
            Some(0) => RowLimit::All,
            Some(rows) => RowLimit::First(rows),
        };
        let options = EvaluateOptions { restrict, dummy4unknown };
        let file = path.to_string_lossy();
        match read_benchmark(py, &path)? {
            Benchmark::Analogies(questions) => {
                let protocol =
                    protocol.map(|protocol| parse_value("protocol", protocol)).transpose()?.unwrap_or_default();
                let report = self.call(py, |vectors| vectors.evaluate_analogies(&questions, protocol, &options))?;
                let correct = report
                    .predictions
                    .iter()
                    .map(|prediction| prediction.map(|prediction| prediction.correct))
                    .collect();
                Ok((to_python(py, &AnalogyBenchmarkResult::new(&file, &report))?, Some(correct)))
            }
            Benchmark::Pairs(pairs) => {
                let protocol =
                    protocol.map(|protocol| parse_value("protocol", protocol)).transpose()?.unwrap_or_default();
                let report = self.call(py, |vectors| vectors.evaluate_pairs(&pairs, protocol, &options))?;
                Ok((to_python(py, &PairBenchmarkResult::new(&file, &report))?, None))
            }
        }
    }

    /// The coverage of texts, with the keys of `vocable coverage --json`.
    #[pyo3(name = "_coverage", signature = (texts, data_options, tokenizer, k))]
    fn coverage<'py>(
        &self,
        texts: &Bound<'py, PyAny>,
        data_options: DataFileOptions,
        tokenizer: &Bound<'py, PyAny>,
        k: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, tokenizer) = (texts.py(), parse_value("tokenizer", tokenizer)?);
        let fold = vocable::vectors::Case::Fold;
        let (file, coverage) = if is_path(texts) {
            let data = labelled_texts(texts, &data_options, "texts")?;
            (data.name, self.call(py, |vectors| Coverage::of(vectors, &data.texts, tokenizer, fold))?)
        } else {
            let texts: Vec<PyBackedStr> = texts.try_iter()?.map(|text| text?.extract()).collect::<Result<_, _>>()?;
            ("texts".to_owned(), self.call(py, |vectors| Coverage::of(vectors, &texts, tokenizer, fold))?)
        };
        to_python(py, &CoverageResult::new(&file, &coverage, k))
    }

    /// The embedding matrix of a vocabulary in JSON, `[words, dimension]`, and the rows of out-of-vocabulary words.
    #[pyo3(name = "_matrix", signature = (vocabulary, pad, unk, case, oov_std, seed))]
    fn matrix<'py>(
        &self,
        py: Python<'py>,
        vocabulary: &[u8],
        pad: Option<String>,
        unk: Option<String>,
        case: &str,
        oov_std: f64,
        seed: u64,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Vec<usize>)> {
        let vocabulary = parse_vocabulary(vocabulary, true).map_err(|e| to_py_err(py, e.in_file("vocab").into()))?;
        let (pad, unknown) = (pad.map(String::into_bytes), unk.map(String::into_bytes));
        let options = EmbeddingMatrixOptions { pad, unknown, case: parse_str(py, "case", case)?, oov_std, seed };
        let created = run(py, || EmbeddingMatrix::for_vocabulary(&self.vectors, &vocabulary, &options))?;
        let matrix = created.map_err(|e| to_py_err(py, e))?;
        Ok((array2(py, matrix.values, matrix.dimension)?, matrix.unknown))
    }

    /// The vector for words that have none `[dimension]`: the row of `<unk>`, or the mean of all rows.
    fn unknown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        Ok(PyArray1::from_vec(py, run(py, || self.vectors.unknown_vector())?))
    }

    /// Writes the vectors to a file. Returns the paths of the files that were written.
    #[pyo3(name = "_save", signature = (path, format, dtype))]
    fn write(&self, py: Python, path: PathBuf, format: Option<&str>, dtype: &str) -> PyResult<Vec<PathBuf>> {
        let given = format.map(|name| parse_str::<Format, _>(py, "format", name)).transpose()?;
        let format = given.or_else(|| format_for(&path)).ok_or_else(|| {
            exception(
                py,
                format!("{}: the file extension does not determine the format; pass `format=`", path.display()),
            )
        })?;
        let element_type = parse_str::<ElementType, _>(py, "dtype", dtype)?;
        let saved = self.call(py, |vectors| vectors.save(&path, format, element_type))?;
        for warning in &saved.warnings {
            warn(py, &format!("{}: {warning}", path.display()))?;
        }
        Ok(saved.files)
    }

    /// Verifies the checksum of a table file.
    fn verify(&self, py: Python) -> PyResult<()> {
        self.call(py, Vectors::verify)
    }
}

/// The bytes of a word that has a vector; `key` may be its row number.
fn known_word(handle: &Bound<VectorsHandle>, key: &Bound<PyAny>) -> PyResult<Vec<u8>> {
    let vectors = &handle.get().vectors;
    match (find_row(vectors, key)?, word_bytes(key)) {
        (Some(_), Some(word)) => Ok(word.into_owned()),
        (Some(row), None) => Ok(vectors.vocabulary().word(row).unwrap_or_default().to_vec()),
        (None, Some(word)) if vectors.vector(&*word).is_some() => Ok(word.into_owned()),
        _ => Err(unknown_key(handle, key)),
    }
}

/// Results as pairs of word and score.
fn pairs<'py>(py: Python<'py>, vectors: &Vectors, results: &[ScoredRow]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, results.iter().map(|result| (vectors.word(result.row), result.score)))
}

fn read_benchmark(py: Python, path: &Path) -> PyResult<Benchmark> {
    let read = || {
        let (all, _): (Bytes, _) = bytes::open(path, None)?;
        Benchmark::parse(&all).map_err(|e| e.in_file(path.to_string_lossy()))
    };
    run(py, read)?.map_err(|e| to_py_err(py, e))
}
