//! Results as JSON: the same shapes in the program, the server and the Python package.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classifier::{
    Classifier, Coverage, CoverageCount, EpochMetrics, MetricsReport, Prediction, TrainingOutcome,
};
use crate::nn::EmbeddingMode;
use crate::query::{AnalogyCounts, AnalogyMethod, AnalogyReport, PairReport, ScoredRow};
use crate::vectors::Vectors;

/// The nearest neighbours of a query.
#[derive(Debug, Clone, Serialize)]
pub struct NearestResult {
    /// For a query by vector, the number of the vector, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<u64>,
    /// Positive terms.
    pub query: Vec<String>,
    /// Negative terms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// The neighbours, nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A word and its cosine with the query.
#[derive(Debug, Clone, Serialize)]
pub struct Neighbour {
    /// The word; bytes that are not UTF-8 are replaced.
    pub word: String,
    /// Its row in the vectors.
    pub row: u32,
    /// Cosine with the query; null if the row is zero.
    pub cosine: f32,
}

impl NearestResult {
    /// The result of a query with positive and negative terms.
    pub fn new<W: AsRef<[u8]>>(
        vectors: &Vectors,
        vector: Option<u64>,
        positive: &[W],
        negative: &[W],
        rows: &[ScoredRow],
    ) -> NearestResult {
        let neighbour = |&ScoredRow { row, score }: &ScoredRow| Neighbour {
            word: vectors.word(row).into_owned(),
            row,
            cosine: score,
        };
        let neighbours = rows.iter().map(neighbour).collect();
        NearestResult { vector, query: texts(positive), not: texts(negative), neighbours }
    }
}

/// The result of an analogy: a is to b as c is to ...
#[derive(Debug, Clone, Serialize)]
pub struct AnalogyResult {
    /// The first word.
    pub a: String,
    /// The second word, which is to `a` as the answer is to `c`.
    pub b: String,
    /// The third word.
    pub c: String,
    /// `add` or `mul`.
    pub method: &'static str,
    /// The answers, best first.
    pub answers: Vec<ScoredWord>,
}

/// A word and its score.
#[derive(Debug, Clone, Serialize)]
pub struct ScoredWord {
    /// The word; bytes that are not UTF-8 are replaced.
    pub word: String,
    /// Its row in the vectors.
    pub row: u32,
    /// Score of the method; null if it is undefined.
    pub score: f32,
}

impl AnalogyResult {
    /// The answers to an analogy.
    pub fn new<W: AsRef<[u8]>>(
        vectors: &Vectors,
        words: [W; 3],
        method: AnalogyMethod,
        answers: &[ScoredRow],
    ) -> AnalogyResult {
        let [a, b, c] = words.map(|word| text(word.as_ref()));
        let scored_word =
            |&ScoredRow { row, score }: &ScoredRow| ScoredWord { word: vectors.word(row).into_owned(), row, score };
        AnalogyResult { a, b, c, method: method.name(), answers: answers.iter().map(scored_word).collect() }
    }
}

/// The cosine of two words.
#[derive(Debug, Clone, Serialize)]
pub struct SimilarityResult {
    /// The first word.
    pub a: String,
    /// The second word.
    pub b: String,
    /// Cosine, from -1 to 1.
    pub cosine: f32,
}

/// A prediction of a classifier.
#[derive(Debug, Clone, Serialize)]
pub struct PredictionResult<'a> {
    /// The most probable label.
    pub label: &'a str,
    /// The probability of each label.
    pub probabilities: BTreeMap<&'a str, f32>,
    /// Number of words of the text.
    pub words: usize,
    /// How many of them are out of vocabulary.
    pub unknown: usize,
}

impl<'a> PredictionResult<'a> {
    /// A prediction and the classifier that made it.
    pub fn new(classifier: &'a Classifier, prediction: &Prediction) -> PredictionResult<'a> {
        let labels = classifier.labels();
        let probabilities = labels.iter().map(String::as_str).zip(prediction.probabilities.iter().copied()).collect();
        let label = labels.get(prediction.class).map_or("", String::as_str);
        PredictionResult { label, probabilities, words: prediction.words, unknown: prediction.unknown }
    }
}

/// The result of an analogy benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct AnalogyBenchmarkResult<'a> {
    file: &'a str,
    kind: &'static str,
    protocol: &'static str,
    correct: usize,
    seen: usize,
    total: usize,
    accuracy: f64,
    accuracy_95: Option<[f64; 2]>,
    rows: usize,
    semantic: CategoryResult,
    syntactic: CategoryResult,
    sections: Vec<SectionResult<'a>>,
}

/// The result of several sections together.
#[derive(Debug, Clone, Serialize)]
struct CategoryResult {
    correct: usize,
    seen: usize,
    total: usize,
    accuracy: f64,
    accuracy_95: Option<[f64; 2]>,
}

#[derive(Debug, Clone, Serialize)]
struct SectionResult<'a> {
    section: &'a str,
    correct: usize,
    seen: usize,
    total: usize,
}

impl<'a> AnalogyBenchmarkResult<'a> {
    /// The result on the questions of `file`.
    pub fn new(file: &'a str, outcome: &'a AnalogyReport) -> AnalogyBenchmarkResult<'a> {
        let all = outcome.all();
        AnalogyBenchmarkResult {
            file,
            kind: "analogies",
            protocol: outcome.protocol.name(),
            correct: all.correct,
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
                    let AnalogyCounts { correct, seen, total, .. } = section.count;
                    SectionResult { section: &section.name, correct, seen, total }
                })
                .collect(),
        }
    }
}

impl From<AnalogyCounts> for CategoryResult {
    fn from(count: AnalogyCounts) -> Self {
        CategoryResult {
            correct: count.correct,
            seen: count.seen,
            total: count.total,
            accuracy: count.accuracy(),
            accuracy_95: count.accuracy_95(),
        }
    }
}

/// The result of a word-pair benchmark.
#[derive(Debug, Clone, Serialize)]
pub struct PairBenchmarkResult<'a> {
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

impl<'a> PairBenchmarkResult<'a> {
    /// The result on the pairs of `file`.
    pub fn new(file: &'a str, outcome: &PairReport) -> PairBenchmarkResult<'a> {
        PairBenchmarkResult {
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

/// Coverage of texts by vectors.
#[derive(Debug, Clone, Serialize)]
pub struct CoverageResult<'a> {
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
    unknown_words: Vec<WordCount<'a>>,
}

#[derive(Debug, Clone, Serialize)]
struct WordCount<'a> {
    word: &'a str,
    count: usize,
}

impl<'a> CoverageResult<'a> {
    /// Coverage of the texts of `file`, with the `k` most frequent out-of-vocabulary words.
    pub fn new(file: &'a str, coverage: &'a Coverage, k: usize) -> CoverageResult<'a> {
        let unknown_words = coverage.unknown_words.iter().take(k);
        CoverageResult {
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
            unknown_words: unknown_words.map(|(word, count)| WordCount { word, count: *count }).collect(),
        }
    }
}

/// The outcome of training.
#[derive(Debug, Clone, Serialize)]
pub struct TrainingResult<'a> {
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
    /// Path of the saved model.
    out: Option<String>,
}

impl<'a> TrainingResult<'a> {
    /// The outcome of training with an embedding and a seed; `out` is the path of the saved model.
    pub fn new(
        trained: &'a TrainingOutcome,
        embedding: EmbeddingMode,
        seed: u64,
        out: Option<String>,
    ) -> TrainingResult<'a> {
        let labels = trained.classifier.labels();
        TrainingResult {
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
