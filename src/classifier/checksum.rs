//! Checksums of the inputs of a training run: XXH3 (64 bits), the same on every machine and in every version.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{Classifier, Dataset, Splits};
use crate::files::Words;
use crate::nn::{Embedding, EmbeddingMode};
use crate::vectors::Vectors;

/// Checksums of embedding rows before and after training: XXH3 of the length and the values of each row, in the order of the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChecksum {
    /// Number of rows.
    pub rows: usize,
    /// Checksum before training.
    pub before: String,
    /// Checksum after training.
    pub after: String,
}

impl RowChecksum {
    /// Whether the rows are the same before and after training, bit for bit.
    pub fn unchanged(&self) -> bool {
        self.before == self.after
    }
}

/// Checksums of the inputs of a training run, apart from its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputChecksums {
    /// Checksum of all texts and labels.
    pub texts: String,
    /// Checksum of the words and their initial rows.
    pub vectors: String,
}

impl InputChecksums {
    pub fn of(splits: &Splits, words: &Words, embedding: &Embedding<f32>) -> InputChecksums {
        let mut hash = Hash::new();
        for data in splits.iter() {
            hash.number(data.texts.len());
            hash.dataset(data);
        }
        let texts = hash.hex();
        let mut hash = Hash::new();
        hash.number(embedding.dimension());
        words.iter().for_each(|word| hash.bytes(word));
        let ids: Vec<u32> = (0..embedding.len() as u32).collect();
        ids.chunks(1024).for_each(|ids| hash.bytes(&f32_bytes(&embedding.forward(ids))));
        InputChecksums { texts, vectors: hash.hex() }
    }
}

/// XXH3 of a sequence of items, each preceded by its length.
pub(crate) struct Hash(XxHash3_64);

impl Hash {
    pub(crate) fn new() -> Hash {
        Hash(XxHash3_64::new())
    }

    pub(crate) fn number(&mut self, number: usize) {
        self.0.write(&(number as u64).to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.write(bytes);
    }

    /// Adds numbers as little-endian bytes.
    pub(crate) fn f32(&mut self, values: &[f32]) {
        self.number(values.len());
        for values in values.chunks(4096) {
            self.0.write(&f32_bytes(values));
        }
    }

    fn dataset(&mut self, data: &Dataset) {
        data.texts.iter().for_each(|text| {
            self.bytes(text.label.as_bytes());
            self.bytes(text.text.as_bytes());
        });
    }

    /// The hash as 16 hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        format!("{:016x}", self.0.finish())
    }

    /// The hash with the name of the algorithm: `xxh3:` and 16 hexadecimal digits.
    pub(crate) fn checksum(&self) -> String {
        format!("xxh3:{}", self.hex())
    }
}

/// The little-endian bytes of some numbers, on machines of either byte order.
pub(super) fn f32_bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * values.len()];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
    bytes
}

/// A checksum of the labels and texts of a data set, independent of the format of its file.
pub fn checksum_of_texts(data: &Dataset) -> String {
    let mut hash = Hash::new();
    hash.dataset(data);
    hash.checksum()
}

/// A checksum of the words and rows of vectors, independent of the format of their file.
pub fn checksum_of_vectors(vectors: &Vectors) -> String {
    let mut hash = Hash::new();
    hash.number(vectors.dimension());
    vectors.vocabulary().iter().for_each(|word| hash.bytes(word));
    hash.f32(vectors.values());
    hash.checksum()
}

impl Classifier {
    /// Checksums of the rows of those words of the classifier that are in `vectors`: as they are in the vectors, before training,
    /// and as they are in the classifier.
    ///
    /// `None` if the rows were not initialised from vectors: random and one-hot embeddings.
    pub fn checksum_of_rows(&self, vectors: &Vectors) -> Option<RowChecksum> {
        let embedding = &self.network.embedding;
        if matches!(embedding.mode(), EmbeddingMode::Random | EmbeddingMode::OneHot) {
            return None;
        }
        let (mut rows, mut before, mut after) = (0, Hash::new(), Hash::new());
        for (index, word) in self.vocabulary.iter().enumerate() {
            if let Some(row) = vectors.get(word) {
                rows += 1;
                before.f32(row);
                after.f32(&embedding.forward(&[Embedding::<f32>::id_of_word(index)]));
            }
        }
        Some(RowChecksum { rows, before: before.checksum(), after: after.checksum() })
    }
}
