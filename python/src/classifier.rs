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

use crate::errors::raised;
use crate::progress::python;
use crate::question::array2;
use crate::table::Table;
use crate::texts::{Form, labelled};
use crate::threads::work;

/// A text classifier that was trained here or by the program.
#[pyclass(frozen, subclass, module = "vocable._vocable")]
pub struct Classifier {
    model: Arc<Model>,
}

impl Classifier {
    pub fn new(model: Model) -> Self {
        Classifier { model: Arc::new(model) }
    }

    fn predictions(&self, py: Python, texts: &[PyBackedStr]) -> PyResult<Vec<Prediction>> {
        work(py, || self.model.predict(texts))
    }
}

/// Weights that were trained elsewhere.
#[derive(FromPyObject)]
enum Weights<'py> {
    Arrays(Vec<(String, PyReadonlyArrayDyn<'py, f32>)>),
    File(PathBuf),
}

/// The words of the embedding's rows.
#[derive(FromPyObject)]
enum Words {
    Json(PyBackedBytes),
    File(PathBuf),
}

fn tensor((name, array): (String, PyReadonlyArrayDyn<f32>)) -> PyResult<NamedTensor> {
    Ok(NamedTensor { name, shape: array.shape().to_vec(), values: array.as_slice()?.to_vec() })
}

#[pymethods]
impl Classifier {
    /// The same classifier, for a class that is derived from this one.
    #[new]
    fn from(classifier: &Self) -> Self {
        Classifier { model: Arc::clone(&classifier.model) }
    }

    /// Opens a model file; words that the model does not have are looked up in `table`, if there is one.
    #[staticmethod]
    #[pyo3(signature = (path, table))]
    fn open(py: Python, path: PathBuf, table: Option<&Bound<Table>>) -> PyResult<Self> {
        let vectors = table.map(|table| Arc::clone(&table.get().vectors));
        let opened = work(py, || {
            let mut model = Model::open(&path)?;
            vectors.as_ref().map_or(Ok(()), |vectors| model.attach_vectors(vectors))?;
            Ok::<_, Error>(model)
        })?;
        opened.map(Classifier::new).map_err(|e| raised(py, e))
    }

    /// Reads a model from the bytes of its file.
    #[staticmethod]
    fn from_bytes(py: Python, bytes: &[u8]) -> PyResult<Self> {
        work(py, || Model::from_bytes(bytes))?.map(Classifier::new).map_err(|e| raised(py, e))
    }

    /// Makes one of the weights of PyTorch or Keras, and of what they do not say.
    #[staticmethod]
    #[pyo3(name = "_from_weights", signature = (weights, words, labels, tokenizer, how, pooling, pad, unk))]
    fn from_weights(
        py: Python,
        weights: Weights,
        words: Words,
        labels: Vec<String>,
        tokenizer: &str,
        how: &str,
        pooling: &str,
        pad: Option<String>,
        unk: Option<String>,
    ) -> PyResult<Self> {
        let (pad, unknown) = (pad.map(String::into_bytes), unk.map(String::into_bytes));
        let tokenizer = tokenizer.parse().map_err(|e| raised(py, e))?;
        let pooling = pooling.parse().map_err(|e| raised(py, e))?;
        let options =
            ImportOptions { labels, tokenizer, case: how.parse().map_err(|e| raised(py, e))?, pooling, pad, unknown };
        let vocabulary = match words {
            Words::Json(json) => parse_vocabulary(&json, true).map_err(|e| e.in_file("words").into()),
            Words::File(path) => vocabulary_file(path),
        };
        let vocabulary = vocabulary.map_err(|e| raised(py, e))?;
        let made = match weights {
            Weights::Arrays(arrays) => {
                let tensors = arrays.into_iter().map(tensor).collect::<PyResult<_>>()?;
                work(py, || Model::import(tensors, &vocabulary, &options))?
            }
            Weights::File(path) => work(py, || {
                let made = Model::import(read_tensors(&path)?, &vocabulary, &options);
                made.map_err(|e| e.in_file(path.to_string_lossy()))
            })?,
        };
        made.map(Classifier::new).map_err(|e| raised(py, e))
    }

    /// The bytes of its file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = work(py, || self.model.to_bytes())?.map_err(|e| raised(py, e))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Writes the model file, beside its place first and then renamed.
    fn save(&self, py: Python, path: PathBuf) -> PyResult<()> {
        work(py, || self.model.save(&path))?.map_err(|e| raised(py, e))
    }

    /// Writes the model as ONNX, beside its place first and then renamed; and what its metadata holds as JSON, if that is asked for.
    #[pyo3(signature = (path, vocabulary = None))]
    fn export_onnx(&self, py: Python, path: PathBuf, vocabulary: Option<PathBuf>) -> PyResult<()> {
        let write = || {
            self.model.save_onnx(&path)?;
            vocabulary.map_or(Ok(()), |path| self.model.save_onnx_vocabulary(path))
        };
        work(py, write)?.map_err(|e| raised(py, e))
    }

    /// The labels it tells apart, in the order of the probabilities.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.model.labels().to_vec()
    }

    /// How it cuts texts into words.
    #[getter]
    fn tokenizer(&self) -> &'static str {
        self.model.tokenizer().name()
    }

    /// Number of words that it has rows for.
    #[getter]
    fn vocabulary_size(&self) -> usize {
        self.model.vocabulary().len()
    }

    /// Cell, sizes and kind of embedding.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let network = self.model.network();
        let shape = network.encoder.shape();
        python(
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

    /// Both at once: for each text the place of its most probable label among the labels `[texts]`, and the probabilities.
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

    /// For each text its words, and how many of them were read as the unknown word.
    fn words(&self, py: Python, texts: Vec<PyBackedStr>) -> PyResult<Vec<(usize, usize)>> {
        Ok(self.predictions(py, &texts)?.iter().map(|prediction| (prediction.words, prediction.unknown)).collect())
    }

    /// Its figures on labelled texts, as `vocable predict --evaluate --json` has them.
    fn evaluated<'py>(&self, data: &Bound<'py, PyAny>, form: Form) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        let data = labelled(data, &form, "data")?;
        let metrics = work(py, || self.model.evaluate(&data))?.map_err(|e| raised(py, e))?;
        python(py, &MetricsReport::of(&metrics, self.model.labels()))
    }
}
