//! What a comparison found, as a page: one file that needs nothing else, for dark and light screens of any width, and for paper.

mod runs;
mod scores;
mod texts;
mod words;

use std::fmt::Write;

use super::gates_page::GATES_STYLE;
use super::html::{self, escaped};
use super::{plots, thousands};
use crate::compare::findings::{Findings, Group, PairFindings, Split};
use crate::error::Result;
use crate::nn::EmbeddingMode;

const STYLE: &str = include_str!("style.css");

/// A page about a comparison, finished or not.
///
/// # Errors
/// None but those of a plot, which has numbers to draw whatever they are.
pub fn comparison_page(findings: &Findings) -> Result<String> {
    let sections = [
        ("scores", "Scores", scores::scores(findings)?),
        ("curves", "Learning curves", scores::curves(findings)?),
        ("sizes", "Scores by number of texts", scores::sizes(findings)?),
        ("pairs", "Pair by pair", scores::pairs(findings)),
        ("mistakes", "Mistakes", texts::confusion(findings)),
        ("words", "What happened to the words", words::words(findings)?),
        ("frozen", "What did not change", runs::pretrained_rows(findings)),
        ("disagree", "Where they disagree", texts::disagreements(findings)),
        ("gates", "What the gates do", texts::gates(findings)),
        ("runs", "All runs", runs::runs(findings)),
        ("again", "To run it again", runs::again(findings)),
    ];
    let there = || sections.iter().filter(|(_, _, content)| !content.is_empty());
    let mut body = header(findings);
    body.push_str("<nav aria-label=\"Parts of this page\"><ul>");
    for (id, title, _) in there() {
        let _ = write!(body, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    body.push_str("</ul></nav>\n");
    for (id, title, content) in there() {
        let _ = writeln!(
            body,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{content}</section>"
        );
    }
    Ok(html::page("Embeddings compared", &[GATES_STYLE, STYLE], &body))
}

/// What was compared, and the verdicts.
fn header(findings: &Findings) -> String {
    let configuration = &findings.configuration;
    let vectors: Vec<String> = configuration.vectors.iter().map(|file| bdi(&file.name)).collect();
    let (variants, seeds) = (configuration.embeddings.len(), configuration.seeds.len());
    let mut html = format!(
        "<header>\n<h1>Embeddings compared</h1>\n<p>{} with {}, on {}: {} training texts of {} classes, {}</p>\n</header>\n",
        counted(variants, "embedding"),
        counted(seeds, "seed"),
        vectors.join(", "),
        thousands(configuration.texts.train.texts),
        findings.labels.len(),
        scored_on(findings),
    );
    let (done, planned) = (findings.comparison.runs.len(), findings.comparison.planned);
    if done < planned {
        let _ = writeln!(
            html,
            "<p class=\"warn\">Not finished: {done} of {planned} runs are done. What follows is about these.</p>"
        );
    }
    html.push_str("<ul class=\"said\">");
    let mut any = false;
    for group in &findings.groups {
        let name = group_name(findings, group).map_or(String::new(), |name| format!("{name}: "));
        for pair in group.pairs.iter().filter(|pair| pair.highlighted) {
            any = true;
            let _ = write!(html, "<li>{name}{}.</li>", escaped(&pair.sentence));
        }
    }
    if !any {
        html.push_str("<li>No two embeddings can be compared yet.</li>");
    }
    html.push_str("</ul>\n");
    if let Some(note) = permutation_note(findings) {
        let _ = writeln!(html, "<p class=\"note\">In brackets stand 95 % intervals over seeds; {note}.</p>");
    } else if any {
        html.push_str("<p class=\"note\">In brackets stand 95 % intervals over seeds.</p>\n");
    }
    html
}

/// What the permutation test could not have found, which is the same for all pairs of as many seeds.
fn permutation_note(findings: &Findings) -> Option<String> {
    let pairs = || findings.groups.iter().flat_map(|group| &group.pairs);
    let note = |pair: &PairFindings| pair.permutation_note.as_deref().map(escaped);
    pairs().find_map(note)
}

/// "scored on the 500 texts of the test part".
fn scored_on(findings: &Findings) -> String {
    let texts = &findings.configuration.texts;
    match (findings.scored_on, &texts.test) {
        (Split::Test, Some(test)) => format!("scored on {} test texts", thousands(test.texts)),
        _ => format!("scored on {} development texts, for want of a test part", thousands(texts.dev.texts)),
    }
}

/// What tells a group from the others, as HTML; `None` where it is the only one.
fn group_name(findings: &Findings, group: &Group) -> Option<String> {
    let varies = |differs: fn(&Group, &Group) -> bool| findings.groups.iter().any(|other| differs(other, group));
    let mut parts = Vec::new();
    if varies(|a, b| a.vectors != b.vectors) {
        parts.push(bdi(&group.vectors));
    }
    parts.extend(settings(&group.settings));
    if varies(|a, b| a.train_texts != b.train_texts) {
        parts.push(format!("{} texts", thousands(group.train_texts)));
    }
    (findings.groups.len() > 1).then(|| parts.join(", "))
}

/// Settings as HTML.
fn settings(settings: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    settings.iter().map(|(key, value)| format!("{} {}", escaped(key), bdi(value))).collect()
}

/// Something about each group: as it is where there is one, and otherwise to be opened, the last being open. Empty if it is of all.
fn by_group(findings: &Findings, mut content: impl FnMut(&Group) -> Result<String>) -> Result<String> {
    let mut parts = Vec::new();
    for group in &findings.groups {
        let content = content(group)?;
        if !content.is_empty() {
            parts.push((group_name(findings, group), content));
        }
    }
    let last = parts.len().saturating_sub(1);
    let mut html = String::new();
    for (index, (name, content)) in parts.into_iter().enumerate() {
        match name {
            None => html.push_str(&content),
            Some(name) => {
                let open = if index == last { " open" } else { "" };
                let _ = writeln!(html, "<details class=\"group\"{open}><summary>{name}</summary>\n{content}</details>");
            }
        }
    }
    Ok(html)
}

/// The place of an embedding's colour, dash and marker.
fn colour(variant: EmbeddingMode) -> usize {
    EmbeddingMode::ALL.iter().position(|mode| *mode == variant).unwrap_or(0)
}

/// The embeddings of a plot, with what their lines look like.
fn signs(variants: impl Iterator<Item = EmbeddingMode>) -> String {
    let mut html = String::from("<ul class=\"signs\">");
    for variant in variants {
        let _ = write!(html, "<li>{}{}</li>", plots::key(colour(variant)), variant.name());
    }
    html.push_str("</ul>\n");
    html
}

/// A drawing, what it shows, and the same in a table.
fn figure(class: &str, drawing: &str, caption: &str, table: &str) -> String {
    format!(
        "<figure class=\"drawn {class}\">\n{drawing}\n<figcaption>{caption}</figcaption>\n\
         <details><summary>The same in numbers</summary>\n{table}</details>\n</figure>\n"
    )
}

/// A table that scrolls on a narrow screen, by keyboard too. Columns are headings and whether they hold numbers; cells are HTML, the
/// first of a row names it.
fn table(caption: &str, columns: &[(&str, bool)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n<thead><tr>"
    );
    let class = |number: bool| if number { " class=\"number\"" } else { "" };
    for (heading, number) in columns {
        let _ = write!(html, "<th scope=\"col\"{}>{heading}</th>", class(*number));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (index, (cell, (_, number))) in row.iter().zip(columns).enumerate() {
            let _ = match index {
                0 => write!(html, "<th scope=\"row\"{}>{cell}</th>", class(*number)),
                _ => write!(html, "<td{}>{cell}</td>", class(*number)),
            };
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// Text of the user's, which may be written in another direction than the page.
fn bdi(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// "1 seed", "5 seeds".
fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// A share in points, with a decimal.
fn points(share: f64) -> String {
    number(100.0 * share, 1)
}

/// An interval of shares in points.
fn range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", points(low), points(high))
}

/// A number with so many decimals; `-` for none.
fn number(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{number:.decimals$}");
    // A zero has no sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|digit| matches!(digit, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// A p-value.
fn p_value(p: f64) -> String {
    if p < 0.001 { "&lt; 0.001".to_owned() } else { number(p, 3) }
}

#[cfg(test)]
mod tests;
