//! A store in memory: one writer at a time, transactions, keys and references. It waits with the
//! migrator's own locks, so that a test scheduler controls the order.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use migrator::config::InsertMethod;
use migrator::contract::catalogue::SqlType;
use migrator::error::{Error, ErrorKind, Result};
use migrator::record::SqlValue;
use migrator::store::schema::Tables;
use migrator::store::{
    Connection, InsertOutcome, Key, Range, Role, Rule, Setup, Store, StoredValue, Violation,
    canonical,
};
use migrator::telemetry::report::{Connections, StoreInfo};
use migrator::util::sync::{Condvar, Mutex, MutexGuard};

/// Rows by table.
type Rows = Vec<Vec<Box<[SqlValue]>>>;

/// A store that exists for one test.
pub(crate) struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    tables: Tables,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    committed: Rows,
    /// True while a writer holds the store.
    taken: bool,
    /// Number of open writers, and the highest number so far.
    writers: (u64, u64),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    pub(crate) fn new(tables: Tables) -> Self {
        let committed = tables.all().iter().map(|table| table.rows.clone()).collect();
        let state = Mutex::new(State { committed, taken: false, writers: (0, 0) });
        Self { shared: Arc::new(Shared { tables, state, changed: Condvar::new() }) }
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, table: usize) -> Vec<Box<[SqlValue]>> {
        self.shared.state().committed[table].clone()
    }
}

impl Store for MemoryStore {
    fn info(&self) -> StoreInfo {
        StoreInfo { kind: "memory".to_owned(), version: "1".to_owned() }
    }
    fn tables(&self) -> &Tables {
        &self.shared.tables
    }
    fn create_missing(&self) -> Result<Setup> {
        Ok(Setup { log_has_key: true })
    }
    fn connect(&self, role: Role) -> Result<Box<dyn Connection>> {
        let counted = role == Role::Writer;
        if counted {
            let (open, peak) = &mut self.shared.state().writers;
            *open += 1;
            *peak = (*peak).max(*open);
        }
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(MemoryConnection { shared, work: None, marked: None, counted }))
    }
    fn connections(&self) -> BTreeMap<String, Connections> {
        let (left_open, peak) = self.shared.state().writers;
        let writer = Connections { left_open, peak, ..Connections::default() };
        BTreeMap::from([(Role::Writer.name().to_owned(), writer)])
    }
}

struct MemoryConnection {
    shared: Arc<Shared>,
    /// Rows as the transaction sees them.
    work: Option<Rows>,
    marked: Option<Rows>,
    counted: bool,
}

fn no_transaction() -> Error {
    Error::new(ErrorKind::Environment, "no transaction")
}

impl MemoryConnection {
    fn rows<T>(&self, look: impl FnOnce(&Rows) -> T) -> T {
        match &self.work {
            Some(work) => look(work),
            None => look(&self.shared.state().committed),
        }
    }

    fn work(&mut self) -> Result<&mut Rows> {
        self.work.as_mut().ok_or_else(no_transaction)
    }

    /// Commits the transaction if `keep`, else rolls it back.
    fn end(&mut self, keep: bool) {
        let Some(work) = self.work.take() else { return };
        self.marked = None;
        let mut state = self.shared.state();
        if keep {
            state.committed = work;
        }
        state.taken = false;
        self.shared.changed.notify_all();
    }

    /// The constraint that a row violates.
    fn violation(&self, table: usize, row: &[SqlValue]) -> Option<Violation> {
        let of = &self.shared.tables.all()[table];
        let refuse = |rule, columns: &[usize]| {
            let columns = columns.iter().map(|&column| of.columns[column].name.clone()).collect();
            let message = "refused".to_owned();
            Some(Violation { rule, columns, message, ended_transaction: false })
        };
        let null = |column: &usize| row[*column] == SqlValue::Null;
        for key in std::iter::once(&of.primary_key).chain(&of.unique) {
            let same = |other: &[SqlValue]| key.iter().all(|&at| other[at] == row[at]);
            if !key.iter().any(null) && self.rows(|rows| rows[table].iter().any(|r| same(r))) {
                return refuse(Rule::Key, key);
            }
        }
        for key in &of.foreign_keys {
            let wanted: Vec<_> = key.columns.iter().map(|&at| &row[at]).collect();
            let is_parent = |parent: &[SqlValue]| {
                key.referenced_columns.iter().zip(&wanted).all(|(&at, v)| parent[at] == **v)
            };
            let found = self.rows(|rows| rows[key.references].iter().any(|r| is_parent(r)));
            if !key.columns.iter().any(null) && !found {
                return refuse(Rule::Reference, &key.columns);
            }
        }
        None
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.end(false);
        if self.counted {
            self.shared.state().writers.0 -= 1;
        }
    }
}

impl Connection for MemoryConnection {
    fn begin(&mut self) -> Result<()> {
        let mut state = self.shared.state();
        while state.taken {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.taken = true;
        self.work = Some(state.committed.clone());
        Ok(())
    }
    fn savepoint(&mut self) -> Result<()> {
        self.marked = Some(self.work()?.clone());
        Ok(())
    }
    fn rollback_to_savepoint(&mut self) -> Result<()> {
        *self.work()? = self.marked.clone().ok_or_else(no_transaction)?;
        Ok(())
    }
    fn commit(&mut self) -> Result<()> {
        self.work()?;
        self.end(true);
        Ok(())
    }
    fn rollback(&mut self) -> Result<()> {
        self.end(false);
        Ok(())
    }
    fn contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        let has = |rows: &Rows, values: &[&SqlValue]| {
            let same =
                |row: &[SqlValue]| key.columns.iter().zip(values).all(|(&c, v)| row[c] == **v);
            rows[key.table].iter().any(|row| same(row))
        };
        Ok(self.rows(|rows| keys.iter().map(|values| has(rows, values)).collect()))
    }
    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        _: InsertMethod,
    ) -> Result<InsertOutcome> {
        for row in rows {
            let mut row: Box<[SqlValue]> = (*row).into();
            let of = &self.shared.tables.all()[table];
            if let Some(at) = of.columns.iter().position(|column| column.identity)
                && row[at] == SqlValue::Null
            {
                let next = self.rows(|rows| rows[table].len()) as u64 + 1;
                row[at] = SqlValue::Int(next.cast_signed());
            }
            if let Some(violation) = self.violation(table, &row) {
                return Ok(InsertOutcome::Refused(violation));
            }
            self.work()?[table].push(row);
        }
        Ok(InsertOutcome::Stored { statements: 1 })
    }
    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64> {
        let rows = &mut self.work()?[key.table];
        let before = rows.len();
        rows.retain(|row| !key.columns.iter().zip(values).all(|(&c, v)| row[c] == **v));
        Ok((before - rows.len()) as u64)
    }
    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
    ) -> Result<()> {
        let in_range = |row: &[SqlValue]| match (range, range.map(|range| &row[range.column])) {
            (Some(range), Some(SqlValue::Int(value))) => (range.first..=range.last).contains(value),
            _ => true,
        };
        let all = self.rows(|rows| rows[table].clone());
        if columns.is_empty() {
            let rows = all.iter().filter(|row| in_range(row)).count() as u64;
            return each(&[StoredValue::Int(rows.cast_signed())]);
        }
        let types: Vec<_> = columns
            .iter()
            .map(|&at| self.shared.tables.all()[table].columns[at].sql_type)
            .collect();
        for row in all.iter().filter(|row| in_range(row)) {
            let texts: Vec<_> = columns
                .iter()
                .zip(&types)
                .map(|(&at, sql_type)| text(&row[at], *sql_type))
                .collect();
            let values: Vec<_> = columns
                .iter()
                .zip(&texts)
                .map(|(&at, text)| match &row[at] {
                    SqlValue::Null => StoredValue::Null,
                    SqlValue::Bit(bit) => StoredValue::Int((*bit).into()),
                    SqlValue::Int(number) => StoredValue::Int(*number),
                    SqlValue::Float(number) => StoredValue::Float(*number),
                    _ => StoredValue::Text(text),
                })
                .collect();
            each(&values)?;
        }
        Ok(())
    }
}

/// The canonical text of a value.
fn text(value: &SqlValue, sql_type: SqlType) -> String {
    let mut out = String::new();
    match value {
        SqlValue::Decimal { units, scale } => canonical::push_decimal(&mut out, *units, *scale),
        SqlValue::Date(date) => canonical::push_date(&mut out, *date),
        SqlValue::DateTime(time) => {
            canonical::push_date_time(&mut out, *time, canonical::fraction_digits(sql_type));
        }
        SqlValue::Text(text) => out.push_str(text),
        _ => {}
    }
    out
}
