//! Duplicate rules (contract.md 15): decides, record by record, which rows of a batch are already
//! stored. [`KeyLookup`] asks the store and the cache.

use rustc_hash::FxHashSet;

use crate::error::Result;
use crate::record::{SqlValue, TypedRecord};
use crate::store::schema::Tables;
use crate::store::{Connection, Key, canonical};
use crate::telemetry::metrics::Metrics;
use crate::write::cache::{CacheLookup, KeyBytes, WorkerCache};

/// Table and column that identify an application.
const APPLICATION_KEY: (&str, &[&str]) = ("app_base", &["app_id"]);
/// Tables from which single rows are omitted if another row has their key.
const CONTACT_KEYS: [(&str, &[&str]); 3] = [
    ("app_contact_base", &["con_id"]),
    ("app_contact_address", &["con_id", "address_type_enum"]),
    ("app_contact_employment", &["con_id", "employment_type_enum"]),
];

/// Keys of the duplicate rules, for the tables that the catalogue has.
#[derive(Debug, Clone)]
pub struct Dedup {
    /// Key that only one record may have.
    pub application: Option<Key>,
    /// Keys of which only the first record stores a row.
    pub contacts: Vec<Key>,
}

/// Decision about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Store the rows, except those omitted.
    Store {
        /// Omitted rows: index of the table in the record, index of the row in the table.
        left_out: Vec<(usize, usize)>,
    },
    /// The application is already stored. No row of the record is stored.
    Duplicate {
        /// The existing key, as `table.column value`.
        key: String,
    },
}

impl Decision {
    /// True if the row at these indices is stored.
    pub fn keeps(&self, table: usize, row: usize) -> bool {
        match self {
            Self::Store { left_out } => !left_out.contains(&(table, row)),
            Self::Duplicate { .. } => false,
        }
    }
}

/// Key of a row of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct RowKey<'a> {
    /// Values of the key's columns, none of them null.
    pub values: Vec<&'a SqlValue>,
    /// Table and exact values. The store's answer holds for these values alone: another spelling
    /// may be another key, e.g. with accents in `SQLite` (`store::schema`).
    pub exact: KeyBytes,
}

/// Query for distinct keys of one table. Returns for each key if the store has it.
pub type Ask<'a> = &'a mut dyn FnMut(&Key, &[&RowKey<'_>]) -> Result<Vec<bool>>;

/// Decisions about the records of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupResult {
    /// One decision per record.
    pub decisions: Vec<Decision>,
    /// Distinct keys of the rows to store.
    pub claimed: Vec<KeyBytes>,
}

impl Dedup {
    /// Duplicate rules for these tables.
    pub fn new(tables: &Tables) -> Self {
        let key = |(table, columns)| key_of(tables, table, columns);
        Self {
            application: key(APPLICATION_KEY),
            contacts: CONTACT_KEYS.into_iter().filter_map(key).collect(),
        }
    }

    /// Keys of the records' rows, folded as SQL Server compares them.
    pub fn keys_of(&self, records: &[&TypedRecord]) -> Vec<KeyBytes> {
        let all_stored = vec![Decision::Store { left_out: Vec::new() }; records.len()];
        let keys = self.application.iter().chain(&self.contacts);
        let rows = keys.flat_map(|key| rows_with(records, key, &all_stored));
        rows.map(|row| row.folded.unwrap_or(row.wanted.exact)).collect()
    }

    /// Decides about records in the given order. The first record with a key gets it. A duplicate
    /// gets no key.
    ///
    /// With `at_once`, one query asks for all relevant keys of a table. Otherwise each query asks
    /// for one key, and keys of earlier rows are not asked for. The decisions are the same.
    pub fn decide(
        &self,
        tables: &Tables,
        records: &[&TypedRecord],
        at_once: bool,
        ask: Ask<'_>,
    ) -> Result<DedupResult> {
        let mut claims =
            ClaimedKeys { at_once, ask, taken: FxHashSet::default(), claimed: Vec::new() };
        let mut decisions = vec![Decision::Store { left_out: Vec::new() }; records.len()];
        // Applications come first, for all records: contacts of a duplicate need no query.
        if let Some(key) = &self.application {
            for row in claims.refused(key, rows_with(records, key, &decisions))? {
                decisions[row.record] = Decision::Duplicate { key: described(tables, key, &row) };
            }
        }
        for key in &self.contacts {
            for row in claims.refused(key, rows_with(records, key, &decisions))? {
                if let Decision::Store { left_out } = &mut decisions[row.record] {
                    left_out.push((row.table, row.row));
                }
            }
        }
        Ok(DedupResult { decisions, claimed: claims.claimed })
    }
}

/// Looks up keys for one transaction, in the cache and in the store.
pub struct KeyLookup<'a> {
    /// Connection of the transaction.
    pub connection: &'a mut dyn Connection,
    /// Cache of the worker, which also chooses between single and set queries.
    pub cache: &'a WorkerCache,
    /// Have the store confirm every cached key.
    pub doubt: bool,
    /// Counts the queries.
    pub metrics: &'a mut Metrics,
    /// Receives the keys that the store has and the cache lacks.
    pub found: &'a mut Vec<KeyBytes>,
}

impl KeyLookup<'_> {
    /// Looks up distinct keys of one table. Returns for each key if it is stored.
    pub fn which_exist(&mut self, key: &Key, wanted: &[&RowKey<'_>]) -> Result<Vec<bool>> {
        if self.cache.asks_in_sets() {
            self.with_cache(key, wanted)
        } else {
            wanted.iter().map(|wanted| self.one(key, wanted)).collect()
        }
    }

    fn one(&mut self, key: &Key, wanted: &RowKey<'_>) -> Result<bool> {
        self.metrics.queries += 1;
        self.connection.contains_key(key, &wanted.values)
    }

    fn with_cache(&mut self, key: &Key, wanted: &[&RowKey<'_>]) -> Result<Vec<bool>> {
        let keys = wanted.iter().map(|wanted| &wanted.exact);
        let known = self.cache.look_up(keys, self.doubt);
        let mut answers: Vec<_> = known.iter().map(|known| *known == CacheLookup::Hit).collect();
        let open: Vec<_> = (0..wanted.len()).filter(|&place| !answers[place]).collect();
        for places in open.chunks(key.per_statement()) {
            let values: Vec<_> = places.iter().map(|&place| &wanted[place].values[..]).collect();
            self.metrics.set_queries += 1;
            for (&place, is_stored) in
                places.iter().zip(self.connection.contains_keys(key, &values)?)
            {
                answers[place] = is_stored;
                self.learn(&wanted[place].exact, known[place], is_stored);
            }
        }
        Ok(answers)
    }

    /// Updates the cache from the store's answer, which takes precedence.
    fn learn(&mut self, key: &KeyBytes, known: CacheLookup, is_stored: bool) {
        match (known, is_stored) {
            (CacheLookup::Unverified, false) => self.cache.contradict(key),
            (CacheLookup::Miss, true) if self.cache.keeps() => self.found.push(key.clone()),
            _ => {}
        }
    }
}

/// A row with its key: its place and the key's values.
struct KeyedRow<'a> {
    record: usize,
    table: usize,
    row: usize,
    wanted: RowKey<'a>,
    /// Key as SQL Server compares it, if that differs from `exact`.
    folded: Option<KeyBytes>,
}

/// Keys of the batch's earlier rows. Other keys are looked up in the store.
struct ClaimedKeys<'a> {
    at_once: bool,
    ask: Ask<'a>,
    /// Folded keys.
    taken: FxHashSet<KeyBytes>,
    /// Exact keys.
    claimed: Vec<KeyBytes>,
}

impl ClaimedKeys<'_> {
    /// Adds the keys of a table's rows in their order. Returns the rows whose key is taken.
    fn refused<'r>(&mut self, key: &Key, rows: Vec<KeyedRow<'r>>) -> Result<Vec<KeyedRow<'r>>> {
        let mut refused = Vec::new();
        let stored = if self.at_once { Some(self.stored(key, &rows)?) } else { None };
        for row in rows {
            let folded = row.folded.as_ref().unwrap_or(&row.wanted.exact);
            let is_taken = self.taken.contains(folded)
                || match &stored {
                    Some(stored) => stored.contains(&row.wanted.exact),
                    None => (self.ask)(key, &[&row.wanted])?.contains(&true),
                };
            if is_taken {
                refused.push(row);
            } else {
                self.taken.insert(folded.clone());
                self.claimed.push(row.wanted.exact);
            }
        }
        Ok(refused)
    }

    /// Keys of these rows that the store has.
    fn stored(&mut self, key: &Key, rows: &[KeyedRow<'_>]) -> Result<FxHashSet<KeyBytes>> {
        let mut seen = FxHashSet::default();
        let wanted: Vec<_> =
            rows.iter().map(|row| &row.wanted).filter(|w| seen.insert(&w.exact)).collect();
        let answers = (self.ask)(key, &wanted)?;
        let stored = wanted.iter().zip(answers).filter(|(_, is_stored)| *is_stored);
        Ok(stored.map(|(wanted, _)| wanted.exact.clone()).collect())
    }
}

/// Rows of the key's table, from all records that are not duplicates. A row with a null in the key
/// has no key.
fn rows_with<'a>(
    records: &[&'a TypedRecord],
    key: &Key,
    decisions: &[Decision],
) -> Vec<KeyedRow<'a>> {
    let mut keyed = Vec::with_capacity(records.len());
    for (record, (typed, decision)) in records.iter().zip(decisions).enumerate() {
        if matches!(decision, Decision::Duplicate { .. }) {
            continue;
        }
        for (table, rows) in typed.tables.iter().enumerate().filter(|(_, r)| r.table == key.table) {
            for (row, values) in rows.rows.iter().enumerate() {
                let values: Vec<_> = key.columns.iter().map(|&column| &values[column]).collect();
                if !values.contains(&&SqlValue::Null) {
                    keyed.push(KeyedRow::new(key, (record, table, row), values));
                }
            }
        }
    }
    keyed
}

impl<'a> KeyedRow<'a> {
    fn new(
        key: &Key,
        (record, table, row): (usize, usize, usize),
        values: Vec<&'a SqlValue>,
    ) -> Self {
        let has_text = values.iter().any(|value| matches!(value, SqlValue::Text(_)));
        let folded = has_text.then(|| bytes(key.table, &values, Spelling::Folded));
        let exact = bytes(key.table, &values, Spelling::Exact);
        Self { record, table, row, wanted: RowKey { values, exact }, folded }
    }
}

/// The key as `table.column value`.
fn described(tables: &Tables, key: &Key, row: &KeyedRow<'_>) -> String {
    let table = &tables.all()[key.table];
    let column = &table.columns[key.columns[0]].name;
    format!("{}.{column} {}", table.name, canonical::plain(row.wanted.values[0]))
}

fn key_of(tables: &Tables, table: &str, columns: &[&str]) -> Option<Key> {
    let index = tables.find(table)?;
    let place = |name: &&str| tables.all()[index].columns.iter().position(|c| c.name == **name);
    Some(Key { table: index, columns: columns.iter().map(place).collect::<Option<_>>()? })
}

/// Spelling of texts in a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// Unchanged.
    Exact,
    /// As SQL Server compares them: without case and without trailing blanks.
    Folded,
}

/// Encodes a key as bytes. Different keys have different bytes.
fn bytes(table: usize, values: &[&SqlValue], spelling: Spelling) -> KeyBytes {
    let mut bytes = KeyBytes::new();
    push_number(&mut bytes, table as u64);
    for value in values {
        match (value, spelling) {
            (SqlValue::Int(number), _) => {
                bytes.push(b'i');
                // Zigzag: small numbers stay short with either sign.
                push_number(&mut bytes, ((number << 1) ^ (number >> 63)).cast_unsigned());
            }
            (SqlValue::Text(text), Spelling::Exact) => push_text(&mut bytes, b't', text),
            (SqlValue::Text(text), Spelling::Folded) => {
                push_text(&mut bytes, b't', &text.trim_end_matches(' ').to_lowercase());
            }
            (other, _) => push_text(&mut bytes, b'o', &format!("{other:?}")),
        }
    }
    bytes
}

fn push_text(bytes: &mut KeyBytes, kind: u8, text: &str) {
    bytes.push(kind);
    push_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// LEB128: seven bits per byte; the last byte is below 128.
fn push_number(bytes: &mut KeyBytes, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> SqlValue {
        SqlValue::Text(text.into())
    }

    fn int(number: i64) -> SqlValue {
        SqlValue::Int(number)
    }

    #[test]
    fn keys_fold_as_sql_server_compares_them() {
        let folded = |value: &SqlValue| bytes(1, &[value], Spelling::Folded);
        assert_eq!(folded(&text("Score  ")), folded(&text("SCORE")));
        assert_eq!(folded(&text("É")), folded(&text("é")));
        assert_ne!(folded(&text(" SCORE")), folded(&text("SCORE")));
        assert_ne!(folded(&text("1")), folded(&int(1)));
    }

    #[test]
    fn different_keys_are_different_bytes() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8192, i64::MAX, i64::MIN];
        let mut values: Vec<Vec<SqlValue>> = numbers.map(|number| vec![int(number)]).into();
        values.extend([
            vec![text("")],
            vec![text("a"), text("b")],
            vec![text("ab"), text("")],
            vec![text("a\u{1}tb")],
            vec![text("A"), text("b")],
            vec![int(1), int(28)],
            vec![int(28), int(1)],
            vec![SqlValue::Bit(true)],
            vec![text("Bit(true)")],
        ]);
        let tables = [0, 1, 127, 128, 300];
        let all: FxHashSet<_> = tables
            .iter()
            .flat_map(|&table| values.iter().map(move |key| (table, key)))
            .map(|(table, key)| bytes(table, &key.iter().collect::<Vec<_>>(), Spelling::Exact))
            .collect();
        assert_eq!(all.len(), tables.len() * values.len());
    }

    #[test]
    fn keys_of_contacts_are_stored_inline() {
        let longest = [int(i32::MAX.into()), int(i16::MIN.into())];
        assert!(!bytes(127, &longest.each_ref(), Spelling::Exact).spilled());
    }
}
