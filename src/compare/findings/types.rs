//! The parts of [`Findings`](super::Findings).

use std::collections::BTreeMap;

use serde::Serialize;
use strum::IntoStaticStr;

use crate::classifier::{GateView, Metrics, RowChecksum};
use crate::compare::disagreements::MarkedWord;
use crate::compare::results::Run;
use crate::compare::statistics::{Pair, Summary, Verdict};
use crate::compare::words::WordChanges;
use crate::nn::EmbeddingMode;

/// The set that scores are measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Split {
    /// The dev set, which selects the epoch.
    Dev,
    /// The test set.
    Test,
}

impl Split {
    /// `dev` or `test`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Metrics of a run on this set.
    pub(super) fn metrics(self, run: &Run) -> Option<&Metrics> {
        match self {
            Split::Dev => Some(&run.dev),
            Split::Test => run.test.as_ref(),
        }
    }
}

/// Runs that differ in embedding and seed alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The pretrained vectors, by name.
    pub vectors: String,
    /// How many texts the runs were trained on.
    pub train_texts: usize,
    /// Values of the swept options.
    pub settings: BTreeMap<String, String>,
    /// The embeddings, in the order of the options; those without a finished run are omitted.
    pub embeddings: Vec<EmbeddingFindings>,
    /// Comparisons of all pairs of embeddings whose runs are all done.
    pub pairs: Vec<PairFindings>,
    /// Test texts on which two embeddings disagree, for the highlighted pairs: frozen and tuned, and the best two. Empty without a
    /// test set.
    pub disagreements: Vec<PairDisagreements>,
    /// Gates of the best embeddings on a few texts, in the models of the first seed; empty for cells without gates, and until all runs
    /// of an embedding are done.
    pub gates: Vec<TextGates>,
}

/// Results of an embedding in a group, over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingFindings {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The seeds of the finished runs.
    pub seeds: Vec<u64>,
    /// Accuracy on [`Findings::scored_on`](super::Findings::scored_on).
    pub score: Summary,
    /// Accuracy on the dev set.
    pub dev_accuracy: Summary,
    /// Macro-F1 on the dev set.
    pub dev_macro_f1: Summary,
    /// Accuracy on the test set.
    pub test_accuracy: Option<Summary>,
    /// Macro-F1 on the test set.
    pub test_macro_f1: Option<Summary>,
    /// Log loss on [`Findings::scored_on`](super::Findings::scored_on).
    pub loss: Summary,
    /// Expected calibration error on [`Findings::scored_on`](super::Findings::scored_on).
    pub calibration_error: Summary,
    /// Number of trainable parameters of the first run.
    pub trainable_parameters: usize,
    /// The epoch whose weights were kept.
    pub best_epoch: Summary,
    /// Training time per run in seconds, with concurrent runs; `None` if it is not known for all runs.
    pub seconds: Option<Summary>,
    /// Names of the runs that diverged (non-finite loss); their best epoch before that is used.
    pub diverged: Vec<String>,
    /// Learning curve, epoch by epoch.
    pub curve: Vec<CurvePoint>,
    /// `confusion[true][predicted]`: numbers of texts of [`Findings::scored_on`](super::Findings::scored_on), summed over the runs.
    pub confusion: Vec<Vec<usize>>,
    /// The rows taken from the vectors; `None` for random and one-hot embeddings.
    pub pretrained_rows: Option<PretrainedRows>,
    /// What training changed in the words, in the run of the first seed; `None` if rows do not change (frozen, one-hot) or the run is
    /// not done.
    pub words: Option<WordChanges>,
}

/// Whether training changed pretrained rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PretrainedRows {
    /// Number of runs in which these rows are unchanged, bit for bit.
    pub unchanged: usize,
    /// Number of runs.
    pub runs: usize,
    /// Checksums of the first run, before and after training.
    pub first: RowChecksum,
}

/// An epoch, over the runs of an embedding that reached it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Number of runs that completed it; some runs stop early.
    pub runs: usize,
    /// Accuracy on the dev set after the epoch.
    pub dev_accuracy: MeanRange,
    /// Mean loss over the training texts during the epoch, with dropout.
    pub train_loss: MeanRange,
}

/// Mean, minimum and maximum over some runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanRange {
    /// Mean.
    pub mean: f64,
    /// Minimum.
    pub min: f64,
    /// Maximum.
    pub max: f64,
}

/// The comparison of two embeddings, in numbers and in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairFindings {
    /// The numbers. Embeddings have the names of [`EmbeddingMode::name`].
    #[serde(flatten)]
    pub pair: Pair,
    /// Which embedding is better, if the difference is significant.
    pub verdict: Verdict,
    /// The verdict as a sentence without a full stop ([`Pair::sentence`]).
    pub sentence: String,
    /// Says that the permutation test cannot be significant with so few seeds ([`Pair::permutation_note`]).
    pub permutation_note: Option<String>,
    /// Training time of the second embedding divided by that of the first, if known.
    pub time_ratio: Option<f64>,
    /// Whether this is one of the main pairs: frozen and tuned, and the best two.
    pub highlighted: bool,
}

/// Texts that exactly one of two embeddings classifies correctly, by the mean probabilities of their runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairDisagreements {
    /// The first embedding.
    pub first: EmbeddingMode,
    /// The second embedding.
    pub second: EmbeddingMode,
    /// Texts that only the first embedding classifies correctly.
    pub only_first: DisagreementExamples,
    /// Texts that only the second embedding classifies correctly.
    pub only_second: DisagreementExamples,
}

/// Texts that only one embedding classifies correctly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisagreementExamples {
    /// Number of these texts.
    pub count: usize,
    /// A few of them, those with the largest [`DisagreementText::gap`].
    pub texts: Vec<DisagreementText>,
}

/// A text on which two embeddings disagree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DisagreementText {
    /// The line of the file on which it begins.
    pub line: u64,
    /// The text, as in the file.
    pub text: String,
    /// Its words as the classifiers read them; [`MarkedWord::known`] marks out-of-vocabulary words.
    pub words: Vec<MarkedWord>,
    /// The true label.
    pub label: String,
    /// The prediction of the first embedding.
    pub first: PredictedLabel,
    /// The prediction of the second embedding.
    pub second: PredictedLabel,
    /// Difference between the two probabilities of the true label.
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

/// The gates of the best embeddings on a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextGates {
    /// The set that the text is from.
    pub split: Split,
    /// The line of the file on which it begins.
    pub line: u64,
    /// The text, as in the file.
    pub text: String,
    /// The true label.
    pub label: String,
    /// The best embedding, and the second best if there is one.
    pub views: Vec<EmbeddingGates>,
}

/// The gates of a model on a text: first layer, forward direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingGates {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The run of the model, that of the first seed.
    pub run: String,
    /// The gates, word by word.
    pub view: GateView,
}

/// Scores by train size, for one combination of the other options.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeCurve {
    /// The pretrained vectors, by name.
    pub vectors: String,
    /// Values of the swept options.
    pub settings: BTreeMap<String, String>,
    /// A series for each embedding, in the order of the options.
    pub embeddings: Vec<SizeSeries>,
}

/// The scores of an embedding by train size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeSeries {
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// The scores, by increasing train size.
    pub points: Vec<SizePoint>,
}

/// The score of an embedding for one train size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SizePoint {
    /// Number of training texts.
    pub train_texts: usize,
    /// Accuracy on [`Findings::scored_on`](super::Findings::scored_on).
    pub score: Summary,
}
