//! Answers as JSON: the same shapes wherever they are sent, by the program and by the server.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::classifier::{Classifier, Prediction};
use crate::query::{Answer, Method};
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
        answers: &[Answer],
    ) -> NearestAnswer {
        let neighbour =
            |&Answer { row, score }: &Answer| Neighbour { word: vectors.word(row).into_owned(), row, cosine: score };
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
    pub fn new<W: AsRef<[u8]>>(vectors: &Vectors, words: [W; 3], method: Method, answers: &[Answer]) -> AnalogyAnswer {
        let [a, b, c] = words.map(|word| text(word.as_ref()));
        let scored = |&Answer { row, score }: &Answer| Scored { word: vectors.word(row).into_owned(), row, score };
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

fn texts<W: AsRef<[u8]>>(words: &[W]) -> Vec<String> {
    words.iter().map(|word| text(word.as_ref())).collect()
}

fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}
