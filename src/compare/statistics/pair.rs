//! What can be said of two embeddings, as numbers and as a sentence.

use std::fmt::Write;

use serde::Serialize;

use super::{LEVEL, MAX_SEEDS, Paired, TextDifference, holm};
use crate::error::Result;

/// An embedding's scores, for [`pairs`].
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingScores {
    /// Its name.
    pub name: String,
    /// A score for each seed, from 0 to 1.
    pub scores: Vec<f64>,
    /// For each seed, whether each test text was classified rightly, where there are test texts.
    pub right: Option<Vec<Vec<bool>>>,
    /// Mean seconds that a run trained for, where known.
    pub seconds: Option<f64>,
}

/// Two embeddings, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Name of the first embedding.
    pub first: String,
    /// Name of the second embedding; differences are its scores less the first's.
    pub second: String,
    /// Over seeds, on the test texts at hand.
    pub seeds: Paired,
    /// [`Paired::p`] after [`Pair::comparisons`] comparisons ([`holm`]).
    pub adjusted_p: f64,
    /// How many pairs were compared together.
    pub comparisons: usize,
    /// Over texts, with the models at hand.
    pub texts: Option<TextDifference>,
    /// Mean seconds that a run of each trained for.
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
    /// The seeds do not tell.
    Undecided,
}

/// Compares all embeddings with each other: the first with the second, the third and so on, then the second with the third. `seed` is that
/// of the bootstrap.
///
/// # Errors
/// Arms whose scores or outcomes do not belong together seed by seed and text by text.
pub fn pairs(variants: &[EmbeddingScores], seed: u64) -> Result<Vec<Pair>> {
    let comparisons = variants.len() * variants.len().saturating_sub(1) / 2;
    let mut pairs = Vec::with_capacity(comparisons);
    for (index, first) in variants.iter().enumerate() {
        for second in &variants[index + 1..] {
            let texts = match (&first.right, &second.right) {
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
    /// Which embedding is better, if the seeds tell after correction for the number of comparisons.
    pub fn verdict(&self) -> Verdict {
        match self.adjusted_p <= LEVEL {
            true if self.seeds.difference.mean > 0.0 => Verdict::Second,
            true if self.seeds.difference.mean < 0.0 => Verdict::First,
            _ => Verdict::Undecided,
        }
    }

    /// The verdict as a plain sentence, without a full stop: `tuned beats frozen by 2.1 points (1.4 to 2.8), in 2.3 times the training
    /// time`, or `no difference between frozen and tuned can be told from 5 seeds; it would take about 20`. In brackets the 95 %
    /// interval over seeds; where other test texts could turn the difference, that is said too.
    pub fn sentence(&self) -> String {
        match self.verdict() {
            Verdict::First => self.beats(&self.first, &self.second, -1.0),
            Verdict::Second => self.beats(&self.second, &self.first, 1.0),
            Verdict::Undecided => self.undecided(),
        }
    }

    /// What the permutation test could not have found however large the difference, in so many seeds; `None` where it could.
    pub fn permutation_note(&self) -> Option<String> {
        let smallest = self.seeds.permutation.min_p;
        let seeds = seeds(self.seeds.difference.count);
        (smallest > LEVEL).then(|| format!("with {seeds} the permutation test's smallest possible p is {smallest}"))
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
            let _ = write!(text, "; on other texts it could be {}", range(texts.interval, sign));
        }
        text
    }

    fn undecided(&self) -> String {
        let Pair { first, second, .. } = self;
        let difference = &self.seeds.difference;
        let count = difference.count;
        if count == 1 {
            return format!("no difference between {first} and {second} can be told from a single seed");
        }
        if difference.mean == 0.0 && difference.std == Some(0.0) {
            return format!("{first} and {second} score the same with each of {}", seeds(count));
        }
        // What one comparison alone would have told.
        let among =
            if self.seeds.p() <= LEVEL { format!(" and {} comparisons", self.comparisons) } else { String::new() };
        let needed = match self.seeds.seeds_needed {
            Some(needed) => format!("about {needed}"),
            None => format!("more than {MAX_SEEDS}"),
        };
        let seeds = seeds(count);
        format!("no difference between {first} and {second} can be told from {seeds}{among}; it would take {needed}")
    }
}

fn seeds(count: usize) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{count} seeds") }
}

/// A share as points, with a decimal, or two where one would show a difference as none.
fn points(share: f64) -> String {
    let points = 100.0 * share;
    let decimals = if points != 0.0 && points.abs() < 0.05 { 2 } else { 1 };
    let text = format!("{points:.decimals$}");
    // A zero has no sign.
    if text.starts_with("-0.0") && text.trim_start_matches(['-', '0', '.']).is_empty() {
        text[1..].to_owned()
    } else {
        text
    }
}

/// An interval as points, turned where `sign` is -1.
fn range([low, high]: [f64; 2], sign: f64) -> String {
    let (from, to) = if sign < 0.0 { (-high, -low) } else { (low, high) };
    format!("{} to {}", points(from), points(to))
}
