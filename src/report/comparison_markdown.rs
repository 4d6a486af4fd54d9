//! A comparison as Markdown.

use std::fmt::Write;

use super::comparison_columns::{GroupColumns, interval, mean_std, unchanged_rows, variants};
use super::text::{counted, percent, thousands};
use crate::compare::WordChanges;
use crate::compare::findings::{
    DisagreementExamples, EmbeddingFindings, Findings, Group, PairDisagreements, PairFindings, Split,
};
use crate::compare::movement::{NearestWord, WordMove};

/// Maximum number of most moved words.
const MAX_MOST_MOVED: usize = 10;

/// A comparison as Markdown: scores, comparisons of pairs, confusion matrices, changes of words, disagreements, and what is needed to
/// reproduce it. Plots of learning curves and gates are only on the HTML page.
pub fn comparison_markdown(findings: &Findings) -> String {
    let mut text = String::from("# Comparison of embeddings\n\n");
    let (done, planned) = (findings.comparison.runs.len(), findings.comparison.planned);
    let split = findings.scored_on.name();
    let _ = writeln!(
        text,
        "{done} of {} are done. Scores are measured on the {split} set: mean ± standard deviation over {}, with the 95 % \
         confidence interval of the mean.\n",
        counted(planned, "run"),
        counted(findings.configuration.seeds.len(), "seed")
    );
    scores(findings, &mut text);
    let options = GroupColumns::of(findings);
    for group in &findings.groups {
        let name = options.name(group);
        // Headings name the group if there are several.
        let suffix = if name.is_empty() { String::new() } else { format!(": {}", escaped(&name)) };
        if !group.pairs.is_empty() {
            let _ = writeln!(text, "\n## Pairwise comparisons{suffix}\n");
            pairs(&group.pairs, &mut text);
        }
        let _ = writeln!(text, "\n## Confusion matrices{suffix}\n");
        let _ = writeln!(
            text,
            "Texts of the {split} set, summed over the seeds. Rows are true labels, columns predicted labels."
        );
        group.embeddings.iter().for_each(|variant| confusion(variant, &findings.labels, &mut text));
        word_changes(group, &suffix, &mut text);
        if !group.disagreements.is_empty() {
            let _ = writeln!(text, "\n## Disagreements{suffix}\n");
            group.disagreements.iter().for_each(|pair| disagreement(pair, &mut text));
        }
    }
    reproduction(findings, &mut text);
    text
}

fn scores(findings: &Findings, text: &mut String) {
    let options = GroupColumns::of(findings);
    let mut columns = options.columns();
    columns.extend([
        ("embedding", false),
        ("accuracy %", true),
        ("95 % CI", true),
        ("macro-F1 %", true),
        ("log loss", true),
    ]);
    columns.extend([
        ("dev accuracy %", true),
        ("trainable parameters", true),
        ("best epoch", true),
        ("seconds per run", true),
    ]);
    let row = |(group, variant): (&Group, &EmbeddingFindings)| {
        let mut row = options.cells(group);
        let f1 = if findings.scored_on == Split::Test { variant.test_macro_f1 } else { Some(variant.dev_macro_f1) };
        row.extend([variant.embedding.name().to_owned(), mean_std(&variant.score), interval(&variant.score)]);
        row.extend([f1.map(|f1| mean_std(&f1)).unwrap_or_default(), format!("{:.4}", variant.loss.mean)]);
        row.extend([mean_std(&variant.dev_accuracy), thousands(variant.trainable_parameters)]);
        row.push(format!("{:.1}", variant.best_epoch.mean));
        row.push(variant.seconds.map(|seconds| format!("{:.1}", seconds.mean)).unwrap_or_default());
        row
    };
    markdown_table(&columns, variants(findings).map(row), text);
    for (_, variant) in variants(findings) {
        for run in &variant.diverged {
            let _ =
                writeln!(text, "\n{} diverged (non-finite loss); its best epoch before that is used.", escaped(run));
        }
    }
    let unchanged = unchanged_rows(findings);
    if !unchanged.is_empty() {
        let _ = writeln!(text, "\nPretrained rows unchanged, bit for bit (checksum): {unchanged}.");
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
        ("difference", true),
        ("95 % CI over seeds", true),
        ("p (t)", true),
        ("p (permutation)", true),
        ("p (Holm)", true),
        ("95 % CI over texts", true),
        ("McNemar's mid-p per seed", true),
        ("time ratio", true),
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
    text.push_str("\nDifferences are the score of the second embedding minus the score of the first, in points.");
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

fn word_changes(group: &Group, suffix: &str, text: &mut String) {
    let with_words: Vec<(&EmbeddingFindings, &WordChanges)> =
        group.embeddings.iter().filter_map(|variant| Some((variant, variant.words.as_ref()?))).collect();
    if with_words.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## Word vector changes{suffix}");
    for (variant, words) in with_words {
        let _ = writeln!(
            text,
            "\n### {}\n\nIn {}, the run of the first seed, {} of {} changed.\n",
            variant.embedding.name(),
            escaped(&words.run),
            thousands(words.moved),
            counted(words.words, "row")
        );
        moved_words(words, text);
        word_pairs(words, text);
        frequency_bands(words, text);
        oov_rows(words, text);
        if !words.absent.is_empty() {
            let absent = escaped(&words.absent.join(", "));
            let _ = writeln!(text, "\nWatched words that are not in the vocabulary of the task: {absent}.");
        }
    }
}

/// The watched and the most moved words, with their neighbours.
fn moved_words(words: &WordChanges, text: &mut String) {
    let columns = [
        ("word", false),
        ("count", true),
        ("in vectors", false),
        ("cosine", true),
        ("distance", true),
        ("share %", true),
        ("nearest before", false),
        ("nearest after", false),
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
    let others = words.most_moved.iter().filter(|word| !words.watched_moves.contains(word)).take(MAX_MOST_MOVED);
    markdown_table(&columns, words.watched_moves.iter().chain(others).map(row), text);
}

fn word_pairs(words: &WordChanges, text: &mut String) {
    if words.word_pairs.is_empty() {
        return;
    }
    text.push('\n');
    let columns = [("pair", false), ("cosine before", true), ("cosine after", true)];
    let rows = words
        .word_pairs
        .iter()
        .map(|pair| vec![pair.words.join(", "), format!("{:.3}", pair.before), format!("{:.3}", pair.after)]);
    markdown_table(&columns, rows, text);
}

fn frequency_bands(words: &WordChanges, text: &mut String) {
    text.push('\n');
    let columns =
        [("count", false), ("words", true), ("mean distance", true), ("mean cosine", true), ("share %", true)];
    let rows = words.bands.iter().map(|band| {
        let count = match band.max {
            Some(max) if max == band.min => band.min.to_string(),
            Some(max) => format!("{} to {max}", band.min),
            None => format!("{} or more", band.min),
        };
        vec![
            count,
            thousands(band.words),
            format!("{:.3}", band.distance),
            band.cosine.map(|cosine| format!("{cosine:.3}")).unwrap_or_default(),
            format!("{:.1}", 100.0 * band.share),
        ]
    });
    markdown_table(&columns, rows, text);
}

/// The rows of out-of-vocabulary words.
fn oov_rows(words: &WordChanges, text: &mut String) {
    let oov = &words.oov_rows;
    let norm = |norm: Option<f64>| norm.map_or("-".to_owned(), |norm| format!("{norm:.3}"));
    if oov.words == 0 {
        return;
    }
    let _ = writeln!(
        text,
        "\n{} out of vocabulary: mean norm of their rows {} before and {} after training; {} for words in the vectors.",
        counted(oov.words, "word"),
        norm(oov.norm_before),
        norm(oov.norm_after),
        norm(oov.known_norm_after)
    );
    if !oov.nearest.is_empty() {
        text.push('\n');
        let rows = oov.nearest.iter().map(|(word, near)| vec![word.clone(), listed(near)]);
        markdown_table(
            &[("out-of-vocabulary word", false), ("nearest words of the vectors after training", false)],
            rows,
            text,
        );
    }
}

fn listed(near: &[NearestWord]) -> String {
    near.iter().map(|near| format!("{} {:.2}", near.word, near.cosine)).collect::<Vec<String>>().join(", ")
}

fn disagreement(pair: &PairDisagreements, text: &mut String) {
    let (first, second) = (pair.first.name(), pair.second.name());
    for (side, correct, other) in [(&pair.only_first, first, second), (&pair.only_second, second, first)] {
        let _ = writeln!(
            text,
            "{} that {correct} classifies correctly and {other} does not:\n",
            counted(side.count, "text")
        );
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
            "- line {}, {}: {} ({} predicts {}, {}; {} predicts {}, {})",
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
        text.push_str("\nWords in bold are not in the vectors.\n\n");
    }
}

fn reproduction(findings: &Findings, text: &mut String) {
    let configuration = &findings.configuration;
    text.push_str("\n## Reproduction\n\n");
    if !configuration.command.is_empty() {
        configuration.command.lines().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
        text.push('\n');
    }
    let texts = &configuration.texts;
    let splits = [("train set", Some(&texts.train)), ("dev set", Some(&texts.dev)), ("test set", texts.test.as_ref())];
    let mut rows: Vec<Vec<String>> = splits
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
        vec!["train sizes".to_owned(), listed(&sizes)],
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

/// Escapes text, so that Markdown shows it literally.
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
    fn markup_is_escaped() {
        assert_eq!(
            escaped("a|b <script> *x* `y` [z](w)\n# & \\"),
            "a\\|b &lt;script&gt; \\*x\\* \\`y\\` \\[z\\](w) \\# &amp; \\\\"
        );
        let mut text = String::new();
        markdown_table(&[("a,b", false), ("n", true)], [vec!["x|y".to_owned(), "1".to_owned()]], &mut text);
        assert_eq!(text, "| a,b | n |\n| --- | ---: |\n| x\\|y | 1 |\n");
    }
}
