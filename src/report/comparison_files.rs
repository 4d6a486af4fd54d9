//! A comparison as files for other programs: Markdown, and a table of its runs as CSV.

use std::fmt::Write;

use super::comparison::{Varying, interval, shares, unchanged_rows, variants};
use super::{counted, percent, thousands};
use crate::compare::findings::{
    DisagreementExamples, EmbeddingFindings, Findings, Group, PairDisagreements, PairFindings, Split,
};
use crate::compare::movement::{NearestWord, WordMove};
use crate::compare::{Run, WordChanges};
use crate::error::{Error, Result};

/// Words that moved most, a row each.
const MOVED: usize = 10;

/// The runs of a comparison, a line each under a header: name, embedding, vectors, number of training texts, seed, figures (shares from 0 to 1), and a
/// column for each setting that is swept, named as the option is. An empty field stands for what is not there. [`csv`] quotes
/// what needs it.
///
/// # Errors
/// None that could be met in memory.
pub fn comparison_csv(findings: &Findings) -> Result<String> {
    let failed = |e: &dyn std::fmt::Display| Error::invalid("comparison", "what CSV holds", e.to_string());
    let settings: Vec<&String> = findings.configuration.sweeps.keys().collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = COLUMNS.iter().map(|(name, _)| *name).chain(settings.iter().map(|key| key.as_str()));
    writer.write_record(columns).map_err(|e| failed(&e))?;
    for run in &findings.comparison.runs {
        let values = COLUMNS.iter().map(|(_, value)| value(run));
        let swept = settings.iter().map(|&key| run.settings.get(key).cloned().unwrap_or_default());
        writer.write_record(values.chain(swept)).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}

/// A column of the table of runs: its name and what a run has there.
type Column = (&'static str, fn(&Run) -> String);

const COLUMNS: [Column; 20] = [
    ("run", |run| run.name.clone()),
    ("embedding", |run| run.embedding.name().to_owned()),
    ("vectors", |run| run.vectors.clone()),
    ("train_texts", |run| run.train_texts.to_string()),
    ("seed", |run| run.seed.to_string()),
    ("dev_accuracy", |run| run.dev_accuracy.to_string()),
    ("dev_macro_f1", |run| run.dev_macro_f1.to_string()),
    ("dev_loss", |run| run.dev.loss.to_string()),
    ("dev_calibration_error", |run| run.dev.calibration_error.to_string()),
    ("test_accuracy", |run| optional(run.test_accuracy)),
    ("test_macro_f1", |run| optional(run.test_macro_f1)),
    ("test_loss", |run| optional(run.test.as_ref().map(|test| test.loss))),
    ("test_calibration_error", |run| optional(run.test.as_ref().map(|test| test.calibration_error))),
    ("trainable_parameters", |run| run.trainable_parameters.to_string()),
    ("best_epoch", |run| run.best_epoch.to_string()),
    ("epochs", |run| run.epochs.to_string()),
    ("stop_reason", |run| run.stop_reason.clone()),
    ("words", |run| run.words.to_string()),
    ("known_words", |run| run.known_words.to_string()),
    ("seconds", |run| optional(run.seconds)),
];

fn optional(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A comparison as Markdown: scores, what can be said of the embeddings, confusion matrices, words, texts that embeddings disagree about, and how to run it
/// again. Learning curves and gates are pictures, which the page has.
pub fn comparison_markdown(findings: &Findings) -> String {
    let mut text = String::from("# Comparison of embeddings\n\n");
    let (done, planned) = (findings.comparison.runs.len(), findings.comparison.planned);
    let part = part_name(findings.scored_on);
    let _ = write!(
        text,
        "{} of {} are done. Scores are of the {part} part, means ± standard deviations over ",
        done,
        counted(planned, "run")
    );
    let _ =
        writeln!(text, "{}, with 95 % intervals of the mean.\n", counted(findings.configuration.seeds.len(), "seed"));
    scores(findings, &mut text);
    let varying = Varying::of(findings);
    for group in &findings.groups {
        let name = varying.name(group);
        // A heading for each group, where there are several.
        let suffix = if name.is_empty() { String::new() } else { format!(": {}", escaped(&name)) };
        if !group.pairs.is_empty() {
            let _ = writeln!(text, "\n## What can be said{suffix}\n");
            pairs(&group.pairs, &mut text);
        }
        let _ = writeln!(text, "\n## Right and predicted labels{suffix}\n");
        let _ =
            writeln!(text, "Numbers of texts of the {part} part, summed over the seeds; a row for each right label.");
        group.embeddings.iter().for_each(|variant| confusion(variant, &findings.labels, &mut text));
        words(group, &suffix, &mut text);
        if !group.disagreements.is_empty() {
            let _ = writeln!(text, "\n## Where embeddings disagree{suffix}\n");
            group.disagreements.iter().for_each(|pair| disagreement(pair, &mut text));
        }
    }
    how_to(findings, &mut text);
    text
}

fn part_name(part: Split) -> &'static str {
    match part {
        Split::Dev => "development",
        Split::Test => "test",
    }
}

fn scores(findings: &Findings, text: &mut String) {
    let varying = Varying::of(findings);
    let mut columns = varying.columns();
    columns.extend([
        ("embedding", false),
        ("accuracy %", true),
        ("95 %", true),
        ("macro-F1 %", true),
        ("log loss", true),
    ]);
    columns.extend([
        ("dev accuracy %", true),
        ("numbers trained", true),
        ("best epoch", true),
        ("seconds a run", true),
    ]);
    let row = |(group, variant): (&Group, &EmbeddingFindings)| {
        let mut row = varying.cells(group);
        let f1 = if findings.scored_on == Split::Test { variant.test_macro_f1 } else { Some(variant.dev_macro_f1) };
        row.extend([variant.embedding.name().to_owned(), shares(&variant.score), interval(&variant.score)]);
        row.extend([f1.map(|f1| shares(&f1)).unwrap_or_default(), format!("{:.4}", variant.loss.mean)]);
        row.extend([shares(&variant.dev_accuracy), thousands(variant.trainable_parameters)]);
        row.push(format!("{:.1}", variant.best_epoch.mean));
        row.push(variant.seconds.map(|seconds| format!("{:.1}", seconds.mean)).unwrap_or_default());
        row
    };
    markdown_table(&columns, variants(findings).map(row), text);
    for (_, variant) in variants(findings) {
        for run in &variant.diverged {
            let _ =
                writeln!(text, "\nThe loss of {} was no number any more; its best epoch before counts.", escaped(run));
        }
    }
    let proof = unchanged_rows(findings);
    if !proof.is_empty() {
        let _ = writeln!(text, "\nRows of the vectors that are the same bits as before, by checksum: {proof}.");
    }
}

fn pairs(pairs: &[PairFindings], text: &mut String) {
    pairs.iter().for_each(|pair| {
        let _ = writeln!(text, "- {}", pair.sentence);
    });
    text.push('\n');
    let columns = [
        ("first", false),
        ("second", false),
        ("points", true),
        ("95 % over seeds", true),
        ("p (t)", true),
        ("p (permutation)", true),
        ("p (Holm)", true),
        ("95 % over texts", true),
        ("McNemar's mid-p by seed", true),
        ("time", true),
    ];
    let points = |share: f64| format!("{:+.1}", 100.0 * share);
    let range = |[from, to]: [f64; 2]| format!("{} to {}", points(from), points(to));
    let row = |found: &PairFindings| {
        let pair = &found.pair;
        let texts = pair.texts.as_ref();
        let by_seed: Option<Vec<String>> =
            texts.map(|texts| texts.by_seed.iter().map(|test| format!("{:.3}", test.mid_p)).collect());
        vec![
            pair.first.clone(),
            pair.second.clone(),
            points(pair.seeds.difference.mean),
            pair.seeds.difference.interval.map(range).unwrap_or_default(),
            pair.seeds.t_p.map(|p| format!("{p:.4}")).unwrap_or_default(),
            format!("{:.4}", pair.seeds.permutation.p),
            format!("{:.4}", pair.adjusted_p),
            texts.map(|texts| range(texts.interval)).unwrap_or_default(),
            by_seed.map(|by_seed| by_seed.join(", ")).unwrap_or_default(),
            found.time_ratio.map(|ratio| format!("{ratio:.1} x")).unwrap_or_default(),
        ]
    };
    markdown_table(&columns, pairs.iter().map(row), text);
    text.push_str("\nPoints are the second's less the first's.");
    if let Some(note) = pairs.first().and_then(|pair| pair.permutation_note.as_ref()) {
        let _ = write!(text, " {}{}.", note[..1].to_uppercase(), &note[1..]);
    }
    text.push('\n');
}

fn confusion(variant: &EmbeddingFindings, labels: &[String], text: &mut String) {
    text.push('\n');
    let mut columns = vec![(variant.embedding.name(), false)];
    columns.extend(labels.iter().map(|label| (label.as_str(), true)));
    let row = |(label, row): (&String, &Vec<usize>)| {
        std::iter::once(label.clone()).chain(row.iter().map(|&texts| thousands(texts))).collect()
    };
    markdown_table(&columns, labels.iter().zip(&variant.confusion).map(row), text);
}

fn words(group: &Group, suffix: &str, text: &mut String) {
    let with_words: Vec<(&EmbeddingFindings, &WordChanges)> =
        group.embeddings.iter().filter_map(|variant| Some((variant, variant.words.as_ref()?))).collect();
    if with_words.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## What happened to the words{suffix}");
    for (variant, words) in with_words {
        let _ = writeln!(
            text,
            "\n### {}\n\nOf the run of the first seed, {}: {} of {} moved.\n",
            variant.embedding.name(),
            escaped(&words.run),
            thousands(words.moved),
            counted(words.words, "row")
        );
        let columns = [
            ("word", false),
            ("in training", true),
            ("known", false),
            ("cosine", true),
            ("distance", true),
            ("share %", true),
            ("neighbours before", false),
            ("after", false),
        ];
        let row = |word: &WordMove| {
            let near = words.neighbours.iter().find(|near| near.word == word.word);
            vec![
                word.word.clone(),
                thousands(word.count),
                if word.known { "yes" } else { "no" }.to_owned(),
                word.cosine.map(|cosine| format!("{cosine:.3}")).unwrap_or_default(),
                format!("{:.3}", word.distance),
                format!("{:.2}", 100.0 * word.share),
                near.map(|near| listed(&near.before)).unwrap_or_default(),
                near.map(|near| listed(&near.after)).unwrap_or_default(),
            ]
        };
        let others = words.most_moved.iter().filter(|word| !words.watched_moves.contains(word)).take(MOVED);
        markdown_table(&columns, words.watched_moves.iter().chain(others).map(row), text);
        if !words.word_pairs.is_empty() {
            text.push('\n');
            let columns = [("pair", false), ("cosine before", true), ("after", true)];
            let rows = words
                .word_pairs
                .iter()
                .map(|pair| vec![pair.words.join(", "), format!("{:.3}", pair.before), format!("{:.3}", pair.after)]);
            markdown_table(&columns, rows, text);
        }
        text.push('\n');
        let columns = [
            ("times in training", false),
            ("words", true),
            ("mean distance", true),
            ("mean cosine", true),
            ("share %", true),
        ];
        let rows = words.bands.iter().map(|band| {
            let times = match band.max {
                Some(most) if most == band.min => band.min.to_string(),
                Some(most) => format!("{} to {most}", band.min),
                None => format!("{} or more", band.min),
            };
            vec![
                times,
                thousands(band.words),
                format!("{:.3}", band.distance),
                band.cosine.map(|cosine| format!("{cosine:.3}")).unwrap_or_default(),
                format!("{:.1}", 100.0 * band.share),
            ]
        });
        markdown_table(&columns, rows, text);
        oov_rows(words, text);
        if !words.absent.is_empty() {
            let _ = writeln!(text, "\nWatched, but not among the task's words: {}.", escaped(&words.absent.join(", ")));
        }
    }
}

/// The rows of words that the vectors lack.
fn oov_rows(words: &WordChanges, text: &mut String) {
    let made = &words.oov_rows;
    let norm = |norm: Option<f64>| norm.map_or("-".to_owned(), |norm| format!("{norm:.3}"));
    if made.words == 0 {
        return;
    }
    let _ = writeln!(
        text,
        "\n{} the vectors lack; the mean norm of their rows was {} and is {}, that of known words is {}.",
        counted(made.words, "word"),
        norm(made.norm_before),
        norm(made.norm_after),
        norm(made.known_norm_after)
    );
    if !made.nearest.is_empty() {
        text.push('\n');
        let rows = made.nearest.iter().map(|(word, near)| vec![word.clone(), listed(near)]);
        markdown_table(&[("unknown word", false), ("nearest known words after training", false)], rows, text);
    }
}

fn listed(near: &[NearestWord]) -> String {
    near.iter().map(|near| format!("{} {:.2}", near.word, near.cosine)).collect::<Vec<String>>().join(", ")
}

fn disagreement(pair: &PairDisagreements, text: &mut String) {
    let (first, second) = (pair.first.name(), pair.second.name());
    for (side, right, wrong) in [(&pair.only_first, first, second), (&pair.only_second, second, first)] {
        let _ = writeln!(text, "{} that {right} alone gets right, and {wrong} wrong:\n", counted(side.count, "text"));
        texts(side, [first, second], text);
    }
}

fn texts(side: &DisagreementExamples, names: [&str; 2], text: &mut String) {
    for found in &side.texts {
        let words: Vec<String> = found
            .words
            .iter()
            .map(|word| if word.known { escaped(&word.word) } else { format!("**{}**", escaped(&word.word)) })
            .collect();
        let _ = writeln!(
            text,
            "- line {}, {}: {} ({} says {}, {}; {} says {}, {})",
            found.line,
            escaped(&found.label),
            words.join(" "),
            names[0],
            escaped(&found.first.label),
            percent(f64::from(found.first.probability)),
            names[1],
            escaped(&found.second.label),
            percent(f64::from(found.second.probability))
        );
    }
    if !side.texts.is_empty() {
        text.push_str("\nWords in bold are unknown to the vectors.\n\n");
    }
}

fn how_to(findings: &Findings, text: &mut String) {
    let configuration = &findings.configuration;
    text.push_str("\n## To run it again\n\n");
    if !configuration.command.is_empty() {
        configuration.command.lines().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
        text.push('\n');
    }
    let texts = &configuration.texts;
    let parts = [
        ("training texts", Some(&texts.train)),
        ("development texts", Some(&texts.dev)),
        ("test texts", texts.test.as_ref()),
    ];
    let mut rows: Vec<Vec<String>> = parts
        .into_iter()
        .filter_map(|(name, file)| {
            file.map(|file| vec![name.to_owned(), file.path.clone(), thousands(file.texts), file.checksum.clone()])
        })
        .collect();
    rows.extend(configuration.vectors.iter().map(|file| {
        let size = format!("{} x {}", thousands(file.rows), file.dimension);
        vec!["vectors".to_owned(), file.path.clone(), size, file.checksum.clone()]
    }));
    markdown_table(&[("", false), ("file", false), ("size", true), ("checksum", false)], rows, text);
    text.push('\n');
    let listed = |values: &[String]| values.join(", ");
    let seeds: Vec<String> = configuration.seeds.iter().map(u64::to_string).collect();
    let sizes: Vec<String> = configuration.train_sizes.iter().map(usize::to_string).collect();
    let mut options = vec![
        vec!["vocable".to_owned(), configuration.vocable.clone()],
        vec!["embeddings".to_owned(), listed(&configuration.embeddings)],
        vec!["seeds".to_owned(), listed(&seeds)],
        vec!["training sizes".to_owned(), listed(&sizes)],
    ];
    options.extend(configuration.sweeps.iter().map(|(key, values)| vec![key.clone(), listed(values)]));
    let others = configuration.options.as_object().into_iter().flatten();
    let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    options.extend(others.map(|(key, value)| vec![key.replace('_', " "), shown(value)]));
    markdown_table(&[("option", false), ("value", false)], options, text);
}

fn markdown_table(columns: &[(&str, bool)], rows: impl IntoIterator<Item = Vec<String>>, text: &mut String) {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<String>>().join(" | "));
    text.push_str(&line(&mut columns.iter().map(|(heading, _)| escaped(heading))));
    text.push_str(&line(&mut columns.iter().map(|(_, number)| if *number { "---:" } else { "---" }.to_owned())));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(|cell| escaped(cell))));
    }
}

/// Text that may hold anything, as Markdown that shows it as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markdown_would_take_for_its_own_is_shown_as_it_is() {
        assert_eq!(
            escaped("a|b <script> *x* `y` [z](w)\n# & \\"),
            "a\\|b &lt;script&gt; \\*x\\* \\`y\\` \\[z\\](w) \\# &amp; \\\\"
        );
        let mut text = String::new();
        markdown_table(&[("a,b", false), ("n", true)], [vec!["x|y".to_owned(), "1".to_owned()]], &mut text);
        assert_eq!(text, "| a,b | n |\n| --- | ---: |\n| x\\|y | 1 |\n");
    }
}
