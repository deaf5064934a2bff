//! Which rows of a batch are there already (contract.md 15), decided record by record. Reads the
//! store through a closure, keeps nothing between two calls.

use rustc_hash::FxHashSet;

use crate::error::Result;
use crate::record::{SqlValue, TypedRecord};
use crate::store::schema::Tables;
use crate::store::{Key, canonical};

/// The table and the column whose value says that two records are the same application.
const APPLICATION_KEY: (&str, &[&str]) = ("app_base", &["app_id"]);
/// Tables whose rows are left out, each for itself, where another row has their key.
const CONTACT_KEYS: [(&str, &[&str]); 3] = [
    ("app_contact_base", &["con_id"]),
    ("app_contact_address", &["con_id", "address_type_enum"]),
    ("app_contact_employment", &["con_id", "employment_type_enum"]),
];

/// The keys that decide about duplicates, as far as the catalogue has their tables.
#[derive(Debug, Clone)]
pub struct Dedup {
    application: Option<Key>,
    contacts: Vec<Key>,
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its rows are stored, all but these.
    Store {
        /// Places of rows that are left out: of the table in the record, of the row in the table.
        left_out: Vec<(usize, usize)>,
    },
    /// Its application is there already: nothing of it is stored.
    Duplicate {
        /// The key that is there, as `table.column value`.
        key: String,
    },
}

impl Decision {
    /// Whether the row at these places is stored.
    pub fn keeps(&self, table: usize, row: usize) -> bool {
        match self {
            Self::Store { left_out } => !left_out.contains(&(table, row)),
            Self::Duplicate { .. } => false,
        }
    }
}

impl Dedup {
    /// The rules for these tables.
    pub fn new(tables: &Tables) -> Self {
        let key = |(table, columns)| key_of(tables, table, columns);
        Self {
            application: key(APPLICATION_KEY),
            contacts: CONTACT_KEYS.into_iter().filter_map(key).collect(),
        }
    }

    /// Decides about records in the order given. Of two that claim a key the first has it; a
    /// duplicate claims nothing. `is_stored` is asked once for each key that no earlier row claims.
    pub fn decide<'a>(
        &self,
        tables: &Tables,
        records: impl IntoIterator<Item = &'a TypedRecord>,
        is_stored: &mut dyn FnMut(&Key, &[&SqlValue]) -> Result<bool>,
    ) -> Result<Vec<Decision>> {
        let mut claims = Claims { taken: FxHashSet::default(), is_stored };
        records
            .into_iter()
            .map(|record| match self.duplicate(tables, record, &mut claims)? {
                Some(key) => Ok(Decision::Duplicate { key }),
                None => Ok(Decision::Store { left_out: self.left_out(record, &mut claims)? }),
            })
            .collect()
    }

    /// The key by which the record's application is there already.
    fn duplicate(
        &self,
        tables: &Tables,
        record: &TypedRecord,
        claims: &mut Claims<'_>,
    ) -> Result<Option<String>> {
        let Some(key) = &self.application else { return Ok(None) };
        for (_, _, values) in rows_with(record, key) {
            if !claims.claim(key, &values)? {
                let table = &tables.all()[key.table];
                let column = &table.columns[key.columns[0]].name;
                return Ok(Some(format!(
                    "{}.{column} {}",
                    table.name,
                    canonical::plain(values[0])
                )));
            }
        }
        Ok(None)
    }

    fn left_out(
        &self,
        record: &TypedRecord,
        claims: &mut Claims<'_>,
    ) -> Result<Vec<(usize, usize)>> {
        let mut left_out = Vec::new();
        for key in &self.contacts {
            for (table, row, values) in rows_with(record, key) {
                if !claims.claim(key, &values)? {
                    left_out.push((table, row));
                }
            }
        }
        Ok(left_out)
    }
}

/// Keys that rows of the batch have claimed, before the store that is asked about all others.
struct Claims<'a> {
    taken: FxHashSet<Box<[u8]>>,
    is_stored: &'a mut dyn FnMut(&Key, &[&SqlValue]) -> Result<bool>,
}

impl Claims<'_> {
    /// Claims a key for its row; false if another row has it. With a null there is no key.
    fn claim(&mut self, key: &Key, values: &[&SqlValue]) -> Result<bool> {
        if values.contains(&&SqlValue::Null) {
            return Ok(true);
        }
        let folded = fold(key.table, values);
        if self.taken.contains(&folded) || (self.is_stored)(key, values)? {
            return Ok(false);
        }
        self.taken.insert(folded);
        Ok(true)
    }
}

/// The rows of the key's table: places of table and row in the record, and the key's values.
fn rows_with<'a>(
    record: &'a TypedRecord,
    key: &'a Key,
) -> impl Iterator<Item = (usize, usize, Vec<&'a SqlValue>)> {
    let tables = record.tables.iter().enumerate().filter(|(_, rows)| rows.table == key.table);
    tables.flat_map(move |(table, rows)| {
        rows.rows.iter().enumerate().map(move |(place, row)| {
            (table, place, key.columns.iter().map(|&column| &row[column]).collect())
        })
    })
}

fn key_of(tables: &Tables, table: &str, columns: &[&str]) -> Option<Key> {
    let index = tables.find(table)?;
    let place = |name: &&str| tables.all()[index].columns.iter().position(|c| c.name == **name);
    Some(Key { table: index, columns: columns.iter().map(place).collect::<Option<_>>()? })
}

/// The key as SQL Server compares it: texts without regard to case and to blanks at their end.
fn fold(table: usize, values: &[&SqlValue]) -> Box<[u8]> {
    let mut folded = Vec::with_capacity(8 + 9 * values.len());
    folded.extend_from_slice(&table.to_le_bytes());
    for value in values {
        match value {
            SqlValue::Int(number) => {
                folded.push(b'i');
                folded.extend_from_slice(&number.to_le_bytes());
            }
            SqlValue::Text(text) => {
                folded.push(b't');
                folded.extend_from_slice(text.trim_end_matches(' ').to_lowercase().as_bytes());
                folded.push(0);
            }
            other => {
                folded.push(b'o');
                folded.extend_from_slice(format!("{other:?}").as_bytes());
                folded.push(0);
            }
        }
    }
    folded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fold_as_sql_server_compares_them() {
        let text = |text: &str| SqlValue::Text(text.into());
        let folded = |value: &SqlValue| fold(1, &[value]);
        assert_eq!(folded(&text("Score  ")), folded(&text("SCORE")));
        assert_eq!(folded(&text("É")), folded(&text("é")));
        assert_ne!(folded(&text(" SCORE")), folded(&text("SCORE")));
        assert_ne!(folded(&text("1")), folded(&SqlValue::Int(1)));
        assert_ne!(fold(1, &[&SqlValue::Int(1)]), fold(2, &[&SqlValue::Int(1)]));
    }
}
