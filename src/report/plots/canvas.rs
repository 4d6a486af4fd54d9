//! What all plots share: colours, axes, markers and text.
//!
//! The plotting library writes colours as numbers. Here each number encodes an [`Ink`], and the finished SVG has CSS properties of the page
//! in place of the numbers.

use std::error::Error as StdError;
use std::fmt::Write;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};
use crate::report::html::escaped;
use crate::report::text::printable;

/// Library units per drawing unit. The library has integer coordinates; a fine grid makes lines smooth.
const SCALE: f64 = 10.0;

/// Font size in drawing units. A phone shows a drawing of 360 units at about that many pixels.
pub(super) const FONT_SIZE: f64 = 13.0;

/// Number of colours of the page for embeddings. More embeddings repeat them with other dash patterns.
const COLOURS: usize = 8;

/// SVG dash patterns, in the order in which embeddings use them.
const DASHES: [&str; 5] = ["", "7 3", "2 3", "10 3 2 3", "4 2"];

pub(super) type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type PaintResult = std::result::Result<(), Box<dyn StdError + Send + Sync>>;
pub(super) type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// The colour of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Main text.
    Text,
    /// Secondary text.
    Soft,
    /// Grid lines.
    Rule,
    /// The background of the page, inside open markers.
    Card,
    /// An embedding: lines and markers.
    Series(usize),
    /// A line of an embedding, with its dash pattern.
    Dashed(usize),
    /// The translucent band of an embedding.
    Band(usize),
}

impl Ink {
    /// The number that encodes it in the output of the library.
    pub(super) fn colour(self) -> RGBColor {
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

    /// The attributes that replace the number; `paint` is `fill` or `stroke`.
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

/// Converts drawing units to library units.
pub(super) fn scaled(units: f64) -> i32 {
    (units * SCALE).round() as i32
}

/// Draws an SVG of `width` x `height` drawing units; `description` is its text alternative for screen readers.
pub(super) fn svg(
    width: f64,
    height: f64,
    description: &str,
    paint: impl FnOnce(&Drawing) -> PaintResult,
) -> Result<String> {
    let (wide, high) = (scaled(width), scaled(height));
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, (wide.unsigned_abs(), high.unsigned_abs())).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.map_err(|error| Error::invalid("plot", "numbers that can be drawn", error.to_string()))?;
    }
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    Ok(format!(
        "<svg viewBox=\"0 0 {wide} {high}\" role=\"img\" aria-label=\"{}\">{}",
        escaped(description),
        with_properties(body)
    ))
}

/// Replaces the numbers that encode inks by properties of the page. The library escapes quotes in texts, so whatever looks like an
/// attribute is one.
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
    // The style sheet sets these attributes once for all elements.
    for attribute in [" opacity=\"1\"", " font-family=\"sans-serif\"", " stroke=\"none\""] {
        out = out.replace(attribute, "");
    }
    out.replace(" \"", "\"").replace("\n", "")
}

/// The positions of ticks, and their labels.
pub(super) type Ticks = Vec<(f64, String)>;

/// A numeric axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Ticks,
}

impl Axis {
    /// An axis that covers all values with a margin, within `bounds` if given, and has about `count` ticks at round numbers.
    pub(super) fn covering(values: impl Iterator<Item = f64>, count: usize, bounds: Option<[f64; 2]>) -> Axis {
        let (mut low, mut high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let margin = (0.06 * (high - low)).max(1e-6 * low.abs().max(high.abs())).max(1e-9);
        (low, high) = (low - margin, high + margin);
        if let Some([min, max]) = bounds {
            (low, high) = (low.max(min - margin), high.min(max + margin));
        }
        let step = round_step((high - low) / count.max(1) as f64);
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (low / step).ceil();
        let ticks = (0..=2 * count)
            .map(|index| (first + index as f64) * step)
            .take_while(|&tick| tick <= high)
            // Zero has no sign.
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

/// The smallest of 1, 2, 5, 10 ... that is at least `min`, a positive number.
pub(super) fn round_step(min: f64) -> f64 {
    let power = 10f64.powf(min.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|&step| step >= 0.999 * min).unwrap_or(10.0 * power)
}

/// Margins around the plot area, for labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins {
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) left: f64,
}

/// Draws axes with horizontal grid lines and an x label.
pub(super) fn plane<'a, 'b>(
    area: &'a Drawing<'b>,
    x_axis: &Axis,
    y_axis: &Axis,
    margins: Margins,
    x_label: &str,
) -> std::result::Result<Plane<'a, 'b>, Box<dyn StdError + Send + Sync>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(scaled(margins.top))
        .margin_right(scaled(margins.right))
        .x_label_area_size(scaled(margins.bottom))
        .y_label_area_size(scaled(margins.left))
        .build_cartesian_2d(x_axis.clone(), y_axis.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(line(Ink::Rule, 1.0))
        .axis_style(line(Ink::Rule, 1.0))
        .label_style(text(Ink::Soft, HPos::Center, VPos::Center))
        .axis_desc_style(text(Ink::Soft, HPos::Center, VPos::Center))
        .set_all_tick_mark_size(scaled(3.0))
        .x_desc(x_label)
        .draw()?;
    Ok(chart)
}

/// A text style. The library writes font sizes divided by 1.24.
pub(super) fn text(ink: Ink, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", FONT_SIZE * SCALE * 1.24).into_font().color(&ink.colour()).pos(Pos::new(horizontal, vertical))
}

/// A line about `units` wide.
pub(super) fn line(ink: Ink, units: f64) -> ShapeStyle {
    ShapeStyle { color: ink.colour().to_rgba(), filled: false, stroke_width: scaled(units).unsigned_abs() }
}

/// Draws the marker of an embedding, filled or open.
pub(super) fn marker(area: &Drawing, style: usize, (x, y): (i32, i32), radius: f64, filled: bool) -> PaintResult {
    let outer = marker_shape(style, radius);
    let at = |shape: &[(f64, f64)]| shape.iter().map(|&(dx, dy)| (x + scaled(dx), y + scaled(dy))).collect::<Vec<_>>();
    area.draw(&Polygon::new(at(&outer), Ink::Series(style).colour().filled()))?;
    if !filled {
        area.draw(&Polygon::new(at(&marker_shape(style, radius - 1.6)), Ink::Card.colour().filled()))?;
    }
    Ok(())
}

/// The corners of the marker of an embedding, relative to its centre.
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

/// The line and marker of an embedding in a legend.
pub(in crate::report) fn legend_key(style: usize) -> String {
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

/// A text of at most `max` characters; a longer one ends in an ellipsis.
pub(super) fn truncated(text: &str, max: usize) -> String {
    let text = printable(text);
    match text.char_indices().nth(max.saturating_sub(1)) {
        Some((end, _)) if text[end..].chars().nth(1).is_some() => format!("{}…", &text[..end]),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_cover_their_values_with_round_ticks() {
        let labels = |axis: &Axis| axis.ticks.iter().map(|(_, label)| label.clone()).collect::<Vec<_>>().join(" ");
        let axis = Axis::covering([61.0, 79.5, f64::NAN].into_iter(), 5, Some([0.0, 100.0]));
        assert_eq!(labels(&axis), "60 65 70 75 80");
        assert!(axis.low < 61.0 && axis.high > 79.5);
        assert_eq!(labels(&Axis::covering([-0.5, 0.5].into_iter(), 4, None)), "-0.5 0.0 0.5");
        // No value, a single value, values that differ by very little or by a great deal.
        for values in [vec![], vec![0.0], vec![3.0; 4], vec![1e20, 1e20], vec![1.0, 1.0 + 1e-15], vec![1e-300, 1e300]] {
            let axis = Axis::covering(values.iter().copied(), 5, None);
            assert!(axis.low < axis.high && axis.ticks.len() <= 11, "{values:?}: {axis:?}");
        }
    }

    #[test]
    fn inks_become_properties_and_text_is_kept() {
        let drawn = "<text fill=\"#00005E\">=&quot;#00005E</text><polyline fill=\"none\" stroke=\"#06015E\"/>\
                     <polygon fill=\"#07015E\"/>";
        let expected = "<text fill=\"var(--ink)\">=&quot;#00005E</text>\
                        <polyline fill=\"none\" stroke=\"var(--a1)\" stroke-dasharray=\"70 30\"/><polygon fill=\"var(--a1)\" fill-opacity=\".1\"/>";
        assert_eq!(with_properties(drawn), expected);
    }

    #[test]
    fn long_texts_are_truncated() {
        assert_eq!(truncated("abc", 3), "abc");
        assert_eq!(truncated("abcd", 3), "ab…");
        assert_eq!(truncated("日本語の", 3), "日本…");
        assert_eq!(truncated("a\u{1b}b", 9), "a\u{FFFD}b");
    }
}
