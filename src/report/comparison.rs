//! A comparison for the terminal: a table with a bar for each embedding, and in a few lines what it says.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{printable, table, thousands};
use crate::compare::findings::{EmbeddingFindings, Findings, Group, Split};
use crate::compare::movement::{PairCosine, WordMove};
use crate::compare::statistics::Summary;

/// The narrowest and the widest bar, in columns of the terminal.
const BARS: [usize; 2] = [12, 40];

/// Words that moved most, in a line.
const MOVED: usize = 6;

/// Pairs of watched words that moved most against each other, in a line.
const PAIRS: usize = 4;

/// A comparison: a row for each embedding, shares in percent; and columns for what else varies. `width` is that of the terminal, where there
/// is one: what the table leaves of it shows the embeddings' intervals side by side. Below, what can be said of the embeddings and of their
/// words.
pub fn comparison(findings: &Findings, width: Option<usize>) -> String {
    let mut text = rows(findings, width);
    if findings.groups.is_empty() {
        return text;
    }
    text.push_str(&sentences(findings));
    let proof = unchanged_rows(findings);
    if !proof.is_empty() {
        let _ = writeln!(text, "\nrows of the vectors that are the same bits as before, by checksum: {proof}");
    }
    if let [group] = findings.groups.as_slice() {
        for variant in &group.embeddings {
            text.push_str(&words(variant));
        }
    }
    text
}

/// The embeddings of all groups.
pub(super) fn variants(findings: &Findings) -> impl Iterator<Item = (&Group, &EmbeddingFindings)> {
    findings.groups.iter().flat_map(|group| group.embeddings.iter().map(move |variant| (group, variant)))
}

/// What groups differ in: names of columns, and a function that says a group's values.
pub(super) struct Varying<'a> {
    vectors: bool,
    settings: Vec<&'a str>,
    sizes: bool,
}

impl<'a> Varying<'a> {
    pub(super) fn of(findings: &'a Findings) -> Varying<'a> {
        let groups = &findings.groups;
        let differ = |differs: fn(&Group, &Group) -> bool| groups.iter().any(|group| differs(group, &groups[0]));
        Varying {
            vectors: differ(|a, b| a.vectors != b.vectors),
            settings: findings.configuration.sweeps.keys().map(String::as_str).collect(),
            sizes: differ(|a, b| a.train_texts != b.train_texts),
        }
    }

    pub(super) fn columns(&self) -> Vec<(&'a str, bool)> {
        let mut columns = Vec::new();
        columns.extend(self.vectors.then_some(("vectors", false)));
        columns.extend(self.settings.iter().map(|&key| (key, true)));
        columns.extend(self.sizes.then_some(("texts", true)));
        columns
    }

    pub(super) fn cells(&self, group: &Group) -> Vec<String> {
        let mut cells = Vec::new();
        cells.extend(self.vectors.then(|| group.vectors.clone()));
        cells.extend(self.settings.iter().map(|&key| group.settings.get(key).cloned().unwrap_or_default()));
        cells.extend(self.sizes.then(|| thousands(group.train_texts)));
        cells
    }

    /// What a group is, in words; nothing where there is but one.
    pub(super) fn name(&self, group: &Group) -> String {
        let mut parts = Vec::new();
        parts.extend(self.vectors.then(|| group.vectors.clone()));
        parts.extend(self.settings.iter().filter_map(|&key| Some(format!("{key} {}", group.settings.get(key)?))));
        parts.extend(self.sizes.then(|| super::counted(group.train_texts, "text")));
        parts.join(", ")
    }
}

fn rows(findings: &Findings, width: Option<usize>) -> String {
    let all = Table::of(findings, true);
    // In a narrow terminal the intervals side by side are worth more than the figures that the reports have.
    let with_bars =
        width.and_then(|width| all.with_bars(width).or_else(|| Table::of(findings, false).with_bars(width)));
    with_bars.unwrap_or_else(|| all.plain())
}

/// Columns and rows, and the score of each row.
struct Table<'a> {
    columns: Vec<(&'a str, bool)>,
    rows: Vec<Vec<String>>,
    scores: Vec<Summary>,
}

impl<'a> Table<'a> {
    /// With all figures, or those alone that matter most.
    fn of(findings: &'a Findings, all: bool) -> Table<'a> {
        let varying = Varying::of(findings);
        let tested = findings.scored_on == Split::Test;
        let timed = variants(findings).all(|(_, variant)| variant.seconds.is_some());
        let mut columns = varying.columns();
        columns.extend([("embedding", false), (if tested { "test acc %" } else { "dev acc %" }, true), ("95 %", true)]);
        columns.extend(all.then_some((if tested { "test F1 %" } else { "dev F1 %" }, true)));
        columns.extend(tested.then_some(("dev acc %", true)));
        columns.extend(if all { [("trained", true), ("epoch", true)].as_slice() } else { &[] });
        columns.extend(timed.then_some(("seconds", true)));
        let row = |(group, variant): (&Group, &EmbeddingFindings)| {
            let f1 = if tested { variant.test_macro_f1 } else { Some(variant.dev_macro_f1) };
            let mut row = varying.cells(group);
            row.extend([variant.embedding.name().to_owned(), shares(&variant.score), interval(&variant.score)]);
            row.extend(all.then(|| f1.map(|f1| shares(&f1)).unwrap_or_default()));
            row.extend(tested.then(|| shares(&variant.dev_accuracy)));
            if all {
                row.extend([thousands(variant.trainable_parameters), format!("{:.1}", variant.best_epoch.mean)]);
            }
            row.extend(variant.seconds.filter(|_| timed).map(|seconds| format!("{:.1}", seconds.mean)));
            row
        };
        let scores = variants(findings).map(|(_, variant)| variant.score).collect();
        Table { columns, rows: variants(findings).map(row).collect(), scores }
    }

    fn plain(&self) -> String {
        table(&self.columns, self.rows.iter().cloned())
    }

    /// With bars in what a terminal of this width has left; `None` if that is too little.
    fn with_bars(&self, width: usize) -> Option<String> {
        let taken = self.plain().lines().map(UnicodeWidthStr::width).max()? + 2;
        let cells = width.checked_sub(taken).filter(|&free| free >= BARS[0])?.min(BARS[1]);
        let axis = Axis::of(self.scores.iter(), cells);
        let heading = axis.heading();
        let mut columns: Vec<(&str, bool)> = self.columns.clone();
        columns.push((&heading, false));
        let rows = self.rows.iter().zip(&self.scores);
        let rows = rows.map(|(row, score)| row.iter().cloned().chain([axis.bar(score)]).collect());
        Some(table(&columns, rows))
    }
}

/// Where scores lie, from the least to the largest end of an interval, in whole points.
struct Axis {
    from: f64,
    to: f64,
    cells: usize,
}

impl Axis {
    fn of<'a>(scores: impl Iterator<Item = &'a Summary>, cells: usize) -> Axis {
        let ends = scores.flat_map(|score| score.interval.unwrap_or([score.mean; 2]));
        let (least, most) = ends.fold((1.0f64, 0.0f64), |(least, most), end| (least.min(end), most.max(end)));
        let from = (100.0 * least.max(0.0)).floor();
        let to = (100.0 * most.min(1.0)).ceil();
        Axis { from, to: if to > from { to } else { from + 1.0 }, cells }
    }

    fn heading(&self) -> String {
        let (from, to) = (format!("{}", self.from), format!("{} %", self.to));
        format!("{from}{}{to}", " ".repeat(self.cells.saturating_sub(from.len() + to.len())))
    }

    /// The cell of a share.
    fn place(&self, share: f64) -> usize {
        let along = ((100.0 * share - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        (along * (self.cells.saturating_sub(1)) as f64).round() as usize
    }

    /// A mean within its interval.
    fn bar(&self, score: &Summary) -> String {
        let mean = self.place(score.mean);
        let [from, to] = score.interval.map_or([mean; 2], |ends| ends.map(|end| self.place(end)));
        let cell = |place: usize| match place {
            place if place == mean => '●',
            place if place == from => '├',
            place if place == to => '┤',
            place if (from..to).contains(&place) => '─',
            _ => ' ',
        };
        (0..self.cells).map(cell).collect()
    }
}

/// Mean and std in percent.
pub(super) fn shares(score: &Summary) -> String {
    match score.std {
        Some(std) => format!("{:.1} ±{:4.1}", 100.0 * score.mean, 100.0 * std),
        None => format!("{:.1}", 100.0 * score.mean),
    }
}

/// The interval in percent, as far as a share can be.
pub(super) fn interval(score: &Summary) -> String {
    let points = |[from, to]: [f64; 2]| format!("{:.1} to {:.1}", 100.0 * from.max(0.0), 100.0 * to.min(1.0));
    score.interval.map(points).unwrap_or_default()
}

/// What can be said of the embeddings: of a single group all pairs, of several the pairs that matter.
fn sentences(findings: &Findings) -> String {
    let mut text = String::new();
    if findings.configuration.seeds.len() == 1 {
        if findings.groups.iter().any(|group| group.embeddings.len() > 1) {
            text.push_str("\none seed is not enough to compare embeddings; try five seeds\n");
        }
        return text;
    }
    let (several, varying) = (findings.groups.len() > 1, Varying::of(findings));
    for group in &findings.groups {
        let said: Vec<&str> =
            group.pairs.iter().filter(|pair| pair.highlighted || !several).map(|pair| pair.sentence.as_str()).collect();
        if said.is_empty() {
            continue;
        }
        text.push('\n');
        if several {
            let _ = writeln!(text, "{}:", varying.name(group));
        }
        let indent = if several { "  " } else { "" };
        said.iter().for_each(|sentence| {
            let _ = writeln!(text, "{indent}{sentence}");
        });
    }
    text
}

/// For each embedding that keeps the vectors' rows, in how many runs they were kept.
pub(super) fn unchanged_rows(findings: &Findings) -> String {
    let mut seen_so_far: Vec<(&str, usize, usize)> = Vec::new();
    for (_, variant) in variants(findings) {
        let Some(rows) = &variant.pretrained_rows else { continue };
        let name = variant.embedding.name();
        match seen_so_far.iter_mut().find(|(seen, ..)| *seen == name) {
            Some((_, unchanged, runs)) => {
                *unchanged += rows.unchanged;
                *runs += rows.runs;
            }
            None => seen_so_far.push((name, rows.unchanged, rows.runs)),
        }
    }
    let said = |(name, unchanged, runs): (&str, usize, usize)| {
        format!("{name} in {unchanged} of {}", super::counted(runs, "run"))
    };
    seen_so_far.into_iter().map(said).collect::<Vec<String>>().join(", ")
}

/// What training did to the words, in two or three lines.
fn words(variant: &EmbeddingFindings) -> String {
    let Some(words) = variant.words.as_ref().filter(|words| !words.most_moved.is_empty()) else { return String::new() };
    let name = variant.embedding.name();
    let moved = |word: &WordMove| {
        let cosine = word.cosine.map(|cosine| format!(" ({cosine:.2})")).unwrap_or_default();
        format!("{}{cosine}", printable(&word.word))
    };
    let most: Vec<String> = words.most_moved.iter().take(MOVED).map(moved).collect();
    let mut text = format!("\n{name} moved most (cosine of before and after): {}\n", most.join(", "));
    // Those asked for; else the pair that moved most against each other.
    let turn = |pair: &&PairCosine| (pair.after - pair.before).abs();
    let pairs: Vec<&PairCosine> = if words.watched.len() > 1 {
        let watched = |pair: &&PairCosine| pair.words.iter().all(|word| words.watched.contains(word));
        let mut pairs: Vec<&PairCosine> = words.word_pairs.iter().filter(watched).collect();
        pairs.sort_by(|a, b| turn(b).total_cmp(&turn(a)));
        pairs
    } else {
        let seen = words.word_pairs.iter().filter(|pair| turn(pair) >= 0.005);
        seen.max_by(|a, b| turn(a).total_cmp(&turn(b))).into_iter().collect()
    };
    let named = |pair: &PairCosine| {
        let [first, second] = [&pair.words[0], &pair.words[1]].map(|word| printable(word));
        format!("{first} and {second}")
    };
    match pairs.as_slice() {
        [] => {}
        [pair] => {
            let (named, before, after) = (named(pair), pair.before, pair.after);
            let _ = writeln!(text, "{name}: {named}, cosine {before:.2} before, {after:.2} after");
        }
        pairs => {
            let told = |pair: &&PairCosine| format!("{} {:.2} → {:.2}", named(pair), pair.before, pair.after);
            let told: Vec<String> = pairs.iter().take(PAIRS).map(told).collect();
            let more = match pairs.len() - told.len() {
                0 => String::new(),
                1 => "; another pair moved less".to_owned(),
                more => format!("; {more} other pairs moved less"),
            };
            let _ = writeln!(text, "{name}, cosines before → after: {}{more}", told.join(", "));
        }
    }
    if !words.absent.is_empty() {
        let absent: Vec<String> = words.absent.iter().map(|word| printable(word)).collect();
        let _ = writeln!(text, "{name}: not among the task's words: {}", absent.join(", "));
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
        // One score alone, and an interval beyond what a share can be.
        assert_eq!(Axis::of([score(0.5, None)].iter(), 12).bar(&score(0.5, None)).trim_end(), "●");
        let wide = Axis::of([score(0.9, Some([0.2, 1.6]))].iter(), 12);
        assert_eq!((wide.from, wide.to), (20.0, 100.0));
        assert_eq!(wide.bar(&score(0.9, Some([0.2, 1.6]))).chars().count(), 12);
    }
}
