//! What a person looks at: tables for the terminal; and the same answers as JSON.

mod bench;
mod catalog;
mod comparison;
mod comparison_files;
mod comparison_page;
mod coverage;
mod evaluate;
mod gates;
mod gates_page;
mod html;
pub mod json;
mod metrics;
mod plots;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

use crate::classifier::TrainingOutcome;
use crate::query::ScoredRow;
use crate::vectors::Vectors;
pub use bench::bench;
pub use catalog::catalog;
pub use comparison::comparison;
pub use comparison_files::{comparison_csv, comparison_markdown};
pub use comparison_page::comparison_page;
pub use coverage::coverage;
pub use evaluate::{analogies, analogies_differ, pairs, pairs_differ};
pub use gates::{GATES_LEGEND, gates};
pub use gates_page::gates_page;
pub use metrics::metrics;

/// A table of aligned columns without lines: `columns` are headings and whether the column holds numbers.
fn table(columns: &[(&str, bool)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    fitted(columns, rows, None)
}

/// As [`table`], its cells broken between words where it would be wider than `width` columns of a terminal.
fn fitted(columns: &[(&str, bool)], rows: impl IntoIterator<Item = Vec<String>>, width: Option<usize>) -> String {
    let mut table = Table::new();
    if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
    }
    let mut longest: Vec<usize> = columns.iter().map(|(heading, _)| longest_word(heading)).collect();
    table.load_style(presets::NOTHING);
    if columns.iter().any(|(heading, _)| !heading.is_empty()) {
        table.set_header(columns.iter().map(|(heading, _)| *heading));
    }
    for row in rows {
        for ((longest, cell), (_, number)) in longest.iter_mut().zip(&row).zip(columns) {
            // A number and its unit stay together; intervals are longer.
            let whole = cell.chars().count();
            *longest = (*longest).max(if *number && whole <= WITH_UNIT { whole } else { longest_word(cell) });
        }
        table.add_row(row);
    }
    let last = columns.len().saturating_sub(1);
    if let (Some(width), Some((of_last, others))) = (width, longest.split_last_mut()) {
        // Of the last column, which is text, words may be broken before the table is too wide.
        let room = width.saturating_sub(others.iter().map(|longest| longest + 2).sum());
        *of_last = (*of_last).min(room.max(LEAST_ROOM));
    }
    for (index, (column, (_, number))) in table.column_iter_mut().zip(columns).enumerate() {
        let padding = if index == last { 0 } else { 2 };
        column.set_padding((0, padding));
        let least = longest.get(index).map_or(0, |&longest| longest.min(LONGEST_WORD)) as u16 + padding;
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        if *number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Columns of a number with its unit at the most.
const WITH_UNIT: usize = 9;

/// Columns that the last column has at least.
const LEAST_ROOM: usize = 10;

/// Columns that a word may ask for; longer ones may be broken.
const LONGEST_WORD: usize = 40;

/// Columns of the longest word of a cell.
fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// Text that may hold anything, fit for a terminal: control characters would steer it.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{FFFD}")
}

/// Answers to a question, best first: word and score, lined up, each line behind `indent`. By hand, because a batch has
/// tables by the thousand.
pub fn answers(vectors: &Vectors, answers: &[ScoredRow], indent: &str) -> String {
    let score = |score: f32| if score.is_nan() { "undefined".to_owned() } else { format!("{score:.4}") };
    let rows: Vec<(String, String)> =
        answers.iter().map(|answer| (printable(&vectors.word(answer.row)), score(answer.score))).collect();
    let width = rows.iter().map(|(word, _)| word.width()).max().unwrap_or(0);
    let widest = rows.iter().map(|(_, score)| score.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (word, score) in &rows {
        let space = " ".repeat(width - word.width());
        text.extend([indent, word, &space, "  ", &format!("{score:>widest$}"), "\n"]);
    }
    text
}

/// Names and values, a line each.
pub fn facts(rows: impl IntoIterator<Item = (String, String)>) -> String {
    table(&[("", false), ("", false)], rows.into_iter().map(|(name, value)| vec![name, value]))
}

/// The outcome of training.
pub fn training(trained: &TrainingOutcome) -> String {
    let (words, known) = (trained.train_words, trained.known_train_words);
    let speed = thousands(trained.tokens_per_second() as usize);
    let facts = facts([
        ("best epoch".to_owned(), format!("{} of {}", trained.best_epoch, trained.history.len())),
        ("words".to_owned(), format!("{known} of {words} in the vectors")),
        ("parameters trained".to_owned(), thousands(trained.trainable_parameters)),
        ("seconds".to_owned(), format!("{:.1} ({speed} tokens a second)", trained.seconds)),
    ]);
    let mut parts = vec![("dev", &trained.dev)];
    parts.extend(trained.test.as_ref().map(|test| ("test", test)));
    format!("{facts}\n{}", metrics(trained.classifier.labels(), &parts))
}

/// A share in percent.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A whole number with commas: 1,234,567.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something: 1 text, 1,200 texts.
pub fn counted(number: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A size in bytes: 1.2 MB.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, f64); 3] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match UNITS.iter().find(|(_, unit)| bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1234), "1,234");
        assert_eq!(thousands(123_456_789), "123,456,789");
        assert_eq!(counted(0, "text"), "0 texts");
        assert_eq!(counted(1, "text"), "1 text");
        assert_eq!(counted(1200, "text"), "1,200 texts");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(171_000_000), "171.0 MB");
    }

    #[test]
    fn answers_line_up_by_the_width_of_their_words() {
        let vectors = Vectors::new(["a", "日本", "é"], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2).unwrap();
        let scores = [(0, 0.5), (1, -0.25), (2, f32::NAN)];
        let found: Vec<ScoredRow> = scores.iter().map(|&(row, score)| ScoredRow { row, score }).collect();
        assert_eq!(answers(&vectors, &found[..2], " "), " a      0.5000\n 日本  -0.2500\n");
        assert_eq!(answers(&vectors, &found[1..], ""), "日本    -0.2500\né     undefined\n");
        assert_eq!(answers(&vectors, &[], ""), "");
    }

    #[test]
    fn cells_are_broken_between_words_where_a_terminal_is_narrow() {
        let columns = [("name", false), ("of all", true), ("what it is", false)];
        let row = ["glove.6B.50d", "0.671 to 0.884", "Wikipedia and news, lower case"].map(str::to_owned).to_vec();
        let whole =
            "name                  of all  what it is\nglove.6B.50d  0.671 to 0.884  Wikipedia and news, lower case\n";
        for width in [None, Some(60), Some(200)] {
            assert_eq!(fitted(&columns, [row.clone()], width), whole);
        }
        let narrow = fitted(&columns, [row], Some(40));
        assert!(narrow.lines().all(|line| line.width() <= 40), "{narrow}");
        let words = |text: &str| {
            let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(words(&narrow), words(whole), "{narrow}");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "10.5".to_owned()], vec!["word".to_owned(), "2".to_owned()]];
        assert_eq!(table(&[("", false), ("", true)], rows), "a     10.5\nword     2\n");
    }
}
