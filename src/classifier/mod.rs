//! Text to tokens to batches to a model: training, prediction, metrics, model files.

mod checkpoint;
pub(crate) mod checksum;
mod coverage;
pub mod dataset;
mod file;
mod gates;
mod import;
mod metrics;
mod metrics_json;
mod network;
mod onnx;
mod optimizer;
mod options;
mod shard;
mod text_vectors;
mod tokenizer;
mod training;
mod weights;

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::files::Words;
use crate::nn::{Embedding, UNKNOWN, softmax};
use crate::vectors::{Case, Vectors, Vocabulary};
pub use checksum::{RowChecksum, checksum_of_texts, checksum_of_vectors};
pub use coverage::{Coverage, CoverageCount, TokenCounter, TokenizerSuggestion, suggest_tokenizer};
pub use dataset::{DataFormat, DataOptions, Dataset, LabelledText, UnlabelledTexts};
pub use gates::{Behaviour, GateOptions, GateView, MAX_GATE_WORDS, WordGates};
pub use import::{ImportOptions, NamedTensor, read_tensors};
pub use metrics::{CALIBRATION_BINS, ClassMetrics, Metrics, most_probable};
pub use metrics_json::{EpochMetrics, MetricsReport, MetricsSummary, TrainingLog};
use network::distinct;
pub use network::{BatchDropout, DropoutRates, Gradients, Network};
pub use onnx::ONNX_OPSET;
pub use optimizer::{Optimizer, RowSettings};
pub use options::{Splits, TrainOptions, split_dev_set, subset};
pub use text_vectors::{TextVector, TextVectors, Weighting, WordFrequencies};
pub use tokenizer::{Tokenizer, WordCounts};
pub use training::{Epoch, Progress, StopReason, Training, TrainingOutcome, train};
pub use weights::ClassWeights;

/// Sequences that go through the network together when predicting. Fixed, so that the same texts give the same bits at any
/// number of threads.
const PREDICTION_BATCH: usize = 64;

/// A trained classifier: the words it knows, their rows, an encoder, and the labels it tells apart.
#[derive(Debug, Clone)]
pub struct Classifier {
    labels: Vec<String>,
    vocabulary: Vocabulary,
    tokenizer: Tokenizer,
    case: Case,
    network: Network<f32>,
    /// Where words are looked up that the classifier does not know itself.
    vectors: Option<Arc<Vectors>>,
}

/// What a classifier says about a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The most probable class, as an index into [`Classifier::labels`].
    pub class: usize,
    /// A probability for each of [`Classifier::labels`].
    pub probabilities: Vec<f32>,
    /// Words of the text.
    pub words: usize,
    /// How many of them have no row, and were read as the unknown word.
    pub unknown: usize,
}

impl Classifier {
    fn new(
        labels: Vec<String>,
        words: Words,
        tokenizer: Tokenizer,
        case: Case,
        network: Network<f32>,
    ) -> Result<Classifier> {
        let (vocabulary, repeated) = Vocabulary::index(words);
        if !repeated.is_empty() {
            return Err(Error::invalid("words of a model", "distinct words", "some twice"));
        }
        Ok(Classifier { labels, vocabulary, tokenizer, case, network, vectors: None })
    }

    /// The labels it tells apart.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The words it has rows for; word `i` has the id `i + 2` in the embedding.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How it cuts texts into words.
    pub fn tokenizer(&self) -> Tokenizer {
        self.tokenizer
    }

    /// Its network.
    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    /// Looks words up in `vectors` that the classifier has no row for. They should be the vectors it was trained with.
    ///
    /// # Errors
    /// Vectors of another dimension, a classifier whose rows were drawn at random, or a damaged table file.
    pub fn attach_vectors(&mut self, vectors: &Arc<Vectors>) -> Result<()> {
        vectors.check()?;
        self.network.embedding.attach_vectors(vectors)?;
        self.vectors = Some(Arc::clone(vectors));
        Ok(())
    }

    /// The classes of some texts, in parallel. What is said about a text does not depend on the other texts, to the bit: cut a data set
    /// as you like.
    pub fn predict<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<Prediction> {
        let (ids, made) = self.ids(&self.words(texts));
        let probabilities = probabilities(&self.network, &ids, &made);
        ids.iter()
            .zip(probabilities.chunks_exact(self.labels.len()))
            .map(|(ids, probabilities)| Prediction {
                class: most_probable(probabilities),
                probabilities: probabilities.to_vec(),
                words: ids.len(),
                unknown: ids.iter().filter(|&&id| id == UNKNOWN).count(),
            })
            .collect()
    }

    /// The words of some texts, in parallel.
    fn words<'t, S: AsRef<str> + Sync>(&self, texts: &'t [S]) -> Vec<Vec<Cow<'t, str>>> {
        mapped(texts, |text| self.tokenizer.words(text.as_ref()))
    }

    /// The ids of the words of some texts, and rows that were made for words which have none: their ids follow those of
    /// [`Embedding::id_of_made`].
    fn ids(&self, texts: &[Vec<Cow<str>>]) -> (Vec<Vec<u32>>, Vec<f32>) {
        let known = |words: &Vec<Cow<str>>| words.iter().map(|word| self.id(word).unwrap_or(UNKNOWN)).collect();
        let mut ids: Vec<Vec<u32>> = mapped(texts, known);
        let mut made = Vec::new();
        let Some(vectors) = self.vectors.as_ref().filter(|vectors| vectors.subwords().is_some()) else {
            return (ids, made);
        };
        // A word gets its row once, in the order in which words are met.
        let mut places: HashMap<&str, u32> = HashMap::new();
        let words = ids.iter_mut().zip(texts).flat_map(|(ids, words)| ids.iter_mut().zip(words));
        for (id, word) in words.filter(|(id, _)| **id == UNKNOWN) {
            *id = *places.entry(word.as_ref()).or_insert_with(|| {
                let vector = match self.case {
                    Case::Exact => vectors.vector(word.as_ref()),
                    Case::Fold => vectors.vector(word.to_lowercase()),
                };
                vector.map_or(UNKNOWN, |vector| {
                    made.extend_from_slice(&vector);
                    self.network.embedding.id_of_made(made.len() / vector.len() - 1)
                })
            });
        }
        (ids, made)
    }

    /// The id of a word that has a row, its own or one in the vectors.
    fn id(&self, word: &str) -> Option<u32> {
        let known = |word: &str| {
            let own = self.vocabulary.row(word).map(|index| Embedding::<f32>::id_of_word(index as usize));
            own.or_else(|| {
                let row = self.vectors.as_ref()?.row_of(word)?;
                Some(self.network.embedding.id_of_row(row))
            })
        };
        let folded = || match self.case {
            Case::Exact => None,
            Case::Fold => known(&word.to_lowercase()),
        };
        known(word).or_else(folded)
    }
}

/// What `work` makes of each item, in parallel; of a single one here and now, since to hand it to another thread takes longer than
/// a sentence takes.
fn mapped<'i, T: Sync, R: Send>(items: &'i [T], work: impl Fn(&'i T) -> R + Sync + Send) -> Vec<R> {
    match items {
        [item] => vec![work(item)],
        _ => items.par_iter().map(work).collect(),
    }
}

/// The probabilities of some sequences of ids, `made` being the rows of ids that the embedding does not have: `[B, C]`.
fn probabilities(network: &Network<f32>, sequences: &[Vec<u32>], made: &[f32]) -> Vec<f32> {
    let classes = network.classes();
    let mut all = vec![0.0; sequences.len() * classes];
    let (ids, places) = distinct(sequences);
    let products = network.products(&ids, made);
    // Texts of like lengths together, so that all of them run for as long as one does.
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(sequences[text].len()));
    let groups: Vec<&[usize]> = order.chunks(PREDICTION_BATCH).collect();
    let found = mapped(&groups, |texts| {
        let places: Vec<&[u32]> = texts.iter().map(|&text| places[text].as_slice()).collect();
        let mut logits = network.logits_of_products(&products, &places);
        softmax(&mut logits, classes);
        logits
    });
    for (texts, probabilities) in groups.into_iter().zip(found) {
        for (&text, probabilities) in texts.iter().zip(probabilities.chunks_exact(classes)) {
            all[text * classes..][..classes].copy_from_slice(probabilities);
        }
    }
    all
}
