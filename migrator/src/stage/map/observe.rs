//! What can be watched while a record is mapped. Watching changes nothing: the mapper tells, and
//! hears no answer.

use crate::contract::expr::Context;
use crate::contract::model::{Mapping, RowGroup, Step};
use crate::record::Value;

/// Someone who watches a record being mapped.
///
/// The empty default is what an ordinary run uses; it compiles to nothing.
pub trait MapObserver {
    /// Something happened. Events of one row come between its `Row` and its `Kept` or `Dropped`;
    /// those of one column between its `Column` and the next `Column` or the row's end.
    fn on_event(&self, event: MapEvent<'_>) {
        let _ = event;
    }

    /// Whether anybody sees. Where nobody does, a step may be taken without what it would tell.
    fn is_enabled(&self) -> bool {
        true
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct NoObserver;

impl MapObserver for NoObserver {
    fn is_enabled(&self) -> bool {
        false
    }
}

/// What happens while a record is mapped. Elements are indices into the parsed record's.
#[derive(Clone, Copy)]
pub enum MapEvent<'e> {
    /// The rows of a table are next. What comes before the first table is the choice of contacts
    /// that have rows of their own (contract.md 6.1).
    Table(usize),
    /// A contact or a child makes no row.
    Skipped {
        /// The element.
        element: u32,
        /// Why.
        why: SkipReason,
    },
    /// A row is begun.
    Row(RowSubject<'e>),
    /// A mapping is begun.
    Column(&'e Mapping),
    /// The look-up has chosen an element.
    Picked(u32),
    /// A contact's own text before the look-up itself cuts it to its length (contract.md 9.3).
    CutWhenFound(&'e str),
    /// The look-up's result; `None` where there is nothing.
    Found(Option<&'e str>),
    /// The look-up gives a list of children or the marker of a calculation, which no step can use.
    FoundMarker,
    /// A step is given this value.
    Given(&'e Step, &'e Value),
    /// An expression is about to be evaluated, and sees this.
    Calculating(&'e dyn Context),
    /// How an enumeration or a table of bits answered.
    Answered(KeyMatch),
    /// A blank was replaced by the default, converted to the data type.
    DefaultTaken(&'e Value),
    /// A step has made this of it.
    Made(&'e Value),
    /// The `enum` step behind a calculation that gave a value is passed over (contract.md 9.2).
    EnumSkipped,
    /// A value was converted to the data type.
    Converted(&'e Value),
    /// A text went through the final step (contract.md 10.5).
    Finished(&'e Value),
    /// A mapping's value is the column's.
    Set {
        /// What the column gets.
        value: &'e Value,
        /// Whether only the default put it there (contract.md 7.1).
        default_filled: bool,
    },
    /// The column gets its default as written, untyped (contract.md 7.1).
    RawDefault(&'e Value),
    /// The column is left out.
    Omitted(Omission),
    /// A mapping of a row-creating type has this value; null where its condition does not hold.
    Member {
        /// The value.
        value: &'e Value,
        /// Whether it makes the row.
        makes_row: bool,
    },
    /// A row that was made gets the default of a column that it lacks (contract.md 9.5 c).
    DefaultAdded(&'e Mapping, &'e Value),
    /// The row is one of the record's.
    Kept,
    /// The row is none of the record's.
    Dropped(DropReason),
}

/// What a row is about.
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

/// Why a contact or a child makes no row (contract.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// The contact has no con_id.
    NoConId,
    /// The contact's type, or the child's, is absent or none of the contract's list.
    Type,
    /// None of birth date, names and ssn is filled.
    Meaningless,
    /// Another contact with the same con_id counts: one of a better type, or a later one.
    Replaced,
    /// Its con_id, as written, is that of no valid contact.
    NoValidContact,
}

/// How an enumeration or a table of bits answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMatch {
    /// It has the key as written.
    Exact,
    /// It has the key in another case.
    OtherCase,
    /// It has an entry `""`, which catches every other text.
    CatchAll,
    /// It has no such key; the default stands in, as written.
    Default,
    /// It has no such key.
    Nothing,
}

/// Why a column is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The result is null and the column is nullable.
    Nullable,
    /// The result is null, and there is no default.
    NoDefault,
    /// The reference raises an error here, and the default does not count (contract.md 7.1).
    Failed,
}

/// Why a row is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// It has no column at all.
    Empty,
    /// No column other than the keys holds more than its default (contract.md 7.2).
    OnlyDefaults,
    /// The child shows nothing in the columns and attributes that count (contract.md 7.3).
    BlankChild,
    /// An earlier row of the record has the same con_id and type (contract.md 15.2).
    Repeated,
    /// No mapping of the group makes it (contract.md 11).
    NotMade,
}
