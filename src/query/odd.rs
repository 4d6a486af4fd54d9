//! The odd one out.

use super::QueryWord;
use super::nearest::direction;
use super::scan::dot;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

impl Vectors {
    /// The word that does not belong: of the words scaled to unit length, the one with the lowest cosine to their mean.
    /// Returns its place in `words`; of equals the first. gensim's `doesnt_match`.
    ///
    /// # Errors
    /// Fewer than two words, an unknown word, one without a direction, or words that cancel each other out.
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
        Ok(lowest.map_or(0, |(place, _)| place))
    }
}
