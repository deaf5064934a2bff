//! Words for what is no XML: quick-xml looks again at the place where the scan has stopped.
//!
//! Only rejected records come here. The words are those that logs have held from the beginning,
//! and where quick-xml sees the end of a faulty tag is part of them.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;

use super::references::ParseError;

/// A start tag as far as it can be told where it ends.
pub(super) struct FaultyTag<'t> {
    /// Up to the first white space, whatever that is.
    pub(super) name: &'t str,
    /// What follows the name.
    pub(super) attributes: &'t str,
    /// Where the tag ends in the text, in bytes.
    pub(super) end: u64,
}

/// Why nothing legal begins at a place.
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

/// The start tag that begins at a place.
///
/// # Errors
/// The cause, where the text ends before the tag does.
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

/// Why the end tag at a place does not end the element that is open, if any is.
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
