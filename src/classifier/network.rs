//! Embedding, encoder and a linear head: from ids of words to logits, and back.

use hashbrown::HashMap;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

use super::shard::{self, Occurrences, Shard};
use crate::nn::{
    CrossEntropy, Dense, Dropout, Embedding, EmbeddingMode, Encoder, EncoderShape, Packing, PartialGradients, Real,
    RowGradients, Scratch, add,
};

/// Words whose rows are multiplied with the input weights together, at most.
const WORDS_TOGETHER: usize = 64;

/// Tasks that the way back through the input product is cut into. Each has a gradient of all input weights for itself, so they
/// are few.
const WORD_TASKS: usize = 4;

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
#[derive(Debug, Clone, Copy)]
pub struct BatchDropout {
    /// Rates of dropout.
    pub rates: DropoutRates,
    /// Where the chance comes from: another seed for every batch.
    pub seed: u64,
}

/// Streams of a batch's random numbers; those of shards and of groups of words count up from them.
mod stream {
    pub const SHARDS: u64 = 0;
    pub const WORDS: u64 = 1 << 32;
}

impl BatchDropout {
    fn generator(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

/// The network of the classifier: `embedding -> encoder -> linear`.
#[derive(Debug, Clone)]
pub struct Network<T: Real> {
    /// Ids to rows, `[ids, E]`.
    pub embedding: Embedding<T>,
    /// Rows of words to a row for the text.
    pub encoder: Encoder<T>,
    /// The row of the text to logits, `[D H]` to `[C]`.
    pub head: Dense<T>,
}

/// The gradients of a [`Network`].
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T: Real> {
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
        self.logits_with(sequences, &[])
    }

    /// As [`Network::logits`], where ids from [`Embedding::id_of_made`] on stand for the rows `made`, `[M, E]`.
    pub fn logits_with(&self, sequences: &[&[u32]], made: &[T]) -> Vec<T> {
        let (ids, places) = distinct(sequences);
        let places: Vec<&[u32]> = places.iter().map(Vec::as_slice).collect();
        self.logits_of_products(&self.products(&ids, made), &places)
    }

    /// The products of some words' rows with the input weights, `[U, D G H]`.
    pub(super) fn products(&self, ids: &[u32], made: &[T]) -> Vec<T> {
        let width = self.encoder.shape().products();
        let mut products = vec![T::zero(); ids.len() * width];
        let multiply =
            |products: &mut [T], ids: &[u32]| self.encoder.multiply(&self.embedding.forward_with(ids, made), products);
        if ids.len() <= WORDS_TOGETHER {
            multiply(&mut products, ids);
            return products;
        }
        let groups = products.par_chunks_mut(WORDS_TOGETHER * width).zip(ids.par_chunks(WORDS_TOGETHER));
        groups.for_each(|(products, ids)| multiply(products, ids));
        products
    }

    /// The logits of some sequences, given the products of their words' rows with the input weights: a word that occurs in many
    /// texts is multiplied once.
    ///
    /// # Shapes
    /// `products` `[U, D G H]`, `sequences` `B` lists of numbers below `U`; returns `[B, C]`.
    pub(super) fn logits_of_products(&self, products: &[T], sequences: &[&[u32]]) -> Vec<T> {
        let packing = Packing::of(sequences);
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
        drops: Option<BatchDropout>,
    ) -> (f64, Gradients<T>) {
        self.loss_and_gradients_with(&CrossEntropy::default(), sequences, labels, scale, drops)
    }

    /// [`Network::loss_and_gradients`] with weights of classes and smoothed labels.
    ///
    /// The batch is cut into shards that run through the encoder and back each on its own; the input product, in which all share
    /// words, and its gradients are done for the batch as a whole. What is cut where depends on the lengths of the texts
    /// alone, and sums have a fixed order, so that any number of threads gives the same bits.
    pub fn loss_and_gradients_with(
        &self,
        loss: &CrossEntropy,
        sequences: &[&[u32]],
        labels: &[u32],
        scale: f64,
        drops: Option<BatchDropout>,
    ) -> (f64, Gradients<T>) {
        let shape = self.encoder.shape();
        let words_and_shards = || (distinct(sequences), shard::cut(sequences, shape.hidden));
        let (((ids, places), shards), ()) = rayon::join(words_and_shards, || self.encoder.prepare());

        // Groups of words that are multiplied together, as many in each task.
        let tasks = ids.len().div_ceil(WORDS_TOGETHER).next_multiple_of(WORD_TASKS);
        let together = ids.len().div_ceil(tasks.max(1)).max(1);
        let (mut rows, mut products) =
            (Scratch::uncleared(ids.len() * shape.row()), Scratch::uncleared(ids.len() * shape.products()));
        let groups = rows
            .par_chunks_mut(together * shape.row())
            .zip(products.par_chunks_mut(together * shape.products()))
            .zip(ids.par_chunks(together))
            .enumerate();
        let dropouts: Vec<Dropout<T>> = groups
            .map(|(group, ((rows, products), ids))| {
                let dropout = drops.as_ref().map_or_else(Dropout::none, |drops| self.drop_rows(ids, drops, group));
                rows.copy_from_slice(&self.embedding.forward(ids));
                dropout.apply(rows);
                self.encoder.multiply(rows, products);
                dropout
            })
            .collect();

        let shards: Vec<Shard<T>> = shards
            .into_par_iter()
            .enumerate()
            .map(|(number, texts)| {
                let places: Vec<&[u32]> = texts.iter().map(|&text| places[text].as_slice()).collect();
                let labels: Vec<u32> = texts.iter().map(|&text| labels[text]).collect();
                let chance = drops.map(|drops| (drops.rates.hidden, drops.generator(stream::SHARDS + number as u64)));
                Shard::new(self, loss, &products, &places, &labels, scale, chance)
            })
            .collect();

        // From here on the products' gradient stands where the products stood.
        let occurrences = Occurrences::of(&shards, ids.len());
        let wanted = ids.iter().any(|&id| self.embedding.is_trained(id));
        let mut row_gradients = Scratch::uncleared(if wanted { rows.len() } else { 0 });
        let a_task = together * (tasks / WORD_TASKS).max(1);
        let mut of_tasks: Vec<&mut [T]> = row_gradients.chunks_mut(a_task * shape.row()).collect();
        of_tasks.resize_with(ids.len().div_ceil(a_task), Default::default);
        let word_shares: Vec<PartialGradients<T>> = of_tasks
            .into_par_iter()
            .zip(products.par_chunks_mut(a_task * shape.products()))
            .zip(rows.par_chunks(a_task * shape.row()))
            .zip(dropouts.par_chunks(a_task / together))
            .enumerate()
            .map(|(task, (((row_gradients, products), rows), dropouts))| {
                occurrences.sum(&shards, task * a_task, shape.products(), products);
                let share = self.encoder.multiply_backward(rows, products, wanted.then_some(&mut *row_gradients));
                let groups = row_gradients.chunks_mut(together * shape.row());
                groups.zip(dropouts).for_each(|(rows, dropout)| dropout.apply(rows));
                share
            })
            .collect();

        let mut head = Dense::zeros(shape.output(), self.classes());
        for shard in &shards {
            head.parameters_mut().into_iter().zip(shard.head.parameters()).for_each(|(sum, p)| add(sum, p.values));
        }
        let shares: Vec<&PartialGradients<T>> =
            shards.iter().map(|shard| shard.owed.share()).chain(&word_shares).collect();
        let rows_of = || match wanted {
            true => self.embedding.backward(&ids, &row_gradients),
            false => RowGradients::new(self.embedding.dimension()),
        };
        let (encoder, rows) = rayon::join(|| self.encoder.gradients(&shares), rows_of);
        (shards.iter().map(|shard| shard.loss).sum(), Gradients { rows, encoder, head })
    }

    /// What is dropped of the rows of a group of words.
    fn drop_rows(&self, ids: &[u32], drops: &BatchDropout, group: usize) -> Dropout<T> {
        let (width, rates) = (self.embedding.dimension(), drops.rates);
        // A one-hot word has a single component, so that to drop it is to drop the word.
        let one_hot = self.embedding.mode() == EmbeddingMode::OneHot;
        let (components, again) = if one_hot { (0.0, rates.embedding) } else { (rates.embedding, 0.0) };
        let mut rng = drops.generator(stream::WORDS + group as u64);
        let mut dropout = Dropout::new(ids.len() * width, components, &mut rng);
        dropout.rows(ids.len(), width, rates.word, &mut rng);
        dropout.rows(ids.len(), width, again, &mut rng);
        dropout
    }

    /// Whether all weights, and all rows that training has changed, are finite numbers.
    pub fn is_finite(&self) -> bool {
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters()).map(|p| p.values);
        let mut all = dense.chain(self.embedding.trained_rows().map(|(_, row)| row));
        all.all(|values| values.iter().all(|value| value.is_finite()))
    }

    /// Numbers that training can change, given the ids that occur in it.
    pub fn trainable_parameters(&self, occurring: impl Iterator<Item = u32>) -> usize {
        let rows = occurring.filter(|&id| self.embedding.is_trained(id)).count();
        let dense = self.encoder.parameters().into_iter().chain(self.head.parameters());
        rows * self.embedding.dimension() + dense.map(|parameter| parameter.values.len()).sum::<usize>()
    }
}

/// The different ones of the ids in some sequences, as they are met, and the sequences of where they stand among them.
pub(super) fn distinct<S: AsRef<[u32]>>(sequences: &[S]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let all = || sequences.iter().flat_map(|sequence| sequence.as_ref());
    let (count, most) = all().fold((0usize, 0), |(count, most), &id| (count + 1, most.max(id as usize)));
    let mut ids = Vec::new();
    let mut number = |id: u32, place: &mut u32| {
        if *place == u32::MAX {
            *place = ids.len() as u32;
            ids.push(id);
        }
        *place
    };
    let mut places: Vec<Vec<u32>> = sequences.iter().map(|sequence| sequence.as_ref().to_vec()).collect();
    let all = places.iter_mut().flatten();
    if most < SPARSE * count {
        // A place for every id there could be: faster than to look each up, as long as there are not many more than tokens.
        let mut found = vec![u32::MAX; most + 1];
        all.for_each(|id| *id = number(*id, &mut found[*id as usize]));
    } else {
        let mut found: HashMap<u32, u32> = HashMap::new();
        all.for_each(|id| *id = number(*id, found.entry(*id).or_insert(u32::MAX)));
    }
    (ids, places)
}

/// Possible ids a token from which on ids are looked up in a hash table.
const SPARSE: usize = 64;

impl<T: Real> Gradients<T> {
    /// Adds other gradients.
    pub fn add(&mut self, other: &Gradients<T>) {
        self.rows.add(&other.rows);
        let sums = self.encoder.parameters_mut().into_iter().chain(self.head.parameters_mut());
        for (sum, values) in sums.zip(other.dense()) {
            add(sum, values);
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
