//! The comparison of two embeddings, as numbers and as a sentence.

use std::fmt::Write;

use serde::Serialize;

use super::seeds::{MAX_SEEDS, Paired};
use super::summary::{LEVEL, holm};
use super::texts::TextDifference;
use crate::error::Result;

/// The scores of an embedding, for [`pairs`].
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingScores {
    /// The name of the embedding.
    pub name: String,
    /// The score of each seed, from 0 to 1.
    pub scores: Vec<f64>,
    /// For each seed, whether each test text was classified correctly; `None` without a test set.
    pub correct: Option<Vec<Vec<bool>>>,
    /// Mean training time of a run in seconds, if known.
    pub seconds: Option<f64>,
}

/// The comparison of two embeddings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Name of the first embedding.
    pub first: String,
    /// Name of the second embedding; differences are its scores minus those of the first.
    pub second: String,
    /// The difference over seeds, on the given test texts.
    pub seeds: Paired,
    /// [`Paired::p`], corrected for [`Pair::comparisons`] comparisons ([`holm`]).
    pub adjusted_p: f64,
    /// Number of pairs that were compared together.
    pub comparisons: usize,
    /// The difference over test texts, with the given models.
    pub texts: Option<TextDifference>,
    /// Mean training time of a run of each, in seconds.
    pub seconds: Option<[f64; 2]>,
}

/// Which of two embeddings is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The first.
    First,
    /// The second.
    Second,
    /// The difference is not significant.
    Undecided,
}

/// Compares all embeddings with each other: the first with the second, the third and so on, then the second with the third. `seed` is the
/// seed of the bootstrap.
///
/// # Errors
/// Embeddings with different numbers of seeds or texts.
pub fn pairs(variants: &[EmbeddingScores], seed: u64) -> Result<Vec<Pair>> {
    let comparisons = variants.len() * variants.len().saturating_sub(1) / 2;
    let mut pairs = Vec::with_capacity(comparisons);
    for (index, first) in variants.iter().enumerate() {
        for second in &variants[index + 1..] {
            let texts = match (&first.correct, &second.correct) {
                (Some(first), Some(second)) => Some(TextDifference::of(first, second, seed)?),
                _ => None,
            };
            let seeds = Paired::of(&first.scores, &second.scores, comparisons)?;
            pairs.push(Pair {
                first: first.name.clone(),
                second: second.name.clone(),
                seeds,
                adjusted_p: seeds.p(),
                comparisons,
                texts,
                seconds: first.seconds.zip(second.seconds).map(|(first, second)| [first, second]),
            });
        }
    }
    let adjusted = holm(&pairs.iter().map(|pair| pair.adjusted_p).collect::<Vec<f64>>());
    pairs.iter_mut().zip(adjusted).for_each(|(pair, p)| pair.adjusted_p = p);
    Ok(pairs)
}

impl Pair {
    /// Which embedding is better, if the difference over seeds is significant after correction for the number of comparisons.
    pub fn verdict(&self) -> Verdict {
        match self.adjusted_p <= LEVEL {
            true if self.seeds.difference.mean > 0.0 => Verdict::Second,
            true if self.seeds.difference.mean < 0.0 => Verdict::First,
            _ => Verdict::Undecided,
        }
    }

    /// The verdict as a sentence without a full stop, such as `tuned beats frozen by 2.1 points (1.4 to 2.8), in 2.3 times the training
    /// time` or `no significant difference between frozen and tuned with 5 seeds; about 20 seeds would be needed`. The interval in
    /// parentheses is the 95 % interval over seeds. If the interval over test texts contains zero, the sentence gives it too.
    pub fn sentence(&self) -> String {
        match self.verdict() {
            Verdict::First => self.beats(&self.first, &self.second, -1.0),
            Verdict::Second => self.beats(&self.second, &self.first, 1.0),
            Verdict::Undecided => self.undecided(),
        }
    }

    /// Says that the permutation test cannot be significant with so few seeds; `None` if it can.
    pub fn permutation_note(&self) -> Option<String> {
        let min_p = self.seeds.permutation.min_p;
        let seeds = seeds(self.seeds.difference.count);
        (min_p > LEVEL).then(|| format!("with {seeds} the smallest possible p of the permutation test is {min_p}"))
    }

    fn beats(&self, better: &str, other: &str, sign: f64) -> String {
        let difference = &self.seeds.difference;
        let mut text = format!("{better} beats {other} by {} points", points(sign * difference.mean));
        // Writing into memory does not fail.
        let _ = match difference.interval.filter(|_| self.seeds.t_p.is_some()) {
            Some(interval) => write!(text, " ({})", range(interval, sign)),
            None => write!(text, " with each of {}", seeds(difference.count)),
        };
        if let Some([first, second]) = self.seconds.filter(|seconds| seconds.iter().all(|&seconds| seconds > 0.0)) {
            let times = if sign > 0.0 { second / first } else { first / second };
            let _ = match times {
                0.95..1.05 => write!(text, ", in the same training time"),
                ..10.0 => write!(text, ", in {times:.1} times the training time"),
                _ => write!(text, ", in {times:.0} times the training time"),
            };
        }
        if let Some(texts) = self.texts.as_ref().filter(|texts| texts.contains_zero()) {
            let _ = write!(text, "; on other test texts it could be {}", range(texts.interval, sign));
        }
        text
    }

    fn undecided(&self) -> String {
        let Pair { first, second, .. } = self;
        let difference = &self.seeds.difference;
        let count = difference.count;
        if count == 1 {
            return format!("one seed is not enough to compare {first} and {second}");
        }
        if difference.mean == 0.0 && difference.std == Some(0.0) {
            return format!("{first} and {second} have the same score with each of {}", seeds(count));
        }
        // Significant on its own, but not after correction.
        let correction = match self.seeds.p() <= LEVEL {
            true => format!(" after correction for {} comparisons", self.comparisons),
            false => String::new(),
        };
        let needed = match self.seeds.seeds_needed {
            Some(needed) => format!("about {needed}"),
            None => format!("more than {MAX_SEEDS}"),
        };
        let seeds = seeds(count);
        format!(
            "no significant difference between {first} and {second} with {seeds}{correction}; \
             {needed} seeds would be needed"
        )
    }
}

fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

/// A fraction in points, with one decimal, or two where one decimal would show a difference as zero.
fn points(share: f64) -> String {
    let points = 100.0 * share;
    let decimals = if points != 0.0 && points.abs() < 0.05 { 2 } else { 1 };
    let text = format!("{points:.decimals$}");
    // Zero has no sign.
    if text.starts_with("-0.0") && text.trim_start_matches(['-', '0', '.']).is_empty() {
        text[1..].to_owned()
    } else {
        text
    }
}

/// An interval in points, negated if `sign` is -1.
fn range([low, high]: [f64; 2], sign: f64) -> String {
    let (from, to) = if sign < 0.0 { (-high, -low) } else { (low, high) };
    format!("{} to {}", points(from), points(to))
}
