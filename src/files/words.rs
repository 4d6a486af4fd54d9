//! The words of a table.

use super::Buffer;
use crate::error::{Malformed, Place};

/// The words of a table, one after the other in a single buffer, with an offset a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    bytes: Buffer<u8>,
    /// `[words + 1]`: word `i` is the bytes from `offsets[i]` to `offsets[i + 1]`.
    offsets: Buffer<u64>,
}

impl Default for Words {
    fn default() -> Self {
        Words { bytes: Vec::new().into(), offsets: vec![0].into() }
    }
}

impl Words {
    /// Words as they lie in a file. Nothing is checked: [`Words::check`] does.
    pub(super) fn in_file(bytes: Buffer<u8>, offsets: Buffer<u64>) -> Words {
        Words { bytes, offsets }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of word `index`; `None` for an index past the last, and where a damaged file's offsets point outside.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = (*self.offsets.get(index)?, *self.offsets.get(index.checked_add(1)?)?);
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// All words in order. One whose offsets point outside reads as empty; see [`Words::check`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let (bytes, offsets): (&[u8], &[u64]) = (&self.bytes, &self.offsets);
        let word = move |pair: &[u64]| bytes.get(pair[0] as usize..pair[1] as usize).unwrap_or_default();
        offsets.windows(2).map(word)
    }

    /// Checks that every word lies within the buffer and begins where the one before it ends.
    ///
    /// # Errors
    /// The first row whose offsets do not.
    pub fn check(&self) -> Result<(), Malformed> {
        let offsets: &[u64] = &self.offsets;
        let expected = format!("offsets of words that rise from 0 to {}", self.bytes.len());
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

    /// All words as one run of bytes, and the `[words + 1]` places where they begin and end in it.
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

    /// Makes room for `words` more words of `bytes` bytes together.
    pub fn reserve(&mut self, words: usize, bytes: usize) {
        self.offsets.to_mut().reserve(words);
        self.bytes.to_mut().reserve(bytes);
    }

    /// Bytes of all words together.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes held in memory.
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
