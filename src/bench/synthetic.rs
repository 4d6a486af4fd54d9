//! Synthetic vectors and texts for benchmarks. They have no meaning, but take as long to process as real ones.

use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::classifier::{DataFormat, DataOptions, Dataset, Splits};
use crate::error::Result;
use crate::vectors::Vectors;

/// The random seed.
const SEED: u64 = 1;

/// Streams of random numbers.
mod stream {
    pub const ROWS: u64 = 0;
    pub const TEXTS: u64 = 1;
    pub const QUERIES: u64 = 2;
}

/// Number of texts, and words per text: about those of a sentence of a film review.
const TEXTS: usize = 1000;
const WORDS: std::ops::RangeInclusive<usize> = 5..=33;

/// Number of distinct words in the texts at most: about that of such a task.
const FREQUENT: usize = 20_000;

fn generator(stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    rng
}

/// Vectors of independent random numbers with five decimals, as in text files.
///
/// # Errors
/// No rows, or a dimension of 0.
pub(super) fn vectors(rows: usize, dimension: usize) -> Result<Vectors> {
    let mut rng = generator(stream::ROWS);
    let values = (0..rows * dimension).map(|_| rng.random_range(-100_000..=100_000) as f32 / 1e5).collect();
    Vectors::new((0..rows as u32).map(word), values, dimension)
}

/// The word of a row: distinct, and at most seven letters long.
fn word(row: u32) -> String {
    // Multiplication by an odd number is a bijection.
    let mut number = row.wrapping_mul(0x9e37_79b1);
    let mut word = String::new();
    while number > 0 || word.is_empty() {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
    }
    word
}

/// Texts with two labels, whose words follow Zipf's law, and a dev set of two texts.
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
            // Zipf's law: the frequency of a word is inversely proportional to its rank.
            let rank = frequent.powf(rng.random::<f64>()) - 1.0;
            let _ = write!(lines, " {}", vectors.word(rank as u32));
        }
        lines.push('\n');
    }
    let options = DataOptions { format: Some(DataFormat::Plain), ..DataOptions::default() };
    let train = Dataset::parse(lines.as_bytes(), &options, "synthetic texts")?;
    // Small, so that evaluating it takes no time.
    let dev = Dataset { texts: train.texts.iter().take(2).cloned().collect(), ..train.clone() };
    Ok(Splits { train, dev, test: None })
}

/// The rows of queries, all of them with a direction; empty if no row has one.
pub(super) fn query_rows(vectors: &Vectors, count: usize) -> Vec<u32> {
    let start = generator(stream::QUERIES).random_range(0..vectors.len().max(1));
    let step = (vectors.len() / count.max(1)).max(1);
    let rows = (0..vectors.len()).map(|index| ((start + index * step) % vectors.len()) as u32);
    let has_direction = |&row: &u32| vectors.norm(row).is_some_and(|norm| norm > 0.0 && norm.is_finite());
    let rows: Vec<u32> = rows.filter(has_direction).take(count).collect();
    // With few rows, they repeat.
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
