//! Benchmarks over questions and word pairs, by gensim's protocol (`evaluate_word_analogies`, `evaluate_word_pairs`).
//!
//! Both search the first 300,000 rows only, compare words in upper case (the first row of each upper-case form stands for
//! all), and skip questions and pairs with an unknown word.

use std::cmp::Ordering;

use hashbrown::HashMap;
use rayon::prelude::*;

use super::nearest::unit;
use super::{NearestOptions, Query};
use crate::error::{Malformed, Place, Result};
use crate::vectors::Vectors;

/// Rows that gensim searches by default.
const RESTRICT: usize = 300_000;

/// Answers among which gensim looks for the first that is not one of the question's words.
const CANDIDATES: usize = 5;

/// One section of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stands behind the colon.
    pub name: String,
    /// Questions answered rightly.
    pub right: usize,
    /// Questions whose four words are all known.
    pub seen: usize,
    /// Questions in the file.
    pub total: usize,
}

/// The outcome of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalogyReport {
    /// In the file's order.
    pub sections: Vec<Section>,
}

impl AnalogyReport {
    /// All sections together: right, seen, total.
    pub fn sum(&self) -> (usize, usize, usize) {
        self.sections.iter().fold((0, 0, 0), |(right, seen, total), section| {
            (right + section.right, seen + section.seen, total + section.total)
        })
    }

    /// Share of the questions seen that were answered rightly; NaN if none was seen.
    pub fn accuracy(&self) -> f64 {
        let (right, seen, _) = self.sum();
        right as f64 / seen as f64
    }
}

/// The outcome of a word-pair benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairReport {
    /// Pairs whose words are both known.
    pub used: usize,
    /// Pairs in the file.
    pub total: usize,
    /// Rank correlation with the human scores, average ranks for ties; NaN for fewer than two pairs.
    pub spearman: f64,
    /// Linear correlation with the human scores; NaN for fewer than two pairs.
    pub pearson: f64,
}

impl PairReport {
    /// Share of pairs with an unknown word, in percent.
    pub fn unknown_percent(&self) -> f64 {
        100.0 * (self.total - self.used) as f64 / self.total as f64
    }
}

impl Vectors {
    /// Answers the questions of a file: `: section` lines, and four words a line, "a is to b as c is to d".
    ///
    /// # Errors
    /// A line that is neither, or a question before the first section; a damaged table file.
    pub fn evaluate_analogies(&self, questions: &str) -> Result<AnalogyReport> {
        self.check()?;
        let folded = self.folded();
        let mut sections: Vec<Section> = Vec::new();
        let mut seen: Vec<(usize, [u32; 4])> = Vec::new();
        for (line, number) in questions.lines().zip(1..) {
            if let Some(name) = line.strip_prefix(':') {
                let name = name.trim().to_owned();
                sections.push(Section { name, right: 0, seen: 0, total: 0 });
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            let (&[a, b, c, d], Some(section)) = (words.as_slice(), sections.len().checked_sub(1)) else {
                let expected = "`: section` first, then four words a line";
                return Err(Malformed::at(Place::Line(number), expected, format!("`{line}`")).into());
            };
            sections[section].total += 1;
            let rows = [a, b, c, d].map(|word| folded.get(&word.to_uppercase()).copied());
            if let [Some(a), Some(b), Some(c), Some(d)] = rows {
                sections[section].seen += 1;
                seen.push((section, [a, b, c, d]));
            }
        }
        let right = seen.par_iter().map(|(_, rows)| self.answers_rightly(*rows)).collect::<Result<Vec<bool>>>()?;
        for ((section, _), right) in seen.iter().zip(right) {
            sections[*section].right += usize::from(right);
        }
        Ok(AnalogyReport { sections })
    }

    /// Compares cosines with human scores: two words and a number a line, separated by tabs; `#` starts a comment.
    ///
    /// # Errors
    /// No pair at all. As gensim does, single lines of another form (a header among them) are passed over.
    pub fn evaluate_pairs(&self, pairs: &str) -> Result<PairReport> {
        self.check()?;
        let folded = self.folded();
        let (mut cosines, mut scores) = (Vec::new(), Vec::new());
        let mut total = 0;
        for line in pairs.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[a, b, score] = fields.as_slice() else { continue };
            let Ok(score) = score.trim().parse::<f64>() else { continue };
            total += 1;
            let row = |word: &str| folded.get(&word.to_uppercase()).copied();
            if let (Some(a), Some(b)) = (row(a), row(b)) {
                cosines.push(self.cosine(a, b));
                scores.push(score);
            }
        }
        if total == 0 {
            let expected = "word pairs with a score, separated by tabs (or analogy questions under `: section` lines)";
            return Err(Malformed::at(Place::File, expected, "none").into());
        }
        let spearman = pearson(&ranks(&cosines), &ranks(&scores));
        Ok(PairReport { used: cosines.len(), total, spearman, pearson: pearson(&cosines, &scores) })
    }

    /// Upper-case forms of the words searched; of several words with one form the first stands for it.
    fn folded(&self) -> HashMap<String, u32> {
        let mut rows = HashMap::new();
        for row in 0..self.len().min(RESTRICT) as u32 {
            rows.entry(self.word(row).to_uppercase()).or_insert(row);
        }
        rows
    }

    fn answers_rightly(&self, [a, b, c, d]: [u32; 4]) -> Result<bool> {
        let mut query = vec![0.0; self.dimension()];
        for (row, weight) in [(b, 1.0), (c, 1.0), (a, -1.0)] {
            self.add_unit(row, weight, &mut query);
        }
        let options = NearestOptions { k: CANDIDATES, restrict: Some(RESTRICT), ..NearestOptions::default() };
        let search = |unit| self.search(&Query { unit, excluded: vec![a, b, c] }, &options);
        let answers = unit(&query).map_or_else(|| Ok(Vec::new()), search)?;
        let upper = |row| self.word(row).to_uppercase();
        let named = [upper(a), upper(b), upper(c)];
        let first = answers.iter().map(|answer| upper(answer.row)).find(|word| !named.contains(word));
        Ok(first == Some(upper(d)))
    }

    /// Adds `weight` times the unit vector of a row to `sum`.
    fn add_unit(&self, row: u32, weight: f64, sum: &mut [f64]) {
        if let Ok(named) = self.named_row(row) {
            named.add_unit(weight, sum);
        }
    }
}

/// Pearson's correlation.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xy += (x - mean_x) * (y - mean_y);
        xx += (x - mean_x).powi(2);
        yy += (y - mean_y).powi(2);
    }
    xy / (xx * yy).sqrt()
}

/// Ranks from 1, ties sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for tied in order.chunk_by(|&i, &j| values[i].total_cmp(&values[j]) == Ordering::Equal) {
        let rank = from as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&i| ranks[i] = rank);
        from += tied.len();
    }
    ranks
}
