//! Lower case.

use std::borrow::Cow;

/// A word in lower case; it is copied only if it changes.
pub(super) fn lower(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        let as_is = !word.bytes().any(|byte| byte.is_ascii_uppercase());
        return if as_is { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) };
    }
    let lower = word.to_lowercase();
    if lower == word { Cow::Borrowed(word) } else { Cow::Owned(lower) }
}
