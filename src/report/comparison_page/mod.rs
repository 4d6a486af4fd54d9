//! The HTML report of a comparison: a single file without external resources, for light and dark screens of any width, and for print.

mod markup;
mod pairs;
mod runs;
mod scores;
mod texts;
mod words;

use std::fmt::Write;

use self::markup::{bdi, group_name};
use super::gates_page::GATES_STYLE;
use super::html::{self, escaped};
use super::text::{counted, thousands};
use crate::compare::findings::{Findings, PairFindings, Split};
use crate::error::Result;

const STYLE: &str = include_str!("style.css");

/// The HTML report of a comparison, finished or not.
///
/// # Errors
/// None in practice: plots are drawn from any numbers.
pub fn comparison_page(findings: &Findings) -> Result<String> {
    let sections = [
        ("scores", "Scores", scores::scores(findings)?),
        ("curves", "Learning curves", scores::curves(findings)?),
        ("sizes", "Scores by train size", scores::sizes(findings)?),
        ("pairs", "Pairwise comparisons", pairs::pairs(findings)),
        ("confusion", "Confusion matrices", texts::confusion(findings)),
        ("words", "Word vector changes", words::words(findings)?),
        ("unchanged", "Unchanged rows", runs::pretrained_rows(findings)),
        ("disagreements", "Disagreements", texts::disagreements(findings)),
        ("gates", "Gates", texts::gates(findings)),
        ("runs", "Runs", runs::runs(findings)),
        ("reproduction", "Reproduction", runs::reproduction(findings)),
    ];
    let shown = || sections.iter().filter(|(_, _, content)| !content.is_empty());
    let mut body = header(findings);
    body.push_str("<nav aria-label=\"Contents\"><ul>");
    for (id, title, _) in shown() {
        let _ = write!(body, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    body.push_str("</ul></nav>\n");
    for (id, title, content) in shown() {
        let _ = writeln!(
            body,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{content}</section>"
        );
    }
    Ok(html::page("Comparison of embeddings", &[GATES_STYLE, STYLE], &body))
}

/// The title, what was compared, and the verdicts.
fn header(findings: &Findings) -> String {
    let configuration = &findings.configuration;
    let vectors: Vec<String> = configuration.vectors.iter().map(|file| bdi(&file.name)).collect();
    let mut html = format!(
        "<header>\n<h1>Comparison of embeddings</h1>\n<p>{} with {}, on {}: {} training texts in {} classes, {}</p>\n</header>\n",
        counted(configuration.embeddings.len(), "embedding"),
        counted(configuration.seeds.len(), "seed"),
        vectors.join(", "),
        thousands(configuration.texts.train.texts),
        findings.labels.len(),
        scored_on(findings),
    );
    let (done, planned) = (findings.comparison.runs.len(), findings.comparison.planned);
    if done < planned {
        let _ = writeln!(
            html,
            "<p class=\"warn\">Not finished: {done} of {planned} runs are done. This report covers these runs.</p>"
        );
    }
    html.push_str("<ul class=\"verdicts\">");
    let mut any = false;
    for group in &findings.groups {
        let name = group_name(findings, group).map_or(String::new(), |name| format!("{name}: "));
        for pair in group.pairs.iter().filter(|pair| pair.highlighted) {
            any = true;
            let _ = write!(html, "<li>{name}{}.</li>", escaped(&pair.sentence));
        }
    }
    if !any {
        html.push_str("<li>No pair of embeddings can be compared yet.</li>");
    }
    html.push_str("</ul>\n");
    if any {
        let note = permutation_note(findings).map_or(String::new(), |note| format!("; {note}"));
        let _ = writeln!(html, "<p class=\"note\">95 % confidence intervals over seeds in parentheses{note}.</p>");
    }
    html
}

/// The note on the permutation test, which is the same for all pairs with the same number of seeds.
fn permutation_note(findings: &Findings) -> Option<String> {
    let pairs = || findings.groups.iter().flat_map(|group| &group.pairs);
    let note = |pair: &PairFindings| pair.permutation_note.as_deref().map(escaped);
    pairs().find_map(note)
}

/// "scored on 500 test texts".
fn scored_on(findings: &Findings) -> String {
    let texts = &findings.configuration.texts;
    match (findings.scored_on, &texts.test) {
        (Split::Test, Some(test)) => format!("scored on {} test texts", thousands(test.texts)),
        _ => format!("scored on {} dev texts, since there is no test set", thousands(texts.dev.texts)),
    }
}

#[cfg(test)]
mod tests;
