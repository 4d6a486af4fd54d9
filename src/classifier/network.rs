//! Embedding, LSTM and a linear head: from ids of words to logits, and back.

use rand_chacha::ChaCha8Rng;

use crate::nn::{
    Adam, AdamOptions, Dense, Dropout, Embedding, Encoder, EncoderShape, Packing, Real, RowGradients, SparseAdam,
    Tokens, clip_factor, cross_entropy,
};

/// Rates of dropout, each at least 0 and less than 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DropoutRates {
    /// Of the components of each word's row; drawn once for all occurrences of a word in a shard of a batch, so that the word
    /// is multiplied with the weights once.
    pub embedding: f64,
    /// Of what one LSTM layer hands to the next, and of the last state before the head.
    pub hidden: f64,
}

/// The network of the classifier: `embedding -> LSTM -> last state -> linear`.
#[derive(Debug, Clone)]
pub struct Network<T> {
    /// Ids to rows, `[ids, E]`.
    pub embedding: Embedding<T>,
    /// Rows to states.
    pub encoder: Encoder<T>,
    /// The last state of each direction to logits, `[D H]` to `[C]`.
    pub head: Dense<T>,
}

/// The gradients of a [`Network`].
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T> {
    /// Of the rows that were read and are trained.
    pub rows: RowGradients<T>,
    /// Of the LSTM.
    pub encoder: Encoder<T>,
    /// Of the head.
    pub head: Dense<T>,
}

impl<T: Real> Network<T> {
    /// A network with new weights for the LSTM and the head.
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
        self.logits_with(sequences, &[])
    }

    /// As [`Network::logits`], where ids from [`Embedding::id_of_made`] on stand for the rows `made`, `[M, E]`.
    pub fn logits_with(&self, sequences: &[&[u32]], made: &[T]) -> Vec<T> {
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let packing = Packing::new(&lengths);
        let (ids, places) = distinct(&packing.pack(sequences));
        let tokens = Tokens::shared(self.embedding.forward_with(&ids, made), places);
        let cache = self.encoder.forward(&packing, tokens, Vec::new());
        self.head.forward(&self.encoder.last(&packing, cache.output()))
    }

    /// A forward and a backward pass. Returns the summed cross-entropy times `scale`, and its gradients.
    ///
    /// `dropout` gives the rates and where their chance comes from; `None` drops nothing.
    ///
    /// # Shapes
    /// `sequences` `B` lists of ids, `labels` `[B]`.
    pub fn loss_and_gradients(
        &self,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        dropout: Option<(DropoutRates, &mut ChaCha8Rng)>,
    ) -> (f64, Gradients<T>) {
        let lengths: Vec<usize> = sequences.iter().map(|ids| ids.len()).collect();
        let packing = Packing::new(&lengths);
        let (tokens, shape) = (packing.tokens(), self.encoder.shape());
        let (ids, places) = distinct(&packing.pack(sequences));
        let (on_rows, between, on_last) = match dropout {
            None => (Dropout::none(), Vec::new(), Dropout::none()),
            Some((rates, rng)) => {
                let on_rows = Dropout::new(ids.len() * shape.input, rates.embedding, rng);
                let mut hidden = |count: usize| Dropout::new(count * shape.output(), rates.hidden, rng);
                let between = (1..shape.layers).map(|_| hidden(tokens)).collect();
                (on_rows, between, hidden(sequences.len()))
            }
        };

        let mut rows = self.embedding.forward(&ids);
        on_rows.apply(&mut rows);
        let cache = self.encoder.forward(&packing, Tokens::shared(rows, places), between);
        let mut last = self.encoder.last(&packing, cache.output());
        on_last.apply(&mut last);
        let logits = self.head.forward(&last);
        let (loss, logits_gradient) = cross_entropy(&logits, labels, self.classes(), scale);

        let mut gradients = self.zero_gradients();
        let mut last_gradient = self.head.backward(&last, &logits_gradient, &mut gradients.head);
        on_last.apply(&mut last_gradient);
        let output_gradient = self.encoder.last_backward(&packing, &last_gradient);
        let wanted = ids.iter().any(|&id| self.embedding.is_trained(id));
        let rows_gradient = self.encoder.backward(&packing, cache, &output_gradient, &mut gradients.encoder, wanted);
        if let Some(mut rows_gradient) = rows_gradient {
            on_rows.apply(&mut rows_gradient);
            gradients.rows = self.embedding.backward(&ids, &rows_gradient);
        }
        (loss, gradients)
    }

    fn zero_gradients(&self) -> Gradients<T> {
        let (input, output) = self.head.shape();
        Gradients {
            rows: RowGradients::new(self.embedding.dimension()),
            encoder: Encoder::zeros(self.encoder.shape()),
            head: Dense::zeros(input, output),
        }
    }

    /// Numbers that training can change, given the ids that occur in it.
    pub fn trained_parameters(&self, occurring: impl Iterator<Item = u32>) -> usize {
        let rows = occurring.filter(|&id| self.embedding.is_trained(id)).count();
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters());
        rows * self.embedding.dimension() + dense.map(|parameter| parameter.values.len()).sum::<usize>()
    }
}

/// The different ones of some ids, ascending, and for each of the ids where it stands among them.
fn distinct(ids: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut reads: Vec<(u32, u32)> = ids.iter().copied().zip(0..).collect();
    reads.sort_unstable();
    let mut distinct = Vec::new();
    let mut places = vec![0; ids.len()];
    for same in reads.chunk_by(|a, b| a.0 == b.0) {
        same.iter().for_each(|&(_, token)| places[token as usize] = distinct.len() as u32);
        distinct.push(same[0].0);
    }
    (distinct, places)
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

    fn dense(&self) -> impl Iterator<Item = &[T]> {
        self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|parameter| parameter.values)
    }
}

/// The optimizer of a [`Network`]: Adam for LSTM and head, sparse Adam for the rows, the norm of all gradients clipped
/// together.
#[derive(Debug, Clone)]
pub struct Optimizer<T> {
    dense: Adam<T>,
    rows: SparseAdam<T>,
    clip: Option<f64>,
}

impl<T: Real> Optimizer<T> {
    /// An optimizer that has not stepped yet; `clip` is the largest norm that all gradients together may have.
    pub fn new(options: AdamOptions, clip: Option<f64>) -> Self {
        Optimizer { dense: Adam::new(options), rows: SparseAdam::new(options), clip }
    }

    /// One step.
    pub fn step(&mut self, network: &mut Network<T>, gradients: &Gradients<T>) {
        let factor = self.clip.map_or(1.0, |limit| clip_factor(gradients.squares(), limit));
        self.rows.step(&mut network.embedding, &gradients.rows, factor);
        let mut parameters = network.encoder.parameters_mut();
        parameters.extend(network.head.parameters_mut());
        let gradients: Vec<&[T]> = gradients.dense().collect();
        self.dense.step(parameters, &gradients, factor);
    }
}
