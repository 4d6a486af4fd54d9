//! What a comparison found: all that a person is shown of it, in numbers and sentences, for the terminal, the page, Markdown and JSON
//! alike.
//!
//! [`Findings`] are made from the folder of a comparison alone, so that they can be made again when neither vectors nor texts are at
//! hand. Accuracies and probabilities are shares from 0 to 1, epochs are counted from 1.

mod group;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

pub use super::configuration::{Configuration, TextFile, TextFiles, VectorsFile};
use super::directory::{RunDirectory, UnknownWords, load, read_configuration, read_dev_texts, read_unknown_words};
use super::disagreements::MarkedWord;
use super::plan::Plan;
use super::records::altered;
use super::results::{Comparison, Run};
use super::runner::{Event, RunOptions, compare};
use super::statistics::{Pair, Summary, Verdict};
use super::words::WordChanges;
use crate::classifier::{GateView, LabelledText, Metrics, RowChecksum, Tokenizer};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The runs that are done and how many were planned, without what they say about single texts. In JSON its fields `planned`,
    /// `embeddings` and `runs` stand beside the others.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What was compared, and how to do so again.
    pub configuration: Configuration,
    /// The part that scores are of: the test part, or the development part where there is no other.
    pub scored_on: Split,
    /// The labels, in the order in which confusion matrices and probabilities count classes.
    pub labels: Vec<String>,
    /// The embeddings of each combination of vectors, settings and number of training texts, in the order of the runs. A group is there
    /// as soon as one of its runs is done.
    pub groups: Vec<Group>,
    /// Scores by the number of training texts; empty where there is only one number.
    pub size_curves: Vec<SizeCurve>,
}

/// A part of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What the epoch is chosen by.
    Dev,
    /// What the result is measured on, once.
    Test,
}

/// Arms that differ in nothing but the embedding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The vectors, by name.
    pub vectors: String,
    /// How many texts its runs learnt from.
    pub train_texts: usize,
    /// Values of the settings that are swept.
    pub settings: BTreeMap<String, String>,
    /// The embeddings, in the order asked for; those of which no run is done yet are left out.
    pub embeddings: Vec<EmbeddingFindings>,
    /// All pairs of the embeddings whose runs are all done, by their scores.
    pub pairs: Vec<PairFindings>,
    /// Where embeddings disagree about texts of the test part, for the pairs that matter: frozen and tuned, and the best two. Empty
    /// without a test part.
    pub disagreements: Vec<PairDisagreements>,
    /// What the gates of the best embeddings' first models do at a few texts; empty for cells without gates, and before all runs of an embedding
    /// are done.
    pub gates: Vec<TextGates>,
}

/// An embedding of a group, over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingFindings {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The seeds whose runs are done.
    pub seeds: Vec<u64>,
    /// Accuracy on [`Findings::scored_on`].
    pub score: Summary,
    /// Accuracy on the development part.
    pub dev_accuracy: Summary,
    /// Macro-F1 on the development part.
    pub dev_macro_f1: Summary,
    /// Accuracy on the test part.
    pub test_accuracy: Option<Summary>,
    /// Macro-F1 on the test part.
    pub test_macro_f1: Option<Summary>,
    /// Log loss on [`Findings::scored_on`].
    pub loss: Summary,
    /// Expected calibration error on [`Findings::scored_on`].
    pub calibration_error: Summary,
    /// Numbers that training could change, of the first run.
    pub trainable_parameters: usize,
    /// The epoch that was kept.
    pub best_epoch: Summary,
    /// Seconds a run, beside the others; `None` where some are not known.
    pub seconds: Option<Summary>,
    /// Names of the runs whose loss was no number any more; their best epoch before counts.
    pub diverged: Vec<String>,
    /// How its runs learnt, epoch by epoch.
    pub curve: Vec<CurvePoint>,
    /// `confusion[right][predicted]`: numbers of texts of [`Findings::scored_on`], summed over the runs.
    pub confusion: Vec<Vec<usize>>,
    /// The rows that its words have in the vectors; none of random rows and one-hot words.
    pub pretrained_rows: Option<PretrainedRows>,
    /// What training did to the words, in the run of the first seed; none where rows do not change (frozen, one-hot), and before
    /// that run is done.
    pub words: Option<WordChanges>,
}

/// Whether training changed rows that came from the vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PretrainedRows {
    /// Runs of which no bit of these rows changed.
    pub unchanged: usize,
    /// All runs.
    pub runs: usize,
    /// Those of the first run, with checksums before training and after.
    pub first: RowChecksum,
}

/// An epoch, over the runs of an embedding that ran as long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Runs that came to its end; later epochs have fewer, as runs end early.
    pub runs: usize,
    /// Accuracy on the development part after it.
    pub dev_accuracy: MeanRange,
    /// Mean loss over the training texts as they were met, dropout included.
    pub train_loss: MeanRange,
}

/// The mean of some runs and the band from the least to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanRange {
    /// Mean.
    pub mean: f64,
    /// The least of them.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// Two embeddings compared, in numbers and in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairFindings {
    /// The numbers; its embeddings are named as [`EmbeddingMode`]'s `Display` names them.
    #[serde(flatten)]
    pub pair: Pair,
    /// Which is better, if the seeds tell.
    pub verdict: Verdict,
    /// The verdict as a plain sentence, without a full stop ([`Pair::sentence`]).
    pub sentence: String,
    /// What the permutation test could not have found in so few seeds ([`Pair::permutation_note`]).
    pub permutation_note: Option<String>,
    /// How many times the first's training time the second's is, where known.
    pub time_ratio: Option<f64>,
    /// Whether this is one of the pairs that matter most: frozen and tuned, and the best two.
    pub highlighted: bool,
}

/// Texts that one embedding gets right and the other wrong, by the mean probabilities of their runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairDisagreements {
    /// One embedding.
    pub first: EmbeddingMode,
    /// The other.
    pub second: EmbeddingMode,
    /// Texts that the first alone gets right.
    pub only_first: DisagreementExamples,
    /// Texts that the second alone gets right.
    pub only_second: DisagreementExamples,
}

/// Texts that one embedding alone gets right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisagreementExamples {
    /// How many there are.
    pub count: usize,
    /// A handful of them, those first whose right class the embeddings' probabilities differ most about.
    pub texts: Vec<DisagreementText>,
}

/// A text that two embeddings disagree about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisagreementText {
    /// The line that it begins on in its file.
    pub line: u64,
    /// The text, as the file has it.
    pub text: String,
    /// Its words as the classifiers read them; unknown to the vectors where [`MarkedWord::known`] says so.
    pub words: Vec<MarkedWord>,
    /// The right label.
    pub label: String,
    /// What the first embedding says.
    pub first: PredictedLabel,
    /// What the second embedding says.
    pub second: PredictedLabel,
    /// How much more probable the right label is to the embedding that is right.
    pub gap: f32,
}

/// The most probable label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedLabel {
    /// The label.
    pub label: String,
    /// Its probability, the mean over the runs.
    pub probability: f32,
}

/// What the gates of some embeddings' models do as they read a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextGates {
    /// The part that the text is of.
    pub part: Split,
    /// The line that it begins on in its file.
    pub line: u64,
    /// The text, as the file has it.
    pub text: String,
    /// The right label.
    pub label: String,
    /// The best embedding, and the next best where there is one.
    pub views: Vec<EmbeddingGates>,
}

/// What the gates of a model do as it reads a text: the first layer, reading forward.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingGates {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The run that the model is of, that of the embedding's first seed.
    pub run: String,
    /// Word by word.
    pub view: GateView,
}

/// Scores by the number of training texts, all else being the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeCurve {
    /// The vectors, by name.
    pub vectors: String,
    /// Values of the settings that are swept.
    pub settings: BTreeMap<String, String>,
    /// A line for each embedding, in the order asked for.
    pub embeddings: Vec<SizeSeries>,
}

/// An embedding's scores by the number of training texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeSeries {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// From few texts to many.
    pub points: Vec<SizePoint>,
}

/// An embedding's score with so many training texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SizePoint {
    /// Training texts.
    pub train_texts: usize,
    /// Accuracy on [`Findings::scored_on`].
    pub score: Summary,
}

impl Findings {
    /// Of a plan whose runs are done here, where they are not done yet: in the folder `path`, or in one that goes away. `observe` as for
    /// [`compare`].
    ///
    /// # Errors
    /// As [`RunDirectory::open`], [`compare`] and [`Findings::read`].
    pub fn of(
        plan: &Plan,
        path: Option<&Path>,
        options: &RunOptions,
        observe: &(dyn Fn(Event) -> ControlFlow<()> + Sync),
    ) -> Result<Findings> {
        let Some(path) = path else {
            let place = std::env::temp_dir();
            let folder = tempfile::tempdir_in(&place).map_err(|e| Error::io(&place, "make a folder in it", e))?;
            // No one could go on with it.
            let options = RunOptions { checkpoint_every: Duration::MAX, ..*options };
            return Findings::of(plan, Some(folder.path()), &options, observe);
        };
        let directory = RunDirectory::open(path, plan)?;
        compare(plan, Some(&directory), options, observe)?;
        Findings::read(path)
    }

    /// Of the folder of a comparison, finished or not.
    ///
    /// # Errors
    /// A folder that is none of a comparison, or files in it that were altered.
    pub fn read(path: impl AsRef<Path>) -> Result<Findings> {
        let path = path.as_ref();
        let configuration = read_configuration(path)?;
        let comparison = load(path)?;
        let labels = comparison.runs.first().map(|run| run.labels.clone()).unwrap_or_default();
        let scored_on = if configuration.texts.test.is_some() { Split::Test } else { Split::Dev };
        for run in &comparison.runs {
            let texts = run.predictions.as_ref().map_or(0, |predictions| predictions.gold.len());
            let scored = scored_on.metrics(run).is_some_and(|metrics| metrics.texts() > 0);
            if run.labels != labels || texts != comparison.test_texts.len() || !scored {
                let expected = "labels and texts that are those of all runs";
                return Err(altered(path, expected, format!("others in the run {}", run.name)));
            }
        }
        let source = Source {
            path,
            configuration: &configuration,
            scored_on,
            labels: &labels,
            test_texts: &comparison.test_texts,
            dev_texts: &read_dev_texts(path)?,
            unknown: &read_unknown_words(path)?,
        };
        let mut groups = Vec::new();
        for runs in comparison.runs.chunk_by(|a, b| all_but_embedding(a) == all_but_embedding(b)) {
            groups.extend(Group::of(runs, &source)?);
        }
        let size_curves = if configuration.train_sizes.len() > 1 { size_curves(&groups) } else { Vec::new() };
        let comparison = comparison.without_predictions();
        Ok(Findings { comparison, configuration, scored_on, labels, groups, size_curves })
    }
}

impl Split {
    /// Figures of a run on this part.
    fn metrics(self, run: &Run) -> Option<&Metrics> {
        match self {
            Split::Dev => Some(&run.dev),
            Split::Test => run.test.as_ref(),
        }
    }
}

/// What findings are made from, besides the runs.
struct Source<'a> {
    path: &'a Path,
    configuration: &'a Configuration,
    scored_on: Split,
    labels: &'a [String],
    test_texts: &'a [LabelledText],
    dev_texts: &'a [LabelledText],
    unknown: &'a [UnknownWords],
}

impl Source<'_> {
    /// How runs with these settings cut texts.
    fn tokenizer(&self, settings: &BTreeMap<String, String>) -> Result<Tokenizer> {
        let elsewhere = || self.configuration.options.get("tokenizer").and_then(|name| name.as_str());
        settings.get("tokenizer").map(String::as_str).or_else(elsewhere).unwrap_or_default().parse()
    }
}

fn all_but_embedding(run: &Run) -> (&str, &BTreeMap<String, String>, usize) {
    (&run.vectors, &run.settings, run.train_texts)
}

/// The groups that differ in nothing but the number of training texts, as curves.
fn size_curves(groups: &[Group]) -> Vec<SizeCurve> {
    let of = |groups: &[Group]| -> Option<SizeCurve> {
        let first = groups.first()?;
        let mut by_size: Vec<&Group> = groups.iter().collect();
        by_size.sort_by_key(|group| group.train_texts);
        let mut variants: Vec<SizeSeries> = Vec::new();
        for variant in groups.iter().flat_map(|group| &group.embeddings) {
            if !variants.iter().any(|line| line.embedding == variant.embedding) {
                variants.push(SizeSeries { embedding: variant.embedding, points: Vec::new() });
            }
        }
        for line in &mut variants {
            let of_size = |group: &&Group| {
                let variant = group.embeddings.iter().find(|variant| variant.embedding == line.embedding)?;
                Some(SizePoint { train_texts: group.train_texts, score: variant.score })
            };
            line.points = by_size.iter().filter_map(of_size).collect();
        }
        Some(SizeCurve { vectors: first.vectors.clone(), settings: first.settings.clone(), embeddings: variants })
    };
    groups.chunk_by(|a, b| (&a.vectors, &a.settings) == (&b.vectors, &b.settings)).filter_map(of).collect()
}
