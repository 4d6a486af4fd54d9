//! Character n-grams, from which vectors of out-of-vocabulary words are computed.
//!
//! The model is that of Bojanowski, Grave, Joulin and Mikolov 2017, "Enriching Word Vectors with Subword Information" (TACL 5). The
//! n-grams and the hash that assigns them to buckets are exactly those of fastText's `dictionary.cc` (`computeSubwords`, `hash`),
//! since the rows of a model are only valid with the same hash.

use std::sync::Arc;

use super::Bytes;
use crate::error::{Malformed, Place};

/// Maximum length of n-grams in characters that a file may declare. fastText's default is 6; the limit keeps the work for a long word
/// proportional to its length.
pub const MAX_NGRAM_LENGTH: u32 = 1024;

/// fastText's end-of-sentence token, which is a word of most models. It has no n-grams.
const END_OF_SENTENCE: &[u8] = b"</s>";

/// FNV-1a, 32 bits.
const OFFSET_BASIS: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;

/// The location of a model's n-gram rows in its file: `[buckets, dimension]`, little-endian 32-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubwordLayout {
    /// The byte at which the first row begins; the rows need not be aligned.
    pub start: usize,
    /// Number of rows; n-grams are assigned to them by their hash.
    pub buckets: u32,
    /// Numbers per row.
    pub dimension: usize,
    /// Minimum length of n-grams in characters.
    pub min: u32,
    /// Maximum length of n-grams in characters.
    pub max: u32,
}

impl SubwordLayout {
    /// Checks that there are n-grams, and that their rows are within `bytes`.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), Malformed> {
        let SubwordLayout { start, buckets, dimension, min, max } = *self;
        let place = Place::Byte(start as u64);
        if buckets == 0 || dimension == 0 {
            return Err(Malformed::at(
                place,
                format!("rows for n-grams of {min} to {max} characters"),
                format!("{buckets} rows of {dimension} numbers"),
            ));
        }
        if max == 0 || max < min || max > MAX_NGRAM_LENGTH {
            return Err(Malformed::at(
                place,
                format!("a minimum and a maximum length of n-grams, at most {MAX_NGRAM_LENGTH} characters"),
                format!("{min} to {max} characters"),
            ));
        }
        let size = dimension.checked_mul(4).and_then(|width| width.checked_mul(buckets as usize));
        if size.and_then(|size| start.checked_add(size)).is_none_or(|end| end > bytes.len()) {
            return Err(Malformed::at(
                place,
                format!("{buckets} rows of {dimension} numbers for n-grams"),
                format!("{} bytes in the whole file", bytes.len()),
            )
            .advise("the file is truncated; download it again"));
        }
        Ok(())
    }

    /// The bytes of all rows. `bytes` must have been [checked](SubwordLayout::check).
    pub(super) fn rows<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let size = self.buckets as usize * self.dimension * 4;
        bytes.get(self.start..).and_then(|rows| rows.get(..size)).unwrap_or_default()
    }

    /// Adds the rows of a word's n-grams to `sum`, in fastText's order, and returns their number. `bytes` must have been
    /// [checked](SubwordLayout::check).
    pub(super) fn add(&self, bytes: &[u8], word: &[u8], sum: &mut [f32]) -> usize {
        let rows = self.rows(bytes);
        let width = self.dimension * 4;
        let mut count = 0;
        for bucket in ngrams(word, self.min, self.max, self.buckets) {
            let from = bucket as usize * width;
            add_row(rows.get(from..from + width).unwrap_or_default(), sum);
            count += 1;
        }
        count
    }
}

/// The vectors of character n-grams, read in place from the mapped file.
#[derive(Debug, Clone)]
pub struct Subwords {
    bytes: Arc<Bytes>,
    layout: SubwordLayout,
}

impl Subwords {
    /// The n-gram rows in `bytes` at the location `layout`.
    ///
    /// # Errors
    /// A layout without rows or numbers, with invalid lengths of n-grams or lengths above 1024, or with rows past the end of
    /// the bytes.
    pub fn new(bytes: Arc<Bytes>, layout: SubwordLayout) -> Result<Subwords, Malformed> {
        layout.check(&bytes)?;
        Ok(Subwords { bytes, layout })
    }

    /// The vector of an out-of-vocabulary word, `[dimension]`: the mean of the rows of its n-grams, bit for bit the result of fastText's
    /// `getWordVector`. `None` for a word without n-grams.
    ///
    /// The rows are not checked for NaN and infinity when the file is opened, so the vector may have such components.
    pub fn vector(&self, word: &[u8]) -> Option<Vec<f32>> {
        let mut mean = vec![0.0; self.layout.dimension];
        let count = self.layout.add(&self.bytes, word, &mut mean);
        (count > 0).then(|| {
            scale(&mut mean, count);
            mean
        })
    }

    /// The location of the rows, and the lengths of the n-grams.
    pub fn layout(&self) -> SubwordLayout {
        self.layout
    }

    /// Adds the rows of a word's n-grams to `sum`, and returns their number.
    pub(super) fn add(&self, word: &[u8], sum: &mut [f32]) -> usize {
        self.layout.add(&self.bytes, word, sum)
    }

    /// The bytes of all rows.
    pub(super) fn rows(&self) -> &[u8] {
        self.layout.rows(&self.bytes)
    }
}

/// The buckets of a word's n-grams, each below `buckets`, in fastText's order; repeated n-grams are repeated.
///
/// The n-grams are all substrings of `<word>` of `min` to `max` characters, except `<` and `>` alone. A character is a byte and the
/// UTF-8 continuation bytes (10xxxxxx) after it, whether or not the word is valid UTF-8. The bucket is the 32-bit FNV-1a hash of the
/// bytes, each sign-extended to 32 bits, modulo `buckets`. The word `</s>` has no n-grams.
///
/// Nothing is allocated; the work is at most proportional to the length of the word times `max`.
pub fn ngrams(word: &[u8], min: u32, max: u32, buckets: u32) -> impl Iterator<Item = u32> {
    let length = if word == END_OF_SENTENCE || buckets == 0 { 0 } else { word.len() + 2 };
    let byte = move |at: usize| match at {
        0 => b'<',
        _ => word.get(at - 1).copied().unwrap_or(b'>'),
    };
    let continues = move |at: usize| at < length && byte(at) & 0xc0 == 0x80;
    (0..length).filter(move |&start| !continues(start)).flat_map(move |start| {
        let mut hash = OFFSET_BASIS;
        let mut end = start;
        let longer = (1..=max).map_while(move |characters| {
            if end == length {
                return None;
            }
            loop {
                hash = (hash ^ byte(end) as i8 as u32).wrapping_mul(PRIME);
                end += 1;
                if !continues(end) {
                    break;
                }
            }
            let bracket_alone = characters == 1 && (start == 0 || end == length);
            Some((characters >= min && !bracket_alone).then_some(hash % buckets))
        });
        longer.flatten()
    })
}

/// Adds a row of little-endian floats to `sum`.
pub(super) fn add_row(row: &[u8], sum: &mut [f32]) {
    for (sum, bytes) in sum.iter_mut().zip(row.as_chunks::<4>().0) {
        *sum += f32::from_le_bytes(*bytes);
    }
}

/// Turns the sum of `count` rows into their mean as fastText does: with a factor rounded to 32 bits.
pub(super) fn scale(sum: &mut [f32], count: usize) {
    let factor = (1.0 / count as f64) as f32;
    sum.iter_mut().for_each(|value| *value *= factor);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn listed(word: &str, min: u32, max: u32, buckets: u32) -> Vec<u32> {
        ngrams(word.as_bytes(), min, max, buckets).collect()
    }

    /// The same by definition: list the characters, then every substring of them.
    fn by_definition(word: &[u8], min: u32, max: u32, buckets: u32) -> Vec<u32> {
        let whole = [b"<", word, b">"].concat();
        let mut characters: Vec<Vec<u8>> = Vec::new();
        for &byte in &whole {
            match characters.last_mut() {
                Some(last) if (0x80..0xc0).contains(&byte) => last.push(byte),
                _ => characters.push(vec![byte]),
            }
        }
        let mut found = Vec::new();
        for start in 0..characters.len() {
            for n in 1..=(max as usize).min(characters.len() - start) {
                let edge = start == 0 || start + 1 == characters.len();
                if n < min as usize || n == 1 && edge {
                    continue;
                }
                let hash = characters[start..start + n].concat().iter().fold(2_166_136_261u64, |hash, &byte| {
                    let extended = if byte < 128 { u64::from(byte) } else { 0xffff_ff00 | u64::from(byte) };
                    ((hash ^ extended) * 16_777_619) & 0xffff_ffff
                });
                found.push((hash % u64::from(buckets)) as u32);
            }
        }
        found
    }

    // The expected values are those of fastText 0.9.2 (`get_subwords`, minus the number of words) for models with these settings.

    #[test]
    fn buckets_are_those_of_fasttext() {
        let million = 2_000_000;
        // <i <is i is is> s s>
        assert_eq!(listed("is", 1, 3, million), [787_798, 1_707_199, 223_172, 329_493, 1_237_425, 1_999_362, 572_020]);
        assert_eq!(listed("is", 3, 6, million), [1_707_199, 30_739, 1_237_425]);
        assert_eq!(listed("is", 1, 2, 7), [6, 3, 6, 4, 4]);
    }

    #[test]
    fn characters_outside_ascii_are_one_each() {
        // <o <où o où où> ù ù>
        assert_eq!(
            listed("où", 1, 3, 2_000_000),
            [343_036, 1_867_388, 667_934, 1_776_890, 1_745_676, 601_873, 1_901_693]
        );
        assert_eq!(listed("où", 3, 6, 2_000_000), [1_867_388, 845_926, 1_745_676]);
        assert_eq!(
            listed("日本", 1, 3, 2_000_000),
            [1_752_687, 758_587, 1_514_749, 387_409, 196_157, 1_825_417, 1_885_717]
        );
        assert_eq!(listed("日本", 1, 2, 7), [1, 4, 0, 1, 6]);
    }

    #[test]
    fn short_words_and_the_end_of_a_sentence() {
        // The brackets alone are not n-grams: <a <a> a a>
        assert_eq!(listed("a", 1, 3, 2_000_000), [1_008_750, 1_087_600, 2_220, 1_614_806]);
        assert_eq!(listed("", 1, 3, 2_000_000), [446_367]);
        assert!(listed("", 3, 6, 2_000_000).is_empty());
        assert!(listed("</s>", 1, 3, 2_000_000).is_empty());
        assert_eq!(listed("</s", 1, 1, 10).len(), 3);
    }

    #[test]
    fn settings_without_ngrams() {
        assert!(listed("word", 0, 0, 10).is_empty());
        assert!(listed("word", 4, 3, 10).is_empty());
        assert!(listed("word", 1, 3, 0).is_empty());
        assert_eq!(listed("word", 0, 2, 10), listed("word", 1, 2, 10));
        assert!(listed("word", 7, u32::MAX, 10).is_empty());
        assert_eq!(listed("word", 6, u32::MAX, 10).len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_at_all(word in prop::collection::vec(any::<u8>(), 0..12), min in 0u32..5, max in 0u32..8) {
            let found: Vec<u32> = ngrams(&word, min, max, 97).collect();
            prop_assert_eq!(found, by_definition(&word, min, max, 97));
        }
    }

    /// Three rows of two numbers after one byte, so that none is aligned.
    fn three_rows() -> (Arc<Bytes>, SubwordLayout) {
        let rows: [f32; 6] = [1.0, -1.0, 10.0, -10.0, 100.0, -100.0];
        let mut bytes = vec![7];
        rows.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        (Arc::new(Bytes::Owned(bytes)), SubwordLayout { start: 1, buckets: 3, dimension: 2, min: 3, max: 6 })
    }

    #[test]
    fn a_vector_is_the_mean_of_its_rows() {
        let (bytes, layout) = three_rows();
        let subwords = Subwords::new(bytes, layout).unwrap();
        for word in ["is", "où", "bridges"] {
            let buckets = listed(word, 3, 6, 3);
            let sum: f32 = buckets.iter().map(|&bucket| 10f32.powi(bucket as i32)).sum();
            let mean = sum * (1.0 / buckets.len() as f64) as f32;
            assert_eq!(subwords.vector(word.as_bytes()), Some(vec![mean, -mean]), "{word}");
        }
        assert_eq!(subwords.vector(b""), None);
        assert_eq!(subwords.vector(b"</s>"), None);
        assert_eq!(subwords.layout(), layout);
    }

    #[test]
    fn work_for_a_long_word_is_proportional_to_its_length() {
        let (bytes, layout) = three_rows();
        let subwords = Subwords::new(bytes, layout).unwrap();
        let word = vec![b'a'; 1 << 20];
        assert_eq!(ngrams(&word, 3, 6, 3).count(), 4 * (word.len() + 2) - 2 - 3 - 4 - 5);
        assert!(subwords.vector(&word).unwrap().iter().all(|value| value.is_finite()));
        // A single character, however long.
        assert_eq!(subwords.vector(&vec![0x80; 1 << 20]), None);
    }

    #[test]
    fn layouts_that_do_not_fit_are_refused() {
        let (bytes, good) = three_rows();
        let refused = |layout: SubwordLayout| Subwords::new(bytes.clone(), layout).unwrap_err().to_string();
        assert!(refused(SubwordLayout { buckets: 0, ..good }).contains("found 0 rows of 2 numbers"));
        assert!(refused(SubwordLayout { dimension: 0, ..good }).contains("found 3 rows of 0 numbers"));
        assert!(refused(SubwordLayout { min: 0, max: 0, ..good }).contains("found 0 to 0 characters"));
        assert!(refused(SubwordLayout { min: 7, ..good }).contains("found 7 to 6 characters"));
        assert!(refused(SubwordLayout { max: MAX_NGRAM_LENGTH + 1, ..good }).contains("at most 1024 characters"));
        for layout in [
            SubwordLayout { start: 2, ..good },
            SubwordLayout { start: usize::MAX, ..good },
            SubwordLayout { buckets: 4, ..good },
            SubwordLayout { buckets: u32::MAX, ..good },
            SubwordLayout { dimension: 3, ..good },
            SubwordLayout { dimension: usize::MAX, ..good },
        ] {
            assert!(refused(layout).contains("found 25 bytes in the whole file"), "{layout:?}");
        }
    }
}
