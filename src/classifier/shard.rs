//! A part of a batch that passes through the encoder on its own.

use rand_chacha::ChaCha8Rng;

use super::network::Network;
use crate::nn::{CrossEntropy, Dense, Dropout, InputGradients, Packing, Real};

/// Number of texts per shard for small states, such that what the forward pass stores for the backward pass fits into a core's cache.
const TEXTS_PER_SHARD: usize = 16;

/// Number of texts per shard for large states, whose weights are better read for more texts at a time.
const TEXTS_PER_SHARD_OF_LARGE_STATES: usize = 32;

/// States up to this size are small.
const MAX_SMALL_STATE: usize = 128;

/// The fixed cost of a step, in tokens.
const STEP_COST: usize = 1;

/// Divides a batch into shards of about equal cost, each a list of text indices. Only the lengths of the texts decide.
///
/// Texts of similar length are in the same shard, so that few steps are computed for only some of its texts.
pub(super) fn divide<S: AsRef<[u32]>>(sequences: &[S], hidden: usize) -> Vec<Vec<usize>> {
    let length = |&text: &usize| sequences[text].as_ref().len();
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|text| std::cmp::Reverse(length(text)));
    let texts = if hidden <= MAX_SMALL_STATE { TEXTS_PER_SHARD } else { TEXTS_PER_SHARD_OF_LARGE_STATES };
    let mut tokens: usize = order.iter().map(length).sum();
    let mut shards = Vec::new();
    let mut rest = order.as_slice();
    for left in (1..=sequences.len().div_ceil(texts)).rev() {
        // Each shard takes an equal part of the remaining cost: at least one text, and it leaves one for each remaining shard.
        let steps = rest.first().map_or(0, length) * STEP_COST;
        let target = (tokens + steps).div_ceil(left);
        let (mut taken, mut cost) = (0, steps);
        while taken + left <= rest.len() && (left == 1 || taken == 0 || cost < target) {
            cost += length(&rest[taken]);
            taken += 1;
        }
        let (shard, others) = rest.split_at(taken);
        tokens -= cost - steps;
        shards.push(shard.to_vec());
        rest = others;
    }
    shards
}

/// What the shards of a batch have in common.
pub(super) struct ShardContext<'a, T: Real> {
    pub network: &'a Network<T>,
    pub criterion: &'a CrossEntropy,
    /// The input products of the batch's words, `[U, D G H]`.
    pub products: &'a [T],
    /// The factor of the loss.
    pub scale: f64,
}

/// The contribution of a shard to the loss and the gradients of its batch.
pub(super) struct Shard<T: Real> {
    /// The loss, summed over its texts.
    pub loss: f64,
    /// Gradients of the head.
    pub head: Dense<T>,
    /// Gradients of the input products, and of the weights of the encoder.
    pub input: InputGradients<T>,
    /// The word of each of its tokens, as an index into the words of the batch.
    words: Vec<u32>,
}

impl<T: Real> Shard<T> {
    /// Runs the forward and the backward pass of some texts.
    ///
    /// # Shapes
    /// `texts` are the words of `B` texts as indices into the products, `labels` `[B]` their classes. `dropout` is the rate of dropout
    /// of states and its random number generator.
    pub fn new(
        context: &ShardContext<T>,
        texts: &[&[u32]],
        labels: &[u32],
        dropout: Option<(f64, ChaCha8Rng)>,
    ) -> Self {
        let ShardContext { network, criterion, products, scale } = *context;
        let shape = network.encoder.shape();
        let packing = Packing::of(texts);
        let (between_layers, on_pooled) = match dropout {
            None => (Vec::new(), Dropout::none()),
            Some((rate, mut rng)) => {
                let mut states = |count: usize| Dropout::new(count * shape.output(), rate, &mut rng);
                ((1..shape.layers).map(|_| states(packing.tokens())).collect(), states(texts.len()))
            }
        };
        let words = packing.pack(texts);
        let cache = network.encoder.forward(&packing, products, &words, between_layers);
        let mut pooled = cache.pooled().to_vec();
        on_pooled.apply(&mut pooled);
        let logits = network.head.forward(&pooled);
        let (loss, logits_gradient) = criterion.loss_and_gradient(&logits, labels, network.classes(), scale);

        let (input, classes) = network.head.shape();
        let mut head = Dense::zeros(input, classes);
        let mut pooled_gradient = network.head.backward(&pooled, &logits_gradient, &mut head);
        on_pooled.apply(&mut pooled_gradient);
        let input = network.encoder.backward(&packing, cache, &pooled_gradient);
        Shard { loss, head, input, words }
    }
}

/// Where the words of a batch occur in its shards.
pub(super) struct Occurrences {
    /// Shard and token of each occurrence, grouped by word.
    positions: Vec<(u32, u32)>,
    /// The index of the first occurrence of each word, and the number of all occurrences.
    starts: Vec<usize>,
}

impl Occurrences {
    /// The occurrences of `words` words.
    pub fn of<T: Real>(shards: &[Shard<T>], words: usize) -> Self {
        let mut starts = vec![0; words + 1];
        for &word in shards.iter().flat_map(|shard| &shard.words) {
            starts[word as usize + 1] += 1;
        }
        for word in 0..words {
            starts[word + 1] += starts[word];
        }
        let mut next = starts.clone();
        let mut positions = vec![(0, 0); starts[words]];
        for (number, shard) in (0..).zip(shards) {
            for (token, &word) in (0..).zip(&shard.words) {
                positions[next[word as usize]] = (number, token);
                next[word as usize] += 1;
            }
        }
        Occurrences { positions, starts }
    }

    /// The gradients of the input products of the words from `first` on, each summed over the occurrences of the word.
    ///
    /// # Shapes
    /// `sums` `[words, width]` is overwritten.
    pub fn sum<T: Real>(&self, shards: &[Shard<T>], first: usize, width: usize, sums: &mut [T]) {
        for (sum, word) in sums.chunks_exact_mut(width).zip(first..) {
            let positions = &self.positions[self.starts[word]..self.starts[word + 1]];
            let gradients = |(shard, token): (u32, u32)| (&shards[shard as usize].input, token as usize);
            match positions.split_first() {
                None => sum.fill(T::zero()),
                Some((&position, rest)) => {
                    let (first, token) = gradients(position);
                    first.copy_products(token, sum);
                    for &position in rest {
                        let (gradients, token) = gradients(position);
                        gradients.add_products(token, sum);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_one_shard_and_shards_cost_about_the_same() {
        for count in [0, 1, 2, 15, 16, 17, 64, 200] {
            let texts: Vec<Vec<u32>> = (0..count).map(|text| vec![0; text * 37 % 41]).collect();
            for hidden in [5, 300] {
                let shards = divide(&texts, hidden);
                let texts_per_shard = if hidden == 5 { TEXTS_PER_SHARD } else { TEXTS_PER_SHARD_OF_LARGE_STATES };
                assert_eq!(shards.len(), count.div_ceil(texts_per_shard));
                assert!(shards.iter().all(|shard| !shard.is_empty()));
                let mut all = shards.concat();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<usize>>());
                let tokens = |shard: &Vec<usize>| shard.iter().map(|&text| texts[text].len()).sum::<usize>();
                let costs: Vec<usize> = shards.iter().map(|s| tokens(s) + texts[s[0]].len() * STEP_COST).collect();
                if count >= 64 {
                    let (min, max) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
                    assert!(max - min <= max / 3, "{costs:?}");
                }
            }
        }
    }
}
