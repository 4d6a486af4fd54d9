//! Word <-> row id.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use crate::error::Malformed;
use crate::files::{StoredIndex, Words};

/// The words of a table: one buffer of bytes, an offset a word, and a hash index of row ids. No string a word.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    words: Words,
    index: Index,
}

#[derive(Debug, Clone)]
enum Index {
    /// Made when the words were read.
    Built(HashTable<u32>),
    /// Used where it lies in a table file.
    Stored(StoredIndex),
}

impl Vocabulary {
    /// Indexes `words`, which become rows 0, 1, 2, ... A word that comes again keeps its first row; the rows that repeat
    /// one are returned beside the vocabulary, in ascending order, and no longer found by their word.
    ///
    /// More words than a u32 counts are not supported: the caller checks.
    pub(crate) fn index(words: Words) -> (Vocabulary, Vec<u32>) {
        let hashes: Vec<u64> =
            (0..words.len()).into_par_iter().map(|row| hash(words.get(row).unwrap_or_default())).collect();
        let mut index: HashTable<u32> = HashTable::with_capacity(words.len());
        let mut repeated = Vec::new();
        for ((row, word), &hash) in (0u32..).zip(words.iter()).zip(&hashes) {
            let same = |other: &u32| words.get(*other as usize) == Some(word);
            match index.entry(hash, same, |&other| hashes[other as usize]) {
                Entry::Occupied(_) => repeated.push(row),
                Entry::Vacant(place) => {
                    place.insert(row);
                }
            }
        }
        (Vocabulary { words, index: Index::Built(index) }, repeated)
    }

    /// The words of a table file.
    pub(crate) fn stored(words: Words, index: StoredIndex) -> Vocabulary {
        Vocabulary { words, index: Index::Stored(index) }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The row of a word, exactly as it is written. In a damaged table file a word may be missed: see
    /// [`Vocabulary::find`].
    pub fn row(&self, word: impl AsRef<[u8]>) -> Option<u32> {
        self.find(word).ok().flatten()
    }

    /// The row of a word, exactly as it is written; `None` for a word that is not there.
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

    /// The rows of many words, each as [`Vocabulary::find`] finds it; of a table file's words in a fraction of the time. `soon` may be told of rows
    /// ahead, most likely those of words that are looked for.
    ///
    /// # Errors
    /// As [`Vocabulary::find`].
    pub fn find_all(&self, words: &[&[u8]], soon: impl FnMut(u32)) -> Result<Vec<Option<u32>>, Malformed> {
        match &self.index {
            Index::Built(_) => words.iter().map(|word| self.find(word)).collect(),
            Index::Stored(index) => index.rows(&self.words, words, soon),
        }
    }

    /// The bytes of the word at a row; `None` for a row that does not exist, and where a damaged table file's offsets
    /// point outside.
    pub fn word(&self, row: u32) -> Option<&[u8]> {
        self.words.get(row as usize)
    }

    /// All words, in the order of their rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.words.iter()
    }

    /// Checks that all words and all of the index lie within the table, as they do unless a table file is damaged.
    ///
    /// # Errors
    /// The first that does not.
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

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        let index = match &self.index {
            Index::Built(index) => index.allocation_size(),
            Index::Stored(_) => 0,
        };
        self.words.memory() + index
    }
}

fn hash(word: &[u8]) -> u64 {
    // A fixed seed: nothing in this program depends on chance.
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(word);
    hasher.finish()
}
