//! Results of a query: words and their scores.

use unicode_width::UnicodeWidthStr;

use super::text::printable;
use crate::query::ScoredRow;
use crate::vectors::Vectors;

/// The words and scores of some rows, aligned, one per line, each line after `indent`.
///
/// Written without the table library, since a batch prints thousands of these.
pub fn scored_words(vectors: &Vectors, rows: &[ScoredRow], indent: &str) -> String {
    let score = |score: f32| if score.is_nan() { "undefined".to_owned() } else { format!("{score:.4}") };
    let rows: Vec<(String, String)> =
        rows.iter().map(|found| (printable(&vectors.word(found.row)), score(found.score))).collect();
    let word_width = rows.iter().map(|(word, _)| word.width()).max().unwrap_or(0);
    let score_width = rows.iter().map(|(_, score)| score.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (word, score) in &rows {
        let space = " ".repeat(word_width - word.width());
        text.extend([indent, word, &space, "  ", &format!("{score:>score_width$}"), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_aligned_by_the_display_width_of_words() {
        let vectors = Vectors::new(["a", "日本", "é"], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2).unwrap();
        let scores = [(0, 0.5), (1, -0.25), (2, f32::NAN)];
        let found: Vec<ScoredRow> = scores.iter().map(|&(row, score)| ScoredRow { row, score }).collect();
        assert_eq!(scored_words(&vectors, &found[..2], " "), " a      0.5000\n 日本  -0.2500\n");
        assert_eq!(scored_words(&vectors, &found[1..], ""), "日本    -0.2500\né     undefined\n");
        assert_eq!(scored_words(&vectors, &[], ""), "");
    }
}
