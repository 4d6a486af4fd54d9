//! Embedding, encoder and a linear head: from ids of words to logits, and back.

use hashbrown::HashMap;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::nn::{
    CrossEntropy, Dense, Dropout, Embedding, EmbeddingMode, Encoder, EncoderShape, Packing, Real, RowGradients, Tokens,
};

/// Rates of dropout, each at least 0 and less than 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct DropoutRates {
    /// Of the components of each word's row; drawn once for all occurrences of a word in a shard of a batch, so that the word
    /// is multiplied with the weights once.
    pub embedding: f64,
    /// Of whole words: all occurrences in a batch of a word are dropped together (Gal & Ghahramani 2016).
    pub word: f64,
    /// Of what one layer of the encoder hands to the next, and of the text's row before the head.
    pub hidden: f64,
}

/// What is dropped in a pass.
#[derive(Debug)]
pub struct Drops<'a> {
    /// Rates of dropout.
    pub rates: DropoutRates,
    /// Seed of the batch: which words are dropped.
    pub batch: u64,
    /// Where the chance of the rest comes from.
    pub rng: &'a mut ChaCha8Rng,
}

/// The network of the classifier: `embedding -> encoder -> linear`.
#[derive(Debug, Clone)]
pub struct Network<T> {
    /// Ids to rows, `[ids, E]`.
    pub embedding: Embedding<T>,
    /// Rows of words to a row for the text.
    pub encoder: Encoder<T>,
    /// The row of the text to logits, `[D H]` to `[C]`.
    pub head: Dense<T>,
}

/// The gradients of a [`Network`].
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T> {
    /// Of the rows that were read and are trained.
    pub rows: RowGradients<T>,
    /// Of the encoder.
    pub encoder: Encoder<T>,
    /// Of the head.
    pub head: Dense<T>,
}

impl<T: Real> Network<T> {
    /// A network with new weights for the encoder and the head.
    pub fn new(embedding: Embedding<T>, shape: EncoderShape, classes: usize, rng: &mut ChaCha8Rng) -> Self {
        let encoder = Encoder::new(shape, rng);
        let head = Dense::new(shape.output(), classes, rng);
        Network { embedding, encoder, head }
    }

    /// Number of classes, `C`.
    pub fn classes(&self) -> usize {
        self.head.shape().1
    }

    /// The logits of some sequences of ids, which may be empty: `[B, C]`.
    pub fn logits(&self, sequences: &[&[u32]]) -> Vec<T> {
        let (ids, places) = distinct(sequences);
        let places: Vec<&[u32]> = places.iter().map(Vec::as_slice).collect();
        self.logits_of_products(&self.encoder.multiply(self.embedding.forward(&ids)), &places)
    }

    /// The logits of some sequences, given the products of their words' rows with the input weights: a word that occurs in many
    /// texts is multiplied once.
    ///
    /// # Shapes
    /// `products` `[U, D G H]` from [`Encoder::multiply`], `sequences` `B` lists of numbers below `U`; returns `[B, C]`.
    pub(super) fn logits_of_products(&self, products: &[T], sequences: &[&[u32]]) -> Vec<T> {
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let packing = Packing::new(&lengths);
        self.head.forward(&self.encoder.encode(&packing, products, &packing.pack(sequences)))
    }

    /// A forward and a backward pass. Returns the summed cross-entropy times `scale`, and its gradients.
    ///
    /// `drops` says what is dropped; `None` drops nothing.
    ///
    /// # Shapes
    /// `sequences` `B` lists of ids, `labels` `[B]`.
    pub fn loss_and_gradients(
        &self,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        drops: Option<Drops>,
    ) -> (f64, Gradients<T>) {
        self.gradients_of(&CrossEntropy::default(), sequences, labels, scale, drops)
    }

    /// [`Network::loss_and_gradients`] with weights of classes and smoothed labels.
    pub fn gradients_of(
        &self,
        loss: &CrossEntropy,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        drops: Option<Drops>,
    ) -> (f64, Gradients<T>) {
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let packing = Packing::new(&lengths);
        let shape = self.encoder.shape();
        let (ids, places) = distinct(sequences);
        let places: Vec<&[u32]> = places.iter().map(Vec::as_slice).collect();
        let (on_rows, between, on_pooled) = match drops {
            None => (Dropout::none(), Vec::new(), Dropout::none()),
            Some(Drops { rates, batch, rng }) => {
                let on_rows = self.drop_rows(&ids, rates, batch, rng);
                let mut hidden = |count: usize| Dropout::new(count * shape.output(), rates.hidden, rng);
                let between = (1..shape.layers).map(|_| hidden(packing.tokens())).collect();
                (on_rows, between, hidden(sequences.len()))
            }
        };

        let mut rows = self.embedding.forward(&ids);
        on_rows.apply(&mut rows);
        let tokens = Tokens::shared(rows, packing.pack(&places));
        let cache = self.encoder.forward(&packing, tokens, between);
        let mut pooled = cache.pooled().to_vec();
        on_pooled.apply(&mut pooled);
        let logits = self.head.forward(&pooled);
        let (loss, logits_gradient) = loss.loss_and_gradient(&logits, labels, self.classes(), scale);

        let mut gradients = self.zero_gradients();
        let mut pooled_gradient = self.head.backward(&pooled, &logits_gradient, &mut gradients.head);
        on_pooled.apply(&mut pooled_gradient);
        let wanted = ids.iter().any(|&id| self.embedding.is_trained(id));
        let rows_gradient = self.encoder.backward(&packing, cache, &pooled_gradient, &mut gradients.encoder, wanted);
        if let Some(mut rows_gradient) = rows_gradient {
            on_rows.apply(&mut rows_gradient);
            gradients.rows = self.embedding.backward(&ids, &rows_gradient);
        }
        (loss, gradients)
    }

    /// What is dropped of the rows of some words.
    fn drop_rows(&self, ids: &[u32], rates: DropoutRates, batch: u64, rng: &mut ChaCha8Rng) -> Dropout<T> {
        let width = self.embedding.dimension();
        // A one-hot word has a single component, so that to drop it is to drop the word.
        let one_hot = self.embedding.mode() == EmbeddingMode::OneHot;
        let (components, again) = if one_hot { (0.0, rates.embedding) } else { (rates.embedding, 0.0) };
        let mut dropout = Dropout::new(ids.len() * width, components, rng);
        dropout.rows(ids, width, rates.word, batch);
        dropout.rows(ids, width, again, batch ^ 1);
        dropout
    }

    fn zero_gradients(&self) -> Gradients<T> {
        let (input, output) = self.head.shape();
        Gradients {
            rows: RowGradients::new(self.embedding.dimension()),
            encoder: Encoder::zeros(self.encoder.shape()),
            head: Dense::zeros(input, output),
        }
    }

    /// Whether all weights, and all rows that training has changed, are finite numbers.
    pub fn is_finite(&self) -> bool {
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|p| p.values);
        let mut all = dense.chain(self.embedding.trained_rows().map(|(_, row)| row));
        all.all(|values| values.iter().all(|value| value.is_finite()))
    }

    /// Numbers that training can change, given the ids that occur in it.
    pub fn trained_parameters(&self, occurring: impl Iterator<Item = u32>) -> usize {
        let rows = occurring.filter(|&id| self.embedding.is_trained(id)).count();
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters());
        rows * self.embedding.dimension() + dense.map(|parameter| parameter.values.len()).sum::<usize>()
    }
}

/// The different ones of the ids in some sequences, as they are met, and the sequences of where they stand among them.
pub(super) fn distinct<S: AsRef<[u32]>>(sequences: &[S]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut ids = Vec::new();
    let mut found: HashMap<u32, u32> = HashMap::new();
    let mut place = |&id: &u32| {
        *found.entry(id).or_insert_with(|| {
            ids.push(id);
            ids.len() as u32 - 1
        })
    };
    let places = sequences.iter().map(|sequence| sequence.as_ref().iter().map(&mut place).collect()).collect();
    (ids, places)
}

impl<T: Real> Gradients<T> {
    /// Adds other gradients.
    pub fn add(&mut self, other: &Gradients<T>) {
        self.rows.add(&other.rows);
        let sums = self.encoder.parameters_mut().into_iter().chain(self.head.parameters_mut());
        for (sum, values) in sums.zip(other.dense()) {
            crate::nn::add(sum, values);
        }
    }

    /// The norm of all gradients together, squared.
    pub fn squares(&self) -> f64 {
        self.rows.squares() + self.dense().map(crate::nn::squares).sum::<f64>()
    }

    pub(super) fn dense(&self) -> impl Iterator<Item = &[T]> {
        self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|parameter| parameter.values)
    }
}
