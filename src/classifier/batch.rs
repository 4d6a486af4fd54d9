//! The forward and the backward pass of a batch.
//!
//! A batch is divided into shards, which pass through the encoder in parallel. The products of embedding rows with the input weights,
//! and their gradients, are computed once per distinct word of the batch. How a batch is divided depends only on the lengths of its
//! texts, and sums have a fixed order, so that results are the same for any number of threads, bit for bit.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::network::{DropoutRates, Gradients, MAX_PRODUCT_ROWS, Network};
use super::shard::{Occurrences, Shard, ShardContext, divide};
use super::unique_ids::unique_ids;
use crate::nn::{CrossEntropy, Dense, Dropout, EmbeddingMode, PartialGradients, Real, RowGradients, Scratch, add};

/// Number of tasks of the backward pass through the input products. Each has its own gradient of all input weights, so there are few.
const BACKWARD_TASKS: usize = 4;

/// The dropout of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchDropout {
    /// Dropout rates.
    pub rates: DropoutRates,
    /// Random seed, which should be different for each batch.
    pub seed: u64,
}

/// The first streams of random numbers for shards and for groups of words.
mod stream {
    pub const SHARDS: u64 = 0;
    pub const GROUPS: u64 = 1 << 32;
}

impl BatchDropout {
    fn generator(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

/// How the distinct words of a batch are divided into groups, which are multiplied together, and tasks, which consist of groups.
#[derive(Clone, Copy)]
struct WordLayout {
    /// Number of words.
    words: usize,
    /// Number of words in a group.
    group: usize,
    /// Number of words in a task.
    task: usize,
}

impl WordLayout {
    fn new(words: usize) -> Self {
        let groups = words.div_ceil(MAX_PRODUCT_ROWS).next_multiple_of(BACKWARD_TASKS);
        let group = words.div_ceil(groups.max(1)).max(1);
        WordLayout { words, group, task: group * (groups / BACKWARD_TASKS).max(1) }
    }
}

/// The embedding rows of a batch's words after dropout, and their products with the input weights.
struct InputProducts<T: Real> {
    /// `[U, E]`
    rows: Scratch<T>,
    /// `[U, D G H]`
    products: Scratch<T>,
    /// The dropout of each group of words.
    dropouts: Vec<Dropout<T>>,
}

/// The gradients that the backward pass through the input products computes.
struct InputProductGradients<T: Real> {
    /// Gradients of the embedding rows, `[U, E]`; empty if no row is trainable.
    rows: Scratch<T>,
    /// Gradients of the input weights from each task.
    weights: Vec<PartialGradients<T>>,
}

impl<T: Real> Network<T> {
    /// A forward and a backward pass. Returns the summed cross-entropy times `scale`, and its gradients.
    ///
    /// # Shapes
    /// `sequences` are the word ids of `B` texts, `labels` `[B]` their classes.
    pub fn loss_and_gradients(
        &self,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        dropout: Option<BatchDropout>,
    ) -> (f64, Gradients<T>) {
        self.loss_and_gradients_with(&CrossEntropy::default(), sequences, labels, scale, dropout)
    }

    /// [`Network::loss_and_gradients`] with class weights and label smoothing.
    pub fn loss_and_gradients_with(
        &self,
        criterion: &CrossEntropy,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        dropout: Option<BatchDropout>,
    ) -> (f64, Gradients<T>) {
        let shape = self.encoder.shape();
        let divided = || (unique_ids(sequences), divide(sequences, shape.hidden));
        let (((ids, indices), shards), ()) = rayon::join(divided, || self.encoder.prepare());
        let layout = WordLayout::new(ids.len());
        let mut input = self.multiply_words(&ids, layout, dropout);

        let context = ShardContext { network: self, criterion, products: &input.products, scale };
        let shards: Vec<Shard<T>> = shards
            .into_par_iter()
            .enumerate()
            .map(|(number, texts)| {
                let words: Vec<&[u32]> = texts.iter().map(|&text| indices[text].as_slice()).collect();
                let labels: Vec<u32> = texts.iter().map(|&text| labels[text]).collect();
                let rng = |dropout: BatchDropout| dropout.generator(stream::SHARDS + number as u64);
                Shard::new(&context, &words, &labels, dropout.map(|dropout| (dropout.rates.hidden, rng(dropout))))
            })
            .collect();

        let mut head = Dense::zeros(shape.output(), self.classes());
        for shard in &shards {
            head.parameters_mut().into_iter().zip(shard.head.parameters()).for_each(|(sum, p)| add(sum, p.values));
        }
        let of_products = self.multiply_words_backward(&ids, layout, &mut input, &shards);
        let weights = shards.iter().map(|shard| shard.input.weights()).chain(&of_products.weights);
        let weights: Vec<&PartialGradients<T>> = weights.collect();
        let row_gradients = || match of_products.rows.is_empty() {
            true => RowGradients::new(self.embedding.dimension()),
            false => self.embedding.backward(&ids, &of_products.rows),
        };
        let (encoder, rows) = rayon::join(|| self.encoder.gradients(&weights), row_gradients);
        (shards.iter().map(|shard| shard.loss).sum(), Gradients { rows, encoder, head })
    }

    /// Looks up the rows of a batch's words, applies dropout to them and multiplies them with the input weights.
    fn multiply_words(&self, ids: &[u32], layout: WordLayout, dropout: Option<BatchDropout>) -> InputProducts<T> {
        let shape = self.encoder.shape();
        let mut rows = Scratch::uncleared(layout.words * shape.row());
        let mut products = Scratch::uncleared(layout.words * shape.products());
        let groups = rows
            .par_chunks_mut(layout.group * shape.row())
            .zip(products.par_chunks_mut(layout.group * shape.products()))
            .zip(ids.par_chunks(layout.group))
            .enumerate();
        let dropouts = groups
            .map(|(group, ((rows, products), ids))| {
                let dropout = dropout.map_or_else(Dropout::none, |dropout| self.word_dropout(ids, dropout, group));
                rows.copy_from_slice(&self.embedding.forward(ids));
                dropout.apply(rows);
                self.encoder.multiply(rows, products);
                dropout
            })
            .collect();
        InputProducts { rows, products, dropouts }
    }

    /// The backward pass of [`Network::multiply_words`]. The products are overwritten with their gradients.
    fn multiply_words_backward(
        &self,
        ids: &[u32],
        layout: WordLayout,
        input: &mut InputProducts<T>,
        shards: &[Shard<T>],
    ) -> InputProductGradients<T> {
        let shape = self.encoder.shape();
        let occurrences = Occurrences::of(shards, layout.words);
        let any_trained = ids.iter().any(|&id| self.embedding.is_trained(id));
        let mut rows = Scratch::uncleared(if any_trained { input.rows.len() } else { 0 });
        // Without trainable rows, each task gets an empty slice.
        let mut task_rows: Vec<&mut [T]> = rows.chunks_mut(layout.task * shape.row()).collect();
        task_rows.resize_with(layout.words.div_ceil(layout.task), Default::default);
        let weights = task_rows
            .into_par_iter()
            .zip(input.products.par_chunks_mut(layout.task * shape.products()))
            .zip(input.rows.par_chunks(layout.task * shape.row()))
            .zip(input.dropouts.par_chunks(layout.task / layout.group))
            .enumerate()
            .map(|(task, (((row_gradients, products), rows), dropouts))| {
                occurrences.sum(shards, task * layout.task, shape.products(), products);
                let weights =
                    self.encoder.multiply_backward(rows, products, any_trained.then_some(&mut *row_gradients));
                let groups = row_gradients.chunks_mut(layout.group * shape.row());
                groups.zip(dropouts).for_each(|(rows, dropout)| dropout.apply(rows));
                weights
            })
            .collect();
        InputProductGradients { rows, weights }
    }

    /// The dropout of the rows of a group of words.
    fn word_dropout(&self, ids: &[u32], dropout: BatchDropout, group: usize) -> Dropout<T> {
        let (width, rates) = (self.embedding.dimension(), dropout.rates);
        // A one-hot vector has one component, so its embedding dropout drops the word.
        let one_hot = self.embedding.mode() == EmbeddingMode::OneHot;
        let (component_rate, one_hot_rate) = if one_hot { (0.0, rates.embedding) } else { (rates.embedding, 0.0) };
        let mut rng = dropout.generator(stream::GROUPS + group as u64);
        let mut mask = Dropout::new(ids.len() * width, component_rate, &mut rng);
        mask.rows(ids.len(), width, rates.word, &mut rng);
        mask.rows(ids.len(), width, one_hot_rate, &mut rng);
        mask
    }
}
