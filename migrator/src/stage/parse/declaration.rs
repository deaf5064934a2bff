//! XML declaration: its syntax, and the effect of another encoding than UTF-8.
//!
//! The reference passes UTF-8 bytes to a library that believes the declaration. So `ISO-8859-1`
//! gives mojibake and `UTF-16` a reject (contract.md 4, cause 5).

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::Encoding;
use regex::Regex;

/// `XMLDecl` of XML 1.0, versions 1.x.
const SYNTAX: &str = concat!(
    r"^<\?xml[ \t\n\r]+version[ \t\n\r]*=[ \t\n\r]*(?:'1\.[0-9]+'|",
    r#""1\.[0-9]+")"#,
    r"(?:[ \t\n\r]+encoding[ \t\n\r]*=[ \t\n\r]*(?:'([A-Za-z][A-Za-z0-9._-]*)'|",
    r#""([A-Za-z][A-Za-z0-9._-]*)"))?"#,
    r"(?:[ \t\n\r]+standalone[ \t\n\r]*=[ \t\n\r]*(?:'(?:yes|no)'|",
    r#""(?:yes|no)"))?[ \t\n\r]*\?>"#
);

/// Text without its declaration, with its UTF-8 bytes decoded in the declared encoding.
///
/// # Errors
/// An ill-formed declaration, or an encoding that cannot decode the bytes.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>, Cow<'static, str>> {
    static DECLARATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SYNTAX).ok());
    let Some(after) = text.strip_prefix("<?xml") else { return Ok(Cow::Borrowed(text)) };
    if !after.starts_with([' ', '\t', '\n', '\r', '?']) {
        return Ok(Cow::Borrowed(text));
    }
    let captures = DECLARATION.as_ref().and_then(|syntax| syntax.captures(text));
    let captures = captures.ok_or("an ill-formed XML declaration")?;
    let body = captures.get(0).map_or(text, |whole| &text[whole.end()..]);
    match captures.get(1).or_else(|| captures.get(2)) {
        None => Ok(Cow::Borrowed(body)),
        Some(label) => recode(body, label.as_str()),
    }
}

fn recode<'t>(body: &'t str, label: &str) -> Result<Cow<'t, str>, Cow<'static, str>> {
    match label.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Ok(Cow::Borrowed(body)),
        "us-ascii" | "ascii" if body.is_ascii() => Ok(Cow::Borrowed(body)),
        "us-ascii" | "ascii" => Err("bytes that are not US-ASCII, which is declared".into()),
        // Not windows-1252, as the web's label list maps it: 0x80 … 0x9f stay control characters.
        "iso-8859-1" | "latin1" | "iso_8859-1" => Ok(if body.is_ascii() {
            Cow::Borrowed(body)
        } else {
            Cow::Owned(body.bytes().map(char::from).collect())
        }),
        _ => by_table(body, label),
    }
}

fn by_table<'t>(body: &'t str, label: &str) -> Result<Cow<'t, str>, Cow<'static, str>> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())
        .filter(|encoding| encoding.is_ascii_compatible())
        .ok_or_else(|| format!("the declared encoding {label} cannot be read"))?;
    encoding
        .decode_without_bom_handling_and_without_replacement(body.as_bytes())
        .ok_or_else(|| format!("bytes that are not {label}, which is declared").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_encoding_reads_the_utf8_bytes() {
        let cases = [
            ("<?xml version=\"1.0\"?><b>é</b>", Some("<b>é</b>")),
            (
                "<?xml version='1.1' encoding='utf-8' standalone=\"yes\" ?><b>é</b>",
                Some("<b>é</b>"),
            ),
            ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><b>é</b>", Some("<b>Ã©</b>")),
            ("<?xml version=\"1.0\" encoding=\"windows-1252\"?><b>’</b>", Some("<b>â€™</b>")),
            ("<?xml version=\"1.0\" encoding=\"us-ascii\"?><b>é</b>", None),
            ("<?xml version=\"1.0\" encoding=\"UTF-16\"?><b/>", None),
            ("<?xml version=\"1.0\" encoding=\"foo\"?><b/>", None),
            ("<?xml version=\"1.0\" encoding=\"\"?><b/>", None),
            ("<?xml version=\"2.0\"?><b/>", None),
            ("<?xml version=\"1\"?><b/>", None),
            ("<?xml?><b/>", None),
            ("<?xml encoding=\"utf-8\"?><b/>", None),
            ("<?xml version=\"1.0\"encoding=\"utf-8\"?><b/>", None),
            ("<?xml version=\"1.0\" standalone=\"yes\" encoding=\"utf-8\"?><b/>", None),
            ("<?xml version=\"1.0\" standalone=\"maybe\"?><b/>", None),
            ("<?xml-stylesheet x?><b/>", Some("<?xml-stylesheet x?><b/>")),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text).ok().as_deref(), expected, "{text}");
        }
    }
}
