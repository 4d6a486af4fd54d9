//! Reports: tables and text for the terminal, HTML pages, Markdown, CSV, and the JSON shapes of results.

mod bench;
mod catalog;
mod comparison;
mod comparison_columns;
mod comparison_csv;
mod comparison_markdown;
mod comparison_page;
mod coverage;
mod evaluate;
mod gates;
mod gates_page;
mod html;
pub mod json;
mod metrics;
mod plots;
mod scored_words;
mod table;
mod text;
mod training;

pub use bench::bench;
pub use catalog::catalog;
pub use comparison::comparison;
pub use comparison_csv::comparison_csv;
pub use comparison_markdown::comparison_markdown;
pub use comparison_page::comparison_page;
pub use coverage::coverage;
pub use evaluate::{analogies, analogy_differences, pair_differences, pairs};
pub use gates::{GATES_LEGEND, gates};
pub use gates_page::gates_page;
pub use metrics::metrics;
pub use scored_words::scored_words;
pub use table::key_values;
pub use text::{counted, percent, printable, size, thousands};
pub use training::training;
