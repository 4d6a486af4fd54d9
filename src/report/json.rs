//! Answers as JSON: the same shapes wherever they are sent, by the program and by the server.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classifier::{
    Classifier, Coverage, CoverageCount, EpochMetrics, MetricsReport, Prediction, TrainingOutcome,
};
use crate::nn::EmbeddingMode;
use crate::query::{AnalogyCounts, AnalogyMethod, AnalogyReport, PairReport, ScoredRow};
use crate::vectors::Vectors;

/// The words nearest to others.
#[derive(Debug, Clone, Serialize)]
pub struct NearestAnswer {
    /// The number of the caller's own vector, counted from 1, where the question has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<u64>,
    /// Words to be near to.
    pub query: Vec<String>,
    /// Words to be far from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// The answers, best first.
    pub neighbours: Vec<Neighbour>,
}

/// A word with its cosine.
#[derive(Debug, Clone, Serialize)]
pub struct Neighbour {
    /// The word, lossily where it is not UTF-8.
    pub word: String,
    /// Its row.
    pub row: u32,
    /// Its cosine with the question; null where it has no direction.
    pub cosine: f32,
}

impl NearestAnswer {
    /// The answers to a question about words.
    pub fn new<W: AsRef<[u8]>>(
        vectors: &Vectors,
        vector: Option<u64>,
        near: &[W],
        far: &[W],
        answers: &[ScoredRow],
    ) -> NearestAnswer {
        let neighbour = |&ScoredRow { row, score }: &ScoredRow| Neighbour {
            word: vectors.word(row).into_owned(),
            row,
            cosine: score,
        };
        let neighbours = answers.iter().map(neighbour).collect();
        NearestAnswer { vector, query: texts(near), not: texts(far), neighbours }
    }
}

/// What a is to b as c is to.
#[derive(Debug, Clone, Serialize)]
pub struct AnalogyAnswer {
    /// The word that `b` belongs to.
    pub a: String,
    /// The word that belongs to `a`.
    pub b: String,
    /// The word asked about.
    pub c: String,
    /// `add` or `mul`.
    pub method: &'static str,
    /// The answers, best first.
    pub answers: Vec<Scored>,
}

/// A word with its score.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// The word, lossily where it is not UTF-8.
    pub word: String,
    /// Its row.
    pub row: u32,
    /// What the method gives; null where it is undefined.
    pub score: f32,
}

impl AnalogyAnswer {
    /// The answers to an analogy.
    pub fn new<W: AsRef<[u8]>>(
        vectors: &Vectors,
        words: [W; 3],
        method: AnalogyMethod,
        answers: &[ScoredRow],
    ) -> AnalogyAnswer {
        let [a, b, c] = words.map(|word| text(word.as_ref()));
        let scored =
            |&ScoredRow { row, score }: &ScoredRow| Scored { word: vectors.word(row).into_owned(), row, score };
        AnalogyAnswer { a, b, c, method: method.name(), answers: answers.iter().map(scored).collect() }
    }
}

/// The cosine of two words.
#[derive(Debug, Clone, Serialize)]
pub struct SimilarityAnswer {
    /// One word.
    pub a: String,
    /// The other.
    pub b: String,
    /// From -1 to 1.
    pub cosine: f32,
}

/// What a classifier says about a text.
#[derive(Debug, Clone, Serialize)]
pub struct PredictAnswer<'a> {
    /// The most probable label.
    pub label: &'a str,
    /// A probability for each label.
    pub probabilities: BTreeMap<&'a str, f32>,
    /// Words of the text.
    pub words: usize,
    /// Those of them that were read as the unknown word.
    pub unknown: usize,
}

impl<'a> PredictAnswer<'a> {
    /// A prediction with the labels of the classifier that made it.
    pub fn new(classifier: &'a Classifier, prediction: &Prediction) -> PredictAnswer<'a> {
        let labels = classifier.labels();
        let probabilities = labels.iter().map(String::as_str).zip(prediction.probabilities.iter().copied()).collect();
        let label = labels.get(prediction.class).map_or("", String::as_str);
        PredictAnswer { label, probabilities, words: prediction.words, unknown: prediction.unknown }
    }
}

/// The outcome of an analogy benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct AnalogiesAnswer<'a> {
    file: &'a str,
    kind: &'static str,
    protocol: &'static str,
    right: usize,
    seen: usize,
    total: usize,
    accuracy: f64,
    accuracy_95: Option<[f64; 2]>,
    rows: usize,
    semantic: Part,
    syntactic: Part,
    sections: Vec<Section<'a>>,
}

/// Some of the sections together.
#[derive(Debug, Clone, Serialize)]
struct Part {
    right: usize,
    seen: usize,
    total: usize,
    accuracy: f64,
    accuracy_95: Option<[f64; 2]>,
}

#[derive(Debug, Clone, Serialize)]
struct Section<'a> {
    section: &'a str,
    right: usize,
    seen: usize,
    total: usize,
}

impl<'a> AnalogiesAnswer<'a> {
    /// What came of the questions of `file`.
    pub fn new(file: &'a str, outcome: &'a AnalogyReport) -> AnalogiesAnswer<'a> {
        let all = outcome.all();
        AnalogiesAnswer {
            file,
            kind: "analogies",
            protocol: outcome.protocol.name(),
            right: all.correct,
            seen: all.seen,
            total: all.total,
            accuracy: all.accuracy(),
            accuracy_95: all.accuracy_95(),
            rows: outcome.rows,
            semantic: outcome.semantic().into(),
            syntactic: outcome.syntactic().into(),
            sections: outcome
                .sections
                .iter()
                .map(|section| {
                    let AnalogyCounts { correct: right, seen, total, .. } = section.count;
                    Section { section: &section.name, right, seen, total }
                })
                .collect(),
        }
    }
}

impl From<AnalogyCounts> for Part {
    fn from(count: AnalogyCounts) -> Self {
        Part {
            right: count.correct,
            seen: count.seen,
            total: count.total,
            accuracy: count.accuracy(),
            accuracy_95: count.accuracy_95(),
        }
    }
}

/// The outcome of a word-pair benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct PairsAnswer<'a> {
    file: &'a str,
    kind: &'static str,
    protocol: &'static str,
    used: usize,
    total: usize,
    spearman: f64,
    spearman_95: Option<[f64; 2]>,
    spearman_p: Option<f64>,
    pearson: f64,
    pearson_95: Option<[f64; 2]>,
    pearson_p: Option<f64>,
    unknown_percent: f64,
    rows: usize,
}

impl<'a> PairsAnswer<'a> {
    /// What came of the pairs of `file`.
    pub fn new(file: &'a str, outcome: &PairReport) -> PairsAnswer<'a> {
        PairsAnswer {
            file,
            kind: "pairs",
            protocol: outcome.protocol.name(),
            used: outcome.used,
            total: outcome.total,
            spearman: outcome.spearman,
            spearman_95: outcome.spearman_95(),
            spearman_p: outcome.spearman_p(),
            pearson: outcome.pearson,
            pearson_95: outcome.pearson_95(),
            pearson_p: outcome.pearson_p(),
            unknown_percent: outcome.unknown_percent(),
            rows: outcome.rows,
        }
    }
}

/// How much of some texts the vectors know.
#[derive(Debug, Clone, Serialize)]
pub struct CoverageAnswer<'a> {
    file: &'a str,
    tokenizer: &'static str,
    texts: usize,
    #[serde(flatten)]
    all: CoverageCount,
    exact: CoverageCount,
    lower_case: CoverageCount,
    subwords: CoverageCount,
    unknown: CoverageCount,
    median_length: usize,
    longest: usize,
    unknown_words: Vec<UnknownWord<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct UnknownWord<'a> {
    word: &'a str,
    count: usize,
}

impl<'a> CoverageAnswer<'a> {
    /// Of the texts of `file`, with the `k` most frequent of the unknown words.
    pub fn new(file: &'a str, coverage: &'a Coverage, k: usize) -> CoverageAnswer<'a> {
        let unknown_words = coverage.unknown_words.iter().take(k);
        CoverageAnswer {
            file,
            tokenizer: coverage.tokenizer.name(),
            texts: coverage.texts(),
            all: coverage.all,
            exact: coverage.exact,
            lower_case: coverage.lower_case,
            subwords: coverage.subwords,
            unknown: coverage.unknown,
            median_length: coverage.median_length(),
            longest: coverage.longest(),
            unknown_words: unknown_words.map(|(word, count)| UnknownWord { word, count: *count }).collect(),
        }
    }
}

/// The outcome of a training.
#[derive(Debug, Clone, Serialize)]
pub struct TrainAnswer<'a> {
    embedding: &'static str,
    seed: u64,
    /// epochs, patience, interrupted or diverged.
    stop_reason: &'static str,
    best_epoch: usize,
    dev: MetricsReport<'a>,
    test: Option<MetricsReport<'a>>,
    trainable_parameters: usize,
    words: usize,
    known_words: usize,
    seconds: f64,
    tokens_per_second: f64,
    epochs: Vec<EpochMetrics>,
    /// Where the model was saved.
    out: Option<String>,
}

impl<'a> TrainAnswer<'a> {
    /// Of a training with this embedding and seed, whose model was saved in `out`.
    pub fn new(
        trained: &'a TrainingOutcome,
        embedding: EmbeddingMode,
        seed: u64,
        out: Option<String>,
    ) -> TrainAnswer<'a> {
        let labels = trained.classifier.labels();
        TrainAnswer {
            embedding: embedding.name(),
            seed,
            stop_reason: trained.stop_reason.name(),
            best_epoch: trained.best_epoch,
            dev: MetricsReport::of(&trained.dev, labels),
            test: trained.test.as_ref().map(|test| MetricsReport::of(test, labels)),
            trainable_parameters: trained.trainable_parameters,
            words: trained.train_words,
            known_words: trained.known_train_words,
            seconds: trained.seconds,
            tokens_per_second: trained.tokens_per_second(),
            epochs: trained.history.iter().map(EpochMetrics::of).collect(),
            out,
        }
    }
}

fn texts<W: AsRef<[u8]>>(words: &[W]) -> Vec<String> {
    words.iter().map(|word| text(word.as_ref())).collect()
}

fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
