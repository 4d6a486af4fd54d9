//! Published vectors by name: the catalog ([`CATALOG`]), the folder of downloaded vectors ([`Store`]) and, with the feature
//! `get`, downloading.
//!
//! A download is a range of the bytes at an address. It is written to a `.part` file, with a note next to it that describes the
//! range, and an interrupted download resumes from there. A complete download is verified and opened like any vector file, its
//! rows are counted, and a table file is written. Only the table file has the final name.

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
#[cfg(feature = "get")]
mod options;
mod store;

pub use catalog::{CATALOG, CatalogEntry, find, suggest};
#[cfg(feature = "get")]
pub use get::{DownloadPlan, FetchState, FetchedVectors, IntegrityCheck, get, plan};
pub use named::{resolve, unknown};
#[cfg(feature = "get")]
pub use options::{FetchEvent, GetOptions};
pub use store::{ListedVectors, Store};
