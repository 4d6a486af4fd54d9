//! Plots as SVG elements of an HTML page.
//!
//! Plots load no resources, and their colours are CSS properties of the page, so they follow light and dark mode. Each embedding has a
//! colour, a dash pattern and a marker, so plots can be read without colours.

mod arrows;
mod canvas;
mod dots;
mod lines;

pub(super) use arrows::{Arrow, ArrowPlot, arrow_plot};
pub(super) use canvas::legend_key;
pub(super) use dots::{DotPlot, DotRow, Mark, dot_plot};
pub(super) use lines::{LinePlot, Point, Series, XAxis, line_plot};
