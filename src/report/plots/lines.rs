//! Line plots with bands: scores by epoch, scores by train size, distance by word frequency.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Axis, FONT_SIZE, Ink, Margins, Plane, Ticks, line, marker, plane, round_step, scaled, svg, text};
use crate::error::Result;

/// Maximum number of markers per line; longer lines have markers at some of their points.
const MAX_MARKERS: usize = 12;

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Position on the x axis.
    pub x: f64,
    /// Position on the y axis.
    pub y: f64,
    /// The range of the band, if there is one.
    pub band: Option<[f64; 2]>,
}

/// A line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its style, for colour, dash and marker.
    pub style: usize,
    /// The points, from left to right.
    pub points: Vec<Point>,
}

/// The kind of x axis.
#[derive(Debug, Clone, PartialEq)]
pub enum XAxis {
    /// Integers, such as epochs.
    Integers,
    /// A logarithmic axis with ticks at these numbers, the only positions of points.
    Log(Vec<(f64, String)>),
    /// Categories at 0, 1, 2, ...
    Categories(Vec<String>),
}

/// A line plot with bands.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// Text alternative for screen readers.
    pub description: String,
    /// The kind of x axis.
    pub x_axis: XAxis,
    /// The label below the x axis.
    pub x_label: String,
    /// The label above the y axis.
    pub y_label: String,
    /// Limits of the y axis, if values have limits.
    pub bounds: Option<[f64; 2]>,
    /// The lines.
    pub series: Vec<Series>,
}

/// Draws a line plot, 360 units wide.
pub fn line_plot(plot: &LinePlot) -> Result<String> {
    const WIDTH: f64 = 360.0;
    const HEIGHT: f64 = 250.0;
    let position = |x: f64| if matches!(plot.x_axis, XAxis::Log(_)) { x.max(1.0).log10() } else { x };
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let values = points().flat_map(|point| [point.y].into_iter().chain(point.band.into_iter().flatten()));
    let y_axis = Axis::covering(values, 5, plot.bounds);
    let x_axis = x_axis(&plot.x_axis, points().map(|point| position(point.x)));
    // Space for the longest tick label of the y axis.
    let longest = y_axis.ticks.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
    let left = (0.62 * FONT_SIZE * longest as f64 + 12.0).max(40.0);
    svg(WIDTH, HEIGHT, &plot.description, |area| {
        let margins = Margins { top: FONT_SIZE + 12.0, right: 14.0, bottom: 2.0 * FONT_SIZE + 14.0, left };
        let chart = plane(area, &x_axis, &y_axis, margins, &plot.x_label)?;
        let name = text(Ink::Soft, HPos::Left, VPos::Top);
        area.draw(&Text::new(plot.y_label.as_str(), (scaled(2.0), scaled(2.0)), &name))?;
        let pixel =
            |chart: &Plane, x: f64, y: f64| chart.backend_coord(&(position(x), y.clamp(y_axis.low, y_axis.high)));
        for series in &plot.series {
            let points = || series.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite());
            let side = |end: usize| {
                points().filter_map(move |point| Some((point.x, point.band.filter(|b| b[0].is_finite())?[end])))
            };
            let mut band: Vec<(i32, i32)> = side(0).map(|(x, y)| pixel(&chart, x, y)).collect();
            let mut upper: Vec<(i32, i32)> = side(1).map(|(x, y)| pixel(&chart, x, y)).collect();
            // A band at a single point is a vertical line.
            if let ([low], [high]) = (band.as_slice(), upper.as_slice()) {
                area.draw(&PathElement::new(vec![*low, *high], line(Ink::Series(series.style), 1.5)))?;
            } else if band.len() > 1 {
                upper.reverse();
                band.extend(upper);
                area.draw(&Polygon::new(band, Ink::Band(series.style).colour().filled()))?;
            }
        }
        for series in &plot.series {
            let points = series.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite());
            let pixels: Vec<(i32, i32)> = points.map(|point| pixel(&chart, point.x, point.y)).collect();
            if pixels.len() > 1 {
                area.draw(&PathElement::new(pixels.clone(), line(Ink::Dashed(series.style), 2.0)))?;
            }
            // The last point always has a marker.
            let every = pixels.len().div_ceil(MAX_MARKERS).max(1);
            for &at in pixels.iter().rev().step_by(every) {
                marker(area, series.style, at, 3.5, true)?;
            }
        }
        Ok(())
    })
}

/// The x axis for points at some positions.
fn x_axis(kind: &XAxis, positions: impl Iterator<Item = f64>) -> Axis {
    match kind {
        XAxis::Integers => {
            let last = positions.filter(|position| position.is_finite()).fold(1.0, f64::max);
            let step = ((last / 8.0).ceil()).max(1.0);
            // A tick at 1, then at round numbers.
            let step = if step > 1.0 { round_step(step) } else { 1.0 };
            let first = std::iter::once(1.0);
            let after = (1..=10).map(|index| if step > 1.0 { index as f64 * step } else { index as f64 + 1.0 });
            let ticks = first.chain(after.filter(|&tick| tick > 1.0 && tick <= last));
            let margin = 0.03 * (last - 1.0).max(1.0);
            Axis {
                low: 1.0 - margin,
                high: last + margin,
                ticks: ticks.map(|tick| (tick, format!("{tick:.0}"))).collect(),
            }
        }
        XAxis::Log(ticks) => {
            let ticks: Ticks = ticks.iter().map(|(value, label)| (value.max(1.0).log10(), label.clone())).collect();
            let (low, high) = ticks
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (tick, _)| (low.min(*tick), high.max(*tick)));
            let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
            let margin = (0.06 * (high - low)).max(0.05);
            Axis { low: low - margin, high: high + margin, ticks: thin_out(ticks, 0.14 * (high - low)) }
        }
        XAxis::Categories(names) => {
            let ticks: Ticks = names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect();
            Axis { low: -0.4, high: (names.len() as f64 - 0.6).max(0.4), ticks }
        }
    }
}

/// Removes the labels of ticks that are closer than `min_distance` to the labelled tick before.
fn thin_out(ticks: Ticks, min_distance: f64) -> Ticks {
    let mut last = f64::NEG_INFINITY;
    let blank = |(tick, label): (f64, String)| {
        if tick - last < min_distance {
            return (tick, String::new());
        }
        last = tick;
        (tick, label)
    };
    ticks.into_iter().map(blank).collect()
}
