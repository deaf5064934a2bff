//! Entity and character references: the five names of XML and numbers of legal characters.

use std::borrow::Cow;

use memchr::memchr;

/// Reason why the scan rejects a record.
pub(super) type ParseError = Cow<'static, str>;

/// Character of a reference's body (`amp`, `#65`, `#x41`); `None` for any other body.
///
/// Without a DTD no other entity is declared, so any other name makes a record ill-formed.
pub(super) fn resolve(body: &str) -> Option<char> {
    match body {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => character(body.strip_prefix('#')?),
    }
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let bytes = digits.as_bytes();
    let all_digits = if radix == 16 {
        bytes.iter().all(u8::is_ascii_hexdigit)
    } else {
        bytes.iter().all(u8::is_ascii_digit)
    };
    if bytes.is_empty() || !all_digits {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    char::from_u32(code).filter(|c| is_xml_char(*c))
}

/// True if XML 1.0 allows the character (production `Char`).
pub(super) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Offset of the first character that XML 1.0 does not allow, or `None`.
pub(super) fn first_illegal(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // A fold without an early exit, which the compiler vectorizes.
    let any_control =
        bytes.iter().fold(false, |any, b| any | (*b < b' ' && !matches!(b, 9 | 10 | 13)));
    if any_control {
        return bytes.iter().position(|b| *b < b' ' && !matches!(b, 9 | 10 | 13));
    }
    let mut from = 0;
    while let Some(at) = memchr(0xef, &bytes[from..]) {
        let at = from + at;
        if matches!(bytes.get(at..at + 3), Some([0xef, 0xbf, 0xbe | 0xbf])) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Appends an attribute's value as XML defines it: resolves references and replaces white space by
/// blanks. Returns `None`, after appending a part, if a reference cannot be resolved.
pub(super) fn push_value(raw: &str, out: &mut String) -> Option<()> {
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\n', '\t', '\r']) {
        out.push_str(&rest[..at]);
        let special = &rest[at..];
        if let Some(reference) = special.strip_prefix('&') {
            let (body, after) = reference.split_once(';')?;
            out.push(resolve(body)?);
            rest = after;
        } else {
            out.push(' ');
            rest = &special[1..];
        }
    }
    out.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_to_legal_characters_only() {
        let cases = [
            ("amp", Some('&')),
            ("apos", Some('\'')),
            ("#9", Some('\t')),
            ("#x00000000041", Some('A')),
            ("#0", None),
            ("#x1F", None),
            ("#xFFFE", None),
            ("#xD800", None),
            ("#x110000", None),
            ("#99999999999999999999", None),
            ("#X41", None),
            ("#+65", None),
            ("#", None),
            ("#x", None),
            ("nbsp", None),
            ("AMP", None),
            ("", None),
        ];
        for (body, expected) in cases {
            assert_eq!(resolve(body), expected, "{body}");
        }
    }

    #[test]
    fn white_space_becomes_blanks_but_referenced_white_space_stays() {
        let mut value = String::new();
        push_value("a\tb\nc&#10;d&amp;amp;", &mut value).unwrap();
        assert_eq!(value, "a b c\nd&amp;");
    }

    #[test]
    fn an_unfinished_reference_is_an_error() {
        for raw in ["&amp", "a & b", "&;", "&x;"] {
            assert_eq!(push_value(raw, &mut String::new()), None, "{raw}");
        }
    }

    #[test]
    fn illegal_characters_are_found_with_their_position() {
        assert_eq!(first_illegal("a\u{7f}\u{85}\u{fffd}\t\r\n"), None);
        assert_eq!(first_illegal("ab\u{1}"), Some(2));
        assert_eq!(first_illegal("\u{ff41}\u{ffff}"), Some(3));
    }
}
