//! Well-known vectors by name: what there is ([`CATALOG`]), where fetched ones lie ([`Store`]), and, with the feature `get`,
//! fetching them.
//!
//! A download is a range of the bytes at an address. It is written to a `.part` file, beside which a note says what it is a
//! part of, and goes on from there after a break. Once it is whole and checked it is opened as any file of vectors, its rows
//! are counted, and a table file is written, which alone bears the final name.

#[cfg(feature = "get")]
mod archive;
mod catalog;
#[cfg(feature = "get")]
mod client;
#[cfg(feature = "get")]
mod download;
#[cfg(feature = "get")]
mod get;
mod named;
mod store;

pub use catalog::{CATALOG, Entry, find, suggest};
#[cfg(feature = "get")]
pub use get::{Check, Event, Fetched, GetOptions, Plan, Planned, get, plan};
pub use named::{resolve, unknown};
pub use store::{Listed, Store};
