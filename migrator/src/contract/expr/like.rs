//! `LIKE` patterns (contract.md 12.2): `%` and `_`; the rest is regular expression syntax.
//!
//! Patterns of plain characters are matched directly. Only other patterns become a regular
//! expression, built once.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A compiled pattern. It matches a whole value without regard to case.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: Box<str>,
    /// Parts of a pattern without other syntax.
    pieces: Option<Box<[PatternPart]>>,
    /// Regular expression; `None` inside if the pattern is not a valid one.
    regex: OnceLock<Option<Regex>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PatternPart {
    /// A lower-case ASCII character.
    Byte(u8),
    AnyOne,
    AnyRun,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let pieces = text.bytes().map(piece).collect::<Option<_>>();
        Self { text: text.into(), pieces, regex: OnceLock::new() }
    }

    /// Quirk of a pattern that is not a valid regular expression, such as `(`: the value must equal
    /// it.
    pub(super) fn matches(&self, value: &str) -> bool {
        // Case folding beyond ASCII is left to the regular expression. No wildcard matches a line
        // break.
        let plain = value.bytes().all(|byte| byte.is_ascii() && byte != b'\n');
        match &self.pieces {
            Some(pieces) if plain => agrees(pieces, value.as_bytes()),
            _ => match self.regex.get_or_init(|| to_regex(&self.text)) {
                Some(regex) => regex.is_match(value),
                None => *self.text == *value,
            },
        }
    }
}

/// Bytes with a meaning in regular expressions; also the line break, which no wildcard matches.
const SYNTAX: &[u8] = b"\\^$*+?{}[]()|\n";

/// Part for a byte. A point matches any one character, as in every regular expression.
fn piece(byte: u8) -> Option<PatternPart> {
    match byte {
        b'%' => Some(PatternPart::AnyRun),
        b'_' | b'.' => Some(PatternPart::AnyOne),
        byte if !byte.is_ascii() || SYNTAX.contains(&byte) => None,
        byte => Some(PatternPart::Byte(byte.to_ascii_lowercase())),
    }
}

/// Matches with one step of backtracking: the last `%` takes one character more.
fn agrees(pieces: &[PatternPart], value: &[u8]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut last_run = None;
    while at < value.len() {
        let fits = match pieces.get(piece) {
            Some(PatternPart::AnyRun) => {
                last_run = Some((piece, at));
                piece += 1;
                continue;
            }
            Some(PatternPart::AnyOne) => true,
            Some(PatternPart::Byte(byte)) => value[at].eq_ignore_ascii_case(byte),
            None => false,
        };
        if fits {
            (piece, at) = (piece + 1, at + 1);
        } else if let Some((run, start)) = last_run {
            last_run = Some((run, start + 1));
            (piece, at) = (run + 1, start + 1);
        } else {
            return false;
        }
    }
    pieces[piece..].iter().all(|piece| *piece == PatternPart::AnyRun)
}

/// Regular expression that the reference makes of a pattern. Look-around, back references and
/// possessive quantifiers of its dialect are not supported, except `%+`, which matches the rest of
/// the line and gives nothing back.
fn to_regex(text: &str) -> Option<Regex> {
    let mut translated = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = piece_length(rest, c);
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        let repeats = matches!(c, '%' | '*' | '+' | '?') || length > 1 && c == '{';
        // In that dialect, two quantifiers in a row are an error.
        if repeats && (rest.starts_with('*') || quantifier_length(rest).is_some()) {
            return None;
        }
        match piece {
            "%" => translated.push_str(".*"),
            "%+" => translated.push_str(".*(?m:$)"),
            "_" => translated.push('.'),
            "{" => translated.push_str("\\{"),
            piece => translated.push_str(piece),
        }
    }
    RegexBuilder::new(&format!(r"\A(?:{translated})\z")).case_insensitive(true).build().ok()
}

/// Bytes of `text`, which starts with `c`, that are translated together.
fn piece_length(text: &str, c: char) -> usize {
    let behind = &text[c.len_utf8()..];
    match c {
        '%' if behind.starts_with('+') => 2,
        '\\' => 1 + behind.chars().next().map_or(0, char::len_utf8),
        '{' => quantifier_length(text).unwrap_or(1),
        _ => c.len_utf8(),
    }
}

/// Length of `{2}`, `{2,}`, `{,3}` or `{2,3}`. Any other opening brace is a plain character.
fn quantifier_length(text: &str) -> Option<usize> {
    let inside = &text.strip_prefix('{')?[..text.find('}')? - 1];
    let counts = inside.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
    let commas = inside.bytes().filter(|byte| *byte == b',').count();
    (counts && commas <= 1 && !inside.is_empty()).then_some(inside.len() + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_brace_that_starts_no_quantifier_stands_for_itself() {
        for (text, value) in [("a{b}", "A{B}"), ("a{", "a{"), ("a{2}", "aa"), ("{}", "{}")] {
            assert!(Pattern::new(text).matches(value), "{text}");
        }
    }

    proptest! {
        #[test]
        fn matching_by_hand_agrees_with_the_regular_expression(
            text in "[ab%_. B]{0,8}", value in "[abAB .]{0,10}",
        ) {
            let by_regex = to_regex(&text).is_some_and(|regex| regex.is_match(&value));
            prop_assert_eq!(Pattern::new(&text).matches(&value), by_regex);
        }
    }
}
