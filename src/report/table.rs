//! Tables of aligned columns, for terminals.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::UnicodeWidthStr;

/// A column: its heading, and whether it holds numbers, which are aligned right.
pub(super) type Column<'a> = (&'a str, bool);

/// Columns of a terminal that a number with its unit may take without being wrapped.
const MAX_NUMBER_WIDTH: usize = 9;

/// Minimum width of the last column.
const MIN_LAST_WIDTH: usize = 10;

/// Maximum width that a word may claim; longer words may be broken.
const MAX_WORD_WIDTH: usize = 40;

/// A table without borders.
pub(super) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    wrapped_table(columns, rows, None)
}

/// A table without borders whose cells are wrapped between words if it would be wider than `width`.
pub(super) fn wrapped_table(
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
    width: Option<usize>,
) -> String {
    let mut table = Table::new();
    if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
    }
    table.load_style(presets::NOTHING);
    if columns.iter().any(|(heading, _)| !heading.is_empty()) {
        table.set_header(columns.iter().map(|(heading, _)| *heading));
    }
    let mut min_widths: Vec<usize> = columns.iter().map(|(heading, _)| longest_word(heading)).collect();
    for row in rows {
        for ((min_width, cell), (_, is_number)) in min_widths.iter_mut().zip(&row).zip(columns) {
            // Keep a number and its unit together; intervals are longer and may be wrapped.
            let whole = cell.chars().count();
            let needed = if *is_number && whole <= MAX_NUMBER_WIDTH { whole } else { longest_word(cell) };
            *min_width = (*min_width).max(needed);
        }
        table.add_row(row);
    }
    if let (Some(width), Some((last, others))) = (width, min_widths.split_last_mut()) {
        // The last column is text: break its words before the table becomes too wide.
        let available = width.saturating_sub(others.iter().map(|width| width + 2).sum());
        *last = (*last).min(available.max(MIN_LAST_WIDTH));
    }
    let last = columns.len().saturating_sub(1);
    for (index, (column, (_, is_number))) in table.column_iter_mut().zip(columns).enumerate() {
        let padding = if index == last { 0 } else { 2 };
        column.set_padding((0, padding));
        let min_width = min_widths.get(index).map_or(0, |&width| width.min(MAX_WORD_WIDTH)) as u16 + padding;
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(min_width)));
        if *is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Width of the longest word of a cell.
fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// Names and values, one pair per line.
pub fn key_values(rows: impl IntoIterator<Item = (String, String)>) -> String {
    table(&[("", false), ("", false)], rows.into_iter().map(|(name, value)| vec![name, value]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_wrapped_between_words_on_a_narrow_terminal() {
        let columns = [("name", false), ("of all", true), ("what it is", false)];
        let row = ["glove.6B.50d", "0.671 to 0.884", "Wikipedia and news, lower case"].map(str::to_owned).to_vec();
        let whole =
            "name                  of all  what it is\nglove.6B.50d  0.671 to 0.884  Wikipedia and news, lower case\n";
        for width in [None, Some(60), Some(200)] {
            assert_eq!(wrapped_table(&columns, [row.clone()], width), whole);
        }
        let narrow = wrapped_table(&columns, [row], Some(40));
        assert!(narrow.lines().all(|line| line.width() <= 40), "{narrow}");
        let words = |text: &str| {
            let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(words(&narrow), words(whole), "{narrow}");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".to_owned(), "10.5".to_owned()], vec!["word".to_owned(), "2".to_owned()]];
        assert_eq!(table(&[("", false), ("", true)], rows), "a     10.5\nword     2\n");
    }
}
