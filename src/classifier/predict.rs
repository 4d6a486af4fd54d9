//! Probabilities of texts that are given as word ids.

use rayon::prelude::*;

use super::network::Network;
use super::unique_ids::unique_ids;
use crate::nn::softmax;

/// Number of texts in a batch of prediction. It is fixed, so that results are the same for any number of threads.
const BATCH: usize = 64;

/// Applies `work` to each item in parallel. A single item is processed by the calling thread, because handing it to another one
/// takes longer than predicting a sentence.
pub(super) fn parallel_map<'i, T: Sync, R: Send>(items: &'i [T], work: impl Fn(&'i T) -> R + Sync + Send) -> Vec<R> {
    match items {
        [item] => vec![work(item)],
        _ => items.par_iter().map(work).collect(),
    }
}

/// The class probabilities of texts.
///
/// # Shapes
/// `sequences` are the word ids of `B` texts, `extra_rows` `[M, E]` the rows of ids that the embedding does not have; returns `[B, C]`.
pub(super) fn probabilities(network: &Network<f32>, sequences: &[Vec<u32>], extra_rows: &[f32]) -> Vec<f32> {
    let classes = network.classes();
    let mut all = vec![0.0; sequences.len() * classes];
    let (ids, indices) = unique_ids(sequences);
    let products = network.input_products(&ids, extra_rows);
    // Texts of similar length are in the same batch, so that few steps are computed for only some of its texts.
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&text| std::cmp::Reverse(sequences[text].len()));
    let batches: Vec<&[usize]> = order.chunks(BATCH).collect();
    let predicted = parallel_map(&batches, |texts| {
        let indices: Vec<&[u32]> = texts.iter().map(|&text| indices[text].as_slice()).collect();
        let mut logits = network.logits_of_products(&products, &indices);
        softmax(&mut logits, classes);
        logits
    });
    for (texts, probabilities) in batches.into_iter().zip(predicted) {
        for (&text, probabilities) in texts.iter().zip(probabilities.chunks_exact(classes)) {
            all[text * classes..][..classes].copy_from_slice(probabilities);
        }
    }
    all
}
