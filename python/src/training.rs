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
use vocable::report::json::TrainingResult;

use crate::classifier::Classifier;
use crate::datasets::{DataFileOptions, splits};
use crate::errors::{spell, to_py_err, warn};
use crate::handle::VectorsHandle;
use crate::progress::{Observer, to_python};
use crate::settings::train_options;
use crate::threads::run;

/// What an advance of the training did.
enum Advance {
    Step { epoch: usize, done: usize, of: usize },
    Epoch(Box<EpochMetrics>),
    End,
}

/// Trains a classifier. Returns the classifier, the metrics of `vocable train --json`, the same as text, and whether the training was
/// interrupted; the first three are None if that was before the end of the first epoch. The public function is in `_training.py`.
#[pyfunction]
#[pyo3(signature = (vectors, train, dev, test, data_options, settings, out, checkpoint, resume, observer))]
pub fn train<'py>(
    vectors: &Bound<'py, VectorsHandle>,
    train: &Bound<'py, PyAny>,
    dev: Option<&Bound<'py, PyAny>>,
    test: Option<&Bound<'py, PyAny>>,
    data_options: DataFileOptions,
    settings: &Bound<'py, PyDict>,
    out: Option<PathBuf>,
    checkpoint: Option<PathBuf>,
    resume: bool,
    observer: Option<Bound<'py, PyAny>>,
) -> PyResult<(Option<Classifier>, Option<Bound<'py, PyAny>>, Option<String>, bool)> {
    let py = vectors.py();
    let options = train_options(settings)?;
    for path in out.iter().chain(&checkpoint) {
        check_writable(path).map_err(|e| to_py_err(py, e))?;
    }
    let splits = splits(train, dev, test, &data_options, options.seed)?;
    let vectors = &vectors.get().vectors;
    let started = run(py, || start(vectors, &splits, &options, checkpoint.as_ref().filter(|_| resume)))?;
    let mut training = started.map_err(|e| to_py_err(py, e))?;
    let mut observer = Observer::new(py, observer);
    let stopped = loop {
        let notified = match run(py, || advance(&mut training))? {
            Advance::Step { epoch, done, of } if observer.is_due() => observer.notify("step", |event| {
                event.set_item("epoch", epoch)?;
                event.set_item("done", done)?;
                event.set_item("of", of)
            }),
            Advance::Step { .. } => Ok(()),
            Advance::Epoch(metrics) => {
                save(py, &training, checkpoint.as_ref())?;
                observer.notify("epoch", |event| event.set_item("metrics", to_python(py, &*metrics)?))
            }
            Advance::End => break None,
        };
        if let Err(stop) = notified.and_then(|()| observer.check()) {
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
    let outcome = run(py, || finish(training, out.as_ref()))?.map_err(|e| to_py_err(py, e))?;
    let saved = out.map(|path| path.to_string_lossy().into_owned());
    let metrics = to_python(py, &TrainingResult::new(&outcome, options.embedding, options.seed, saved))?;
    let text = report::training(&outcome);
    Ok((Some(Classifier::new(outcome.classifier)), Some(metrics), Some(text), interrupted))
}

fn start(
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

fn advance(training: &mut Training) -> Advance {
    match training.advance() {
        Some(Progress::Step { epoch, done, of }) => Advance::Step { epoch, done, of },
        Some(Progress::Epoch(epoch)) => Advance::Epoch(Box::new(EpochMetrics::of(epoch))),
        None => Advance::End,
    }
}

/// Saves a checkpoint, if requested. Failures are warnings, since the next checkpoint may succeed.
fn save(py: Python, training: &Training, checkpoint: Option<&PathBuf>) -> PyResult<()> {
    let Some(path) = checkpoint else { return Ok(()) };
    match run(py, || training.save(path))? {
        Ok(()) => Ok(()),
        Err(error) => warn(py, &format!("cannot write the checkpoint: {}", error.text(spell))),
    }
}

fn finish(training: Training, out: Option<&PathBuf>) -> Result<TrainingOutcome, Error> {
    let outcome = training.finish()?;
    if let Some(path) = out {
        outcome.classifier.save(path)?;
    }
    Ok(outcome)
}
