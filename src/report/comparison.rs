//! A comparison for the terminal: a table with a bar for each embedding, and a summary.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::comparison_columns::{GroupColumns, interval, mean_std, unchanged_rows, variants};
use super::table::table;
use super::text::{printable, thousands};
use crate::compare::findings::{EmbeddingFindings, Findings, Group, Split};
use crate::compare::movement::{PairCosine, WordMove};
use crate::compare::statistics::Summary;

/// Minimum and maximum width of bars.
const BAR_WIDTHS: [usize; 2] = [12, 40];

/// Maximum number of most moved words in a line.
const MAX_MOST_MOVED: usize = 6;

/// Maximum number of word pairs in a line, those whose cosine changed most.
const MAX_PAIRS: usize = 4;

/// A comparison: a table with a row for each embedding and columns for options that vary, scores in percent; then the verdicts on pairs of
/// embeddings, and the words that moved most. If the `width` of a terminal is given, the space to the right of the table shows the intervals
/// as bars.
pub fn comparison(findings: &Findings, width: Option<usize>) -> String {
    let mut text = score_table(findings, width);
    if findings.groups.is_empty() {
        return text;
    }
    text.push_str(&verdicts(findings));
    let unchanged = unchanged_rows(findings);
    if !unchanged.is_empty() {
        let _ = writeln!(text, "\npretrained rows unchanged, bit for bit (checksum): {unchanged}");
    }
    if let [group] = findings.groups.as_slice() {
        for variant in &group.embeddings {
            text.push_str(&word_changes(variant));
        }
    }
    text
}

fn score_table(findings: &Findings, width: Option<usize>) -> String {
    let all = ScoreTable::of(findings, true);
    // On a narrow terminal, bars are more useful than columns that the other reports have.
    let with_bars =
        width.and_then(|width| all.with_bars(width).or_else(|| ScoreTable::of(findings, false).with_bars(width)));
    with_bars.unwrap_or_else(|| all.plain())
}

/// The columns and rows of the table, and the score of each row.
struct ScoreTable<'a> {
    columns: Vec<(&'a str, bool)>,
    rows: Vec<Vec<String>>,
    scores: Vec<Summary>,
}

impl<'a> ScoreTable<'a> {
    /// With all columns, or with the most important ones.
    fn of(findings: &'a Findings, all: bool) -> ScoreTable<'a> {
        let options = GroupColumns::of(findings);
        let tested = findings.scored_on == Split::Test;
        let timed = variants(findings).all(|(_, variant)| variant.seconds.is_some());
        let mut columns = options.columns();
        columns.extend([
            ("embedding", false),
            (if tested { "test acc %" } else { "dev acc %" }, true),
            ("95 % CI", true),
        ]);
        columns.extend(all.then_some((if tested { "test F1 %" } else { "dev F1 %" }, true)));
        columns.extend(tested.then_some(("dev acc %", true)));
        columns.extend(if all { [("params", true), ("epoch", true)].as_slice() } else { &[] });
        columns.extend(timed.then_some(("seconds", true)));
        let row = |(group, variant): (&Group, &EmbeddingFindings)| {
            let f1 = if tested { variant.test_macro_f1 } else { Some(variant.dev_macro_f1) };
            let mut row = options.cells(group);
            row.extend([variant.embedding.name().to_owned(), mean_std(&variant.score), interval(&variant.score)]);
            row.extend(all.then(|| f1.map(|f1| mean_std(&f1)).unwrap_or_default()));
            row.extend(tested.then(|| mean_std(&variant.dev_accuracy)));
            if all {
                row.extend([thousands(variant.trainable_parameters), format!("{:.1}", variant.best_epoch.mean)]);
            }
            row.extend(variant.seconds.filter(|_| timed).map(|seconds| format!("{:.1}", seconds.mean)));
            row
        };
        let scores = variants(findings).map(|(_, variant)| variant.score).collect();
        ScoreTable { columns, rows: variants(findings).map(row).collect(), scores }
    }

    fn plain(&self) -> String {
        table(&self.columns, self.rows.iter().cloned())
    }

    /// The table with bars, if a terminal of this width has enough space for them.
    fn with_bars(&self, width: usize) -> Option<String> {
        let table_width = self.plain().lines().map(UnicodeWidthStr::width).max()? + 2;
        let cells = width.checked_sub(table_width).filter(|&free| free >= BAR_WIDTHS[0])?.min(BAR_WIDTHS[1]);
        let axis = Axis::of(self.scores.iter(), cells);
        let heading = axis.heading();
        let mut columns: Vec<(&str, bool)> = self.columns.clone();
        columns.push((&heading, false));
        let rows = self.rows.iter().zip(&self.scores);
        let rows = rows.map(|(row, score)| row.iter().cloned().chain([axis.bar(score)]).collect());
        Some(table(&columns, rows))
    }
}

/// The axis of the bars in percent, from the lowest to the highest end of an interval, rounded outwards.
struct Axis {
    from: f64,
    to: f64,
    cells: usize,
}

impl Axis {
    fn of<'a>(scores: impl Iterator<Item = &'a Summary>, cells: usize) -> Axis {
        let ends = scores.flat_map(|score| score.interval.unwrap_or([score.mean; 2]));
        let (min, max) = ends.fold((1.0f64, 0.0f64), |(min, max), end| (min.min(end), max.max(end)));
        let from = (100.0 * min.max(0.0)).floor();
        let to = (100.0 * max.min(1.0)).ceil();
        Axis { from, to: if to > from { to } else { from + 1.0 }, cells }
    }

    fn heading(&self) -> String {
        let (from, to) = (format!("{}", self.from), format!("{} %", self.to));
        format!("{from}{}{to}", " ".repeat(self.cells.saturating_sub(from.len() + to.len())))
    }

    /// The cell of a score.
    fn cell(&self, score: f64) -> usize {
        let along = ((100.0 * score - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        (along * (self.cells.saturating_sub(1)) as f64).round() as usize
    }

    /// The mean within its interval.
    fn bar(&self, score: &Summary) -> String {
        let mean = self.cell(score.mean);
        let [from, to] = score.interval.map_or([mean; 2], |ends| ends.map(|end| self.cell(end)));
        let symbol = |cell: usize| match cell {
            cell if cell == mean => '●',
            cell if cell == from => '├',
            cell if cell == to => '┤',
            cell if (from..to).contains(&cell) => '─',
            _ => ' ',
        };
        (0..self.cells).map(symbol).collect()
    }
}

/// The verdicts: all pairs of a single group, the highlighted pairs of several groups.
fn verdicts(findings: &Findings) -> String {
    let mut text = String::new();
    if findings.configuration.seeds.len() == 1 {
        if findings.groups.iter().any(|group| group.embeddings.len() > 1) {
            text.push_str("\none seed is not enough to compare embeddings; try five seeds\n");
        }
        return text;
    }
    let (several, options) = (findings.groups.len() > 1, GroupColumns::of(findings));
    for group in &findings.groups {
        let sentences: Vec<&str> =
            group.pairs.iter().filter(|pair| pair.highlighted || !several).map(|pair| pair.sentence.as_str()).collect();
        if sentences.is_empty() {
            continue;
        }
        text.push('\n');
        if several {
            let _ = writeln!(text, "{}:", options.name(group));
        }
        let indent = if several { "  " } else { "" };
        sentences.iter().for_each(|sentence| {
            let _ = writeln!(text, "{indent}{sentence}");
        });
    }
    text
}

/// What training changed in the words, in two or three lines.
fn word_changes(variant: &EmbeddingFindings) -> String {
    let Some(words) = variant.words.as_ref().filter(|words| !words.most_moved.is_empty()) else { return String::new() };
    let name = variant.embedding.name();
    let moved = |word: &WordMove| {
        let cosine = word.cosine.map(|cosine| format!(" ({cosine:.2})")).unwrap_or_default();
        format!("{}{cosine}", printable(&word.word))
    };
    let most: Vec<String> = words.most_moved.iter().take(MAX_MOST_MOVED).map(moved).collect();
    let mut text = format!("\n{name}: most moved words (cosine before/after): {}\n", most.join(", "));
    // The watched pairs, or else the pair whose cosine changed most.
    let change = |pair: &&PairCosine| (pair.after - pair.before).abs();
    let pairs: Vec<&PairCosine> = if words.watched.len() > 1 {
        let watched = |pair: &&PairCosine| pair.words.iter().all(|word| words.watched.contains(word));
        let mut pairs: Vec<&PairCosine> = words.word_pairs.iter().filter(watched).collect();
        pairs.sort_by(|a, b| change(b).total_cmp(&change(a)));
        pairs
    } else {
        let visible = words.word_pairs.iter().filter(|pair| change(pair) >= 0.005);
        visible.max_by(|a, b| change(a).total_cmp(&change(b))).into_iter().collect()
    };
    let named = |pair: &PairCosine| {
        let [first, second] = [&pair.words[0], &pair.words[1]].map(|word| printable(word));
        format!("{first} and {second}")
    };
    match pairs.as_slice() {
        [] => {}
        [pair] => {
            let (named, before, after) = (named(pair), pair.before, pair.after);
            let _ = writeln!(text, "{name}: cosine of {named}: {before:.2} before, {after:.2} after training");
        }
        pairs => {
            let shown = |pair: &&PairCosine| format!("{} {:.2} → {:.2}", named(pair), pair.before, pair.after);
            let shown: Vec<String> = pairs.iter().take(MAX_PAIRS).map(shown).collect();
            let more = match pairs.len() - shown.len() {
                0 => String::new(),
                1 => "; 1 more pair".to_owned(),
                more => format!("; {more} more pairs"),
            };
            let _ = writeln!(text, "{name}: cosines before → after training: {}{more}", shown.join(", "));
        }
    }
    if !words.absent.is_empty() {
        let absent: Vec<String> = words.absent.iter().map(|word| printable(word)).collect();
        let _ = writeln!(text, "{name}: not in the vocabulary of the task: {}", absent.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_mean_and_interval_on_a_common_axis() {
        let score = |mean, interval| Summary { count: 3, mean, std: Some(0.01), interval };
        let scores = [score(0.85, Some([0.801, 0.899])), score(0.9, None), score(0.802, Some([0.8, 0.804]))];
        let axis = Axis::of(scores.iter(), 21);
        assert_eq!((axis.from, axis.to), (80.0, 90.0));
        assert_eq!(axis.heading(), "80               90 %");
        assert_eq!(axis.bar(&scores[0]), "├─────────●─────────┤");
        assert_eq!(axis.bar(&scores[1]), "                    ●");
        assert_eq!(axis.bar(&scores[2]).trim_end(), "●┤");
        // A single score, and an interval beyond 0 to 100 %.
        assert_eq!(Axis::of([score(0.5, None)].iter(), 12).bar(&score(0.5, None)).trim_end(), "●");
        let wide = Axis::of([score(0.9, Some([0.2, 1.6]))].iter(), 12);
        assert_eq!((wide.from, wide.to), (20.0, 100.0));
        assert_eq!(wide.bar(&score(0.9, Some([0.2, 1.6]))).chars().count(), 12);
    }
}
