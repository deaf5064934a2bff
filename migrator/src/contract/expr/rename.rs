//! Renaming of keys in arithmetic (contract.md 12.4). The reference replaces every context key that
//! occurs in a formula by a name with `_` for each special character. It replaces text in the
//! context's order, and one key may be part of another key's text.
//!
//! The result nearly always equals a look-up by name. This file detects the formulas for which keys
//! of a record may change the result, and repeats the replacement only for those records.

use super::arithmetic::{FormulaTree, Numeric, is_word, number_or_zero};
use super::names::{Context, ExpressionNames, NameId};

/// Maximum length in characters of a key that is searched in a formula.
const KEY_LENGTH_MAX: usize = 128;

/// Data for the replacement in one formula.
#[derive(Debug, Clone)]
pub(super) struct KeyRenaming {
    text: Box<str>,
    /// Names of the formula.
    own: Box<[(Box<str>, NameId)]>,
    /// Keys that change the result if a record has them.
    intruders: Box<[(Box<str>, NameId)]>,
    /// True if two names of the formula interfere with each other.
    entangled: bool,
}

impl KeyRenaming {
    /// `None` if no key can change the result: a name without special characters is replaced by
    /// itself.
    pub(super) fn compile(
        text: &str,
        words: &[&str],
        ids: &[NameId],
        names: &mut ExpressionNames,
    ) -> Option<Self> {
        let candidates = candidates(text);
        let is_own = |key: &str| words.contains(&key);
        let intruders: Box<[_]> = candidates
            .iter()
            .filter(|key| !is_own(key))
            .map(|key| (key.as_str().into(), names.exact(key)))
            .collect();
        let entangled = words.iter().any(|word| {
            words.iter().any(|other| {
                let inside = is_odd(word) && other.contains(word);
                other != word && (inside || renamed(other) == renamed(word))
            })
        });
        let own = words.iter().map(|word| Box::from(*word)).zip(ids.iter().copied()).collect();
        (!intruders.is_empty() || entangled).then(|| Self {
            text: text.into(),
            own,
            intruders,
            entangled,
        })
    }

    /// True if the keys of this record interfere with the formula.
    pub(super) fn matters(&self, context: &impl Context) -> bool {
        self.entangled || self.intruders.iter().any(|(_, name)| context.get(*name).is_some())
    }

    /// Value of the formula by the reference's replacement.
    pub(super) fn evaluate(&self, context: &impl Context) -> Option<Numeric> {
        let mut keys: Vec<_> = self.own.iter().chain(&self.intruders).collect();
        keys.retain(|(_, name)| context.get(*name).is_some());
        keys.sort_by_key(|(key, name)| (context.position(*name), key.len()));
        let mut text = self.text.to_string();
        let mut variables: Vec<(String, f64)> = Vec::new();
        for (key, name) in keys {
            if text.contains(&**key) {
                let name_in_text = renamed(key);
                text = text.replace(&**key, &name_in_text);
                let value = context.get(*name).map_or(0.0, number_or_zero);
                variables.retain(|(name, _)| *name != name_in_text);
                variables.push((name_in_text, value));
            }
        }
        let variable = |name: &str| variables.iter().position(|(known, _)| known == name);
        let tree = FormulaTree::parse(&text, variable)?;
        tree.evaluate(&|index| variables.get(index).map(|(_, value)| *value))
    }
}

fn is_odd(key: &str) -> bool {
    !key.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn renamed(key: &str) -> String {
    key.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// Keys that a context may have and whose replacement changes the formula's text, and the names
/// that such a replacement may leave.
fn candidates(text: &str) -> Vec<String> {
    let is_part = |c: char| is_word(c) || matches!(c, '.' | '-');
    let mut found = Vec::new();
    for run in text.split(|c| !is_part(c)).filter(|run| is_odd(run)) {
        for (start, _) in run.char_indices().filter(|(_, c)| c.is_alphabetic() || *c == '_') {
            add_candidates(run, start, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn add_candidates(run: &str, start: usize, found: &mut Vec<String>) {
    let starts_a_word = !run[..start].ends_with(is_word);
    for (at, last) in run[start..].char_indices().take(KEY_LENGTH_MAX) {
        let end = start + at + last.len_utf8();
        let key = &run[start..end];
        if !is_word(last) || !is_odd(key) {
            continue;
        }
        found.push(key.to_owned());
        if starts_a_word && !run[end..].starts_with(is_word) {
            found.push(renamed(key));
        }
    }
}
