//! The text of a scenario with spans of its keys, and errors with a line.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::scenario::suggest::nearest;

/// Error of a scenario and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// A lower-case fragment.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Fault {}

/// Text with spans, for the line of an error.
pub(in crate::scenario) struct Source<'a> {
    text: &'a str,
    table: DeTable<'a>,
    /// Index of the `[[phase]]` that is parsed, if the file has several. Keys are then looked up in
    /// that phase.
    pub(in crate::scenario) phase: Option<usize>,
}

impl<'a> Source<'a> {
    /// Parses a text as TOML.
    pub(in crate::scenario) fn of(text: &'a str) -> Result<Self, Fault> {
        Ok(Self { text, table: parse_table(text)?, phase: None })
    }

    /// The tables `[[phase]]`, in their order.
    pub(in crate::scenario) fn phases(&self) -> Vec<&DeTable<'a>> {
        let phases = self.table.get("phase").map(toml::Spanned::get_ref);
        let Some(DeValue::Array(phases)) = phases else {
            return Vec::new();
        };
        phases.iter().filter_map(|phase| phase.get_ref().as_table()).collect()
    }

    /// An error on the line where a span begins; without a span, on the first line.
    pub(super) fn fault_at(&self, span: Option<Range<usize>>, message: impl Into<String>) -> Fault {
        let line = line_at(self.text, span.map_or(0, |span| span.start));
        Fault { line, message: message.into() }
    }

    pub(in crate::scenario) fn fault_of(&self, error: &toml::de::Error) -> Fault {
        self.fault_at(error.span(), one_line(error.message()))
    }

    /// An error on the line of `[section] key`, or of the section if the key is missing. The top
    /// level is the section "".
    pub(in crate::scenario) fn fault_in(
        &self,
        section: &str,
        key: &str,
        message: impl fmt::Display,
    ) -> Fault {
        let place = if section.is_empty() { key.into() } else { format!("[{section}] {key}") };
        self.fault_at(self.span(section, key), format!("{place}: {message}"))
    }

    /// Span of `[section] key`, or of the section.
    pub(super) fn span(&self, section: &str, key: &str) -> Option<Range<usize>> {
        let phase = self.phase.and_then(|index| self.phases().get(index).copied());
        let table = match (section, phase) {
            ("sweep" | "", Some(phase)) => phase,
            _ => &self.table,
        };
        if section.is_empty() {
            let found = table.get_key_value(key).or_else(|| self.table.get_key_value(key));
            return found.map(|(key, _)| key.span());
        }
        let (name, value) = table.get_key_value(section)?;
        let inside = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(key).map(|(key, _)| key.span()),
            _ => None,
        };
        Some(inside.unwrap_or(name.span()))
    }

    /// The table of this name, if it exists.
    pub(super) fn section(&self, name: &str) -> Option<&DeTable<'a>> {
        self.table.get(name).and_then(|section| section.get_ref().as_table())
    }

    /// The top level.
    pub(super) fn top(&self) -> &DeTable<'a> {
        &self.table
    }

    pub(in crate::scenario) fn check_table(
        &self,
        table: &DeTable<'_>,
        known: &[&str],
        name: &str,
    ) -> Result<(), Fault> {
        let Some((key, _)) = table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref()))
        else {
            return Ok(());
        };
        let at = if name.is_empty() { String::new() } else { format!(" in [{name}]") };
        let (key, span) = (key.get_ref(), key.span());
        let nearest = nearest(key, known);
        let message = format!("unknown key `{key}`{at}; the nearest known one is `{nearest}`");
        Err(self.fault_at(Some(span), message))
    }
}

fn parse_table(text: &str) -> Result<DeTable<'_>, Fault> {
    match DeTable::parse(text) {
        Ok(table) => Ok(table.into_inner()),
        Err(error) => Err(Fault {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            message: one_line(error.message()),
        }),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
