//! How much of some texts the vectors know: a table, and the unknown words.

use super::{fitted, thousands};
use crate::classifier::{Coverage, CoverageCount};

/// Coverages by several tokenizers, two lines each, then the `k` most frequent unknown words of each, side by side,
/// within `width` columns of a terminal.
pub fn coverage(coverages: &[Coverage], k: usize, width: Option<usize>) -> String {
    let columns = [
        ("tokenizer", false),
        ("", false),
        ("in all", true),
        ("as written", true),
        ("in lower case", true),
        ("by subwords", true),
        ("unknown", true),
        ("a text: median", true),
        ("longest", true),
    ];
    let rows = coverages.iter().flat_map(|coverage| {
        let row = |name: &str, kind: &str, count: fn(&CoverageCount) -> usize, lengths: [usize; 2]| {
            let all = count(&coverage.all);
            let parts = [&coverage.exact, &coverage.lower_case, &coverage.subwords, &coverage.unknown];
            let mut cells = vec![name.to_owned(), kind.to_owned(), thousands(all)];
            cells.extend(parts.map(|part| share(count(part), all)));
            cells.extend(lengths.map(|length| if length > 0 { thousands(length) } else { String::new() }));
            cells
        };
        let lengths = [coverage.median_length(), coverage.longest()];
        [
            row(coverage.tokenizer.name(), "tokens", |covered| covered.tokens, lengths),
            row("", "words", |covered| covered.words, [0, 0]),
        ]
    });
    let mut text = fitted(&columns, rows, width);
    let most = coverages.iter().map(|coverage| coverage.unknown_words.len().min(k)).max().unwrap_or(0);
    if most == 0 {
        return text;
    }
    text.push_str("\nthe most frequent unknown words\n");
    let columns: Vec<(&str, bool)> =
        coverages.iter().flat_map(|coverage| [(coverage.tokenizer.name(), false), ("", true)]).collect();
    let rows = (0..most).map(|place| {
        let cells = coverages.iter().flat_map(|coverage| match coverage.unknown_words.get(place) {
            Some((word, count)) => [word.clone(), thousands(*count)],
            None => Default::default(),
        });
        cells.collect()
    });
    text.push_str(&fitted(&columns, rows, width));
    text
}

/// A share in percent; `-` of nothing.
fn share(part: usize, all: usize) -> String {
    if all == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / all as f64) }
}
