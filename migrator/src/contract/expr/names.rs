//! Names that expressions look up, the context that answers them, and parsing that conditions and
//! values share.

use rustc_hash::FxHashMap;

use crate::contract::case::lower;
use crate::contract::convert::trim;

/// Index of a name in [`ExpressionNames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// Comparison of a context key with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// The same text.
    Exact,
    /// The same text in lower case. Of several such keys, the first in the context's order counts.
    Folded,
}

/// A name to look up. Its text is already in lower case if case is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// Text that keys are compared with.
    pub text: Box<str>,
    /// Kind of comparison.
    pub matching: Match,
}

/// All names of a contract's expressions, each once. A context only needs these keys.
#[derive(Debug, Clone, Default)]
pub struct ExpressionNames {
    names: Vec<Name>,
    ids: FxHashMap<Name, NameId>,
}

impl ExpressionNames {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name that matches a key of exactly this text.
    pub fn exact(&mut self, text: &str) -> NameId {
        self.intern(Name { text: text.into(), matching: Match::Exact })
    }

    /// Adds a name that matches the first key that is equal without regard to case.
    pub fn folded(&mut self, text: &str) -> NameId {
        self.intern(Name { text: lower(text).as_ref().into(), matching: Match::Folded })
    }

    /// Name of an id; `None` for an id of another set.
    pub fn get(&self, id: NameId) -> Option<&Name> {
        self.names.get(id.0 as usize)
    }

    /// Number of names. Ids are 0 up to this.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True if there are no names.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All names in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NameId, &Name)> {
        (0..).map(NameId).zip(&self.names)
    }

    fn intern(&mut self, name: Name) -> NameId {
        if let Some(&id) = self.ids.get(&name) {
            return id;
        }
        // More names than fit 32 bits would need a contract of many gigabytes.
        let id = NameId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }
}

/// Values of a record, as expressions see them (contract.md 13).
pub trait Context {
    /// Value of a name; `None` if the context has no such key.
    fn get(&self, name: NameId) -> Option<&str>;

    /// Position of a name's key in the context, by first appearance.
    ///
    /// It is only used if the reference's renaming of dotted keys (contract.md 12.4) depends on it:
    /// if one key is part of another key's text in the same formula. `None` means unknown; then the
    /// shorter key counts as the earlier one, which makes such a formula null.
    fn position(&self, name: NameId) -> Option<usize> {
        let _ = name;
        None
    }
}

impl<C: Context + ?Sized> Context for &C {
    fn get(&self, name: NameId) -> Option<&str> {
        (**self).get(name)
    }

    fn position(&self, name: NameId) -> Option<usize> {
        (**self).position(name)
    }
}

/// Error of the reference: no value. Within `CASE`, the next `WHEN` is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EvaluationError;

/// True if a context can have such a key. Keys consist of element and attribute names.
///
/// Most right-hand sides of comparisons are not names (`0`, `2 OR c = 3`). They are known to be
/// missing without a look-up.
pub(super) fn is_possible_key(text: &str) -> bool {
    let starts_well = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let goes_on_well =
        |c: char| starts_well(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
    text.chars().next().is_some_and(starts_well) && text.chars().all(goes_on_well)
}

/// Text inside a quoted literal, without escapes. A single quote is the empty literal.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let rest = text.strip_prefix(quote)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_suffix(quote) }
    })
}

/// Trimmed argument of `FUNCTION(argument)`, in any case; `None` for any other text.
pub(super) fn argument<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let name = text.get(..function.len())?;
    let rest = &text[function.len()..];
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    name.eq_ignore_ascii_case(function).then(|| trim(inside))
}
