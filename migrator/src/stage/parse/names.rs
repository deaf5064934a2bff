//! XML names: legality, and attribute names interned with their use in the contract.

use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::references::ParseError;
use crate::contract::case::lower;
use crate::contract::model::{AttributeClass, ScanPlan};
use crate::record::OTHER_SPELLING;

/// Maximum number of interned names. Beyond it they are forgotten, so no record can fill the
/// memory.
pub(super) const NAMES_MAX: usize = 1 << 16;

/// Maximum length of a name in bytes, as in libxml2.
const NAME_BYTES_MAX: usize = 50_000;

/// Id of an interned name, valid until the table is shrunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AttributeNameId(u32);

/// An attribute name that occurred before.
#[derive(Debug)]
pub(super) struct KnownName {
    /// Usual spelling in a tag: a blank, the name with its prefix, `="`.
    in_tag: Box<str>,
    /// Class of its local part, if it is in use.
    pub(super) class: Option<u32>,
    /// Index of the local part in the class's spellings.
    pub(super) spelling: u16,
    /// True if expressions can see such an attribute on any element.
    pub(super) in_context: bool,
    /// True if the name has a prefix or declares a namespace.
    pub(super) qualified: bool,
    /// Serial number of the last element that had it, to detect duplicates.
    last_element: u64,
}

impl KnownName {
    /// Usual spelling in a tag: a blank, the name, `="`.
    pub(super) fn in_tag(&self) -> &str {
        &self.in_tag
    }

    /// Records that an element has this attribute.
    #[inline]
    pub(super) fn enter<'t>(
        &mut self,
        element: u64,
        spelled: impl FnOnce() -> &'t str,
    ) -> Result<(), ParseError> {
        if self.last_element == element {
            return Err(format!("the attribute {} stands twice", spelled()).into());
        }
        self.last_element = element;
        Ok(())
    }

    fn text(&self) -> &str {
        &self.in_tag[1..self.in_tag.len() - 2]
    }
}

/// All attribute names so far.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    table: HashTable<u32>,
    names: Vec<KnownName>,
}

impl NameTable {
    /// Id of a name; `None` if it is not a legal XML name.
    pub(super) fn intern(&mut self, text: &str, plan: &ScanPlan) -> Option<AttributeNameId> {
        let hash = hash_of(text);
        let found = self.table.find(hash, |id| self.names[*id as usize].text() == text).copied();
        found.or_else(|| self.insert(hash, text, plan)).map(AttributeNameId)
    }

    /// Entry of a name.
    pub(super) fn get_mut(&mut self, name: AttributeNameId) -> &mut KnownName {
        &mut self.names[name.0 as usize]
    }

    /// Entry of a name.
    pub(super) fn get(&self, name: AttributeNameId) -> &KnownName {
        &self.names[name.0 as usize]
    }

    /// Forgets all names if there are too many, and returns true if so. Must not be called within a
    /// record.
    pub(super) fn shrink(&mut self) -> bool {
        let shrinks = self.names.len() > NAMES_MAX;
        if shrinks {
            // Removing entries would keep the table's capacity.
            *self = Self::default();
        }
        shrinks
    }

    fn insert(&mut self, hash: u64, text: &str, plan: &ScanPlan) -> Option<u32> {
        if !is_name(text) {
            return None;
        }
        let local = text.rsplit_once(':').map_or(text, |(_, local)| local);
        let class = plan.class_of.get(lower(local).as_ref()).copied();
        let id = u32::try_from(self.names.len()).ok()?;
        self.names.push(KnownName {
            in_tag: format!(" {text}=\"").into(),
            class: class.map(|class| class.0),
            spelling: class.map_or(OTHER_SPELLING, |class| spelling_of(local, plan.class(class))),
            in_context: class.is_some_and(|class| !plan.class(class).uses.is_empty()),
            qualified: text.contains(':') || text == "xmlns",
            last_element: 0,
        });
        let names = &self.names;
        self.table.insert_unique(hash, id, |id| hash_of(names[*id as usize].text()));
        Some(id)
    }
}

/// Index of a name in the contract's spellings.
fn spelling_of(local: &str, class: &AttributeClass) -> u16 {
    let spelling = class.spellings.iter().position(|spelling| **spelling == *local);
    spelling.and_then(|spelling| u16::try_from(spelling).ok()).unwrap_or(OTHER_SPELLING)
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
}

/// True if a text is a `Name` of XML 1.0, fifth edition.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    text.len() <= NAME_BYTES_MAX
        && chars.next().is_some_and(starts_name)
        && chars.all(|c| starts_name(c) || continues_name(c))
}

fn starts_name(c: char) -> bool {
    matches!(c,
        ':' | 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

fn continues_name(c: char) -> bool {
    matches!(c,
        '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_xml_fifth_edition() {
        for name in ["a", "_", "a-b.c1", "bé", "x:y", "·".repeat(0).as_str(), "日本"] {
            assert_eq!(is_name(name), !name.is_empty(), "{name}");
        }
        for name in ["", "1a", "-a", "a b", "a=", "×", "a\u{d7}", "a/"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
