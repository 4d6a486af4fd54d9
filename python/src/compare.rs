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
use vocable::compare::{
    CompareOptions, Event, Findings, NamedVectors, Plan, PlannedRun, RunDirectory, RunOptions, Sweep, TrainSize,
    compare_run,
};
use vocable::error::Error;
use vocable::report;

use crate::errors::raised;
use crate::progress::{EVERY, Observer, python};
use crate::settings::train_options;
use crate::table::Table;
use crate::texts::{Form, splits};
use crate::threads::{pool, work};

/// A comparison as it is asked for. It can be pickled, so that other processes do a part of it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Asked<'py> {
    tables: Vec<Bound<'py, Table>>,
    train: Bound<'py, PyAny>,
    dev: Option<Bound<'py, PyAny>>,
    test: Option<Bound<'py, PyAny>>,
    form: Form,
    settings: Bound<'py, PyDict>,
    runs: Runs,
}

/// How runs are done, and what varies, as the program's options say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Runs {
    embeddings: Vec<String>,
    seeds: Vec<u64>,
    train_sizes: Vec<String>,
    sweeps: Vec<String>,
    watch: Vec<String>,
    out: Option<PathBuf>,
    jobs: Option<usize>,
    checkpoint_minutes: f64,
}

impl Asked<'_> {
    /// Its runs, and how they are done.
    fn plan(&self, py: Python) -> PyResult<(Plan, RunOptions)> {
        let refused = |e: Error| raised(py, e);
        let runs = &self.runs;
        let minutes = runs.checkpoint_minutes;
        let every = Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|_| minutes > 0.0);
        let checkpoint_every = every
            .ok_or_else(|| refused(Error::invalid("checkpoint_minutes", "a number above 0", minutes.to_string())))?;
        if runs.jobs == Some(0) {
            return Err(refused(Error::invalid("jobs", "a number from 1", "0")));
        }
        let options = CompareOptions {
            embeddings: named(&runs.embeddings).map_err(refused)?,
            seeds: runs.seeds.clone(),
            train_sizes: named::<TrainSize>(&runs.train_sizes).map_err(refused)?,
            sweeps: named::<Sweep>(&runs.sweeps).map_err(refused)?,
            watch: runs.watch.clone(),
            command: String::new(),
            train: train_options(&self.settings)?,
        };
        let first = options.seeds.first().copied().unwrap_or(options.train.seed);
        let splits = splits(&self.train, self.dev.as_ref(), self.test.as_ref(), &self.form, first)?;
        let vectors = self.tables.iter().map(|table| NamedVectors::of(Arc::clone(&table.get().vectors))).collect();
        let plan = work(py, || Plan::new(vectors, splits, &options))?.map_err(refused)?;
        Ok((plan, RunOptions { jobs: runs.jobs, checkpoint_every }))
    }

    /// The folder that it is kept in.
    fn folder(&self, py: Python) -> PyResult<&Path> {
        let missing = || raised(py, Error::invalid("out", "the folder of the comparison", "none"));
        self.runs.out.as_deref().ok_or_else(missing)
    }
}

/// What the runs' threads tell the thread that waits for them.
enum Told {
    /// A run was done before.
    Skipped { name: String },
    /// A run is done.
    Done { name: String, dev_accuracy: f64, test_accuracy: Option<f64>, seconds: Option<f64> },
    /// A run failed; the comparison ends with its error.
    Failed { name: String },
}

/// Compares embeddings. Returns what `vocable compare --json` prints, the same as text, and whether Ctrl-C ended it.
/// `_training.py` has the signature for people.
#[pyfunction]
#[pyo3(signature = (asked, observer))]
pub fn compare<'py>(
    py: Python<'py>,
    asked: Asked<'py>,
    observer: Option<Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, Found, bool)> {
    let (plan, how) = asked.plan(py)?;
    let out = asked.runs.out.as_deref();
    let (findings, stopped) =
        observed(py, &plan, &Observer::new(py, observer), |observe| Findings::of(&plan, out, &how, observe))?;
    let findings = findings.map_err(|e| raised(py, e))?;
    if let Some(stop) = stopped.filter(|stop| !stop.is_instance_of::<PyKeyboardInterrupt>(py)) {
        return Err(stop);
    }
    let unfinished = !findings.comparison.is_finished();
    Ok((python(py, &findings)?, Found(findings), unfinished))
}

/// Makes the folder of a comparison, `out`, or opens the one that is there; for each run its name, how many texts it reads in all
/// its epochs, and whether it is done.
#[pyfunction]
pub fn begin_comparison(py: Python, asked: Asked) -> PyResult<Vec<(String, u64, bool)>> {
    let (plan, _) = asked.plan(py)?;
    let out = asked.folder(py)?;
    let runs: Result<Vec<_>, Error> = work(py, || {
        let directory = RunDirectory::open(out, &plan)?;
        plan.runs().iter().map(|run| Ok((run.name.clone(), texts_of(run), directory.is_done(run)?))).collect()
    })?;
    runs.map_err(|e| raised(py, e))
}

/// Does one run of a comparison in its folder, which other processes may share meanwhile. Returns its scores and seconds.
#[pyfunction]
pub fn do_run<'py>(py: Python<'py>, asked: Asked<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let (plan, how) = asked.plan(py)?;
    let out = asked.folder(py)?;
    let (run, stopped) = observed(py, &plan, &Observer::new(py, None), |observe| {
        compare_run(&plan, &RunDirectory::share(out, &plan)?, name, &how, observe)
    })?;
    match (run.map_err(|e| raised(py, e))?, stopped) {
        (_, Some(stop)) => Err(stop),
        (run, None) => {
            let scores = run.map(|run| {
                serde_json::json!({
                    "run": run.name,
                    "dev_accuracy": run.dev_accuracy,
                    "test_accuracy": run.test_accuracy,
                    "seconds": run.seconds,
                })
            });
            python(py, &scores)
        }
    }
}

/// What the folder of a comparison holds, finished or not, as [`compare`] returns it.
#[pyfunction]
pub fn read_comparison<'py>(py: Python<'py>, out: PathBuf) -> PyResult<(Bound<'py, PyAny>, Found)> {
    let findings = work(py, || Findings::read(&out))?.map_err(|e| raised(py, e))?;
    Ok((python(py, &findings)?, Found(findings)))
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

/// How many texts a run reads in all its epochs.
fn texts_of(run: &PlannedRun) -> u64 {
    (run.train_texts as u64).saturating_mul(run.options.epochs as u64)
}

/// Does runs on threads of their own, while this one tells Python how far they are and looks out for signals; what it was that
/// ended them early, if something did.
fn observed<R: Send>(
    py: Python,
    plan: &Plan,
    observer: &Observer,
    runs: impl FnOnce(&(dyn Fn(Event) -> ControlFlow<()> + Sync)) -> Result<R, Error> + Send,
) -> PyResult<(Result<R, Error>, Option<PyErr>)> {
    let of: Vec<u64> = plan.runs().iter().map(texts_of).collect();
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
            Event::Skipped { index, run } => {
                reached(index, whole(index));
                Told::Skipped { name: run.name.clone() }
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
                runs(&|event| {
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
            Ok(outcome) => Ok((outcome, stopped)),
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
        Some(Told::Skipped { name }) => observer.tell("skipped", |event| {
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
