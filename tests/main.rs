//! The integration tests, in one program with a module per topic, since linking many small test programs takes longer than running them.
//!
//! Two more programs: `browser.rs`, which needs Chromium, and `arrow.rs`, which needs the feature `arrow`.

mod common;
mod reference;
#[cfg(feature = "get")]
#[path = "common/source.rs"]
mod source;

mod ask;
mod bad_data;
mod bench;
mod checkpoint;
mod compare;
mod compare_directory;
mod compare_findings;
mod coverage;
mod dataset;
mod disagreements;
mod docs;
mod doctor;
mod evaluate;
mod evaluate_program;
mod files;
mod files_refused;
mod gates;
mod gensim_reference;
mod get;
mod get_program;
mod help;
mod interop;
mod matrix;
mod metrics;
mod model;
mod movement;
mod nn;
mod nn_gradients;
mod nn_reference;
mod optimizer;
mod outputs;
mod phrases;
mod predict;
mod program;
mod refusals;
mod scan;
mod serve;
mod shell;
mod statistics;
mod structure;
mod table;
mod text_vectors;
mod tokenizer;
mod torch;
mod train_program;
mod travel;
