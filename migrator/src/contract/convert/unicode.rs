//! White space and digits as Python defines them (Unicode 14).

use std::cmp::Ordering;

/// Zero digit of every script. A digit's value is its distance from the zero.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Digits that no number is written with, such as superscripts. `isdigit` accepts them; numeric
/// conversions reject them.
const ORNAMENTS: [(char, char); 20] = [
    ('\u{b2}', '\u{b3}'),
    ('\u{b9}', '\u{b9}'),
    ('\u{1369}', '\u{1371}'),
    ('\u{19da}', '\u{19da}'),
    ('\u{2070}', '\u{2070}'),
    ('\u{2074}', '\u{2079}'),
    ('\u{2080}', '\u{2089}'),
    ('\u{2460}', '\u{2468}'),
    ('\u{2474}', '\u{247c}'),
    ('\u{2488}', '\u{2490}'),
    ('\u{24ea}', '\u{24ea}'),
    ('\u{24f5}', '\u{24fd}'),
    ('\u{24ff}', '\u{24ff}'),
    ('\u{2776}', '\u{277e}'),
    ('\u{2780}', '\u{2788}'),
    ('\u{278a}', '\u{2792}'),
    ('\u{10a40}', '\u{10a43}'),
    ('\u{10e60}', '\u{10e68}'),
    ('\u{11052}', '\u{1105a}'),
    ('\u{1f100}', '\u{1f10a}'),
];

/// White space that `str.strip` removes: Unicode's, and the four separators U+001C … U+001F.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Value of a decimal digit of any script.
pub(super) fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = c as u32;
    let run = ZEROS.partition_point(|&zero| zero <= code);
    let value = code - ZEROS[run - 1];
    u8::try_from(value).ok().filter(|&value| value < 10)
}

/// True if `isdigit` holds for every character. False for the empty text.
pub(super) fn all_digits(text: &str) -> bool {
    let any_script = |c| digit(c).is_some() || is_ornament(c);
    all_ascii_digits(text) || (!text.is_empty() && text.chars().all(any_script))
}

/// True if every character is one of `0` to `9`. False for the empty text.
pub(super) fn all_ascii_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_ornament(c: char) -> bool {
    ORNAMENTS
        .binary_search_by(|&(first, last)| match (c < first, c > last) {
            (true, _) => Ordering::Greater,
            (_, true) => Ordering::Less,
            _ => Ordering::Equal,
        })
        .is_ok()
}

/// The text without surrounding white space, as Python defines it.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    // Nearly every text has nothing to trim. Its outer bytes show that.
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        (None, _) => text,
        _ => trim_any(text),
    }
}

#[inline(never)]
fn trim_any(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// True if the text is empty or only white space.
#[inline]
pub(crate) fn is_blank(text: &str) -> bool {
    !text.as_bytes().first().is_some_and(u8::is_ascii_graphic) && has_spaces_only(text)
}

#[inline(never)]
fn has_spaces_only(text: &str) -> bool {
    text.chars().all(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_have_their_value() {
        for (c, value) in
            [('0', 0), ('9', 9), ('٣', 3), ('９', 9), ('\u{1d7f6}', 0), ('\u{1fbf9}', 9)]
        {
            assert_eq!(digit(c), Some(value), "{c:?}");
        }
        for c in ['a', '/', ':', '²', '①', '\u{7f}', '\u{65f}', '\u{66a}', '日', '\u{10ffff}'] {
            assert_eq!(digit(c), None, "{c:?}");
        }
    }

    #[test]
    fn ornamental_digits_are_digits_without_a_value() {
        for text in ["0", "٣4", "²", "5²", "⓿", "\u{1f10a}"] {
            assert!(all_digits(text), "{text:?}");
        }
        for text in ["", " ", "+5", "1.0", "½", "Ⅷ", "5 "] {
            assert!(!all_digits(text), "{text:?}");
        }
    }

    #[test]
    fn the_information_separators_are_white_space() {
        for c in ['\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{3000}', '\u{b}'] {
            assert!(is_space(c), "{c:?}");
        }
        for c in ['\u{1b}', '\u{200b}', '\u{feff}', '\u{180e}', 'x'] {
            assert!(!is_space(c), "{c:?}");
        }
    }
}
