//! Text checks of contract.md 4: converts bytes to a cleaned text, or rejects them.
//!
//! The parser checks the tree, but reports that as `validation` too.

use std::borrow::Cow;

use memchr::memmem;

use crate::contract::convert::{is_blank, trim};
use crate::record::{RawRecord, Reject, Stage, ValidRecord};

/// Maximum size of one record's text in bytes.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// Number of characters in which the root element has to start.
const ROOT_WITHIN_CHARS: usize = 100;

/// Decodes, cleans and checks the text of a record.
///
/// # Errors
/// A reject at `validation` with one of the causes 1 to 4 of contract.md 4, or for its size.
pub fn validate(record: RawRecord) -> Result<ValidRecord, Reject> {
    let bytes = record.bytes.ok_or_else(|| reject("the text is null"))?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(reject("the text is longer than 64 MiB"));
    }
    let decoded = decode(bytes);
    if is_blank(&decoded) {
        return Err(reject("the text is blank"));
    }
    let once = clean(&decoded);
    let twice = clean(&once);
    let text: &str = &twice;
    if !text.starts_with('<') || !text.ends_with('>') {
        return Err(reject("the text does not start with < and end with >"));
    }
    if !starts_root(text) {
        return Err(reject("no <Provenir within the first 100 characters"));
    }
    if !has_end_tag(text) {
        return Err(reject("no </Provenir>"));
    }
    let parsed_by_reference = once.strip_prefix('\u{feff}').unwrap_or(&once).trim_start();
    let cleaned_twice = parsed_by_reference != text;
    // The usual text needs no cleaning. Then the decoded text is kept instead of a copy.
    let unchanged = text.len() == decoded.len();
    let text = if unchanged { None } else { Some(twice.into_owned()) };
    drop(once);
    Ok(ValidRecord { key: record.key, text: text.unwrap_or(decoded), cleaned_twice })
}

fn reject(reason: &str) -> Reject {
    Reject { stage: Stage::Validation, reason: reason.to_owned() }
}

/// Decodes UTF-8, or else windows-1252 with U+FFFD for the five undefined bytes (2.1).
fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(error.as_bytes());
        let open = |c: char| matches!(c, '\u{81}' | '\u{8d}' | '\u{8f}' | '\u{90}' | '\u{9d}');
        text.replace(open, "\u{fffd}")
    })
}

/// Cleans once: removes byte order marks and leading control characters, converts line ends to LF,
/// trims.
fn clean(text: &str) -> Cow<'_, str> {
    let text = ["\u{feff}", "\u{ff}\u{fe}", "\u{fe}\u{ff}"]
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .unwrap_or(text);
    let text = text.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(text);
    let text = text.trim_start_matches(|c: char| c < ' ' && !matches!(c, '\t' | '\r' | '\n'));
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(trim(text));
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(trim(&unified).to_owned())
}

fn starts_root(text: &str) -> bool {
    const ROOT: &[u8] = b"<provenir";
    let mut candidates =
        text.char_indices().take(ROOT_WITHIN_CHARS).filter(|(_, c)| *c == '<').map(|(at, _)| at);
    candidates.any(|at| starts_with_ignore_case(&text.as_bytes()[at..], ROOT))
}

fn has_end_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut ends = memmem::rfind_iter(bytes, b"</");
    ends.any(|at| starts_with_ignore_case(&bytes[at..], b"</provenir>"))
}

fn starts_with_ignore_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(bytes: &[u8]) -> Result<ValidRecord, String> {
        validate(RawRecord { key: 1, bytes: Some(bytes.to_vec()) }).map_err(|reject| reject.reason)
    }

    #[test]
    fn a_clean_text_is_unchanged() {
        let record = validated(b"<Provenir></Provenir>").unwrap();
        assert_eq!(record.text, "<Provenir></Provenir>");
        assert!(!record.cleaned_twice);
    }

    #[test]
    fn marks_control_characters_line_ends_and_blanks_are_cleaned() {
        let record = validated("\u{feff}\u{1}<Provenir>\r\n\r</Provenir> \n".as_bytes()).unwrap();
        assert_eq!(record.text, "<Provenir>\n\n</Provenir>");
        assert!(!record.cleaned_twice);
    }

    #[test]
    fn blanks_before_a_control_character_take_two_cleanings() {
        assert!(validated(b" \0<Provenir></Provenir>").unwrap().cleaned_twice);
        let mark_then_line = validated("\u{feff}\u{feff}\n<Provenir></Provenir>".as_bytes());
        assert!(!mark_then_line.unwrap().cleaned_twice);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_windows_1252() {
        let record = validated(b"<Provenir a='\x93\x81\xe9'></Provenir>").unwrap();
        assert_eq!(record.text, "<Provenir a='\u{201c}\u{fffd}\u{e9}'></Provenir>");
    }

    #[test]
    fn input_that_is_not_a_record_is_rejected_with_its_cause() {
        let long_head = format!("<!--{}--><Provenir></Provenir>", "x".repeat(100));
        let cases: [(&[u8], &str); 6] = [
            (b"", "the text is blank"),
            (b" \n\t", "the text is blank"),
            (b"x<Provenir></Provenir>", "the text does not start with < and end with >"),
            (b"<Provenir></Provenir>x", "the text does not start with < and end with >"),
            (long_head.as_bytes(), "no <Provenir within the first 100 characters"),
            (b"<Provenir/>", "no </Provenir>"),
        ];
        for (bytes, reason) in cases {
            assert_eq!(validated(bytes).unwrap_err(), reason);
        }
        let null = validate(RawRecord { key: 1, bytes: None });
        assert_eq!(null.unwrap_err().reason, "the text is null");
    }

    #[test]
    fn tags_are_found_in_any_case() {
        assert!(validated(b"<?x?><pROVENIR></PROVENIR>").is_ok());
    }
}
