//! The train, dev and test set of a task, and subsets of the train set.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::dataset::Dataset;
use super::random::{Stream, generator};
use crate::error::{Error, Malformed, Place, Result};

/// The data sets of a task.
#[derive(Debug, Clone)]
pub struct Splits {
    /// The train set.
    pub train: Dataset,
    /// The dev set, used for early stopping and model selection.
    pub dev: Dataset,
    /// The test set, which only the selected model is evaluated on.
    pub test: Option<Dataset>,
}

impl Splits {
    /// The train, dev and, if there is one, test set.
    pub fn iter(&self) -> impl Iterator<Item = &Dataset> {
        [Some(&self.train), Some(&self.dev), self.test.as_ref()].into_iter().flatten()
    }
}

/// Splits a data set at random into a train set (returned first) and a dev set, which gets a tenth of the texts, at least one.
///
/// # Errors
/// A data set with fewer than two texts.
pub fn split_dev_set(data: Dataset, seed: u64) -> Result<(Dataset, Dataset)> {
    if data.texts.len() < 2 {
        return Err(Malformed::at(Place::File, "at least two texts to split a dev set from", "one")
            .in_file(data.name)
            .into());
    }
    let mut order: Vec<usize> = (0..data.texts.len()).collect();
    order.shuffle(&mut generator(seed, Stream::Split));
    let (dev, train) = order.split_at((data.texts.len() / 10).max(1));
    let split = |indices: &[usize], name: &str| {
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        let texts = indices.iter().map(|&index| data.texts[index].clone()).collect();
        Dataset { name: format!("{} ({name})", data.name), texts, ..data.clone() }
    };
    Ok((split(train, "train set"), split(dev, "dev set")))
}

/// A stratified random subset of a train set, in the order of the set: labels keep their proportions, and each label has at least one
/// text.
///
/// For a given seed, smaller subsets are contained in larger ones: the texts of each label are shuffled, text `i` (from 0) of a label
/// with `n` texts gets the position `i / n`, and a subset consists of the texts with the lowest positions.
///
/// # Errors
/// A number of texts that is larger than the set, or smaller than its number of labels.
pub fn subset(train: &Dataset, texts: usize, seed: u64) -> Result<Dataset> {
    let mut labels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, text) in train.texts.iter().enumerate() {
        labels.entry(&text.label).or_default().push(index);
    }
    if texts < labels.len() || texts > train.texts.len() {
        let (min, max) = (labels.len(), train.texts.len());
        let expected = format!("from {min} (one text per label) to {max} (all of {})", train.name);
        return Err(Error::invalid("number of training texts", expected, texts.to_string()));
    }
    let mut rng = generator(seed, Stream::Subset);
    // Position as a fraction (rank of the text within its label, number of the label's texts), and index of the text.
    let mut positions: Vec<(usize, usize, usize)> = Vec::with_capacity(train.texts.len());
    for indices in labels.values_mut() {
        indices.shuffle(&mut rng);
        positions.extend(indices.iter().enumerate().map(|(rank, &index)| (rank, indices.len(), index)));
    }
    // A stable sort keeps ties in the order of the labels. The products fit into 128 bits.
    positions.sort_by(|a, b| (a.0 as u128 * b.1 as u128).cmp(&(b.0 as u128 * a.1 as u128)));
    let mut indices: Vec<usize> = positions.into_iter().take(texts).map(|(.., index)| index).collect();
    indices.sort_unstable();
    let texts = indices.into_iter().map(|index| train.texts[index].clone()).collect();
    Ok(Dataset { name: train.name.clone(), format: train.format, texts, replaced: train.replaced })
}
