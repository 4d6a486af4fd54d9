//! The gates of a cell, word by word, as a table for the terminal. `gates_page.rs` has the HTML page.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::text::{printable, thousands};
use crate::classifier::{Behaviour, GateView, WordGates, most_probable};

/// Maximum number of classes with a column each.
const MAX_CLASS_COLUMNS: usize = 4;

/// The legend below the last table.
pub const GATES_LEGEND: &str = "\
input, forget, output: activations of the gates from 0 to 1, mean over the units
percent of the units that keep their memory (k: i=0 f=1), blend memory and word (b: i=1 f=1),
clear it (c: i=0 f=0) or overwrite it with the word (o: i=1 f=0); a gate is open from 0.5
";

/// A cell of the table, with its style.
struct Cell {
    text: String,
    style: Style,
    right: bool,
}

impl Cell {
    fn left(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), style: Style::new(), right: false }
    }

    fn right(text: impl Into<String>) -> Cell {
        Cell { right: true, ..Cell::left(text) }
    }

    fn style(self, style: Style) -> Cell {
        Cell { style, ..self }
    }
}

/// The gates of a cell on a text, one word per line: gates, behaviours, and changes of the prediction. `colour` adds ANSI escape
/// sequences and changes nothing else.
pub fn gates(view: &GateView, labels: &[String], colour: bool) -> String {
    let class = view.class();
    let label = labels.get(class).map_or("", String::as_str);
    let mut rows = vec![heading(labels, label), before(view, labels)];
    let changes = view.changes(class);
    rows.extend(view.words.iter().zip(changes).map(|(word, change)| row(word, class, labels, change)));
    let mut text = lines(&rows, colour);
    if view.words.iter().any(|word| !word.known) {
        text.push_str("(? is out of vocabulary: read as the unknown word)\n");
    }
    if view.words_omitted > 0 {
        let words = thousands(view.words_omitted);
        text.push_str(&format!("({words} more words are not shown; the prediction is for the words shown)\n"));
    }
    text
}

fn heading(labels: &[String], predicted: &str) -> Vec<Cell> {
    let mut cells = vec![Cell::left("")];
    cells.extend(["input", "forget", "output"].map(Cell::right));
    cells.push(Cell::left("mostly"));
    cells.extend(["k %", "b %", "c %", "o %"].map(Cell::right));
    if labels.len() <= MAX_CLASS_COLUMNS {
        cells.extend(labels.iter().map(|label| Cell::right(printable(label))));
    } else {
        cells.push(Cell::left("prediction"));
        cells.push(Cell::right(printable(predicted)));
    }
    cells.push(Cell::right(format!("Δ {}", printable(predicted))));
    let bold = Style::new().bold();
    cells.into_iter().map(|cell| cell.style(bold)).collect()
}

/// The state before the first word.
fn before(view: &GateView, labels: &[String]) -> Vec<Cell> {
    let dimmed = Style::new().dimmed();
    let mut cells = vec![Cell::left("(before)").style(dimmed)];
    cells.extend((0..8).map(|_| Cell::left("")));
    cells.extend(prediction(&view.before, view.class(), labels));
    cells
}

fn row(word: &WordGates, class: usize, labels: &[String], change: f32) -> Vec<Cell> {
    let unknown = if word.known { "" } else { " ?" };
    let mut cells = vec![Cell::left(format!("{}{unknown}", printable(&word.word)))];
    cells.extend([word.input, word.forget, word.output].map(gate));
    cells.push(Cell::left(word.behaviour.name()).style(behaviour_style(word.behaviour)));
    cells.extend(Behaviour::ALL.into_iter().zip(word.shares).map(|(behaviour, share)| {
        let style = if behaviour == word.behaviour { behaviour_style(behaviour) } else { Style::new().dimmed() };
        Cell::right(format!("{:.0}", 100.0 * share)).style(style)
    }));
    cells.extend(prediction(&word.probabilities, class, labels));
    // Highlight words that change the prediction by at least five points.
    let style = match change {
        up if up >= 0.05 => AnsiColor::Green.on_default(),
        down if down <= -0.05 => AnsiColor::Red.on_default(),
        _ => Style::new().dimmed(),
    };
    cells.push(Cell::right(format!("{change:+.3}")).style(style));
    cells
}

/// The probabilities of all classes, or for many classes the most probable class and the probability of `class`.
fn prediction(probabilities: &[f32], class: usize, labels: &[String]) -> Vec<Cell> {
    let top = most_probable(probabilities);
    let probability = |(class, probability): (usize, &f32)| {
        let style = if class == top { Style::new().bold() } else { Style::new() };
        Cell::right(format!("{probability:.3}")).style(style)
    };
    let all = probabilities.iter().enumerate();
    if labels.len() <= MAX_CLASS_COLUMNS {
        return all.map(probability).collect();
    }
    let name = Cell::left(labels.get(top).map(|label| printable(label)).unwrap_or_default());
    [name].into_iter().chain(all.filter(|(index, _)| *index == class).map(probability)).collect()
}

/// The activation of a gate, as a number and a bar.
fn gate(open: f32) -> Cell {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = BARS[((8.0 * open).round() as usize).min(8)];
    Cell::right(format!("{open:.2} {bar}")).style(AnsiColor::Cyan.on_default())
}

fn behaviour_style(behaviour: Behaviour) -> Style {
    let colour = match behaviour {
        Behaviour::Keeps => AnsiColor::Blue,
        Behaviour::Blends => AnsiColor::Green,
        Behaviour::Clears => AnsiColor::Magenta,
        Behaviour::Overwrites => AnsiColor::Yellow,
    };
    colour.on_default()
}

/// Aligns cells in columns, with two spaces between them.
fn lines(rows: &[Vec<Cell>], colour: bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        let mut pending = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let space = " ".repeat(width - cell.text.width());
            if cell.right {
                pending.push_str(&space);
            }
            if !cell.text.is_empty() {
                line.push_str(&pending);
                pending.clear();
                if colour {
                    line.push_str(&format!("{}{}{}", cell.style.render(), cell.text, cell.style.render_reset()));
                } else {
                    line.push_str(&cell.text);
                }
            }
            if !cell.right {
                pending.push_str(&space);
            }
            pending.push_str("  ");
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::GateOptions;

    fn word(word: &str, known: bool, behaviour: Behaviour, probabilities: &[f32]) -> WordGates {
        let shares = Behaviour::ALL.map(|other| if other == behaviour { 0.625 } else { 0.125 });
        let (input, forget, output) = (0.04, 0.5, 1.0);
        WordGates {
            word: word.to_owned(),
            known,
            input,
            forget,
            output,
            shares,
            behaviour,
            probabilities: probabilities.into(),
        }
    }

    fn view(words: Vec<WordGates>, before: &[f32]) -> GateView {
        GateView { words, before: before.into(), words_omitted: 0, cell: GateOptions::default() }
    }

    #[test]
    fn one_word_per_line() {
        let labels = ["neg", "pos"].map(str::to_owned);
        let words = vec![
            word("good", true, Behaviour::Overwrites, &[0.25, 0.75]),
            word("日本\u{1b}", false, Behaviour::Keeps, &[0.125, 0.875]),
        ];
        let view = view(words, &[0.5, 0.5]);
        let plain = gates(&view, &labels, false);
        let expected = "
           input  forget  output  mostly      k %  b %  c %  o %    neg    pos   Δ pos
(before)                                                          0.500  0.500
good      0.04    0.50 ▄  1.00 █  overwrites   12   12   12   62  0.250  0.750  +0.250
日本\u{fffd} ?   0.04    0.50 ▄  1.00 █  keeps        62   12   12   12  0.125  0.875  +0.125
(? is out of vocabulary: read as the unknown word)
";
        assert_eq!(format!("\n{plain}"), expected);
        let coloured = gates(&view, &labels, true);
        assert!(coloured.contains("\u{1b}[33moverwrites\u{1b}[0m"), "{coloured:?}");
        let mut stripped = String::new();
        for (place, part) in coloured.split("\u{1b}[").enumerate() {
            stripped.push_str(if place == 0 { part } else { part.split_once('m').expect("an escape").1 });
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn many_classes_have_one_column() {
        let labels: Vec<String> = ["one", "two", "three", "four", "five"].map(str::to_owned).to_vec();
        let words = vec![
            word("a", true, Behaviour::Keeps, &[0.5, 0.125, 0.25, 0.125, 0.0]),
            word("b", true, Behaviour::Keeps, &[0.25, 0.0, 0.75, 0.0, 0.0]),
        ];
        let text = gates(&view(words, &[0.2; 5]), &labels, false);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines[0].ends_with(&["prediction", "three", "Δ", "three"]), "{text}");
        assert!(lines[1].ends_with(&["(before)", "one", "0.200"]), "{text}");
        assert!(lines[2].ends_with(&["one", "0.250", "+0.050"]), "{text}");
        assert!(lines[3].ends_with(&["three", "0.750", "+0.500"]), "{text}");
    }
}
