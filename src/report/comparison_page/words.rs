//! Word vector changes: the words that moved most, neighbours before and after, and two-dimensional maps.

use std::collections::HashSet;

use super::markup::{bdi, by_group, figure, legend, marked, number, style_index, table};
use crate::compare::WordChanges;
use crate::compare::findings::{EmbeddingFindings, Findings};
use crate::compare::movement::{FrequencyBand, NearestWord, NeighbourChange, PairCosine, WordMap, WordMove};
use crate::error::Result;
use crate::nn::EmbeddingMode;
use crate::report::html::escaped;
use crate::report::plots::{self, Arrow, ArrowPlot, DotPlot, DotRow, LinePlot, Mark, Point, Series, XAxis};
use crate::report::text::{counted, thousands};

pub(super) fn words(findings: &Findings) -> Result<String> {
    by_group(findings, |group| {
        let variants: Vec<(EmbeddingMode, &WordChanges)> = group
            .embeddings
            .iter()
            .filter_map(|variant: &EmbeddingFindings| Some((variant.embedding, variant.words.as_ref()?)))
            .collect();
        if variants.is_empty() {
            return Ok(String::new());
        }
        let mut html = by_frequency(&variants)?;
        for &(variant, words) in &variants {
            html.push_str(&of_embedding(variant, words)?);
        }
        Ok(html)
    })
}

/// The words of an embedding.
fn of_embedding(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    let mut html = format!(
        "<h3>{}</h3>\n<p>In {}, the run of the first seed, the vectors of {} of {} changed.{}</p>\n",
        variant.name(),
        bdi(&words.run),
        thousands(words.moved),
        counted(words.words, "word"),
        absent(words),
    );
    html.push_str(&map(variant, words)?);
    html.push_str("<div class=\"side\">\n<div>");
    html.push_str(&moved("Most moved words", &words.most_moved));
    html.push_str("</div>\n<div>");
    html.push_str(&word_pairs(variant, words)?);
    html.push_str("</div>\n</div>\n");
    if !words.watched_moves.is_empty() {
        html.push_str(&moved("Watched words", &words.watched_moves));
    }
    html.push_str(&neighbours(&words.neighbours));
    html.push_str(&oov_rows(words));
    Ok(html)
}

fn absent(words: &WordChanges) -> String {
    if words.absent.is_empty() {
        return String::new();
    }
    let absent: Vec<String> = words.absent.iter().map(|word| bdi(word)).collect();
    format!(" Not in the vocabulary of the task: {}.", absent.join(", "))
}

/// The map of arrows, in one version for narrow screens and one for wide ones.
fn map(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    let WordMap { explained, words: arrows } = &words.map;
    if arrows.is_empty() {
        return Ok(String::new());
    }
    let point = |[x, y]: [f32; 2]| [f64::from(x), f64::from(y)];
    let plot = ArrowPlot {
        description: format!(
            "Positions of {} before and after training with {}; the table has the coordinates",
            counted(arrows.len(), "word"),
            variant.name()
        ),
        style: style_index(variant),
        arrows: arrows
            .iter()
            .map(|arrow| Arrow {
                word: arrow.word.clone(),
                watched: words.watched.contains(&arrow.word),
                before: point(arrow.before),
                after: point(arrow.after),
            })
            .collect(),
    };
    let (narrow, few) = plots::arrow_plot(&plot, 360.0)?;
    let (broad, many) = plots::arrow_plot(&plot, 900.0)?;
    let labelled = |labelled: usize| match labelled == arrows.len() {
        true => String::new(),
        false => format!(" {labelled} of {} words have a label; the table has all.", arrows.len()),
    };
    let drawing = format!("<div class=\"narrow\">{narrow}</div>\n<div class=\"broad\">{broad}</div>");
    let caption = format!(
        "Position of a word before (circle) and after training (arrowhead), on the first two principal components of all vectors before and after: \
         {} % and {} % of the variance.<span class=\"narrow\">{}</span><span class=\"broad\">{}</span>",
        number(100.0 * explained[0], 0),
        number(100.0 * explained[1], 0),
        labelled(few),
        labelled(many),
    );
    let columns = [("word", false), ("x before", true), ("y before", true), ("x after", true), ("y after", true)];
    let rows = arrows.iter().map(|arrow| {
        let numbers = arrow.before.into_iter().chain(arrow.after).map(|value| number(f64::from(value), 3));
        [bdi(&arrow.word)].into_iter().chain(numbers).collect()
    });
    Ok(figure("map", &drawing, &caption, &table("Coordinates", &columns, rows)))
}

/// How far words moved.
fn moved(caption: &str, words: &[WordMove]) -> String {
    let columns = [("word", false), ("count", true), ("distance", true), ("share %", true), ("cosine", true)];
    let rows = words.iter().map(|word| {
        vec![
            marked(&word.word, word.known),
            thousands(word.count),
            number(word.distance, 3),
            number(100.0 * word.share, 2),
            word.cosine.map_or("-".to_owned(), |cosine| number(cosine, 3)),
        ]
    });
    table(caption, &columns, rows)
}

/// Cosines of word pairs, before and after training.
fn word_pairs(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    if words.word_pairs.is_empty() {
        return Ok(String::new());
    }
    let name = |pair: &PairCosine| format!("{} – {}", pair.words[0], pair.words[1]);
    let decreased = words.word_pairs.iter().filter(|pair| pair.after < pair.before).count();
    let summary = format!("{decreased} of {} pairs are less similar after training", words.word_pairs.len());
    let plot = DotPlot {
        description: format!("Cosines of word pairs before and after training with {}: {summary}", variant.name()),
        label: "cosine".to_owned(),
        bounds: Some([-1.0, 1.0]),
        extent: Vec::new(),
        rows: words
            .word_pairs
            .iter()
            .map(|pair| DotRow {
                name: name(pair),
                style: style_index(variant),
                marks: vec![Mark::Line([pair.before, pair.after]), Mark::Open(pair.before), Mark::Filled(pair.after)],
            })
            .collect(),
    };
    let columns = [("pair", false), ("before", true), ("after", true), ("change", true)];
    let rows = words.word_pairs.iter().map(|pair| {
        vec![
            format!("{} – {}", bdi(&pair.words[0]), bdi(&pair.words[1])),
            number(pair.before, 3),
            number(pair.after, 3),
            number(pair.after - pair.before, 3),
        ]
    });
    let caption =
        format!("Antonyms and watched words: open marker before training, filled marker after training; {summary}.");
    Ok(figure("", &plots::dot_plot(&plot)?, &caption, &table("Cosines of word pairs", &columns, rows)))
}

/// Nearest neighbours before and after training, with new and former ones marked.
fn neighbours(all: &[NeighbourChange]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let list = |words: &[NearestWord], others: &[NearestWord], class: &str| {
        let others: HashSet<&str> = others.iter().map(|other| other.word.as_str()).collect();
        let word = |near: &NearestWord| match others.contains(near.word.as_str()) {
            true => format!("{} {}", bdi(&near.word), number(f64::from(near.cosine), 2)),
            false => {
                format!("<span class=\"{class}\">{}</span> {}", bdi(&near.word), number(f64::from(near.cosine), 2))
            }
        };
        words.iter().map(word).collect::<Vec<_>>().join(", ")
    };
    let columns =
        [("word", false), ("nearest before, with cosine", false), ("nearest after; new ones underlined", false)];
    let rows = all.iter().map(|near| {
        vec![bdi(&near.word), list(&near.before, &near.after, "gone"), list(&near.after, &near.before, "new")]
    });
    table("Nearest neighbours before and after training, among the words of the task", &columns, rows)
}

/// The rows of out-of-vocabulary words.
fn oov_rows(words: &WordChanges) -> String {
    let oov = &words.oov_rows;
    if oov.words == 0 {
        return String::new();
    }
    let norm = |norm: Option<f64>| norm.map_or("-".to_owned(), |norm| number(norm, 2));
    let known =
        oov.known_norm_after.map_or(String::new(), |norm| format!(", {} for words in the vectors", number(norm, 2)));
    let mut html = format!(
        "<p>{} out of vocabulary: mean norm of their rows {} before and {} after training{known}.</p>\n",
        counted(oov.words, "word"),
        norm(oov.norm_before),
        norm(oov.norm_after),
    );
    if !oov.nearest.is_empty() {
        let rows = oov.nearest.iter().map(|(word, near)| {
            let near: Vec<String> =
                near.iter().map(|near| format!("{} {}", bdi(&near.word), number(f64::from(near.cosine), 2))).collect();
            vec![bdi(word), near.join(", ")]
        });
        html.push_str(&table(
            "Out-of-vocabulary words, most frequent first, and the nearest words of the vectors after training",
            &[("word", false), ("nearest, with cosine", false)],
            rows,
        ));
    }
    html
}

/// Mean distance by word frequency, a line for each embedding.
fn by_frequency(variants: &[(EmbeddingMode, &WordChanges)]) -> Result<String> {
    let name = |band: &FrequencyBand| match band.max {
        Some(max) if max == band.min => max.to_string(),
        Some(max) => format!("{}–{max}", band.min),
        None => format!("{}+", thousands(band.min)),
    };
    // Tick labels have no space for the maximum.
    let short = |band: &FrequencyBand| {
        if band.max == Some(band.min) { name(band) } else { format!("{}+", thousands(band.min)) }
    };
    let mut bands: Vec<&FrequencyBand> = variants.iter().flat_map(|(_, words)| &words.bands).collect();
    bands.sort_by_key(|band| band.min);
    bands.dedup_by_key(|band| band.min);
    if bands.is_empty() {
        return Ok(String::new());
    }
    let position = |band: &FrequencyBand| bands.iter().position(|other| other.min == band.min).unwrap_or(0) as f64;
    let series = variants.iter().map(|(variant, words)| Series {
        style: style_index(*variant),
        points: words.bands.iter().map(|band| Point { x: position(band), y: band.distance, band: None }).collect(),
    });
    let ends: Vec<String> = variants
        .iter()
        .filter_map(|(variant, words)| Some((variant.name(), words.bands.first()?, words.bands.last()?)))
        .map(|(variant, first, last)| {
            format!("{variant} from {} to {}", number(first.distance, 3), number(last.distance, 3))
        })
        .collect();
    let plot = LinePlot {
        description: format!("Mean distance that vectors moved, from rare to frequent words: {}", ends.join(", ")),
        x_axis: XAxis::Categories(bands.iter().map(|band| short(band)).collect()),
        x_label: "count in the train set".to_owned(),
        y_label: "mean distance".to_owned(),
        bounds: None,
        series: series.collect(),
    };
    let columns = [
        ("embedding", false),
        ("count", false),
        ("words", true),
        ("distance", true),
        ("cosine", true),
        ("share of total distance %", true),
    ];
    let rows = variants.iter().flat_map(|(variant, words)| {
        words.bands.iter().map(move |band| {
            vec![
                escaped(variant.name()),
                name(band),
                thousands(band.words),
                number(band.distance, 3),
                band.cosine.map_or("-".to_owned(), |cosine| number(cosine, 3)),
                number(100.0 * band.share, 1),
            ]
        })
    });
    let caption = "Mean distance that vectors moved, by the count of their words in the train set.";
    let drawing = figure("", &plots::line_plot(&plot)?, caption, &table("Distance by word count", &columns, rows));
    Ok(format!("{}{drawing}", legend(variants.iter().map(|(variant, _)| *variant))))
}
