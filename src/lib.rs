#![doc = "stub"]
pub mod classifier;
pub mod compare;
pub mod error;
pub mod files;
pub mod nn;
pub mod query;
pub mod report;
pub mod vectors;
pub use error::{Error, Result};
pub use vectors::Vectors;
