//! Data sets as word ids and class indices, ready for the network.

use super::batch::BatchDropout;
use super::dataset::{Dataset, LabelledText};
use super::network::{DropoutRates, Gradients, Network};
use super::predict::probabilities;
use super::{Classifier, Metrics};
use crate::error::{Error, Malformed, Place, Result};
use crate::nn::CrossEntropy;

/// A data set as word ids and class indices.
#[derive(Debug)]
pub(super) struct EncodedDataset {
    /// The word ids of each text.
    pub sequences: Vec<Vec<u32>>,
    /// Rows of the words that have none in the embedding, see [`Classifier::ids`].
    extra_rows: Vec<f32>,
    /// The class of each text.
    pub labels: Vec<u32>,
}

impl EncodedDataset {
    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }

    /// The distinct word ids in ascending order.
    pub fn distinct_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.sequences.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Metrics of the network's predictions.
    pub fn evaluate(&self, network: &Network<f32>) -> Metrics {
        Metrics::of(&probabilities(network, &self.sequences, &self.extra_rows), &self.labels, network.classes())
    }

    /// The loss of a batch of texts, given by their indices, and its gradients. The loss is the mean over the texts, weighted by the
    /// class weights.
    pub fn batch_gradients(
        &self,
        network: &Network<f32>,
        criterion: &CrossEntropy,
        batch: &[usize],
        rates: DropoutRates,
        seed: u64,
    ) -> (f64, Gradients<f32>) {
        let sequences: Vec<&[u32]> = batch.iter().map(|&text| self.sequences[text].as_slice()).collect();
        let labels: Vec<u32> = batch.iter().map(|&text| self.labels[text]).collect();
        let scale = criterion.mean_scale(labels.iter().copied());
        let dropout = Some(BatchDropout { rates, seed });
        network.loss_and_gradients_with(criterion, &sequences, &labels, scale, dropout)
    }
}

impl Classifier {
    /// Encodes a data set.
    ///
    /// # Errors
    /// A data set without texts, or with a label that the classifier does not have.
    pub(super) fn encode(&self, data: &Dataset) -> Result<EncodedDataset> {
        if data.texts.is_empty() {
            return Err(Malformed::at(Place::File, "labelled texts", "none").in_file(&data.name).into());
        }
        let class = |text: &LabelledText| {
            let index = self.labels.iter().position(|label| *label == text.label);
            index.map(|index| index as u32).ok_or_else(|| {
                let expected = format!("a label of the train set ({})", self.labels.join(", "));
                let error = Malformed::at(Place::Line(text.line), expected, format!("`{}`", text.label));
                Error::from(error.in_file(&data.name))
            })
        };
        let (sequences, extra_rows) = self.ids(&self.words(&data.texts));
        let labels = data.texts.iter().map(class).collect::<Result<Vec<u32>>>()?;
        Ok(EncodedDataset { sequences, extra_rows, labels })
    }

    /// Evaluates the classifier on a labelled data set.
    ///
    /// # Errors
    /// A data set without texts, or with a label that the classifier does not have.
    pub fn evaluate(&self, data: &Dataset) -> Result<Metrics> {
        Ok(self.encode(data)?.evaluate(&self.network))
    }
}
