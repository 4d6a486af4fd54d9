//! Training settings: keyword arguments, named like the options of the program.

use std::str::FromStr;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vocable::Error;
use vocable::classifier::TrainOptions;

use crate::errors::{exception, to_py_err};

/// The default options with the given settings.
pub fn train_options(settings: &Bound<PyDict>) -> PyResult<TrainOptions> {
    let mut options = TrainOptions::default();
    for (name, value) in settings {
        let name: String = name.extract()?;
        set(&mut options, &name, &value).map_err(|e| with_name(&name, e, &value))?;
    }
    options.check().map_err(|e| to_py_err(settings.py(), e))?;
    Ok(options)
}

fn set(options: &mut TrainOptions, name: &str, value: &Bound<PyAny>) -> PyResult<()> {
    match name {
        "embedding" => options.embedding = parse_value(name, value)?,
        "tokenizer" => options.tokenizer = parse_value(name, value)?,
        "case" => options.case = parse_value(name, value)?,
        "oov_std" => options.oov_std = value.extract()?,
        "random_std" => options.random_std = value.extract()?,
        "encoder" => options.cell = parse_value(name, value)?,
        "hidden" => options.hidden = value.extract()?,
        "layers" => options.layers = value.extract()?,
        "bidirectional" => options.bidirectional = value.extract()?,
        "pooling" => options.pooling = parse_value(name, value)?,
        "dropout" => options.dropout.hidden = value.extract()?,
        "embedding_dropout" => options.dropout.embedding = value.extract()?,
        "word_dropout" => options.dropout.word = value.extract()?,
        "optimizer" => options.optimizer = parse_value(name, value)?,
        "lr" => options.lr = value.extract()?,
        "embedding_lr" => options.embedding_lr = value.extract()?,
        "unfreeze_after" => options.unfreeze_after = value.extract()?,
        "max_norm" => options.max_norm = value.extract()?,
        "weight_decay" => options.weight_decay = value.extract()?,
        "momentum" => options.momentum = value.extract()?,
        "schedule" => options.schedule = parse_value(name, value)?,
        "warmup" => options.warmup = value.extract()?,
        "class_weights" => options.class_weights = parse_value(name, value)?,
        "label_smoothing" => options.label_smoothing = value.extract()?,
        "clip" => options.clip = value.extract()?,
        "batch" => options.batch = value.extract()?,
        "epochs" => options.epochs = value.extract()?,
        "patience" => options.patience = value.extract()?,
        "seed" => options.seed = value.extract()?,
        _ => return Err(PyTypeError::new_err(format!("unknown setting `{name}`"))),
    }
    Ok(())
}

/// Adds the setting's name to the error of an invalid value.
fn with_name(name: &str, error: PyErr, value: &Bound<PyAny>) -> PyErr {
    let py = value.py();
    let text = error.value(py).to_string();
    if text.contains(name) {
        return error;
    }
    if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(format!("{name}: {text}"))
    } else if error.is_instance_of::<PyValueError>(py) {
        exception(py, format!("{name}: {text}"))
    } else {
        error
    }
}

/// Parses the value of an option enum; `name` is the name of the argument in errors.
pub fn parse_value<T: FromStr<Err = E>, E: Into<Error>>(name: &str, value: &Bound<PyAny>) -> PyResult<T> {
    parse_str(value.py(), name, &value.extract::<String>()?)
}

/// As [`parse_value`].
pub fn parse_str<T: FromStr<Err = E>, E: Into<Error>>(py: Python, name: &str, value: &str) -> PyResult<T> {
    value.parse().map_err(|e: E| match e.into() {
        error @ Error::UnknownValue { .. } => exception(py, format!("{name}: {error}")),
        error => to_py_err(py, error),
    })
}
