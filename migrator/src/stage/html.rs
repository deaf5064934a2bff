//! Second unescape of values in the flattened map (contract.md 5): HTML's named and numeric
//! references, by the rules of Python's `html.unescape`.

use std::borrow::Cow;

use crate::contract::convert::trim;

/// Maximum length of an entity name.
const NAME_CHARS_MAX: usize = 32;

/// Value as in the flattened map: trimmed, then unescaped once more (contract.md 5).
pub(crate) fn flattened(raw: &str) -> Cow<'_, str> {
    unescape(trim(raw))
}

/// Resolves HTML references, with or without their semicolon.
fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'&', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(after) = rest.strip_prefix('&') {
        let used = reference(after, &mut out);
        if used == 0 {
            out.push('&');
        }
        rest = &after[used..];
        let next = rest.find('&').unwrap_or(rest.len());
        out.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(out)
}

/// Writes the character of a reference and returns the length of the reference; 0 if it is not one.
fn reference(after: &str, out: &mut String) -> usize {
    match after.strip_prefix('#') {
        Some(number) => numeric(number, out).map_or(0, |used| used + 1),
        None => named(after, out),
    }
}

fn numeric(number: &str, out: &mut String) -> Option<usize> {
    let (digits, radix, prefix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 1),
        None => (number, 10, 0),
    };
    let len = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    if len == 0 {
        return None;
    }
    let code = u32::from_str_radix(&digits[..len], radix).unwrap_or(u32::MAX);
    out.extend(character(code));
    let semicolon = usize::from(digits[len..].starts_with(';'));
    Some(prefix + len + semicolon)
}

/// Character of a number; windows-1252 for 0x80 … 0x9f, `None` for numbers that HTML drops.
fn character(code: u32) -> Option<char> {
    match code {
        0 | 0xd800..=0xdfff | 0x11_0000.. => Some('\u{fffd}'),
        0x0d => Some('\r'),
        0x80..=0x9f => {
            let byte = [u8::try_from(code).unwrap_or_default()];
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0.chars().next()
        }
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if code & 0xfffe == 0xfffe => None,
        _ => char::from_u32(code),
    }
}

/// Longest name at the start of the text: with its semicolon, or one of the old names without.
fn named(after: &str, out: &mut String) -> usize {
    let len = after
        .char_indices()
        .take(NAME_CHARS_MAX)
        .take_while(|(_, c)| !matches!(c, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';'))
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    let with_semicolon = len + usize::from(after[len..].starts_with(';'));
    let mut ends = std::iter::once(with_semicolon).chain((2..=len).rev());
    let found = ends.find_map(|end| {
        let value = htmlize::ENTITIES.get(format!("&{}", after.get(..end)?).as_bytes())?;
        Some((end, value))
    });
    let Some((end, value)) = found else { return 0 };
    out.push_str(&String::from_utf8_lossy(value));
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values are those of Python 3.11's `html.unescape`.
    #[test]
    fn references_are_resolved_as_python_does() {
        let cases = [
            ("plain", "plain"),
            ("A &amp; B", "A & B"),
            ("A &amp B &ampC", "A & B &C"),
            ("&amp;amp;", "&amp;"),
            ("&lt;tag&gt; &quot;&apos;", "<tag> \"'"),
            ("&notit; &notin; &copy2", "¬it; ∉ ©2"),
            ("&nbsp;&eacute&eacute;", "\u{a0}éé"),
            ("&#65;&#x41;&#X41&#65x", "AAAAx"),
            ("&#128;&#x99;&#0;&#xD800;&#x110000;", "€™\u{fffd}\u{fffd}\u{fffd}"),
            ("&#1;&#x7f;&#xfdd0;&#xffff;&#13;", "\r"),
            ("&#;&#x;&;& &x&", "&#;&#x;&;& &x&"),
            ("&unknown; &Amp;", "&unknown; &Amp;"),
            ("&NotEqualTilde;", "≂̸"),
            ("Müller &uuml;", "Müller ü"),
            ("&#129;", "\u{81}"),
        ];
        for (text, expected) in cases {
            assert_eq!(unescape(text), expected, "{text}");
        }
    }
}
