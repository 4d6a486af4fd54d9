//! The odd one out.

use super::question::{QueryWord, direction};
use super::rows::dot;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

impl Vectors {
    /// The word that does not belong: the word whose cosine with the mean of all unit vectors is lowest, and the first of
    /// several. Returns its index in `words`. gensim's `doesnt_match`.
    ///
    /// # Errors
    /// Fewer than two words, an unknown word, a word without a direction, or words that cancel out.
    pub fn odd<W: AsRef<[u8]>>(&self, words: &[W]) -> Result<usize> {
        if words.len() < 2 {
            return Err(Error::invalid("words", "at least two", words.len().to_string()));
        }
        let words = words.iter().map(|word| self.query_word(word)).collect::<Result<Vec<QueryWord>>>()?;
        let mut sum = vec![0.0; self.dimension()];
        words.iter().for_each(|word| word.add_unit(1.0, &mut sum));
        let mean = direction(&sum)?;
        let cosines = words.iter().map(|word| f64::from(dot(&word.values, &mean)) / word.norm);
        let lowest = cosines.enumerate().min_by(|x, y| x.1.total_cmp(&y.1));
        Ok(lowest.map_or(0, |(index, _)| index))
    }
}
