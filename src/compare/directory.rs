//! The directory of a comparison: its configuration, and for each run its configuration, log, model and results.
//!
//! A run is done when its `result.json` exists. That file is written last, under a temporary name, and then renamed. Results, models
//! and configurations are the same bytes however often a comparison was interrupted. Values that depend on the clock are in files
//! of their own, `timing.json` and `log.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::configuration::{Configuration, TextFiles, VERSION, VectorsFile};
use super::disagreements::unknown_words;
use super::plan::{Plan, PlannedRun};
use super::records::{Lock, altered, read_json, read_texts, remove_temporary_files, write_json, write_texts};
use super::results::{Comparison, Run};
use super::words::WordChanges;
use crate::classifier::{Classifier, Dataset, LabelledText, Tokenizer, TrainOptions, TrainingOutcome};
use crate::error::{Error, Malformed, Place, Result};

const CONFIGURATION: &str = "compare.json";
const DEV_TEXTS: &str = "dev.jsonl";
const TEST_TEXTS: &str = "test.jsonl";
const UNKNOWN_WORDS: &str = "unknown.json";
const RUNS: &str = "runs";

/// The directory of a comparison, locked by this process alone, or shared by processes that each do some of the runs.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    configuration: Configuration,
    is_shared: bool,
    _lock: Lock,
}

/// The configuration of a run.
#[derive(Debug, Serialize)]
struct RunConfiguration<'a> {
    version: u32,
    run: &'a str,
    vectors: &'a VectorsFile,
    texts: &'a TextFiles,
    /// How many texts of the train set the run is trained on.
    train_texts: usize,
    settings: &'a BTreeMap<String, String>,
    options: &'a TrainOptions,
}

/// Results of a run that differ each time.
#[derive(Debug, Serialize, Deserialize)]
struct Timing {
    seconds: f64,
    tokens_per_second: f64,
}

impl RunDirectory {
    /// Creates the directory of a comparison, or opens an existing one to resume it.
    ///
    /// # Errors
    /// The directory holds another comparison (the first difference is named) or other files; another process has locked it;
    /// files cannot be read or written.
    pub fn open(path: impl AsRef<Path>, plan: &Plan) -> Result<RunDirectory> {
        let path = path.as_ref();
        for named in plan.vectors() {
            named.vectors.check()?;
        }
        let wanted = Configuration::of(plan)?;
        let file = path.join(CONFIGURATION);
        if path.exists() && !file.exists() {
            check_empty(path)?;
        }
        fs::create_dir_all(path.join(RUNS)).map_err(|e| Error::io(path, "create it", e))?;
        let lock = Lock::exclusive(path)?;
        remove_temporary_files(path);
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
        Ok(RunDirectory { path: path.to_owned(), configuration: wanted, is_shared: false, _lock: lock })
    }

    /// Opens a directory that [`RunDirectory::open`] created, together with other processes on this machine or on others that see the
    /// directory. Each process does some of the runs ([`compare_run`](super::compare_run)); a run that another process is doing is
    /// refused.
    ///
    /// # Errors
    /// The directory does not belong to this comparison; another process has locked it exclusively; files cannot be read or written.
    pub fn share(path: impl AsRef<Path>, plan: &Plan) -> Result<RunDirectory> {
        let path = path.as_ref();
        for named in plan.vectors() {
            named.vectors.check()?;
        }
        let configuration = Configuration::of(plan)?;
        read_configuration(path)?.check(&configuration, path)?;
        let lock = Lock::shared(path)?;
        Ok(RunDirectory { path: path.to_owned(), configuration, is_shared: true, _lock: lock })
    }

    /// Whether a run of the plan is done.
    ///
    /// # Errors
    /// Results that cannot be read, or that belong to another run.
    pub fn is_done(&self, planned: &PlannedRun) -> Result<bool> {
        Ok(self.finished(planned)?.is_some())
    }

    /// The results of a run, if it is done.
    ///
    /// # Errors
    /// Results that cannot be read, or that belong to another run.
    pub(super) fn finished(&self, planned: &PlannedRun) -> Result<Option<Run>> {
        let run = read_run(&self.path, &planned.name)?;
        match run {
            Some(run) if !run.matches(planned) => {
                let file = run_directory(&self.path, &planned.name).join(RunFiles::RESULT);
                Err(altered(&file, format!("results of run {}", planned.name), format!("results of run {}", run.name)))
            }
            run => Ok(run),
        }
    }

    /// The model of a finished run, if its word changes are missing or were computed for other watched words.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(super) fn model_without_word_changes(&self, planned: &PlannedRun) -> Result<Option<Classifier>> {
        match read_word_changes(&self.path, &planned.name)? {
            Some(words) if words.watched == self.configuration.watch => Ok(None),
            _ => open_model(&self.path, &planned.name).map(Some),
        }
    }

    /// Writes the word changes of a finished run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_word_changes(&self, words: &WordChanges) -> Result<()> {
        write_json(&run_directory(&self.path, &words.run).join(RunFiles::WORDS), words, false)
    }

    /// The files of a run that starts or resumes now.
    ///
    /// # Errors
    /// Another process is doing the run; files cannot be written.
    pub(super) fn start(&self, planned: &PlannedRun) -> Result<RunFiles> {
        let directory = run_directory(&self.path, &planned.name);
        fs::create_dir_all(&directory).map_err(|e| Error::io(&directory, "create it", e))?;
        let lock = self.is_shared.then(|| Lock::exclusive(&directory)).transpose()?;
        remove_temporary_files(&directory);
        let Some(vectors) = self.configuration.vectors.get(planned.vectors) else {
            return Err(Error::other("the vectors of the run are not in the plan"));
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
        write_json(&directory.join("config.json"), &configuration, true)?;
        Ok(RunFiles { directory, _lock: lock })
    }
}

/// Fails if a directory without a configuration holds files of anything else than a comparison that was interrupted at its start.
fn check_empty(path: &Path) -> Result<()> {
    let mut entries = fs::read_dir(path).map_err(|e| Error::io(path, "read it", e))?;
    // Hidden files do no harm, and the lock file is one.
    let is_foreign =
        |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.') && entry.file_name() != RUNS;
    if entries.any(|entry| entry.is_ok_and(|entry| is_foreign(&entry))) {
        let what = Malformed::at(Place::File, "an empty folder, or one of a comparison", "other files");
        return Err(what.in_file(path.to_string_lossy()).advise("choose another output directory").into());
    }
    Ok(())
}

/// The files of a run.
#[derive(Debug)]
pub(super) struct RunFiles {
    directory: PathBuf,
    /// Held if the directory of the comparison is shared.
    _lock: Option<Lock>,
}

impl RunFiles {
    const RESULT: &str = "result.json";
    const TIMING: &str = "timing.json";
    const MODEL: &str = "model.safetensors";
    const WORDS: &str = "words.json";

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log.jsonl")
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.directory.join("checkpoint.safetensors")
    }

    /// Writes the outcome of the run, `result.json` last.
    pub(super) fn finish(&self, run: &Run, trained: &TrainingOutcome, words: Option<&WordChanges>) -> Result<()> {
        trained.classifier.save(self.directory.join(RunFiles::MODEL))?;
        if let Some(words) = words {
            write_json(&self.directory.join(RunFiles::WORDS), words, false)?;
        }
        let timing = Timing { seconds: trained.seconds, tokens_per_second: trained.tokens_per_second() };
        write_json(&self.directory.join(RunFiles::TIMING), &timing, true)?;
        let timeless = Run { seconds: None, ..run.clone() };
        write_json(&self.directory.join(RunFiles::RESULT), &timeless, false)?;
        match fs::remove_file(self.checkpoint()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(self.checkpoint(), "remove it", e)),
            _ => Ok(()),
        }
    }
}

/// Reads the directory of a comparison, finished or not.
///
/// # Errors
/// The directory does not hold a comparison, or its files were altered.
pub fn load(path: impl AsRef<Path>) -> Result<Comparison> {
    let path = path.as_ref();
    let configuration = read_configuration(path)?;
    let mut runs = Vec::new();
    for name in &configuration.runs {
        runs.extend(read_run(path, name)?);
    }
    let test_texts = if configuration.texts.test.is_some() { read_texts(&path.join(TEST_TEXTS))? } else { Vec::new() };
    Ok(Comparison::new(configuration.runs.len(), runs, test_texts))
}

/// Opens the model of a finished run.
///
/// # Errors
/// As [`Classifier::open`].
pub fn open_model(path: impl AsRef<Path>, run: &str) -> Result<Classifier> {
    Classifier::open(run_directory(path.as_ref(), run).join(RunFiles::MODEL))
}

/// Opens the model of a finished run, unless it was deleted.
///
/// # Errors
/// As [`Classifier::open`].
pub(super) fn open_model_if_kept(path: &Path, run: &str) -> Result<Option<Classifier>> {
    let file = run_directory(path, run).join(RunFiles::MODEL);
    if file.exists() { Classifier::open(file).map(Some) } else { Ok(None) }
}

/// The word changes of a run, if its directory has them.
pub(super) fn read_word_changes(path: &Path, run: &str) -> Result<Option<WordChanges>> {
    let file = run_directory(path, run).join(RunFiles::WORDS);
    if file.exists() { read_json(&file, "word changes of a run").map(Some) } else { Ok(None) }
}

/// The texts of the dev set.
pub(super) fn read_dev_texts(path: &Path) -> Result<Vec<LabelledText>> {
    read_texts(&path.join(DEV_TEXTS))
}

/// The out-of-vocabulary words of the dev and test sets.
pub(super) fn read_unknown_words(path: &Path) -> Result<Vec<UnknownWords>> {
    read_json(&path.join(UNKNOWN_WORDS), "out-of-vocabulary words")
}

/// The words of the dev and test sets that some vectors lack.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UnknownWords {
    /// The vectors, by name.
    pub(super) vectors: String,
    /// The tokenizer, by name.
    pub(super) tokenizer: String,
    pub(super) words: BTreeSet<String>,
}

/// For all vectors of a plan and all tokenizers of its runs.
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
            for split in &splits {
                words.extend(unknown_words(&split.texts, &named.vectors, tokenizer, plan.options().train.case)?);
            }
            let (vectors, tokenizer) = (named.name.clone(), tokenizer.name().to_owned());
            all.push(UnknownWords { vectors, tokenizer, words });
        }
    }
    Ok(all)
}

fn run_directory(path: &Path, name: &str) -> PathBuf {
    path.join(RUNS).join(name)
}

pub(super) fn read_configuration(path: &Path) -> Result<Configuration> {
    let file = path.join(CONFIGURATION);
    if !file.exists() {
        let what = Malformed::at(Place::File, "the output directory of a comparison", format!("no {CONFIGURATION}"));
        return Err(what.in_file(path.to_string_lossy()).into());
    }
    let value: Value = read_json(&file, "the configuration of a comparison")?;
    let version = value.get("version").and_then(Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or("none".to_owned(), |version| format!("version {version}"));
        let what = Malformed::at(Place::File, format!("a comparison of version {VERSION}"), found);
        return Err(what
            .in_file(file.to_string_lossy())
            .advise("resume it with the version of vocable that created it")
            .into());
    }
    let configuration: Configuration = serde_json::from_value(value)
        .map_err(|e| altered(&file, "the configuration of a comparison", e.to_string()))?;
    // Run names are names of subdirectories: they must not lead elsewhere.
    match configuration.runs.iter().find(|name| name.is_empty() || name.contains(['/', '\\']) || name.contains("..")) {
        Some(name) => Err(altered(&file, "names of runs", format!("`{name}`"))),
        None => Ok(configuration),
    }
}

/// The results of a run, if it is done.
fn read_run(path: &Path, name: &str) -> Result<Option<Run>> {
    let directory = run_directory(path, name);
    let file = directory.join(RunFiles::RESULT);
    if !file.exists() {
        return Ok(None);
    }
    let mut run: Run = read_json(&file, "results of a run")?;
    let classes = run.labels.len();
    let square = |rows: &Vec<Vec<usize>>| rows.len() == classes && rows.iter().all(|row| row.len() == classes);
    let confusions = [Some(&run.dev), run.test.as_ref()].into_iter().flatten();
    let fits = run.predictions.as_ref().is_none_or(|all| {
        all.gold.len() == all.predicted.len()
            && all.gold.len() == all.probabilities.len()
            && all.gold.iter().chain(&all.predicted).all(|&class| class < classes)
            && all.probabilities.iter().all(|row| row.len() == classes)
    });
    if !fits || !confusions.into_iter().all(|metrics| square(&metrics.confusion)) {
        return Err(altered(&file, format!("metrics of {classes} classes"), "another number of classes"));
    }
    let timing = directory.join(RunFiles::TIMING);
    if timing.exists() {
        run.seconds = Some(read_json::<Timing>(&timing, "the time that a run took")?.seconds);
    }
    Ok(Some(run))
}
