//! What embeddings say about texts: mistakes, disagreements, gates.

use std::fmt::Write;

use super::words::marked;
use super::{bdi, by_group, escaped, number, table, thousands};
use crate::classifier::{Metrics, WordGates};
use crate::compare::findings::{
    DisagreementExamples, DisagreementText, EmbeddingFindings, Findings, PairDisagreements, PredictedLabel, Split,
    TextGates,
};
use crate::report::{gates_page, percent};

/// Up to how many classes a confusion matrix is shown whole.
const WHOLE: usize = 12;

/// How many mistakes are shown of more than that.
const MISTAKES: usize = 15;

pub(super) fn confusion(findings: &Findings) -> String {
    let labels = &findings.labels;
    let part = if findings.scored_on == Split::Test { "test" } else { "development" };
    let groups = by_group(findings, |group| {
        let variants = group.embeddings.iter().filter(|variant| !variant.confusion.is_empty());
        let matrices: String = variants
            .map(|variant| if labels.len() <= WHOLE { matrix(variant, labels) } else { mistakes(variant, labels) })
            .collect();
        Ok(if matrices.is_empty() { matrices } else { format!("<div class=\"matrices\">\n{matrices}</div>\n") })
    });
    match groups {
        Ok(groups) if !groups.is_empty() => format!(
            "<p class=\"note\">Texts of the {part} part, summed over the runs of an embedding. Rows are right classes, columns predicted ones; the \
             deeper a cell, the larger its share of the row.</p>\n{groups}"
        ),
        _ => String::new(),
    }
}

fn matrix(variant: &EmbeddingFindings, labels: &[String]) -> String {
    let name = variant.embedding.name();
    let mut html = format!(
        "<div class=\"wide matrix\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion of {name}\"><table>\n<caption>{name}</caption>\n\
         <thead><tr><td></td>"
    );
    for label in labels {
        let _ = write!(html, "<th scope=\"col\">{}</th>", bdi(label));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (right, (label, row)) in labels.iter().zip(&variant.confusion).enumerate() {
        let all: usize = row.iter().sum();
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", bdi(label));
        for (predicted, &texts) in row.iter().enumerate() {
            let share = if all == 0 { 0.0 } else { 100.0 * texts as f64 / all as f64 };
            let class = if right == predicted { " class=\"right\"" } else { "" };
            let _ = write!(html, "<td{class} style=\"--by:{share:.0}%\">{}</td>", thousands(texts));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// The most frequent mistakes, where a matrix would be too large.
fn mistakes(variant: &EmbeddingFindings, labels: &[String]) -> String {
    let metrics = Metrics { loss: 0.0, confusion: variant.confusion.clone(), calibration_error: 0.0 };
    let label = |class: usize| bdi(labels.get(class).map_or("", String::as_str));
    let mistakes = metrics.mistakes();
    let rows = mistakes
        .iter()
        .take(MISTAKES)
        .map(|&(right, predicted, texts)| vec![label(right), label(predicted), thousands(texts)]);
    let caption = format!("{}: taken most often", variant.embedding.name());
    table(&caption, &[("right", false), ("predicted", false), ("texts", true)], rows)
}

pub(super) fn disagreements(findings: &Findings) -> String {
    let groups = by_group(findings, |group| Ok(group.disagreements.iter().map(disagreement).collect()));
    match groups {
        Ok(groups) if !groups.is_empty() => format!(
            "<p class=\"note\">By the mean probabilities of an embedding’s runs; those first about whose right class they differ most. \
             <span class=\"unknown\">Dotted</span> words are not in the vectors.</p>\n{groups}"
        ),
        _ => String::new(),
    }
}

fn disagreement(both: &PairDisagreements) -> String {
    let (first, second) = (both.first.name(), both.second.name());
    let mut html = String::new();
    for (right, wrong, disagreeing) in [(first, second, &both.only_first), (second, first, &both.only_second)] {
        let _ = writeln!(html, "<h3>Right in {right}, wrong in {wrong}: {}</h3>", thousands(disagreeing.count));
        html.push_str(&texts(first, second, disagreeing));
    }
    html
}

fn texts(first: &str, second: &str, disagreeing: &DisagreementExamples) -> String {
    if disagreeing.texts.is_empty() {
        return String::new();
    }
    let said = |said: &PredictedLabel| format!("{} ({})", bdi(&said.label), percent(f64::from(said.probability)));
    let one = |text: &DisagreementText| {
        let words: Vec<String> = text.words.iter().map(|word| marked(&word.word, word.known)).collect();
        let shown = if words.is_empty() { bdi(&text.text) } else { words.join(" ") };
        format!(
            "<li><p title=\"{}\">{shown}</p><p class=\"by\">right: {}; {first} says {}, {second} {}; line {}</p></li>\n",
            escaped(&text.text),
            bdi(&text.label),
            said(&text.first),
            said(&text.second),
            text.line,
        )
    };
    format!("<ol class=\"texts\">\n{}</ol>\n", disagreeing.texts.iter().map(one).collect::<String>())
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
<p class=\"note\">From each unit’s gates, input i and forget f: it keeps its memory (i = 0, f = 1), blends word and memory (i = 1, f = 1), clears the \
memory (i = 0, f = 0) or overwrites it with the word (i = 1, f = 0). \
A word marked ? was read as the unknown word. <code>vocable gates</code> shows more.</p>
";

fn gates_of_text(text: &TextGates, labels: &[String]) -> String {
    let part = if text.split == Split::Test { "test" } else { "development" };
    let mut html = format!("<h3>Line {} of the {part} part: {}</h3>\n", text.line, bdi(&text.label));
    for gates in &text.views {
        let view = &gates.view;
        let class = view.class();
        let label = escaped(labels.get(class).map_or("", String::as_str));
        let probability = view.probabilities().get(class).copied().unwrap_or(f32::NAN);
        let _ = writeln!(
            html,
            "<h4>{} says <bdi>{label}</bdi> <span class=\"sure\">{}</span></h4>",
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
            ("moves it by", true),
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
        let _ = writeln!(html, "<details><summary>The same in numbers</summary>\n{numbers}</details>");
        if view.words_omitted > 0 {
            let _ = writeln!(html, "<p class=\"note\">{} words more are left out.</p>", thousands(view.words_omitted));
        }
    }
    html
}
