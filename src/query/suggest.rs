//! Spelling suggestions and completions.

use rayon::prelude::*;

use crate::vectors::Vectors;

impl Vectors {
    /// Up to `limit` words of the vocabulary with a spelling similar to `word`: other casings first, then by optimal string
    /// alignment distance (insertions, deletions, substitutions, transpositions), ties by lower row.
    pub fn suggest(&self, word: impl AsRef<[u8]>, limit: usize) -> Vec<String> {
        let word = String::from_utf8_lossy(word.as_ref()).into_owned();
        let lower = word.to_lowercase();
        let length = lower.chars().count();
        // One edit in a short word, two or three in a long one.
        let max = (length / 3).clamp(1, 3);
        let vocabulary = self.vocabulary();
        let mut near: Vec<(usize, u32)> = (0..self.len() as u32)
            .into_par_iter()
            .filter_map(|row| {
                let other = std::str::from_utf8(vocabulary.word(row)?).ok()?;
                // A character takes one to four bytes, which rules out most words cheaply.
                if other.len() > 4 * (length + max) || other.len() + max < length {
                    return None;
                }
                let other = other.to_lowercase();
                if other.chars().count().abs_diff(length) > max {
                    return None;
                }
                let distance = strsim::osa_distance(&lower, &other);
                (distance <= max).then_some((distance, row))
            })
            .collect();
        near.sort_unstable();
        near.into_iter().take(limit).map(|(_, row)| self.word(row).into_owned()).collect()
    }

    /// The first `limit` rows whose words begin with `prefix`: in most files the most frequent of these words.
    pub fn complete(&self, prefix: impl AsRef<[u8]>, limit: usize) -> Vec<u32> {
        let (prefix, vocabulary) = (prefix.as_ref(), self.vocabulary());
        let rows = 0..self.len() as u32;
        rows.filter(|&row| vocabulary.word(row).is_some_and(|word| word.starts_with(prefix))).take(limit).collect()
    }
}
