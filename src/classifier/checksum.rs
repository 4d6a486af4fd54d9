//! Checksums of what trainings are made from: XXH3 (64 bits), the same on every machine and in every version.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{Classifier, Dataset};
use crate::nn::{Embedding, EmbeddingMode};
use crate::vectors::Vectors;

/// Checksums of some rows before training and after: XXH3 of each row's length and numbers, in the order of the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChecksum {
    /// Rows.
    pub rows: usize,
    /// Before training.
    pub before: String,
    /// After it.
    pub after: String,
}

impl RowChecksum {
    /// Whether no bit of these rows has changed.
    pub fn unchanged(&self) -> bool {
        self.before == self.after
    }
}

/// XXH3 of parts, each with its length.
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

    /// Numbers as little-endian bytes, whatever this machine is.
    pub(crate) fn f32(&mut self, values: &[f32]) {
        self.number(values.len());
        for values in values.chunks(4096) {
            self.0.write(&of_f32(values));
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

/// Little-endian, whatever this machine is.
pub(super) fn of_f32(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * values.len()];
    bytes.as_chunks_mut::<4>().0.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
    bytes
}

/// A checksum of labels and texts in their order, whatever form the file has them in.
pub fn checksum_of_texts(data: &Dataset) -> String {
    let mut hash = Hash::new();
    data.texts.iter().for_each(|text| {
        hash.bytes(text.label.as_bytes());
        hash.bytes(text.text.as_bytes());
    });
    format!("xxh3:{}", hash.text())
}

/// A checksum of words and rows in their order, whatever form the file has them in.
pub fn checksum_of_vectors(vectors: &Vectors) -> String {
    let mut hash = Hash::new();
    hash.number(vectors.dimension());
    vectors.vocabulary().iter().for_each(|word| hash.bytes(word));
    hash.f32(vectors.values());
    format!("xxh3:{}", hash.text())
}

impl Classifier {
    /// Of its words that have a row in `vectors`: these rows as the vectors have them, before training, and those it has itself for them.
    /// `None` for classifiers whose rows are not the vectors': random, one-hot.
    pub fn checksum_of_rows(&self, vectors: &Vectors) -> Option<RowChecksum> {
        let embedding = &self.network.embedding;
        if matches!(embedding.mode(), EmbeddingMode::Random | EmbeddingMode::OneHot) {
            return None;
        }
        let (mut rows, mut theirs, mut own) = (0, Hash::new(), Hash::new());
        for (index, word) in self.vocabulary.iter().enumerate() {
            if let Some(row) = vectors.get(word) {
                rows += 1;
                theirs.f32(row);
                own.f32(&embedding.forward(&[Embedding::<f32>::id_of_word(index)]));
            }
        }
        Some(RowChecksum { rows, before: format!("xxh3:{}", theirs.text()), after: format!("xxh3:{}", own.text()) })
    }
}
