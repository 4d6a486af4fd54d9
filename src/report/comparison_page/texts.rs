//! Predictions for texts: confusion matrices, disagreements, gates.

use std::fmt::Write;

use super::markup::{bdi, by_group, marked, number, table};
use crate::classifier::{Metrics, WordGates};
use crate::compare::findings::{
    DisagreementExamples, DisagreementText, EmbeddingFindings, Findings, PairDisagreements, PredictedLabel, TextGates,
};
use crate::report::gates_page;
use crate::report::html::escaped;
use crate::report::text::{percent, thousands};

/// Maximum number of classes for which the whole confusion matrix is shown.
const MAX_MATRIX_CLASSES: usize = 12;

/// Maximum number of mistakes that are shown for more classes.
const MAX_MISTAKES: usize = 15;

pub(super) fn confusion(findings: &Findings) -> String {
    let labels = &findings.labels;
    let split = findings.scored_on.name();
    let groups = by_group(findings, |group| {
        let variants = group.embeddings.iter().filter(|variant| !variant.confusion.is_empty());
        let matrices: String =
            variants
                .map(|variant| {
                    if labels.len() <= MAX_MATRIX_CLASSES { matrix(variant, labels) } else { mistakes(variant, labels) }
                })
                .collect();
        Ok(if matrices.is_empty() { matrices } else { format!("<div class=\"matrices\">\n{matrices}</div>\n") })
    });
    match groups {
        Ok(groups) if !groups.is_empty() => format!(
            "<p class=\"note\">Texts of the {split} set, summed over the runs of an embedding. Rows are true classes, columns predicted classes; the \
             darker a cell, the larger its share of the row.</p>\n{groups}"
        ),
        _ => String::new(),
    }
}

fn matrix(variant: &EmbeddingFindings, labels: &[String]) -> String {
    let name = variant.embedding.name();
    let mut html = format!(
        "<div class=\"wide matrix\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion matrix of {name}\"><table>\n<caption>{name}</caption>\n\
         <thead><tr><td></td>"
    );
    for label in labels {
        let _ = write!(html, "<th scope=\"col\">{}</th>", bdi(label));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (truth, (label, row)) in labels.iter().zip(&variant.confusion).enumerate() {
        let all: usize = row.iter().sum();
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", bdi(label));
        for (predicted, &texts) in row.iter().enumerate() {
            let share = if all == 0 { 0.0 } else { 100.0 * texts as f64 / all as f64 };
            let class = if truth == predicted { " class=\"correct\"" } else { "" };
            let _ = write!(html, "<td{class} style=\"--by:{share:.0}%\">{}</td>", thousands(texts));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// The most frequent mistakes, if a matrix would be too large.
fn mistakes(variant: &EmbeddingFindings, labels: &[String]) -> String {
    let metrics = Metrics { loss: 0.0, confusion: variant.confusion.clone(), calibration_error: 0.0 };
    let label = |class: usize| bdi(labels.get(class).map_or("", String::as_str));
    let mistakes = metrics.mistakes();
    let rows = mistakes
        .iter()
        .take(MAX_MISTAKES)
        .map(|&(truth, predicted, texts)| vec![label(truth), label(predicted), thousands(texts)]);
    let caption = format!("{}: most frequent mistakes", variant.embedding.name());
    table(&caption, &[("true label", false), ("predicted label", false), ("texts", true)], rows)
}

pub(super) fn disagreements(findings: &Findings) -> String {
    let groups = by_group(findings, |group| Ok(group.disagreements.iter().map(disagreement).collect()));
    match groups {
        Ok(groups) if !groups.is_empty() => format!(
            "<p class=\"note\">By the mean probabilities over the runs of an embedding. The texts with the largest difference between the probabilities of the \
             true class come first. Words with a <span class=\"unknown\">dotted</span> underline are not in the vectors.</p>\n{groups}"
        ),
        _ => String::new(),
    }
}

fn disagreement(both: &PairDisagreements) -> String {
    let (first, second) = (both.first.name(), both.second.name());
    let mut html = String::new();
    for (correct, other, examples) in [(first, second, &both.only_first), (second, first, &both.only_second)] {
        let _ = writeln!(html, "<h3>Correct with {correct}, not with {other}: {}</h3>", thousands(examples.count));
        html.push_str(&texts(first, second, examples));
    }
    html
}

fn texts(first: &str, second: &str, examples: &DisagreementExamples) -> String {
    if examples.texts.is_empty() {
        return String::new();
    }
    let predicted = |top: &PredictedLabel| format!("{} ({})", bdi(&top.label), percent(f64::from(top.probability)));
    let one = |text: &DisagreementText| {
        let words: Vec<String> = text.words.iter().map(|word| marked(&word.word, word.known)).collect();
        let shown = if words.is_empty() { bdi(&text.text) } else { words.join(" ") };
        format!(
            "<li><p title=\"{}\">{shown}</p><p class=\"by\">true label: {}; {first}: {}; {second}: {}; line {}</p></li>\n",
            escaped(&text.text),
            bdi(&text.label),
            predicted(&text.first),
            predicted(&text.second),
            text.line,
        )
    };
    format!("<ol class=\"texts\">\n{}</ol>\n", examples.texts.iter().map(one).collect::<String>())
}

pub(super) fn gates(findings: &Findings) -> String {
    let groups =
        by_group(findings, |group| Ok(group.gates.iter().map(|text| gates_of_text(text, &findings.labels)).collect()));
    match groups {
        Ok(groups) if !groups.is_empty() => {
            format!("{}{groups}{GATES_LEGEND}", gates_page::key("the prediction"))
        }
        _ => String::new(),
    }
}

const GATES_LEGEND: &str = "\
<p class=\"note\">Depending on its input gate i and forget gate f, a unit keeps its memory (i = 0, f = 1), blends word and memory (i = 1, f = 1), clears the \
memory (i = 0, f = 0) or overwrites it with the word (i = 1, f = 0). \
A word marked ? is out of vocabulary. <code>vocable gates</code> shows more.</p>
";

fn gates_of_text(text: &TextGates, labels: &[String]) -> String {
    let (line, split) = (text.line, text.split.name());
    let mut html = format!("<h3>Line {line} of the {split} set: {}</h3>\n", bdi(&text.label));
    for gates in &text.views {
        let view = &gates.view;
        let class = view.class();
        let label = escaped(labels.get(class).map_or("", String::as_str));
        let probability = view.probabilities().get(class).copied().unwrap_or(f32::NAN);
        let _ = writeln!(
            html,
            "<h4>{} predicts <bdi>{label}</bdi> <span class=\"sure\">{}</span></h4>",
            gates.embedding.name(),
            percent(f64::from(probability))
        );
        if view.words.is_empty() {
            html.push_str("<p class=\"note\">The text has no words.</p>\n");
            continue;
        }
        let changes = view.changes(class);
        html.push_str(&gates_page::sentence(view, &changes, &label));
        let columns = [
            ("word", false),
            ("input", true),
            ("forget", true),
            ("output", true),
            ("mostly", false),
            ("prediction", false),
            ("change", true),
        ];
        let row = |(word, change): (&WordGates, &f32)| {
            let gates = [word.input, word.forget, word.output].map(|open| number(f64::from(open), 2));
            let now = crate::classifier::most_probable(&word.probabilities);
            let probability = word.probabilities.get(now).copied().unwrap_or(f32::NAN);
            let mut row = vec![marked(&word.word, word.known)];
            row.extend(gates);
            row.push(word.behaviour.name().to_owned());
            row.push(format!(
                "{} {}",
                bdi(labels.get(now).map_or("", String::as_str)),
                number(f64::from(probability), 3)
            ));
            row.push(format!("{change:+.3}"));
            row
        };
        let numbers = table("Gates word by word", &columns, view.words.iter().zip(&changes).map(row));
        let _ = writeln!(html, "<details><summary>Show numbers</summary>\n{numbers}</details>");
        if view.words_omitted > 0 {
            let _ = writeln!(html, "<p class=\"note\">{} more words are not shown.</p>", thousands(view.words_omitted));
        }
    }
    html
}
