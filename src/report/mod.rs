//! Reports: tables and text for the terminal, HTML pages, Markdown, CSV, and the JSON shapes of results.

#[cfg(feature = "text-tables")]
mod bench;
#[cfg(feature = "text-tables")]
mod catalog;
#[cfg(feature = "text-tables")]
mod comparison;
mod comparison_columns;
mod comparison_csv;
mod comparison_markdown;
mod comparison_page;
#[cfg(feature = "text-tables")]
mod coverage;
#[cfg(feature = "text-tables")]
mod evaluate;
#[cfg(feature = "cli")]
mod gates;
mod gates_page;
mod html;
pub mod json;
#[cfg(feature = "text-tables")]
mod metrics;
mod plots;
mod scored_words;
#[cfg(feature = "text-tables")]
mod table;
mod text;
#[cfg(feature = "text-tables")]
mod training;

#[cfg(feature = "text-tables")]
pub use bench::bench;
#[cfg(feature = "text-tables")]
pub use catalog::catalog;
#[cfg(feature = "text-tables")]
pub use comparison::comparison;
pub use comparison_csv::comparison_csv;
pub use comparison_markdown::comparison_markdown;
pub use comparison_page::comparison_page;
#[cfg(feature = "text-tables")]
pub use coverage::coverage;
#[cfg(feature = "text-tables")]
pub use evaluate::{analogies, analogy_differences, pair_differences, pairs};
#[cfg(feature = "cli")]
pub use gates::{GATES_LEGEND, gates};
pub use gates_page::gates_page;
#[cfg(feature = "text-tables")]
pub use metrics::metrics;
pub use scored_words::scored_words;
#[cfg(feature = "text-tables")]
pub use table::key_values;
pub use text::{counted, percent, printable, size, thousands};
#[cfg(feature = "text-tables")]
pub use training::training;
