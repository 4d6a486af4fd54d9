//! Scores, curves, and pairs of embeddings.

use std::fmt::Write;

use super::{
    by_group, colour, counted, escaped, figure, group_name, number, p_value, points, range, settings, signs, table,
    thousands,
};
use crate::compare::findings::{
    CurvePoint, EmbeddingFindings, Findings, Group, MeanRange, PairFindings, SizeCurve, Split,
};
use crate::compare::statistics::Summary;
use crate::error::Result;
use crate::report::plots::{self, Across, Curves, Mark, Point, Row, Rows, Series};

const PERCENT: Option<[f64; 2]> = Some([0.0, 100.0]);

/// What scores are of.
fn part(findings: &Findings) -> &'static str {
    match findings.scored_on {
        Split::Test => "test",
        Split::Dev => "development",
    }
}

/// An embedding's score with each of its seeds, in their order.
fn of_seeds<'a>(
    findings: &'a Findings,
    group: &'a Group,
    variant: &'a EmbeddingFindings,
) -> impl Iterator<Item = (u64, f64)> + Clone + 'a {
    let runs = findings.comparison.runs.iter().filter(move |run| {
        (run.embedding, &run.vectors, run.train_texts, &run.settings)
            == (variant.embedding, &group.vectors, group.train_texts, &group.settings)
    });
    runs.map(move |run| {
        (run.seed, run.test_accuracy.filter(|_| findings.scored_on == Split::Test).unwrap_or(run.dev_accuracy))
    })
}

pub(super) fn scores(findings: &Findings) -> Result<String> {
    let scores = || findings.groups.iter().flat_map(|group| &group.embeddings).map(|variant| variant.score);
    let beside: Vec<f64> = scores().flat_map(ends).map(|share| 100.0 * share).collect();
    let mut html = String::new();
    for group in &findings.groups {
        let name = group_name(findings, group);
        let heading = name.as_ref().map_or(String::new(), |name| format!("<h3>{name}</h3>\n"));
        let row = |variant: &EmbeddingFindings| {
            let mut marks: Vec<Mark> = Vec::new();
            marks.extend(variant.score.interval.map(|[low, high]| Mark::Interval([100.0 * low, 100.0 * high])));
            marks.extend(of_seeds(findings, group, variant).map(|(_, score)| Mark::One(100.0 * score)));
            marks.push(Mark::Value(100.0 * variant.score.mean));
            Row { name: variant.embedding.name().to_owned(), style: colour(variant.embedding), marks }
        };
        let told: Vec<String> = group
            .embeddings
            .iter()
            .map(|variant| format!("{} {}", variant.embedding.name(), points(variant.score.mean)))
            .collect();
        let plot = Rows {
            said: format!("Accuracy on the {} part, in percent: {}", part(findings), told.join(", ")),
            name: "accuracy %".to_owned(),
            bounds: PERCENT,
            beside: beside.clone(),
            rows: group.embeddings.iter().map(row).collect(),
        };
        let columns = [("embedding", false), ("mean %", true), ("95 % interval", true), ("each seed %", false)];
        let numbers = group.embeddings.iter().map(|variant| {
            let seeds: Vec<String> =
                of_seeds(findings, group, variant).map(|(seed, score)| format!("{} ({seed})", points(score))).collect();
            vec![
                variant.embedding.name().to_owned(),
                points(variant.score.mean),
                interval(&variant.score),
                seeds.join(", "),
            ]
        });
        // More embeddings than three have no room beside a plot.
        let side = if group.embeddings.len() <= 3 { "side" } else { "above" };
        let caption = "Marker: mean over the seeds; bar: 95 % interval of the mean; circles: single seeds.";
        let drawing =
            figure("", &plots::rows(&plot)?, caption, &table("Accuracy, seeds in brackets", &columns, numbers));
        let _ = write!(html, "{heading}<div class=\"{side} figures\">\n{drawing}<div>{}</div></div>\n", figures(group));
    }
    Ok(html)
}

fn ends(score: Summary) -> [f64; 2] {
    score.interval.unwrap_or([score.mean; 2])
}

fn interval(summary: &Summary) -> String {
    summary.interval.map_or("-".to_owned(), range)
}

/// Mean and, of several, std.
fn spread(summary: &Summary, of: impl Fn(f64) -> String) -> String {
    match summary.std {
        Some(std) => format!("{} ± {}", of(summary.mean), of(std)),
        None => of(summary.mean),
    }
}

/// All figures of a group's embeddings: figures down, embeddings across.
fn figures(group: &Group) -> String {
    let mut columns = vec![("mean ± std", false)];
    columns.extend(group.embeddings.iter().map(|variant| (variant.embedding.name(), true)));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, cell: &dyn Fn(&EmbeddingFindings) -> Option<String>| {
        let cells: Vec<Option<String>> = group.embeddings.iter().map(cell).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            rows.push([name.to_owned()].into_iter().chain(cells).collect());
        }
    };
    let share = |summary: &Summary| spread(summary, points);
    row("test accuracy %", &|variant| variant.test_accuracy.as_ref().map(share));
    row("test macro-F1 %", &|variant| variant.test_macro_f1.as_ref().map(share));
    row("dev accuracy %", &|variant| Some(share(&variant.dev_accuracy)));
    row("dev macro-F1 %", &|variant| Some(share(&variant.dev_macro_f1)));
    row("log loss", &|variant| Some(spread(&variant.loss, |loss| number(loss, 3))));
    row("calibration error %", &|variant| Some(share(&variant.calibration_error)));
    row("best epoch", &|variant| Some(number(variant.best_epoch.mean, 1)));
    row("seconds a run", &|variant| variant.seconds.as_ref().map(|seconds| number(seconds.mean, 1)));
    row("numbers trained", &|variant| Some(thousands(variant.trainable_parameters)));
    row("runs", &|variant| Some(variant.seeds.len().to_string()));
    let mut html = table("Figures over the seeds", &columns, rows);
    for variant in group.embeddings.iter().filter(|variant| !variant.diverged.is_empty()) {
        let names: Vec<String> = variant.diverged.iter().map(|name| escaped(name)).collect();
        let _ = writeln!(
            html,
            "<p class=\"note\">The loss of {} was no number any more; the best epoch before counts.</p>",
            names.join(", ")
        );
    }
    html
}

pub(super) fn curves(findings: &Findings) -> Result<String> {
    by_group(findings, |group| {
        if group.embeddings.iter().all(|variant| variant.curve.is_empty()) {
            return Ok(String::new());
        }
        let curve =
            |said: &str, name: &str, bounds, scale: f64, decimals: usize, value: fn(&CurvePoint) -> MeanRange| {
                let series = group.embeddings.iter().map(|variant| Series {
                    style: colour(variant.embedding),
                    points: variant
                        .curve
                        .iter()
                        .map(|point| {
                            let range = value(point);
                            let band = (point.runs > 1).then_some([scale * range.min, scale * range.max]);
                            Point { x: point.epoch as f64, y: scale * range.mean, band }
                        })
                        .collect(),
                });
                let plot = Curves {
                    said: format!(
                        "{said} by epoch, a line for each embedding: {}",
                        last_of(group, |point| number(scale * value(point).mean, decimals))
                    ),
                    across: Across::Whole,
                    across_name: "epoch".to_owned(),
                    name: name.to_owned(),
                    bounds,
                    series: series.collect(),
                };
                let mut columns = vec![("epoch", true)];
                columns.extend(group.embeddings.iter().map(|variant| (variant.embedding.name(), true)));
                let epochs = group.embeddings.iter().map(|variant| variant.curve.len()).max().unwrap_or(0);
                let rows = (0..epochs).map(|index| {
                    let cell = |variant: &EmbeddingFindings| match variant.curve.get(index) {
                        Some(point) => {
                            let range = value(point);
                            let [mean, least, most] =
                                [range.mean, range.min, range.max].map(|value| number(scale * value, decimals));
                            if point.runs > 1 { format!("{mean} ({least} to {most})") } else { mean }
                        }
                        None => String::new(),
                    };
                    [(index + 1).to_string()].into_iter().chain(group.embeddings.iter().map(cell)).collect()
                });
                let caption = format!("{said}; band: from the least to the largest of the runs.");
                Ok::<String, crate::Error>(figure("", &plots::curves(&plot)?, &caption, &table(said, &columns, rows)))
            };
        let accuracy =
            curve("Accuracy on the development part", "accuracy %", PERCENT, 100.0, 1, |point| point.dev_accuracy)?;
        let loss = curve("Loss on the training part", "loss", None, 1.0, 3, |point| point.train_loss)?;
        Ok(format!(
            "{}<div class=\"side\">\n{accuracy}{loss}</div>\n",
            signs(group.embeddings.iter().map(|variant| variant.embedding))
        ))
    })
}

/// Where each embedding's line ends.
fn last_of(group: &Group, value: impl Fn(&CurvePoint) -> String) -> String {
    let ends = group.embeddings.iter().filter_map(|variant| {
        let last = variant.curve.last()?;
        Some(format!("{} ends at {} after {}", variant.embedding.name(), value(last), counted(last.epoch, "epoch")))
    });
    ends.collect::<Vec<_>>().join(", ")
}

pub(super) fn sizes(findings: &Findings) -> Result<String> {
    let mut html = String::new();
    for curve in &findings.size_curves {
        let mut name = Vec::new();
        if findings.size_curves.iter().any(|other| other.vectors != curve.vectors) {
            name.push(super::bdi(&curve.vectors));
        }
        name.extend(settings(&curve.settings));
        let heading = if name.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", name.join(", ")) };
        let _ = write!(
            html,
            "{heading}{}{}",
            signs(curve.embeddings.iter().map(|line| line.embedding)),
            size_curve(findings, curve)?
        );
    }
    Ok(html)
}

fn size_curve(findings: &Findings, curve: &SizeCurve) -> Result<String> {
    let mut sizes: Vec<usize> =
        curve.embeddings.iter().flat_map(|line| &line.points).map(|point| point.train_texts).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let series = curve.embeddings.iter().map(|line| Series {
        style: colour(line.embedding),
        points: line
            .points
            .iter()
            .map(|point| Point {
                x: point.train_texts as f64,
                y: 100.0 * point.score.mean,
                band: point.score.interval.map(|[low, high]| [100.0 * low, 100.0 * high]),
            })
            .collect(),
    });
    let said = format!("Accuracy on the {} part by number of training texts", part(findings));
    let ends: Vec<String> = curve
        .embeddings
        .iter()
        .filter_map(|line| Some((line.embedding, line.points.first()?, line.points.last()?)))
        .map(|(variant, first, last)| {
            format!("{} from {} to {}", variant.name(), points(first.score.mean), points(last.score.mean))
        })
        .collect();
    let plot = Curves {
        said: format!("{said}: {}", ends.join(", ")),
        across: Across::Logarithm(sizes.iter().map(|&size| (size as f64, thousands(size))).collect()),
        across_name: "training texts".to_owned(),
        name: "accuracy %".to_owned(),
        bounds: PERCENT,
        series: series.collect(),
    };
    let mut columns = vec![("texts", true)];
    columns.extend(curve.embeddings.iter().map(|line| (line.embedding.name(), true)));
    let rows = sizes.iter().map(|&size| {
        let cells = curve.embeddings.iter().map(|line| {
            let point = line.points.iter().find(|point| point.train_texts == size);
            point.map_or(String::new(), |point| match point.score.interval {
                Some(interval) => format!("{} ({})", points(point.score.mean), range(interval)),
                None => points(point.score.mean),
            })
        });
        [thousands(size)].into_iter().chain(cells).collect()
    });
    let caption = format!("{said}, by its logarithm; band: 95 % interval of the mean over seeds.");
    Ok(figure("", &plots::curves(&plot)?, &caption, &table("Mean % and 95 % interval", &columns, rows)))
}

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
            "<p class=\"note\">A difference is the second embedding’s score less the first’s, in points. Over seeds: what other seeds would do, on these test \
             texts; paired t test, decided by its p after Holm’s correction for the number of pairs. Over texts: what other test texts would do, \
             with these models; bootstrap, and McNemar’s mid-p for each seed.</p>\n",
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
        ("95 %", true),
        ("p", true),
        ("p corrected", true),
        ("p, permutation", true),
        ("seeds it would take", true),
    ];
    columns.extend(timed.then_some(("time", true)));
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
    table("All pairs over seeds, differences in points", &columns, group.pairs.iter().map(row))
}

/// Nothing without a test part.
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
    let mut columns = vec![("pair", false), ("95 %", true)];
    columns.extend(named.iter().map(|name| (name.as_str(), true)));
    let rows = compared().map(|(pair, texts)| {
        let tests = texts
            .by_seed
            .iter()
            .map(|test| format!("{} / {}: {}", test.only_first, test.only_second, p_value(test.mid_p)));
        [names(pair), range(texts.interval)].into_iter().chain(tests).collect()
    });
    let caption =
        "All pairs over texts; for each seed the texts that only the first gets right / only the second: McNemar’s p";
    table(caption, &columns, rows)
}

/// Points with their sign.
fn signed(share: f64) -> String {
    let points = points(share);
    if share > 0.0 && !points.trim_matches(['0', '.']).is_empty() { format!("+{points}") } else { points }
}
