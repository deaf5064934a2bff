//! Upper and lower case of names, keys and conditions.

use std::borrow::Cow;

/// Converts a text to lower case; borrows it if it already is.
pub fn lower(text: &str) -> Cow<'_, str> {
    let changes = |b: &u8| b.is_ascii_uppercase() || !b.is_ascii();
    if text.as_bytes().iter().any(changes) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Converts a text to upper case; borrows it if it already is.
pub fn upper(text: &str) -> Cow<'_, str> {
    let changes = |b: &u8| b.is_ascii_lowercase() || !b.is_ascii();
    if text.as_bytes().iter().any(changes) {
        Cow::Owned(text.to_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Compares two texts without regard to case.
pub fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(other)
    } else {
        lower(one) == lower(other)
    }
}

/// Compares a text without regard to case with one that is already in lower case.
pub fn is_lower_of(lowered: &str, text: &str) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(lowered) } else { lower(text) == lowered }
}
