//! Values that one step of the pipeline hands to the next.
//!
//! `RawRecord → ValidRecord → ParsedRecord → RowSet → TypedRecord`, each moved into the next step.
//! A record that fails becomes a [`Reject`] or a [`Refusal`]. Both are data, not errors of the
//! program.

mod parsed;

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};
use compact_str::CompactString;
use smallvec::SmallVec;

pub use parsed::{
    Attribute, Element, ElementKinds, NO_ATTRIBUTE, OTHER_SPELLING, ParsedRecord, TextRange,
};

/// A record as the source provides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Key in the source (`app_id` of the source table), 1 ..= `i32::MAX`.
    pub key: i32,
    /// Bytes of the text as stored; `None` if the source has null.
    pub bytes: Option<Vec<u8>>,
}

/// A record whose text passed the checks of contract.md 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidRecord {
    /// Key in the source.
    pub key: i32,
    /// Decoded text, cleaned as in contract.md 4.
    pub text: String,
    /// True if characters before the root remain after one cleaning and only a second one removes
    /// them. The reference validates the text cleaned twice but parses the text cleaned once, so
    /// such a record fails at `parsing`.
    pub cleaned_twice: bool,
}

/// Stage at which a record left the pipeline, named as in logs and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Checks of text and tree.
    Validation,
    /// Scan of the text.
    Parsing,
    /// Mapping to rows.
    Mapping,
    /// Conversion to the column types of the table catalogue.
    Coerce,
    /// Insert into the store.
    Store,
}

impl Stage {
    /// Name in logs, reports and `migrator rows`.
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
    /// Reason, in one line.
    pub reason: String,
}

/// A record with a value that a table does not accept: logged as `failed`, counted as *failed*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `Coerce` or `Store`.
    pub stage: Stage,
    /// Table that does not accept the value.
    pub table: String,
    /// Column, if known.
    pub column: Option<String>,
    /// Reason: one fixed text per cause.
    pub reason: String,
}

/// A point in time from the mapper. Some texts have an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Wall-clock time as written.
    pub local: NaiveDateTime,
    /// Seconds east of UTC, if the text has an offset.
    pub offset_s: Option<i32>,
}

/// Text of a cell. Up to 24 bytes are stored inline, without allocation.
pub type CellText = CompactString;

/// A value from the mapper, before conversion to a column type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Present and null. A column that is left out has no value.
    Null,
    /// An integer.
    Int(i64),
    /// An integer beyond 64 bits: an optional `-`, then digits without leading zeros.
    BigInt(Box<str>),
    /// A double; decimals are doubles too (contract.md 10.2). May be NaN.
    Float(f64),
    /// A boolean (data type `boolean`).
    Bool(bool),
    /// A text.
    Text(CellText),
    /// A point in time (data types `datetime`, `smalldatetime`, `date`).
    Timestamp(Timestamp),
}

impl Value {
    /// True if the value is null. Cheaper than `==`.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A column of a row and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Index into the columns of the contract's table.
    pub column: u16,
    /// Value of the column.
    pub value: Value,
}

/// Cells of a row. Most rows have two, a key and a value, and need no allocation.
pub type Cells = SmallVec<[Cell; 4]>;

/// A row of a target table. Columns without a cell are *omitted*.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Cells in the order in which the mapper set them, each column at most once.
    pub cells: Cells,
}

/// Rows of one table of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRows {
    /// Index into the contract's tables.
    pub table: usize,
    /// At least one row.
    pub rows: Vec<Row>,
}

/// Result of mapping one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSet {
    /// Key in the source.
    pub key: i32,
    /// Tables with rows, in the contract's insertion order.
    pub tables: Vec<TableRows>,
}

/// A value in the type of its column, as both stores hold it.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// Null. In an identity or computed column the store provides the value.
    Null,
    /// `bit`.
    Bit(bool),
    /// `tinyint`, `smallint`, `int`, `bigint`.
    Int(i64),
    /// `decimal(p, s)`: `units` · 10^-`scale`, with the scale of the column.
    Decimal {
        /// Number without its decimal point.
        units: i128,
        /// Number of fraction digits.
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
    /// True if the value is null. Cheaper than `==`.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A row with one value for each column of the catalogue's table, in order.
pub type SqlRow = Box<[SqlValue]>;

/// Rows of one catalogue table of a record.
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
    /// Key in the source.
    pub key: i32,
    /// Tables with rows, in the contract's insertion order, parents first.
    pub tables: Vec<TypedRows>,
}

/// Result of mapping and coercing one record.
#[derive(Debug, Clone, PartialEq)]
pub enum MappingOutcome {
    /// Rows in the types of their columns.
    Rows(TypedRecord),
    /// Rejected by validate, parse or map.
    Rejected(Reject),
    /// Rejected by coerce.
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
    /// Heap memory of tables, rows and texts in bytes, without the value itself.
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

/// Size in bytes of a row's values, with the heap memory of long texts.
fn row_bytes(row: &SqlRow) -> usize {
    let texts = row.iter().map(|value| match value {
        SqlValue::Text(text) if text.is_heap_allocated() => text.capacity(),
        _ => 0,
    });
    size_of_val(&**row) + texts.sum::<usize>()
}
