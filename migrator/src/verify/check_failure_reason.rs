//! Plausibility of a logged failure: tests if a store can have rejected a record for the logged
//! reason.

use crate::contract::catalogue::{ForeignKey, Table};
use crate::error::Result;
use crate::record::{SqlRow, SqlValue, TypedRecord};
use crate::store::Key;
use crate::store::schema::Tables;
use crate::write::diagnose;
use crate::write::log::Log;

use super::owned_value::{OwnedValue, encode};

/// Start of the reason of a record that the store rejected.
pub(crate) const STORE: &str = "store: ";

/// Returns true if a row with these values in a key's columns exists.
pub(crate) type KeyExistsFn<'e> = &'e mut dyn FnMut(&Key, &[&SqlValue]) -> Result<bool>;

/// True if the record has the property that the reason states. A key that is said to be taken must
/// exist. A row that was missing may have been added since.
pub(crate) fn is_plausible(
    tables: &Tables,
    log: &Log,
    record: &TypedRecord,
    reason: &str,
    exists: KeyExistsFn<'_>,
) -> Result<bool> {
    let Some((place, _)) = reason.strip_prefix(STORE).and_then(|rest| rest.split_once(": ")) else {
        return Ok(false);
    };
    // Reasons are compared in the form of the log, which may have cut and narrowed them.
    let logged = SqlValue::Text(reason.into());
    let is = |cause: &str| log.cut(&format!("{STORE}{place}: {cause}")) == logged;
    let (name, columns) = place.split_once('.').unwrap_or((place, ""));
    let Some(table) = tables.find(name) else { return Ok(false) };
    let own = &tables.all()[table];
    let suspect = FailedRecord { tables, record, table, columns: places(own, columns) };
    if suspect.rows().next().is_none() {
        return Ok(false);
    }
    Ok(is(diagnose::REFUSED)
        || is(diagnose::NO_REFERENCE)
        || (is(diagnose::NULL) && suspect.has_null())
        || (is(diagnose::KEY_TWICE) && suspect.has_a_key_twice())
        || suspect.lacks_a_parent(&is)
        || suspect.has_a_taken_key(&is, exists)?)
}

/// Indices of the columns that a reason names.
fn places(table: &Table, names: &str) -> Vec<usize> {
    let place = |name: &str| table.columns.iter().position(|column| column.name == name);
    names.split(", ").filter_map(place).collect()
}

/// A record, and the columns of one table that it failed for according to the log.
struct FailedRecord<'a> {
    tables: &'a Tables,
    record: &'a TypedRecord,
    table: usize,
    columns: Vec<usize>,
}

impl<'a> FailedRecord<'a> {
    fn rows(&self) -> impl Iterator<Item = &'a SqlRow> {
        rows_of(self.record, self.table)
    }

    fn has_null(&self) -> bool {
        let nulls = |row: &SqlRow| self.columns.iter().any(|&column| row[column] == SqlValue::Null);
        self.rows().any(nulls)
    }

    /// True if a key occurs twice. Some stores do not name the key; then it is the primary key or a
    /// unique one.
    fn has_a_key_twice(&self) -> bool {
        let own = &self.tables.all()[self.table];
        let named = (!self.columns.is_empty()).then_some(&self.columns);
        let any = std::iter::once(&own.primary_key).chain(&own.unique);
        let twice = |columns: &Vec<usize>| {
            let mut keys: Vec<_> = self.rows().map(|row| folded(own, row, columns)).collect();
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair[0] == pair[1])
        };
        named.map_or_else(|| any.into_iter().any(twice), twice)
    }

    fn has_a_taken_key(&self, is: &dyn Fn(&str) -> bool, exists: KeyExistsFn<'_>) -> Result<bool> {
        let key = Key { table: self.table, columns: self.columns.clone() };
        for row in self.rows() {
            let values = values(row, &key.columns);
            if is(&diagnose::key_taken(&values)) && exists(&key, &values)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lacks_a_parent(&self, is: &dyn Fn(&str) -> bool) -> bool {
        let references = &self.tables.all()[self.table].foreign_keys;
        references.iter().any(|reference| {
            let parent = &self.tables.all()[reference.references].name;
            self.rows().any(|row| {
                let values = values(row, &reference.columns);
                is(&diagnose::no_parent(parent, &values)) && !self.has_own(reference, &values)
            })
        })
    }

    fn has_own(&self, reference: &ForeignKey, values: &[&SqlValue]) -> bool {
        let columns = &reference.referenced_columns;
        rows_of(self.record, reference.references)
            .any(|row| columns.iter().zip(values).all(|(&column, value)| row[column] == **value))
    }
}

fn rows_of(record: &TypedRecord, table: usize) -> impl Iterator<Item = &SqlRow> {
    record.tables.iter().filter(move |rows| rows.table == table).flat_map(|rows| &rows.rows)
}

fn values<'r>(row: &'r SqlRow, columns: &[usize]) -> Vec<&'r SqlValue> {
    columns.iter().map(|&column| &row[column]).collect()
}

fn folded(table: &Table, row: &SqlRow, columns: &[usize]) -> Vec<u8> {
    let mut key = Vec::new();
    for &column in columns {
        let datum = OwnedValue::of(&row[column], table.columns[column].sql_type);
        encode(&mut key, datum.stored(), true);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::{Catalogue, Column, SqlType};
    use crate::record::TypedRows;
    use crate::write::log::REASON_CHARS_MAX;

    fn column(name: &str) -> Column {
        let (name, sql_type) = (name.to_owned(), SqlType::VarChar(None));
        Column { name, sql_type, nullable: true, default: None, identity: false, computed: None }
    }

    fn table(name: &str, foreign_keys: Vec<ForeignKey>) -> Table {
        Table {
            name: name.to_owned(),
            columns: vec![column("id"), column("name")],
            primary_key: vec![0],
            unique: vec![vec![1]],
            foreign_keys,
            indexes: vec![],
            rows: vec![],
        }
    }

    fn tables() -> Tables {
        let reference = ForeignKey {
            columns: vec![1],
            references: 0,
            referenced_columns: vec![0],
            cascade: false,
        };
        let tables = vec![table("parents", vec![]), table("children", vec![reference])];
        Tables::new(&Catalogue { schema: String::new(), tables }).unwrap()
    }

    fn row(id: &str, name: &str) -> SqlRow {
        let text = |text: &str| match text {
            "" => SqlValue::Null,
            text => SqlValue::Text(text.into()),
        };
        [text(id), text(name)].into()
    }

    #[test]
    fn a_failure_reason_is_checked_against_the_record() {
        let (tables, long) = (tables(), "q".repeat(600));
        let children = vec![row("c", "q"), row("C ", "p"), row("d", &long)];
        let parents = vec![row("p", "")];
        let rows = |table, rows| TypedRows { table, rows };
        let log = Log::new(&tables).unwrap();
        let mut cut = format!("store: children.name: there is no parents {long}");
        cut.truncate(REASON_CHARS_MAX);
        let record = TypedRecord { key: 7, tables: vec![rows(0, parents), rows(1, children)] };
        for (reason, explained) in [
            ("store: children.id: the store refuses the value", true),
            ("store: children: a row that is referred to is not there", true),
            ("store: processing_log: the store refuses the value", false),
            ("store: no_table: the store refuses the value", false),
            ("coerce: children.id: the store refuses the value", false),
            ("store: ", false),
            ("store: parents.name: null is not allowed", true),
            ("store: parents.id: null is not allowed", false),
            ("store: children.id: the record has a key twice", true),
            ("store: children: the record has a key twice", true),
            ("store: children.name: the record has a key twice", false),
            ("store: parents: the record has a key twice", false),
            ("store: children.name: there is no parents q", true),
            (cut.as_str(), true),
            ("store: children.name: there is no parents p", false),
            ("store: children.name: there is no parents z", false),
            ("store: children.id: key c is taken", true),
            ("store: children.name: key q is taken", false),
            ("store: children.id: key z is taken", false),
        ] {
            let is_c = |_: &Key, values: &[&SqlValue]| Ok(*values[0] == SqlValue::Text("c".into()));
            let found = is_plausible(&tables, &log, &record, reason, &mut { is_c }).unwrap();
            assert_eq!(found, explained, "{reason}");
        }
    }
}
