//! What expressions look up, and what they see of a record; the pieces of text that conditions and
//! values share.

use rustc_hash::FxHashMap;

use crate::contract::case::lower;
use crate::contract::convert::trim;

/// A look-up that expressions make, as an index into their [`ExpressionNames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// How a key of the context has to agree with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// The same text.
    Exact,
    /// The same text in lower case; of several such keys the first in the context's order counts.
    Folded,
}

/// One look-up: a text, already folded where folding is asked for, and how keys are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// What a key is compared with.
    pub text: Box<str>,
    /// How.
    pub matching: Match,
}

/// All look-ups of a contract's expressions, each once. A context needs to hold these keys only.
#[derive(Debug, Clone, Default)]
pub struct ExpressionNames {
    names: Vec<Name>,
    ids: FxHashMap<Name, NameId>,
}

impl ExpressionNames {
    /// No look-ups yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The look-up of a key of exactly this text.
    pub fn exact(&mut self, text: &str) -> NameId {
        self.intern(Name { text: text.into(), matching: Match::Exact })
    }

    /// The look-up of the first key that equals this text when case is ignored.
    pub fn folded(&mut self, text: &str) -> NameId {
        self.intern(Name { text: lower(text).as_ref().into(), matching: Match::Folded })
    }

    /// What is looked up under an id of these names; `None` for an id of others.
    pub fn get(&self, id: NameId) -> Option<&Name> {
        self.names.get(id.0 as usize)
    }

    /// How many look-ups there are; ids are 0 up to this.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is looked up.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All look-ups in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NameId, &Name)> {
        (0..).map(NameId).zip(&self.names)
    }

    fn intern(&mut self, name: Name) -> NameId {
        if let Some(&id) = self.ids.get(&name) {
            return id;
        }
        // More names than u32 counts would take a contract of many gigabytes.
        let id = NameId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }
}

/// What an expression sees of a record (contract.md 13).
pub trait Context {
    /// The value under a name; `None` if the context has no such key.
    fn get(&self, name: NameId) -> Option<&str>;

    /// Where the key of a name stands in the context's order, by its first appearance.
    ///
    /// Asked only where the reference's renaming of dotted keys (contract.md 12.4) depends on it:
    /// if one key is part of another key's text in the same formula. `None` leaves it open, and
    /// then the shorter key counts as the earlier one, which makes such a formula null.
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

/// What the reference raises an error for: no value, and within `CASE` on to the next `WHEN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EvaluationError;

/// Whether a context can have such a key: keys are made of element and attribute names.
///
/// Most right-hand sides of comparisons are no names (`0`, `2 OR c = 3`); they are known to be
/// missing without asking the context.
pub(super) fn is_possible_key(text: &str) -> bool {
    let starts_well = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let goes_on_well =
        |c: char| starts_well(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
    text.chars().next().is_some_and(starts_well) && text.chars().all(goes_on_well)
}

/// The inside of a quoted literal; no escapes. A quote alone is the empty literal.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let rest = text.strip_prefix(quote)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_suffix(quote) }
    })
}

/// The argument of `FUNCTION(argument)`, in any case and trimmed; `None` for any other text.
pub(super) fn argument<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let name = text.get(..function.len())?;
    let rest = &text[function.len()..];
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?;
    name.eq_ignore_ascii_case(function).then(|| trim(inside))
}
