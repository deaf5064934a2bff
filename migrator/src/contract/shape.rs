//! What tables have, as a catalogue wants it or a store tells it: the one form that mappings are
//! compared with. Reads no store.

use std::fmt;

use super::catalogue::{Catalogue, Column, SqlType, Table};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// Its name, without a schema.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnShape>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property of a column")]
pub struct ColumnShape {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: ColumnCapacity,
    /// Whether null is allowed.
    pub nullable: bool,
    /// Whether a row that does not name it gets something else than null.
    pub has_default: bool,
    /// Whether the store numbers rows that do not name it.
    pub identity: bool,
    /// Whether the store computes it, so that no row may name it.
    pub computed: bool,
}

/// What a column holds, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnCapacity {
    /// Values of this type, with its length or scale.
    Exactly(SqlType),
    /// Values of any type of this class: the store does not tell more.
    OfClass(TypeClass),
    /// Something that no column of a catalogue holds, as the store calls it.
    Other(String),
}

/// Types that a store with few types keeps alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeClass {
    /// Whole numbers and bits.
    Whole,
    /// Binary doubles.
    Real,
    /// Everything else, as text.
    Text,
}

impl TypeClass {
    /// The class of a type.
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

    /// The name that `SQLite` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
        }
    }
}

impl fmt::Display for ColumnCapacity {
    /// The type as its store writes it.
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
    /// The shapes of a catalogue's tables.
    pub fn of_catalogue(catalogue: &Catalogue) -> Vec<Self> {
        catalogue.tables.iter().map(Self::from).collect()
    }

    /// The same, with the catalogue's word on what the store cannot tell, the exact type of a column
    /// that has a type of its class, and on defaults: rows name all columns, and those that a record
    /// leaves out get the catalogue's.
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
    fn the_catalogue_says_what_a_store_with_few_types_cannot() {
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
