//! Building blocks of the page: groups, legends, figures, tables and numbers as HTML.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::compare::findings::{Findings, Group};
use crate::compare::statistics::Summary;
use crate::error::Result;
use crate::nn::EmbeddingMode;
use crate::report::html::escaped;
use crate::report::plots;
use crate::report::text::thousands;

/// The name of a group, as HTML; `None` if there is only one group.
pub(super) fn group_name(findings: &Findings, group: &Group) -> Option<String> {
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

/// Values of swept options, as HTML.
pub(super) fn settings(settings: &BTreeMap<String, String>) -> Vec<String> {
    settings.iter().map(|(key, value)| format!("{} {}", escaped(key), bdi(value))).collect()
}

/// The content of every group. Several groups become elements that can be opened, of which the last is open. Empty if every content is
/// empty.
pub(super) fn by_group(findings: &Findings, mut content: impl FnMut(&Group) -> Result<String>) -> Result<String> {
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

/// The index of an embedding's colour, dash and marker.
pub(super) fn style_index(embedding: EmbeddingMode) -> usize {
    EmbeddingMode::ALL.iter().position(|mode| *mode == embedding).unwrap_or(0)
}

/// The legend of a plot: embeddings with their lines and markers.
pub(super) fn legend(variants: impl Iterator<Item = EmbeddingMode>) -> String {
    let mut html = String::from("<ul class=\"signs\">");
    for variant in variants {
        let _ = write!(html, "<li>{}{}</li>", plots::legend_key(style_index(variant)), variant.name());
    }
    html.push_str("</ul>\n");
    html
}

/// A plot with its caption and its numbers in a table.
pub(super) fn figure(class: &str, plot: &str, caption: &str, table: &str) -> String {
    format!(
        "<figure class=\"drawn {class}\">\n{plot}\n<figcaption>{caption}</figcaption>\n\
         <details><summary>Show numbers</summary>\n{table}</details>\n</figure>\n"
    )
}

/// A table that scrolls on narrow screens, also by keyboard. Columns are headings, and whether they hold numbers. Cells are HTML; the
/// first cell of a row is its heading.
pub(super) fn table(caption: &str, columns: &[(&str, bool)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
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

/// User text, which may have another writing direction than the page.
pub(super) fn bdi(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// A word, marked if it is out of vocabulary.
pub(super) fn marked(word: &str, known: bool) -> String {
    match known {
        true => bdi(word),
        false => format!("<span class=\"unknown\" title=\"not in the vectors\">{}</span>", bdi(word)),
    }
}

/// A score in points, with one decimal.
pub(super) fn points(score: f64) -> String {
    number(100.0 * score, 1)
}

/// An interval of scores in points.
pub(super) fn range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", points(low), points(high))
}

/// The interval of a summary in points; `-` if there is none.
pub(super) fn interval(summary: &Summary) -> String {
    summary.interval.map_or("-".to_owned(), range)
}

/// A number with this many decimals; `-` if it is not finite.
pub(super) fn number(number: f64, decimals: usize) -> String {
    if !number.is_finite() {
        return "-".to_owned();
    }
    let text = format!("{number:.decimals$}");
    // Zero has no sign.
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|digit| matches!(digit, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// A p-value, as HTML.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "&lt; 0.001".to_owned() } else { number(p, 3) }
}
