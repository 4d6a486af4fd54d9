//! Coverage of texts by vectors: a table, and the most frequent out-of-vocabulary words.

use super::table::wrapped_table;
use super::text::thousands;
use crate::classifier::{Coverage, CoverageCount};

/// Coverage by several tokenizers, two lines each, then the `k` most frequent out-of-vocabulary words of each in columns. Lines are
/// wrapped at `width`, if given.
pub fn coverage(coverages: &[Coverage], k: usize, width: Option<usize>) -> String {
    let columns = [
        ("tokenizer", false),
        ("", false),
        ("total", true),
        ("exact", true),
        ("lower case", true),
        ("subwords", true),
        ("unknown", true),
        ("median length", true),
        ("max length", true),
    ];
    let rows = coverages.iter().flat_map(|coverage| {
        let row = |name: &str, kind: &str, count: fn(&CoverageCount) -> usize, lengths: [usize; 2]| {
            let all = count(&coverage.all);
            let kinds = [&coverage.exact, &coverage.lower_case, &coverage.subwords, &coverage.unknown];
            let mut cells = vec![name.to_owned(), kind.to_owned(), thousands(all)];
            cells.extend(kinds.map(|kind| share(count(kind), all)));
            cells.extend(lengths.map(|length| if length > 0 { thousands(length) } else { String::new() }));
            cells
        };
        let lengths = [coverage.median_length(), coverage.longest()];
        [
            row(coverage.tokenizer.name(), "tokens", |covered| covered.tokens, lengths),
            row("", "words", |covered| covered.words, [0, 0]),
        ]
    });
    let mut text = wrapped_table(&columns, rows, width);
    let count = coverages.iter().map(|coverage| coverage.unknown_words.len().min(k)).max().unwrap_or(0);
    if count == 0 {
        return text;
    }
    text.push_str("\nmost frequent out-of-vocabulary words\n");
    let columns: Vec<(&str, bool)> =
        coverages.iter().flat_map(|coverage| [(coverage.tokenizer.name(), false), ("", true)]).collect();
    let rows = (0..count).map(|index| {
        let cells = coverages.iter().flat_map(|coverage| match coverage.unknown_words.get(index) {
            Some((word, count)) => [word.clone(), thousands(*count)],
            None => Default::default(),
        });
        cells.collect()
    });
    text.push_str(&wrapped_table(&columns, rows, width));
    text
}

/// A fraction in percent; `-` for 0/0.
fn share(part: usize, all: usize) -> String {
    if all == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / all as f64) }
}
