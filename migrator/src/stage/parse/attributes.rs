//! An attribute of a tag: the ends of its name and value, and its well-formedness.

use super::references::{ParseError, push_value, resolve};

/// Maximum length of an attribute value in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 10 << 20;

/// Number of bytes in which the end of a value is searched word by word. Nearly all values are
/// shorter; for longer ones the start of a vector search pays off.
const SHORT_BYTES: usize = 64;

/// An attribute as written in its tag.
pub(super) struct RawAttribute<'t> {
    /// Name with its prefix.
    pub(super) name: &'t str,
    /// Text between the quotes.
    pub(super) value: &'t str,
    /// True if the text is the value: no `<`, no reference, no white space but blanks.
    pub(super) plain: bool,
    /// Rest of the tag.
    pub(super) after: &'t str,
}

impl<'t> RawAttribute<'t> {
    /// Reads the next attribute of a tag. `None` at its end, which is a `>`, a `/>` or the end of
    /// `rest`.
    pub(super) fn next(rest: &'t str) -> Result<Option<Self>, ParseError> {
        let trimmed = rest.trim_ascii_start();
        if trimmed.is_empty() || trimmed.starts_with('>') || trimmed.starts_with("/>") {
            return Ok(None);
        }
        if trimmed.len() == rest.len() {
            return Err("no blank before an attribute".into());
        }
        let name_end = trimmed
            .bytes()
            .position(|b| matches!(b, b'=' | b' ' | b'\t' | b'\n' | b'\r'))
            .ok_or("an attribute without a value")?;
        let (name, after_name) = trimmed.split_at(name_end);
        let after_equals = after_name
            .trim_ascii_start()
            .strip_prefix('=')
            .ok_or("an attribute without a value")?
            .trim_ascii_start();
        match after_equals.as_bytes().first() {
            Some(quote @ (b'"' | b'\'')) => {
                Self::with_value(name, &after_equals[1..], *quote).map(Some)
            }
            _ => Err("an attribute's value without quotes".into()),
        }
    }

    /// Reads the value of an attribute with this name.
    pub(super) fn with_value(name: &'t str, rest: &'t str, quote: u8) -> Result<Self, ParseError> {
        let bytes = rest.as_bytes();
        let special = first_special(bytes, quote);
        let plain = bytes.get(special) == Some(&quote);
        let end = if plain {
            special
        } else {
            let more = memchr::memchr(quote, &bytes[special..]);
            special + more.ok_or("an attribute without an end")?
        };
        if end > ATTRIBUTE_BYTES_MAX {
            return Err("an attribute longer than 10 MiB".into());
        }
        Ok(Self { name, value: &rest[..end], plain, after: &rest[end + 1..] })
    }

    /// True if the value surely has nothing to trim and no `&`.
    #[inline]
    pub(super) fn is_flat(&self) -> bool {
        self.plain && has_graphic_ends(self.value.as_bytes())
    }

    /// Appends the value as XML defines it.
    pub(super) fn push_value(&self, out: &mut String) -> Result<(), ParseError> {
        if self.plain {
            out.push_str(self.value);
            return Ok(());
        }
        if self.value.contains('<') {
            return Err("< in an attribute's value".into());
        }
        push_value(self.value, out).ok_or("a reference to nothing that is declared".into())
    }

    /// Checks a value that is not kept.
    #[inline]
    pub(super) fn check_value(&self) -> Result<(), ParseError> {
        if self.plain {
            return Ok(());
        }
        if self.value.contains('<') {
            return Err("< in an attribute's value".into());
        }
        let mut pieces = self.value.split('&').skip(1);
        let resolved =
            |piece: &str| piece.split_once(';').is_some_and(|(r, _)| resolve(r).is_some());
        if pieces.all(resolved) {
            Ok(())
        } else {
            Err("a reference to nothing that is declared".into())
        }
    }
}

/// True if a value surely has nothing to trim.
#[inline]
pub(super) fn has_graphic_ends(value: &[u8]) -> bool {
    [value.first(), value.last()].iter().all(|byte| byte.is_none_or(u8::is_ascii_graphic))
}

/// Offset of the first quote, `<`, `&` or white space other than a blank; the length if there is
/// none. Other control characters were rejected before.
///
/// Not inlined, because it would take registers from its callers.
#[inline(never)]
fn first_special(bytes: &[u8], quote: u8) -> usize {
    let (words, _) = bytes[..bytes.len().min(SHORT_BYTES)].as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let marks = special_in(u64::from_le_bytes(*word), quote);
        if marks != 0 {
            return number * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let from = words.len() * 8;
    let rest = &bytes[from..];
    let end = memchr::memchr3(quote, b'<', b'&', rest).unwrap_or(rest.len());
    from + memchr::memchr3(b'\t', b'\n', b'\r', &rest[..end]).unwrap_or(end)
}

/// Sets the highest bit of every byte that [`first_special`] searches. Bits above the lowest set
/// one may be wrong.
fn special_in(word: u64, quote: u8) -> u64 {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(LOW * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (LOW * u64::from(byte)), 1);
    (equal(quote) | equal(b'<') | equal(b'&') | below(word, b' ')) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found_at_any_position(
            filler in "[a-z !#%=é日\u{7f}\u{80}>'\"]{0,90}", special in "[\"'<&\t\n]?", rest in ".{0,9}",
        ) {
            let text = format!("{filler}{special}{rest}");
            for quote in [b'"', b'\''] {
                let expected = text.bytes().position(|b| {
                    b == quote || matches!(b, b'<' | b'&' | b'\t' | b'\n' | b'\r')
                });
                let text: String = text.chars().filter(|c| *c >= ' ' || "\t\n\r".contains(*c)).collect();
                if text.len() == filler.len() + special.len() + rest.len() {
                    let found = first_special(text.as_bytes(), quote);
                    prop_assert_eq!(found, expected.unwrap_or(text.len()));
                }
            }
        }
    }
}
