//! Columns of tables in one form, from a catalogue or from a store. Mappings are compared with it.

use std::fmt;

use super::catalogue::{Catalogue, Column, SqlType, Table};

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Name without a schema.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<ColumnShape>,
}

/// A column and its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property of a column")]
pub struct ColumnShape {
    /// Name.
    pub name: String,
    /// Values that the column can hold.
    pub holds: ColumnCapacity,
    /// True if null is allowed.
    pub nullable: bool,
    /// True if a row that omits the column gets another value than null.
    pub has_default: bool,
    /// True if the store numbers rows that omit the column.
    pub identity: bool,
    /// True if the store computes the column. Rows must not name it.
    pub computed: bool,
}

/// Values that a column can hold, as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnCapacity {
    /// Values of this type, with its length or scale.
    Exactly(SqlType),
    /// Values of any type of this class. The store does not tell more.
    OfClass(TypeClass),
    /// Another type, by the store's name.
    Other(String),
}

/// Class of types that a store with few types does not distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeClass {
    /// Integers and bits.
    Whole,
    /// Binary doubles.
    Real,
    /// Everything else, as text.
    Text,
}

impl TypeClass {
    /// Class of a type.
    pub fn of(sql_type: SqlType) -> Self {
        match sql_type {
            SqlType::TinyInt
            | SqlType::SmallInt
            | SqlType::Int
            | SqlType::BigInt
            | SqlType::Bit => Self::Whole,
            SqlType::Float => Self::Real,
            SqlType::Decimal { .. }
            | SqlType::Char(_)
            | SqlType::VarChar(_)
            | SqlType::NVarChar(_)
            | SqlType::Date
            | SqlType::DateTime
            | SqlType::SmallDateTime
            | SqlType::DateTime2(_) => Self::Text,
        }
    }

    /// Name of the type in `SQLite`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
        }
    }
}

impl fmt::Display for ColumnCapacity {
    /// Writes the type as its store does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(sql_type) => sql_type.fmt(f),
            Self::OfClass(class) => f.write_str(class.name()),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl From<&Column> for ColumnShape {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            holds: ColumnCapacity::Exactly(column.sql_type),
            nullable: column.nullable,
            has_default: column.default.is_some(),
            identity: column.identity,
            computed: column.computed.is_some(),
        }
    }
}

impl From<&Table> for TableShape {
    fn from(table: &Table) -> Self {
        let columns = table.columns.iter().map(ColumnShape::from).collect();
        Self { name: table.name.clone(), columns }
    }
}

impl TableShape {
    /// Shapes of a catalogue's tables.
    pub fn of_catalogue(catalogue: &Catalogue) -> Vec<Self> {
        catalogue.tables.iter().map(Self::from).collect()
    }

    /// Completes a store's table with facts that the store cannot tell, taken from the catalogue.
    /// These are the exact type of a column that has a type of its class, and defaults: rows name
    /// all columns, and columns that a record omits get the catalogue's default.
    #[must_use]
    pub fn narrowed(mut self, wanted: &Self) -> Self {
        for column in &mut self.columns {
            let same = |other: &&ColumnShape| other.name.eq_ignore_ascii_case(&column.name);
            let Some(own) = wanted.columns.iter().find(same) else { continue };
            column.has_default = own.has_default;
            let class = match own.holds {
                ColumnCapacity::Exactly(sql_type) => TypeClass::of(sql_type),
                _ => continue,
            };
            if column.holds == ColumnCapacity::OfClass(class) {
                column.holds = own.holds.clone();
                column.identity = own.identity;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, holds: ColumnCapacity) -> ColumnShape {
        ColumnShape {
            name: name.to_owned(),
            holds,
            nullable: true,
            has_default: false,
            identity: false,
            computed: false,
        }
    }

    #[test]
    fn the_catalogue_gives_types_that_the_store_lacks() {
        let money = ColumnCapacity::Exactly(SqlType::Decimal { precision: 12, scale: 2 });
        let wanted = TableShape {
            name: "a".into(),
            columns: vec![
                ColumnShape { has_default: true, ..column("paid", money.clone()) },
                column("count", ColumnCapacity::Exactly(SqlType::Int)),
            ],
        };
        let found = TableShape {
            name: "a".into(),
            columns: vec![
                ColumnShape {
                    nullable: false,
                    ..column("PAID", ColumnCapacity::OfClass(TypeClass::Text))
                },
                column("count", ColumnCapacity::OfClass(TypeClass::Real)),
                column("more", ColumnCapacity::OfClass(TypeClass::Whole)),
            ],
        };
        let [paid, count, more] = &found.narrowed(&wanted).columns[..] else { panic!() };
        assert_eq!((&paid.holds, paid.has_default, paid.nullable), (&money, true, false));
        assert_eq!(count.holds, ColumnCapacity::OfClass(TypeClass::Real));
        assert_eq!(more.holds.to_string(), "INTEGER");
    }
}
