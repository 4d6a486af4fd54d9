//! The index of a table file: word to row, used where it lies in the file.

use twox_hash::XxHash3_64;

use super::tensors::DAMAGED;
use super::{Buffer, Words};
use crate::error::{Malformed, Place};

/// A hash table of rows with open addressing and linear probing, as it lies in a table file.
///
/// `[slots, 2]`, the number of slots a power of two above the number of rows. An empty slot is `0, 0`; any other holds the row
/// plus one, and the upper half of the word's hash (XXH3, 64 bits, seed 0). The lower half, cut to the number of slots,
/// is the slot where the search for a word begins; it ends at the word or at an empty slot.
#[derive(Debug, Clone)]
pub struct StoredIndex(Buffer<u32>);

impl StoredIndex {
    /// An index as it lies in a file; `None` for a number of slots that does not fit `rows`.
    pub(super) fn in_file(slots: Buffer<u32>, rows: usize) -> Option<StoredIndex> {
        let (pairs, rest) = slots.as_chunks::<2>();
        (rest.is_empty() && pairs.len().is_power_of_two() && pairs.len() > rows).then_some(StoredIndex(slots))
    }

    /// Indexes words, no two of which are equal.
    pub(super) fn build(words: &Words) -> Vec<[u32; 2]> {
        // At most three quarters full.
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
    /// A slot on the way to the word that points outside the table.
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

    /// The rows of many words, each as [`StoredIndex::row`] finds it.
    ///
    /// A look-up waits for memory three times: for its slot, for the word's place, for the word. Here a group of words waits together,
    /// which takes a fraction of the time that one after the other takes.
    ///
    /// `soon` is told, while others are still waited for, each row that is most likely a word's, so that what is wanted of it can be fetched
    /// meanwhile.
    ///
    /// # Errors
    /// As [`StoredIndex::row`], of the first such word.
    pub fn rows(
        &self,
        words: &Words,
        asked: &[&[u8]],
        mut soon: impl FnMut(u32),
    ) -> Result<Vec<Option<u32>>, Malformed> {
        const TOGETHER: usize = 64;
        let (pairs, _) = self.0.as_chunks::<2>();
        let (bytes, offsets) = words.parts();
        let mut rows = Vec::with_capacity(asked.len());
        for group in asked.chunks(TOGETHER) {
            // Each loop is short, so that the processor begins many of its loads before the first has come.
            let (mut places, mut slots, mut ranges) = ([(0, 0); TOGETHER], [[0; 2]; TOGETHER], [[0; 2]; TOGETHER]);
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
                let is_it = next > 0 && other == places[index].1 && bytes.get(start..end) == Some(*word);
                // What is not in the first slot is looked for in the usual way.
                rows.push(if is_it { Some(next - 1) } else { self.row(words, word)? });
            }
        }
        Ok(rows)
    }

    /// Checks that every slot is empty or holds one of `rows` rows.
    ///
    /// # Errors
    /// The first slot that does not.
    pub fn check(&self, rows: usize) -> Result<(), Malformed> {
        let (pairs, _) = self.0.as_chunks::<2>();
        match pairs.iter().position(|pair| pair[0] as usize > rows) {
            None => Ok(()),
            Some(slot) => Err(outside(slot, pairs[slot][0] - 1, rows)),
        }
    }
}

fn outside(slot: usize, row: u32, rows: usize) -> Malformed {
    Malformed::at(
        Place::File,
        format!("a row below {rows} with a word, at slot {slot} of the index"),
        format!("row {row}"),
    )
    .advise(DAMAGED)
}

/// Where the search for a word begins, and its tag.
fn place(word: &[u8], slots: usize) -> (usize, u32) {
    let hash = XxHash3_64::oneshot(word);
    (hash as u32 as usize & (slots - 1), (hash >> 32) as u32)
}
