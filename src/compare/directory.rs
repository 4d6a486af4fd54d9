//! The folder of a comparison: what is asked for, and of each run the configuration, the log, the model and the results.
//!
//! A run counts as done when its `result.json` is there, which is written last, beside its name and then renamed. Results,
//! models and configurations are the same bytes whenever and however often a comparison was interrupted; what is not, because
//! clocks have a part in it, stands in files of its own: `timing.json` and `log.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::{Configuration, TextFiles, VERSION, VectorsFile};
use super::disagreements::unknown_words;
use super::plan::{Plan, PlannedRun};
use super::results::{Comparison, Run};
use super::words::WordsOfRun;
use crate::classifier::{Classifier, Dataset, LabelledText, Tokenizer, TrainOptions, TrainingOutcome};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::write_atomic;

const CONFIGURATION: &str = "compare.json";
const DEV_TEXTS: &str = "dev.jsonl";
const TEST_TEXTS: &str = "test.jsonl";
const UNKNOWN_WORDS: &str = "unknown.json";
const RUNS: &str = "runs";
const LOCK: &str = ".lock";

/// The folder of a comparison, held by this process alone, or shared by processes that each do runs of their own.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    configuration: Configuration,
    is_shared: bool,
    _lock: Lock,
}

/// A file that is locked as long as it is open, where the system has locks: file systems without them let everyone in.
#[derive(Debug)]
struct Lock(File);

/// What a run is made from.
#[derive(Debug, Serialize)]
struct RunConfiguration<'a> {
    version: u32,
    run: &'a str,
    vectors: &'a VectorsFile,
    texts: &'a TextFiles,
    /// How many of the training texts the run learns from.
    train_texts: usize,
    settings: &'a BTreeMap<String, String>,
    options: &'a TrainOptions,
}

/// What of a run's outcome is another each time.
#[derive(Debug, Serialize, Deserialize)]
struct Timing {
    seconds: f64,
    tokens_per_second: f64,
}

/// A text of the test part.
#[derive(Debug, Serialize, Deserialize)]
struct TestText {
    label: String,
    text: String,
    line: u64,
}

impl Directory {
    /// Makes the folder of a comparison, or opens the one that is there to go on with it.
    ///
    /// # Errors
    /// A folder of another comparison, which is named, or with other things in it; one that another process works in; the
    /// system's refusals.
    pub fn open(path: impl AsRef<Path>, plan: &Plan) -> Result<Directory> {
        let path = path.as_ref();
        for named in plan.vectors() {
            named.vectors.check()?;
        }
        let wanted = Configuration::of(plan)?;
        let file = path.join(CONFIGURATION);
        if path.exists() && !file.exists() {
            let mut entries = fs::read_dir(path).map_err(|e| Error::io(path, "read it", e))?;
            // Files with a dot are no one's work; our own lock may be there of a start that was cut short.
            let foreign = entries.any(|entry| {
                entry.is_ok_and(|entry| {
                    !entry.file_name().to_string_lossy().starts_with('.') && entry.file_name() != RUNS
                })
            });
            if foreign {
                let what = Malformed::at(Place::File, "an empty folder, or that of a comparison", "other files");
                return Err(what.in_file(path.to_string_lossy()).advise("choose another output directory").into());
            }
        }
        fs::create_dir_all(path.join(RUNS)).map_err(|e| Error::io(path, "make it", e))?;
        let lock = Lock::of(path, File::try_lock)?;
        remove_half_written(path);
        let found = if file.exists() { Some(read_configuration(path)?) } else { None };
        match &found {
            Some(found) => found.check(&wanted, path)?,
            None => {
                write_texts(&path.join(DEV_TEXTS), &plan.splits().dev)?;
                if let Some(test) = &plan.splits().test {
                    write_texts(&path.join(TEST_TEXTS), test)?;
                }
                write_json(&path.join(UNKNOWN_WORDS), &unknown_words_of(plan)?, false)?;
            }
        }
        if found.is_none_or(|found| found.watch != wanted.watch) {
            write_json(&file, &wanted, true)?;
        }
        Ok(Directory { path: path.to_owned(), configuration: wanted, is_shared: false, _lock: lock })
    }

    /// Opens the folder of a comparison that [`Directory::open`] made, together with other processes, on this machine or on others
    /// that see the folder. Each does runs of its own ([`compare_run`](super::compare_run)); a run that another one is at is refused.
    ///
    /// # Errors
    /// A folder that is none of this comparison; one that a process holds alone; the system's refusals.
    pub fn share(path: impl AsRef<Path>, plan: &Plan) -> Result<Directory> {
        let path = path.as_ref();
        for named in plan.vectors() {
            named.vectors.check()?;
        }
        let configuration = Configuration::of(plan)?;
        read_configuration(path)?.check(&configuration, path)?;
        let lock = Lock::of(path, File::try_lock_shared)?;
        Ok(Directory { path: path.to_owned(), configuration, is_shared: true, _lock: lock })
    }

    /// Whether a run of the plan is done.
    ///
    /// # Errors
    /// Results that cannot be read, or are another run's.
    pub fn is_done(&self, planned: &PlannedRun) -> Result<bool> {
        Ok(self.finished(planned)?.is_some())
    }

    /// The outcome of a run, if it is done.
    ///
    /// # Errors
    /// Results that cannot be read, or are another run's.
    pub(super) fn finished(&self, planned: &PlannedRun) -> Result<Option<Run>> {
        let run = read_run(&self.path, &planned.name)?;
        match run {
            Some(run) if !run.is(planned) => {
                let file = run_folder(&self.path, &planned.name).join(RunFiles::RESULT);
                Err(damaged(&file, format!("results of the run {}", planned.name), format!("those of {}", run.name)))
            }
            run => Ok(run),
        }
    }

    /// The model of a run that is done, if what the folder has of its words is not about the words that are watched now.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(super) fn model_to_look_at(&self, planned: &PlannedRun) -> Result<Option<Classifier>> {
        match read_words(&self.path, &planned.name)? {
            Some(words) if words.watched == self.configuration.watch => Ok(None),
            _ => open_model(&self.path, &planned.name).map(Some),
        }
    }

    /// Writes what became of a run's words once more.
    ///
    /// # Errors
    /// The system's refusals.
    pub(super) fn write_words(&self, words: &WordsOfRun) -> Result<()> {
        write_json(&run_folder(&self.path, &words.run).join(RunFiles::WORDS), words, false)
    }

    /// The files of a run that is to begin, or to go on.
    ///
    /// # Errors
    /// The system's refusals.
    pub(super) fn begin(&self, planned: &PlannedRun) -> Result<RunFiles> {
        let folder = run_folder(&self.path, &planned.name);
        fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "make it", e))?;
        let lock = self.is_shared.then(|| Lock::of(&folder, File::try_lock)).transpose()?;
        remove_half_written(&folder);
        let Some(vectors) = self.configuration.vectors.get(planned.vectors) else {
            return Err(Error::invalid("run", "vectors of the comparison", "others"));
        };
        let configuration = RunConfiguration {
            version: VERSION,
            run: &planned.name,
            vectors,
            texts: &self.configuration.texts,
            train_texts: planned.train_texts,
            settings: &planned.settings,
            options: &planned.options,
        };
        write_json(&folder.join("config.json"), &configuration, true)?;
        Ok(RunFiles { folder, _lock: lock })
    }
}

impl Lock {
    /// Locks a folder, or refuses one that another process has locked.
    fn of(folder: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Lock> {
        let path = folder.join(LOCK);
        let file = File::create(&path).map_err(|e| Error::io(&path, "make it", e))?;
        match lock(&file) {
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
            _ => Ok(Lock(file)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not only closed: a process that was forked in the meantime may still have it open.
        let _ = self.0.unlock();
    }
}

/// The files of a run.
#[derive(Debug)]
pub(super) struct RunFiles {
    folder: PathBuf,
    /// Held where the folder of the comparison is shared.
    _lock: Option<Lock>,
}

impl RunFiles {
    const RESULT: &str = "result.json";
    const TIMING: &str = "timing.json";
    const MODEL: &str = "model.safetensors";
    const WORDS: &str = "words.json";

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// Writes what came of the run, its results last.
    pub(super) fn finish(&self, run: &Run, trained: &TrainingOutcome, words: Option<&WordsOfRun>) -> Result<()> {
        trained.classifier.save(self.folder.join(RunFiles::MODEL))?;
        if let Some(words) = words {
            write_json(&self.folder.join(RunFiles::WORDS), words, false)?;
        }
        let timing = Timing { seconds: trained.seconds, tokens_per_second: trained.tokens_per_second() };
        write_json(&self.folder.join(RunFiles::TIMING), &timing, true)?;
        let timeless = Run { seconds: None, ..run.clone() };
        write_json(&self.folder.join(RunFiles::RESULT), &timeless, false)?;
        match fs::remove_file(self.checkpoint()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(self.checkpoint(), "remove it", e)),
            _ => Ok(()),
        }
    }
}

/// Reads the folder of a comparison, finished or not.
///
/// # Errors
/// A folder that is none of a comparison, or files in it that were altered.
pub fn load(path: impl AsRef<Path>) -> Result<Comparison> {
    let path = path.as_ref();
    let configuration = read_configuration(path)?;
    let mut runs = Vec::new();
    for name in &configuration.runs {
        runs.extend(read_run(path, name)?);
    }
    let test_texts = if configuration.texts.test.is_some() { read_texts(&path.join(TEST_TEXTS))? } else { Vec::new() };
    Ok(Comparison::of(configuration.runs.len(), runs, test_texts))
}

/// Opens the model of a run that is done.
///
/// # Errors
/// As [`Classifier::open`].
pub fn open_model(path: impl AsRef<Path>, run: &str) -> Result<Classifier> {
    Classifier::open(run_folder(path.as_ref(), run).join(RunFiles::MODEL))
}

/// Opens the model of a run that is done, unless it was removed.
///
/// # Errors
/// As [`Classifier::open`].
pub(super) fn open_model_if_kept(path: &Path, run: &str) -> Result<Option<Classifier>> {
    let file = run_folder(path, run).join(RunFiles::MODEL);
    if file.exists() { Classifier::open(file).map(Some) } else { Ok(None) }
}

/// What became of a run's words, where that was kept.
pub(super) fn read_words(path: &Path, run: &str) -> Result<Option<WordsOfRun>> {
    let file = run_folder(path, run).join(RunFiles::WORDS);
    if file.exists() { read_json(&file, "what became of a run's words").map(Some) } else { Ok(None) }
}

/// The texts of the development part.
pub(super) fn read_dev_texts(path: &Path) -> Result<Vec<LabelledText>> {
    read_texts(&path.join(DEV_TEXTS))
}

/// The words of the development and test parts that the vectors do not know.
pub(super) fn read_unknown_words(path: &Path) -> Result<Vec<UnknownWords>> {
    read_json(&path.join(UNKNOWN_WORDS), "words that the vectors do not know")
}

/// The words of the development and test parts that some vectors do not know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UnknownWords {
    /// The vectors, by name.
    pub(super) vectors: String,
    /// How the texts are cut, by name.
    pub(super) tokenizer: String,
    pub(super) words: BTreeSet<String>,
}

/// For all vectors of a plan and all ways in which its runs cut texts.
fn unknown_words_of(plan: &Plan) -> Result<Vec<UnknownWords>> {
    let mut tokenizers: Vec<Tokenizer> = Vec::new();
    for run in plan.runs() {
        if !tokenizers.contains(&run.options.tokenizer) {
            tokenizers.push(run.options.tokenizer);
        }
    }
    let splits = plan.splits();
    let splits: Vec<&Dataset> = [Some(&splits.dev), splits.test.as_ref()].into_iter().flatten().collect();
    let mut all = Vec::new();
    for named in plan.vectors() {
        for &tokenizer in &tokenizers {
            let mut words = BTreeSet::new();
            for part in &splits {
                words.extend(unknown_words(&part.texts, &named.vectors, tokenizer, plan.options().train.case)?);
            }
            let (vectors, tokenizer) = (named.name.clone(), tokenizer.name().to_owned());
            all.push(UnknownWords { vectors, tokenizer, words });
        }
    }
    Ok(all)
}

fn run_folder(path: &Path, name: &str) -> PathBuf {
    path.join(RUNS).join(name)
}

pub(super) fn read_configuration(path: &Path) -> Result<Configuration> {
    let file = path.join(CONFIGURATION);
    if !file.exists() {
        let what = Malformed::at(Place::File, "the folder of a comparison", format!("none with a {CONFIGURATION}"));
        return Err(what.in_file(path.to_string_lossy()).advise("choose the output directory of a comparison").into());
    }
    let value: Value = read_json(&file, "the configuration of a comparison")?;
    let version = value.get("version").and_then(Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or("none".to_owned(), |version| format!("version {version}"));
        let what = Malformed::at(Place::File, format!("a comparison of version {VERSION}"), found);
        return Err(what.in_file(file.to_string_lossy()).advise("go on with the vocable that made it").into());
    }
    let configuration: Configuration = serde_json::from_value(value)
        .map_err(|e| damaged(&file, "the configuration of a comparison".to_owned(), e.to_string()))?;
    // They name folders.
    match configuration.runs.iter().find(|name| name.is_empty() || name.contains(['/', '\\']) || name.contains("..")) {
        Some(name) => Err(damaged(&file, "names of runs".to_owned(), format!("`{name}`"))),
        None => Ok(configuration),
    }
}

/// The outcome of a run, if it is done.
fn read_run(path: &Path, name: &str) -> Result<Option<Run>> {
    let folder = run_folder(path, name);
    let file = folder.join(RunFiles::RESULT);
    if !file.exists() {
        return Ok(None);
    }
    let mut run: Run = read_json(&file, "results of a run")?;
    let classes = run.labels.len();
    let square = |rows: &Vec<Vec<usize>>| rows.len() == classes && rows.iter().all(|row| row.len() == classes);
    let confusions = [Some(&run.dev), run.test.as_ref()].into_iter().flatten();
    let fits = run.predictions.as_ref().is_none_or(|all| {
        all.right.len() == all.predicted.len()
            && all.right.len() == all.probabilities.len()
            && all.right.iter().chain(&all.predicted).all(|&class| class < classes)
            && all.probabilities.iter().all(|row| row.len() == classes)
    });
    if !fits || !confusions.into_iter().all(|metrics| square(&metrics.confusion)) {
        return Err(damaged(&file, format!("figures of {classes} classes"), "others".to_owned()));
    }
    let timing = folder.join(RunFiles::TIMING);
    if timing.exists() {
        run.seconds = Some(read_json::<Timing>(&timing, "the time that a run took")?.seconds);
    }
    Ok(Some(run))
}

fn read_texts(path: &Path) -> Result<Vec<LabelledText>> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read it", e))?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let text = |line| {
        let TestText { label, text, line } = serde_json::from_slice(line)?;
        Ok(LabelledText { label, text, line })
    };
    let texts: Result<_, serde_json::Error> = lines.map(text).collect();
    texts.map_err(|e| damaged(path, "texts as JSON lines".to_owned(), e.to_string()))
}

fn write_texts(path: &Path, data: &Dataset) -> Result<()> {
    write_atomic(path, |file| {
        for LabelledText { label, text, line } in &data.texts {
            serde_json::to_writer(&mut *file, &TestText { label: label.clone(), text: text.clone(), line: *line })?;
            writeln!(file)?;
        }
        Ok(())
    })
}

fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read it", e))?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(path, what.to_owned(), e.to_string()))
}

fn write_json(path: &Path, value: &impl Serialize, pretty: bool) -> Result<()> {
    let bytes = if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    let bytes = bytes.map_err(|e| impossible(&e))?;
    write_atomic(path, |file| {
        file.write_all(&bytes)?;
        writeln!(file)
    })
}

/// Removes what a process left that was killed while it wrote.
fn remove_half_written(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".vocable-")) {
        // It is in no one's way.
        let _ = fs::remove_file(entry.path());
    }
}

pub(super) fn damaged(path: &Path, expected: String, found: String) -> Error {
    let what = Malformed::at(Place::File, expected, found).in_file(path.to_string_lossy());
    what.advise("the file was altered; remove its folder to run what it holds again").into()
}

pub(super) fn impossible(e: &dyn std::fmt::Display) -> Error {
    Error::invalid("comparison", "what JSON holds", e.to_string())
}
