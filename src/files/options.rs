//! How to read a file of vectors.

use std::path::PathBuf;

use super::format::Format;

/// How to read a file of vectors.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format; `None` detects it from the content.
    pub format: Option<Format>,
    /// The member to read from a zip archive that holds several files.
    pub member: Option<String>,
    /// The words of a NumPy array, one per line; `None` reads `NAME.words.txt` for `NAME.npy`.
    pub word_list: Option<PathBuf>,
    /// Keep rows with NaN or infinite numbers instead of refusing the file.
    pub allow_nonfinite: bool,
    /// Skip rows that cannot be read, and count them, instead of refusing the file.
    pub skip_bad_rows: bool,
}
