//! The embedding layer: from word ids to rows of pretrained vectors.

use std::fmt;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::real::{add, squares};
use super::{EncoderShape, Real};
use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};

/// The id of padding: a row of zeros, never trained.
pub const PADDING: u32 = 0;

/// The id of unknown words, whose row is [`Vectors::unknown_vector`].
pub const UNKNOWN: u32 = 1;

/// Number of ids before the first word.
const SPECIAL: usize = 2;

/// Which rows are pretrained, and which are trained.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum EmbeddingMode {
    /// Pretrained rows, not trained.
    Frozen,
    /// Pretrained rows, fine-tuned: rows are copied when they are first updated.
    #[default]
    Tuned,
    /// Pretrained rows are frozen; the rows of out-of-vocabulary words are trained.
    OovOnly,
    /// Random rows, trained: the baseline without pretraining.
    Random,
    /// One-hot words without an embedding table. The product of a one-hot word with the input weights is a column of the weights;
    /// these columns are the rows of the embedding, and are trained.
    OneHot,
}

impl EmbeddingMode {
    /// All modes, in the order of reports.
    pub const ALL: &'static [EmbeddingMode] = <EmbeddingMode as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The options of an embedding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbeddingOptions {
    /// Which rows are pretrained, and which are trained.
    pub mode: EmbeddingMode,
    /// How the case of words is treated in lookups.
    pub case: Case,
    /// Standard deviation of the random rows of out-of-vocabulary words, whose mean is 0.
    pub oov_std: f64,
    /// Standard deviation of the rows of [`EmbeddingMode::Random`], whose mean is 0; `None` uses the mean and standard deviation of
    /// all components of the vectors.
    pub random_std: Option<f64>,
    /// Random seed. The row of a word does not depend on the other words.
    pub seed: u64,
}

impl Default for EmbeddingOptions {
    fn default() -> Self {
        EmbeddingOptions { mode: EmbeddingMode::default(), case: Case::Exact, oov_std: 0.1, random_std: None, seed: 1 }
    }
}

/// The location of the row of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// In the vectors.
    File(u32),
    /// In the embedding's own rows.
    Own(u32),
}

/// An embedding layer. Id 0 is padding, id 1 the unknown word, and ids from 2 are the words of the task.
///
/// Pretrained rows are read from the vectors and only copied when training changes them.
///
/// # Shapes
/// Ids `[N]`, output `[N, E]`.
#[derive(Clone)]
pub struct Embedding<T> {
    dimension: usize,
    mode: EmbeddingMode,
    slots: Vec<Slot>,
    trained: Vec<bool>,
    /// Whether all rows are temporarily frozen.
    frozen: bool,
    /// `[own rows, dimension]`
    own: Vec<T>,
    vectors: Option<Arc<Vectors>>,
}

/// A summary, not the rows.
impl<T> fmt::Debug for Embedding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} ids x {}, {})", self.slots.len(), self.dimension, self.mode)
    }
}

impl<T: Real> Embedding<T> {
    /// An embedding for the words of a task: `words[i]` has the id `i + 2`.
    ///
    /// Out-of-vocabulary words get the vectors of their character n-grams, if the vectors have n-grams, and are then treated as
    /// pretrained; otherwise they get small random rows ([`EmbeddingOptions::oov_std`]). With [`EmbeddingMode::Random`] all
    /// rows, including that of unknown words, are drawn from a normal distribution ([`EmbeddingOptions::random_std`]).
    ///
    /// # Errors
    /// A standard deviation that is negative or not finite; a damaged table file; [`EmbeddingMode::OneHot`], for which there is
    /// [`Embedding::one_hot`].
    pub fn new<W: AsRef<[u8]>>(vectors: &Arc<Vectors>, words: &[W], options: &EmbeddingOptions) -> Result<Self> {
        if options.mode == EmbeddingMode::OneHot {
            return Err(Error::invalid("embedding", "a mode with a table", "one-hot"));
        }
        let dimension = vectors.dimension();
        let random = options.mode == EmbeddingMode::Random;
        let (mean, std) = match (random, options.random_std) {
            (false, _) => (0.0, options.oov_std),
            (true, Some(std)) => (0.0, std),
            (true, None) => vectors.mean_and_std(),
        };
        let normal = Normal::new(mean, std)
            .ok()
            .filter(|_| std >= 0.0)
            .ok_or_else(|| Error::invalid("standard deviation of rows", "a number of at least 0", std.to_string()))?;
        let drawn = |word: &[u8]| {
            let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ fnv1a(word));
            (0..dimension).map(move |_| T::of(normal.sample(&mut rng)))
        };

        let mut own: Vec<T> = vec![T::zero(); dimension];
        if random {
            own.extend(drawn(b"<unk>"));
        } else {
            own.extend(vectors.unknown_vector().into_iter().map(T::of_f32));
        }
        let mut slots = vec![Slot::Own(PADDING), Slot::Own(UNKNOWN)];
        let trains_file_rows = matches!(options.mode, EmbeddingMode::Tuned | EmbeddingMode::Random);
        let trains_own_rows = options.mode != EmbeddingMode::Frozen;
        let mut trained = vec![false, trains_own_rows];
        for word in words {
            let known = vectors.find(word, options.case)?;
            let computed = if known.is_none() { vectors.vector(word) } else { None };
            trained.push(if known.is_some() || computed.is_some() { trains_file_rows } else { trains_own_rows });
            slots.push(match (known, computed) {
                (Some(row), _) if !random => Slot::File(row),
                (_, computed) => {
                    match computed {
                        Some(vector) if !random => own.extend(vector.iter().map(|&value| T::of_f32(value))),
                        _ => own.extend(drawn(word.as_ref())),
                    }
                    Slot::Own((own.len() / dimension - 1) as u32)
                }
            });
        }
        Ok(Embedding {
            dimension,
            mode: options.mode,
            slots,
            trained,
            frozen: false,
            own,
            vectors: Some(Arc::clone(vectors)),
        })
    }

    /// The input weights of an encoder over one-hot words: `words[i]` has the id `i + 2`.
    ///
    /// The row of a word is its column of `weight_ih` in all directions, one after the other, uniform in ±1/sqrt(H) as in PyTorch.
    /// The unknown word has a row of zeros, because a word that is not in the training data has no column.
    ///
    /// # Shapes
    /// `shape` is that of the encoder, with `input` 0; rows have [`EncoderShape::products`] numbers.
    pub fn one_hot<W: AsRef<[u8]>>(shape: &EncoderShape, words: &[W], seed: u64) -> Self {
        let dimension = shape.products();
        let bound = 1.0 / (shape.hidden.max(1) as f64).sqrt();
        let uniform = Uniform::new_inclusive(-bound, bound).ok();
        let mut own = vec![T::zero(); SPECIAL * dimension];
        for word in words {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ fnv1a(word.as_ref()));
            let draw = || T::of(uniform.map_or(0.0, |uniform| uniform.sample(&mut rng)));
            own.extend(std::iter::repeat_with(draw).take(dimension));
        }
        let ids = words.len() + SPECIAL;
        let mut trained = vec![true; ids];
        trained[..SPECIAL].fill(false);
        let slots = (0..ids as u32).map(Slot::Own).collect();
        Embedding { dimension, mode: EmbeddingMode::OneHot, slots, trained, frozen: false, own, vectors: None }
    }

    /// An embedding from a weight matrix. All rows are trained unless `mode` is frozen. Row 0 is set to zeros, for padding.
    ///
    /// # Shapes
    /// `weights` `[ids, dimension]`.
    ///
    /// # Errors
    /// Weights that are not a whole number of rows, or fewer than the two rows for padding and the unknown word.
    pub fn from_weights(mut weights: Vec<T>, dimension: usize, mode: EmbeddingMode) -> Result<Self> {
        if dimension == 0 || !weights.len().is_multiple_of(dimension) || weights.len() / dimension < SPECIAL {
            return Err(Error::invalid(
                "embedding weights",
                format!("at least {SPECIAL} rows of {dimension} numbers"),
                format!("{} numbers", weights.len()),
            ));
        }
        weights[..dimension].fill(T::zero());
        let ids = weights.len() / dimension;
        let mut trained = vec![mode != EmbeddingMode::Frozen; ids];
        trained[PADDING as usize] = false;
        let slots = (0..ids as u32).map(Slot::Own).collect();
        Ok(Embedding { dimension, mode, slots, trained, frozen: false, own: weights, vectors: None })
    }

    /// The id of word `index` of the task.
    pub fn id_of_word(index: usize) -> u32 {
        (index + SPECIAL) as u32
    }

    /// The id of a row of the vectors whose word is not among the words of the task; see [`Embedding::attach_vectors`].
    pub fn id_of_row(&self, row: u32) -> u32 {
        self.slots.len() as u32 + row
    }

    /// The id of row `index` of the extra rows of [`Embedding::forward_with`].
    pub fn id_of_extra(&self, index: usize) -> u32 {
        let rows = self.vectors.as_ref().map_or(0, |vectors| vectors.len());
        u32::try_from(self.slots.len() + rows + index).unwrap_or(UNKNOWN)
    }

    /// Makes the rows of `vectors` available as further ids, so that words that are not in the training data are known.
    ///
    /// # Errors
    /// Vectors of another dimension, or an embedding without pretrained rows: random or one-hot.
    pub fn attach_vectors(&mut self, vectors: &Arc<Vectors>) -> Result<()> {
        if self.mode == EmbeddingMode::OneHot {
            return Err(Error::invalid("vectors", "a model with pretrained rows", "a one-hot model"));
        }
        if vectors.dimension() != self.dimension {
            return Err(Error::invalid(
                "vectors",
                format!("dimension {}, as in the model", self.dimension),
                vectors.dimension().to_string(),
            ));
        }
        if self.mode == EmbeddingMode::Random {
            return Err(Error::invalid("vectors", "a model with pretrained rows", "a model with random rows"));
        }
        self.vectors = Some(Arc::clone(vectors));
        Ok(())
    }

    /// Numbers per row, `E`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Which rows are trained.
    pub fn mode(&self) -> EmbeddingMode {
        self.mode
    }

    /// Number of ids: padding, unknown word, and the words of the task.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Always false: there are at least padding and the unknown word.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether training may change the row of an id; never while rows are [frozen](Embedding::set_frozen).
    pub fn is_trained(&self, id: u32) -> bool {
        !self.frozen && self.trained.get(id as usize).copied().unwrap_or(false)
    }

    /// Freezes all rows temporarily, or unfreezes them again.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Whether rows are [frozen](Embedding::set_frozen).
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The rows of `ids`. An id that does not exist has the row of padding.
    ///
    /// # Shapes
    /// `ids` `[N]`; returns `[N, E]`.
    pub fn forward(&self, ids: &[u32]) -> Vec<T> {
        self.forward_with(ids, &[])
    }

    /// As [`Embedding::forward`], with extra rows for the ids from [`Embedding::id_of_extra`] on, such as the rows of words that are
    /// only known by their n-grams.
    ///
    /// # Shapes
    /// `ids` `[N]`, `extra` `[M, E]`; returns `[N, E]`.
    pub fn forward_with(&self, ids: &[u32], extra: &[T]) -> Vec<T> {
        let mut rows = Vec::with_capacity(ids.len() * self.dimension);
        for &id in ids {
            let index = id.checked_sub(self.id_of_extra(0)).map(|index| index as usize);
            let extra = index.and_then(|index| extra.chunks_exact(self.dimension).nth(index));
            match extra.map_or_else(|| self.row(id), Row::Own) {
                Row::File(values) => rows.extend(values.iter().map(|&value| T::of_f32(value))),
                Row::Own(values) => rows.extend_from_slice(values),
            }
        }
        rows
    }

    /// The gradients of the trained rows, summed over their tokens.
    ///
    /// # Shapes
    /// `ids` `[N]`, `gradient` `[N, E]`.
    pub fn backward(&self, ids: &[u32], gradient: &[T]) -> RowGradients<T> {
        let mut reads: Vec<(u32, u32)> =
            (0..).zip(ids).filter(|(_, id)| self.is_trained(**id)).map(|(token, &id)| (id, token)).collect();
        reads.sort_unstable();
        let mut rows = RowGradients::new(self.dimension);
        for same in reads.chunk_by(|a, b| a.0 == b.0) {
            let at = rows.values.len();
            rows.ids.push(same[0].0);
            rows.values.resize(at + self.dimension, T::zero());
            for &(_, token) in same {
                let from = token as usize * self.dimension;
                add(&mut rows.values[at..], &gradient[from..from + self.dimension]);
            }
        }
        rows
    }

    /// The row of an id, mutable; copied from the vectors on the first call. `None` for rows that are not trained.
    pub fn row_mut(&mut self, id: u32) -> Option<&mut [T]> {
        if !self.is_trained(id) {
            return None;
        }
        if let Row::File(values) = self.row(id) {
            let values: Vec<T> = values.iter().map(|&value| T::of_f32(value)).collect();
            self.slots[id as usize] = Slot::Own((self.own.len() / self.dimension) as u32);
            self.own.extend(values);
        }
        match self.slots[id as usize] {
            Slot::Own(place) => self.own.chunks_exact_mut(self.dimension).nth(place as usize),
            Slot::File(_) => None,
        }
    }

    /// Whether the row of an id is still read from the vectors.
    pub fn is_borrowed(&self, id: u32) -> bool {
        matches!(self.slots.get(id as usize), Some(Slot::File(_)))
    }

    /// The trained rows that are not, or no longer, read from the vectors, by ascending id. Ignores [`Embedding::set_frozen`].
    pub(crate) fn trained_rows(&self) -> impl Iterator<Item = (u32, &[T])> {
        (0..).zip(&self.trained).zip(&self.slots).filter_map(|((id, &trained), slot)| match slot {
            Slot::Own(place) if trained => Some((id, &self.own[*place as usize * self.dimension..][..self.dimension])),
            _ => None,
        })
    }

    /// All rows of the embedding, `[ids, E]`.
    pub fn weights(&self) -> Vec<T> {
        let ids: Vec<u32> = (0..self.slots.len() as u32).collect();
        self.forward(&ids)
    }

    fn row(&self, id: u32) -> Row<'_, T> {
        let file = |row: u32| self.vectors.as_ref().and_then(|vectors| vectors.row(row));
        let slot = self.slots.get(id as usize).copied();
        match slot.unwrap_or_else(|| Slot::File(id - self.slots.len() as u32)) {
            Slot::File(row) => file(row).map_or(Row::Own(&self.own[..self.dimension]), Row::File),
            Slot::Own(place) => Row::Own(&self.own[place as usize * self.dimension..][..self.dimension]),
        }
    }
}

impl Embedding<f32> {
    /// All rows of the embedding, without copying.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.slots.len() as u32).map(|id| match self.row(id) {
            Row::File(values) | Row::Own(values) => values,
        })
    }
}

enum Row<'a, T> {
    File(&'a [f32]),
    Own(&'a [T]),
}

/// Gradients of some rows of an embedding, by ascending id.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGradients<T> {
    dimension: usize,
    ids: Vec<u32>,
    values: Vec<T>,
}

impl<T: Real> RowGradients<T> {
    /// No rows.
    pub fn new(dimension: usize) -> Self {
        RowGradients { dimension, ids: Vec::new(), values: Vec::new() }
    }

    /// The ids in ascending order, and their gradients.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[T])> {
        self.ids.iter().copied().zip(self.values.chunks_exact(self.dimension.max(1)))
    }

    /// Adds other gradients, row by row.
    pub fn add(&mut self, other: &RowGradients<T>) {
        let mut sum = RowGradients::new(self.dimension);
        let mut left = self.iter().peekable();
        let mut right = other.iter().peekable();
        while let Some(id) = left.peek().into_iter().chain(right.peek()).map(|row| row.0).min() {
            let at = sum.values.len();
            sum.ids.push(id);
            sum.values.resize(at + self.dimension, T::zero());
            for (_, values) in left.next_if(|row| row.0 == id).into_iter().chain(right.next_if(|row| row.0 == id)) {
                add(&mut sum.values[at..], values);
            }
        }
        drop(left);
        *self = sum;
    }

    /// The sum of the squares of all components.
    pub fn squares(&self) -> f64 {
        squares(&self.values)
    }
}

/// FNV-1a, a hash that is the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
