//! The runs, the rows that they did not change, and how to reproduce them.

use std::fmt::Write;

use serde_json::Value;

use super::markup::{bdi, group_name, number, points, table};
use crate::compare::Run;
use crate::compare::findings::{EmbeddingFindings, Findings, Group, PretrainedRows};
use crate::report::html::escaped;
use crate::report::text::{counted, thousands};

/// In which embeddings training did not change pretrained rows, by checksum.
pub(super) fn pretrained_rows(findings: &Findings) -> String {
    let variants =
        || findings.groups.iter().flat_map(|group| group.embeddings.iter().map(move |variant| (group, variant)));
    let with_rows =
        || variants().filter_map(|(group, variant)| Some((group, variant, variant.pretrained_rows.as_ref()?)));
    if with_rows().next().is_none() {
        return String::new();
    }
    let several = findings.groups.len() > 1;
    let mut columns = vec![("embedding", false)];
    columns.extend(several.then_some(("group", false)));
    columns.extend([
        ("rows", true),
        ("unchanged in", false),
        ("checksum before training", false),
        ("checksum after training", false),
    ]);
    let row = |(group, variant, rows): (&Group, &EmbeddingFindings, &PretrainedRows)| {
        let checksum = |sum: &str| format!("<span class=\"checksum\">{}</span>", escaped(sum));
        let mut row = vec![variant.embedding.name().to_owned()];
        row.extend(group_name(findings, group));
        row.extend([
            thousands(rows.first.rows),
            format!("{} of {}", rows.unchanged, counted(rows.runs, "run")),
            checksum(&rows.first.before),
            checksum(&rows.first.after),
        ]);
        row
    };
    let unchanged: Vec<String> = with_rows()
        .filter(|(.., rows)| rows.runs > 0 && rows.unchanged == rows.runs)
        .map(|(_, variant, _)| variant.embedding.name().to_owned())
        .fold(Vec::new(), |mut names, name| {
            if !names.contains(&name) {
                names.push(name);
            }
            names
        });
    let summary = match unchanged.as_slice() {
        [] => "Training changed pretrained rows in all of these embeddings.".to_owned(),
        names => format!("Pretrained rows unchanged, bit for bit: {}.", names.join(", ")),
    };
    format!(
        "<p>{summary} The checksums are of the first run of each embedding: of the rows in the vectors, and of the same rows in the trained model.</p>\n{}",
        table("Pretrained rows", &columns, with_rows().map(row))
    )
}

/// All finished runs.
pub(super) fn runs(findings: &Findings) -> String {
    let runs = &findings.comparison.runs;
    if runs.is_empty() {
        return String::new();
    }
    let tested = runs.iter().any(|run| run.test_accuracy.is_some());
    let timed = runs.iter().any(|run| run.seconds.is_some());
    let mut columns = vec![("run", false), ("dev %", true)];
    columns.extend(tested.then_some(("test %", true)));
    columns.extend(
        [
            ("test loss", true),
            ("best epoch", true),
            ("stopped by", false),
            ("words in vectors", true),
            ("trainable parameters", true),
        ]
        .into_iter()
        .filter(|(name, _)| tested || *name != "test loss"),
    );
    columns.extend(timed.then_some(("seconds", true)));
    let row = |run: &Run| {
        let mut row = vec![bdi(&run.name), points(run.dev_accuracy)];
        if tested {
            row.push(run.test_accuracy.map_or("-".to_owned(), points));
            row.push(run.test.as_ref().map_or("-".to_owned(), |test| number(test.loss, 3)));
        }
        row.extend([
            format!("{} of {}", run.best_epoch, run.epochs),
            escaped(&run.stop_reason),
            format!("{} of {}", thousands(run.known_words), thousands(run.words)),
            thousands(run.trainable_parameters),
        ]);
        row.extend(timed.then(|| run.seconds.map_or("-".to_owned(), |seconds| number(seconds, 1))));
        row
    };
    format!(
        "<details><summary>{} of {}</summary>\n{}</details>\n",
        thousands(runs.len()),
        counted(findings.comparison.planned, "run"),
        table("Finished runs", &columns, runs.iter().map(row))
    )
}

/// The command, files and options that reproduce the comparison.
pub(super) fn reproduction(findings: &Findings) -> String {
    let configuration = &findings.configuration;
    let mut html = String::new();
    if !configuration.command.is_empty() {
        let _ = writeln!(html, "<pre tabindex=\"0\"><code>{}</code></pre>", escaped(&configuration.command));
    }
    let _ = writeln!(
        html,
        "<p>With vocable {} and these files the results are the same, bit for bit, with any number of threads. \
         Checksums cover texts, labels, words and numbers, independent of the file format.</p>",
        escaped(&configuration.vocable)
    );
    let columns = [("", false), ("file", false), ("size", false), ("checksum", false)];
    let checksum = |sum: &str| format!("<span class=\"checksum\">{}</span>", escaped(sum));
    let texts = &configuration.texts;
    let splits = [("train set", Some(&texts.train)), ("dev set", Some(&texts.dev)), ("test set", texts.test.as_ref())];
    let mut rows: Vec<Vec<String>> = configuration
        .vectors
        .iter()
        .map(|file| {
            let size = format!("{} x {}", thousands(file.rows), file.dimension);
            vec![format!("vectors {}", bdi(&file.name)), bdi(&file.path), size, checksum(&file.checksum)]
        })
        .collect();
    rows.extend(splits.into_iter().filter_map(|(name, file)| {
        let file = file?;
        Some(vec![name.to_owned(), bdi(&file.path), counted(file.texts, "text"), checksum(&file.checksum)])
    }));
    html.push_str(&table("Files", &columns, rows));
    let list = |values: &[String]| values.iter().map(|value| escaped(value)).collect::<Vec<_>>().join(", ");
    let mut options = vec![
        vec!["embeddings".to_owned(), list(&configuration.embeddings)],
        vec!["seeds".to_owned(), configuration.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")],
        vec![
            "train sizes".to_owned(),
            configuration.train_sizes.iter().map(|&size| thousands(size)).collect::<Vec<_>>().join(", "),
        ],
    ];
    options.extend(
        configuration.sweeps.iter().map(|(key, values)| vec![format!("{} (swept)", escaped(key)), list(values)]),
    );
    if !configuration.watch.is_empty() {
        options.push(vec!["watched words".to_owned(), list(&configuration.watch)]);
    }
    let others = configuration.options.as_object().into_iter().flatten();
    options.extend(others.map(|(key, value)| {
        let value = match value {
            Value::String(text) => escaped(text),
            Value::Null => "none".to_owned(),
            other => escaped(&other.to_string()),
        };
        vec![escaped(&key.replace('_', " ")), value]
    }));
    let _ = writeln!(
        html,
        "<details><summary>All options</summary>\n{}</details>",
        table("Options", &[("option", false), ("value", false)], options)
    );
    html
}
