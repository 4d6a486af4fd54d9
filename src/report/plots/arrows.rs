//! Where words were and where they are now: arrows in the plane.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use unicode_width::UnicodeWidthStr;

use super::{Ink, TEXT, fine, line, shortened, svg, text};
use crate::error::Result;

/// Room at the edges.
const EDGE: f64 = 14.0;

/// The least height of a drawing, and the largest of a narrow one.
const LEAST: f64 = 200.0;
const LARGEST: f64 = 420.0;

/// Length of an arrow's head.
const HEAD: f64 = 8.0;

/// Width of a column of text, over its height: wide enough for most letters.
const COLUMN: f64 = 0.58;

/// Characters of a word that have room.
const WORD: usize = 18;

/// A word that moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrow {
    /// The word.
    pub word: String,
    /// Whether it was asked for: its label comes before others.
    pub watched: bool,
    /// x and y before.
    pub before: [f64; 2],
    /// x and y after.
    pub after: [f64; 2],
}

/// Words that moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrows {
    /// What it shows, in a sentence.
    pub said: String,
    /// The style, for the colour.
    pub style: usize,
    /// The words; where labels have no room for all, earlier words have them.
    pub arrows: Vec<Arrow>,
}

type Place = (f64, f64);

/// A box that a label takes: left, top, right, bottom.
#[derive(Debug, Clone, Copy)]
struct Taken([f64; 4]);

impl Taken {
    fn meets(&self, other: &Taken) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        a < g && e < c && b < h && f < d
    }

    fn holds(&self, (x, y): Place) -> bool {
        let [left, top, right, bottom] = self.0;
        (left..=right).contains(&x) && (top..=bottom).contains(&y)
    }

    fn around((x, y): Place, radius: f64) -> Taken {
        Taken([x - radius, y - radius, x + radius, y + radius])
    }
}

/// Draws arrows, the same units across and up, as high as they need; and says how many of the words have a label. A label that would lie upon another or
/// upon an end of an arrow is left out.
pub fn arrows(plot: &Arrows, width: f64) -> Result<(String, usize)> {
    let words: Vec<&Arrow> = plot
        .arrows
        .iter()
        .filter(|arrow| arrow.before.iter().chain(&arrow.after).all(|coordinate| coordinate.is_finite()))
        .collect();
    let (height, place) = fitted(&words, width);
    let ways: Vec<(Place, Place)> = words.iter().map(|word| (place(word.before), place(word.after))).collect();
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by_key(|&index| !words[index].watched);
    let labels = labels(&words, &ways, &order, width, height);
    let labelled = labels.len();
    let drawn = svg(width, height, &plot.said, |area| {
        let at = |(x, y): Place| (fine(x), fine(y));
        for &(from, to) in &ways {
            area.draw(&Circle::new(at(from), fine(2.4), line(Ink::Soft, 1.0)))?;
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            if length < 1.0 {
                area.draw(&Circle::new(at(to), fine(2.0), Ink::Series(plot.style).colour().filled()))?;
                continue;
            }
            let (dx, dy) = (dx / length, dy / length);
            let head = HEAD.min(0.6 * length + 2.0);
            let neck = (to.0 - head * dx, to.1 - head * dy);
            area.draw(&PathElement::new(vec![at(from), at(neck)], line(Ink::Series(plot.style), 1.3)))?;
            let side = |sign: f64| at((neck.0 - sign * 0.4 * head * dy, neck.1 + sign * 0.4 * head * dx));
            area.draw(&Polygon::new(vec![at(to), side(1.0), side(-1.0)], Ink::Series(plot.style).colour().filled()))?;
        }
        for (index, (left, middle)) in &labels {
            let word = &words[*index];
            let ink = if word.watched { Ink::Text } else { Ink::Soft };
            let style = text(ink, HPos::Left, VPos::Center);
            area.draw(&Text::new(shortened(&word.word, WORD), at((*left, *middle)), &style))?;
        }
        Ok(())
    })?;
    Ok((drawn, labelled))
}

/// The drawing's height, and what puts coordinates into it, with the same scale both ways and y upwards.
fn fitted(words: &[&Arrow], width: f64) -> (f64, impl Fn([f64; 2]) -> Place) {
    let ends = |axis: usize| {
        let values = words.iter().flat_map(move |word| [word.before[axis], word.after[axis]]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (low, high)) = (ends(0), ends(1));
    let across = (width - 2.0 * EDGE) / (right - left);
    let needed = (high - low) * across + 2.0 * EDGE;
    let height = if needed.is_finite() { needed.clamp(LEAST, LARGEST.max(0.6 * width)) } else { LEAST };
    let scale = across.min((height - 2.0 * EDGE) / (high - low));
    let scale = if scale.is_finite() && scale > 0.0 { scale } else { 0.0 };
    let (middle_x, middle_y) = (left / 2.0 + right / 2.0, low / 2.0 + high / 2.0);
    (height, move |[x, y]: [f64; 2]| (width / 2.0 + scale * (x - middle_x), height / 2.0 - scale * (y - middle_y)))
}

/// Where labels go: index of the word, left end and middle of its label.
fn labels(words: &[&Arrow], ways: &[(Place, Place)], order: &[usize], width: f64, height: f64) -> Vec<(usize, Place)> {
    let mut taken: Vec<Taken> =
        ways.iter().flat_map(|&(from, to)| [Taken::around(from, 2.5), Taken::around(to, 3.5)]).collect();
    let shafts: Vec<Place> = ways
        .iter()
        .flat_map(|&((x, y), (a, b))| {
            (1..12).map(move |step| (x + (a - x) * f64::from(step) / 12.0, y + (b - y) * f64::from(step) / 12.0))
        })
        .collect();
    let mut labels = Vec::new();
    for &index in order {
        let (_, (x, y)) = ways[index];
        let wide = COLUMN * TEXT * shortened(&words[index].word, WORD).width() as f64;
        let half = 0.55 * TEXT;
        // Left end and middle: right of the point, left, above, beneath, and between these.
        let places = [
            (x + 6.0, y),
            (x - 6.0 - wide, y),
            (x - wide / 2.0, y - half - 5.0),
            (x - wide / 2.0, y + half + 5.0),
            (x + 4.0, y - half - 2.0),
            (x + 4.0, y + half + 2.0),
            (x - 4.0 - wide, y - half - 2.0),
            (x - 4.0 - wide, y + half + 2.0),
        ];
        let free = places.into_iter().filter_map(|(left, middle)| {
            let label = Taken([left, middle - half, left + wide, middle + half]);
            let inside =
                left >= 1.0 && left + wide <= width - 1.0 && middle - half >= 1.0 && middle + half <= height - 1.0;
            let is_free = inside && !taken.iter().any(|other| label.meets(other));
            let crossed = shafts.iter().filter(|&&shaft| label.holds(shaft)).count();
            is_free.then_some((crossed, (left, middle), label))
        });
        // Of equals the first.
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
    fn labels_do_not_lie_upon_each_other() {
        let near: Vec<Arrow> =
            (0..40).map(|i| arrow(&format!("word{i}"), [0.0, 0.0], [f64::from(i) / 1000.0, 1.0], i == 39)).collect();
        let mut all = near.clone();
        all.push(arrow("far", [5.0, 0.0], [5.0, 1.0], false));
        let plot = Arrows { said: String::new(), style: 1, arrows: all };
        let (drawn, labelled) = arrows(&plot, 360.0).unwrap();
        assert!((2..20).contains(&labelled), "{labelled}");
        assert_eq!(drawn.matches("<text").count(), labelled);
        // The one that was asked for comes first.
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
            let (drawn, _) = arrows(&Arrows { said: String::new(), style: 0, arrows: words }, 360.0).unwrap();
            assert!(drawn.ends_with("</svg>") && !drawn.contains("NaN"), "{drawn}");
        }
    }
}
