//! Concurrent runs.
//!
//! Training makes good use of several threads only if its steps are large: two runs on one thread each finish sooner than one after
//! the other on two threads. So each run starts on one thread, and when runs finish, their threads are divided among the
//! remaining ones. Training gives the same bits with any number of threads, so results do not depend on this.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::directory::{RunDirectory, RunFiles};
use super::movement::Movement;
use super::plan::{Plan, PlannedRun};
use super::results::{Comparison, Run};
use super::words::WordChanges;
use crate::classifier::{Classifier, Progress, Training, TrainingLog};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;

/// How runs are executed. Results do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunOptions {
    /// Maximum number of concurrent runs; `None` for the number of threads. Each run needs memory for its weights and texts.
    pub jobs: Option<usize>,
    /// How often a checkpoint of each run is saved, from which it can be resumed.
    pub checkpoint_every: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { jobs: None, checkpoint_every: Duration::from_secs(30) }
    }
}

/// Progress of a comparison. Concurrent runs report from different threads.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run was already done; its results were read from the directory.
    Skipped {
        /// Index in the plan.
        index: usize,
        /// The run.
        run: &'a Run,
    },
    /// A run finished a training step or an epoch.
    Progress {
        /// Index in the plan.
        index: usize,
        /// The run.
        run: &'a PlannedRun,
        /// The step or epoch.
        progress: Progress<'a>,
    },
    /// A run finished.
    Done {
        /// Index in the plan.
        index: usize,
        /// The run.
        run: &'a Run,
    },
    /// A run failed; the comparison stops with its error.
    Failed {
        /// The run.
        run: &'a PlannedRun,
    },
}

/// Does all runs of a plan that are not done yet. With a directory, interrupted runs are resumed, and everything is stored there.
///
/// `observe` receives every event. When it returns `Break`, checkpoints of the current runs are saved, and the results of the finished
/// runs are returned.
///
/// # Errors
/// As [`train`](crate::classifier::train); of several failed runs, the error of the first. Checkpoints of the other runs are saved.
/// Files that cannot be written.
pub fn compare(
    plan: &Plan,
    directory: Option<&RunDirectory>,
    options: &RunOptions,
    observe: &(dyn Fn(Event) -> ControlFlow<()> + Sync),
) -> Result<Comparison> {
    let mut finished: Vec<Option<Run>> = Vec::with_capacity(plan.runs().len());
    for (index, run) in plan.runs().iter().enumerate() {
        let found = directory.map(|directory| directory.finished(run)).transpose()?.flatten();
        if let Some(run) = &found
            && observe(Event::Skipped { index, run }).is_break()
        {
            return Ok(comparison(plan, finished));
        }
        if let (Some(_), Some(directory)) = (&found, directory)
            && records_words(plan, run)
            && let Some(model) = directory.model_without_word_changes(run)?
        {
            directory.write_word_changes(&words_of(plan, run, &model)?)?;
        }
        finished.push(found);
    }
    let todo: Vec<usize> = (0..finished.len()).filter(|&index| finished[index].is_none()).collect();
    let threads = rayon::current_num_threads().max(1);
    let jobs = options.jobs.unwrap_or(threads).min(todo.len()).max(1);
    let work = Work::new(plan, directory, options, observe, &todo, jobs);
    if jobs == 1 {
        work.take_runs(&mut Threads::Callers);
    } else {
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| work.take_runs(&mut Threads::Own { total: threads, pool: None }));
            }
        });
    }
    // Of several errors, return that of the first run, as sequential runs would.
    for (index, outcome) in work.into_outcomes() {
        finished[index] = Some(outcome?);
    }
    Ok(comparison(plan, finished))
}

/// Does one run of a plan, unless it is done, on the caller's thread pool. The directory may be shared with other processes
/// ([`RunDirectory::share`]). A run that this or another process left unfinished is resumed from its checkpoint. Returns `None` if
/// `observe` stopped the run.
///
/// # Errors
/// As [`compare`]; a name that is not in the plan; a run that another process is doing.
pub fn compare_run(
    plan: &Plan,
    directory: &RunDirectory,
    name: &str,
    options: &RunOptions,
    observe: &(dyn Fn(Event) -> ControlFlow<()> + Sync),
) -> Result<Option<Run>> {
    let Some((index, planned)) = plan.runs().iter().enumerate().find(|(_, run)| run.name == name) else {
        return Err(Error::invalid("run", "the name of a run of the comparison", format!("`{name}`")));
    };
    if let Some(run) = directory.finished(planned)? {
        let _ = observe(Event::Skipped { index, run: &run });
        return Ok(Some(run));
    }
    let todo = [index];
    let work = Work::new(plan, Some(directory), options, observe, &todo, 1);
    work.take_runs(&mut Threads::Callers);
    work.into_outcomes().pop().map(|(_, outcome)| outcome).transpose()
}

fn comparison(plan: &Plan, finished: Vec<Option<Run>>) -> Comparison {
    let test = plan.splits().test.as_ref().map(|test| test.texts.clone()).unwrap_or_default();
    Comparison::new(plan.runs().len(), finished.into_iter().flatten().collect(), test)
}

/// Whether word changes of a run are recorded: of the first seed of each embedding that is trained.
fn records_words(plan: &Plan, run: &PlannedRun) -> bool {
    let changes = matches!(run.embedding, EmbeddingMode::Tuned | EmbeddingMode::OovOnly | EmbeddingMode::Random);
    changes && plan.options().seeds.first() == Some(&run.seed)
}

/// The word changes of a run, from its trained classifier.
fn words_of(plan: &Plan, run: &PlannedRun, classifier: &Classifier) -> Result<WordChanges> {
    let Some(named) = plan.vectors().get(run.vectors) else {
        return Err(Error::other("the vectors of the run are not in the plan"));
    };
    let splits = plan.splits_of(run)?;
    let movement = Movement::of_classifier(classifier, &named.vectors, &run.options, &splits.train)?;
    WordChanges::of(&run.name, run.seed, &movement, &plan.options().watch)
}

/// The threads that a run uses.
enum Threads {
    /// The caller's thread pool: one run at a time.
    Callers,
    /// A share of all threads.
    Own { total: usize, pool: Option<ThreadPool> },
}

impl Threads {
    /// Runs a task on the threads of one of `active` runs.
    fn run<R: Send>(&mut self, active: usize, work: impl FnOnce() -> R + Send) -> Result<R> {
        let Threads::Own { total, pool } = self else { return Ok(work()) };
        let share = (*total / active.max(1)).max(1);
        let fitting = pool.take().filter(|pool| pool.current_num_threads() == share);
        let fitting = match fitting {
            Some(pool) => pool,
            None => ThreadPoolBuilder::new()
                .num_threads(share)
                .build()
                .map_err(|e| Error::other(format!("cannot start {share} threads: {e}")))?,
        };
        Ok(pool.insert(fitting).install(work))
    }
}

/// State shared by the threads that take runs.
struct Work<'a> {
    plan: &'a Plan,
    directory: Option<&'a RunDirectory>,
    options: &'a RunOptions,
    observe: &'a (dyn Fn(Event) -> ControlFlow<()> + Sync),
    /// Indices of the runs to do.
    todo: &'a [usize],
    /// How many of them have been taken.
    next: AtomicUsize,
    /// How many threads are still taking runs.
    active: AtomicUsize,
    stop: AtomicBool,
    outcomes: Mutex<Vec<(usize, Result<Run>)>>,
}

impl<'a> Work<'a> {
    fn new(
        plan: &'a Plan,
        directory: Option<&'a RunDirectory>,
        options: &'a RunOptions,
        observe: &'a (dyn Fn(Event) -> ControlFlow<()> + Sync),
        todo: &'a [usize],
        jobs: usize,
    ) -> Work<'a> {
        Work {
            plan,
            directory,
            options,
            observe,
            todo,
            next: AtomicUsize::new(0),
            active: AtomicUsize::new(jobs),
            stop: AtomicBool::new(false),
            outcomes: Mutex::new(Vec::new()),
        }
    }

    /// The outcomes, in the order of the runs.
    fn into_outcomes(self) -> Vec<(usize, Result<Run>)> {
        let mut outcomes = self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes
    }

    /// Takes one run after the other, until none is left or `stop` is set.
    fn take_runs(&self, threads: &mut Threads) {
        while !self.stopped() {
            let Some(&index) = self.todo.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let Some(planned) = self.plan.runs().get(index) else { break };
            let outcome = match self.run(index, planned, threads) {
                Ok(None) => break,
                Ok(Some(run)) => {
                    self.report(Event::Done { index, run: &run });
                    Ok(run)
                }
                Err(error) => {
                    self.report(Event::Failed { run: planned });
                    self.stop.store(true, Ordering::Relaxed);
                    Err(error)
                }
            };
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((index, outcome));
        }
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    fn report(&self, event: Event) {
        if (self.observe)(event).is_break() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Does a run, resuming from its checkpoint if there is one; `None` if `stop` was set.
    fn run(&self, index: usize, planned: &PlannedRun, threads: &mut Threads) -> Result<Option<Run>> {
        let Some(named) = self.plan.vectors().get(planned.vectors) else {
            return Err(Error::other("the vectors of the run are not in the plan"));
        };
        let vectors = &named.vectors;
        let files = self.directory.map(|directory| directory.start(planned)).transpose()?;
        let saved = files.as_ref().map(RunFiles::checkpoint).filter(|path| path.exists());
        let mut training = threads.run(self.active(), || {
            let splits = self.plan.splits_of(planned)?;
            match saved {
                Some(path) => Training::resume(vectors, &splits, &planned.options, path),
                None => Training::new(vectors, &splits, &planned.options),
            }
        })??;
        let mut log = files.as_ref().map(|files| TrainingLog::create(&files.log())).transpose()?;
        if let Some(log) = &mut log {
            // The log file is created again, so write the epochs of the checkpoint first.
            training.history().iter().try_for_each(|epoch| log.epoch(epoch))?;
        }
        let mut saved = Instant::now();
        loop {
            if self.stopped() {
                if let Some(files) = &files {
                    training.save(files.checkpoint())?;
                }
                return Ok(None);
            }
            let Some(progress) = threads.run(self.active(), || training.advance())? else { break };
            if let (Some(log), Progress::Epoch(epoch)) = (&mut log, &progress) {
                log.epoch(epoch)?;
            }
            self.report(Event::Progress { index, run: planned, progress });
            if let Some(files) = files.as_ref().filter(|_| saved.elapsed() >= self.options.checkpoint_every) {
                training.save(files.checkpoint())?;
                saved = Instant::now();
            }
        }
        let (run, trained, words) = threads.run(self.active(), || {
            let trained = training.finish()?;
            let pretrained_rows = trained.classifier.checksum_of_rows(vectors);
            let test = self.plan.splits().test.as_ref();
            let run = Run::new(planned, &named.name, &trained, pretrained_rows, test)?;
            let words = (files.is_some() && records_words(self.plan, planned))
                .then(|| words_of(self.plan, planned, &trained.classifier))
                .transpose()?;
            Ok::<_, Error>((run, trained, words))
        })??;
        if let Some(files) = &files {
            files.finish(&run, &trained, words.as_ref())?;
        }
        Ok(Some(run))
    }
}
