//! A slow and simple well-formedness check on quick-xml's events, for comparison with the scan. It
//! knows no contract and shares no code with the scan.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::events::Event;

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Returns true if libxml2 accepts the text. The text has no declaration.
pub(crate) fn is_well_formed(text: &str) -> bool {
    text.chars().all(is_character) && tokens(text).is_some()
}

fn tokens(text: &str) -> Option<()> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    // Open elements, each with the prefixes that it declares.
    let mut open: Vec<Vec<(String, String)>> = Vec::new();
    let mut roots = 0;
    loop {
        let event = reader.read_event().ok()?;
        let at_top = open.is_empty();
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                roots += usize::from(at_top);
                open.push(Vec::new());
                element(tag.name().0, tag.attributes_raw(), &mut open)?;
                if open.len() > 256 || roots > 1 {
                    return None;
                }
                if matches!(event, Event::Empty(_)) {
                    open.pop();
                }
            }
            Event::End(_) => {
                open.pop()?;
            }
            Event::Text(text) if at_top => {
                text.chars().all(|c| BLANKS.contains(&c)).then_some(())?;
            }
            Event::Text(text) => (!text.contains("]]>")).then_some(())?,
            Event::GeneralRef(name) => (!at_top && referenced(name).is_some()).then_some(())?,
            Event::CData(_) => (!at_top).then_some(())?,
            Event::Comment(text) => (!text.contains("--") && !text.ends_with('-')).then_some(())?,
            Event::PI(pi) => instruction(pi.target(), pi.content())?,
            Event::Decl(_) | Event::DocType(_) => return None,
            Event::Eof => return (roots == 1 && at_top).then_some(()),
        }
    }
}

fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn instruction(target: &str, content: &str) -> Option<()> {
    let separated = content.is_empty() || content.starts_with(BLANKS);
    let legal = is_name(target) && !target.contains(':') && !target.eq_ignore_ascii_case("xml");
    (separated && legal).then_some(())
}

fn element(name: &str, raw: &str, open: &mut [Vec<(String, String)>]) -> Option<()> {
    let attributes = attributes(raw)?;
    let mut names = BTreeSet::new();
    for (name, value) in &attributes {
        if !is_name(name) || !names.insert(name) {
            return None;
        }
        if let Some(prefix) = name.strip_prefix("xmlns:") {
            let reserved = [XML, XMLNS].contains(&value.as_str());
            match prefix {
                "xml" if value == XML => {}
                "xml" | "xmlns" | "" => return None,
                _ if prefix.contains(':') || !is_name(prefix) => return None,
                _ if value.is_empty() || reserved => return None,
                _ if !is_uri(value) => return None,
                _ => open.last_mut()?.push((prefix.to_owned(), value.clone())),
            }
        } else if name == "xmlns" && (!is_uri(value) || [XML, XMLNS].contains(&value.as_str())) {
            return None;
        }
    }
    let uri = |name: &str| -> Option<Option<String>> {
        let Some((prefix, local)) = name.split_once(':') else { return Some(None) };
        if !is_name(prefix) || !is_name(local) || local.contains(':') {
            return None;
        }
        if prefix == "xml" {
            return Some(Some(XML.to_owned()));
        }
        let declared = open.iter().rev().flat_map(|own| own.iter().rev());
        let uri = declared.into_iter().find(|(known, _)| known == prefix)?.1.clone();
        Some(Some(uri))
    };
    if !is_name(name) {
        return None;
    }
    uri(name)?;
    let mut expanded = BTreeSet::new();
    for (name, _) in &attributes {
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        if let Some(uri) = uri(name)?
            && !expanded.insert((uri, name.split_once(':')?.1))
        {
            return None;
        }
    }
    Some(())
}

/// Names and resolved values.
fn attributes(raw: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = raw;
    loop {
        let trimmed = rest.trim_start_matches(BLANKS);
        if trimmed.is_empty() {
            return Some(found);
        }
        if trimmed.len() == rest.len() {
            return None;
        }
        let (name, value) = trimmed.split_once('=')?;
        let value = value.trim_start_matches(BLANKS);
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let (value, after) = value[1..].split_once(quote)?;
        if value.contains('<') {
            return None;
        }
        found.push((name.trim_end_matches(BLANKS).to_owned(), resolved(value)?));
        rest = after;
    }
}

fn resolved(value: &str) -> Option<String> {
    let mut pieces = value.split('&');
    let mut text = pieces.next()?.replace(BLANKS, " ");
    for piece in pieces {
        let (name, after) = piece.split_once(';')?;
        text.push(referenced(name)?);
        text.push_str(&after.replace(BLANKS, " "));
    }
    Some(text)
}

fn referenced(name: &str) -> Option<char> {
    let named = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\'')];
    if let Some((_, character)) = named.iter().find(|(known, _)| *known == name) {
        return Some(*character);
    }
    let number = name.strip_prefix('#')?;
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    code.filter(|c| all_digits && is_character(*c))
}

fn is_uri(uri: &str) -> bool {
    let escapes = uri.split('%').skip(1).all(|after| {
        let hex = after.as_bytes().get(..2);
        hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    escapes
        && !uri.starts_with(':')
        && !uri.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
}

fn is_name(name: &str) -> bool {
    let starts = |c: char| {
        c.is_ascii_alphabetic()
            || matches!(c, ':' | '_' | '\u{c0}'..='\u{2ff}' | '\u{370}'..='\u{1fff}'
                | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
                | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
                | '\u{10000}'..='\u{effff}')
                && !matches!(c, '×' | '÷' | '\u{37e}')
    };
    let goes_on = |c: char| {
        starts(c)
            || c.is_ascii_digit()
            || matches!(c, '-' | '.' | '·' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
    };
    name.chars().next().is_some_and(starts) && name.chars().all(goes_on)
}
