//! `LIKE` patterns (contract.md 12.2): `%` and `_`, and all the rest as regular expression syntax.
//!
//! Patterns of plain characters are matched by hand; a regular expression is built for the others
//! alone, once.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// A compiled pattern, which must agree with a whole value, in any case.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: Box<str>,
    /// The pattern in plain pieces, if it has no other syntax.
    pieces: Option<Box<[Piece]>>,
    /// `None` inside: the pattern is no regular expression.
    regex: OnceLock<Option<Regex>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
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

    /// The quirk of a pattern that is no regular expression (`(`): it has to equal the value.
    pub(super) fn matches(&self, value: &str) -> bool {
        // Beyond ASCII, folding is the regular expression's business; and no wildcard stands for a
        // line break.
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

/// A point stands for any one character, as in every regular expression.
fn piece(byte: u8) -> Option<Piece> {
    match byte {
        b'%' => Some(Piece::AnyRun),
        b'_' | b'.' => Some(Piece::AnyOne),
        b'\\' | b'^' | b'$' | b'*' | b'+' | b'?' | b'{' | b'}' | b'[' | b']' | b'(' | b')'
        | b'|' => None,
        b'\n' => None,
        byte if byte.is_ascii() => Some(Piece::Byte(byte.to_ascii_lowercase())),
        _ => None,
    }
}

/// Matches with one step back: to the last run, which then takes one character more.
fn agrees(pieces: &[Piece], value: &[u8]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut last_run = None;
    while at < value.len() {
        let fits = match pieces.get(piece) {
            Some(Piece::AnyRun) => {
                last_run = Some((piece, at));
                piece += 1;
                continue;
            }
            Some(Piece::AnyOne) => true,
            Some(Piece::Byte(byte)) => value[at].eq_ignore_ascii_case(byte),
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
    pieces[piece..].iter().all(|piece| *piece == Piece::AnyRun)
}

/// The regular expression that the reference makes of a pattern. Its dialect's look-around, back
/// references and possessive quantifiers do not exist here, apart from `%+`, which takes the rest
/// of the line and gives nothing back.
fn to_regex(text: &str) -> Option<Regex> {
    let mut translated = String::with_capacity(text.len() + 8);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '%' if rest.next_if_eq(&'+').is_some() => translated.push_str(".*(?m:$)"),
            // Two quantifiers in a row are no regular expression there.
            '%' | '*' | '+' | '?' if rest.peek() == Some(&'*') => return None,
            '%' => translated.push_str(".*"),
            '_' => translated.push('.'),
            '{' if !is_quantifier(rest.clone()) => translated.push_str("\\{"),
            '\\' => translated.extend([Some(c), rest.next()].into_iter().flatten()),
            _ => translated.push(c),
        }
    }
    RegexBuilder::new(&format!(r"\A(?:{translated})\z")).case_insensitive(true).build().ok()
}

/// Whether what follows an opening brace makes it a quantifier; it stands for itself otherwise.
fn is_quantifier(rest: impl Iterator<Item = char>) -> bool {
    let mut inside = rest.take_while(|&c| c != '}').peekable();
    inside.peek().is_some() && inside.all(|c| c.is_ascii_digit() || c == ',')
}
