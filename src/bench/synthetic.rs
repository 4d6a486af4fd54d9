//! Synthetic vectors and texts to measure with: they mean nothing, and take as long as real ones.

use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::classifier::{DataFormat, DataOptions, Dataset, Splits};
use crate::error::Result;
use crate::vectors::Vectors;

/// The seed of all that is made up.
const SEED: u64 = 1;

/// Streams of random numbers.
mod stream {
    pub const ROWS: u64 = 0;
    pub const TEXTS: u64 = 1;
    pub const QUESTIONS: u64 = 2;
}

/// Texts to train on, and words of each: as many as a sentence of a film review has.
const TEXTS: usize = 1000;
const WORDS: std::ops::RangeInclusive<usize> = 5..=33;

/// The first rows, from which words of texts are drawn: about as many as a task of this kind has.
const FREQUENT: usize = 20_000;

fn generator(stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    rng
}

/// Vectors whose numbers are drawn each by itself, with five decimals, as text files have them.
///
/// # Errors
/// No rows, or a dimension of zero.
pub(super) fn vectors(rows: usize, dimension: usize) -> Result<Vectors> {
    let mut rng = generator(stream::ROWS);
    let values = (0..rows * dimension).map(|_| rng.random_range(-100_000..=100_000) as f32 / 1e5).collect();
    Vectors::new((0..rows as u32).map(word), values, dimension)
}

/// The word of a row: another one for each, of seven letters at most.
fn word(row: u32) -> String {
    // Times an odd number: no two rows have the same.
    let mut number = row.wrapping_mul(0x9e37_79b1);
    let mut word = String::new();
    while number > 0 || word.is_empty() {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word
}

/// Texts with two labels, of words that are the rarer the later their row; and two texts to choose the epoch by.
///
/// # Errors
/// None in practice.
pub(super) fn splits(vectors: &Vectors) -> Result<Splits> {
    let mut rng = generator(stream::TEXTS);
    let frequent = vectors.len().min(FREQUENT) as f64;
    let mut lines = String::new();
    for text in 0..TEXTS {
        lines.push_str(if text % 2 == 0 { "even" } else { "odd" });
        for _ in 0..rng.random_range(WORDS) {
            // Zipf's law: a word at rank r comes once for every r times that the first one does.
            let rank = frequent.powf(rng.random::<f64>()) - 1.0;
            let _ = write!(lines, " {}", vectors.word(rank as u32));
        }
        lines.push('\n');
    }
    let options = DataOptions { format: Some(DataFormat::Plain), ..DataOptions::default() };
    let train = Dataset::parse(lines.as_bytes(), &options, "synthetic texts")?;
    // Nothing is chosen by it, and measuring two texts takes no time.
    let dev = Dataset { texts: train.texts.iter().take(2).cloned().collect(), ..train.clone() };
    Ok(Splits { train, dev, test: None })
}

/// Rows to ask for, all of them with a direction; none if no row has one.
pub(super) fn questions(vectors: &Vectors, count: usize) -> Vec<u32> {
    let start = generator(stream::QUESTIONS).random_range(0..vectors.len().max(1));
    let step = (vectors.len() / count.max(1)).max(1);
    let rows = (0..vectors.len()).map(|index| ((start + index * step) % vectors.len()) as u32);
    let has_direction = |&row: &u32| vectors.norm(row).is_some_and(|norm| norm > 0.0 && norm.is_finite());
    let rows: Vec<u32> = rows.filter(has_direction).take(count).collect();
    // Few rows are asked for again and again.
    rows.iter().copied().cycle().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct() {
        let words: std::collections::HashSet<String> = (0..100_000).map(word).collect();
        assert_eq!(words.len(), 100_000);
        assert!(words.iter().all(|word| (1..=7).contains(&word.len())));
    }
}
