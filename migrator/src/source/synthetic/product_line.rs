//! What a product line's records are made of: element names, tables of attributes and the places of
//! values to refuse. Shapes only; each line's own tables stand in a file of theirs.

use super::values::Kind;

/// An attribute, what it holds, and in how many of 100 elements it is present.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) percent: u32,
}

/// An attribute of an element.
pub(super) const fn field(name: &'static str, percent: u32, kind: Kind) -> Field {
    Field { name, kind, percent }
}

/// Attributes of an element that make one row together, in an element that may hold several such
/// rows: a piece of collateral, a warranty.
pub(super) struct Group {
    /// In how many of 100 elements it is filled; otherwise it is blank, absent or says `none`.
    pub(super) percent: u32,
    /// Whether a filled one holds only plain values: those of a table whose texts are neither
    /// converted nor cut and that needs all of them (contract.md 11.7).
    pub(super) whole: bool,
    pub(super) fields: &'static [Field],
}

/// An element directly below the application.
pub(super) struct Child {
    pub(super) name: &'static str,
    /// In how many of 100 applications it is there.
    pub(super) percent: u32,
    /// In how many of 100 applications another one precedes it. Only the last of two is seen; what
    /// only the first one has is lost.
    pub(super) twice_percent: u32,
    pub(super) fields: &'static [Field],
    pub(super) groups: &'static [Group],
}

/// An element directly below a contact, of which there are several.
pub(super) struct Typed {
    pub(super) name: &'static str,
    /// The attribute that says which one it is.
    pub(super) type_attribute: &'static str,
    pub(super) fields: &'static [Field],
}

/// An element directly below a contact, of which there is one at most.
pub(super) struct OfContact {
    pub(super) name: &'static str,
    /// In how many of 100 primary contacts it is there.
    pub(super) primary_percent: u32,
    /// In how many of 100 other contacts it is there.
    pub(super) other_percent: u32,
    pub(super) fields: &'static [Field],
}

/// A product line.
pub(super) struct Line {
    /// The application element.
    pub(super) application: &'static str,
    /// The application element of the other line.
    pub(super) other_application: &'static str,
    /// The contact element.
    pub(super) contact: &'static str,
    /// The role of the contact beside the primary one.
    pub(super) second_role: &'static str,
    pub(super) root_fields: &'static [Field],
    pub(super) request_fields: &'static [Field],
    pub(super) application_fields: &'static [Field],
    /// Of a contact: what makes it somebody. Without any of these it is no valid contact
    /// (contract.md 6.1).
    pub(super) identity_fields: &'static [Field],
    pub(super) contact_fields: &'static [Field],
    pub(super) address: Typed,
    pub(super) employment: Typed,
    pub(super) of_contact: &'static [OfContact],
    pub(super) children: &'static [Child],
    /// What columns are made to refuse, each with the element and the attribute that hold it.
    pub(super) refusals: &'static [(Refused, &'static str, &'static str)],
}

impl Line {
    /// Element and attribute that hold the value to refuse.
    pub(super) fn place(&self, refused: Refused) -> Option<(&'static str, &'static str)> {
        let found = self.refusals.iter().find(|(what, ..)| *what == refused);
        found.map(|&(_, element, attribute)| (element, attribute))
    }
}

/// Which value a column must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
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
