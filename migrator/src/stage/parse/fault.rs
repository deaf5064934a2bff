//! Reasons for ill-formed XML: quick-xml reads again from the position where the scan stopped.
//!
//! Only rejected records get here. The texts are stored in logs and must not change. They include
//! the end of a faulty tag as quick-xml sees it.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;

use super::references::ParseError;

/// A start tag, up to its end if it has one.
pub(super) struct FaultyTag<'t> {
    /// Text up to the first white space.
    pub(super) name: &'t str,
    /// Text after the name.
    pub(super) attributes: &'t str,
    /// Offset of the tag's end in the text, in bytes.
    pub(super) end: u64,
}

/// Reason why no legal markup begins at a position.
#[cold]
pub(super) fn no_token(text: &str, at: usize) -> ParseError {
    let mut reader = Reader::from_str(&text[at..]);
    match reader.read_event() {
        Err(error) => ill_formed(at, reader.error_position(), &error),
        Ok(Event::DocType(_)) => {
            let end = at as u64 + reader.buffer_position();
            format!("a DOCTYPE is not accepted, before byte {end}").into()
        }
        Ok(_) => format!("not well-formed at byte {at}").into(),
    }
}

/// Start tag that begins at a position.
///
/// # Errors
/// The reason, if the text ends before the tag.
#[cold]
pub(super) fn tag(text: &str, at: usize) -> Result<FaultyTag<'_>, ParseError> {
    let mut reader = Reader::from_str(&text[at..]);
    let (name_bytes, bytes) = match reader.read_event() {
        Ok(Event::Start(tag) | Event::Empty(tag)) => {
            (tag.name().0.len(), tag.name().0.len() + tag.attributes_raw().len())
        }
        Err(error) => return Err(ill_formed(at, reader.error_position(), &error)),
        Ok(_) => return Err(format!("not well-formed at byte {at}").into()),
    };
    let (name, attributes) = text[at + 1..=at + bytes].split_at(name_bytes);
    Ok(FaultyTag { name, attributes, end: at as u64 + reader.buffer_position() })
}

/// Reason why the end tag at a position does not end the innermost open element.
#[cold]
pub(super) fn end_tag(text: &str, at: usize, open: Option<&str>) -> ParseError {
    let event = Reader::from_str(&text[at..]).read_event();
    match (event, open) {
        (Err(Error::IllFormed(IllFormedError::UnmatchedEndTag(found))), Some(open)) => {
            let expected = open.to_owned();
            let fault = IllFormedError::MismatchedEndTag { expected, found };
            ill_formed(at, 0, &Error::IllFormed(fault))
        }
        _ => no_token(text, at),
    }
}

fn ill_formed(at: usize, offset: u64, error: &Error) -> ParseError {
    Cow::Owned(format!("not well-formed at byte {}: {error}", at as u64 + offset))
}
