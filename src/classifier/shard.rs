//! A part of a batch, as it goes through the network and back on its own.

use rand_chacha::ChaCha8Rng;

use super::network::{Network, distinct};
use crate::nn::{CrossEntropy, Dense, Dropout, Encoder, EncoderShape, Packing, Real, Scratch, add};

/// Texts of a shard where states are small, so that what a shard keeps for its way back stays in a core's own cache.
const FEW_TEXTS: usize = 16;

/// Texts of a shard where states are large: a step reads all weights, which more texts share.
const MANY_TEXTS: usize = 32;

/// States of up to this size are small.
const SMALL_STATE: usize = 128;

/// What a step costs beside its tokens, in tokens.
const STEP: usize = 2;

/// Which texts of a batch make up each shard. Texts of like lengths are together, so that a shard's texts run side by side as long as
/// it has steps; lengths alone decide where to cut, so that shards cost about the same.
pub(super) fn cut<S: AsRef<[u32]>>(sequences: &[S], hidden: usize) -> Vec<Vec<usize>> {
    let length = |&text: &usize| sequences[text].as_ref().len();
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|text| std::cmp::Reverse(length(text)));
    let texts = if hidden <= SMALL_STATE { FEW_TEXTS } else { MANY_TEXTS };
    let mut tokens: usize = order.iter().map(length).sum();
    let mut shards = Vec::new();
    let mut rest = order.as_slice();
    for left in (1..=sequences.len().div_ceil(texts)).rev() {
        // Each takes an equal share of the work that is left, at least one text, and leaves one for each shard to come.
        let steps = rest.first().map_or(0, length) * STEP;
        let share = (tokens + steps).div_ceil(left);
        let (mut taken, mut cost) = (0, steps);
        while taken + left <= rest.len() && (left == 1 || taken == 0 || cost < share) {
            cost += length(&rest[taken]);
            taken += 1;
        }
        let (shard, later) = rest.split_at(taken);
        tokens -= cost - steps;
        shards.push(shard.to_vec());
        rest = later;
    }
    shards
}

/// What a shard contributes to the gradients of its batch.
pub(super) struct Shard<T: Real> {
    /// Its share of the batch's loss.
    pub loss: f64,
    /// All but the input weights of the first layer.
    encoder: Encoder<T>,
    head: Dense<T>,
    /// Its words, as places among the batch's.
    words: Vec<u32>,
    /// The gradients of its words' products, `[words, D G H]`.
    products: Scratch<T>,
}

impl<T: Real> Shard<T> {
    /// Takes some texts through the network and back.
    ///
    /// # Shapes
    /// `products` `[U, D G H]`, of which each word of each text reads a row: `texts` `B` lists, each number below `U`; `labels`
    /// `[B]`. `chance` is the rate of dropout of states and where its chance comes from.
    pub fn new(
        network: &Network<T>,
        loss: &CrossEntropy,
        products: &[T],
        texts: &[&[u32]],
        labels: &[u32],
        scale: f64,
        chance: Option<(f64, ChaCha8Rng)>,
    ) -> Self {
        let shape = network.encoder.shape();
        let packing = Packing::of(texts);
        let (between, on_pooled) = match chance {
            None => (Vec::new(), Dropout::none()),
            Some((rate, mut rng)) => {
                let mut states = |count: usize| Dropout::new(count * shape.output(), rate, &mut rng);
                ((1..shape.layers).map(|_| states(packing.tokens())).collect(), states(texts.len()))
            }
        };
        let cache = network.encoder.forward(&packing, products, &packing.pack(texts), between);
        let mut pooled = cache.pooled().to_vec();
        on_pooled.apply(&mut pooled);
        let logits = network.head.forward(&pooled);
        let (loss, logits_gradient) = loss.loss_and_gradient(&logits, labels, network.classes(), scale);

        let (input, classes) = network.head.shape();
        let mut head = Dense::zeros(input, classes);
        let mut pooled_gradient = network.head.backward(&pooled, &logits_gradient, &mut head);
        on_pooled.apply(&mut pooled_gradient);
        // The input weights are the batch's business.
        let mut encoder = Encoder::zeros(EncoderShape { input: 0, ..shape });
        let (words, places) = distinct(texts);
        let places: Vec<&[u32]> = places.iter().map(Vec::as_slice).collect();
        let places = packing.pack(&places);
        let products = network.encoder.backward(&packing, cache, &pooled_gradient, &mut encoder, &places, words.len());
        Shard { loss, encoder, head, words, products }
    }

    /// The gradients of encoder and head, in the order of their parameters in an encoder of `shape`; nothing for the input weights of
    /// the first layer.
    pub fn dense(&self, shape: EncoderShape) -> Vec<&[T]> {
        let cells = self.encoder.cells().iter().enumerate();
        let of_cells = cells.flat_map(|(index, cell)| {
            let input = (index >= shape.directions() || shape.input > 0).then_some(cell.weight_ih.as_slice());
            let others = [&cell.weight_hh, &cell.bias_ih, &cell.bias_hh].map(Vec::as_slice);
            input.into_iter().chain(others)
        });
        of_cells.chain(self.head.parameters().into_iter().map(|parameter| parameter.values)).collect()
    }
}

/// For each word of a batch, shard by shard, where it stands among the shard's words; `u32::MAX` where it does not.
pub(super) fn shares<T: Real>(shards: &[Shard<T>], words: usize) -> Vec<u32> {
    let mut shares = vec![u32::MAX; words * shards.len()];
    for (number, shard) in shards.iter().enumerate() {
        for (place, &word) in (0..).zip(&shard.words) {
            shares[word as usize * shards.len() + number] = place;
        }
    }
    shares
}

/// The sums over the shards, in their order, of the gradients of the products of the words from `first` on.
///
/// # Shapes
/// `shares` from [`shares`]; `sums` `[words, width]` is written.
pub(super) fn sum_products<T: Real>(shards: &[Shard<T>], shares: &[u32], first: usize, width: usize, sums: &mut [T]) {
    sums.fill(T::zero());
    let of_words = shares.chunks_exact(shards.len().max(1)).skip(first);
    for (sum, places) in sums.chunks_exact_mut(width).zip(of_words) {
        for (shard, &place) in shards.iter().zip(places).filter(|(_, place)| **place != u32::MAX) {
            add(sum, &shard.products[place as usize * width..][..width]);
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
                let shards = cut(&texts, hidden);
                let most = if hidden == 5 { FEW_TEXTS } else { MANY_TEXTS };
                assert_eq!(shards.len(), count.div_ceil(most));
                assert!(shards.iter().all(|shard| !shard.is_empty()));
                let mut all = shards.concat();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<usize>>());
                let tokens = |shard: &Vec<usize>| shard.iter().map(|&text| texts[text].len()).sum::<usize>();
                let costs: Vec<usize> = shards.iter().map(|s| tokens(s) + texts[s[0]].len() * STEP).collect();
                if count >= 64 {
                    let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
                    assert!(most - least <= most / 3, "{costs:?}");
                }
            }
        }
    }
}
