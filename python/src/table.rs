//! The table: what `vocable.Vectors` has of Rust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use numpy::{AllowTypeChange, PyArray1, PyArray2, PyArrayLike2};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyList, PyString};
use vocable::classifier::Coverage;
use vocable::error::Error;
use vocable::files::ElementType;
use vocable::files::save::format_for;
use vocable::files::{Bytes, Format, ReadOptions, bytes, parse_vocabulary};
use vocable::nn::{EmbeddingMatrix, EmbeddingMatrixOptions};
use vocable::query::{AnalogyMethod, Benchmark, EvaluateOptions, NearestOptions, RowLimit, RowSet, ScoredRow};
use vocable::report::json::{AnalogiesAnswer, CoverageAnswer, PairsAnswer};
use vocable::vectors::Scan;
use vocable::{Vectors, fetch, report};

use crate::errors::{exception, raised, warn};
use crate::gather::{gather, rows};
use crate::lend::lend;
use crate::progress::python;
use crate::question::{array2, find, is_key, missing, parts, question, questions, word};
use crate::settings::parsed;
use crate::texts::{Form, is_path, labelled};
use crate::threads::work;

/// Word vectors: words, and a row of numbers for each of them.
#[pyclass(frozen, subclass, module = "vocable._vocable")]
pub struct Table {
    pub vectors: Arc<Vectors>,
    /// `[rows, dimension]` and `[rows]`, where the vectors have them.
    values: Py<PyArray2<f32>>,
    norms: Py<PyArray1<f32>>,
}

/// How a search is limited.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Limits<'py> {
    k: usize,
    restrict: Option<usize>,
    within: Option<Bound<'py, PyAny>>,
    min_cosine: Option<f32>,
}

impl Limits<'_> {
    fn options(&self, py: Python, vectors: &Vectors) -> PyResult<NearestOptions> {
        let within = self.within.as_ref().map(|within| row_set(py, vectors, within)).transpose()?;
        Ok(NearestOptions { k: self.k, restrict: self.restrict, within, min_cosine: self.min_cosine })
    }
}

/// The rows of some words or numbers. Words that have none are told of, as the program does.
fn row_set(py: Python, vectors: &Vectors, within: &Bound<PyAny>) -> PyResult<RowSet> {
    let (mut found, mut without, mut of) = (Vec::new(), Vec::new(), 0);
    for key in within.try_iter()? {
        let key = key?;
        of += 1;
        match find(vectors, &key)? {
            Some(row) => found.push(row),
            None => without.push(word(&key).map_or(key.to_string().into_bytes(), |word| word.into_owned())),
        }
    }
    if !without.is_empty() {
        const NAMED: usize = 5;
        let named = without.iter().take(NAMED).map(|word| format!("`{}`", String::from_utf8_lossy(word)));
        let more = if without.len() > NAMED { ", ..." } else { "" };
        let named = named.collect::<Vec<_>>().join(", ");
        let (count, of) = (report::thousands(without.len()), report::thousands(of));
        warn(py, &format!("{count} of {of} words have no row: {named}{more}"))?;
    }
    Ok(found.into_iter().collect())
}

impl Table {
    fn of(py: Python, vectors: Vectors) -> PyResult<Self> {
        let vectors = Arc::new(vectors);
        let (values, norms) = lend(py, &vectors)?;
        Ok(Table { values: values.unbind(), norms: norms.unbind(), vectors })
    }

    /// Work of the library on these vectors, done by all threads.
    fn ask<R: Send>(&self, py: Python, ask: impl FnOnce(&Vectors) -> Result<R, Error> + Send) -> PyResult<R> {
        work(py, || ask(&self.vectors))?.map_err(|e| raised(py, e))
    }

    /// Answers as pairs of word and score.
    fn pairs<'py>(&self, py: Python<'py>, answers: &[ScoredRow]) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, answers.iter().map(|answer| (self.vectors.word(answer.row), answer.score)))
    }

    fn benchmark(&self, py: Python, path: &Path) -> PyResult<Benchmark> {
        let read = || {
            let (all, _): (Bytes, _) = bytes::open(path, None)?;
            Benchmark::parse(&all).map_err(|e| e.in_file(path.to_string_lossy()))
        };
        work(py, read)?.map_err(|e| raised(py, e))
    }
}

#[pymethods]
impl Table {
    /// The same vectors, for a class that is derived from this one.
    #[new]
    fn new(py: Python, table: &Self) -> Self {
        let (values, norms) = (table.values.clone_ref(py), table.norms.clone_ref(py));
        Table { vectors: Arc::clone(&table.vectors), values, norms }
    }

    /// The file that a path or the name of fetched vectors stands for.
    #[staticmethod]
    fn resolve(py: Python, path: PathBuf) -> PyResult<PathBuf> {
        fetch::resolve(&path).map_err(|e| raised(py, e))
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
        let format = format.map(str::parse::<Format>).transpose().map_err(|e| raised(py, e))?;
        let scan = exact_scan.map(str::parse::<Scan>).transpose().map_err(|e| raised(py, e))?;
        let options = ReadOptions { format, member, word_list, allow_nonfinite, skip_bad_rows };
        let opened = work(py, || Vectors::open_with(&path, &options))?;
        let mut vectors = opened.map_err(|e| raised(py, e))?;
        vectors.set_scan(scan.unwrap_or_default());
        for warning in &vectors.load_report().warnings {
            warn(py, &format!("{}: {warning}", path.display()))?;
        }
        Table::of(py, vectors)
    }

    /// The vectors that are built into the library.
    #[staticmethod]
    fn demo(py: Python) -> PyResult<Self> {
        let vectors = work(py, Vectors::demo)?.map_err(|e| raised(py, e))?;
        Table::of(py, vectors)
    }

    /// Vectors in memory: words, and `[words, dimension]` numbers, which are copied.
    #[staticmethod]
    fn from_arrays(
        py: Python,
        words: Vec<Bound<PyAny>>,
        vectors: PyArrayLike2<f32, AllowTypeChange>,
    ) -> PyResult<Self> {
        let named = |key: &Bound<PyAny>| {
            let bytes = word(key).map(|word| word.into_owned());
            bytes.ok_or_else(|| exception(py, format!("words: expected str or bytes, found {key}")))
        };
        let words = words.iter().map(named).collect::<PyResult<Vec<Vec<u8>>>>()?;
        let dimension = vectors.as_array().ncols();
        let values = vectors.as_array().iter().copied().collect();
        let made = work(py, || Vectors::new(words, values, dimension))?;
        Table::of(py, made.map_err(|e| raised(py, e))?)
    }

    /// Some of the rows, copied into memory.
    fn subset(slf: &Bound<Self>, keys: &Bound<PyAny>) -> PyResult<Self> {
        let py = slf.py();
        let (mut rows, mut others) = (Vec::new(), Vec::new());
        for key in keys.try_iter()? {
            let key = key?;
            match (find(&slf.get().vectors, &key)?, word(&key)) {
                (Some(row), _) => rows.push(row),
                (None, Some(word)) if slf.get().vectors.vector(&*word).is_some() => others.push(word.into_owned()),
                _ => return Err(missing(slf, &key)),
            }
        }
        Table::of(py, slf.get().ask(py, |vectors| vectors.subset(&rows, &others))?)
    }

    fn __len__(&self) -> usize {
        self.vectors.len()
    }

    fn __contains__(&self, key: &Bound<PyAny>) -> PyResult<bool> {
        if !is_key(key) {
            return Ok(false);
        }
        let made = || word(key).is_some_and(|word| self.vectors.vector(&*word).is_some());
        Ok(find(&self.vectors, key)?.is_some() || self.vectors.subwords().is_some() && made())
    }

    /// `table[word]`: the word's vector `[dimension]`, a view of the table. `table[words]`: a new array `[words, dimension]`.
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, table) = (slf.py(), slf.get());
        if !is_key(key) {
            return Ok(gather(slf, key)?.into_any());
        }
        if let Some(row) = find(&table.vectors, key)? {
            return table.values.bind(py).get_item(row);
        }
        match word(key).and_then(|word| table.vectors.vector(&*word)) {
            Some(vector) => Ok(PyArray1::from_vec(py, vector.into_owned()).into_any()),
            None => Err(missing(slf, key)),
        }
    }

    /// All rows `[rows, dimension]`, where they lie; read-only.
    #[getter]
    fn vectors<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f32>> {
        self.values.bind(py).clone()
    }

    /// The Euclidean norms of the rows `[rows]`, where they lie; read-only.
    #[getter]
    fn norms<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        self.norms.bind(py).clone()
    }

    /// Numbers a row.
    #[getter]
    fn dimension(&self) -> usize {
        self.vectors.dimension()
    }

    /// The file, as it was named, or what stands for it.
    #[getter]
    fn path(&self) -> PathBuf {
        self.vectors.source().path.clone()
    }

    /// The format that was read.
    #[getter]
    fn format(&self) -> &'static str {
        self.vectors.source().format.name()
    }

    /// Number of words that are not UTF-8.
    #[getter]
    fn non_utf8_words(&self, py: Python) -> PyResult<usize> {
        work(py, || self.vectors.non_utf8_words())
    }

    /// Bytes held in memory of this process's own: what lies in a mapped table file is not counted.
    #[getter]
    fn memory(&self) -> usize {
        self.vectors.memory()
    }

    /// The row of a word, or `otherwise`.
    #[pyo3(name = "_row")]
    fn row(&self, key: &Bound<PyAny>, otherwise: Option<i64>) -> PyResult<Option<i64>> {
        let found = if is_key(key) { find(&self.vectors, key)? } else { None };
        Ok(found.map(i64::from).or(otherwise))
    }

    /// The rows of some words `[words]`, as 64-bit integers. A word without one gets `missing`, or raises `KeyError` where that is None.
    #[pyo3(signature = (words, missing=None))]
    fn rows<'py>(
        slf: &Bound<'py, Self>,
        words: &Bound<'py, PyAny>,
        missing: Option<i64>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        rows(slf, words, missing)
    }

    /// The word of a row, with marks in place of bytes that are not UTF-8.
    fn word(&self, row: u32) -> PyResult<String> {
        let known = (row as usize) < self.vectors.len();
        let error = || pyo3::exceptions::PyIndexError::new_err(format!("there is no row {row}"));
        known.then(|| self.vectors.word(row).into_owned()).ok_or_else(error)
    }

    /// The bytes of the word of a row.
    fn word_bytes<'py>(&self, py: Python<'py>, row: u32) -> PyResult<Bound<'py, PyBytes>> {
        let error = || pyo3::exceptions::PyIndexError::new_err(format!("there is no row {row}"));
        self.vectors.vocabulary().word(row).map(|word| PyBytes::new(py, word)).ok_or_else(error)
    }

    /// The words of the rows from `start` to before `stop`.
    fn words<'py>(&self, py: Python<'py>, start: u32, stop: u32) -> PyResult<Bound<'py, PyList>> {
        let stop = stop.min(self.vectors.len() as u32);
        let words: Vec<Bound<PyString>> =
            (start.min(stop)..stop).map(|row| PyString::new(py, &self.vectors.word(row))).collect();
        PyList::new(py, words)
    }

    /// `word` is not there, in the words of the library: with others that are spelt like it.
    #[pyo3(name = "_explain")]
    fn explain(&self, py: Python, word: &str) -> PyResult<String> {
        let text = work(py, || self.vectors.require(word).err().map(|error| error.to_string()))?;
        Ok(text.unwrap_or_else(|| format!("`{word}` is in the vocabulary")))
    }

    /// Up to `k` words of the vocabulary that are spelt like `word`.
    #[pyo3(signature = (word, k=3))]
    fn suggest(&self, py: Python, word: &str, k: usize) -> PyResult<Vec<String>> {
        work(py, || self.vectors.suggest(word, k))
    }

    /// The first `k` words that begin with `prefix`.
    #[pyo3(signature = (prefix, k=10))]
    fn complete(&self, prefix: &str, k: usize) -> Vec<String> {
        let rows = self.vectors.complete(prefix, k);
        rows.into_iter().map(|row| self.vectors.word(row).into_owned()).collect()
    }

    /// The words nearest to a question: pairs of word and cosine, best first.
    #[pyo3(name = "_nearest")]
    fn nearest_words<'py>(
        slf: &Bound<'py, Self>,
        positive: Option<&Bound<'py, PyAny>>,
        negative: Option<&Bound<'py, PyAny>>,
        limits: Limits<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, table) = (slf.py(), slf.get());
        let mut asked = parts(slf, positive, 1.0)?;
        asked.extend(parts(slf, negative, -1.0)?);
        let query = question(slf, &asked)?;
        let options = limits.options(py, &table.vectors)?;
        let answers = table.ask(py, |vectors| vectors.search(&query, &options))?;
        table.pairs(py, &answers)
    }

    /// Answers to many questions at once.
    #[pyo3(name = "_nearest_batch")]
    fn nearest_to_each<'py>(
        slf: &Bound<'py, Self>,
        asked: &Bound<'py, PyAny>,
        limits: Limits<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, table) = (slf.py(), slf.get());
        let queries = questions(slf, asked)?;
        let options = limits.options(py, &table.vectors)?;
        let answers = table.ask(py, |vectors| vectors.nearest_batch(&queries, &options))?;
        let lists = answers.iter().map(|answers| table.pairs(py, answers));
        PyList::new(py, lists.collect::<PyResult<Vec<_>>>()?)
    }

    /// The cosine of two words.
    #[pyo3(name = "_similarity")]
    fn cosine(slf: &Bound<Self>, a: &Bound<PyAny>, b: &Bound<PyAny>) -> PyResult<f32> {
        let (py, vectors) = (slf.py(), &slf.get().vectors);
        let [a, b] = [named(slf, a)?, named(slf, b)?];
        vectors.similarity(a, b).map_err(|e| raised(py, e))
    }

    /// Answers to "a is to b as c is to ...".
    #[pyo3(name = "_analogy")]
    fn analogous<'py>(
        slf: &Bound<'py, Self>,
        words: [Bound<'py, PyAny>; 3],
        method: &Bound<'py, PyAny>,
        limits: Limits<'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (py, table) = (slf.py(), slf.get());
        let [a, b, c] = [named(slf, &words[0])?, named(slf, &words[1])?, named(slf, &words[2])?];
        let method: AnalogyMethod = parsed(method)?;
        let options = limits.options(py, &table.vectors)?;
        let answers = table.ask(py, |vectors| vectors.analogy(a, b, c, method, &options))?;
        table.pairs(py, &answers)
    }

    /// The place among `words` of the one that does not belong.
    #[pyo3(name = "_odd")]
    fn odd_place(slf: &Bound<Self>, words: Vec<Bound<PyAny>>) -> PyResult<usize> {
        let words = words.iter().map(|word| named(slf, word)).collect::<PyResult<Vec<_>>>()?;
        slf.get().vectors.odd(&words).map_err(|e| raised(slf.py(), e))
    }

    /// What came of a benchmark file, as `vocable evaluate --json` has it; for gensim's form, beside it what became of each
    /// analogy question: None for one with an unknown word.
    #[pyo3(name = "_evaluate", signature = (path, protocol, restrict, dummy4unknown))]
    fn evaluated<'py>(
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
        match self.benchmark(py, &path)? {
            Benchmark::Analogies(questions) => {
                let protocol = protocol.map(parsed).transpose()?.unwrap_or_default();
                let report = self.ask(py, |vectors| vectors.evaluate_analogies(&questions, protocol, &options))?;
                let right = report
                    .predictions
                    .iter()
                    .map(|prediction| prediction.map(|prediction| prediction.correct))
                    .collect();
                Ok((python(py, &AnalogiesAnswer::new(&file, &report))?, Some(right)))
            }
            Benchmark::Pairs(pairs) => {
                let protocol = protocol.map(parsed).transpose()?.unwrap_or_default();
                let report = self.ask(py, |vectors| vectors.evaluate_pairs(&pairs, protocol, &options))?;
                Ok((python(py, &PairsAnswer::new(&file, &report))?, None))
            }
        }
    }

    /// How much of some texts the vectors know, as `vocable coverage --json` has it.
    #[pyo3(name = "_coverage", signature = (texts, form, tokenizer, k))]
    fn covered<'py>(
        &self,
        texts: &Bound<'py, PyAny>,
        form: Form,
        tokenizer: &Bound<'py, PyAny>,
        k: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, tokenizer) = (texts.py(), parsed(tokenizer)?);
        let fold = vocable::vectors::Case::Fold;
        let (file, coverage) = if is_path(texts) {
            let data = labelled(texts, &form, "texts")?;
            (data.name, self.ask(py, |vectors| Coverage::of(vectors, &data.texts, tokenizer, fold))?)
        } else {
            let texts: Vec<PyBackedStr> = texts.try_iter()?.map(|text| text?.extract()).collect::<Result<_, _>>()?;
            ("texts".to_owned(), self.ask(py, |vectors| Coverage::of(vectors, &texts, tokenizer, fold))?)
        };
        python(py, &CoverageAnswer::new(&file, &coverage, k))
    }

    /// A row for each word of a vocabulary in JSON, `[words, dimension]`; beside it the rows of words that the vectors lack.
    #[pyo3(name = "_matrix", signature = (vocabulary, pad, unk, how, oov_std, seed))]
    fn matrix<'py>(
        &self,
        py: Python<'py>,
        vocabulary: &[u8],
        pad: Option<String>,
        unk: Option<String>,
        how: &str,
        oov_std: f64,
        seed: u64,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, Vec<usize>)> {
        let vocabulary = parse_vocabulary(vocabulary, true).map_err(|e| raised(py, e.in_file("vocab").into()))?;
        let (pad, unknown) = (pad.map(String::into_bytes), unk.map(String::into_bytes));
        let options =
            EmbeddingMatrixOptions { pad, unknown, case: how.parse().map_err(|e| raised(py, e))?, oov_std, seed };
        let made = work(py, || EmbeddingMatrix::for_vocabulary(&self.vectors, &vocabulary, &options))?;
        let matrix = made.map_err(|e| raised(py, e))?;
        Ok((array2(py, matrix.values, matrix.dimension)?, matrix.unknown))
    }

    /// The vector for words that have none `[dimension]`: the row of `<unk>`, or the mean of all rows.
    fn unknown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        Ok(PyArray1::from_vec(py, work(py, || self.vectors.unknown_vector())?))
    }

    /// Writes the vectors to a file; returns the names of the files written.
    #[pyo3(name = "_save", signature = (path, format, dtype))]
    fn write(&self, py: Python, path: PathBuf, format: Option<&str>, dtype: &str) -> PyResult<Vec<PathBuf>> {
        let named = format.map(str::parse::<Format>).transpose().map_err(|e| raised(py, e))?;
        let format = named.or_else(|| format_for(&path)).ok_or_else(|| {
            exception(py, format!("{}: expected a name that tells the format, or `format`", path.display()))
        })?;
        let precision = dtype.parse::<ElementType>().map_err(|e| raised(py, e))?;
        let saved = self.ask(py, |vectors| vectors.save(&path, format, precision))?;
        for warning in &saved.warnings {
            warn(py, &format!("{}: {warning}", path.display()))?;
        }
        Ok(saved.files)
    }

    /// Reads all of a table file and compares it with its checksum.
    fn verify(&self, py: Python) -> PyResult<()> {
        self.ask(py, Vectors::verify)
    }
}

/// The bytes of a word that has a vector, by itself or by the number of its row.
fn named(table: &Bound<Table>, key: &Bound<PyAny>) -> PyResult<Vec<u8>> {
    let vectors = &table.get().vectors;
    match (find(vectors, key)?, word(key)) {
        (Some(_), Some(word)) => Ok(word.into_owned()),
        (Some(row), None) => Ok(vectors.vocabulary().word(row).unwrap_or_default().to_vec()),
        (None, Some(word)) if vectors.vector(&*word).is_some() => Ok(word.into_owned()),
        _ => Err(missing(table, key)),
    }
}
