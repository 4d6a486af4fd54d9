//! Runs side by side.
//!
//! A training uses several threads well only while a step is large; two trainings on a thread each are done sooner than one
//! after the other on two. So every run has a thread to itself, and as runs come to an end the threads that are left over are
//! shared out among the others. Training gives the same bits at any number of threads, so nothing of this can be seen in results.

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

/// How runs are done. No result depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunOptions {
    /// Runs side by side at most; `None` for as many as there are threads. Each needs memory for its own weights and texts.
    pub jobs: Option<usize>,
    /// How often a run under way is saved in its folder, so that it can go on from there.
    pub checkpoint_every: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { jobs: None, checkpoint_every: Duration::from_secs(30) }
    }
}

/// What happens while a comparison runs. Runs side by side tell it from threads of their own.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run was done before, and its results were read from the folder.
    Skipped {
        /// Its place in the plan.
        index: usize,
        /// The run.
        run: &'a Run,
    },
    /// A run takes a step, or ends an epoch.
    Progress {
        /// Its place in the plan.
        index: usize,
        /// The run.
        run: &'a PlannedRun,
        /// What it did.
        progress: Progress<'a>,
    },
    /// A run is done.
    Done {
        /// Its place in the plan.
        index: usize,
        /// The run.
        run: &'a Run,
    },
    /// A run could not be done; the comparison ends with its error.
    Failed {
        /// The run.
        run: &'a PlannedRun,
    },
}

/// Does all runs of a plan that are not done yet. With a folder, it goes on where it was left, and everything is kept there.
///
/// `observe` is told what happens; when it breaks off, the runs under way are saved, and the runs done so far are returned.
///
/// # Errors
/// Whatever [`train`](crate::classifier::train) refuses, of the first such run; the others are then saved. What the system refuses to
/// write.
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
            && changes_words(plan, run)
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
                scope.spawn(|| work.take_runs(&mut Threads::Own { of: threads, pool: None }));
            }
        });
    }
    // Of several errors that of the first run, as if they had come one after the other.
    for (index, outcome) in work.into_outcomes() {
        finished[index] = Some(outcome?);
    }
    Ok(comparison(plan, finished))
}

/// Does one run of a plan, unless it is done, with the threads of whoever calls; the folder may be one that others share
/// ([`RunDirectory::share`]). A run that was left, by this process or another, goes on from where it was saved. `None` if `observe`
/// broke it off.
///
/// # Errors
/// As [`compare`]; a name that is none of the plan's; a run that another process is at.
pub fn compare_run(
    plan: &Plan,
    directory: &RunDirectory,
    name: &str,
    options: &RunOptions,
    observe: &(dyn Fn(Event) -> ControlFlow<()> + Sync),
) -> Result<Option<Run>> {
    let Some((index, planned)) = plan.runs().iter().enumerate().find(|(_, run)| run.name == name) else {
        return Err(Error::invalid("run", "one of the comparison", format!("`{name}`")));
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

/// Whether it is looked at what a run does to the words: one of each embedding is, if its rows change.
fn changes_words(plan: &Plan, run: &PlannedRun) -> bool {
    let changes = matches!(run.embedding, EmbeddingMode::Tuned | EmbeddingMode::OovOnly | EmbeddingMode::Random);
    changes && plan.options().seeds.first() == Some(&run.seed)
}

/// What a run did to the words, by the classifier that came of it.
fn words_of(plan: &Plan, run: &PlannedRun, classifier: &Classifier) -> Result<WordChanges> {
    let Some(named) = plan.vectors().get(run.vectors) else {
        return Err(Error::invalid("run", "vectors of the plan", "others"));
    };
    let splits = plan.splits_of(run)?;
    let movement = Movement::of_classifier(classifier, &named.vectors, &run.options, &splits.train)?;
    WordChanges::of(&run.name, run.seed, &movement, &plan.options().watch)
}

/// The threads that a run computes with.
enum Threads {
    /// Those of whoever called: there is one run at a time.
    Callers,
    /// Its share of all there are.
    Own { of: usize, pool: Option<ThreadPool> },
}

impl Threads {
    /// Does some work, with the threads that fall to one of `active` runs.
    fn run<R: Send>(&mut self, active: usize, work: impl FnOnce() -> R + Send) -> Result<R> {
        let Threads::Own { of, pool } = self else { return Ok(work()) };
        let share = (*of / active.max(1)).max(1);
        let fitting = pool.take().filter(|pool| pool.current_num_threads() == share);
        let fitting = match fitting {
            Some(pool) => pool,
            None => ThreadPoolBuilder::new()
                .num_threads(share)
                .build()
                .map_err(|e| Error::invalid("threads", "as many as the system grants", e.to_string()))?,
        };
        Ok(pool.insert(fitting).install(work))
    }
}

/// What the threads share that take runs.
struct Work<'a> {
    plan: &'a Plan,
    directory: Option<&'a RunDirectory>,
    options: &'a RunOptions,
    observe: &'a (dyn Fn(Event) -> ControlFlow<()> + Sync),
    /// Runs to be done, by their place in the plan.
    todo: &'a [usize],
    /// How many of them were taken.
    next: AtomicUsize,
    /// How many threads still take runs.
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

    /// What came of the runs, in their order.
    fn into_outcomes(self) -> Vec<(usize, Result<Run>)> {
        let mut outcomes = self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes
    }

    /// Takes one run after the other, until there are no more or all are to stop.
    fn take_runs(&self, threads: &mut Threads) {
        while !self.stopped() {
            let Some(&index) = self.todo.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            let Some(planned) = self.plan.runs().get(index) else { break };
            let outcome = match self.run(index, planned, threads) {
                Ok(None) => break,
                Ok(Some(run)) => {
                    self.tell(Event::Done { index, run: &run });
                    Ok(run)
                }
                Err(error) => {
                    self.tell(Event::Failed { run: planned });
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

    fn tell(&self, event: Event) {
        if (self.observe)(event).is_break() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Does a run, from where it was left if it was; `None` if all are to stop.
    fn run(&self, index: usize, planned: &PlannedRun, threads: &mut Threads) -> Result<Option<Run>> {
        let Some(named) = self.plan.vectors().get(planned.vectors) else {
            return Err(Error::invalid("run", "vectors of the plan", "others"));
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
            // Epochs that a checkpoint brings stand in the log again, each once.
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
            self.tell(Event::Progress { index, run: planned, progress });
            if let Some(files) = files.as_ref().filter(|_| saved.elapsed() >= self.options.checkpoint_every) {
                training.save(files.checkpoint())?;
                saved = Instant::now();
            }
        }
        let (run, trained, words) = threads.run(self.active(), || {
            let trained = training.finish()?;
            let pretrained_rows = trained.classifier.checksum_of_rows(vectors);
            let test = self.plan.splits().test.as_ref();
            let run = Run::of(planned, &named.name, &trained, pretrained_rows, test)?;
            let words = (files.is_some() && changes_words(self.plan, planned))
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
