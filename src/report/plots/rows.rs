//! Values on a line each, under its name: scores with intervals, cosines before and after.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Axis, Ink, Margins, TEXT, fine, line, marker, plane, shortened, svg, text};
use crate::error::Result;

/// Height of a row.
const ROW: f64 = 40.0;

/// Characters of a name that have room.
const NAME: usize = 44;

/// What stands on a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// A bar from one value to another, with ends.
    Interval([f64; 2]),
    /// One of several values, small.
    One(f64),
    /// The value.
    Value(f64),
    /// What it was before, open.
    Before(f64),
    /// A line from one value to another.
    Way([f64; 2]),
}

/// Values on a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What stands above it.
    pub name: String,
    /// Its style, for colour and marker.
    pub style: usize,
    /// In the order in which they are drawn.
    pub marks: Vec<Mark>,
}

/// Lines beneath each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// What it shows, in a sentence.
    pub said: String,
    /// What stands beneath the axis.
    pub name: String,
    /// Between which numbers values can lie.
    pub bounds: Option<[f64; 2]>,
    /// Values that the axis holds besides, so that several plots have the same.
    pub beside: Vec<f64>,
    /// The lines, from top to bottom.
    pub rows: Vec<Row>,
}

/// Draws values on lines, 360 units wide.
pub fn rows(plot: &Rows) -> Result<String> {
    let count = plot.rows.len() as f64;
    let margins = Margins { top: 4.0, right: 14.0, bottom: 2.0 * TEXT + 14.0, left: 14.0 };
    let height = margins.top + count * ROW + margins.bottom;
    let values = plot.rows.iter().flat_map(|row| &row.marks).flat_map(|mark| match *mark {
        Mark::Interval(ends) | Mark::Way(ends) => ends.to_vec(),
        Mark::One(value) | Mark::Value(value) | Mark::Before(value) => vec![value],
    });
    let across = Axis::holding(values.chain(plot.beside.iter().copied()), 6, plot.bounds);
    let up = Axis {
        low: 0.0,
        high: count.max(1.0),
        ticks: (0..plot.rows.len()).map(|row| (row as f64, String::new())).collect(),
    };
    svg(360.0, height, &plot.said, |area| {
        let chart = plane(area, &across, &up, margins, &plot.name)?;
        let x = |value: f64| chart.backend_coord(&(value.clamp(across.low, across.high), 0.0)).0;
        for (index, row) in plot.rows.iter().enumerate() {
            let top = margins.top + index as f64 * ROW;
            let y = fine(top + ROW - 11.0);
            for (tick, _) in &across.ticks {
                let grid = vec![(x(*tick), fine(top + TEXT + 6.0)), (x(*tick), fine(top + ROW))];
                area.draw(&PathElement::new(grid, line(Ink::Rule, 1.0)))?;
            }
            let name = text(Ink::Text, HPos::Left, VPos::Top);
            area.draw(&Text::new(shortened(&row.name, NAME), (fine(margins.left), fine(top + 5.0)), &name))?;
            for mark in row.marks.iter().filter(|mark| mark.is_finite()) {
                match *mark {
                    Mark::Interval([low, high]) => {
                        let stroke = line(Ink::Series(row.style), 2.0);
                        area.draw(&PathElement::new(vec![(x(low), y), (x(high), y)], stroke))?;
                        for end in [low, high] {
                            let (from, to) = ((x(end), y - fine(5.0)), (x(end), y + fine(5.0)));
                            area.draw(&PathElement::new(vec![from, to], stroke))?;
                        }
                    }
                    Mark::Way([from, to]) => {
                        area.draw(&PathElement::new(
                            vec![(x(from), y), (x(to), y)],
                            line(Ink::Series(row.style), 1.5),
                        ))?;
                    }
                    Mark::One(value) => {
                        area.draw(&Circle::new((x(value), y), fine(2.6), Ink::Card.colour().filled()))?;
                        area.draw(&Circle::new((x(value), y), fine(2.6), line(Ink::Soft, 1.0)))?;
                    }
                    Mark::Value(value) => marker(area, row.style, (x(value), y), 5.0, true)?,
                    Mark::Before(value) => marker(area, row.style, (x(value), y), 5.0, false)?,
                }
            }
        }
        Ok(())
    })
}

impl Mark {
    fn is_finite(&self) -> bool {
        match self {
            Mark::Interval(ends) | Mark::Way(ends) => ends.iter().all(|end| end.is_finite()),
            Mark::One(value) | Mark::Value(value) | Mark::Before(value) => value.is_finite(),
        }
    }
}
