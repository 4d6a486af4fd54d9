//! The index of a table file, from word to row, used in place.

use std::fmt;

use twox_hash::XxHash3_64;

use super::buffer::Buffer;
use super::tensors::DAMAGED;
use super::words::Words;
use crate::error::{Malformed, Place};

/// A hash table of rows with open addressing and linear probing, in the layout of table files.
///
/// `[slots, 2]`; the number of slots is a power of two above the number of rows. An empty slot is `0, 0`; any other slot has the row
/// plus one, and the upper half of the word's hash (XXH3, 64 bits, seed 0). The lower half modulo the number of slots is the slot at
/// which the search for a word begins; it ends at the word or at an empty slot.
#[derive(Clone)]
pub struct StoredIndex(Buffer<u32>);

impl fmt::Debug for StoredIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an index of {} slots", self.0.len() / 2)
    }
}

impl StoredIndex {
    /// An index in a file; `None` for a number of slots that does not fit `rows`.
    pub(super) fn in_file(slots: Buffer<u32>, rows: usize) -> Option<StoredIndex> {
        let (pairs, rest) = slots.as_chunks::<2>();
        (rest.is_empty() && pairs.len().is_power_of_two() && pairs.len() > rows).then_some(StoredIndex(slots))
    }

    /// Builds an index of distinct words.
    pub(super) fn build(words: &Words) -> Vec<[u32; 2]> {
        // At most three quarters of the slots are used.
        let slots = (words.len() + words.len() / 3 + 1).next_power_of_two();
        let mut pairs = vec![[0u32; 2]; slots];
        for (row, word) in (0u32..).zip(words.iter()) {
            let (start, tag) = place(word, slots);
            let mut slot = start;
            while pairs[slot][0] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            pairs[slot] = [row + 1, tag];
        }
        pairs
    }

    /// The row of a word.
    ///
    /// # Errors
    /// A slot before the word that points outside the table.
    pub fn row(&self, words: &Words, word: &[u8]) -> Result<Option<u32>, Malformed> {
        let (pairs, _) = self.0.as_chunks::<2>();
        let (start, tag) = place(word, pairs.len());
        for step in 0..pairs.len() {
            let slot = (start + step) & (pairs.len() - 1);
            let [next, other] = pairs[slot];
            let Some(row) = next.checked_sub(1) else { return Ok(None) };
            if other != tag {
                continue;
            }
            let Some(found) = words.get(row as usize) else {
                return Err(outside(slot, row, words.len()));
            };
            if found == word {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The rows of many words, with the same results as [`StoredIndex::row`].
    ///
    /// A look-up waits for memory three times: for the slot, for the word's offsets, and for the word. Here a group of words waits at the
    /// same time, which takes a fraction of the time.
    ///
    /// `prefetch` is called early with the row that is most likely the result, so that the caller can prefetch its data.
    ///
    /// # Errors
    /// As [`StoredIndex::row`], for the first such word.
    pub fn rows(
        &self,
        words: &Words,
        queries: &[&[u8]],
        mut soon: impl FnMut(u32),
    ) -> Result<Vec<Option<u32>>, Malformed> {
        const GROUP: usize = 64;
        let (pairs, _) = self.0.as_chunks::<2>();
        let (bytes, offsets) = words.parts();
        let mut rows = Vec::with_capacity(queries.len());
        for group in queries.chunks(GROUP) {
            // Each loop is short, so that the processor starts many loads before the first one is complete.
            let (mut places, mut slots, mut ranges) = ([(0, 0); GROUP], [[0; 2]; GROUP], [[0; 2]; GROUP]);
            for (to, word) in places.iter_mut().zip(group) {
                *to = place(word, pairs.len());
            }
            for (slot, (start, _)) in slots.iter_mut().zip(&places[..group.len()]) {
                *slot = pairs[*start];
            }
            for (_, &[next, _]) in group.iter().zip(&slots).filter(|(_, slot)| slot[0] > 0) {
                soon(next - 1);
            }
            for (range, [next, _]) in ranges.iter_mut().zip(&slots[..group.len()]) {
                if let Some([start, end]) =
                    offsets.get((*next as usize).wrapping_sub(1)..).and_then(|o| o.first_chunk())
                {
                    *range = [*start as usize, *end as usize];
                }
            }
            for (index, word) in group.iter().enumerate() {
                let ([next, other], [start, end]) = (slots[index], ranges[index]);
                let found = next > 0 && other == places[index].1 && bytes.get(start..end) == Some(*word);
                // A word that is not in the first slot is searched for in the usual way.
                rows.push(if found { Some(next - 1) } else { self.row(words, word)? });
            }
        }
        Ok(rows)
    }

    /// Checks that every slot is empty or has one of `rows` rows.
    ///
    /// # Errors
    /// The first slot with a row out of range.
    pub fn check(&self, rows: usize) -> Result<(), Malformed> {
        let (pairs, _) = self.0.as_chunks::<2>();
        match pairs.iter().position(|pair| pair[0] as usize > rows) {
            None => Ok(()),
            Some(slot) => Err(outside(slot, pairs[slot][0] - 1, rows)),
        }
    }
}

fn outside(slot: usize, row: u32, rows: usize) -> Malformed {
    Malformed::at(Place::File, format!("a row below {rows} in slot {slot} of the index"), format!("row {row}"))
        .advise(DAMAGED)
}

/// The slot at which the search for a word begins, and the tag of the word.
fn place(word: &[u8], slots: usize) -> (usize, u32) {
    let hash = XxHash3_64::oneshot(word);
    (hash as u32 as usize & (slots - 1), (hash >> 32) as u32)
}
