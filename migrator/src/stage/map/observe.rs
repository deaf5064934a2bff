//! Events of a record's mapping, for observers. An observer cannot change the result.

use crate::contract::expr::Context;
use crate::contract::model::{Mapping, RowGroup, Step};
use crate::record::Value;

/// Receives the events of a record's mapping.
///
/// The default methods do nothing. An ordinary run uses [`NoObserver`], which compiles to nothing.
pub trait MapObserver {
    /// Handles an event. Events of one row are between `Row` and `Kept` or `Dropped`. Events of one
    /// column are between `Column` and the next `Column` or the end of the row.
    fn on_event(&self, event: MapEvent<'_>) {
        let _ = event;
    }

    /// False lets the mapper take shortcuts that emit no events.
    fn is_enabled(&self) -> bool {
        true
    }
}

/// Ignores all events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoObserver;

impl MapObserver for NoObserver {
    fn is_enabled(&self) -> bool {
        false
    }
}

/// Event of a record's mapping. Elements are indices into the parsed record's elements.
#[derive(Clone, Copy)]
pub enum MapEvent<'e> {
    /// The rows of a table follow. Events before the first table belong to the selection of
    /// contacts with rows of their own (contract.md 6.1).
    Table(usize),
    /// A contact or a child gets no row.
    Skipped {
        /// Element of the contact or child.
        element: u32,
        /// Reason.
        why: SkipReason,
    },
    /// A row begins.
    Row(RowSubject<'e>),
    /// A mapping begins.
    Column(&'e Mapping),
    /// The look-up selected an element.
    Picked(u32),
    /// A contact's own text, before the look-up cuts it to its length (contract.md 9.3).
    CutWhenFound(&'e str),
    /// Result of the look-up; `None` if nothing was found.
    Found(Option<&'e str>),
    /// The look-up found a list of children or the marker of a calculation, which no step can use.
    FoundMarker,
    /// Input of a step.
    Given(&'e Step, &'e Value),
    /// Context of an expression, before its evaluation.
    Calculating(&'e dyn Context),
    /// Result of a search in an enumeration or a bit table.
    Answered(KeyMatch),
    /// The default, converted to the data type, replaced a blank.
    DefaultTaken(&'e Value),
    /// Output of a step.
    Made(&'e Value),
    /// The `enum` step after a calculation that gave a value is skipped (contract.md 9.2).
    EnumSkipped,
    /// Value after conversion to the data type.
    Converted(&'e Value),
    /// Text after the final step (contract.md 10.5).
    Finished(&'e Value),
    /// The column gets its value.
    Set {
        /// Value of the column.
        value: &'e Value,
        /// True if only the default filled the column (contract.md 7.1).
        default_filled: bool,
    },
    /// The column gets its default as written, without conversion (contract.md 7.1).
    RawDefault(&'e Value),
    /// The column is left out.
    Omitted(Omission),
    /// Value of a mapping of a row-creating type; null if the row's condition does not hold.
    Member {
        /// Value.
        value: &'e Value,
        /// True if it creates the row.
        makes_row: bool,
    },
    /// A created row gets the default of a column that it lacks (contract.md 9.5 c).
    DefaultAdded(&'e Mapping, &'e Value),
    /// The row is kept.
    Kept,
    /// The row is dropped.
    Dropped(DropReason),
}

/// Subject of a row.
#[derive(Clone, Copy)]
pub enum RowSubject<'e> {
    /// The application.
    Application,
    /// A contact.
    Contact(u32),
    /// A child of a contact.
    Child {
        /// The address or employment.
        element: u32,
        /// Its contact.
        contact: u32,
    },
    /// Row-creating mappings.
    Group(&'e RowGroup),
}

/// Reason why a contact or a child gets no row (contract.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// The contact has no con_id.
    NoConId,
    /// The type of the contact or child is absent or not in the contract's list.
    Type,
    /// None of birth date, first name, last name and ssn is filled.
    Meaningless,
    /// Another contact with the same con_id counts: one of a better type, or a later one.
    Replaced,
    /// No valid contact has its con_id, as written.
    NoValidContact,
}

/// Result of a search in an enumeration or a bit table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMatch {
    /// The key exists as written.
    Exact,
    /// The key exists in another case.
    OtherCase,
    /// The entry `""` matches any other text.
    CatchAll,
    /// No key; the default as written replaces the value.
    Default,
    /// No key.
    Nothing,
}

/// Reason why a column is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The result is null and the column is nullable.
    Nullable,
    /// The result is null, and there is no default.
    NoDefault,
    /// The reference raises an error here, and the default is not used (contract.md 7.1).
    Failed,
}

/// Reason why a row is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// It has no columns.
    Empty,
    /// No column other than the keys holds more than its default (contract.md 7.2).
    OnlyDefaults,
    /// The deciding columns and attributes of the child are blank (contract.md 7.3).
    BlankChild,
    /// An earlier row of the record has the same con_id and type (contract.md 15.2).
    Repeated,
    /// No mapping of the group creates it (contract.md 11).
    NotMade,
}
