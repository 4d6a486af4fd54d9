//! `vocable compare`

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use indicatif::{ProgressBar, ProgressStyle};
use vocable::classifier::Progress;
use vocable::compare::{
    CompareOptions, Comparison, Event, Findings, NamedVectors, Plan, Run, RunOptions, Sweep, TrainSize,
};
use vocable::files::{check_writable, write_atomic};
use vocable::nn::EmbeddingMode;
use vocable::{Error, Vectors, report};

use super::checkpoints::{command_line, command_line_without};
use super::common::{ReadArgs, complete_vectors, demo_vectors, from_environment};
use super::interrupt;
use super::output::{self, Failure, Output};
use super::paths::check_distinct;
use super::training_options::{EvaluationData, TrainingArgs, embedding_mode, note_tokenizer};

/// Train the same classifier with different embeddings, and compare the results.
///
/// Each embedding is trained with several seeds. Runs with the same seed share the initial weights, the order of the texts and the
/// dropout masks, so that they differ only in the embedding. Metrics are reported as mean ± standard deviation over the seeds.
///
/// With several --vectors, --train-sizes or --sweep values, every embedding is trained with every combination. Runs are concurrent,
/// one thread per run; results do not depend on the number of threads.
///
/// The report has a table of metrics, a statistical comparison of the embeddings, and the words that moved most. --json prints all
/// results; --html, --markdown and --csv write them to files.
///
/// With --out, everything is kept in a folder: configuration, logs, models, results and reports. If interrupted, run the same
/// command again to resume; --report prints the results of a folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable compare --vectors glove.6B.50d.txt --train train.txt --dev dev.txt --test test.txt --seeds 5 --out runs
  vocable compare --vectors glove.6B.50d.txt --train train.txt --train-sizes 100,1000,all --embeddings frozen,tuned,random
  vocable compare --vectors glove.txt --vectors word2vec.bin --train train.txt --sweep lr=1e-3,3e-3 --sweep encoder=lstm,rnn
  vocable compare --report runs")]
pub struct Compare {
    /// Train set: labelled texts
    #[arg(long, value_name = "FILE", required_unless_present = "report", help_heading = "Data")]
    train: Option<PathBuf>,
    #[command(flatten)]
    data: EvaluationData,
    /// Embeddings to compare, separated by commas
    #[arg(long, value_name = "MODES", value_delimiter = ',', default_value = "frozen,tuned,oov-only,random",
          value_parser = embedding_mode())]
    embeddings: Vec<EmbeddingMode>,
    /// Number of seeds per embedding
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// First seed; the other seeds are the numbers that follow it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also train on subsets of these sizes, separated by commas; `all` is the whole train set
    ///
    /// Subsets are stratified by label, and smaller subsets are contained in larger ones.
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    train_sizes: Vec<TrainSize>,
    /// Train with several values of a training option, as in lr=1e-3,2e-3 or encoder=lstm,rnn; repeat for other options
    #[arg(long, value_name = "KEY=VALUES")]
    sweep: Vec<Sweep>,
    /// Words to watch during training, separated by commas: report how their neighbours and their cosines with each other change
    #[arg(long, value_name = "WORDS", value_delimiter = ',', conflicts_with = "report")]
    watch: Vec<String>,
    /// Keep all results in this folder, and resume from it
    #[arg(long, value_name = "DIR", help_heading = "Runs")]
    out: Option<PathBuf>,
    /// Print the results of a folder written with --out, without training
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "train"], help_heading = "Runs")]
    report: Option<PathBuf>,
    /// Write the results to FILE as an HTML page
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    html: Option<PathBuf>,
    /// Write the results to FILE as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    markdown: Option<PathBuf>,
    /// Write the runs to FILE as CSV, one line per run
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    csv: Option<PathBuf>,
    /// Maximum number of concurrent runs; each needs memory for its own weights [default: number of threads]
    #[arg(long, value_name = "N", help_heading = "Runs")]
    jobs: Option<usize>,
    /// Save the state of each run every M minutes
    #[arg(long, value_name = "M", default_value_t = 0.5, requires = "out", help_heading = "Runs")]
    checkpoint_minutes: f64,
    #[command(flatten)]
    settings: TrainingArgs,
    /// Vector file, or the name of vectors downloaded by `vocable get`; repeat the option to compare several [env:
    /// VOCABLE_VECTORS]
    #[arg(long, value_name = "FILE", help_heading = "Vectors", add = ArgValueCompleter::new(complete_vectors))]
    vectors: Vec<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

impl Compare {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let texts = [("--train", &self.train), ("--dev", &self.data.dev), ("--test", &self.data.test)];
        let texts = texts.into_iter().map(|(name, path)| (name, path.as_deref()));
        let vectors = self.vectors.iter().map(|path| ("--vectors", Some(path.as_path())));
        let outputs = [("--html", &self.html), ("--markdown", &self.markdown), ("--csv", &self.csv)];
        let outputs = outputs.map(|(name, path)| (name, path.as_deref()));
        check_distinct(&texts.chain(vectors).collect::<Vec<_>>(), &outputs)?;
        for path in [&self.html, &self.markdown, &self.csv].into_iter().flatten() {
            check_writable(path)?;
        }
        let findings = match (&self.report, &self.train) {
            (Some(path), _) => read(path)?,
            (None, Some(train)) => self.compare(train)?,
            (None, None) => return Err(Error::invalid("--train", "a file of labelled texts", "none").into()),
        };
        if !findings.comparison.runs.is_empty() {
            if output.json {
                output.json(&findings)?;
            } else {
                output.text(report::comparison(&findings, output.width))?;
                if self.report.is_none() && self.out.is_none() {
                    output::note(
                        "for all results, use --markdown FILE or --json; to keep models and logs, use --out DIR",
                    );
                }
            }
            self.write(&findings)?;
        }
        let stopped = self.report.is_none() && !findings.comparison.is_finished();
        Ok(if stopped { interrupt::exit_code() } else { ExitCode::SUCCESS })
    }

    /// Completes the remaining runs, until Ctrl-C.
    fn compare(&self, train: &Path) -> Result<Findings, Error> {
        let minutes = self.checkpoint_minutes;
        let every = Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|_| minutes > 0.0);
        let Some(checkpoint_every) = every else {
            return Err(Error::invalid("--checkpoint-minutes", "a number above 0", minutes.to_string()));
        };
        if self.jobs == Some(0) {
            return Err(Error::invalid("--jobs", "at least 1", "0"));
        }
        let how = RunOptions { jobs: self.jobs, checkpoint_every };
        let options = CompareOptions {
            embeddings: self.embeddings.clone(),
            seeds: (0..self.seeds).map(|index| self.seed.wrapping_add(index)).collect(),
            train_sizes: self.train_sizes.clone(),
            sweeps: self.sweep.clone(),
            watch: self.watch.iter().filter(|word| !word.is_empty()).cloned().collect(),
            command: command_line_without(&WITHOUT_EFFECT, &["--json"]),
            train: self.settings.options(EmbeddingMode::Frozen, self.seed)?,
        };
        let splits = self.data.open(train, self.seed)?;
        let vectors: Vec<NamedVectors> =
            self.open()?.into_iter().map(|vectors| NamedVectors::of(Arc::new(vectors))).collect();
        for named in &vectors {
            note_tokenizer(&named.vectors, &splits, &options.train)?;
        }
        let plan = Plan::new(vectors, splits, &options)?;
        let findings = compare_with_bar(&plan, self.out.as_deref(), &how, &interrupt::watch())?;
        if !findings.comparison.is_finished() {
            let (done, planned) = (findings.comparison.runs.len(), findings.comparison.planned);
            let how_to_resume = match &self.out {
                Some(_) => format!("to resume:\n  {}", command_line()),
                None => "the comparison cannot be resumed without --out".to_owned(),
            };
            output::warn(format_args!("interrupted: {done} of {planned} runs completed; {how_to_resume}"));
        }
        Ok(findings)
    }

    /// Opens all files of vectors, at least the demo vectors.
    fn open(&self) -> Result<Vec<Vectors>, Error> {
        let environment = from_environment().filter(|_| self.vectors.is_empty());
        let paths: Vec<&PathBuf> = self.vectors.iter().chain(&environment).collect();
        if paths.is_empty() {
            return Ok(vec![demo_vectors()?]);
        }
        paths.into_iter().map(|path| self.read.open(path)).collect()
    }

    /// Writes the reports that were requested, and those of the folder once the comparison is complete.
    fn write(&self, findings: &Findings) -> Result<(), Error> {
        let folder = self.out.as_ref().filter(|_| findings.comparison.is_finished());
        let in_folder = |name: &str| folder.map(|folder| folder.join(name));
        for path in [self.html.clone(), in_folder("report.html")].into_iter().flatten() {
            write(&path, &report::comparison_page(findings)?)?;
        }
        for path in [self.markdown.clone(), in_folder("report.md")].into_iter().flatten() {
            write(&path, &report::comparison_markdown(findings))?;
        }
        for path in [self.csv.clone(), in_folder("runs.csv")].into_iter().flatten() {
            write(&path, &report::comparison_csv(findings)?)?;
        }
        Ok(())
    }
}

/// Options with values that do not affect the results.
const WITHOUT_EFFECT: [&str; 7] =
    ["--out", "--jobs", "--threads", "--checkpoint-minutes", "--html", "--markdown", "--csv"];

fn write(path: &Path, text: &str) -> Result<(), Error> {
    write_atomic(path, |file| file.write_all(text.as_bytes()))?;
    output::note(format_args!("wrote {}", path.display()));
    Ok(())
}

/// Reads the results of a folder, and warns if runs are missing.
fn read(path: &Path) -> Result<Findings, Error> {
    let findings = Findings::read(path)?;
    let Comparison { planned, runs, .. } = &findings.comparison;
    if !findings.comparison.is_finished() {
        output::warn(format_args!("{}: {} of {planned} runs completed", path.display(), runs.len()));
    }
    Ok(findings)
}

/// Compares, in the folder `out` if given, with a progress bar; without a terminal, prints a line for each completed run.
pub fn compare_with_bar(
    plan: &Plan,
    out: Option<&Path>,
    how: &RunOptions,
    stop: &AtomicBool,
) -> Result<Findings, Error> {
    let progress = ComparisonProgress::new(plan);
    let findings = Findings::of(plan, out, how, &|event| {
        progress.event(event);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    progress.bar.finish_and_clear();
    let findings = findings?;
    for run in findings.comparison.runs.iter().filter(|run| run.stop_reason == "diverged") {
        output::warn(format_args!(
            "{}: training diverged (non-finite loss) after epoch {}; using the best epoch before that. Try a lower --lr",
            run.name, run.epochs
        ));
    }
    Ok(findings)
}

/// The progress of a comparison.
struct ComparisonProgress {
    bar: ProgressBar,
    /// Number of texts processed, for each run.
    texts: Vec<AtomicU64>,
    /// Number of texts of all epochs, for each run.
    of: Vec<u64>,
    done: Mutex<usize>,
}

impl ComparisonProgress {
    fn new(plan: &Plan) -> ComparisonProgress {
        let texts =
            |run: &vocable::compare::PlannedRun| (run.train_texts as u64).saturating_mul(run.options.epochs as u64);
        let of: Vec<u64> = plan.runs().iter().map(texts).collect();
        let bar = ProgressBar::new(of.iter().sum());
        let bar = match ProgressStyle::with_template("{msg:40} {wide_bar} {percent:>3} % {eta:>5}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        ComparisonProgress { bar, texts: of.iter().map(|_| AtomicU64::new(0)).collect(), of, done: Mutex::new(0) }
    }

    fn event(&self, event: Event) {
        match event {
            Event::Skipped { index, run: _ } => {
                let mut done = self.done();
                *done += 1;
                self.set(index, self.of[index]);
            }
            Event::Progress { index, run, progress: Progress::Step { epoch, done, of } } => {
                self.set(index, ((epoch - 1) * of + done) as u64);
                self.bar.set_message(format!("{}/{} {} epoch {epoch}", *self.done(), self.of.len(), run.name));
            }
            Event::Progress { .. } => {}
            Event::Done { index, run } => {
                self.set(index, self.of[index]);
                let mut done = self.done();
                *done += 1;
                if self.bar.is_hidden() {
                    output::note(format_args!("run {} of {}: {}", *done, self.of.len(), summary(run)));
                }
            }
            Event::Failed { run } => self.bar.suspend(|| output::note(format_args!("run {} failed", run.name))),
        }
    }

    fn done(&self) -> std::sync::MutexGuard<'_, usize> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, index: usize, texts: u64) {
        if let Some(place) = self.texts.get(index) {
            place.store(texts, Ordering::Relaxed);
        }
        self.bar.set_position(self.texts.iter().map(|texts| texts.load(Ordering::Relaxed)).sum());
    }
}

/// A run as one line.
fn summary(run: &Run) -> String {
    let test = run.test_accuracy.map(|test| format!(", test {}", report::percent(test))).unwrap_or_default();
    let seconds = run.seconds.map(|seconds| format!(", {seconds:.1} s")).unwrap_or_default();
    let dev = report::percent(run.dev_accuracy);
    format!("{}: dev {dev}{test}, epoch {} of {}{seconds}", run.name, run.best_epoch, run.epochs)
}
