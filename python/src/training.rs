//! `vocable.train`.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vocable::Vectors;
use vocable::classifier::{EpochMetrics, Progress, Splits, TrainOptions, Training, TrainingOutcome};
use vocable::error::Error;
use vocable::files::check_writable;
use vocable::report;
use vocable::report::json::TrainAnswer;

use crate::classifier::Classifier;
use crate::errors::{raised, spell, warn};
use crate::progress::{Observer, python};
use crate::settings::train_options;
use crate::table::Table;
use crate::texts::{Form, splits};
use crate::threads::work;

/// One advance of a training, as far as anyone needs to be told.
enum Advanced {
    Step { epoch: usize, done: usize, of: usize },
    Epoch(Box<EpochMetrics>),
    End,
}

/// Trains a classifier. Returns the classifier, all metrics as `vocable train --json` has them, the same as text, and whether Ctrl-C
/// ended it; the first three are None where that was before an epoch ended. `_training.py` has the signature for people.
#[pyfunction]
#[pyo3(signature = (table, train, dev, test, form, settings, out, checkpoint, resume, observer))]
pub fn train<'py>(
    table: &Bound<'py, Table>,
    train: &Bound<'py, PyAny>,
    dev: Option<&Bound<'py, PyAny>>,
    test: Option<&Bound<'py, PyAny>>,
    form: Form,
    settings: &Bound<'py, PyDict>,
    out: Option<PathBuf>,
    checkpoint: Option<PathBuf>,
    resume: bool,
    observer: Option<Bound<'py, PyAny>>,
) -> PyResult<(Option<Classifier>, Option<Bound<'py, PyAny>>, Option<String>, bool)> {
    let py = table.py();
    let options = train_options(settings)?;
    for path in out.iter().chain(&checkpoint) {
        check_writable(path).map_err(|e| raised(py, e))?;
    }
    let splits = splits(train, dev, test, &form, options.seed)?;
    let vectors = &table.get().vectors;
    let begun = work(py, || begin(vectors, &splits, &options, checkpoint.as_ref().filter(|_| resume)))?;
    let mut training = begun.map_err(|e| raised(py, e))?;
    let mut observer = Observer::new(py, observer);
    let stopped = loop {
        let told = match work(py, || advance(&mut training))? {
            Advanced::Step { epoch, done, of } if observer.is_due() => observer.tell("step", |event| {
                event.set_item("epoch", epoch)?;
                event.set_item("done", done)?;
                event.set_item("of", of)
            }),
            Advanced::Step { .. } => Ok(()),
            Advanced::Epoch(metrics) => {
                save(py, &training, checkpoint.as_ref())?;
                observer.tell("epoch", |event| event.set_item("metrics", python(py, &*metrics)?))
            }
            Advanced::End => break None,
        };
        if let Err(stop) = told.and_then(|()| observer.check()) {
            break Some(stop);
        }
    };
    let interrupted = stopped.is_some();
    if let Some(stop) = stopped {
        save(py, &training, checkpoint.as_ref())?;
        if !stop.is_instance_of::<PyKeyboardInterrupt>(py) {
            return Err(stop);
        }
        if training.history().is_empty() {
            return Ok((None, None, None, interrupted));
        }
    }
    let trained = work(py, || finish(training, out.as_ref()))?.map_err(|e| raised(py, e))?;
    let saved = out.map(|path| path.to_string_lossy().into_owned());
    let answer = python(py, &TrainAnswer::new(&trained, options.embedding, options.seed, saved))?;
    let text = report::training(&trained);
    Ok((Some(Classifier::new(trained.classifier)), Some(answer), Some(text), interrupted))
}

fn begin(
    vectors: &Arc<Vectors>,
    splits: &Splits,
    options: &TrainOptions,
    resume: Option<&PathBuf>,
) -> Result<Training, Error> {
    match resume.filter(|path| path.exists()) {
        Some(path) => Training::resume(vectors, splits, options, path),
        None => Training::new(vectors, splits, options),
    }
}

fn advance(training: &mut Training) -> Advanced {
    match training.advance() {
        Some(Progress::Step { epoch, done, of }) => Advanced::Step { epoch, done, of },
        Some(Progress::Epoch(epoch)) => Advanced::Epoch(Box::new(EpochMetrics::of(epoch))),
        None => Advanced::End,
    }
}

/// Saves a training under way, where that was asked for. A disk that is full now may not be later, so a refusal is a warning.
fn save(py: Python, training: &Training, checkpoint: Option<&PathBuf>) -> PyResult<()> {
    let Some(path) = checkpoint else { return Ok(()) };
    match work(py, || training.save(path))? {
        Ok(()) => Ok(()),
        Err(error) => warn(py, &format!("the checkpoint was not written: {}", error.text(spell))),
    }
}

fn finish(training: Training, out: Option<&PathBuf>) -> Result<TrainingOutcome, Error> {
    let trained = training.finish()?;
    if let Some(path) = out {
        trained.classifier.save(path)?;
    }
    Ok(trained)
}
