//! Table catalogue: every target table with the SQL Server types of its columns, keys and rows.
//! `catalogue_parser` reads it from JSON.

use std::fmt;

use crate::record::SqlRow;

/// All tables of one product line, in the catalogue's order (parents first).
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// The schema of all tables on SQL Server; `SQLite` uses bare names.
    pub schema: String,
    /// Tables, parents first.
    pub tables: Vec<Table>,
}

/// A table of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table's name.
    pub name: String,
    /// Columns in declaration order.
    pub columns: Vec<Column>,
    /// Indices of the primary key's columns; not empty.
    pub primary_key: Vec<usize>,
    /// Columns of each further unique key, as indices.
    pub unique: Vec<Vec<usize>>,
    /// References to other tables of the catalogue.
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns of each index that is not a key, as indices.
    pub indexes: Vec<Vec<usize>>,
    /// Rows that are part of the schema (enumerations).
    pub rows: Vec<SqlRow>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// SQL Server type.
    pub sql_type: SqlType,
    /// True if null is allowed.
    pub nullable: bool,
    /// Value of a column that an insert omits.
    pub default: Option<ColumnDefault>,
    /// True if the store numbers rows that omit the column.
    pub identity: bool,
    /// T-SQL expression of a computed column, which is never inserted.
    pub computed: Option<String>,
}

/// Value of a column that an insert omits.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnDefault {
    /// `GETUTCDATE()`: the current time of the run.
    Now,
    /// Constant without quotes: `0`, `UNKNOWN`.
    Constant(String),
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Indices of the referring columns.
    pub columns: Vec<usize>,
    /// Index of the referenced table.
    pub references: usize,
    /// Indices of the referenced columns.
    pub referenced_columns: Vec<usize>,
    /// True if deleting the parent deletes the row.
    pub cascade: bool,
}

/// SQL Server's column types that target tables use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlType {
    /// 0 … 255.
    TinyInt,
    /// 16 bits, signed.
    SmallInt,
    /// 32 bits, signed.
    Int,
    /// 64 bits, signed.
    BigInt,
    /// 0 or 1.
    Bit,
    /// Exact decimal; also `numeric`.
    Decimal {
        /// Number of digits, 1 … 38.
        precision: u8,
        /// Number of fraction digits, at most `precision`.
        scale: u8,
    },
    /// Binary double.
    Float,
    /// Fixed length in windows-1252 bytes, padded with blanks.
    Char(u16),
    /// Maximum length in windows-1252 bytes; `None` is `varchar(MAX)`.
    VarChar(Option<u16>),
    /// Maximum length in UTF-16 code units; `None` is `nvarchar(MAX)`.
    NVarChar(Option<u16>),
    /// A day, years 1 … 9999.
    Date,
    /// From 1753-01-01, in steps of 1/300 s.
    DateTime,
    /// 1900-01-01 … 2079-06-06, in minutes.
    SmallDateTime,
    /// Years 1 … 9999, in steps of 10^-n s.
    DateTime2(u8),
}

impl Catalogue {
    /// Index of the table with this name.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }
}

impl Table {
    /// Index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

impl SqlType {
    /// Parses a type as DDL writes it, in any case. `None` for an unsupported type or size.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (name, size) = match text.split_once('(') {
            Some((name, rest)) => (name.trim_end().to_owned(), Some(rest.strip_suffix(')')?)),
            None => (text.clone(), None),
        };
        let number = |max: u16| {
            let number = size?.trim().parse().ok()?;
            (1..=max).contains(&number).then_some(number)
        };
        let length = |max: u16| match size?.trim() {
            "max" => Some(None),
            _ => number(max).map(Some),
        };
        match (name.as_str(), size) {
            ("tinyint", None) => Some(Self::TinyInt),
            ("smallint", None) => Some(Self::SmallInt),
            ("int", None) => Some(Self::Int),
            ("bigint", None) => Some(Self::BigInt),
            ("bit", None) => Some(Self::Bit),
            ("float", None) => Some(Self::Float),
            ("date", None) => Some(Self::Date),
            ("datetime", None) => Some(Self::DateTime),
            ("smalldatetime", None) => Some(Self::SmallDateTime),
            ("datetime2", None) => Some(Self::DateTime2(7)),
            ("datetime2", Some(digits)) => {
                digits.trim().parse().ok().filter(|digits| *digits <= 7).map(Self::DateTime2)
            }
            ("decimal" | "numeric", _) => Self::parse_decimal(size.unwrap_or("18,0")),
            ("char", Some(_)) => number(8000).map(Self::Char),
            ("varchar", Some(_)) => length(8000).map(Self::VarChar),
            ("nvarchar", Some(_)) => length(4000).map(Self::NVarChar),
            _ => None,
        }
    }

    fn parse_decimal(size: &str) -> Option<Self> {
        let (precision, scale) = size.split_once(',').unwrap_or((size, "0"));
        let precision = precision.trim().parse().ok().filter(|p| (1..=38).contains(p))?;
        let scale = scale.trim().parse().ok().filter(|s| *s <= precision)?;
        Some(Self::Decimal { precision, scale })
    }
}

impl fmt::Display for SqlType {
    /// Writes the type as in DDL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Bit => f.write_str("bit"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Float => f.write_str("float"),
            Self::Char(n) => write!(f, "char({n})"),
            Self::VarChar(Some(n)) => write!(f, "varchar({n})"),
            Self::VarChar(None) => f.write_str("varchar(MAX)"),
            Self::NVarChar(Some(n)) => write!(f, "nvarchar({n})"),
            Self::NVarChar(None) => f.write_str("nvarchar(MAX)"),
            Self::Date => f.write_str("date"),
            Self::DateTime => f.write_str("datetime"),
            Self::SmallDateTime => f.write_str("smalldatetime"),
            Self::DateTime2(n) => write!(f, "datetime2({n})"),
        }
    }
}
