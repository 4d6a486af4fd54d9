//! How to download vectors, and what is reported meanwhile.

use std::time::Duration;

use crate::files::ReadOptions;

/// How to download vectors.
#[derive(Debug, Clone)]
pub struct GetOptions {
    /// Address to download from instead of the publisher's; the name of the file is appended.
    pub mirror: Option<String>,
    /// How long to wait for a server that sends nothing.
    pub timeout: Duration,
    /// Maximum number of attempts in a row without progress; at least one is made.
    pub attempts: u32,
    /// Pause before the first retry; it doubles each time.
    pub pause: Duration,
    /// Keep the downloaded file next to the table file.
    pub keep: bool,
    /// How to read the downloaded file; the member is that of the catalog entry.
    pub read: ReadOptions,
}

impl Default for GetOptions {
    fn default() -> Self {
        GetOptions {
            mirror: None,
            timeout: Duration::from_secs(60),
            attempts: 6,
            pause: Duration::from_secs(1),
            keep: false,
            read: ReadOptions::default(),
        }
    }
}

/// The progress of a download.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// Another process is downloading the same vectors; this one waits.
    Waiting,
    /// Number of bytes received so far.
    Received(u64),
    /// The partial file is deleted and the download starts again, for this reason.
    Restarted(&'a str),
    /// A request failed and will be repeated after a pause.
    Retrying {
        /// Why the request failed.
        reason: &'a str,
        /// How long the pause is.
        pause: Duration,
    },
    /// The download is complete, and its checksum is compared.
    Verifying,
    /// The table file is being written.
    Converting,
}
