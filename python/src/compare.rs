//! `vocable.compare`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use vocable::classifier::Progress;
use vocable::compare::{CompareOptions, Event, Findings, NamedVectors, Plan, RunOptions, Sweep, TrainSize};
use vocable::error::Error;
use vocable::report;

use crate::errors::raised;
use crate::progress::{EVERY, Observer, python};
use crate::settings::train_options;
use crate::table::Table;
use crate::texts::{Form, parts};
use crate::threads::{pool, work};

/// How runs are done, and what varies, as the program's options say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Runs {
    arms: Vec<String>,
    seeds: Vec<u64>,
    train_sizes: Vec<String>,
    sweeps: Vec<String>,
    watch: Vec<String>,
    out: Option<PathBuf>,
    jobs: Option<usize>,
    checkpoint_minutes: f64,
}

/// What the runs' threads tell the thread that waits for them.
enum Told {
    /// A run was done before.
    Found { name: String },
    /// A run is done.
    Done { name: String, dev_accuracy: f64, test_accuracy: Option<f64>, seconds: Option<f64> },
    /// A run failed; the comparison ends with its error.
    Failed { name: String },
}

/// Compares embeddings. Returns what `vocable compare --json` prints, the same as text, and whether Ctrl-C ended it.
/// `_training.py` has the signature for people.
#[pyfunction]
#[pyo3(signature = (tables, train, dev, test, form, settings, runs, observer))]
pub fn compare<'py>(
    py: Python<'py>,
    tables: Vec<Bound<'py, Table>>,
    train: &Bound<'py, PyAny>,
    dev: Option<&Bound<'py, PyAny>>,
    test: Option<&Bound<'py, PyAny>>,
    form: Form,
    settings: &Bound<'py, PyDict>,
    runs: Runs,
    observer: Option<Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, Found, bool)> {
    let refused = |e: Error| raised(py, e);
    let minutes = runs.checkpoint_minutes;
    let every = Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|_| minutes > 0.0);
    let checkpoint_every =
        every.ok_or_else(|| refused(Error::invalid("checkpoint_minutes", "a number above 0", minutes.to_string())))?;
    if runs.jobs == Some(0) {
        return Err(refused(Error::invalid("jobs", "a number from 1", "0")));
    }
    let how = RunOptions { jobs: runs.jobs, checkpoint_every };
    let options = CompareOptions {
        arms: named(&runs.arms).map_err(refused)?,
        seeds: runs.seeds,
        train_sizes: named::<TrainSize>(&runs.train_sizes).map_err(refused)?,
        sweeps: named::<Sweep>(&runs.sweeps).map_err(refused)?,
        watch: runs.watch,
        command: String::new(),
        train: train_options(settings)?,
    };
    let first = options.seeds.first().copied().unwrap_or(options.train.seed);
    let parts = parts(train, dev, test, &form, first)?;
    let vectors = tables.iter().map(|table| NamedVectors::of(Arc::clone(&table.get().vectors))).collect();
    let plan = work(py, || Plan::new(vectors, parts, &options))?.map_err(refused)?;
    let (findings, stopped) = observed(py, &plan, runs.out.as_deref(), &how, &Observer::new(py, observer))?;
    let findings = findings.map_err(refused)?;
    if let Some(stop) = stopped.filter(|stop| !stop.is_instance_of::<PyKeyboardInterrupt>(py)) {
        return Err(stop);
    }
    let unfinished = !findings.comparison.is_finished();
    Ok((python(py, &findings)?, Found(findings), unfinished))
}

/// What a comparison found, in forms for people.
#[pyclass(frozen, module = "vocable._vocable")]
pub struct Found(Findings);

#[pymethods]
impl Found {
    /// The program's table, and in a few lines what it says.
    fn text(&self) -> String {
        report::comparison(&self.0, None)
    }

    /// A page that stands alone.
    fn html(&self, py: Python) -> PyResult<String> {
        work(py, || report::comparison_page(&self.0))?.map_err(|e| raised(py, e))
    }

    /// All of it as Markdown.
    fn markdown(&self) -> String {
        report::comparison_markdown(&self.0)
    }

    /// A row for each run, as CSV.
    fn csv(&self, py: Python) -> PyResult<String> {
        report::comparison_csv(&self.0).map_err(|e| raised(py, e))
    }
}

fn named<T: std::str::FromStr<Err = Error>>(names: &[String]) -> Result<Vec<T>, Error> {
    names.iter().map(|name| name.parse()).collect()
}

/// Does the runs on threads of their own, while this one tells Python how far they are and looks out for signals; what it was
/// that ended them early, if something did.
fn observed(
    py: Python,
    plan: &Plan,
    out: Option<&Path>,
    how: &RunOptions,
    observer: &Observer,
) -> PyResult<(Result<Findings, Error>, Option<PyErr>)> {
    let texts = |run: &vocable::compare::PlannedRun| (run.train_texts as u64).saturating_mul(run.options.epochs as u64);
    let of: Vec<u64> = plan.runs().iter().map(texts).collect();
    let done: Vec<AtomicU64> = of.iter().map(|_| AtomicU64::new(0)).collect();
    let (stop, pool) = (AtomicBool::new(false), pool(py)?);
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    let reached = |index: usize, texts: u64| {
        if let Some(place) = done.get(index) {
            place.store(texts, Ordering::Relaxed);
        }
    };
    let observe = move |event: Event, reached: &dyn Fn(usize, u64), whole: &dyn Fn(usize) -> u64| {
        let told = match event {
            Event::Progress { index, progress: Progress::Step { epoch, done, of }, .. } => {
                reached(index, ((epoch - 1) * of + done) as u64);
                return;
            }
            Event::Progress { .. } => return,
            Event::Found { index, run } => {
                reached(index, whole(index));
                Told::Found { name: run.name.clone() }
            }
            Event::Done { index, run } => {
                reached(index, whole(index));
                let (dev_accuracy, test_accuracy, seconds) = (run.dev_accuracy, run.test_accuracy, run.seconds);
                Told::Done { name: run.name.clone(), dev_accuracy, test_accuracy, seconds }
            }
            Event::Failed { run } => Told::Failed { name: run.name.clone() },
        };
        // Nobody listens any more only when all is over.
        let _ = sender.send(told);
    };
    thread::scope(|scope| {
        let (stop, of, reached) = (&stop, &of, &reached);
        let worker = scope.spawn(move || {
            let whole = |index: usize| of.get(index).copied().unwrap_or(0);
            pool.install(|| {
                Findings::of(plan, out, how, &|event| {
                    observe(event, reached, &whole);
                    if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
            })
        });
        let total: u64 = of.iter().sum();
        let mut stopped = None;
        while let Some(told) = wait(py, &receiver) {
            if stopped.is_some() {
                continue;
            }
            let sum: u64 = done.iter().map(|texts| texts.load(Ordering::Relaxed)).sum();
            if let Err(error) = tell(observer, told, sum, total, of.len()).and_then(|()| observer.check()) {
                stop.store(true, Ordering::Relaxed);
                stopped = Some(error);
            }
        }
        match py.detach(|| worker.join()) {
            Ok(findings) => Ok((findings, stopped)),
            Err(_) => Err(PyRuntimeError::new_err("a thread of the comparison ended by a panic")),
        }
    })
}

/// What is told next, or nothing for a while; `None` once the runs are over.
fn wait(py: Python, receiver: &Mutex<Receiver<Told>>) -> Option<Option<Told>> {
    let waited = py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(EVERY));
    match waited {
        Ok(told) => Some(Some(told)),
        Err(RecvTimeoutError::Timeout) => Some(None),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

fn tell(observer: &Observer, told: Option<Told>, done: u64, of: u64, runs: usize) -> PyResult<()> {
    let all = |event: &Bound<PyDict>| {
        event.set_item("done", done)?;
        event.set_item("of", of)?;
        event.set_item("runs", runs)
    };
    match told {
        None => observer.tell("step", all),
        Some(Told::Found { name }) => observer.tell("found", |event| {
            event.set_item("run", name)?;
            all(event)
        }),
        Some(Told::Failed { name }) => observer.tell("failed", |event| {
            event.set_item("run", name)?;
            all(event)
        }),
        Some(Told::Done { name, dev_accuracy, test_accuracy, seconds }) => observer.tell("run", |event| {
            event.set_item("run", name)?;
            event.set_item("dev_accuracy", dev_accuracy)?;
            event.set_item("test_accuracy", test_accuracy)?;
            event.set_item("seconds", seconds)?;
            all(event)
        }),
    }
}
