//! The vocabulary: words to row numbers, and back.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use crate::error::Malformed;
use crate::files::{StoredIndex, Words};

/// The words of a table: one buffer of bytes, one offset per word, and a hash index of rows. Words are not allocated one by one.
#[derive(Clone)]
pub struct Vocabulary {
    words: Words,
    index: Index,
}

#[derive(Clone)]
enum Index {
    /// Built when the words were read.
    Built(HashTable<u32>),
    /// In a mapped table file.
    Stored(StoredIndex),
}

/// A summary, not the words.
impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vocabulary({} words)", self.len())
    }
}

impl Vocabulary {
    /// Indexes `words`, which become rows 0, 1, 2, ... Also returns the rows of duplicate words in ascending order; such a word is
    /// found at its first row.
    ///
    /// The caller checks that the number of words fits in a `u32`.
    pub(crate) fn index(words: Words) -> (Vocabulary, Vec<u32>) {
        let hashes: Vec<u64> =
            (0..words.len()).into_par_iter().map(|row| hash(words.get(row).unwrap_or_default())).collect();
        let mut index: HashTable<u32> = HashTable::with_capacity(words.len());
        let mut duplicates = Vec::new();
        for ((row, word), &hash) in (0u32..).zip(words.iter()).zip(&hashes) {
            let same = |other: &u32| words.get(*other as usize) == Some(word);
            match index.entry(hash, same, |&other| hashes[other as usize]) {
                Entry::Occupied(_) => duplicates.push(row),
                Entry::Vacant(place) => {
                    place.insert(row);
                }
            }
        }
        (Vocabulary { words, index: Index::Built(index) }, duplicates)
    }

    /// The words of a table file.
    pub(crate) fn stored(words: Words, index: StoredIndex) -> Vocabulary {
        Vocabulary { words, index: Index::Stored(index) }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The row of a word, matched exactly. In a damaged table file a word may not be found; see [`Vocabulary::find`].
    pub fn row(&self, word: impl AsRef<[u8]>) -> Option<u32> {
        self.find(word).ok().flatten()
    }

    /// The row of a word, matched exactly; `None` for an unknown word.
    ///
    /// # Errors
    /// A damaged table file, whose index points outside the table.
    pub fn find(&self, word: impl AsRef<[u8]>) -> Result<Option<u32>, Malformed> {
        let word = word.as_ref();
        match &self.index {
            Index::Built(index) => {
                Ok(index.find(hash(word), |&row| self.words.get(row as usize) == Some(word)).copied())
            }
            Index::Stored(index) => index.row(&self.words, word),
        }
    }

    /// The rows of many words, each as [`Vocabulary::find`] finds it; for a table file much faster. `prefetch` may be called with
    /// rows that are likely to be found soon.
    ///
    /// # Errors
    /// As [`Vocabulary::find`].
    pub fn find_all(&self, words: &[&[u8]], prefetch: impl FnMut(u32)) -> Result<Vec<Option<u32>>, Malformed> {
        match &self.index {
            Index::Built(_) => words.iter().map(|word| self.find(word)).collect(),
            Index::Stored(index) => index.rows(&self.words, words, prefetch),
        }
    }

    /// The bytes of the word at a row; `None` for a row that does not exist, and if the offsets of a damaged table file are out of
    /// range.
    pub fn word(&self, row: u32) -> Option<&[u8]> {
        self.words.get(row as usize)
    }

    /// All words, in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.words.iter()
    }

    /// Checks that all words and the whole index are within the table, as they are unless a table file is damaged.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), Malformed> {
        match &self.index {
            Index::Built(_) => Ok(()),
            Index::Stored(index) => {
                self.words.check()?;
                index.check(self.len())
            }
        }
    }

    /// The words.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Bytes in memory; a mapped file is not counted.
    pub fn memory(&self) -> usize {
        let index = match &self.index {
            Index::Built(index) => index.allocation_size(),
            Index::Stored(_) => 0,
        };
        self.words.memory() + index
    }
}

fn hash(word: &[u8]) -> u64 {
    // A fixed seed makes the index deterministic.
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(word);
    hasher.finish()
}
