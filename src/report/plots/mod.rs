//! Plots as SVG that stands in a page: colours are the page's own, so that they follow dark and light, and nothing is loaded.
//!
//! The plotting library writes colours as numbers. Here a colour is a number that means an [`Ink`], and what the library wrote is
//! replaced by the page's CSS property of that name. Each style has a colour, a dash and a marker of its own, so that it is told from
//! the others without colours too.

mod arrows;
mod curves;
mod rows;

use std::error::Error as StdError;
use std::fmt::Write;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::html::escaped;
use super::printable;
use crate::error::{Error, Result};

pub(super) use arrows::{Arrow, Arrows, arrows};
pub(super) use curves::{Across, Curves, Point, Series, curves};
pub(super) use rows::{Mark, Row, Rows, rows};

/// The library counts in whole units; so many of them are one of the drawing's, so that lines are smooth.
const FINE: f64 = 10.0;

/// Height of text, in the drawing's units: a drawing of 360 is shown on a telephone about as wide as that.
const TEXT: f64 = 13.0;

/// Colours of which the page has one each for embeddings; beyond that they come again, with other dashes.
const COLOURS: usize = 8;

/// What SVG takes for the dashes of a line; one after the other for embeddings.
const DASHES: [&str; 5] = ["", "7 3", "2 3", "10 3 2 3", "4 2"];

type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = std::result::Result<(), Box<dyn StdError + Send + Sync>>;
type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// What something is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    /// Text that is to be read.
    Text,
    /// Text beside it.
    Soft,
    /// Lines of a grid.
    Rule,
    /// The page beneath, for what is open inside.
    Card,
    /// An style.
    Series(usize),
    /// An style's line, with its dash.
    Dashed(usize),
    /// An style's band, through which one sees.
    Band(usize),
}

impl Ink {
    /// The number that stands for it until the drawing is done.
    fn colour(self) -> RGBColor {
        let (kind, style) = match self {
            Ink::Text => (0, 0),
            Ink::Soft => (1, 0),
            Ink::Rule => (2, 0),
            Ink::Card => (4, 0),
            Ink::Series(style) => (5, style),
            Ink::Dashed(style) => (6, style),
            Ink::Band(style) => (7, style),
        };
        RGBColor(kind, (style % 256) as u8, 0x5E)
    }

    /// The attributes that the number becomes; `paint` is `fill` or `stroke`.
    fn attributes(paint: &str, red: u8, green: u8) -> String {
        let style = green as usize;
        let name = style % COLOURS;
        match red {
            0 => format!("{paint}=\"var(--ink)\""),
            1 => format!("{paint}=\"var(--soft)\""),
            2 => format!("{paint}=\"var(--rule)\""),
            4 => format!("{paint}=\"var(--card)\""),
            6 => {
                let dash: Vec<String> = dash(style).split_whitespace().map(|length| format!("{length}0")).collect();
                let dash =
                    if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dash.join(" ")) };
                format!("{paint}=\"var(--a{name})\"{dash}")
            }
            7 => format!("{paint}=\"var(--a{name})\" fill-opacity=\".1\""),
            _ => format!("{paint}=\"var(--a{name})\""),
        }
    }
}

fn dash(style: usize) -> &'static str {
    DASHES[(style + style / COLOURS) % DASHES.len()]
}

/// A number of the drawing's units, in the library's.
fn fine(units: f64) -> i32 {
    (units * FINE).round() as i32
}

/// Draws: `width` x `height` are the drawing's units, `said` is what it shows, for those who cannot see it.
fn svg(width: f64, height: f64, said: &str, paint: impl FnOnce(&Drawing) -> Painted) -> Result<String> {
    let (wide, high) = (fine(width), fine(height));
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, (wide.unsigned_abs(), high.unsigned_abs())).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.map_err(|error| Error::invalid("a plot", "numbers that can be drawn", error.to_string()))?;
    }
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    Ok(format!(
        "<svg viewBox=\"0 0 {wide} {high}\" role=\"img\" aria-label=\"{}\">{}",
        escaped(said),
        with_properties(body)
    ))
}

/// Numbers that stand for inks become the page's properties. The library writes quotes of texts as references, so that what looks
/// like an attribute is one.
fn with_properties(drawn: &str) -> String {
    let mut out = String::with_capacity(drawn.len());
    let mut rest = drawn;
    while let Some(at) = rest.find("=\"#") {
        let (before, after) = rest.split_at(at);
        let number = after.get(3..9).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let start = before.rfind(' ').map_or(0, |space| space + 1);
        match (number, after.get(10..)) {
            (Some(number), Some(left)) => {
                out.push_str(&before[..start]);
                out.push_str(&Ink::attributes(&before[start..], (number >> 16) as u8, (number >> 8) as u8));
                rest = left;
            }
            _ => {
                out.push_str(before);
                out.push_str("=\"#");
                rest = &after[3..];
            }
        }
    }
    out.push_str(rest);
    // What the library says of every element and the page says once.
    for said in [" opacity=\"1\"", " font-family=\"sans-serif\"", " stroke=\"none\""] {
        out = out.replace(said, "");
    }
    out.replace(" \"", "\"").replace("\n", "")
}

/// The values at which an axis has lines, and what stands beside them.
type Ticks = Vec<(f64, String)>;

/// An axis of numbers.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    ticks: Ticks,
}

impl Axis {
    /// That holds all of some numbers, with about `count` ticks at round ones, and some room around; within `bounds`, if there are some.
    fn holding(values: impl Iterator<Item = f64>, count: usize, bounds: Option<[f64; 2]>) -> Axis {
        let (mut low, mut high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let room = (0.06 * (high - low)).max(1e-6 * low.abs().max(high.abs())).max(1e-9);
        (low, high) = (low - room, high + room);
        if let Some([least, most]) = bounds {
            (low, high) = (low.max(least - room), high.min(most + room));
        }
        let step = round_step((high - low) / count.max(1) as f64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (low / step).ceil();
        let ticks = (0..=2 * count)
            .map(|index| (first + index as f64) * step)
            .take_while(|&tick| tick <= high)
            // No minus before a zero.
            .map(|tick| (tick, format!("{:.decimals$}", if tick.abs() < step / 2.0 { 0.0 } else { tick })))
            .collect();
        Axis { low, high, ticks }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(tick, _)| *tick).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == value).map_or(String::new(), |(_, label)| label.clone())
    }
}

/// The least of 1, 2, 5, 10 ... that is not below a positive number.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|&step| step >= 0.999 * least).unwrap_or(10.0 * power)
}

/// Room around what is plotted, for what stands beside it.
#[derive(Debug, Clone, Copy)]
struct Margins {
    top: f64,
    right: f64,
    bottom: f64,
    left: f64,
}

/// Axes, lines across at the vertical axis's ticks, and `name` beneath.
fn plane<'a, 'b>(
    area: &'a Drawing<'b>,
    across: &Axis,
    up: &Axis,
    margins: Margins,
    name: &str,
) -> std::result::Result<Plane<'a, 'b>, Box<dyn StdError + Send + Sync>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(fine(margins.top))
        .margin_right(fine(margins.right))
        .x_label_area_size(fine(margins.bottom))
        .y_label_area_size(fine(margins.left))
        .build_cartesian_2d(across.clone(), up.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(line(Ink::Rule, 1.0))
        .axis_style(line(Ink::Rule, 1.0))
        .label_style(text(Ink::Soft, HPos::Center, VPos::Center))
        .axis_desc_style(text(Ink::Soft, HPos::Center, VPos::Center))
        .set_all_tick_mark_size(fine(3.0))
        .x_desc(name)
        .draw()?;
    Ok(chart)
}

/// Text of a kind; the library's font sizes are 1.24 times those it writes.
fn text(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", TEXT * FINE * 1.24).into_font().color(&ink.colour()).pos(Pos::new(horizontal, vertical))
}

/// Draws a line about as wide as `units`.
fn line(ink: Ink, units: f64) -> ShapeStyle {
    ShapeStyle { color: ink.colour().to_rgba(), filled: false, stroke_width: fine(units).unsigned_abs() }
}

/// The marker of an style around a place: filled, or open with the page inside.
fn marker(area: &Drawing, style: usize, (x, y): (i32, i32), radius: f64, filled: bool) -> Painted {
    let outer = marker_shape(style, radius);
    let at = |shape: &[(f64, f64)]| shape.iter().map(|&(dx, dy)| (x + fine(dx), y + fine(dy))).collect::<Vec<_>>();
    area.draw(&Polygon::new(at(&outer), Ink::Series(style).colour().filled()))?;
    if !filled {
        area.draw(&Polygon::new(at(&marker_shape(style, radius - 1.6)), Ink::Card.colour().filled()))?;
    }
    Ok(())
}

/// The corners of an style's marker around its middle.
fn marker_shape(style: usize, radius: f64) -> Vec<(f64, f64)> {
    let corners = |count: usize, turn: f64, radius: f64| {
        let corner = move |index: usize| {
            let angle = (turn + index as f64 / count as f64) * std::f64::consts::TAU;
            (radius * angle.sin(), -radius * angle.cos())
        };
        (0..count).map(corner).collect::<Vec<_>>()
    };
    match (style + style / COLOURS) % DASHES.len() {
        0 => corners(20, 0.0, radius),
        1 => corners(4, 0.125, 1.25 * radius),
        2 => corners(3, 0.0, 1.35 * radius),
        3 => corners(4, 0.0, 1.3 * radius),
        _ => corners(3, 0.5, 1.35 * radius),
    }
}

/// An style's line and marker as a legend shows them.
pub(super) fn key(style: usize) -> String {
    let mut points = String::new();
    for (x, y) in marker_shape(style, 4.0) {
        let _ = write!(points, "{:.1},{:.1} ", 16.0 + x, 6.0 + y);
    }
    let dash = match dash(style) {
        "" => String::new(),
        dash => format!(" stroke-dasharray=\"{dash}\""),
    };
    let name = style % COLOURS;
    format!(
        "<svg class=\"sign\" viewBox=\"0 0 32 12\" aria-hidden=\"true\"><path stroke=\"var(--a{name})\" stroke-width=\"2\"{dash} \
         d=\"M0 6H32\"/><polygon fill=\"var(--a{name})\" points=\"{}\"/></svg>",
        points.trim_end()
    )
}

/// At most so many characters of a text, the last of more an ellipsis.
fn shortened(text: &str, most: usize) -> String {
    let text = printable(text);
    match text.char_indices().nth(most.saturating_sub(1)) {
        Some((end, _)) if text[end..].chars().nth(1).is_some() => format!("{}…", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_numbers_at_round_ticks() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>().join(" ");
        let axis = Axis::holding([61.0, 79.5, f64::NAN].into_iter(), 5, Some([0.0, 100.0]));
        assert_eq!(labels(&axis), "60 65 70 75 80");
        assert!(axis.low < 61.0 && axis.high > 79.5);
        assert_eq!(labels(&Axis::holding([-0.5, 0.5].into_iter(), 4, None)), "-0.5 0.0 0.5");
        // Nothing, a single number, numbers that differ by next to nothing or by a great deal.
        for values in [vec![], vec![0.0], vec![3.0; 4], vec![1e20, 1e20], vec![1.0, 1.0 + 1e-15], vec![1e-300, 1e300]] {
            let axis = Axis::holding(values.iter().copied(), 5, None);
            assert!(axis.low < axis.high && axis.ticks.len() <= 11, "{values:?}: {axis:?}");
        }
    }

    #[test]
    fn inks_become_properties_and_texts_stay() {
        let drawn = "<text fill=\"#00005E\">=&quot;#00005E</text><polyline fill=\"none\" stroke=\"#06015E\"/>\
                     <polygon fill=\"#07015E\"/>";
        let expected = "<text fill=\"var(--ink)\">=&quot;#00005E</text>\
                        <polyline fill=\"none\" stroke=\"var(--a1)\" stroke-dasharray=\"70 30\"/><polygon fill=\"var(--a1)\" fill-opacity=\".1\"/>";
        assert_eq!(with_properties(drawn), expected);
    }

    #[test]
    fn long_texts_are_shortened() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("日本語の", 3), "日本…");
        assert_eq!(shortened("a\u{1b}b", 9), "a\u{FFFD}b");
    }
}
