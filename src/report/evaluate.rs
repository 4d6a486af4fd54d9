//! Results of benchmarks: tables with a column for each protocol, and why protocols differ.

use super::table::wrapped_table;
use super::text::{counted, thousands};
use crate::query::{
    AnalogyCounts, AnalogyDifference, AnalogyReport, Causes, PairDifference, PairReport, Pairs, Questions,
    WordDifference,
};

/// Results of an analogy benchmark with several protocols, one line per section: correct/seen and percent. Lines are wrapped at `width`,
/// if given.
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
    let summary_row = |name: &str, cells: &dyn Fn(AnalogyCounts) -> [String; 2]| {
        let cells = outcomes.iter().flat_map(|outcome| cells(outcome.all()));
        [name.to_owned()].into_iter().chain(cells).chain([String::new()]).collect()
    };
    rows.push(summary_row("95 % CI", &|all| {
        let interval = all.accuracy_95().map(|[low, high]| format!("{:.1}-{:.1}", 100.0 * low, 100.0 * high));
        [String::new(), interval.unwrap_or_else(|| "-".to_owned())]
    }));
    rows.push(summary_row("OOV questions", &|all| {
        [all.skipped().to_string(), hundredths(all.skipped() as f64 / all.total as f64)]
    }));
    wrapped_table(&columns, rows, width)
}

/// Results of word-pair benchmarks with 95 % confidence intervals, one line per file and protocol. Lines are wrapped at `width`, if given.
pub fn pairs(outcomes: &[(&str, PairReport)], width: Option<usize>) -> String {
    let columns = [
        ("file", false),
        ("protocol", false),
        ("Spearman", true),
        ("95 % CI", true),
        ("Pearson", true),
        ("95 % CI", true),
        ("used/total", true),
        ("OOV", true),
    ];
    let interval = |interval: Option<[f64; 2]>| {
        interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.3} to {high:.3}"))
    };
    let correlation = |r: f64| if r.is_nan() { "-".to_owned() } else { format!("{r:.4}") };
    wrapped_table(
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

/// Why protocols differ on a file of analogies, each compared with the first, in one line.
pub fn analogy_differences(questions: &Questions, outcomes: &[AnalogyReport]) -> String {
    let Some((first, others)) = outcomes.split_first() else { return String::new() };
    let name = first.protocol.name();
    let against = others.iter().map(|other| {
        let difference = AnalogyDifference::between(questions, first, other);
        let AnalogyDifference { only_first, only_second, words_of_first, words_of_second, lost, gained, .. } =
            difference;
        let rows = first.rows.min(other.rows);
        let mut parts = known(name, "question", (only_first, words_of_first), (only_second, words_of_second), rows);
        if lost.sum() > 0 {
            parts.push(format!("{} correct with {name} become wrong ({})", thousands(lost.sum()), causes(lost, rows)));
        }
        if gained.sum() > 0 {
            parts.push(format!(
                "{} wrong with {name} become correct ({})",
                thousands(gained.sum()),
                causes(gained, rows)
            ));
        }
        compared(other.protocol.name(), name, &parts)
    });
    let all_counted = outcomes.iter().filter_map(|outcome| {
        let all = outcome.all();
        let with_unknown = counted(all.counted - all.seen, "question");
        (all.counted > all.seen)
            .then(|| format!("{} counts {with_unknown} with out-of-vocabulary words as wrong", outcome.protocol.name()))
    });
    against.chain(all_counted).collect::<Vec<_>>().join(". ")
}

/// Why protocols differ on a file of word pairs, each compared with the first, in one line.
pub fn pair_differences(pairs: &Pairs, outcomes: &[PairReport]) -> String {
    let Some((first, others)) = outcomes.split_first() else { return String::new() };
    let name = first.protocol.name();
    let against = others.iter().map(|other| {
        let difference = PairDifference::between(pairs, first, other);
        let PairDifference { only_first, only_second, words_of_first, words_of_second, other_rows } = difference;
        let rows = first.rows.min(other.rows);
        let mut parts = known(name, "pair", (only_first, words_of_first), (only_second, words_of_second), rows);
        if other_rows > 0 {
            parts.push(format!("{} read from other rows by case folding", counted(other_rows, "pair")));
        }
        compared(other.protocol.name(), name, &parts)
    });
    against.collect::<Vec<_>>().join(". ")
}

/// How one protocol differs from the first.
fn compared(other: &str, first: &str, parts: &[String]) -> String {
    if parts.is_empty() {
        format!("{other} agrees with {first} on this file")
    } else {
        format!("{other} compared with {first}: {}", parts.join("; "))
    }
}

/// Which words only one of two protocols finds, and why. `rows` is the number of rows of the protocol that searches fewer.
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
        parts.push(format!("{} with words only in the vocabulary of {first} ({why})", counted(only_first, what)));
    }
    if only_second > 0 {
        let why = words(words_of_second, rows);
        parts.push(format!("{} with words not in the vocabulary of {first} ({why})", counted(only_second, what)));
    }
    parts
}

/// Why only one of two protocols finds some words.
fn words(words: WordDifference, rows: usize) -> String {
    let by_folding =
        (words.by_folding > 0).then(|| format!("{} found only by case folding", counted(words.by_folding, "word")));
    let beyond = || format!("{} found only beyond row {}", counted(words.beyond_rows, "word"), thousands(rows));
    by_folding.into_iter().chain((words.beyond_rows > 0).then(beyond)).collect::<Vec<_>>().join(", ")
}

/// What changed results, with counts if there are several causes.
fn causes(causes: Causes, rows: usize) -> String {
    let Causes { folding, rows: by_rows, excluded, not_positive } = causes;
    let causes = [
        (folding, "by case folding".to_owned()),
        (by_rows, format!("by rows beyond {}", thousands(rows))),
        (excluded, "by excluded words".to_owned()),
        (not_positive, "by scores not above 0".to_owned()),
    ];
    let causes: Vec<(usize, String)> = causes.into_iter().filter(|(count, _)| *count > 0).collect();
    match causes.as_slice() {
        [(_, only)] => only.clone(),
        _ => causes.iter().map(|(count, how)| format!("{} {how}", thousands(*count))).collect::<Vec<_>>().join(", "),
    }
}

/// A fraction in percent with two decimals, as `compute-accuracy` prints it; `-` if it is undefined.
fn hundredths(share: f64) -> String {
    if share.is_nan() { "-".to_owned() } else { format!("{:.2}", 100.0 * share) }
}
