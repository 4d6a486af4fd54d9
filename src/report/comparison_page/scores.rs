//! Scores by embedding, learning curves, and scores by train size.

use std::fmt::Write;

use super::markup::{
    bdi, by_group, figure, group_name, interval, legend, number, points, range, settings, style_index, table,
};
use crate::compare::findings::{CurvePoint, EmbeddingFindings, Findings, Group, MeanRange, SizeCurve, Split};
use crate::compare::statistics::Summary;
use crate::error::Result;
use crate::report::html::escaped;
use crate::report::plots::{self, DotPlot, DotRow, LinePlot, Mark, Point, Series, XAxis};
use crate::report::text::{counted, thousands};

const PERCENT: Option<[f64; 2]> = Some([0.0, 100.0]);

/// The seeds of an embedding and their scores, in order.
fn scores_by_seed<'a>(
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
    let extent: Vec<f64> = scores().flat_map(ends).map(|score| 100.0 * score).collect();
    let mut html = String::new();
    for group in &findings.groups {
        let name = group_name(findings, group);
        let heading = name.as_ref().map_or(String::new(), |name| format!("<h3>{name}</h3>\n"));
        let row = |variant: &EmbeddingFindings| {
            let mut marks: Vec<Mark> = Vec::new();
            marks.extend(variant.score.interval.map(|[low, high]| Mark::Interval([100.0 * low, 100.0 * high])));
            marks.extend(scores_by_seed(findings, group, variant).map(|(_, score)| Mark::Single(100.0 * score)));
            marks.push(Mark::Filled(100.0 * variant.score.mean));
            DotRow { name: variant.embedding.name().to_owned(), style: style_index(variant.embedding), marks }
        };
        let means: Vec<String> = group
            .embeddings
            .iter()
            .map(|variant| format!("{} {}", variant.embedding.name(), points(variant.score.mean)))
            .collect();
        let plot = DotPlot {
            description: format!("Accuracy on the {} set, in percent: {}", findings.scored_on.name(), means.join(", ")),
            label: "accuracy %".to_owned(),
            bounds: PERCENT,
            extent: extent.clone(),
            rows: group.embeddings.iter().map(row).collect(),
        };
        let columns = [("embedding", false), ("mean %", true), ("95 % CI", true), ("by seed %", false)];
        let numbers = group.embeddings.iter().map(|variant| {
            let seeds: Vec<String> = scores_by_seed(findings, group, variant)
                .map(|(seed, score)| format!("{} ({seed})", points(score)))
                .collect();
            vec![
                variant.embedding.name().to_owned(),
                points(variant.score.mean),
                interval(&variant.score),
                seeds.join(", "),
            ]
        });
        // The columns of more than three embeddings do not fit next to the plot.
        let side = if group.embeddings.len() <= 3 { "side" } else { "above" };
        let caption = "Marker: mean over the seeds; bar: 95 % confidence interval of the mean; circles: single seeds.";
        let drawing =
            figure("", &plots::dot_plot(&plot)?, caption, &table("Accuracy, seeds in parentheses", &columns, numbers));
        let _ = write!(html, "{heading}<div class=\"{side} figures\">\n{drawing}<div>{}</div></div>\n", metrics(group));
    }
    Ok(html)
}

fn ends(score: Summary) -> [f64; 2] {
    score.interval.unwrap_or([score.mean; 2])
}

/// The mean, and the standard deviation of several values.
fn mean_std(summary: &Summary, of: impl Fn(f64) -> String) -> String {
    match summary.std {
        Some(std) => format!("{} ± {}", of(summary.mean), of(std)),
        None => of(summary.mean),
    }
}

/// All metrics of a group: a row for each metric, a column for each embedding.
fn metrics(group: &Group) -> String {
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
    let score = |summary: &Summary| mean_std(summary, points);
    row("test accuracy %", &|variant| variant.test_accuracy.as_ref().map(score));
    row("test macro-F1 %", &|variant| variant.test_macro_f1.as_ref().map(score));
    row("dev accuracy %", &|variant| Some(score(&variant.dev_accuracy)));
    row("dev macro-F1 %", &|variant| Some(score(&variant.dev_macro_f1)));
    row("log loss", &|variant| Some(mean_std(&variant.loss, |loss| number(loss, 3))));
    row("calibration error %", &|variant| Some(score(&variant.calibration_error)));
    row("best epoch", &|variant| Some(number(variant.best_epoch.mean, 1)));
    row("seconds per run", &|variant| variant.seconds.as_ref().map(|seconds| number(seconds.mean, 1)));
    row("trainable parameters", &|variant| Some(thousands(variant.trainable_parameters)));
    row("runs", &|variant| Some(variant.seeds.len().to_string()));
    let mut html = table("Metrics over the seeds", &columns, rows);
    for variant in group.embeddings.iter().filter(|variant| !variant.diverged.is_empty()) {
        let names: Vec<String> = variant.diverged.iter().map(|name| escaped(name)).collect();
        let _ = writeln!(
            html,
            "<p class=\"note\">Diverged (non-finite loss): {}. The best epoch before that is used.</p>",
            names.join(", ")
        );
    }
    html
}

/// What a learning curve shows.
struct Measure {
    title: &'static str,
    axis: &'static str,
    bounds: Option<[f64; 2]>,
    /// Factor from values to the units of the axis.
    scale: f64,
    decimals: usize,
    value: fn(&CurvePoint) -> MeanRange,
}

const DEV_ACCURACY: Measure = Measure {
    title: "Accuracy on the dev set",
    axis: "accuracy %",
    bounds: PERCENT,
    scale: 100.0,
    decimals: 1,
    value: |point| point.dev_accuracy,
};

const TRAIN_LOSS: Measure = Measure {
    title: "Loss on the train set",
    axis: "loss",
    bounds: None,
    scale: 1.0,
    decimals: 3,
    value: |point| point.train_loss,
};

pub(super) fn curves(findings: &Findings) -> Result<String> {
    by_group(findings, |group| {
        if group.embeddings.iter().all(|variant| variant.curve.is_empty()) {
            return Ok(String::new());
        }
        let legend = legend(group.embeddings.iter().map(|variant| variant.embedding));
        let (accuracy, loss) = (learning_curve(group, &DEV_ACCURACY)?, learning_curve(group, &TRAIN_LOSS)?);
        Ok(format!("{legend}<div class=\"side\">\n{accuracy}{loss}</div>\n"))
    })
}

fn learning_curve(group: &Group, measure: &Measure) -> Result<String> {
    let Measure { title, scale, decimals, value, .. } = *measure;
    let point = |point: &CurvePoint| {
        let range = value(point);
        let band = (point.runs > 1).then_some([scale * range.min, scale * range.max]);
        Point { x: point.epoch as f64, y: scale * range.mean, band }
    };
    let series = group.embeddings.iter().map(|variant| Series {
        style: style_index(variant.embedding),
        points: variant.curve.iter().map(point).collect(),
    });
    let ends = ends_of_curves(group, |point| number(scale * value(point).mean, decimals));
    let plot = LinePlot {
        description: format!("{title} by epoch, a line for each embedding: {ends}"),
        x_axis: XAxis::Integers,
        x_label: "epoch".to_owned(),
        y_label: measure.axis.to_owned(),
        bounds: measure.bounds,
        series: series.collect(),
    };
    let mut columns = vec![("epoch", true)];
    columns.extend(group.embeddings.iter().map(|variant| (variant.embedding.name(), true)));
    let epochs = group.embeddings.iter().map(|variant| variant.curve.len()).max().unwrap_or(0);
    let cell = |point: &CurvePoint| {
        let range = value(point);
        let [mean, min, max] = [range.mean, range.min, range.max].map(|value| number(scale * value, decimals));
        if point.runs > 1 { format!("{mean} ({min} to {max})") } else { mean }
    };
    let rows = (0..epochs).map(|index| {
        let cells = group.embeddings.iter().map(|variant| variant.curve.get(index).map_or(String::new(), cell));
        [(index + 1).to_string()].into_iter().chain(cells).collect()
    });
    let caption = format!("{title}; band: minimum to maximum of the runs.");
    Ok(figure("", &plots::line_plot(&plot)?, &caption, &table(title, &columns, rows)))
}

/// The last value of each curve.
fn ends_of_curves(group: &Group, value: impl Fn(&CurvePoint) -> String) -> String {
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
            name.push(bdi(&curve.vectors));
        }
        name.extend(settings(&curve.settings));
        let heading = if name.is_empty() { String::new() } else { format!("<h3>{}</h3>\n", name.join(", ")) };
        let _ = write!(
            html,
            "{heading}{}{}",
            legend(curve.embeddings.iter().map(|line| line.embedding)),
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
        style: style_index(line.embedding),
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
    let title = format!("Accuracy on the {} set by train size", findings.scored_on.name());
    let ends: Vec<String> = curve
        .embeddings
        .iter()
        .filter_map(|line| Some((line.embedding, line.points.first()?, line.points.last()?)))
        .map(|(variant, first, last)| {
            format!("{} from {} to {}", variant.name(), points(first.score.mean), points(last.score.mean))
        })
        .collect();
    let plot = LinePlot {
        description: format!("{title}: {}", ends.join(", ")),
        x_axis: XAxis::Log(sizes.iter().map(|&size| (size as f64, thousands(size))).collect()),
        x_label: "training texts".to_owned(),
        y_label: "accuracy %".to_owned(),
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
    let caption = format!("{title}, on a logarithmic axis; band: 95 % confidence interval of the mean over seeds.");
    Ok(figure("", &plots::line_plot(&plot)?, &caption, &table("Mean % and 95 % CI", &columns, rows)))
}
