//! Labelled texts from Python: files, or pairs of a label and a text.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use vocable::classifier::{DataFormat, DataOptions, Dataset, LabelledText, Splits, split_dev_set};
use vocable::error::{Error, Malformed, Place};
use vocable::report;

use crate::errors::{to_py_err, warn};
use crate::settings::parse_str;
use crate::threads::run;

/// How files of labelled texts are read; named like the options of the program.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct DataFileOptions {
    data_format: Option<String>,
    label_column: Option<String>,
    text_column: Option<String>,
}

impl DataFileOptions {
    fn to_rust(&self, py: Python) -> PyResult<DataOptions> {
        let format = self.data_format.as_deref().map(|name| parse_str(py, "data_format", name)).transpose()?;
        Ok(DataOptions { format, label_column: self.label_column.clone(), text_column: self.text_column.clone() })
    }
}

/// Whether a value is a path: `str`, `bytes` or `os.PathLike`.
pub fn is_path(value: &Bound<PyAny>) -> bool {
    value.cast::<PyString>().is_ok() || value.cast::<PyBytes>().is_ok() || value.hasattr("__fspath__").unwrap_or(false)
}

/// Labelled texts: from a file, or from pairs of a label and a text. `name` is the name of the pairs in messages.
pub fn labelled_texts(given: &Bound<PyAny>, data_options: &DataFileOptions, name: &str) -> PyResult<Dataset> {
    let py = given.py();
    let data = if is_path(given) {
        let (path, options) = (given.extract::<PathBuf>()?, data_options.to_rust(py)?);
        run(py, || Dataset::open(&path, &options))?.map_err(|e| to_py_err(py, e))?
    } else {
        let mut texts = Vec::new();
        for (pair, line) in given.try_iter()?.zip(1..) {
            let (label, text): (Bound<PyAny>, String) = pair?.extract()?;
            // Labels may be numbers.
            texts.push(LabelledText { label: label.str()?.to_string(), text, line });
        }
        if texts.is_empty() {
            let error = Malformed::at(Place::File, "labelled texts", "none").in_file(name);
            return Err(to_py_err(py, error.into()));
        }
        Dataset { name: name.to_owned(), format: DataFormat::Plain, texts, replaced: 0 }
    };
    if data.replaced > 0 {
        let texts = report::counted(data.replaced, "text");
        warn(py, &format!("{}: {texts} with invalid UTF-8; the invalid bytes were replaced", data.name))?;
    }
    Ok(data)
}

/// The train, dev and test set. Without a dev set, one is split off from the train set.
pub fn splits(
    train: &Bound<PyAny>,
    dev: Option<&Bound<PyAny>>,
    test: Option<&Bound<PyAny>>,
    data_options: &DataFileOptions,
    seed: u64,
) -> PyResult<Splits> {
    let all = labelled_texts(train, data_options, "train")?;
    let (train, dev) = match dev {
        Some(dev) => (all, labelled_texts(dev, data_options, "dev")?),
        None => split_dev_set(all, seed).map_err(|e: Error| to_py_err(train.py(), e))?,
    };
    Ok(Splits { train, dev, test: test.map(|test| labelled_texts(test, data_options, "test")).transpose()? })
}
