//! Fast path for attributes in the usual spelling, ` name="value"`. A name is compared word by
//! word, a value is checked together with the rest of its tag, and neighbours are copied together.
//!
//! Offsets count from after the tag's name. [`super::attributes`] reads everything else.

use super::names::AttributeNameId;
use crate::record::TextRange;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Number of bytes in which the quote of a value is searched word by word. Nearly all values are
/// shorter; for longer ones the start of a vector search pays off.
const SHORT_BYTES: usize = 64;

/// Maximum gap in bytes between two kept attributes that are copied together, with the gap.
const GAP_BYTES_MAX: usize = 64;

/// Maximum length of a value on the fast path.
const VALUE_BYTES_MAX: usize = 1 << 16;

/// An attribute that is predicted in a tag, as written: a blank, the name, `="`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PredictedAttribute {
    /// Name.
    pub(super) name: AttributeNameId,
    /// True if the name has a prefix or declares a namespace.
    pub(super) qualified: bool,
    /// Length in bytes. Names are limited to less than 2^16 bytes.
    len: u16,
    /// First word.
    first: u64,
    /// Last word; unused if the name is shorter than a word.
    last: u64,
}

impl PredictedAttribute {
    /// Prediction of a name that is written like this in a tag.
    pub(super) fn new(name: AttributeNameId, in_tag: &str, qualified: bool) -> Self {
        let bytes = in_tag.as_bytes();
        let short = bytes.len().min(WORD);
        let mut first = [0; WORD];
        first[..short].copy_from_slice(&bytes[..short]);
        Self {
            name,
            qualified,
            len: u16::try_from(bytes.len()).unwrap_or(u16::MAX),
            first: u64::from_le_bytes(first),
            last: bytes.last_chunk().copied().map_or(0, u64::from_le_bytes),
        }
    }

    /// Length of the attribute's start if the tag continues with it. `in_tag` returns all its
    /// bytes.
    #[inline]
    pub(super) fn length_in<'n>(
        &self,
        rest: &[u8],
        in_tag: impl FnOnce() -> &'n str,
    ) -> Option<usize> {
        let len = usize::from(self.len);
        let first = u64::from_le_bytes(*rest.first_chunk()?);
        let beyond = u32::try_from(8 * WORD.saturating_sub(len)).unwrap_or(0);
        if (first ^ self.first) << beyond != 0 {
            return None;
        }
        if len > WORD {
            let last = rest.get(..len)?.last_chunk().copied().map(u64::from_le_bytes);
            if last != Some(self.last) || (len > 2 * WORD && !rest.starts_with(in_tag().as_bytes()))
            {
                return None;
            }
        }
        Some(len)
    }
}

/// Part of a tag known to be plain: no `<`, no `&`, no white space but blanks.
#[derive(Debug, Default)]
pub(super) struct PlainSpan {
    /// Offset of the next `<` or `&`.
    markup: usize,
    /// Offset of the next white space other than a blank, before `markup`.
    space: usize,
}

impl PlainSpan {
    /// End of the value that begins here, if it is plain and ends with its quote.
    #[inline]
    pub(super) fn end_of_value(&mut self, tag: &[u8], start: usize) -> Option<usize> {
        let end = start + quote_in(&tag[start..])?;
        // The search continues at the end of the previous value, so no byte is read twice.
        if end > self.markup.min(self.space) {
            self.look_on(tag, start);
        }
        let is_plain = end <= self.markup.min(self.space) && end - start <= VALUE_BYTES_MAX;
        is_plain.then_some(end)
    }

    #[inline(never)]
    fn look_on(&mut self, tag: &[u8], start: usize) {
        let is_new = start >= self.markup;
        if is_new {
            let rest = &tag[start..];
            self.markup = start + memchr::memchr2(b'<', b'&', rest).unwrap_or(rest.len());
        }
        if is_new || start >= self.space {
            let rest = &tag[start..self.markup];
            self.space = start + memchr::memchr3(b'\t', b'\n', b'\r', rest).unwrap_or(rest.len());
        }
    }
}

/// Offset of the first `"`.
#[inline]
fn quote_in(bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    let (words, _) = bytes[..bytes.len().min(SHORT_BYTES)].as_chunks::<WORD>();
    for (number, word) in words.iter().enumerate() {
        let other = u64::from_le_bytes(*word) ^ (LOW * u64::from(b'"'));
        // Bits above the lowest set one may be wrong.
        let marks = other.wrapping_sub(LOW) & !other & HIGH;
        if marks != 0 {
            return Some(number * WORD + marks.trailing_zeros() as usize / 8);
        }
    }
    let from = words.len() * WORD;
    memchr::memchr(b'"', &bytes[from..]).map(|at| from + at)
}

/// A part of a tag to copy at once: kept attributes in the usual spelling, and the small gaps
/// between them.
#[derive(Debug, Default)]
pub(super) struct CopySpan {
    from: usize,
    to: usize,
}

impl CopySpan {
    /// Adds an attribute, `name="value` at an offset of the tag, and returns its future offset in
    /// the record's text. First copies the current part if the attribute cannot join it.
    #[inline]
    pub(super) fn take_in(
        &mut self,
        from: usize,
        to: usize,
        tag: &str,
        text: &mut String,
    ) -> usize {
        if self.to == 0 || from - self.to > GAP_BYTES_MAX {
            self.copy(tag, text);
            self.from = from;
        }
        self.to = to;
        text.len() + from - self.from
    }

    /// Copies the current part.
    pub(super) fn copy(&mut self, tag: &str, text: &mut String) {
        text.push_str(&tag[self.from..self.to]);
        *self = Self::default();
    }
}

/// A range of the record's text. 32 bits suffice for all of it.
#[inline]
pub(super) fn span(start: usize, len: usize) -> TextRange {
    TextRange { start: offset(start), len: offset(len) }
}

/// An offset in 32 bits. The text's length fits, and the kept parts are not longer.
#[inline]
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_with_a_common_prefix_or_suffix_are_distinguished() {
        let name = AttributeNameId::default();
        for in_tag in [" a=\"", " abcde=\"", " abcdef=\"", " a_name_of_many_letters=\"", " é=\""] {
            let expected = PredictedAttribute::new(name, in_tag, false);
            let tell = |rest: &str| expected.length_in(rest.as_bytes(), || in_tag);
            assert_eq!(tell(&format!("{in_tag}a value\">")), Some(in_tag.len()), "{in_tag}");
            for other in 0..in_tag.len() {
                let mut bytes = format!("{in_tag}a value\">").into_bytes();
                bytes[other] = b'~';
                assert_eq!(expected.length_in(&bytes, || in_tag), None, "{in_tag} at {other}");
            }
            assert_eq!(tell(&in_tag[..in_tag.len() - 1]), None, "{in_tag}");
            assert_eq!(tell(""), None, "{in_tag}");
        }
    }

    #[test]
    fn adjacent_values_are_copied_together_and_distant_ones_separately() {
        let gap = "-".repeat(GAP_BYTES_MAX + 1);
        let tag = format!("a=\"1 b=\"2{gap}c=\"3");
        let (mut piece, mut text) = (CopySpan::default(), "before ".to_owned());
        let ranges = [(0, 4), (5, 9), (9 + gap.len(), tag.len())];
        let places = ranges.map(|(from, to)| piece.take_in(from, to, &tag, &mut text));
        piece.copy(&tag, &mut text);
        assert_eq!(text, "before a=\"1 b=\"2c=\"3");
        for ((from, to), place) in ranges.into_iter().zip(places) {
            assert_eq!(&text[place..place + to - from], &tag[from..to]);
        }
    }

    proptest! {
        /// The values of a tag are looked at one after another, as a tag is read.
        #[test]
        fn a_plain_value_ends_at_its_quote_and_others_take_the_slow_path(
            pieces in proptest::collection::vec("[a-z!>'é]{0,70}[<&\t\n ]?", 1..8),
        ) {
            let tag = pieces.join("\"") + "\"";
            let mut plain = PlainSpan::default();
            let mut start = 0;
            for piece in &pieces {
                let is_plain = !piece.contains(['<', '&', '\t', '\n']);
                let end = plain.end_of_value(tag.as_bytes(), start);
                prop_assert_eq!(end, is_plain.then_some(start + piece.len()));
                start += piece.len() + 1;
            }
            prop_assert_eq!(plain.end_of_value(tag.as_bytes(), start), None);
        }
    }
}
