//! Texts and labels from Python: files, or what stands in lists.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use vocable::classifier::{DataFormat, DataOptions, Dataset, LabelledText, Splits, split_dev_set};
use vocable::error::{Error, Malformed, Place};

use crate::errors::{raised, warn};
use crate::threads::work;

/// How files of labelled texts are read, as the program's options say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Form {
    data_format: Option<String>,
    label_column: Option<String>,
    text_column: Option<String>,
}

impl Form {
    fn options(&self, py: Python) -> PyResult<DataOptions> {
        let format = self.data_format.as_deref().map(str::parse::<DataFormat>).transpose();
        Ok(DataOptions {
            format: format.map_err(|e| raised(py, e))?,
            label_column: self.label_column.clone(),
            text_column: self.text_column.clone(),
        })
    }
}

/// Whether something names a file: `str` or `os.PathLike`.
pub fn is_path(given: &Bound<PyAny>) -> bool {
    given.cast::<PyString>().is_ok() || given.cast::<PyBytes>().is_ok() || given.hasattr("__fspath__").unwrap_or(false)
}

/// Labelled texts: the file that is named, or pairs of a label and a text. `name` is what messages call the pairs.
pub fn labelled(given: &Bound<PyAny>, form: &Form, name: &str) -> PyResult<Dataset> {
    let py = given.py();
    let data = if is_path(given) {
        let (path, options) = (given.extract::<PathBuf>()?, form.options(py)?);
        work(py, || Dataset::open(&path, &options))?.map_err(|e| raised(py, e))?
    } else {
        let mut texts = Vec::new();
        for (pair, line) in given.try_iter()?.zip(1..) {
            let (label, text): (Bound<PyAny>, String) = pair?.extract()?;
            // Labels may be numbers.
            texts.push(LabelledText { label: label.str()?.to_string(), text, line });
        }
        if texts.is_empty() {
            let error = Malformed::at(Place::File, "labelled texts", "none").in_file(name);
            return Err(raised(py, error.into()));
        }
        Dataset { name: name.to_owned(), format: DataFormat::Plain, texts, replaced: 0 }
    };
    if data.replaced > 0 {
        let texts = if data.replaced == 1 { "1 text is".to_owned() } else { format!("{} texts are", data.replaced) };
        warn(py, &format!("{}: {texts} not UTF-8; the bytes in question were replaced", data.name))?;
    }
    Ok(data)
}

/// The parts of a task; a development part is cut from the training part where none is given.
pub fn splits(
    train: &Bound<PyAny>,
    dev: Option<&Bound<PyAny>>,
    test: Option<&Bound<PyAny>>,
    form: &Form,
    seed: u64,
) -> PyResult<Splits> {
    let all = labelled(train, form, "train")?;
    let (train, dev) = match dev {
        Some(dev) => (all, labelled(dev, form, "dev")?),
        None => split_dev_set(all, seed).map_err(|e: Error| raised(train.py(), e))?,
    };
    Ok(Splits { train, dev, test: test.map(|test| labelled(test, form, "test")).transpose()? })
}
