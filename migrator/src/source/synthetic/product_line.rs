//! Shape of a product line's records: element names, tables of attributes, and the attributes that
//! may hold invalid values.

use super::values::ValueKind;

/// An attribute: its name, its kind of value, and the percentage of elements that have it.
pub(super) struct FieldSpec {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) percent: u32,
}

/// Creates an attribute of an element.
pub(super) const fn field(name: &'static str, percent: u32, kind: ValueKind) -> FieldSpec {
    FieldSpec { name, kind, percent }
}

/// Attributes that create one row together, e.g. a piece of collateral or a warranty. An element
/// may hold several groups.
pub(super) struct FieldGroup {
    /// Percentage of elements in which the group is filled. Otherwise it is blank, absent or
    /// `none`.
    pub(super) percent: u32,
    /// True if a filled group has only plain values. Its table neither converts nor cuts texts and
    /// requires all of them (contract.md 11.7).
    pub(super) whole: bool,
    pub(super) fields: &'static [FieldSpec],
}

/// An element directly below the application.
pub(super) struct ChildElement {
    pub(super) name: &'static str,
    /// Percentage of applications that have it.
    pub(super) percent: u32,
    /// Percentage of applications in which another one precedes it. Only the last of two is read,
    /// so values that only the first one has are lost.
    pub(super) twice_percent: u32,
    pub(super) fields: &'static [FieldSpec],
    pub(super) groups: &'static [FieldGroup],
}

/// An element directly below a contact that may occur several times, distinguished by its type.
pub(super) struct TypedElement {
    pub(super) name: &'static str,
    /// Attribute that holds the type.
    pub(super) type_attribute: &'static str,
    pub(super) fields: &'static [FieldSpec],
}

/// An element directly below a contact that occurs at most once.
pub(super) struct ContactElement {
    pub(super) name: &'static str,
    /// Percentage of primary contacts that have it.
    pub(super) primary_percent: u32,
    /// Percentage of other contacts that have it.
    pub(super) other_percent: u32,
    pub(super) fields: &'static [FieldSpec],
}

/// A product line.
pub(super) struct ProductLine {
    /// Name of the application element.
    pub(super) application: &'static str,
    /// Name of the other line's application element.
    pub(super) other_application: &'static str,
    /// Name of the contact element.
    pub(super) contact: &'static str,
    /// Role of the second contact.
    pub(super) second_role: &'static str,
    pub(super) root_fields: &'static [FieldSpec],
    pub(super) request_fields: &'static [FieldSpec],
    pub(super) application_fields: &'static [FieldSpec],
    /// Attributes that identify a contact. Without any of them a contact is not valid (contract.md
    /// 6.1).
    pub(super) identity_fields: &'static [FieldSpec],
    pub(super) contact_fields: &'static [FieldSpec],
    pub(super) address: TypedElement,
    pub(super) employment: TypedElement,
    pub(super) of_contact: &'static [ContactElement],
    pub(super) children: &'static [ChildElement],
    /// Values that columns reject, each with its element and attribute.
    pub(super) invalid_values: &'static [(InvalidValue, &'static str, &'static str)],
}

impl ProductLine {
    /// Element and attribute that hold an invalid value.
    pub(super) fn place(&self, refused: InvalidValue) -> Option<(&'static str, &'static str)> {
        let found = self.invalid_values.iter().find(|(what, ..)| *what == refused);
        found.map(|&(_, element, attribute)| (element, attribute))
    }
}

/// Value that a column rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidValue {
    /// An integer column gets a text.
    ContactId,
    /// An `int` gets 11 digits.
    Score,
    /// An `int` gets 2^32.
    Reference,
    /// A `tinyint` gets 300.
    Fee,
    /// A `decimal(5,2)` gets five digits before the point.
    Rate,
    /// A `decimal` gets NaN.
    Debt,
    /// A `datetime` gets a day before 1753.
    Received,
    /// A `varchar(250)` gets 300 characters.
    Note,
    /// An `int` gets a text that no conversion reads (contract.md 11.6).
    Mileage,
    /// A `smallint` gets a text that is not converted (contract.md 11.7).
    Term,
    /// A `varchar(20)` gets 40 characters that are not cut (contract.md 11.5).
    Reason,
}
