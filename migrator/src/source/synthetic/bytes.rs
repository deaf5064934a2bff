//! Converts the text of a record to bytes: the encodings that a source may contain, and the damage
//! for which a text is rejected.

use encoding_rs::WINDOWS_1252;

use super::draw::Draw;
use super::plan::RejectKind;
use super::product_line::ProductLine;

/// Bytes of a valid text. One in 20 texts with letters outside ASCII is in windows-1252; all others
/// are UTF-8. Bytes that are not UTF-8 are read as windows-1252 (contract.md 2.1).
pub(super) fn encode(text: String, draw: &mut Draw) -> Vec<u8> {
    if !text.is_ascii() && draw.percent(5) {
        // A character outside of that code page becomes a character reference.
        WINDOWS_1252.encode(&text).0.into_owned()
    } else {
        text.into_bytes()
    }
}

/// Bytes of a text that validation rejects.
pub(super) fn spoil(
    text: String,
    reject: RejectKind,
    line: &ProductLine,
    draw: &mut Draw,
) -> Vec<u8> {
    match reject {
        RejectKind::Malformed => malformed(&text, draw).into_bytes(),
        RejectKind::OtherProduct => other_product(&text, line).into_bytes(),
        RejectKind::NoAppId => without_app_id(&text, draw).into_bytes(),
        RejectKind::Truncated => truncated(text, draw),
        RejectKind::Utf16 => utf16(&text, draw),
    }
}

fn malformed(text: &str, draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => text.replacen("</CustData>", "</CustDat>", 1),
        1 => text.replacen(" con_id=\"", " con_note=\"Elm & Ash\" con_id=\"", 1),
        2 => text.replacen(" con_id=\"", " con_note=\"a < b\" con_id=\"", 1),
        _ => text.replacen(" con_id=\"", " con_id=\"0\" con_id=\"", 1),
    }
}

fn other_product(text: &str, line: &ProductLine) -> String {
    let (own, other) = (line.application, line.other_application);
    text.replacen(&format!("<{own}"), &format!("<{other}"), 1).replacen(
        &format!("</{own}>"),
        &format!("</{other}>"),
        1,
    )
}

/// Removes the id, or leaves it blank.
fn without_app_id(text: &str, draw: &mut Draw) -> String {
    let Some((before, rest)) = text.split_once(" ID=\"") else { return text.to_owned() };
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    let blank = draw.pick(&["", " ID=\"\"", " ID=\"  \""]);
    format!("{before}{blank}{after}")
}

/// Keeps between a tenth and nine tenths of the bytes. The end may be within a character.
fn truncated(text: String, draw: &mut Draw) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    bytes.truncate(bytes.len() * draw.between(10, 90) as usize / 100);
    bytes
}

fn utf16(text: &str, draw: &mut Draw) -> Vec<u8> {
    let little_endian = draw.percent(50);
    std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(|unit| if little_endian { unit.to_le_bytes() } else { unit.to_be_bytes() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::draw::Purpose;
    use super::super::spec::Product;
    use super::*;

    const TEXT: &str = "<Provenir><Request ID=\"7\"><CustData><application a=\"é\">\
                        <contact con_id=\"1\"/></application></CustData></Request></Provenir>";

    fn spoilt(reject: RejectKind) -> Vec<String> {
        let one = |number| {
            let mut draw = Draw::new(1, number, Purpose::Bytes);
            String::from_utf8_lossy(&spoil(TEXT.to_owned(), reject, Product::Cc.line(), &mut draw))
                .into_owned()
        };
        (0..40).map(one).collect()
    }

    #[test]
    fn every_kind_of_reject_changes_the_text_at_its_place() {
        for text in spoilt(RejectKind::Malformed) {
            assert!(
                text.contains("</CustDat>")
                    || text.contains("con_note")
                    || text.contains("id=\"0\"")
            );
        }
        for text in spoilt(RejectKind::OtherProduct) {
            assert_eq!(text.matches("IL_application").count(), 2);
        }
        for text in spoilt(RejectKind::NoAppId) {
            assert!(!text.contains("ID=\"7\"") && text.contains("<Request"));
        }
        for text in spoilt(RejectKind::Truncated) {
            assert!(TEXT.starts_with(text.trim_end_matches('\u{fffd}')) && text.len() < TEXT.len());
        }
    }

    #[test]
    fn utf_16_comes_in_both_byte_orders_and_is_not_utf_8() {
        let mut marks = std::collections::BTreeSet::new();
        for number in 0..40 {
            let mut draw = Draw::new(1, number, Purpose::Bytes);
            let bytes = spoil(TEXT.to_owned(), RejectKind::Utf16, Product::Cc.line(), &mut draw);
            assert!(std::str::from_utf8(&bytes).is_err());
            marks.insert([bytes[0], bytes[1]]);
        }
        assert_eq!(marks.len(), 2);
    }

    #[test]
    fn texts_outside_ascii_come_in_either_encoding() {
        let encodings: std::collections::BTreeSet<_> = (0..200)
            .map(|number| {
                let mut draw = Draw::new(1, number, Purpose::Bytes);
                std::str::from_utf8(&encode(TEXT.to_owned(), &mut draw)).is_ok()
            })
            .collect();
        assert_eq!(encodings.len(), 2);
        let mut draw = Draw::new(1, 1, Purpose::Bytes);
        assert_eq!(encode("<a/>".to_owned(), &mut draw), b"<a/>");
    }
}
