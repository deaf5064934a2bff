//! What the scan keeps of a record: elements and attributes as spans of one owned text.

use std::ops::Range;

/// A piece of a [`ParsedRecord`]'s text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextRange {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

/// What a contract makes of an element's name; one name may be several of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElementKinds(pub u8);

impl ElementKinds {
    /// The contract's contact element.
    pub const CONTACT: Self = Self(1);
    /// The contract's address element.
    pub const ADDRESS: Self = Self(2);
    /// The contract's employment element.
    pub const EMPLOYMENT: Self = Self(4);
    /// The name `contact`, which some mapping types are hard-wired to.
    pub const LITERAL_CONTACT: Self = Self(8);
    /// The name `contact_address`, which some mapping types are hard-wired to.
    pub const LITERAL_ADDRESS: Self = Self(16);
    /// The card element.
    pub const CARD: Self = Self(32);

    /// Whether the name is of a kind.
    pub fn is(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// An element that mapping may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The name without its prefix.
    pub name: TextRange,
    /// Which of the contract's paths it stands at, if any.
    pub slot: Option<u16>,
    /// What the contract makes of its name.
    pub kinds: ElementKinds,
    /// 1 for the root.
    pub depth: u16,
    /// First element after its subtree: descendants are the elements between this one and `end`.
    pub end: u32,
    /// Its kept attributes, in document order.
    pub attributes: Range<u32>,
}

/// The spelling of a name that the contract spells in other ways only.
pub const OTHER_SPELLING: u16 = u16::MAX;

/// A kept attribute. Its value is as XML defines it: references resolved, white space to blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// The class of its name (`contract::model::ClassId`).
    pub class: u32,
    /// Which of the class's spellings the name has; [`OTHER_SPELLING`] if none.
    pub spelling: u16,
    /// Whether the flattened map has the value as it is: nothing to trim, nothing to unescape once
    /// more (contract.md 5). False where that was not looked at.
    pub is_flat: bool,
    /// Whether the contract's expressions look its name up.
    pub in_context: bool,
    /// The name as spelled, without its prefix.
    pub name: TextRange,
    /// The value.
    pub value: TextRange,
}

/// Stands in [`ParsedRecord::fields`] for a field that the record has not.
pub const NO_ATTRIBUTE: u32 = u32::MAX;

/// One record after the scan. Its buffers are recycled through [`ParsedRecord::clear`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParsedRecord {
    /// The source's key.
    pub key: i32,
    /// `Request/@ID`, trimmed, otherwise as typed.
    pub app_id: String,
    /// All kept names and values.
    pub text: String,
    /// Kept elements in document order.
    pub elements: Vec<Element>,
    /// Kept attributes, element by element.
    pub attributes: Vec<Attribute>,
    /// Per path of the contract: the last element there.
    pub slots: Vec<Option<u32>>,
    /// Per field of the contract: the first attribute of its class at its path, [`NO_ATTRIBUTE`]
    /// where there is none.
    pub fields: Vec<u32>,
    /// The last element of every path that has attributes for expressions, in the order in which
    /// the paths first occur in the document (contract.md 5 and 13).
    pub flattened: Vec<u32>,
}

impl ParsedRecord {
    /// The text of a span.
    #[inline]
    pub fn str(&self, span: TextRange) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// The attributes of an element.
    #[inline]
    pub fn attributes_of(&self, element: u32) -> &[Attribute] {
        let range = &self.elements[element as usize].attributes;
        &self.attributes[range.start as usize..range.end as usize]
    }

    /// The name of an element.
    pub fn name_of(&self, element: u32) -> &str {
        self.str(self.elements[element as usize].name)
    }

    /// The last element at one of the contract's paths.
    #[inline]
    pub fn slot(&self, slot: u16) -> Option<u32> {
        self.slots.get(usize::from(slot)).copied().flatten()
    }

    /// The first attribute of a field, whatever its spelling.
    #[inline]
    pub fn field(&self, field: u16) -> Option<&Attribute> {
        self.attributes.get(*self.fields.get(usize::from(field))? as usize)
    }

    /// The kept elements below an element, in document order.
    pub fn descendants(&self, element: u32) -> Range<u32> {
        element + 1..self.elements[element as usize].end
    }

    /// The kept direct children of an element, in document order.
    pub fn children(&self, element: u32) -> impl DoubleEndedIterator<Item = u32> {
        let depth = self.elements[element as usize].depth + 1;
        self.descendants(element).filter(move |child| self.elements[*child as usize].depth == depth)
    }

    /// The memory of its buffers, filled or not, in bytes.
    pub fn room_bytes(&self) -> usize {
        self.app_id.capacity()
            + self.text.capacity()
            + self.elements.capacity() * size_of::<Element>()
            + self.attributes.capacity() * size_of::<Attribute>()
            + self.slots.capacity() * size_of::<Option<u32>>()
            + self.fields.capacity() * size_of::<u32>()
            + self.flattened.capacity() * size_of::<u32>()
    }

    /// Empties the record, keeping its buffers.
    pub fn clear(&mut self) {
        self.app_id.clear();
        self.text.clear();
        self.elements.clear();
        self.attributes.clear();
        self.slots.clear();
        self.fields.clear();
        self.flattened.clear();
    }
}
