//! Word counts.

use hashbrown::HashMap;

/// Distinct words with their counts, in the order of first occurrence.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    /// The index of each word in `counts`.
    indices: HashMap<String, usize>,
    counts: Vec<usize>,
}

impl WordCounts {
    /// Adds `count` occurrences of a word.
    pub fn add(&mut self, word: &str, count: usize) {
        match self.indices.get(word) {
            Some(&index) => self.counts[index] = self.counts[index].saturating_add(count),
            None => {
                self.indices.insert(word.to_owned(), self.counts.len());
                self.counts.push(count);
            }
        }
    }

    /// Whether a word has been added.
    pub fn contains(&self, word: &str) -> bool {
        self.indices.contains_key(word)
    }

    /// Number of distinct words.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether no word has been added.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The words and their counts, in the order of first occurrence.
    pub fn in_order(&self) -> Vec<(&str, usize)> {
        let mut words: Vec<(&str, usize)> = self.indices.iter().map(|(word, &index)| (word.as_str(), index)).collect();
        words.sort_unstable_by_key(|&(_, index)| index);
        words.iter_mut().for_each(|(_, index)| *index = self.counts[*index]);
        words
    }

    /// The words and their counts, most frequent first; in case of a tie, in the order of first occurrence.
    pub fn most_frequent(&self) -> Vec<(&str, usize)> {
        let mut words = self.in_order();
        words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        words
    }
}
