//! A connection to the store: the trait's calls as statements, and the meaning of their errors.

use std::sync::{Arc, OnceLock};

use tiberius::error::Error as WireError;
use tiberius::{ColumnData, TokenRow};

use crate::config::InsertMethod;
use crate::contract::catalogue::{SqlType, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::record::SqlValue;

use super::super::schema::Tables;
use super::super::statement_layout::{BULK_ROWS_MAX, StatementLayout, statements};
use super::super::{
    Connection, ConnectionCounts, InsertOutcome, Key, OpenConnection, Range, Role, Rule,
    StoredValue, Violation,
};
use super::server_stats::ServerStats;
use super::value::{DecodedValue, decode, whole};
use super::wire::{Login, QueryError, Wire};
use super::{error_codes, sql, value};

/// State shared by the connections of a store.
pub struct ServerContext {
    login: Login,
    /// Schema of all tables.
    pub schema: String,
    /// Tables of the store.
    pub tables: Tables,
    plans: Vec<InsertPlan>,
    /// Connections by role.
    pub(super) counts: Arc<ConnectionCounts>,
    /// Counters of the server.
    pub stats: ServerStats,
    version: OnceLock<String>,
}

/// Properties of a table that decide how its rows are sent.
struct InsertPlan {
    /// Schema and name of the table.
    target: String,
    layout: StatementLayout,
    /// True if bulk loads declare all columns with their own types.
    takes_bulk: bool,
}

impl InsertPlan {
    fn new(schema: &str, table: &Table) -> Self {
        let mut inserted = table.columns.iter().filter(|column| column.computed.is_none());
        Self {
            target: sql::qualified(schema, &table.name),
            layout: StatementLayout::of(table),
            takes_bulk: inserted.all(value::is_declared_right_in_bulk),
        }
    }
}

impl ServerContext {
    /// Context of the connections to one server.
    pub fn new(login: Login, schema: String, tables: Tables) -> Self {
        let plans = tables.all().iter().map(|table| InsertPlan::new(&schema, table)).collect();
        Self {
            login,
            schema,
            tables,
            plans,
            counts: Arc::default(),
            stats: ServerStats::default(),
            version: OnceLock::new(),
        }
    }

    /// First line of the server's version text. Empty before the first connection.
    pub fn version(&self) -> String {
        self.version.get().cloned().unwrap_or_default()
    }

    /// An error for a failed operation, with the kind that callers decide by.
    pub fn failure(&self, doing: &str, error: &WireError) -> Error {
        let Self { login: Login { url, .. }, schema, .. } = self;
        let message =
            format!("store {url}, schema {schema}: {doing}: {}", error_codes::words(error));
        Error::new(error_codes::kind(error), message)
    }
}

/// One connection to the server.
pub struct MssqlConnection {
    wire: Wire,
    /// True between a successful begin and the end of the transaction.
    in_transaction: bool,
    role: Role,
    _open: OpenConnection,
    context: Arc<ServerContext>,
}

impl MssqlConnection {
    /// Connects, logs in and sets the session's options.
    pub fn open(context: &Arc<ServerContext>, role: Role) -> Result<Self> {
        let failure = |error| context.failure("connect", &error);
        let mut wire = Wire::open(&context.login).map_err(failure)?;
        let lock_timeout_ms = context.login.url.lock_timeout().as_millis();
        wire.batch(&sql::session(lock_timeout_ms)).map_err(failure)?;
        if context.version.get().is_none() {
            let version = version(&mut wire).map_err(failure)?;
            // Another connection may have set it first.
            let _ = context.version.set(version);
        }
        let open = context.counts.open(role);
        let context = Arc::clone(context);
        Ok(Self { wire, in_transaction: false, role, _open: open, context })
    }

    /// The TDS connection.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Context shared with the store's other connections.
    pub fn context(&self) -> &Arc<ServerContext> {
        &self.context
    }

    /// Sends a text without parameters.
    pub fn batch(&mut self, text: &str, doing: &str) -> Result<()> {
        self.wire.batch(text).map_err(|error| self.context.failure(doing, &error))
    }

    /// Passes the rows of a query to `each`.
    pub fn query(
        &mut self,
        text: &str,
        parameters: Vec<ColumnData<'_>>,
        doing: &str,
        each: &mut dyn FnMut(&[ColumnData<'static>]) -> Result<()>,
    ) -> Result<()> {
        self.wire.query(text, parameters, each).map_err(|stopped| match stopped {
            QueryError::Wire(error) => self.context.failure(doing, &error),
            QueryError::Consumer(error) => error,
        })
    }

    fn insert_alike(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        let context = Arc::clone(&self.context);
        let (of, plan) = (&context.tables.all()[table], &context.plans[table]);
        let gives_identity = plan.layout.gives_identity(rows[0]);
        let insert = TableInsert { table: of, plan, columns: plan.layout.named(gives_identity) };
        if method == InsertMethod::Values || !plan.takes_bulk {
            return self.insert_values(&insert, rows, gives_identity);
        }
        let (short, long): (Vec<_>, Vec<_>) = rows.iter().partition(|row| insert.fits_bulk(row));
        let loaded = self.insert_bulk(&insert, &short)?;
        if let InsertOutcome::Refused(_) = loaded {
            return Ok(loaded);
        }
        InsertOutcome::all([Ok(loaded), self.insert_values(&insert, &long, gives_identity)])
    }

    /// Inserts rows as parameters. `IDENTITY_INSERT` belongs to the session, so it is switched off
    /// again after every outcome.
    fn insert_values(
        &mut self,
        insert: &TableInsert<'_>,
        rows: &[&[SqlValue]],
        gives_identity: bool,
    ) -> Result<InsertOutcome> {
        if rows.is_empty() {
            return Ok(InsertOutcome::Stored { statements: 0 });
        }
        let target = &insert.plan.target;
        if gives_identity {
            self.batch(&sql::identity_insert(target, true), "switch IDENTITY_INSERT on")?;
        }
        let inserted =
            self.send_statements(insert, rows, insert.plan.layout.rows_max(gives_identity));
        if gives_identity && self.wire.is_clean() {
            let off =
                self.batch(&sql::identity_insert(target, false), "switch IDENTITY_INSERT off");
            return inserted.and_then(|inserted| off.map(|()| inserted));
        }
        inserted
    }

    fn send_statements(
        &mut self,
        insert: &TableInsert<'_>,
        rows: &[&[SqlValue]],
        rows_max: usize,
    ) -> Result<InsertOutcome> {
        InsertOutcome::all(statements(rows, rows_max).map(|rows| {
            let parameters = match insert.values(rows, value::parameter) {
                Ok(parameters) => parameters,
                Err(violation) => return Ok(InsertOutcome::Refused(violation)),
            };
            let text = sql::insert(&insert.plan.target, insert.table, &insert.columns, rows.len());
            match self.wire.execute(&text, parameters) {
                Ok(_) => Ok(InsertOutcome::Stored { statements: 1 }),
                Err(error) => self.refused(insert.table, &error),
            }
        }))
    }

    fn insert_bulk(
        &mut self,
        insert: &TableInsert<'_>,
        rows: &[&[SqlValue]],
    ) -> Result<InsertOutcome> {
        let names: Vec<_> = insert
            .columns
            .iter()
            .map(|&place| sql::quoted(&insert.table.columns[place].name))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        InsertOutcome::all(rows.chunks(BULK_ROWS_MAX).map(|rows| {
            if let Some(violation) = rows.iter().find_map(|row| insert.null_in(row)) {
                return Ok(InsertOutcome::Refused(violation));
            }
            let values = match insert.values(rows, value::bulk_value) {
                Ok(values) => values,
                Err(violation) => return Ok(InsertOutcome::Refused(violation)),
            };
            let rows = token_rows(values, insert.columns.len());
            match self.wire.bulk(&insert.plan.target, &names, rows) {
                Ok(()) => Ok(InsertOutcome::Stored { statements: 1 }),
                Err(error) => self.refused(insert.table, &error),
            }
        }))
    }

    /// Outcome of a failed INSERT: a rejected row, if the connection is usable and the error may be
    /// about a row.
    fn refused(&mut self, table: &Table, error: &WireError) -> Result<InsertOutcome> {
        match error_codes::violation(error, table) {
            Some(mut violation) if self.wire.is_clean() => {
                violation.ended_transaction = self.has_lost_transaction();
                Ok(InsertOutcome::Refused(violation))
            }
            _ => Err(self.context.failure(&format!("insert into {}", table.name), error)),
        }
    }

    /// True if the error has ended the transaction. Rolls back what is left of it.
    fn has_lost_transaction(&mut self) -> bool {
        if !self.in_transaction {
            return false;
        }
        let state = match self.wire.batch_row(sql::TRANSACTION_STATE) {
            Ok(state) => state,
            // A server without `XACT_STATE` still has `@@TRANCOUNT`.
            Err(_) => self.wire.batch_row(sql::TRANSACTION_COUNT).unwrap_or_default(),
        };
        let numbers: Vec<_> =
            state.unwrap_or_default().iter().map(|data| whole(data).flatten()).collect();
        if matches!(numbers[..], [Some(1..), None | Some(1..)] | [Some(1..)]) {
            return false;
        }
        // If this fails too, the connection is not clean, and the next call reports it.
        if self.wire.batch(sql::ROLLBACK).is_ok() {
            self.in_transaction = false;
        }
        true
    }

    fn one_exists(&mut self, key: &Key, values: &[&SqlValue]) -> Result<bool> {
        let context = Arc::clone(&self.context);
        let (table, plan) = (&context.tables.all()[key.table], &context.plans[key.table]);
        let Some(parameters) = key_parameters(table, key, values) else { return Ok(false) };
        let row = self.wire.row(&sql::exists(&plan.target, table, key), parameters);
        row.map(|row| row.is_some()).map_err(|error| context.failure("look up a key", &error))
    }

    fn many_exist(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        let context = Arc::clone(&self.context);
        let (table, plan) = (&context.tables.all()[key.table], &context.plans[key.table]);
        let nulls = vec![&SqlValue::Null; key.columns.len()];
        let places = sql::keys_next(keys.len(), key.per_statement());
        let mut parameters = Vec::with_capacity(places * key.columns.len());
        for place in 0..places {
            // A value of another type matches no key, and neither does null.
            let values = keys.get(place).or(keys.last()).copied().unwrap_or(&nulls);
            let values = key_parameters(table, key, values)
                .or_else(|| key_parameters(table, key, &nulls))
                .unwrap_or_default();
            parameters.extend(values);
        }
        let text = sql::which_exist(&plan.target, table, key, places);
        let mut answers = vec![false; keys.len()];
        self.query(&text, parameters, "look up keys", &mut |row| {
            let number = row.first().and_then(|data| whole(data).flatten());
            let number = number.and_then(|number| usize::try_from(number).ok());
            if let Some(answer) = number.and_then(|number| answers.get_mut(number)) {
                *answer = true;
            }
            Ok(())
        })?;
        Ok(answers)
    }
}

impl Connection for MssqlConnection {
    fn begin(&mut self) -> Result<()> {
        self.wire.begin().map_err(|error| self.context.failure("begin", &error))?;
        self.in_transaction = true;
        Ok(())
    }

    fn savepoint(&mut self) -> Result<()> {
        self.batch(sql::SAVEPOINT, "savepoint")
    }

    fn rollback_to_savepoint(&mut self) -> Result<()> {
        self.batch(sql::ROLLBACK_TO_SAVEPOINT, "roll back to savepoint")
    }

    fn commit(&mut self) -> Result<()> {
        self.wire.commit().map_err(|error| self.context.failure("commit", &error))?;
        self.in_transaction = false;
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        if self.in_transaction {
            self.batch(sql::ROLLBACK, "roll back")?;
            self.in_transaction = false;
        }
        Ok(())
    }

    fn contains_keys(&mut self, key: &Key, keys: &[&[&SqlValue]]) -> Result<Vec<bool>> {
        match keys {
            [] => Ok(Vec::new()),
            [only] => self.one_exists(key, only).map(|exists| vec![exists]),
            _ => self.many_exist(key, keys),
        }
    }

    fn insert(
        &mut self,
        table: usize,
        rows: &[&[SqlValue]],
        method: InsertMethod,
    ) -> Result<InsertOutcome> {
        let context = Arc::clone(&self.context);
        let layout = &context.plans[table].layout;
        let alike = rows.chunk_by(|a, b| layout.gives_identity(a) == layout.gives_identity(b));
        InsertOutcome::all(alike.map(|alike| self.insert_alike(table, alike, method)))
    }

    fn delete(&mut self, key: &Key, values: &[&SqlValue]) -> Result<u64> {
        let context = Arc::clone(&self.context);
        let (table, plan) = (&context.tables.all()[key.table], &context.plans[key.table]);
        let Some(parameters) = key_parameters(table, key, values) else { return Ok(0) };
        let deleted = self.wire.execute(&sql::delete(&plan.target, table, key), parameters);
        deleted.map_err(|error| context.failure("delete", &error))
    }

    fn scan(
        &mut self,
        table: usize,
        columns: &[usize],
        range: Option<Range>,
        each: &mut dyn FnMut(&[StoredValue<'_>]) -> Result<()>,
    ) -> Result<()> {
        let context = Arc::clone(&self.context);
        let (of, plan) = (&context.tables.all()[table], &context.plans[table]);
        let doing = format!("read {}", of.name);
        let parameters = range.map_or_else(Vec::new, |range| {
            vec![ColumnData::I64(Some(range.first)), ColumnData::I64(Some(range.last))]
        });
        let types: Vec<_> = match columns {
            [] => vec![SqlType::BigInt],
            columns => columns.iter().map(|&column| of.columns[column].sql_type).collect(),
        };
        self.query(&sql::scan(&plan.target, of, columns, range), parameters, &doing, &mut |row| {
            let values: std::result::Result<Vec<DecodedValue<'_>>, String> =
                types.iter().zip(row).map(|(&sql_type, data)| decode(data, sql_type)).collect();
            let values = values
                .map_err(|fault| Error::new(ErrorKind::Environment, format!("{doing}: {fault}")))?;
            each(&values.iter().map(DecodedValue::stored).collect::<Vec<_>>())
        })
    }
}

impl Drop for MssqlConnection {
    fn drop(&mut self) {
        if self.role == Role::Writer && !self.in_transaction && self.wire.is_clean() {
            self.context.stats.add_session(&mut self.wire);
        }
    }
}

/// An insert into one table that names these columns.
struct TableInsert<'a> {
    table: &'a Table,
    plan: &'a InsertPlan,
    columns: Vec<usize>,
}

impl TableInsert<'_> {
    /// Values of these rows in row order, converted by `form`.
    ///
    /// # Errors
    ///
    /// The first value that does not have its column's type.
    fn values<'r>(
        &self,
        rows: &[&'r [SqlValue]],
        form: fn(&'r SqlValue, SqlType) -> Option<ColumnData<'r>>,
    ) -> std::result::Result<Vec<ColumnData<'r>>, Violation> {
        let mut values = Vec::with_capacity(rows.len() * self.columns.len());
        for row in rows {
            for &place in &self.columns {
                let column = &self.table.columns[place];
                match form(&row[place], column.sql_type) {
                    Some(value) => values.push(value),
                    None => {
                        return Err(self.violation(
                            Rule::Other,
                            place,
                            "it does not have this type",
                        ));
                    }
                }
            }
        }
        Ok(values)
    }

    /// First null in a column that does not allow it. A bulk load cannot even transmit it.
    fn null_in(&self, row: &[SqlValue]) -> Option<Violation> {
        let refused = |place: &&usize| {
            row[**place] == SqlValue::Null && !self.table.columns[**place].nullable
        };
        let place = self.columns.iter().find(refused)?;
        Some(self.violation(Rule::NotNull, *place, "null is not allowed"))
    }

    fn fits_bulk(&self, row: &[SqlValue]) -> bool {
        let fits =
            |&place: &usize| value::fits_bulk(&row[place], self.table.columns[place].sql_type);
        self.columns.iter().all(fits)
    }

    fn violation(&self, rule: Rule, place: usize, words: &str) -> Violation {
        let column = &self.table.columns[place];
        let message = format!("a value for {} ({}): {words}", column.name, column.sql_type);
        Violation { rule, columns: vec![column.name.clone()], message, ended_transaction: false }
    }
}

/// Values of a key as parameters. `None` if one does not have its column's type.
fn key_parameters<'v>(
    table: &Table,
    key: &Key,
    values: &[&'v SqlValue],
) -> Option<Vec<ColumnData<'v>>> {
    let columns = key.columns.iter().map(|&column| table.columns[column].sql_type);
    columns.zip(values).map(|(sql_type, value)| value::parameter(value, sql_type)).collect()
}

/// Splits values into rows of `columns` values.
fn token_rows(values: Vec<ColumnData<'_>>, columns: usize) -> impl Iterator<Item = TokenRow<'_>> {
    let mut values = values.into_iter().peekable();
    std::iter::from_fn(move || {
        values.peek()?;
        let mut row = TokenRow::with_capacity(columns);
        values.by_ref().take(columns).for_each(|value| row.push(value));
        Some(row)
    })
}

/// First line of the server's version text.
fn version(wire: &mut Wire) -> std::result::Result<String, WireError> {
    let row = wire.batch_row(sql::VERSION)?.unwrap_or_default();
    let Some(ColumnData::String(Some(text))) = row.first() else { return Ok(String::new()) };
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
