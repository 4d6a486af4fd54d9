//! Dot plots: a row of values under each name, such as scores with intervals or cosines before and after training.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Axis, FONT_SIZE, Ink, Margins, line, marker, plane, scaled, svg, text, truncated};
use crate::error::Result;

/// Height of a row.
const ROW_HEIGHT: f64 = 40.0;

/// Maximum number of characters of a name.
const MAX_NAME: usize = 44;

/// A mark in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// A bar with ends, from one value to another.
    Interval([f64; 2]),
    /// A small circle: one of several values.
    Single(f64),
    /// A filled marker.
    Filled(f64),
    /// An open marker.
    Open(f64),
    /// A line from one value to another.
    Line([f64; 2]),
}

/// A row of a dot plot.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow {
    /// The name above the row.
    pub name: String,
    /// Colour and marker.
    pub style: usize,
    /// The marks, in drawing order.
    pub marks: Vec<Mark>,
}

/// A dot plot.
#[derive(Debug, Clone, PartialEq)]
pub struct DotPlot {
    /// Text alternative for screen readers.
    pub description: String,
    /// The label below the axis.
    pub label: String,
    /// Limits of the axis, if values have limits.
    pub bounds: Option<[f64; 2]>,
    /// Further values that the axis covers, so that several plots have the same axis.
    pub extent: Vec<f64>,
    /// The rows, from top to bottom.
    pub rows: Vec<DotRow>,
}

/// Draws a dot plot, 360 units wide.
pub fn dot_plot(plot: &DotPlot) -> Result<String> {
    let count = plot.rows.len() as f64;
    let margins = Margins { top: 4.0, right: 14.0, bottom: 2.0 * FONT_SIZE + 14.0, left: 14.0 };
    let height = margins.top + count * ROW_HEIGHT + margins.bottom;
    let values = plot.rows.iter().flat_map(|row| &row.marks).flat_map(|mark| match *mark {
        Mark::Interval(ends) | Mark::Line(ends) => ends.to_vec(),
        Mark::Single(value) | Mark::Filled(value) | Mark::Open(value) => vec![value],
    });
    let x_axis = Axis::covering(values.chain(plot.extent.iter().copied()), 6, plot.bounds);
    let y_axis = Axis {
        low: 0.0,
        high: count.max(1.0),
        ticks: (0..plot.rows.len()).map(|row| (row as f64, String::new())).collect(),
    };
    svg(360.0, height, &plot.description, |area| {
        let chart = plane(area, &x_axis, &y_axis, margins, &plot.label)?;
        let x = |value: f64| chart.backend_coord(&(value.clamp(x_axis.low, x_axis.high), 0.0)).0;
        for (index, row) in plot.rows.iter().enumerate() {
            let top = margins.top + index as f64 * ROW_HEIGHT;
            let y = scaled(top + ROW_HEIGHT - 11.0);
            for (tick, _) in &x_axis.ticks {
                let grid = vec![(x(*tick), scaled(top + FONT_SIZE + 6.0)), (x(*tick), scaled(top + ROW_HEIGHT))];
                area.draw(&PathElement::new(grid, line(Ink::Rule, 1.0)))?;
            }
            let name = text(Ink::Text, HPos::Left, VPos::Top);
            area.draw(&Text::new(truncated(&row.name, MAX_NAME), (scaled(margins.left), scaled(top + 5.0)), &name))?;
            for mark in row.marks.iter().filter(|mark| mark.is_finite()) {
                match *mark {
                    Mark::Interval([low, high]) => {
                        let stroke = line(Ink::Series(row.style), 2.0);
                        area.draw(&PathElement::new(vec![(x(low), y), (x(high), y)], stroke))?;
                        for end in [low, high] {
                            let (from, to) = ((x(end), y - scaled(5.0)), (x(end), y + scaled(5.0)));
                            area.draw(&PathElement::new(vec![from, to], stroke))?;
                        }
                    }
                    Mark::Line([from, to]) => {
                        area.draw(&PathElement::new(
                            vec![(x(from), y), (x(to), y)],
                            line(Ink::Series(row.style), 1.5),
                        ))?;
                    }
                    Mark::Single(value) => {
                        area.draw(&Circle::new((x(value), y), scaled(2.6), Ink::Card.colour().filled()))?;
                        area.draw(&Circle::new((x(value), y), scaled(2.6), line(Ink::Soft, 1.0)))?;
                    }
                    Mark::Filled(value) => marker(area, row.style, (x(value), y), 5.0, true)?,
                    Mark::Open(value) => marker(area, row.style, (x(value), y), 5.0, false)?,
                }
            }
        }
        Ok(())
    })
}

impl Mark {
    fn is_finite(&self) -> bool {
        match self {
            Mark::Interval(ends) | Mark::Line(ends) => ends.iter().all(|end| end.is_finite()),
            Mark::Single(value) | Mark::Filled(value) | Mark::Open(value) => value.is_finite(),
        }
    }
}
