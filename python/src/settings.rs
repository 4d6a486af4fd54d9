//! The settings of a training: keywords named as the program's options are.

use std::fmt::Display;
use std::str::FromStr;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vocable::classifier::TrainOptions;

use crate::errors::raised;

/// The settings that a caller gave; all others as they come.
pub fn train_options(given: &Bound<PyDict>) -> PyResult<TrainOptions> {
    let mut options = TrainOptions::default();
    for (name, value) in given {
        let name: String = name.extract()?;
        set(&mut options, &name, &value).map_err(|e| named(&name, e, &value))?;
    }
    options.check().map_err(|e| raised(given.py(), e))?;
    Ok(options)
}

fn set(options: &mut TrainOptions, name: &str, value: &Bound<PyAny>) -> PyResult<()> {
    match name {
        "embedding" => options.embedding = parsed(value)?,
        "tokenizer" => options.tokenizer = parsed(value)?,
        "case" => options.case = parsed(value)?,
        "oov_std" => options.oov_std = value.extract()?,
        "random_std" => options.random_std = value.extract()?,
        "encoder" => options.cell = parsed(value)?,
        "hidden" => options.hidden = value.extract()?,
        "layers" => options.layers = value.extract()?,
        "bidirectional" => options.bidirectional = value.extract()?,
        "pooling" => options.pooling = parsed(value)?,
        "dropout" => options.dropout.hidden = value.extract()?,
        "embedding_dropout" => options.dropout.embedding = value.extract()?,
        "word_dropout" => options.dropout.word = value.extract()?,
        "optimizer" => options.optimizer = parsed(value)?,
        "lr" => options.lr = value.extract()?,
        "embedding_lr" => options.embedding_lr = value.extract()?,
        "unfreeze_after" => options.unfreeze_after = value.extract()?,
        "max_norm" => options.max_norm = value.extract()?,
        "weight_decay" => options.weight_decay = value.extract()?,
        "momentum" => options.momentum = value.extract()?,
        "schedule" => options.schedule = parsed(value)?,
        "warmup" => options.warmup = value.extract()?,
        "class_weights" => options.class_weights = parsed(value)?,
        "label_smoothing" => options.label_smoothing = value.extract()?,
        "clip" => options.clip = value.extract()?,
        "batch" => options.batch = value.extract()?,
        "epochs" => options.epochs = value.extract()?,
        "patience" => options.patience = value.extract()?,
        "seed" => options.seed = value.extract()?,
        _ => return Err(PyTypeError::new_err(format!("there is no setting `{name}`"))),
    }
    Ok(())
}

/// A value of a wrong kind, with the setting's name.
fn named(name: &str, error: PyErr, value: &Bound<PyAny>) -> PyErr {
    match error.is_instance_of::<PyTypeError>(value.py()) && !error.to_string().contains(name) {
        true => PyTypeError::new_err(format!("{name}: {}", error.value(value.py()))),
        false => error,
    }
}

/// A value of the library's that has a name.
pub fn parsed<T: FromStr<Err = E>, E: Into<vocable::Error> + Display>(value: &Bound<PyAny>) -> PyResult<T> {
    value.extract::<String>()?.parse().map_err(|e: E| raised(value.py(), e.into()))
}
