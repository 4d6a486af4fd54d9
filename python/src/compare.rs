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

use crate::datasets::{DataFileOptions, splits};
use crate::errors::to_py_err;
use crate::handle::VectorsHandle;
use crate::progress::{INTERVAL, Observer, to_python};
use crate::settings::train_options;
use crate::threads::{pool, run};

/// The arguments of a comparison: a dict that can be pickled and sent to other processes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ComparisonRequest<'py> {
    vectors: Vec<Bound<'py, VectorsHandle>>,
    train: Bound<'py, PyAny>,
    dev: Option<Bound<'py, PyAny>>,
    test: Option<Bound<'py, PyAny>>,
    data_options: DataFileOptions,
    settings: Bound<'py, PyDict>,
    runs: RunSettings,
}

/// What the runs are, and how they are executed; named like the options of `vocable compare`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct RunSettings {
    embeddings: Vec<String>,
    seeds: Vec<u64>,
    train_sizes: Vec<String>,
    sweeps: Vec<String>,
    watch: Vec<String>,
    out: Option<PathBuf>,
    jobs: Option<usize>,
    checkpoint_minutes: f64,
}

impl ComparisonRequest<'_> {
    /// The planned runs, and how they are executed.
    fn plan(&self, py: Python) -> PyResult<(Plan, RunOptions)> {
        let failed = |e: Error| to_py_err(py, e);
        let runs = &self.runs;
        let minutes = runs.checkpoint_minutes;
        let interval = Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|_| minutes > 0.0);
        let checkpoint_every = interval
            .ok_or_else(|| failed(Error::invalid("checkpoint_minutes", "a positive number", minutes.to_string())))?;
        if runs.jobs == Some(0) {
            return Err(failed(Error::invalid("jobs", "at least 1", "0")));
        }
        let options = CompareOptions {
            embeddings: parse_all(&runs.embeddings).map_err(failed)?,
            seeds: runs.seeds.clone(),
            train_sizes: parse_all::<TrainSize>(&runs.train_sizes).map_err(failed)?,
            sweeps: parse_all::<Sweep>(&runs.sweeps).map_err(failed)?,
            watch: runs.watch.clone(),
            command: String::new(),
            train: train_options(&self.settings)?,
        };
        let first = options.seeds.first().copied().unwrap_or(options.train.seed);
        let splits = splits(&self.train, self.dev.as_ref(), self.test.as_ref(), &self.data_options, first)?;
        let vectors = self.vectors.iter().map(|handle| NamedVectors::of(Arc::clone(&handle.get().vectors))).collect();
        let plan = run(py, || Plan::new(vectors, splits, &options))?.map_err(failed)?;
        Ok((plan, RunOptions { jobs: runs.jobs, checkpoint_every }))
    }

    /// The output directory.
    fn directory(&self, py: Python) -> PyResult<&Path> {
        let missing = || to_py_err(py, Error::invalid("out", "a directory", "None"));
        self.runs.out.as_deref().ok_or_else(missing)
    }
}

/// An event of a run, sent to the thread that holds the GIL.
enum RunEvent {
    /// The run was complete before.
    Skipped { name: String },
    /// The run is complete.
    Done { name: String, dev_accuracy: f64, test_accuracy: Option<f64>, seconds: Option<f64> },
    /// The run failed; the comparison ends with its error.
    Failed { name: String },
}

/// Runs a comparison. Returns the metrics of `vocable compare --json`, the report, and whether it was interrupted. The public function
/// is in `_comparison.py`.
#[pyfunction]
#[pyo3(signature = (request, observer))]
pub fn compare<'py>(
    py: Python<'py>,
    request: ComparisonRequest<'py>,
    observer: Option<Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, ComparisonReport, bool)> {
    let (plan, options) = request.plan(py)?;
    let out = request.runs.out.as_deref();
    let (findings, stopped) =
        observe_runs(py, &plan, &Observer::new(py, observer), |observe| Findings::of(&plan, out, &options, observe))?;
    let findings = findings.map_err(|e| to_py_err(py, e))?;
    if let Some(stop) = stopped.filter(|stop| !stop.is_instance_of::<PyKeyboardInterrupt>(py)) {
        return Err(stop);
    }
    let interrupted = !findings.comparison.is_finished();
    Ok((to_python(py, &findings)?, ComparisonReport(findings), interrupted))
}

/// Creates the output directory of a comparison, or opens an existing one. Returns for each run its name, the number of texts that it
/// processes in all epochs, and whether it is complete.
#[pyfunction]
pub fn prepare_comparison(py: Python, request: ComparisonRequest) -> PyResult<Vec<(String, u64, bool)>> {
    let (plan, _) = request.plan(py)?;
    let out = request.directory(py)?;
    let runs: Result<Vec<_>, Error> = run(py, || {
        let directory = RunDirectory::open(out, &plan)?;
        plan.runs().iter().map(|run| Ok((run.name.clone(), texts_of(run), directory.is_done(run)?))).collect()
    })?;
    runs.map_err(|e| to_py_err(py, e))
}

/// Executes one run in the output directory, which other processes can use at the same time. Returns its scores and duration.
#[pyfunction]
pub fn execute_run<'py>(py: Python<'py>, request: ComparisonRequest<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let (plan, options) = request.plan(py)?;
    let out = request.directory(py)?;
    let (run, stopped) = observe_runs(py, &plan, &Observer::new(py, None), |observe| {
        compare_run(&plan, &RunDirectory::share(out, &plan)?, name, &options, observe)
    })?;
    match (run.map_err(|e| to_py_err(py, e))?, stopped) {
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
            to_python(py, &scores)
        }
    }
}

/// Reads the output directory of a comparison, which may be incomplete.
#[pyfunction]
pub fn read_comparison<'py>(py: Python<'py>, out: PathBuf) -> PyResult<(Bound<'py, PyAny>, ComparisonReport)> {
    let findings = run(py, || Findings::read(&out))?.map_err(|e| to_py_err(py, e))?;
    Ok((to_python(py, &findings)?, ComparisonReport(findings)))
}

/// The report of a comparison in several formats.
#[pyclass(frozen, module = "vocable._vocable")]
pub struct ComparisonReport(Findings);

#[pymethods]
impl ComparisonReport {
    /// The table and summary that the program prints.
    fn text(&self) -> String {
        report::comparison(&self.0, None)
    }

    /// A self-contained HTML page.
    fn html(&self, py: Python) -> PyResult<String> {
        run(py, || report::comparison_page(&self.0))?.map_err(|e| to_py_err(py, e))
    }

    /// Markdown.
    fn markdown(&self) -> String {
        report::comparison_markdown(&self.0)
    }

    /// CSV with one row per run.
    fn csv(&self, py: Python) -> PyResult<String> {
        report::comparison_csv(&self.0).map_err(|e| to_py_err(py, e))
    }
}

fn parse_all<T: std::str::FromStr<Err = Error>>(names: &[String]) -> Result<Vec<T>, Error> {
    names.iter().map(|name| name.parse()).collect()
}

/// The number of texts that a run processes in all epochs.
fn texts_of(run: &PlannedRun) -> u64 {
    (run.train_texts as u64).saturating_mul(run.options.epochs as u64)
}

/// Executes runs on other threads, while this thread reports progress to Python and checks for signals. Returns also the exception that
/// interrupted the runs, if any.
fn observe_runs<R: Send>(
    py: Python,
    plan: &Plan,
    observer: &Observer,
    runs: impl FnOnce(&(dyn Fn(Event) -> ControlFlow<()> + Sync)) -> Result<R, Error> + Send,
) -> PyResult<(Result<R, Error>, Option<PyErr>)> {
    let progress = RunProgress::new(plan);
    let (stop, pool) = (AtomicBool::new(false), pool(py)?);
    let (sender, receiver) = channel();
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let (stop, progress) = (&stop, &progress);
        let worker = scope.spawn(move || {
            pool.install(|| {
                runs(&|event| {
                    if let Some(event) = progress.record(event) {
                        // The receiver is only dropped at the end.
                        let _ = sender.send(event);
                    }
                    if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
            })
        });
        let mut stopped = None;
        while let Some(event) = next_event(py, &receiver) {
            if stopped.is_some() {
                continue;
            }
            if let Err(error) = notify(observer, event, progress).and_then(|()| observer.check()) {
                stop.store(true, Ordering::Relaxed);
                stopped = Some(error);
            }
        }
        match py.detach(|| worker.join()) {
            Ok(outcome) => Ok((outcome, stopped)),
            Err(_) => Err(PyRuntimeError::new_err("a thread of the comparison panicked")),
        }
    })
}

/// The number of texts that each run processes, in total and so far.
struct RunProgress {
    totals: Vec<u64>,
    done: Vec<AtomicU64>,
}

impl RunProgress {
    fn new(plan: &Plan) -> Self {
        let totals: Vec<u64> = plan.runs().iter().map(texts_of).collect();
        RunProgress { done: totals.iter().map(|_| AtomicU64::new(0)).collect(), totals }
    }

    fn set_done(&self, index: usize, texts: u64) {
        if let Some(done) = self.done.get(index) {
            done.store(texts, Ordering::Relaxed);
        }
    }

    fn set_complete(&self, index: usize) {
        self.set_done(index, self.totals.get(index).copied().unwrap_or(0));
    }

    /// Updates the counts; returns the event to report, if any.
    fn record(&self, event: Event) -> Option<RunEvent> {
        Some(match event {
            Event::Progress { index, progress: Progress::Step { epoch, done, of }, .. } => {
                self.set_done(index, ((epoch - 1) * of + done) as u64);
                return None;
            }
            Event::Progress { .. } => return None,
            Event::Skipped { index, run } => {
                self.set_complete(index);
                RunEvent::Skipped { name: run.name.clone() }
            }
            Event::Done { index, run } => {
                self.set_complete(index);
                let (dev_accuracy, test_accuracy, seconds) = (run.dev_accuracy, run.test_accuracy, run.seconds);
                RunEvent::Done { name: run.name.clone(), dev_accuracy, test_accuracy, seconds }
            }
            Event::Failed { run } => RunEvent::Failed { name: run.name.clone() },
        })
    }
}

/// Waits for the next event: `Some(None)` if there is none for a while, `None` at the end.
fn next_event(py: Python, receiver: &Mutex<Receiver<RunEvent>>) -> Option<Option<RunEvent>> {
    let received = py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(INTERVAL));
    match received {
        Ok(event) => Some(Some(event)),
        Err(RecvTimeoutError::Timeout) => Some(None),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

fn notify(observer: &Observer, event: Option<RunEvent>, progress: &RunProgress) -> PyResult<()> {
    let set_progress = |event: &Bound<PyDict>| {
        event.set_item("done", progress.done.iter().map(|texts| texts.load(Ordering::Relaxed)).sum::<u64>())?;
        event.set_item("of", progress.totals.iter().sum::<u64>())?;
        event.set_item("runs", progress.totals.len())
    };
    match event {
        None => observer.notify("step", set_progress),
        Some(RunEvent::Skipped { name }) => observer.notify("skipped", |event| {
            event.set_item("run", name)?;
            set_progress(event)
        }),
        Some(RunEvent::Failed { name }) => observer.notify("failed", |event| {
            event.set_item("run", name)?;
            set_progress(event)
        }),
        Some(RunEvent::Done { name, dev_accuracy, test_accuracy, seconds }) => observer.notify("run", |event| {
            event.set_item("run", name)?;
            event.set_item("dev_accuracy", dev_accuracy)?;
            event.set_item("test_accuracy", test_accuracy)?;
            event.set_item("seconds", seconds)?;
            set_progress(event)
        }),
    }
}
