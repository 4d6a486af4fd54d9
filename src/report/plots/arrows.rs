//! Arrow plots: positions of words before and after training.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use unicode_width::UnicodeWidthStr;

use super::canvas::{FONT_SIZE, Ink, line, scaled, svg, text, truncated};
use crate::error::Result;

/// Margin at the edges.
const MARGIN: f64 = 14.0;

/// Minimum height of a plot, and maximum height of a narrow one.
const MIN_HEIGHT: f64 = 200.0;
const MAX_HEIGHT: f64 = 420.0;

/// Length of an arrowhead.
const HEAD_LENGTH: f64 = 8.0;

/// Width of a character relative to the font size; wide enough for most letters.
const CHARACTER_WIDTH: f64 = 0.58;

/// Maximum number of characters of a label.
const MAX_LABEL: usize = 18;

/// A word and its positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// The word.
    pub word: String,
    /// Whether it is a watched word: these are labelled first.
    pub watched: bool,
    /// x and y before training.
    pub before: [f64; 2],
    /// x and y after training.
    pub after: [f64; 2],
}

/// An arrow plot.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrowPlot {
    /// Text alternative for screen readers.
    pub description: String,
    /// The colour.
    pub style: usize,
    /// The words; if there is no space for all labels, earlier words have them.
    pub arrows: Vec<Arrow>,
}

type Position = (f64, f64);

/// The box of a label or marker: left, top, right, bottom.
#[derive(Debug, Clone, Copy)]
struct LabelBox([f64; 4]);

impl LabelBox {
    fn overlaps(&self, other: &LabelBox) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        a < g && e < c && b < h && f < d
    }

    fn contains(&self, (x, y): Position) -> bool {
        let [left, top, right, bottom] = self.0;
        (left..=right).contains(&x) && (top..=bottom).contains(&y)
    }

    fn around((x, y): Position, radius: f64) -> LabelBox {
        LabelBox([x - radius, y - radius, x + radius, y + radius])
    }
}

/// Draws an arrow plot with the same scale on both axes, and returns the number of labelled words. Labels that would overlap another
/// label or an end of an arrow are omitted.
pub fn arrow_plot(plot: &ArrowPlot, width: f64) -> Result<(String, usize)> {
    let words: Vec<&Arrow> = plot
        .arrows
        .iter()
        .filter(|arrow| arrow.before.iter().chain(&arrow.after).all(|coordinate| coordinate.is_finite()))
        .collect();
    let (height, position) = layout(&words, width);
    let arrows: Vec<(Position, Position)> =
        words.iter().map(|word| (position(word.before), position(word.after))).collect();
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by_key(|&index| !words[index].watched);
    let labels = labels(&words, &arrows, &order, width, height);
    let labelled = labels.len();
    let drawn = svg(width, height, &plot.description, |area| {
        let at = |(x, y): Position| (scaled(x), scaled(y));
        for &(from, to) in &arrows {
            area.draw(&Circle::new(at(from), scaled(2.4), line(Ink::Soft, 1.0)))?;
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            if length < 1.0 {
                area.draw(&Circle::new(at(to), scaled(2.0), Ink::Series(plot.style).colour().filled()))?;
                continue;
            }
            let (dx, dy) = (dx / length, dy / length);
            let head = HEAD_LENGTH.min(0.6 * length + 2.0);
            let neck = (to.0 - head * dx, to.1 - head * dy);
            area.draw(&PathElement::new(vec![at(from), at(neck)], line(Ink::Series(plot.style), 1.3)))?;
            let side = |sign: f64| at((neck.0 - sign * 0.4 * head * dy, neck.1 + sign * 0.4 * head * dx));
            area.draw(&Polygon::new(vec![at(to), side(1.0), side(-1.0)], Ink::Series(plot.style).colour().filled()))?;
        }
        for (index, (left, middle)) in &labels {
            let word = &words[*index];
            let ink = if word.watched { Ink::Text } else { Ink::Soft };
            let style = text(ink, HPos::Left, VPos::Center);
            area.draw(&Text::new(truncated(&word.word, MAX_LABEL), at((*left, *middle)), &style))?;
        }
        Ok(())
    })?;
    Ok((drawn, labelled))
}

/// The height of the plot, and the function from coordinates to positions: the same scale on both axes, y upwards.
fn layout(words: &[&Arrow], width: f64) -> (f64, impl Fn([f64; 2]) -> Position) {
    let ends = |axis: usize| {
        let values = words.iter().flat_map(move |word| [word.before[axis], word.after[axis]]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (low, high)) = (ends(0), ends(1));
    let x_scale = (width - 2.0 * MARGIN) / (right - left);
    let needed = (high - low) * x_scale + 2.0 * MARGIN;
    let height = if needed.is_finite() { needed.clamp(MIN_HEIGHT, MAX_HEIGHT.max(0.6 * width)) } else { MIN_HEIGHT };
    let scale = x_scale.min((height - 2.0 * MARGIN) / (high - low));
    let scale = if scale.is_finite() && scale > 0.0 { scale } else { 0.0 };
    let (middle_x, middle_y) = (left / 2.0 + right / 2.0, low / 2.0 + high / 2.0);
    (height, move |[x, y]: [f64; 2]| (width / 2.0 + scale * (x - middle_x), height / 2.0 - scale * (y - middle_y)))
}

/// The positions of labels: index of the word, left end and vertical middle of its label.
fn labels(
    words: &[&Arrow],
    arrows: &[(Position, Position)],
    order: &[usize],
    width: f64,
    height: f64,
) -> Vec<(usize, Position)> {
    let mut taken: Vec<LabelBox> =
        arrows.iter().flat_map(|&(from, to)| [LabelBox::around(from, 2.5), LabelBox::around(to, 3.5)]).collect();
    let shafts: Vec<Position> = arrows
        .iter()
        .flat_map(|&((x, y), (a, b))| {
            (1..12).map(move |step| (x + (a - x) * f64::from(step) / 12.0, y + (b - y) * f64::from(step) / 12.0))
        })
        .collect();
    let mut labels = Vec::new();
    for &index in order {
        let (_, (x, y)) = arrows[index];
        let wide = CHARACTER_WIDTH * FONT_SIZE * truncated(&words[index].word, MAX_LABEL).width() as f64;
        let half = 0.55 * FONT_SIZE;
        // Candidates: right of the point, left, above, below, and between these.
        let candidates = [
            (x + 6.0, y),
            (x - 6.0 - wide, y),
            (x - wide / 2.0, y - half - 5.0),
            (x - wide / 2.0, y + half + 5.0),
            (x + 4.0, y - half - 2.0),
            (x + 4.0, y + half + 2.0),
            (x - 4.0 - wide, y - half - 2.0),
            (x - 4.0 - wide, y + half + 2.0),
        ];
        let free = candidates.into_iter().filter_map(|(left, middle)| {
            let label = LabelBox([left, middle - half, left + wide, middle + half]);
            let inside =
                left >= 1.0 && left + wide <= width - 1.0 && middle - half >= 1.0 && middle + half <= height - 1.0;
            let is_free = inside && !taken.iter().any(|other| label.overlaps(other));
            let crossed = shafts.iter().filter(|&&shaft| label.contains(shaft)).count();
            is_free.then_some((crossed, (left, middle), label))
        });
        // The first candidate that crosses the fewest arrows.
        if let Some((_, at, label)) = free.min_by_key(|&(crossed, ..)| crossed) {
            taken.push(label);
            labels.push((index, at));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(word: &str, before: [f64; 2], after: [f64; 2], watched: bool) -> Arrow {
        Arrow { word: word.to_owned(), watched, before, after }
    }

    #[test]
    fn labels_do_not_overlap() {
        let near: Vec<Arrow> =
            (0..40).map(|i| arrow(&format!("word{i}"), [0.0, 0.0], [f64::from(i) / 1000.0, 1.0], i == 39)).collect();
        let mut all = near.clone();
        all.push(arrow("far", [5.0, 0.0], [5.0, 1.0], false));
        let plot = ArrowPlot { description: String::new(), style: 1, arrows: all };
        let (drawn, labelled) = arrow_plot(&plot, 360.0).unwrap();
        assert!((2..20).contains(&labelled), "{labelled}");
        assert_eq!(drawn.matches("<text").count(), labelled);
        // The watched word is labelled first.
        assert!(drawn.contains("word39") && drawn.contains("far"), "{drawn}");
    }

    #[test]
    fn all_kinds_of_numbers_are_drawn() {
        for coordinates in [
            vec![],
            vec![[0.0, 0.0]],
            vec![[f64::NAN, 0.0], [1.0, f64::INFINITY]],
            vec![[1e300, -1e300], [-1e300, 1e300]],
            vec![[1e-300, 0.0], [0.0, 0.0]],
        ] {
            let words = coordinates.iter().map(|&at| arrow("w", at, [0.0, 0.0], false)).collect();
            let (drawn, _) =
                arrow_plot(&ArrowPlot { description: String::new(), style: 0, arrows: words }, 360.0).unwrap();
            assert!(drawn.ends_with("</svg>") && !drawn.contains("NaN"), "{drawn}");
        }
    }
}
