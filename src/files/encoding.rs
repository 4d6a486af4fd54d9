//! The encoding of text files.

use crate::error::{Malformed, Place};

/// The byte-order mark in UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Text without its byte-order mark.
///
/// # Errors
/// UTF-16, as some editors and spreadsheets save text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&[u8], Malformed> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(
            Malformed::at(Place::File, "text in UTF-8", "UTF-16").advise("convert it: iconv -f UTF-16 -t UTF-8 FILE")
        );
    }
    Ok(bytes.strip_prefix(BOM).unwrap_or(bytes))
}
