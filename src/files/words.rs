//! The words of a table.

use std::fmt;

use super::buffer::Buffer;
use crate::error::{Malformed, Place};

/// The words of a table in a single buffer, with one offset per word.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    bytes: Buffer<u8>,
    /// `[words + 1]`: word `i` is `bytes[offsets[i]..offsets[i + 1]]`.
    offsets: Buffer<u64>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words of {} bytes", self.len(), self.size())
    }
}

impl Default for Words {
    fn default() -> Self {
        Words { bytes: Vec::new().into(), offsets: vec![0].into() }
    }
}

impl Words {
    /// Words in a file. They are not checked; see [`Words::check`].
    pub(super) fn in_file(bytes: Buffer<u8>, offsets: Buffer<u64>) -> Words {
        Words { bytes, offsets }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of word `index`; `None` for an index out of range, and for offsets of a damaged file that are out of range.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = (*self.offsets.get(index)?, *self.offsets.get(index.checked_add(1)?)?);
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// All words in order. A word whose offsets are out of range is empty; see [`Words::check`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let (bytes, offsets): (&[u8], &[u64]) = (&self.bytes, &self.offsets);
        let word = move |pair: &[u64]| bytes.get(pair[0] as usize..pair[1] as usize).unwrap_or_default();
        offsets.windows(2).map(word)
    }

    /// Checks that every word is within the buffer and begins where the previous word ends.
    ///
    /// # Errors
    /// The first wrong offset.
    pub fn check(&self) -> Result<(), Malformed> {
        let offsets: &[u64] = &self.offsets;
        let expected = format!("offsets of words that increase from 0 to {}", self.bytes.len());
        let wrong = |found: String| Err(Malformed::at(Place::File, &expected, found));
        if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            return wrong(format!("{} after {} at row {}", offsets[row + 1], offsets[row], row + 1));
        }
        match (offsets.first(), offsets.last()) {
            (Some(0), Some(&last)) if last == self.bytes.len() as u64 => Ok(()),
            (Some(first), Some(last)) => wrong(format!("{first} to {last}")),
            _ => wrong("none".to_owned()),
        }
    }

    /// The bytes of all words, and the `[words + 1]` offsets at which they begin and end.
    pub(crate) fn parts(&self) -> (&[u8], &[u64]) {
        (&self.bytes, &self.offsets)
    }

    /// Appends a word.
    pub fn push(&mut self, word: &[u8]) {
        let bytes = self.bytes.to_mut();
        bytes.extend_from_slice(word);
        let end = bytes.len() as u64;
        self.offsets.to_mut().push(end);
    }

    /// Appends all of `other`.
    pub fn append(&mut self, other: &Words) {
        let base = self.bytes.len() as u64;
        self.bytes.to_mut().extend_from_slice(&other.bytes);
        self.offsets.to_mut().extend(other.offsets.iter().skip(1).map(|end| base + end));
    }

    /// Reserves space for `words` more words with `bytes` bytes in total.
    pub fn reserve(&mut self, words: usize, bytes: usize) {
        self.offsets.to_mut().reserve(words);
        self.bytes.to_mut().reserve(bytes);
    }

    /// Total size of all words in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes in memory.
    pub fn memory(&self) -> usize {
        self.bytes.memory() + self.offsets.memory()
    }
}

impl<W: AsRef<[u8]>> FromIterator<W> for Words {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let mut all = Words::default();
        words.into_iter().for_each(|word| all.push(word.as_ref()));
        all
    }
}
