//! What the terminal and Markdown reports of a comparison share: columns for options that vary, and scores as text.

use super::text::{counted, thousands};
use crate::compare::findings::{EmbeddingFindings, Findings, Group};
use crate::compare::statistics::Summary;

/// The embeddings of all groups, with their groups.
pub(super) fn variants(findings: &Findings) -> impl Iterator<Item = (&Group, &EmbeddingFindings)> {
    findings.groups.iter().flat_map(|group| group.embeddings.iter().map(move |variant| (group, variant)))
}

/// The options in which groups differ.
pub(super) struct GroupColumns<'a> {
    vectors: bool,
    settings: Vec<&'a str>,
    sizes: bool,
}

impl<'a> GroupColumns<'a> {
    pub(super) fn of(findings: &'a Findings) -> GroupColumns<'a> {
        let groups = &findings.groups;
        let differ = |differs: fn(&Group, &Group) -> bool| groups.iter().any(|group| differs(group, &groups[0]));
        GroupColumns {
            vectors: differ(|a, b| a.vectors != b.vectors),
            settings: findings.configuration.sweeps.keys().map(String::as_str).collect(),
            sizes: differ(|a, b| a.train_texts != b.train_texts),
        }
    }

    /// A heading for each option, and whether its values are numbers.
    pub(super) fn columns(&self) -> Vec<(&'a str, bool)> {
        let mut columns = Vec::new();
        columns.extend(self.vectors.then_some(("vectors", false)));
        columns.extend(self.settings.iter().map(|&key| (key, true)));
        columns.extend(self.sizes.then_some(("texts", true)));
        columns
    }

    /// The values of a group.
    pub(super) fn cells(&self, group: &Group) -> Vec<String> {
        let mut cells = Vec::new();
        cells.extend(self.vectors.then(|| group.vectors.clone()));
        cells.extend(self.settings.iter().map(|&key| group.settings.get(key).cloned().unwrap_or_default()));
        cells.extend(self.sizes.then(|| thousands(group.train_texts)));
        cells
    }

    /// The name of a group; empty if there is only one.
    pub(super) fn name(&self, group: &Group) -> String {
        let mut parts = Vec::new();
        parts.extend(self.vectors.then(|| group.vectors.clone()));
        parts.extend(self.settings.iter().filter_map(|&key| Some(format!("{key} {}", group.settings.get(key)?))));
        parts.extend(self.sizes.then(|| counted(group.train_texts, "text")));
        parts.join(", ")
    }
}

/// Mean and standard deviation in percent.
pub(super) fn mean_std(score: &Summary) -> String {
    match score.std {
        Some(std) => format!("{:.1} ±{:4.1}", 100.0 * score.mean, 100.0 * std),
        None => format!("{:.1}", 100.0 * score.mean),
    }
}

/// The interval in percent, clipped to 0 and 100.
pub(super) fn interval(score: &Summary) -> String {
    let points = |[from, to]: [f64; 2]| format!("{:.1} to {:.1}", 100.0 * from.max(0.0), 100.0 * to.min(1.0));
    score.interval.map(points).unwrap_or_default()
}

/// For each embedding with pretrained rows, in how many runs these are unchanged.
pub(super) fn unchanged_rows(findings: &Findings) -> String {
    let mut counts: Vec<(&str, usize, usize)> = Vec::new();
    for (_, variant) in variants(findings) {
        let Some(rows) = &variant.pretrained_rows else { continue };
        let name = variant.embedding.name();
        match counts.iter_mut().find(|(seen, ..)| *seen == name) {
            Some((_, unchanged, runs)) => {
                *unchanged += rows.unchanged;
                *runs += rows.runs;
            }
            None => counts.push((name, rows.unchanged, rows.runs)),
        }
    }
    let text =
        |(name, unchanged, runs): (&str, usize, usize)| format!("{name} in {unchanged} of {}", counted(runs, "run"));
    counts.into_iter().map(text).collect::<Vec<String>>().join(", ")
}
