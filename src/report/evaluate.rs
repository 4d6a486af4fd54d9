//! Benchmarks: tables of protocols side by side, and why they differ.

use super::{fitted, thousands};
use crate::query::{
    AnalogyCounts, AnalogyDifference, AnalogyReport, Causes, PairDifference, PairReport, Pairs, Questions,
    WordDifference,
};

/// The outcomes of an analogy benchmark by several protocols, a line a section: right/seen and percent; within `width` columns of a
/// terminal.
pub fn analogies(outcomes: &[AnalogyReport], width: Option<usize>) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let mut columns = vec![("section", false)];
    for outcome in outcomes {
        columns.extend([(outcome.protocol.name(), true), ("%", true)]);
    }
    columns.push(("total", true));
    let row = |name: &str, count: &dyn Fn(&AnalogyReport) -> AnalogyCounts| {
        let counts = outcomes.iter().map(count);
        let cells =
            counts.flat_map(|count| [format!("{}/{}", count.correct, count.counted), hundredths(count.accuracy())]);
        [name.to_owned()].into_iter().chain(cells).chain([count(first).total.to_string()]).collect::<Vec<String>>()
    };
    let mut rows: Vec<Vec<String>> = (0..first.sections.len())
        .map(|section| row(&first.sections[section].name, &|outcome| outcome.sections[section].count))
        .collect();
    rows.push(row("semantic (first 5 sections)", &AnalogyReport::semantic));
    rows.push(row("syntactic (the rest)", &AnalogyReport::syntactic));
    rows.push(row("all", &AnalogyReport::all));
    let beneath = |name: &str, cells: &dyn Fn(AnalogyCounts) -> [String; 2]| {
        let cells = outcomes.iter().flat_map(|outcome| cells(outcome.all()));
        [name.to_owned()].into_iter().chain(cells).chain([String::new()]).collect()
    };
    rows.push(beneath("95 % interval", &|all| {
        let interval = all.accuracy_95().map(|[low, high]| format!("{:.1}-{:.1}", 100.0 * low, 100.0 * high));
        [String::new(), interval.unwrap_or_else(|| "-".to_owned())]
    }));
    rows.push(beneath("unknown words", &|all| {
        [all.skipped().to_string(), hundredths(all.skipped() as f64 / all.total as f64)]
    }));
    fitted(&columns, rows, width)
}

/// The outcomes of word-pair benchmarks, a line a file and protocol, with 95 % intervals; within `width` columns of a
/// terminal.
pub fn pairs(outcomes: &[(&str, PairReport)], width: Option<usize>) -> String {
    let columns = [
        ("file", false),
        ("protocol", false),
        ("Spearman", true),
        ("95 %", true),
        ("Pearson", true),
        ("95 %", true),
        ("used/total", true),
        ("unknown", true),
    ];
    let interval = |interval: Option<[f64; 2]>| {
        interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.3} to {high:.3}"))
    };
    let correlation = |r: f64| if r.is_nan() { "-".to_owned() } else { format!("{r:.4}") };
    fitted(
        &columns,
        outcomes.iter().map(|(file, outcome)| {
            vec![
                (*file).to_owned(),
                outcome.protocol.name().to_owned(),
                correlation(outcome.spearman),
                interval(outcome.spearman_95()),
                correlation(outcome.pearson),
                interval(outcome.pearson_95()),
                format!("{}/{}", outcome.used, outcome.total),
                format!("{:.1} %", outcome.unknown_percent()),
            ]
        }),
        width,
    )
}

/// Why protocols differ on a file of analogies, each held against the first: a line.
pub fn analogies_differ(questions: &Questions, outcomes: &[AnalogyReport]) -> String {
    let Some((first, others)) = outcomes.split_first() else { return String::new() };
    let name = first.protocol.name();
    let against = others.iter().map(|other| {
        let difference = AnalogyDifference::between(questions, first, other);
        let AnalogyDifference { only_first, only_second, words_of_first, words_of_second, lost, gained, .. } =
            difference;
        let rows = first.rows.min(other.rows);
        let mut parts = known(name, "question", (only_first, words_of_first), (only_second, words_of_second), rows);
        if lost.sum() > 0 {
            parts.push(format!("{} right by {name} turn wrong ({})", thousands(lost.sum()), causes(lost, rows)));
        }
        if gained.sum() > 0 {
            parts.push(format!("{} wrong by {name} turn right ({})", thousands(gained.sum()), causes(gained, rows)));
        }
        against(other.protocol.name(), name, &parts)
    });
    let dummies = outcomes.iter().filter_map(|outcome| {
        let all = outcome.all();
        let dummies = count(all.counted - all.seen, "question");
        (all.counted > all.seen)
            .then(|| format!("{} counts {dummies} with unknown words as wrong", outcome.protocol.name()))
    });
    against.chain(dummies).collect::<Vec<_>>().join(". ")
}

/// Why protocols differ on a file of word pairs, each held against the first: a line.
pub fn pairs_differ(pairs: &Pairs, outcomes: &[PairReport]) -> String {
    let Some((first, others)) = outcomes.split_first() else { return String::new() };
    let name = first.protocol.name();
    let against = others.iter().map(|other| {
        let difference = PairDifference::between(pairs, first, other);
        let PairDifference { only_first, only_second, words_of_first, words_of_second, other_rows } = difference;
        let rows = first.rows.min(other.rows);
        let mut parts = known(name, "pair", (only_first, words_of_first), (only_second, words_of_second), rows);
        if other_rows > 0 {
            parts.push(format!("{} read from other rows, by folding", count(other_rows, "pair")));
        }
        against(other.protocol.name(), name, &parts)
    });
    against.collect::<Vec<_>>().join(". ")
}

/// How one protocol differs from the first.
fn against(other: &str, first: &str, parts: &[String]) -> String {
    if parts.is_empty() {
        format!("{other} agrees with {first} on this file")
    } else {
        format!("{other} against {first}: {}", parts.join("; "))
    }
}

/// What only one of two protocols knows, and why. The one that searches fewer rows searches `rows`.
fn known(
    first: &str,
    what: &str,
    (only_first, words_of_first): (usize, WordDifference),
    (only_second, words_of_second): (usize, WordDifference),
    rows: usize,
) -> Vec<String> {
    let mut parts = Vec::new();
    if only_first > 0 {
        let why = words(words_of_first, rows);
        parts.push(format!("{} unknown that {first} knows ({why})", count(only_first, what)));
    }
    if only_second > 0 {
        let why = words(words_of_second, rows);
        parts.push(format!("{} known that {first} does not know ({why})", count(only_second, what)));
    }
    parts
}

/// Why only one of two protocols finds some words.
fn words(words: WordDifference, rows: usize) -> String {
    let by_folding =
        (words.by_folding > 0).then(|| format!("{} found by folding only", count(words.by_folding, "word")));
    let beyond = || format!("{} found beyond row {} only", count(words.beyond_rows, "word"), thousands(rows));
    by_folding.into_iter().chain((words.beyond_rows > 0).then(beyond)).collect::<Vec<_>>().join(", ")
}

/// What turned answers, with how many each where it is not one thing alone.
fn causes(causes: Causes, rows: usize) -> String {
    let Causes { folding, rows: by_rows, excluded, not_positive } = causes;
    let causes = [
        (folding, "by folding".to_owned()),
        (by_rows, format!("by rows beyond {}", thousands(rows))),
        (excluded, "by words left out".to_owned()),
        (not_positive, "by scores not above 0".to_owned()),
    ];
    let causes: Vec<(usize, String)> = causes.into_iter().filter(|(count, _)| *count > 0).collect();
    match causes.as_slice() {
        [(_, only)] => only.clone(),
        _ => causes.iter().map(|(count, how)| format!("{} {how}", thousands(*count))).collect::<Vec<_>>().join(", "),
    }
}

/// "1 word", "2 words".
fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A share in percent, to two digits behind the point, as `compute-accuracy` prints it; `-` where there is none.
fn hundredths(share: f64) -> String {
    if share.is_nan() { "-".to_owned() } else { format!("{:.2}", 100.0 * share) }
}
