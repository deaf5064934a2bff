//! Result of the scan: elements and attributes as ranges of one owned text.

use std::ops::Range;

/// A range of a [`ParsedRecord`]'s text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextRange {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Set of roles that a contract gives to an element name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElementKinds(pub u8);

impl ElementKinds {
    /// Contact element of the contract.
    pub const CONTACT: Self = Self(1);
    /// Address element of the contract.
    pub const ADDRESS: Self = Self(2);
    /// Employment element of the contract.
    pub const EMPLOYMENT: Self = Self(4);
    /// The name `contact`, which is fixed in some mapping types.
    pub const LITERAL_CONTACT: Self = Self(8);
    /// The name `contact_address`, which is fixed in some mapping types.
    pub const LITERAL_ADDRESS: Self = Self(16);
    /// Card element.
    pub const CARD: Self = Self(32);

    /// True if the set contains a role.
    pub fn is(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// A kept element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Name without prefix.
    pub name: TextRange,
    /// Slot of the element's path, if the contract reads it.
    pub slot: Option<u16>,
    /// Roles of its name.
    pub kinds: ElementKinds,
    /// Depth; 1 is the root.
    pub depth: u16,
    /// Index after its last descendant. The elements between this one and `end` are its
    /// descendants.
    pub end: u32,
    /// Kept attributes, in document order.
    pub attributes: Range<u32>,
}

/// Spelling of a name that differs from all spellings in the contract.
pub const OTHER_SPELLING: u16 = u16::MAX;

/// A kept attribute. References in its value are resolved, and white space is replaced by blanks,
/// as XML requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Class of the name (`contract::model::ClassId`).
    pub class: u32,
    /// Index into the spellings of the class; [`OTHER_SPELLING`] if none matches.
    pub spelling: u16,
    /// True if the value in the flattened map is known to be the same, because there is nothing to
    /// trim or to unescape (contract.md 5).
    pub is_flat: bool,
    /// True if expressions of the contract look the name up.
    pub in_context: bool,
    /// Name as spelled, without prefix.
    pub name: TextRange,
    /// Value.
    pub value: TextRange,
}

/// Marks a missing field in [`ParsedRecord::fields`].
pub const NO_ATTRIBUTE: u32 = u32::MAX;

/// A record after the scan. [`ParsedRecord::clear`] keeps its buffers for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParsedRecord {
    /// Key in the source.
    pub key: i32,
    /// `Request/@ID`, trimmed.
    pub app_id: String,
    /// All kept names and values.
    pub text: String,
    /// Kept elements in document order.
    pub elements: Vec<Element>,
    /// Kept attributes, element by element.
    pub attributes: Vec<Attribute>,
    /// Last element at each path of the contract.
    pub slots: Vec<Option<u32>>,
    /// For each field of the contract, the first attribute of its class at its path, or
    /// [`NO_ATTRIBUTE`].
    pub fields: Vec<u32>,
    /// Last element of each path that has attributes for expressions, ordered by the first
    /// occurrence of the paths in the document (contract.md 5 and 13).
    pub flattened: Vec<u32>,
}

impl ParsedRecord {
    /// Text of a range.
    #[inline]
    pub fn str(&self, span: TextRange) -> &str {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or_default()
    }

    /// Attributes of an element.
    #[inline]
    pub fn attributes_of(&self, element: u32) -> &[Attribute] {
        let range = &self.elements[element as usize].attributes;
        &self.attributes[range.start as usize..range.end as usize]
    }

    /// Name of an element.
    pub fn name_of(&self, element: u32) -> &str {
        self.str(self.elements[element as usize].name)
    }

    /// Last element at a path of the contract.
    #[inline]
    pub fn slot(&self, slot: u16) -> Option<u32> {
        self.slots.get(usize::from(slot)).copied().flatten()
    }

    /// First attribute of a field, in any spelling.
    #[inline]
    pub fn field(&self, field: u16) -> Option<&Attribute> {
        self.attributes.get(*self.fields.get(usize::from(field))? as usize)
    }

    /// Kept descendants of an element, in document order.
    pub fn descendants(&self, element: u32) -> Range<u32> {
        element + 1..self.elements[element as usize].end
    }

    /// Kept direct children of an element, in document order.
    pub fn children(&self, element: u32) -> impl DoubleEndedIterator<Item = u32> {
        let depth = self.elements[element as usize].depth + 1;
        self.descendants(element).filter(move |child| self.elements[*child as usize].depth == depth)
    }

    /// Capacity of all buffers in bytes.
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
