//! Arithmetic over fields (contract.md 12.4): the names that a formula needs, and its value.

use super::arithmetic::{FormulaTree, Numeric, is_word, number_or_zero};
use super::names::{Context, EvaluationError, ExpressionNames, NameId};
use super::rename::KeyRenaming;
use crate::contract::convert::is_blank;
use crate::record::Value;

/// A compiled formula.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    /// Names in the text, in exact case. Each must have a value that is not blank.
    names: Box<[NameId]>,
    /// `None` if the text is not a formula. Its value is null for every record.
    tree: Option<FormulaTree>,
    renaming: Option<Box<KeyRenaming>>,
}

impl Formula {
    /// Fails if a character is not allowed in arithmetic.
    pub(super) fn compile(
        text: &str,
        names: &mut ExpressionNames,
    ) -> Result<Self, EvaluationError> {
        if !text.chars().all(is_allowed) {
            return Err(EvaluationError);
        }
        let words = words(text);
        let ids: Box<[NameId]> = words.iter().map(|word| names.exact(word)).collect();
        let tree = FormulaTree::parse(text, |name| words.iter().position(|word| *word == name));
        let renaming = KeyRenaming::compile(text, &words, &ids, names).map(Box::new);
        Ok(Self { names: ids, tree, renaming })
    }

    /// Names that must have values.
    pub(super) fn fields(&self) -> &[NameId] {
        &self.names
    }

    /// Null unless every name has a value and the arithmetic succeeds.
    pub(super) fn evaluate(&self, context: &impl Context) -> Value {
        let value = |name: &NameId| context.get(*name).filter(|text| !is_blank(text));
        if self.names.iter().any(|name| value(name).is_none()) {
            return Value::Null;
        }
        let variable = |index: usize| self.names.get(index).and_then(value).map(number_or_zero);
        let number = match &self.renaming {
            Some(renaming) if renaming.matters(context) => renaming.evaluate(context),
            _ => self.tree.as_ref().and_then(|tree| tree.evaluate(&variable)),
        };
        number.map_or(Value::Null, Numeric::into_value)
    }
}

fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_+-*/().'\"".contains(c)
}

/// Identifier-like words of the text, each once. Dotted names are one word, words in quotes count,
/// and no word starts with a digit.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let run = &rest[start..];
        if run.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let end = run.find(|c| !is_word(c) && c != '.').unwrap_or(run.len());
            let word = run[..end].trim_end_matches('.');
            if !words.contains(&word) {
                words.push(word);
            }
            rest = &run[end..];
        } else {
            rest = &run[run.find(|c| !is_word(c)).unwrap_or(run.len())..];
        }
    }
    words
}
