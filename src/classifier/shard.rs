//! A part of a batch, as it goes through the network and back on its own.

use rand_chacha::ChaCha8Rng;

use super::network::Network;
use crate::nn::{CrossEntropy, Dense, Dropout, InputGradients, Packing, Real};

/// Texts of a shard where states are small, so that what a shard keeps for its way back stays in a core's own cache.
const FEW_TEXTS: usize = 16;

/// Texts of a shard where states are large: a step reads all weights, which more texts share.
const MANY_TEXTS: usize = 32;

/// States of up to this size are small.
const SMALL_STATE: usize = 128;

/// What a step costs beside its tokens, in tokens.
const STEP: usize = 1;

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
    pub head: Dense<T>,
    pub owed: InputGradients<T>,
    /// For each of its tokens the word, as a place among the batch's.
    words: Vec<u32>,
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
        let words = packing.pack(texts);
        let cache = network.encoder.forward(&packing, products, &words, between);
        let mut pooled = cache.pooled().to_vec();
        on_pooled.apply(&mut pooled);
        let logits = network.head.forward(&pooled);
        let (loss, logits_gradient) = loss.loss_and_gradient(&logits, labels, network.classes(), scale);

        let (input, classes) = network.head.shape();
        let mut head = Dense::zeros(input, classes);
        let mut pooled_gradient = network.head.backward(&pooled, &logits_gradient, &mut head);
        on_pooled.apply(&mut pooled_gradient);
        let owed = network.encoder.backward(&packing, cache, &pooled_gradient);
        Shard { loss, head, owed, words }
    }
}

/// Where the words of a batch occur in its shards.
pub(super) struct Occurrences {
    /// Shards and tokens, word by word, in their order.
    places: Vec<(u32, u32)>,
    /// Where those of each word begin, and the number of all.
    starts: Vec<usize>,
}

impl Occurrences {
    /// Of so many words.
    pub fn of<T: Real>(shards: &[Shard<T>], words: usize) -> Self {
        let mut starts = vec![0; words + 1];
        for &word in shards.iter().flat_map(|shard| &shard.words) {
            starts[word as usize + 1] += 1;
        }
        for word in 0..words {
            starts[word + 1] += starts[word];
        }
        let mut next = starts.clone();
        let mut places = vec![(0, 0); starts[words]];
        for (number, shard) in (0..).zip(shards) {
            for (token, &word) in (0..).zip(&shard.words) {
                places[next[word as usize]] = (number, token);
                next[word as usize] += 1;
            }
        }
        Occurrences { places, starts }
    }

    /// The gradients of the products of the words from `first` on, each the sum over its occurrences.
    ///
    /// # Shapes
    /// `sums` `[words, width]` is written.
    pub fn sum<T: Real>(&self, shards: &[Shard<T>], first: usize, width: usize, sums: &mut [T]) {
        for (sum, word) in sums.chunks_exact_mut(width).zip(first..) {
            let places = &self.places[self.starts[word]..self.starts[word + 1]];
            let owed = |(shard, token): (u32, u32)| (&shards[shard as usize].owed, token as usize);
            match places.split_first() {
                None => sum.fill(T::zero()),
                Some((&place, rest)) => {
                    let (first, token) = owed(place);
                    first.copy_products(token, sum);
                    rest.iter().map(|&place| owed(place)).for_each(|(owed, token)| owed.add_products(token, sum));
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
