//! Text to tokens to batches to a model: training, prediction, metrics, model files.

mod checkpoint;
pub mod dataset;
mod file;
mod gates;
mod metrics;
mod network;
mod optimizer;
mod session;
mod train;
mod weights;

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::files::Words;
use crate::nn::{Embedding, UNKNOWN, softmax};
use crate::vectors::{Case, Vectors, Vocabulary};
pub use dataset::{DataFormat, DataOptions, Dataset, LabelledText};
pub use gates::{Behaviour, GATE_WORDS, GateOptions, GateView, WordGates};
pub use metrics::{CALIBRATION_BINS, ClassMetrics, Metrics, most_probable};
use network::distinct;
pub use network::{DropoutRates, Drops, Gradients, Network};
pub use optimizer::{Optimizer, RowSettings};
pub use session::{Ended, Epoch, Progress, Trained, Training, train};
pub use train::{Parts, TrainOptions, split};
pub use weights::ClassWeights;

/// Sequences that go through the network together when predicting. Fixed, so that the same texts give the same bits at any
/// number of threads.
const PREDICTED_TOGETHER: usize = 64;

/// Words whose rows are multiplied with the input weights together.
const MULTIPLIED_TOGETHER: usize = 256;

/// A trained classifier: the words it knows, their rows, an encoder, and the labels it tells apart.
#[derive(Debug, Clone)]
pub struct Classifier {
    labels: Vec<String>,
    vocabulary: Vocabulary,
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
    fn new(labels: Vec<String>, words: Words, case: Case, network: Network<f32>) -> Result<Classifier> {
        let (vocabulary, repeated) = Vocabulary::index(words);
        if !repeated.is_empty() {
            return Err(Error::invalid("words of a model", "distinct words", "some twice"));
        }
        Ok(Classifier { labels, vocabulary, case, network, vectors: None })
    }

    /// The labels it tells apart.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The words it has rows for; word `i` has the id `i + 2` in the embedding.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Its network.
    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    /// Looks words up in `vectors` that the classifier has no row for. They should be the vectors it was trained with.
    ///
    /// # Errors
    /// Vectors of another dimension, a classifier whose rows were drawn at random, or a damaged table file.
    pub fn look_up_in(&mut self, vectors: &Arc<Vectors>) -> Result<()> {
        vectors.check()?;
        self.network.embedding.look_up_in(vectors)?;
        self.vectors = Some(Arc::clone(vectors));
        Ok(())
    }

    /// The classes of some texts, in parallel.
    pub fn predict<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<Prediction> {
        let ids: Vec<Vec<u32>> = texts.par_iter().map(|text| self.ids(text.as_ref())).collect();
        let probabilities = probabilities(&self.network, &ids);
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

    /// The ids of a text's words.
    fn ids(&self, text: &str) -> Vec<u32> {
        dataset::words_of(text).map(|word| self.id(word)).collect()
    }

    fn id(&self, word: &str) -> u32 {
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
        known(word).or_else(folded).unwrap_or(UNKNOWN)
    }
}

/// The probabilities of some sequences of ids: `[B, C]`.
fn probabilities(network: &Network<f32>, sequences: &[Vec<u32>]) -> Vec<f32> {
    let classes = network.classes();
    let mut all = vec![0.0; sequences.len() * classes];
    let (ids, places) = distinct(sequences);
    let products: Vec<f32> = ids
        .par_chunks(MULTIPLIED_TOGETHER)
        .flat_map_iter(|ids| network.encoder.multiply(network.embedding.forward(ids)))
        .collect();
    // Texts of like lengths together, so that all of them run for as long as one does.
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(sequences[text].len()));
    let found: Vec<(&[usize], Vec<f32>)> = order
        .par_chunks(PREDICTED_TOGETHER)
        .map(|texts| {
            let places: Vec<&[u32]> = texts.iter().map(|&text| places[text].as_slice()).collect();
            let mut logits = network.logits_of_products(&products, &places);
            softmax(&mut logits, classes);
            (texts, logits)
        })
        .collect();
    for (texts, probabilities) in found {
        for (&text, probabilities) in texts.iter().zip(probabilities.chunks_exact(classes)) {
            all[text * classes..][..classes].copy_from_slice(probabilities);
        }
    }
    all
}
