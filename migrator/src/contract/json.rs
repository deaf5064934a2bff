//! JSON tree in which every value has its span in the text.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// Position of a value in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character, from 1, in characters.
    pub column: usize,
}

/// A value and its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Span of the value; for a text, with its quotes.
    pub span: Span,
    /// The value.
    pub kind: NodeKind,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Null, a boolean, a number or a string.
    Scalar(Json),
    /// An array.
    List(Vec<Node>),
    /// An object in the order of the text. A key may occur twice.
    Object(Vec<Member>),
}

/// A key of an object and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, decoded.
    pub key: String,
    /// Span of the key, with its quotes.
    pub key_span: Span,
    /// Value of the key.
    pub value: Node,
}

impl Node {
    /// Parses a whole text.
    ///
    /// # Errors
    /// The syntax error with line and column. Nesting deeper than 128 is an error.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        // The tree is built from slices. That checks neither syntax nor depth.
        serde_json::from_str::<Json>(text)?;
        Builder::new(text).node(serde_json::from_str(text)?)
    }

    /// Value of a key. If the key occurs twice, the last value counts, as for every JSON reader.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.key == key).map(|member| &member.value)
    }

    /// Members of an object; empty for other values.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            NodeKind::Object(members) => members,
            NodeKind::Scalar(_) | NodeKind::List(_) => &[],
        }
    }

    /// Items of a list; empty for other values.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            NodeKind::Scalar(_) | NodeKind::Object(_) => &[],
        }
    }

    /// The string, if the value is one.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.as_str(),
            NodeKind::List(_) | NodeKind::Object(_) => None,
        }
    }

    /// True if the value is null.
    pub fn is_null(&self) -> bool {
        self.kind == NodeKind::Scalar(Json::Null)
    }

    /// The value without spans. If a key occurs twice, the last value counts.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.clone(),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Object(members) => members
                .iter()
                .map(|member| (member.key.clone(), member.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// Type of the value, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(Json::Null) => "null",
            NodeKind::Scalar(Json::Bool(_)) => "a boolean",
            NodeKind::Scalar(Json::Number(_)) => "a number",
            NodeKind::Scalar(_) => "a string",
            NodeKind::List(_) => "an array",
            NodeKind::Object(_) => "an object",
        }
    }
}

impl Span {
    /// Span of a part of a string value. `part` counts bytes of the decoded string. The whole span
    /// if the part is outside.
    #[must_use]
    pub fn inside(self, text: &str, part: Range<usize>) -> Self {
        let literal = text.get(self.start..self.end).unwrap_or_default();
        let start = offset_in_literal(literal, part.start);
        let end = offset_in_literal(literal, part.end);
        let (Some(start), Some(end)) = (start, end) else { return self };
        // A JSON string has no raw line break, so the part is on the same line.
        let column = self.column + literal[..start].chars().count();
        Self { start: self.start + start, end: self.start + end, line: self.line, column }
    }
}

/// Offset in a quoted literal of a byte of the decoded string.
fn offset_in_literal(literal: &str, decoded: usize) -> Option<usize> {
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    let (mut at, mut passed) = (0, 0);
    while passed < decoded {
        let rest = inside.get(at..)?;
        let length = character_length(rest)?;
        // A character of the literal decodes alone; a surrogate pair decodes with both halves.
        let character: String = serde_json::from_str(&format!("\"{}\"", &rest[..length])).ok()?;
        passed += character.len();
        at += length;
    }
    Some(1 + at)
}

/// Length in bytes of the literal's first character, which may be an escape.
fn character_length(rest: &str) -> Option<usize> {
    let Some(escape) = rest.strip_prefix('\\') else {
        return rest.chars().next().map(char::len_utf8);
    };
    if !escape.starts_with('u') {
        return Some(2);
    }
    let unit = u16::from_str_radix(rest.get(2..6)?, 16).ok()?;
    Some(if (0xd800..0xdc00).contains(&unit) { 12 } else { 6 })
}

/// Builds nodes from slices of one text.
struct Builder<'t> {
    text: &'t str,
    /// Offset of the first byte of every line.
    lines: Vec<usize>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let after = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self { text, lines: std::iter::once(0).chain(after).collect() }
    }

    fn span(&self, slice: &str) -> Span {
        let start = (slice.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let line = self.lines.partition_point(|line| *line <= start);
        let first = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let before = self.text.get(first..start).unwrap_or_default();
        Span { start, end: start + slice.len(), line, column: before.chars().count() + 1 }
    }

    fn node(&self, raw: &RawValue) -> serde_json::Result<Node> {
        let slice = raw.get();
        let kind = match slice.as_bytes().first() {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(slice)?;
                NodeKind::List(
                    items.into_iter().map(|item| self.node(item)).collect::<Result<_, _>>()?,
                )
            }
            Some(b'{') => {
                let RawMembers(members) = serde_json::from_str(slice)?;
                let member = |(key, value)| self.member(key, value);
                NodeKind::Object(members.into_iter().map(member).collect::<Result<_, _>>()?)
            }
            _ => NodeKind::Scalar(serde_json::from_str(slice)?),
        };
        Ok(Node { span: self.span(slice), kind })
    }

    fn member(&self, key: &RawValue, value: &RawValue) -> serde_json::Result<Member> {
        Ok(Member {
            key: serde_json::from_str(key.get())?,
            key_span: self.span(key.get()),
            value: self.node(value)?,
        })
    }
}

/// Keys and values of an object as slices. A map would drop repeated keys.
struct RawMembers<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slice(text: &str, span: Span) -> &str {
        &text[span.start..span.end]
    }

    #[test]
    fn every_value_and_key_has_a_span() {
        let text = "{\n \"é\": [1,\n  \"x\"], \"b\": {\"c\": null}\n}";
        let tree = Node::parse(text).unwrap();
        let second = &tree.get("é").unwrap().items()[1];
        assert_eq!((second.span.line, second.span.column), (3, 3));
        assert_eq!(slice(text, second.span), "\"x\"");
        let b = &tree.members()[1];
        assert_eq!((b.key_span.line, b.key_span.column), (3, 9));
        assert_eq!(slice(text, b.value.get("c").unwrap().span), "null");
    }

    #[test]
    fn columns_count_characters() {
        let text = "[\"日本\", 7]";
        let tree = Node::parse(text).unwrap();
        assert_eq!(tree.items()[1].span.column, 8);
    }

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
        let tree = Node::parse("{\"a\": 1, \"a\": 2}").unwrap();
        assert_eq!(tree.members().len(), 2);
        assert_eq!(tree.to_json(), serde_json::json!({"a": 2}));
        assert_eq!(tree.get("a").unwrap().kind, NodeKind::Scalar(2.into()));
    }

    #[test]
    fn invalid_json_is_rejected_with_line_and_column() {
        let error = Node::parse("{\n \"a\": 1,\n}").unwrap_err();
        assert_eq!((error.line(), error.column()), (3, 1));
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn a_part_of_a_text_is_found_behind_its_escapes() {
        let text = r#"["\u00e9\n\ud83d\ude00 = 'x' \"y\""]"#;
        let tree = Node::parse(text).unwrap();
        let node = &tree.items()[0];
        let decoded = node.text().unwrap().to_owned();
        for part in ["'x'", "\"y\"", "= "] {
            let start = decoded.find(part).unwrap();
            let span = node.span.inside(text, start..start + part.len());
            let quoted = format!("\"{}\"", slice(text, span));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), part);
        }
        assert_eq!(node.span.inside(text, 0..1000), node.span);
    }

    proptest! {
        #[test]
        fn every_character_of_any_text_is_found(decoded in "\\PC{1,8}[\"\\\\\n\t]{0,2}\\PC{0,4}") {
            let text = format!("[{}]", serde_json::to_string(&decoded).unwrap());
            let tree = Node::parse(&text).unwrap();
            let node = &tree.items()[0];
            for (at, c) in decoded.char_indices() {
                let span = node.span.inside(&text, at..at + c.len_utf8());
                let quoted = format!("\"{}\"", slice(&text, span));
                prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), c.to_string());
            }
        }
    }
}
