//! Existing tables of a schema, as the server describes them: comparison with the catalogue, and
//! the form that mappings are compared with.

use std::collections::BTreeMap;

use tiberius::ColumnData;

use crate::contract::catalogue::{Column, SqlType, Table};
use crate::contract::shape::{ColumnCapacity, ColumnShape, TableShape};

use super::super::introspect::Difference;
use super::super::schema::Tables;
use super::value::whole;

/// Fraction digits of a `datetime2` that every server keeps, whatever was declared.
const FRACTION_DIGITS_MIN: u8 = 6;

/// Existing tables, by their names in lower case.
#[derive(Debug, Default)]
pub(crate) struct ServerSchema {
    tables: BTreeMap<String, ExistingTable>,
}

/// An existing table.
#[derive(Debug, Default)]
struct ExistingTable {
    name: String,
    columns: Vec<ExistingColumn>,
    /// Unique indexes: number, primary key or not, columns.
    keys: Vec<(i64, bool, Vec<String>)>,
}

#[derive(Debug)]
struct ExistingColumn {
    name: String,
    /// Name of the type, without its size.
    type_name: String,
    /// `None` for a type that no target table uses.
    sql_type: Option<SqlType>,
    nullable: bool,
    has_default: bool,
    /// Identity and computed. `None` if the server does not describe them.
    kind: Option<(bool, bool)>,
}

impl ServerSchema {
    /// Adds a row of [`super::sql::COLUMNS`].
    pub(crate) fn add_column(&mut self, row: &[ColumnData<'_>]) {
        let [table, name, data_type, sizes @ .., nullable, default] = row else { return };
        let [length, precision, scale, digits] = sizes else { return };
        let column = ExistingColumn {
            name: text(name),
            type_name: text(data_type),
            has_default: !matches!(default, ColumnData::String(None)),
            sql_type: sql_type(&text(data_type), [length, precision, scale, digits].map(number)),
            nullable: text(nullable).eq_ignore_ascii_case("yes"),
            kind: None,
        };
        self.table(table).columns.push(column);
    }

    /// Adds a row of [`super::sql::COLUMN_KINDS`].
    pub(crate) fn add_kind(&mut self, row: &[ColumnData<'_>]) {
        let [table, name, identity, computed] = row else { return };
        let name = text(name);
        let kind = Some((number(identity) == Some(1), number(computed) == Some(1)));
        let columns = &mut self.table(table).columns;
        if let Some(column) = columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(&name)) {
            column.kind = kind;
        }
    }

    /// Adds a row of [`super::sql::KEYS`].
    pub(crate) fn add_key(&mut self, row: &[ColumnData<'_>]) {
        let [table, index, primary, column] = row else { return };
        let (index, column) = (number(index).unwrap_or_default(), text(column));
        let primary = number(primary) == Some(1);
        let keys = &mut self.table(table).keys;
        match keys.iter_mut().find(|(known, ..)| *known == index) {
            Some((.., columns)) => columns.push(column),
            None => keys.push((index, primary, vec![column])),
        }
    }

    fn table(&mut self, name: &ColumnData<'_>) -> &mut ExistingTable {
        let name = text(name);
        let table = self.tables.entry(name.to_lowercase()).or_default();
        table.name = name;
        table
    }

    /// All tables, in the form that mappings are compared with.
    pub(crate) fn shapes(&self) -> Vec<TableShape> {
        let shape = |table: &ExistingTable| TableShape {
            name: table.name.clone(),
            columns: table.columns.iter().map(ExistingColumn::shape).collect(),
        };
        self.tables.values().map(shape).collect()
    }

    /// Existing tables that differ from the wanted ones.
    pub(crate) fn differences(&self, wanted: &Tables) -> Vec<Difference> {
        let difference = |table: &Table| {
            let what = self.difference(table)?;
            Some(Difference { table: table.name.clone(), what })
        };
        wanted.all().iter().filter_map(difference).collect()
    }

    /// True if a table has this name.
    pub(crate) fn has(&self, table: &str) -> bool {
        self.tables.contains_key(&table.to_lowercase())
    }

    /// True if the table rejects two rows with the same value in this single column.
    pub(crate) fn has_key(&self, table: &str, column: &str) -> bool {
        let Some(table) = self.tables.get(&table.to_lowercase()) else { return false };
        let is = |(.., columns): &(i64, bool, Vec<String>)| matches!(&columns[..], [only] if only.eq_ignore_ascii_case(column));
        table.keys.iter().any(is)
    }

    /// First difference between a table of the catalogue and the existing one. `None` if the table
    /// does not exist.
    pub(crate) fn difference(&self, table: &Table) -> Option<String> {
        let found = self.tables.get(&table.name.to_lowercase())?;
        let places = table.columns.len().max(found.columns.len());
        let of_columns = (0..places).find_map(|place| {
            match (table.columns.get(place), found.columns.get(place)) {
                (Some(wanted), Some(found)) => found.difference(wanted, place),
                (Some(wanted), None) => Some(format!("column {} is missing", wanted.name)),
                (None, Some(found)) => {
                    Some(format!("column {} is not in the catalogue", found.name))
                }
                (None, None) => None,
            }
        });
        of_columns.or_else(|| found.key_difference(table))
    }
}

impl ExistingColumn {
    fn shape(&self) -> ColumnShape {
        let (identity, computed) = self.kind.unwrap_or_default();
        ColumnShape {
            name: self.name.clone(),
            holds: match self.sql_type {
                Some(sql_type) => ColumnCapacity::Exactly(sql_type),
                None => ColumnCapacity::Other(self.type_name.clone()),
            },
            nullable: self.nullable,
            has_default: self.has_default,
            identity,
            computed,
        }
    }

    fn difference(&self, wanted: &Column, place: usize) -> Option<String> {
        let name = &wanted.name;
        if !self.name.eq_ignore_ascii_case(name) {
            return Some(format!(
                "column {} is {} in the store but {name} in the catalogue",
                place + 1,
                self.name
            ));
        }
        let (identity, computed) =
            self.kind.unwrap_or((wanted.identity, wanted.computed.is_some()));
        if computed != wanted.computed.is_some() {
            return Some(format!(
                "column {name} is {}computed in the store",
                if computed { "" } else { "not " }
            ));
        }
        // The type of a computed column follows from its expression.
        if computed {
            return None;
        }
        if !self.sql_type.is_some_and(|found| is_same(found, wanted.sql_type)) {
            let there = self.sql_type.map_or("another type".to_owned(), |found| found.to_string());
            return Some(format!(
                "column {name} is {there} in the store but {} in the catalogue",
                wanted.sql_type
            ));
        }
        if self.nullable != wanted.nullable {
            let there = if self.nullable { "allows" } else { "does not allow" };
            return Some(format!("column {name} {there} null in the store"));
        }
        (identity != wanted.identity).then(|| {
            format!(
                "column {name} is {}an identity in the store",
                if identity { "" } else { "not " }
            )
        })
    }
}

impl ExistingTable {
    fn key_difference(&self, table: &Table) -> Option<String> {
        let (.., found) = self.keys.iter().find(|(_, primary, _)| *primary)?;
        let wanted: Vec<_> =
            table.primary_key.iter().map(|&place| table.columns[place].name.as_str()).collect();
        let same = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|(found, wanted)| found.eq_ignore_ascii_case(wanted));
        (!same).then(|| {
            format!(
                "the primary key is ({}) in the store but ({}) in the catalogue",
                found.join(", "),
                wanted.join(", ")
            )
        })
    }
}

/// True if a column of type `found` holds the values of type `wanted`.
fn is_same(found: SqlType, wanted: SqlType) -> bool {
    match (found, wanted) {
        // A server with microseconds reports 6 digits, whatever was declared.
        (SqlType::DateTime2(found), SqlType::DateTime2(wanted)) => {
            found == wanted || (found >= FRACTION_DIGITS_MIN && wanted > FRACTION_DIGITS_MIN)
        }
        (found, wanted) => found == wanted,
    }
}

/// The type that `INFORMATION_SCHEMA` describes by name, length, precision, scale and fraction
/// digits.
fn sql_type(name: &str, sizes: [Option<i64>; 4]) -> Option<SqlType> {
    let [length, precision, scale, digits] = sizes;
    let size = match name.to_ascii_lowercase().as_str() {
        "char" | "varchar" | "nvarchar" => match length? {
            -1 => "(max)".to_owned(),
            length => format!("({length})"),
        },
        "decimal" | "numeric" => format!("({},{})", precision?, scale.unwrap_or_default()),
        "datetime2" => format!("({})", digits?),
        _ => String::new(),
    };
    SqlType::parse(&format!("{name}{size}"))
}

fn text(data: &ColumnData<'_>) -> String {
    match data {
        ColumnData::String(Some(text)) => text.clone().into_owned(),
        _ => String::new(),
    }
}

fn number(data: &ColumnData<'_>) -> Option<i64> {
    whole(data).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;

    const CATALOGUE: &str = r#"{"schema": "s", "tables": [
        {"name": "people", "primary_key": ["id"], "columns": [
            {"name": "id", "type": "int", "nullable": false, "identity": true},
            {"name": "name", "type": "varchar(5)", "nullable": false},
            {"name": "rate", "type": "decimal(5,2)", "nullable": true},
            {"name": "since", "type": "datetime2(7)", "nullable": true},
            {"name": "initial", "type": "char(1)", "nullable": true, "computed": "LEFT(name, 1)"}
        ]}]}"#;

    type Row<'a> = (&'a str, &'a str, [Option<i32>; 4], bool);

    const ROWS: [Row<'static>; 5] = [
        ("id", "int", [None, Some(10), Some(0), None], false),
        ("name", "varchar", [Some(5), None, None, None], false),
        ("rate", "decimal", [None, Some(5), Some(2), None], true),
        ("since", "datetime2", [None, None, None, Some(6)], true),
        ("initial", "varchar", [Some(-1), None, None, None], true),
    ];

    fn string(text: &str) -> ColumnData<'_> {
        ColumnData::String(Some(text.into()))
    }

    fn found(rows: &[Row<'_>]) -> ServerSchema {
        let mut found = ServerSchema::default();
        for (name, data_type, sizes, nullable) in rows {
            let sizes = sizes.map(ColumnData::I32);
            let nullable = string(if *nullable { "YES" } else { "NO" });
            let mut row = vec![string("People"), string(name), string(data_type)];
            row.extend(sizes);
            row.push(nullable);
            row.push(if *name == "rate" { string("((0))") } else { ColumnData::String(None) });
            found.add_column(&row);
        }
        for (name, identity, computed) in [("id", true, false), ("initial", false, true)] {
            let bit = |bit| ColumnData::Bit(Some(bit));
            found.add_kind(&[string("people"), string(name), bit(identity), bit(computed)]);
        }
        found
    }

    fn difference(found: &ServerSchema) -> Option<String> {
        found.difference(&Catalogue::parse(CATALOGUE, "test").unwrap().tables[0])
    }

    #[test]
    fn a_table_as_declared_has_no_difference() {
        let found = found(&ROWS);
        assert_eq!(difference(&found), None);
        assert!(found.has("PEOPLE") && !found.has("animals"));
    }

    #[test]
    fn the_first_difference_is_named() {
        let with = |place: usize, row: Row<'static>| {
            let mut rows = ROWS;
            rows[place] = row;
            difference(&found(&rows)).unwrap()
        };
        let none = [None; 4];
        assert_eq!(
            with(0, ("key", "int", none, false)),
            "column 1 is key in the store but id in the catalogue"
        );
        assert_eq!(
            with(0, ("id", "bigint", none, false)),
            "column id is bigint in the store but int in the catalogue"
        );
        assert_eq!(
            with(1, ("name", "xml", none, false)),
            "column name is another type in the store but varchar(5) in the catalogue"
        );
        assert_eq!(
            with(1, ("name", "varchar", [Some(5), None, None, None], true)),
            "column name allows null in the store"
        );
        assert_eq!(difference(&found(&ROWS[..4])).unwrap(), "column initial is missing");
        let mut more = ROWS.to_vec();
        more.push(("extra", "int", none, true));
        assert_eq!(difference(&found(&more)).unwrap(), "column extra is not in the catalogue");
        let mut plain = found(&ROWS);
        plain.add_kind(&[
            string("people"),
            string("id"),
            ColumnData::Bit(Some(false)),
            ColumnData::Bit(Some(false)),
        ]);
        assert_eq!(difference(&plain).unwrap(), "column id is not an identity in the store");
    }

    #[test]
    fn tables_have_the_form_that_mappings_are_compared_with() {
        let mut rows = ROWS;
        rows[1].1 = "xml";
        let shapes = found(&rows).shapes();
        assert_eq!((shapes.len(), shapes[0].columns.len()), (1, 5));
        let column = |place: usize| &shapes[0].columns[place];
        assert!(column(0).identity && column(4).computed && column(2).has_default);
        assert!(!column(1).has_default && !column(1).nullable && column(3).nullable);
        assert_eq!(column(1).holds, ColumnCapacity::Other("xml".into()));
        assert_eq!(column(0).holds, ColumnCapacity::Exactly(SqlType::Int));
    }

    #[test]
    fn keys_are_compared_and_found() {
        let mut found = found(&ROWS);
        let mut add = |index, primary, column| {
            let (index, primary) = (ColumnData::I32(Some(index)), ColumnData::Bit(Some(primary)));
            found.add_key(&[string("people"), index, primary, string(column)]);
        };
        add(1, true, "id");
        add(1, true, "name");
        add(2, false, "rate");
        assert!(found.has_key("people", "rate"));
        assert!(!found.has_key("people", "id") && !found.has_key("animals", "id"));
        assert_eq!(
            difference(&found).unwrap(),
            "the primary key is (id, name) in the store but (id) in the catalogue"
        );
    }
}
