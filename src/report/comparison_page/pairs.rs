//! Pairwise comparisons of embeddings.

use std::fmt::Write;

use super::markup::{group_name, interval, number, p_value, points, range, table};
use crate::compare::findings::{Findings, Group, PairFindings};
use crate::report::html::escaped;
use crate::report::text::thousands;

pub(super) fn pairs(findings: &Findings) -> String {
    let mut html = String::new();
    for group in findings.groups.iter().filter(|group| !group.pairs.is_empty()) {
        if let Some(name) = group_name(findings, group) {
            let _ = writeln!(html, "<h3>{name}</h3>");
        }
        html.push_str(&pairs_of(group));
    }
    if !html.is_empty() {
        html.push_str(
            "<p class=\"note\">Differences are the score of the second embedding minus the score of the first, in points. Over seeds: variation over seeds, on these \
             test texts; paired t test, with Holm’s correction for the number of pairs. Over texts: variation over test texts, with these \
             models; bootstrap, and McNemar’s mid-p for each seed.</p>\n",
        );
    }
    html
}

fn pairs_of(group: &Group) -> String {
    let mut html = String::from("<ul>");
    for pair in &group.pairs {
        let _ = write!(html, "<li>{}</li>", escaped(&pair.sentence));
    }
    html.push_str("</ul>\n");
    html.push_str(&over_seeds(group));
    html.push_str(&over_texts(group));
    html
}

fn names(pair: &PairFindings) -> String {
    format!("{}, {}", escaped(&pair.pair.first), escaped(&pair.pair.second))
}

fn over_seeds(group: &Group) -> String {
    let timed = group.pairs.iter().any(|pair| pair.time_ratio.is_some());
    let mut columns = vec![
        ("pair", false),
        ("difference", true),
        ("95 % CI", true),
        ("p", true),
        ("p, corrected", true),
        ("p, permutation", true),
        ("seeds needed", true),
    ];
    columns.extend(timed.then_some(("time ratio", true)));
    let row = |pair: &PairFindings| {
        let seeds = &pair.pair.seeds;
        let mut row = vec![
            names(pair),
            signed(seeds.difference.mean),
            interval(&seeds.difference),
            p_value(seeds.p()),
            p_value(pair.pair.adjusted_p),
            p_value(seeds.permutation.p),
            seeds.seeds_needed.map_or("-".to_owned(), thousands),
        ];
        row.extend(timed.then(|| pair.time_ratio.map_or("-".to_owned(), |ratio| format!("× {}", number(ratio, 1)))));
        row
    };
    table("Pairs over seeds, differences in points", &columns, group.pairs.iter().map(row))
}

/// Empty without a test set.
fn over_texts(group: &Group) -> String {
    let compared = || group.pairs.iter().filter_map(|pair| Some((pair, pair.pair.texts.as_ref()?)));
    let seeds = compared().map(|(_, texts)| texts.by_seed.len()).max().unwrap_or(0);
    if seeds == 0 {
        return String::new();
    }
    let named: Vec<String> = match group.embeddings.first() {
        Some(variant) if variant.seeds.len() == seeds => {
            variant.seeds.iter().map(|seed| format!("seed {seed}")).collect()
        }
        _ => (1..=seeds).map(|number| format!("seed {number} of {seeds}")).collect(),
    };
    let mut columns = vec![("pair", false), ("95 % CI", true)];
    columns.extend(named.iter().map(|name| (name.as_str(), true)));
    let rows = compared().map(|(pair, texts)| {
        let tests = texts
            .by_seed
            .iter()
            .map(|test| format!("{} / {}: {}", test.only_first, test.only_second, p_value(test.mid_p)));
        [names(pair), range(texts.interval)].into_iter().chain(tests).collect()
    });
    let caption = "Pairs over test texts; for each seed the number of texts that only the first / only the second classifies correctly: McNemar’s p";
    table(caption, &columns, rows)
}

/// A difference in points, with its sign.
fn signed(difference: f64) -> String {
    let points = points(difference);
    if difference > 0.0 && !points.trim_matches(['0', '.']).is_empty() { format!("+{points}") } else { points }
}
