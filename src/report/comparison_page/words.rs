//! What training did to the words: where they went, what is near them now, and who moved most.

use std::collections::HashSet;

use super::{bdi, by_group, colour, counted, escaped, figure, number, signs, table, thousands};
use crate::compare::WordChanges;
use crate::compare::findings::{EmbeddingFindings, Findings};
use crate::compare::movement::{FrequencyBand, NearestWord, NeighbourChange, PairCosine, WordMap, WordMove};
use crate::error::Result;
use crate::nn::EmbeddingMode;
use crate::report::plots::{self, Across, Arrow, Arrows, Curves, Mark, Point, Row, Rows, Series};

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

/// An embedding's words.
fn of_embedding(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    let mut html = format!(
        "<h3>{}</h3>\n<p>In the run {}, the rows of {} of {} moved.{}</p>\n",
        variant.name(),
        bdi(&words.run),
        thousands(words.moved),
        counted(words.words, "word"),
        absent(words),
    );
    html.push_str(&map(variant, words)?);
    html.push_str("<div class=\"side\">\n<div>");
    html.push_str(&moved("The words that moved most", &words.most_moved));
    html.push_str("</div>\n<div>");
    html.push_str(&opposites(variant, words)?);
    html.push_str("</div>\n</div>\n");
    if !words.watched_moves.is_empty() {
        html.push_str(&moved("Words that were asked for", &words.watched_moves));
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
    format!(" Not among the task’s words: {}.", absent.join(", "))
}

/// The map of arrows, in a form for narrow screens and one for broad ones.
fn map(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    let WordMap { explained, words: arrows } = &words.map;
    if arrows.is_empty() {
        return Ok(String::new());
    }
    let place = |[x, y]: [f32; 2]| [f64::from(x), f64::from(y)];
    let plot = Arrows {
        said: format!(
            "Arrows of {} of the embedding {} from where they were before training to where they are after it; the table beneath has the coordinates",
            counted(arrows.len(), "word"),
            variant.name()
        ),
        style: colour(variant),
        arrows: arrows
            .iter()
            .map(|arrow| Arrow {
                word: arrow.word.clone(),
                watched: words.watched.contains(&arrow.word),
                before: place(arrow.before),
                after: place(arrow.after),
            })
            .collect(),
    };
    let (narrow, few) = plots::arrows(&plot, 360.0)?;
    let (broad, many) = plots::arrows(&plot, 900.0)?;
    let labelled = |labelled: usize| match labelled == arrows.len() {
        true => String::new(),
        false => format!(" {labelled} of {} words have room for a label; the table has all.", arrows.len()),
    };
    let drawing = format!("<div class=\"narrow\">{narrow}</div>\n<div class=\"broad\">{broad}</div>");
    let caption = format!(
        "From where a word was (circle) to where it is (head), on the first two principal components of the words before and after: {} % and {} % of \
         the variance.<span class=\"narrow\">{}</span><span class=\"broad\">{}</span>",
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
    Ok(figure("map", &drawing, &caption, &table("Coordinates of the words", &columns, rows)))
}

/// How words moved.
fn moved(caption: &str, words: &[WordMove]) -> String {
    let columns = [("word", false), ("times", true), ("distance", true), ("share %", true), ("cosine", true)];
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

/// A word, marked where the vectors do not know it.
pub(super) fn marked(word: &str, known: bool) -> String {
    match known {
        true => bdi(word),
        false => format!("<span class=\"unknown\" title=\"not in the vectors\">{}</span>", bdi(word)),
    }
}

/// Cosines of word_pairs, before and after.
fn opposites(variant: EmbeddingMode, words: &WordChanges) -> Result<String> {
    if words.word_pairs.is_empty() {
        return Ok(String::new());
    }
    let name = |pair: &PairCosine| format!("{} – {}", pair.words[0], pair.words[1]);
    let parted = words.word_pairs.iter().filter(|pair| pair.after < pair.before).count();
    let said = format!("{parted} of {} pairs are less alike after training", words.word_pairs.len());
    let plot = Rows {
        said: format!(
            "Cosines of pairs of words before and after training in the embedding {}: {said}",
            variant.name()
        ),
        name: "cosine".to_owned(),
        bounds: Some([-1.0, 1.0]),
        beside: Vec::new(),
        rows: words
            .word_pairs
            .iter()
            .map(|pair| Row {
                name: name(pair),
                style: colour(variant),
                marks: vec![Mark::Way([pair.before, pair.after]), Mark::Before(pair.before), Mark::Value(pair.after)],
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
    let caption = format!("PairCosine and watched words: open before training, filled after it; {said}.");
    Ok(figure("", &plots::rows(&plot)?, &caption, &table("Cosines of pairs", &columns, rows)))
}

/// NeighbourChange before and after, what is new and what is gone being marked.
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
        [("word", false), ("nearest before, and cosine", false), ("nearest after; new ones underlined", false)];
    let rows = all.iter().map(|near| {
        vec![bdi(&near.word), list(&near.before, &near.after, "gone"), list(&near.after, &near.before, "new")]
    });
    table("NeighbourChange before and after, among the task’s words", &columns, rows)
}

/// What became of rows that the vectors lack.
fn oov_rows(words: &WordChanges) -> String {
    let made = &words.oov_rows;
    if made.words == 0 {
        return String::new();
    }
    let norm = |norm: Option<f64>| norm.map_or("-".to_owned(), |norm| number(norm, 2));
    let known =
        made.known_norm_after.map_or(String::new(), |norm| format!("; that of known words is {}", number(norm, 2)));
    let mut html = format!(
        "<p>The vectors lack {}: the mean norm of their rows was {} and is {}{known}.</p>\n",
        counted(made.words, "word"),
        norm(made.norm_before),
        norm(made.norm_after),
    );
    if !made.nearest.is_empty() {
        let rows = made.nearest.iter().map(|(word, near)| {
            let near: Vec<String> =
                near.iter().map(|near| format!("{} {}", bdi(&near.word), number(f64::from(near.cosine), 2))).collect();
            vec![bdi(word), near.join(", ")]
        });
        html.push_str(&table(
            "Unknown words, most frequent first, and the known words nearest after training",
            &[("word", false), ("nearest, and cosine", false)],
            rows,
        ));
    }
    html
}

/// Mean distance by frequency, a line for each embedding.
fn by_frequency(variants: &[(EmbeddingMode, &WordChanges)]) -> Result<String> {
    let name = |band: &FrequencyBand| match band.max {
        Some(most) if most == band.min => most.to_string(),
        Some(most) => format!("{}–{most}", band.min),
        None => format!("{}+", thousands(band.min)),
    };
    // Side by side there is room for the least alone.
    let short = |band: &FrequencyBand| {
        if band.max == Some(band.min) { name(band) } else { format!("{}+", thousands(band.min)) }
    };
    let mut bands: Vec<&FrequencyBand> = variants.iter().flat_map(|(_, words)| &words.bands).collect();
    bands.sort_by_key(|band| band.min);
    bands.dedup_by_key(|band| band.min);
    if bands.is_empty() {
        return Ok(String::new());
    }
    let place = |band: &FrequencyBand| bands.iter().position(|other| other.min == band.min).unwrap_or(0) as f64;
    let series = variants.iter().map(|(variant, words)| Series {
        style: colour(*variant),
        points: words.bands.iter().map(|band| Point { x: place(band), y: band.distance, band: None }).collect(),
    });
    let ends: Vec<String> = variants
        .iter()
        .filter_map(|(variant, words)| Some((variant.name(), words.bands.first()?, words.bands.last()?)))
        .map(|(variant, first, last)| {
            format!("{variant} from {} to {}", number(first.distance, 3), number(last.distance, 3))
        })
        .collect();
    let plot = Curves {
        said: format!("Mean distance that rows moved, from rare words to frequent ones: {}", ends.join(", ")),
        across: Across::Names(bands.iter().map(|band| short(band)).collect()),
        across_name: "times in the training part".to_owned(),
        name: "mean distance".to_owned(),
        bounds: None,
        series: series.collect(),
    };
    let columns = [
        ("embedding", false),
        ("times", false),
        ("words", true),
        ("distance", true),
        ("cosine", true),
        ("share of all movement %", true),
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
    let caption = "How far rows moved, by how often their words occur in the training part.";
    let drawing = figure("", &plots::curves(&plot)?, caption, &table("Movement by frequency", &columns, rows));
    Ok(format!("{}{drawing}", signs(variants.iter().map(|(variant, _)| *variant))))
}
