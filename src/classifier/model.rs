//! The classifier and its predictions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;

use super::metrics::most_probable;
use super::network::Network;
use super::predict::{parallel_map, probabilities};
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::files::Words;
use crate::nn::{Embedding, UNKNOWN};
use crate::vectors::{Case, Vectors, Vocabulary};

/// A trained text classifier: a vocabulary with embedding rows, an encoder, and the labels that it predicts.
#[derive(Clone)]
pub struct Classifier {
    pub(super) labels: Vec<String>,
    pub(super) vocabulary: Vocabulary,
    pub(super) tokenizer: Tokenizer,
    pub(super) case: Case,
    pub(super) network: Network<f32>,
    /// Where words are looked up that are not in the vocabulary.
    vectors: Option<Arc<Vectors>>,
}

/// The prediction for a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The most probable class, as an index into [`Classifier::labels`].
    pub class: usize,
    /// The probability of each of [`Classifier::labels`].
    pub probabilities: Vec<f32>,
    /// Number of tokens of the text.
    pub words: usize,
    /// How many of them have no embedding row and were read as the unknown word.
    pub unknown: usize,
}

impl Classifier {
    pub(super) fn new(
        labels: Vec<String>,
        words: Words,
        tokenizer: Tokenizer,
        case: Case,
        network: Network<f32>,
    ) -> Result<Classifier> {
        let (vocabulary, repeated) = Vocabulary::index(words);
        if !repeated.is_empty() {
            return Err(Error::invalid("words of a model", "distinct words", "duplicates"));
        }
        Ok(Classifier { labels, vocabulary, tokenizer, case, network, vectors: None })
    }

    /// The labels that it predicts.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The words that it has embedding rows for; word `i` has the id `i + 2`.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> Tokenizer {
        self.tokenizer
    }

    /// Its network.
    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    /// Attaches vectors, in which words are looked up that the classifier has no row for. They should be those it was trained with.
    ///
    /// # Errors
    /// Vectors of another dimension; a classifier with random or one-hot rows; vectors in a damaged table file.
    pub fn attach_vectors(&mut self, vectors: &Arc<Vectors>) -> Result<()> {
        vectors.check()?;
        self.network.embedding.attach_vectors(vectors)?;
        self.vectors = Some(Arc::clone(vectors));
        Ok(())
    }

    /// Predicts the classes of texts, in parallel.
    ///
    /// The prediction for a text does not depend on the other texts of the call, bit for bit.
    pub fn predict<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<Prediction> {
        let (ids, extra_rows) = self.ids(&self.words(texts));
        let probabilities = probabilities(&self.network, &ids, &extra_rows);
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

    /// The tokens of each text, in parallel.
    pub(super) fn words<'t, S: AsRef<str> + Sync>(&self, texts: &'t [S]) -> Vec<Vec<Cow<'t, str>>> {
        parallel_map(texts, |text| self.tokenizer.words(text.as_ref()))
    }

    /// The ids of the tokens of each text, and the rows of those words that have none in the embedding or the vectors but have subword
    /// vectors. The ids of the latter begin at [`Embedding::id_of_extra`].
    pub(super) fn ids(&self, texts: &[Vec<Cow<str>>]) -> (Vec<Vec<u32>>, Vec<f32>) {
        let look_up = |words: &Vec<Cow<str>>| words.iter().map(|word| self.id(word).unwrap_or(UNKNOWN)).collect();
        let mut ids: Vec<Vec<u32>> = parallel_map(texts, look_up);
        let mut extra_rows = Vec::new();
        let Some(vectors) = self.vectors.as_ref().filter(|vectors| vectors.subwords().is_some()) else {
            return (ids, extra_rows);
        };
        // Each distinct word gets one row, in the order of first occurrence.
        let mut id_of: HashMap<&str, u32> = HashMap::new();
        let tokens = ids.iter_mut().zip(texts).flat_map(|(ids, words)| ids.iter_mut().zip(words));
        for (id, word) in tokens.filter(|(id, _)| **id == UNKNOWN) {
            *id = *id_of.entry(word.as_ref()).or_insert_with(|| {
                let vector = match self.case {
                    Case::Exact => vectors.vector(word.as_ref()),
                    Case::Fold => vectors.vector(word.to_lowercase()),
                };
                vector.map_or(UNKNOWN, |vector| {
                    extra_rows.extend_from_slice(&vector);
                    self.network.embedding.id_of_extra(extra_rows.len() / vector.len() - 1)
                })
            });
        }
        (ids, extra_rows)
    }

    /// The id of a word that has a row in the embedding or in the attached vectors.
    fn id(&self, word: &str) -> Option<u32> {
        let look_up = |word: &str| {
            let own = self.vocabulary.row(word).map(|index| Embedding::<f32>::id_of_word(index as usize));
            own.or_else(|| {
                let row = self.vectors.as_ref()?.row_of(word)?;
                Some(self.network.embedding.id_of_row(row))
            })
        };
        let folded = || match self.case {
            Case::Exact => None,
            Case::Fold => look_up(&word.to_lowercase()),
        };
        look_up(word).or_else(folded)
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier")
            .field("labels", &self.labels)
            .field("words", &self.vocabulary.len())
            .field("tokenizer", &self.tokenizer)
            .field("case", &self.case)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}
