//! What a product line's records are made of: element names, tables of attributes and the places of
//! values to refuse. Shapes only; each line's own tables stand in a file of theirs.

use super::values::ValueKind;

/// An attribute, what it holds, and in how many of 100 elements it is present.
pub(super) struct FieldSpec {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) percent: u32,
}

/// An attribute of an element.
pub(super) const fn field(name: &'static str, percent: u32, kind: ValueKind) -> FieldSpec {
    FieldSpec { name, kind, percent }
}

/// Attributes of an element that make one row together, in an element that may hold several such
/// rows: a piece of collateral, a warranty.
pub(super) struct FieldGroup {
    /// In how many of 100 elements it is filled; otherwise it is blank, absent or says `none`.
    pub(super) percent: u32,
    /// Whether a filled one holds only plain values: those of a table whose texts are neither
    /// converted nor cut and that needs all of them (contract.md 11.7).
    pub(super) whole: bool,
    pub(super) fields: &'static [FieldSpec],
}

/// An element directly below the application.
pub(super) struct ChildElement {
    pub(super) name: &'static str,
    /// In how many of 100 applications it is there.
    pub(super) percent: u32,
    /// In how many of 100 applications another one precedes it. Only the last of two is seen; what
    /// only the first one has is lost.
    pub(super) twice_percent: u32,
    pub(super) fields: &'static [FieldSpec],
    pub(super) groups: &'static [FieldGroup],
}

/// An element directly below a contact, of which there are several.
pub(super) struct TypedElement {
    pub(super) name: &'static str,
    /// The attribute that says which one it is.
    pub(super) type_attribute: &'static str,
    pub(super) fields: &'static [FieldSpec],
}

/// An element directly below a contact, of which there is one at most.
pub(super) struct ContactElement {
    pub(super) name: &'static str,
    /// In how many of 100 primary contacts it is there.
    pub(super) primary_percent: u32,
    /// In how many of 100 other contacts it is there.
    pub(super) other_percent: u32,
    pub(super) fields: &'static [FieldSpec],
}

/// A product line.
pub(super) struct ProductLine {
    /// The application element.
    pub(super) application: &'static str,
    /// The application element of the other line.
    pub(super) other_application: &'static str,
    /// The contact element.
    pub(super) contact: &'static str,
    /// The role of the contact beside the primary one.
    pub(super) second_role: &'static str,
    pub(super) root_fields: &'static [FieldSpec],
    pub(super) request_fields: &'static [FieldSpec],
    pub(super) application_fields: &'static [FieldSpec],
    /// Of a contact: what makes it somebody. Without any of these it is no valid contact
    /// (contract.md 6.1).
    pub(super) identity_fields: &'static [FieldSpec],
    pub(super) contact_fields: &'static [FieldSpec],
    pub(super) address: TypedElement,
    pub(super) employment: TypedElement,
    pub(super) of_contact: &'static [ContactElement],
    pub(super) children: &'static [ChildElement],
    /// What columns are made to refuse, each with the element and the attribute that hold it.
    pub(super) invalid_values: &'static [(InvalidValue, &'static str, &'static str)],
}

impl ProductLine {
    /// Element and attribute that hold the value to refuse.
    pub(super) fn place(&self, refused: InvalidValue) -> Option<(&'static str, &'static str)> {
        let found = self.invalid_values.iter().find(|(what, ..)| *what == refused);
        found.map(|&(_, element, attribute)| (element, attribute))
    }
}

/// Which value a column must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidValue {
    /// An integer column gets a text.
    ContactId,
    /// An `int` gets 11 digits.
    Score,
    /// An `int` gets 2 to the 32nd.
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
    /// An `int` gets a text that no conversion read (contract.md 11.6).
    Mileage,
    /// A `smallint` gets a text that nothing converts (contract.md 11.7).
    Term,
    /// A `varchar(20)` gets 40 characters that nothing cuts (contract.md 11.5).
    Reason,
}
