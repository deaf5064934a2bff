//! Which rows of a batch are there already (contract.md 15), decided record by record. Reads the
//! store through a closure, keeps nothing between two calls.

use rustc_hash::FxHashSet;

use crate::error::Result;
use crate::record::{SqlValue, TypedRecord};
use crate::store::schema::Tables;
use crate::store::{Connection, Key, canonical};
use crate::telemetry::metrics::Metrics;
use crate::write::cache::{CacheLookup, KeyBytes, WorkerCache};

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
    /// The key that one record alone may have.
    pub application: Option<Key>,
    /// Keys of which every record but the first loses its row.
    pub contacts: Vec<Key>,
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

/// A key of a row of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct RowKey<'a> {
    /// The values of the key's columns, none of them null.
    pub values: Vec<&'a SqlValue>,
    /// Table and values as they are. What the store says of them it says of these alone: another
    /// spelling may be another key to it, as it is to `SQLite` with accents (`store::schema`).
    pub exact: KeyBytes,
}

/// Asks the store which of these different keys of one table it has, and gives one answer for each.
pub type Ask<'a> = &'a mut dyn FnMut(&Key, &[&RowKey<'_>]) -> Result<Vec<bool>>;

/// What was decided about the records of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupResult {
    /// One for each record.
    pub decisions: Vec<Decision>,
    /// The keys of rows that are stored, each once.
    pub claimed: Vec<KeyBytes>,
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

    /// The keys that the records' rows would claim, as SQL Server compares them.
    pub fn keys_of(&self, records: &[&TypedRecord]) -> Vec<KeyBytes> {
        let all_stored = vec![Decision::Store { left_out: Vec::new() }; records.len()];
        let keys = self.application.iter().chain(&self.contacts);
        let rows = keys.flat_map(|key| rows_with(records, key, &all_stored));
        rows.map(|row| row.folded.unwrap_or(row.wanted.exact)).collect()
    }

    /// Decides about records in the order given. Of two that claim a key the first has it; a
    /// duplicate claims nothing.
    ///
    /// With `at_once`, all keys of a table that may matter are asked about together; without, one
    /// at a time, and only those that no earlier row has claimed. The decisions are the same.
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
        // Applications first, for all records: the contacts of a duplicate need no answer.
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

/// Answers for one transaction.
pub struct KeyLookup<'a> {
    /// The transaction's connection.
    pub connection: &'a mut dyn Connection,
    /// What the worker knows already, and how it asks.
    pub cache: &'a WorkerCache,
    /// Ask the store about what the cache knows, too.
    pub doubt: bool,
    /// Counts the queries.
    pub metrics: &'a mut Metrics,
    /// Gets the keys that the store has, and that a cache could have answered for.
    pub found: &'a mut Vec<KeyBytes>,
}

impl KeyLookup<'_> {
    /// Which of these different keys of one table are stored, one answer for each.
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

    /// Where the store and the cache disagree, the store is right.
    fn learn(&mut self, key: &KeyBytes, known: CacheLookup, is_stored: bool) {
        match (known, is_stored) {
            (CacheLookup::Unverified, false) => self.cache.contradict(key),
            (CacheLookup::Miss, true) if self.cache.keeps() => self.found.push(key.clone()),
            _ => {}
        }
    }
}

/// A row that has a key: where it is, and what it wants.
struct KeyedRow<'a> {
    record: usize,
    table: usize,
    row: usize,
    wanted: RowKey<'a>,
    /// The key as SQL Server compares it, where that differs from `exact`.
    folded: Option<KeyBytes>,
}

/// Keys that rows of the batch have claimed, before the store that is asked about all others.
struct ClaimedKeys<'a> {
    at_once: bool,
    ask: Ask<'a>,
    /// As SQL Server compares them.
    taken: FxHashSet<KeyBytes>,
    /// As they are.
    claimed: Vec<KeyBytes>,
}

impl ClaimedKeys<'_> {
    /// Claims the keys of a table's rows in their order, and gives back the rows whose key is taken.
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

    /// Those of the rows' keys that the store has.
    fn stored(&mut self, key: &Key, rows: &[KeyedRow<'_>]) -> Result<FxHashSet<KeyBytes>> {
        let mut seen = FxHashSet::default();
        let wanted: Vec<_> =
            rows.iter().map(|row| &row.wanted).filter(|w| seen.insert(&w.exact)).collect();
        let answers = (self.ask)(key, &wanted)?;
        let stored = wanted.iter().zip(answers).filter(|(_, is_stored)| *is_stored);
        Ok(stored.map(|(wanted, _)| wanted.exact.clone()).collect())
    }
}

/// The rows of the key's table, of all records that are no duplicates. With a null there is no key.
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

/// How a key's texts are written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// As they are.
    Exact,
    /// As SQL Server compares them: without regard to case and to blanks at their end.
    Folded,
}

/// A key as bytes; different keys have different ones.
fn bytes(table: usize, values: &[&SqlValue], spelling: Spelling) -> KeyBytes {
    let mut bytes = KeyBytes::new();
    push_number(&mut bytes, table as u64);
    for value in values {
        match (value, spelling) {
            (SqlValue::Int(number), _) => {
                bytes.push(b'i');
                // Zigzag: small numbers are short whatever their sign.
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

/// LEB128: seven bits a byte, the last byte below 128.
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
    fn the_keys_of_contacts_need_no_memory_of_their_own() {
        let longest = [int(i32::MAX.into()), int(i16::MIN.into())];
        assert!(!bytes(127, &longest.each_ref(), Spelling::Exact).spilled());
    }
}
