//! What travels: the values that one step of the pipeline hands to the next.
//!
//! `RawRecord → ValidRecord → ParsedRecord → RowSet → TypedRecord`, each moved into the next step.
//! A record that cannot go on becomes a [`Reject`] or a [`Refusal`], which is data and no error.

mod parsed;

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};
use compact_str::CompactString;
use smallvec::SmallVec;

pub use parsed::{
    Attribute, Element, ElementKinds, NO_ATTRIBUTE, OTHER_SPELLING, ParsedRecord, TextRange,
};

/// One record as the source gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The source's key (`app_id` of the source table), 1 …= `i32::MAX`.
    pub key: i32,
    /// The text's bytes as stored; `None` where the source holds null.
    pub bytes: Option<Vec<u8>>,
}

/// A record whose text passed the text checks of contract.md 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidRecord {
    /// The source's key.
    pub key: i32,
    /// The decoded text, cleaned as contract.md 4 says.
    pub text: String,
    /// Whether one cleaning leaves characters before the root that only a second one removes: the
    /// reference validates the one and parses the other, so such a record fails at `parsing`.
    pub cleaned_twice: bool,
}

/// The stage at which a record left the pipeline; the names are those of logs and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Text and tree checks.
    Validation,
    /// The scan of the text.
    Parsing,
    /// Contract to rows.
    Mapping,
    /// Rows to the column types of the table catalogue.
    Coerce,
    /// The store itself.
    Store,
}

impl Stage {
    /// The name in logs, reports and `migrator rows`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Parsing => "parsing",
            Self::Mapping => "mapping",
            Self::Coerce => "coerce",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record that cannot be mapped: logged as `failed`, counted as *rejected*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// `Validation`, `Parsing` or `Mapping`.
    pub stage: Stage,
    /// One line for people.
    pub reason: String,
}

/// A record that a table must refuse: logged as `failed`, counted as *failed*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `Coerce` or `Store`.
    pub stage: Stage,
    /// The table that refuses.
    pub table: String,
    /// The column, where it is known.
    pub column: Option<String>,
    /// One fixed text per cause.
    pub reason: String,
}

/// A point in time as the mapper yields it; some texts carry an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// The wall-clock time as written.
    pub local: NaiveDateTime,
    /// Seconds east of UTC, where the text named an offset.
    pub offset_s: Option<i32>,
}

/// The text of a cell. Most are short: up to 24 bytes stay in place and cost no allocation.
pub type CellText = CompactString;

/// A value as the mapper yields it, before any table has seen it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Present and null (different from a column that is left out).
    Null,
    /// A whole number.
    Int(i64),
    /// A whole number beyond 64 bits: an optional `-`, then digits without leading zeros.
    BigInt(Box<str>),
    /// A binary double; decimals are delivered as doubles (contract.md 10.2). May be NaN.
    Float(f64),
    /// A truth value (data type `boolean`).
    Bool(bool),
    /// A text.
    Text(CellText),
    /// A point in time (data types `datetime`, `smalldatetime`, `date`).
    Timestamp(Timestamp),
}

impl Value {
    /// Whether it is null. Cheaper than a comparison with it.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// One column of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Index into the columns of the contract's table.
    pub column: u16,
    /// What the column gets.
    pub value: Value,
}

/// The cells of a row. Most rows hold a key and a value, and cost no allocation.
pub type Cells = SmallVec<[Cell; 4]>;

/// One row of a target table. Columns that are not among the cells are *omitted*.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// The cells, in the order in which the mapper set them; no column twice.
    pub cells: Cells,
}

/// The rows of one table of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRows {
    /// Index into the contract's tables.
    pub table: usize,
    /// At least one row.
    pub rows: Vec<Row>,
}

/// What the mapper makes of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSet {
    /// The source's key.
    pub key: i32,
    /// Tables with rows, in the contract's order of insertion.
    pub tables: Vec<TableRows>,
}

/// A value in the type of its column: what both stores hold.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// Null; in an identity or computed column: left to the store.
    Null,
    /// `bit`.
    Bit(bool),
    /// `tinyint`, `smallint`, `int`, `bigint`.
    Int(i64),
    /// `decimal(p, s)`: `units` · 10^-`scale`, `scale` being the column's.
    Decimal {
        /// The number without its decimal point.
        units: i128,
        /// Digits after the decimal point.
        scale: u8,
    },
    /// `float`, `real`; never NaN.
    Float(f64),
    /// `char`, `varchar`, `nchar`, `nvarchar`.
    Text(CellText),
    /// `date`.
    Date(NaiveDate),
    /// `datetime`, `smalldatetime`, `datetime2`, already rounded to the type's precision.
    DateTime(NaiveDateTime),
}

impl SqlValue {
    /// Whether it is null. Cheaper than a comparison with it.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// One row in the order of the catalogue's columns, one value for each.
pub type SqlRow = Box<[SqlValue]>;

/// The rows of one catalogue table of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedRows {
    /// Index into the catalogue's tables.
    pub table: usize,
    /// At least one row.
    pub rows: Vec<SqlRow>,
}

/// A record whose values have the types of their columns.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedRecord {
    /// The source's key.
    pub key: i32,
    /// Tables with rows, in the contract's order of insertion (parents first).
    pub tables: Vec<TypedRows>,
}

/// The result of mapping one record.
#[derive(Debug, Clone, PartialEq)]
pub enum MappingOutcome {
    /// Rows in the types of their columns.
    Rows(TypedRecord),
    /// Turned down by validate, parse or map.
    Rejected(Reject),
    /// Turned down by coerce.
    Refused(Refusal),
}

impl MappingOutcome {
    /// Heap memory of the outcome in bytes, without the value itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Rows(record) => record.bytes(),
            Self::Rejected(reject) => reject.reason.capacity(),
            Self::Refused(Refusal { table, column, reason, .. }) => {
                let column = column.as_ref().map_or(0, String::capacity);
                table.capacity() + column + reason.capacity()
            }
        }
    }
}

impl TypedRecord {
    /// The bytes that its tables, rows and texts have been given, itself aside.
    pub fn bytes(&self) -> usize {
        let tables = self.tables.capacity() * size_of::<TypedRows>();
        tables + self.tables.iter().map(TypedRows::bytes).sum::<usize>()
    }
}

impl TypedRows {
    fn bytes(&self) -> usize {
        let rows = self.rows.capacity() * size_of::<SqlRow>();
        rows + self.rows.iter().map(row_bytes).sum::<usize>()
    }
}

/// The bytes of a row's values and of the texts that are too long to lie in them.
fn row_bytes(row: &SqlRow) -> usize {
    let texts = row.iter().map(|value| match value {
        SqlValue::Text(text) if text.is_heap_allocated() => text.capacity(),
        _ => 0,
    });
    size_of_val(&**row) + texts.sum::<usize>()
}
