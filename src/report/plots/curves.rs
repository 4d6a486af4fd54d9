//! Lines with bands: scores by epoch, or by the number of texts, or movement by frequency.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Axis, Ink, Margins, Plane, TEXT, Ticks, fine, line, marker, plane, svg, text};
use crate::error::Result;

/// Up to so many points each has its marker.
const MARKED: usize = 12;

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where on the horizontal axis.
    pub x: f64,
    /// How high.
    pub y: f64,
    /// What the band holds there.
    pub band: Option<[f64; 2]>,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its style, for colour, dash and marker.
    pub style: usize,
    /// From left to right.
    pub points: Vec<Point>,
}

/// What the horizontal axis shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// Whole numbers, such as epochs.
    Whole,
    /// Numbers, at which alone there are points, by their logarithm.
    Logarithm(Vec<(f64, String)>),
    /// Names for 0, 1, 2 and so on.
    Names(Vec<String>),
}

/// Lines with bands.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What it shows, in a sentence.
    pub said: String,
    /// The horizontal axis.
    pub across: Across,
    /// What stands beneath it.
    pub across_name: String,
    /// What stands above the vertical axis.
    pub name: String,
    /// Between which numbers its values can lie.
    pub bounds: Option<[f64; 2]>,
    /// The lines.
    pub series: Vec<Series>,
}

/// Draws lines with bands, 360 units wide.
pub fn curves(plot: &Curves) -> Result<String> {
    const WIDTH: f64 = 360.0;
    const HEIGHT: f64 = 250.0;
    let place = |x: f64| if matches!(plot.across, Across::Logarithm(_)) { x.max(1.0).log10() } else { x };
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let values = points().flat_map(|point| [point.y].into_iter().chain(point.band.into_iter().flatten()));
    let up = Axis::holding(values, 5, plot.bounds);
    let across = across(&plot.across, points().map(|point| place(point.x)));
    // Room for the longest number beside the vertical axis.
    let longest = up.ticks.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
    let left = (0.62 * TEXT * longest as f64 + 12.0).max(40.0);
    svg(WIDTH, HEIGHT, &plot.said, |area| {
        let margins = Margins { top: TEXT + 12.0, right: 14.0, bottom: 2.0 * TEXT + 14.0, left };
        let chart = plane(area, &across, &up, margins, &plot.across_name)?;
        let name = text(Ink::Soft, HPos::Left, VPos::Top);
        area.draw(&Text::new(plot.name.as_str(), (fine(2.0), fine(2.0)), &name))?;
        let pixel = |chart: &Plane, x: f64, y: f64| chart.backend_coord(&(place(x), y.clamp(up.low, up.high)));
        for series in &plot.series {
            let points = || series.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite());
            let side = |end: usize| {
                points().filter_map(move |point| Some((point.x, point.band.filter(|b| b[0].is_finite())?[end])))
            };
            let mut band: Vec<(i32, i32)> = side(0).map(|(x, y)| pixel(&chart, x, y)).collect();
            let mut upper: Vec<(i32, i32)> = side(1).map(|(x, y)| pixel(&chart, x, y)).collect();
            // A band at a single place is a stroke.
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
            let places: Vec<(i32, i32)> = points.map(|point| pixel(&chart, point.x, point.y)).collect();
            if places.len() > 1 {
                area.draw(&PathElement::new(places.clone(), line(Ink::Dashed(series.style), 2.0)))?;
            }
            // Of many points only some are marked, the last always.
            let every = places.len().div_ceil(MARKED).max(1);
            for &at in places.iter().rev().step_by(every) {
                marker(area, series.style, at, 3.5, true)?;
            }
        }
        Ok(())
    })
}

/// The horizontal axis for points at some places.
fn across(across: &Across, places: impl Iterator<Item = f64>) -> Axis {
    match across {
        Across::Whole => {
            let last = places.filter(|place| place.is_finite()).fold(1.0, f64::max);
            let step = ((last / 8.0).ceil()).max(1.0);
            // From 1 on, and then at round numbers.
            let step = if step > 1.0 { super::round_step(step) } else { 1.0 };
            let first = std::iter::once(1.0);
            let after = (1..=10).map(|index| if step > 1.0 { index as f64 * step } else { index as f64 + 1.0 });
            let ticks = first.chain(after.filter(|&tick| tick > 1.0 && tick <= last));
            let room = 0.03 * (last - 1.0).max(1.0);
            Axis { low: 1.0 - room, high: last + room, ticks: ticks.map(|tick| (tick, format!("{tick:.0}"))).collect() }
        }
        Across::Logarithm(ticks) => {
            let ticks: Ticks = ticks.iter().map(|(value, label)| (value.max(1.0).log10(), label.clone())).collect();
            let (low, high) = ticks
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (tick, _)| (low.min(*tick), high.max(*tick)));
            let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
            let room = (0.06 * (high - low)).max(0.05);
            Axis { low: low - room, high: high + room, ticks: apart(ticks, 0.14 * (high - low)) }
        }
        Across::Names(names) => {
            let ticks: Ticks = names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect();
            Axis { low: -0.4, high: (names.len() as f64 - 0.6).max(0.4), ticks }
        }
    }
}

/// Ticks that are too close to the one before have no label.
fn apart(ticks: Ticks, least: f64) -> Ticks {
    let mut last = f64::NEG_INFINITY;
    let blank = |(tick, label): (f64, String)| {
        if tick - last < least {
            return (tick, String::new());
        }
        last = tick;
        (tick, label)
    };
    ticks.into_iter().map(blank).collect()
}
