//! Upper and lower case of names, keys and conditions.

use std::borrow::Cow;

/// The text in lower case; borrowed where it is so already.
pub fn lower(text: &str) -> Cow<'_, str> {
    let changes = |b: &u8| b.is_ascii_uppercase() || !b.is_ascii();
    if text.as_bytes().iter().any(changes) {
        Cow::Owned(text.to_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The text in upper case; borrowed where it is so already.
pub fn upper(text: &str) -> Cow<'_, str> {
    let changes = |b: &u8| b.is_ascii_lowercase() || !b.is_ascii();
    if text.as_bytes().iter().any(changes) {
        Cow::Owned(text.to_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether two texts are the same in lower case.
pub fn same(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(other)
    } else {
        lower(one) == lower(other)
    }
}

/// Whether a text in lower case is what another becomes in lower case.
pub fn is_lower_of(lowered: &str, text: &str) -> bool {
    if text.is_ascii() { text.eq_ignore_ascii_case(lowered) } else { lower(text) == lowered }
}
