//! The network of the classifier, from word ids to logits.

use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::unique_ids::unique_ids;
use crate::nn::{Dense, Embedding, Encoder, EncoderShape, Packing, Real, RowGradients, add};

/// Maximum number of words whose rows are multiplied with the input weights in one matrix product.
pub(super) const MAX_PRODUCT_ROWS: usize = 64;

/// Dropout rates, each at least 0 and less than 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DropoutRates {
    /// Rate for the components of embedding rows. All occurrences of a word in a batch share one mask, so that its row is multiplied
    /// with the weights only once.
    pub embedding: f64,
    /// Rate for whole words: all occurrences of a word in a batch are dropped together (Gal & Ghahramani 2016).
    pub word: f64,
    /// Rate for the states between layers of the encoder and for the pooled state before the head.
    pub hidden: f64,
}

/// The network of the classifier: embedding, encoder and linear head.
#[derive(Clone)]
pub struct Network<T: Real> {
    /// The embedding, from word ids to rows `[ids, E]`.
    pub embedding: Embedding<T>,
    /// The encoder, from the rows of a text to its pooled state `[D H]`.
    pub encoder: Encoder<T>,
    /// The linear head, from the pooled state `[D H]` to logits `[C]`.
    pub head: Dense<T>,
}

/// The gradients of a [`Network`].
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T: Real> {
    /// Gradients of the trainable embedding rows that were read.
    pub rows: RowGradients<T>,
    /// Gradients of the encoder.
    pub encoder: Encoder<T>,
    /// Gradients of the head.
    pub head: Dense<T>,
}

impl<T: Real> Network<T> {
    /// A network with randomly initialised encoder and head. `shape.input` is the dimension of the embedding.
    pub fn new(embedding: Embedding<T>, shape: EncoderShape, classes: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let encoder = Encoder::new(shape, &mut rng);
        let head = Dense::new(shape.output(), classes, &mut rng);
        Network { embedding, encoder, head }
    }

    /// Number of classes, `C`.
    pub fn classes(&self) -> usize {
        self.head.shape().1
    }

    /// The logits of texts.
    ///
    /// # Shapes
    /// `sequences` are the word ids of `B` texts, which may be empty; returns `[B, C]`.
    pub fn logits(&self, sequences: &[&[u32]]) -> Vec<T> {
        self.logits_with(sequences, &[])
    }

    /// The logits of texts with words that the embedding does not have: ids from [`Embedding::id_of_extra`] refer to `extra_rows`.
    ///
    /// # Shapes
    /// `extra_rows` `[M, E]`; otherwise as [`Network::logits`].
    pub fn logits_with(&self, sequences: &[&[u32]], extra_rows: &[T]) -> Vec<T> {
        let (ids, indices) = unique_ids(sequences);
        let indices: Vec<&[u32]> = indices.iter().map(Vec::as_slice).collect();
        self.logits_of_products(&self.input_products(&ids, extra_rows), &indices)
    }

    /// The products of the rows of some words with the input weights, `[U, D G H]`.
    pub(super) fn input_products(&self, ids: &[u32], extra_rows: &[T]) -> Vec<T> {
        let width = self.encoder.shape().products();
        let mut products = vec![T::zero(); ids.len() * width];
        let multiply = |products: &mut [T], ids: &[u32]| {
            self.encoder.multiply(&self.embedding.forward_with(ids, extra_rows), products)
        };
        if ids.len() <= MAX_PRODUCT_ROWS {
            multiply(&mut products, ids);
            return products;
        }
        let groups = products.par_chunks_mut(MAX_PRODUCT_ROWS * width).zip(ids.par_chunks(MAX_PRODUCT_ROWS));
        groups.for_each(|(products, ids)| multiply(products, ids));
        products
    }

    /// The logits of texts from the input products of their words, so that a word that occurs in many texts is multiplied only once.
    ///
    /// # Shapes
    /// `products` `[U, D G H]`; `sequences` are the words of `B` texts as indices into them; returns `[B, C]`.
    pub(super) fn logits_of_products(&self, products: &[T], sequences: &[&[u32]]) -> Vec<T> {
        let packing = Packing::of(sequences);
        self.head.forward(&self.encoder.encode(&packing, products, &packing.pack(sequences)))
    }

    /// Whether all weights, and all embedding rows changed by training, are finite.
    pub fn is_finite(&self) -> bool {
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|p| p.values);
        let mut all = dense.chain(self.embedding.trained_rows().map(|(_, row)| row));
        all.all(|values| values.iter().all(|value| value.is_finite()))
    }

    /// Number of trainable parameters, counting only the embedding rows of the given ids.
    pub fn trainable_parameters(&self, ids: impl Iterator<Item = u32>) -> usize {
        let rows = ids.filter(|&id| self.embedding.is_trained(id)).count();
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters());
        rows * self.embedding.dimension() + dense.map(|parameter| parameter.values.len()).sum::<usize>()
    }
}

impl<T: Real> fmt::Debug for Network<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field(
                "embedding",
                &format_args!("{} {} x {}", self.embedding.mode(), self.embedding.len(), self.embedding.dimension()),
            )
            .field("encoder", &self.encoder.shape())
            .field("classes", &self.classes())
            .finish()
    }
}

impl<T: Real> Gradients<T> {
    /// Adds other gradients.
    pub fn add(&mut self, other: &Gradients<T>) {
        self.rows.add(&other.rows);
        let sums = self.encoder.parameters_mut().into_iter().chain(self.head.parameters_mut());
        for (sum, values) in sums.zip(other.dense()) {
            add(sum, values);
        }
    }

    /// The squared global norm.
    pub fn squares(&self) -> f64 {
        self.rows.squares() + self.dense().map(crate::nn::squares).sum::<f64>()
    }

    /// The gradients of encoder and head.
    pub(super) fn dense(&self) -> impl Iterator<Item = &[T]> {
        self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|parameter| parameter.values)
    }
}
