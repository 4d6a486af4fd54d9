//! `vocable.Classifier`.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArray1, PyArray2, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList};
use vocable::classifier::{Classifier as Model, ImportOptions, MetricsReport, NamedTensor, Prediction, read_tensors};
use vocable::error::Error;
use vocable::files::{parse_vocabulary, vocabulary_file};

use crate::datasets::{DataFileOptions, labelled_texts};
use crate::errors::to_py_err;
use crate::handle::VectorsHandle;
use crate::progress::to_python;
use crate::settings::parse_str;
use crate::terms::array2;
use crate::threads::run;

/// A trained text classifier.
#[pyclass(frozen, subclass, module = "vocable._vocable")]
pub struct Classifier {
    model: Arc<Model>,
}

impl Classifier {
    pub fn new(model: Model) -> Self {
        Classifier { model: Arc::new(model) }
    }

    fn predictions(&self, py: Python, texts: &[PyBackedStr]) -> PyResult<Vec<Prediction>> {
        run(py, || self.model.predict(texts))
    }
}

/// Weights of a model that was trained with another library.
#[derive(FromPyObject)]
enum Weights<'py> {
    Arrays(Vec<(String, PyReadonlyArrayDyn<'py, f32>)>),
    File(PathBuf),
}

/// The words of the embedding rows.
#[derive(FromPyObject)]
enum Words {
    Json(PyBackedBytes),
    File(PathBuf),
}

fn named_tensor((name, array): (String, PyReadonlyArrayDyn<f32>)) -> PyResult<NamedTensor> {
    Ok(NamedTensor { name, shape: array.shape().to_vec(), values: array.as_slice()?.to_vec() })
}

#[pymethods]
impl Classifier {
    /// Shares the model with another object; used by the Python subclass.
    #[new]
    fn new_from(classifier: &Self) -> Self {
        Classifier { model: Arc::clone(&classifier.model) }
    }

    /// Loads a model file. Words that the model has no row for are looked up in `vectors`, if given.
    #[staticmethod]
    #[pyo3(signature = (path, vectors))]
    fn open(py: Python, path: PathBuf, vectors: Option<&Bound<VectorsHandle>>) -> PyResult<Self> {
        let vectors = vectors.map(|handle| Arc::clone(&handle.get().vectors));
        let opened = run(py, || {
            let mut model = Model::open(&path)?;
            vectors.as_ref().map_or(Ok(()), |vectors| model.attach_vectors(vectors))?;
            Ok::<_, Error>(model)
        })?;
        opened.map(Classifier::new).map_err(|e| to_py_err(py, e))
    }

    /// Loads a model from the bytes of a model file.
    #[staticmethod]
    fn from_bytes(py: Python, bytes: &[u8]) -> PyResult<Self> {
        run(py, || Model::from_bytes(bytes))?.map(Classifier::new).map_err(|e| to_py_err(py, e))
    }

    /// Imports weights of PyTorch or Keras.
    #[staticmethod]
    #[pyo3(name = "_from_weights", signature = (weights, words, labels, tokenizer, case, pooling, pad, unk))]
    fn from_weights(
        py: Python,
        weights: Weights,
        words: Words,
        labels: Vec<String>,
        tokenizer: &str,
        case: &str,
        pooling: &str,
        pad: Option<String>,
        unk: Option<String>,
    ) -> PyResult<Self> {
        let (pad, unknown) = (pad.map(String::into_bytes), unk.map(String::into_bytes));
        let tokenizer = parse_str(py, "tokenizer", tokenizer)?;
        let pooling = parse_str(py, "pooling", pooling)?;
        let options = ImportOptions { labels, tokenizer, case: parse_str(py, "case", case)?, pooling, pad, unknown };
        let vocabulary = match words {
            Words::Json(json) => parse_vocabulary(&json, true).map_err(|e| e.in_file("words").into()),
            Words::File(path) => vocabulary_file(path),
        };
        let vocabulary = vocabulary.map_err(|e| to_py_err(py, e))?;
        let imported = match weights {
            Weights::Arrays(arrays) => {
                let tensors = arrays.into_iter().map(named_tensor).collect::<PyResult<_>>()?;
                run(py, || Model::import(tensors, &vocabulary, &options))?
            }
            Weights::File(path) => run(py, || {
                let imported = Model::import(read_tensors(&path)?, &vocabulary, &options);
                imported.map_err(|e| e.in_file(path.to_string_lossy()))
            })?,
        };
        imported.map(Classifier::new).map_err(|e| to_py_err(py, e))
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = run(py, || self.model.to_bytes())?.map_err(|e| to_py_err(py, e))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Saves the model to a file, atomically.
    fn save(&self, py: Python, path: PathBuf) -> PyResult<()> {
        run(py, || self.model.save(&path))?.map_err(|e| to_py_err(py, e))
    }

    /// Exports the model to ONNX and, if `vocabulary` is given, its metadata to a JSON file; both are written atomically.
    #[pyo3(signature = (path, vocabulary = None))]
    fn export_onnx(&self, py: Python, path: PathBuf, vocabulary: Option<PathBuf>) -> PyResult<()> {
        let write = || {
            self.model.save_onnx(&path)?;
            vocabulary.map_or(Ok(()), |path| self.model.save_onnx_vocabulary(path))
        };
        run(py, write)?.map_err(|e| to_py_err(py, e))
    }

    /// The labels, in the order of the probabilities.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.model.labels().to_vec()
    }

    /// The tokenizer.
    #[getter]
    fn tokenizer(&self) -> &'static str {
        self.model.tokenizer().name()
    }

    /// The number of words that the model has rows for.
    #[getter]
    fn vocabulary_size(&self) -> usize {
        self.model.vocabulary().len()
    }

    /// The architecture: embedding, encoder, pooling, sizes.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let network = self.model.network();
        let shape = network.encoder.shape();
        to_python(
            py,
            &serde_json::json!({
                "embedding": network.embedding.mode().name(),
                "encoder": shape.cell.name(),
                "pooling": shape.pooling.name(),
                "input": shape.input,
                "hidden": shape.hidden,
                "layers": shape.layers,
                "bidirectional": shape.bidirectional,
            }),
        )
    }

    /// The most probable label of each text.
    fn predict_labels<'py>(&self, py: Python<'py>, texts: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyList>> {
        let labels: Vec<Bound<pyo3::types::PyString>> =
            self.model.labels().iter().map(|label| pyo3::types::PyString::new(py, label)).collect();
        let predictions = self.predictions(py, &texts)?;
        PyList::new(py, predictions.iter().map(|prediction| labels.get(prediction.class)))
    }

    /// The probability of each label for each text: `[texts, labels]`.
    fn probabilities<'py>(&self, py: Python<'py>, texts: Vec<PyBackedStr>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let predictions = self.predictions(py, &texts)?;
        let values = predictions.into_iter().flat_map(|prediction| prediction.probabilities).collect();
        array2(py, values, self.model.labels().len())
    }

    /// The index of the most probable label of each text `[texts]`, and the probabilities `[texts, labels]`.
    fn classes_and_probabilities<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<PyBackedStr>,
    ) -> PyResult<(Bound<'py, PyArray1<i32>>, Bound<'py, PyArray2<f32>>)> {
        let predictions = self.predictions(py, &texts)?;
        let classes = predictions.iter().map(|prediction| i32::try_from(prediction.class)).collect::<Result<_, _>>()?;
        let values = predictions.into_iter().flat_map(|prediction| prediction.probabilities).collect();
        Ok((PyArray1::from_vec(py, classes), array2(py, values, self.model.labels().len())?))
    }

    /// For each text, the number of words and the number of out-of-vocabulary words.
    fn words(&self, py: Python, texts: Vec<PyBackedStr>) -> PyResult<Vec<(usize, usize)>> {
        Ok(self.predictions(py, &texts)?.iter().map(|prediction| (prediction.words, prediction.unknown)).collect())
    }

    /// Metrics on labelled texts, with the keys of `vocable predict --evaluate --json`.
    #[pyo3(name = "_evaluate")]
    fn evaluate<'py>(&self, data: &Bound<'py, PyAny>, data_options: DataFileOptions) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        let data = labelled_texts(data, &data_options, "data")?;
        let metrics = run(py, || self.model.evaluate(&data))?.map_err(|e| to_py_err(py, e))?;
        to_python(py, &MetricsReport::of(&metrics, self.model.labels()))
    }
}
