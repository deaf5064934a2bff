//! One session: its options, its transaction, and the execution of batches and calls.

use std::sync::{Arc, PoisonError};

use rusqlite::Connection;

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::Type;
use crate::data::values::Datum;
use crate::engine::bulk::BulkTarget;
use crate::engine::catalog::Catalog;
use crate::engine::database::{Database, Writing};
use crate::engine::functions::{from_sqlite, to_sqlite, unpacked};
use crate::engine::plan::{NO_SCOPE, Planner, QueryPlan, SessionFacts, TypedSql, Variables};
use crate::engine::views::Views;
use crate::protocol::tokens::{Answer, OutColumn};
use crate::sql::ast::{Expr, Item, Query, Set, SetValue, Statement};
use crate::sql::parser::parse_declarations;

/// Engine to imitate where engines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// Microsoft SQL Server 2022.
    #[default]
    SqlServer,
    /// Babelfish for `PostgreSQL`. A bulk error rolls the whole transaction back. Bulk loads never
    /// check foreign keys. Errors 102, 207, 208 and 8115 have the number 33557097.
    Babelfish,
}

pub(crate) struct Session {
    pub(crate) database: Arc<Database>,
    pub(crate) sqlite: Connection,
    pub(crate) engine: Engine,
    pub(crate) facts: SessionFacts,
    pub(crate) variables: Variables,
    /// The catalogue of a transaction that writes.
    own_catalog: Option<Arc<Catalog>>,
    writing: Option<Writing>,
    descriptor: u64,
    next_descriptor: u64,
    savepoints: Vec<Savepoint>,
    xact_abort: bool,
    pub(crate) no_count: bool,
    pub(crate) identity_insert: Option<i64>,
    pub(crate) bulk: Option<BulkTarget>,
    depth: usize,
}

struct Savepoint {
    name: String,
    /// The catalogue at the savepoint; `None` if there were no changes yet.
    catalog: Option<Arc<Catalog>>,
}

/// Continuation of a batch after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Stop,
}

impl Session {
    pub(crate) fn new(database: Arc<Database>, engine: Engine, facts: SessionFacts) -> Self {
        let sqlite = database.connect();
        let spid = u64::try_from(facts.spid).unwrap_or(0);
        Self {
            database,
            sqlite,
            engine,
            facts,
            variables: Variables::new(),
            own_catalog: None,
            writing: None,
            descriptor: 0,
            next_descriptor: spid << 32,
            savepoints: Vec::new(),
            xact_abort: false,
            no_count: false,
            identity_insert: None,
            bulk: None,
            depth: 0,
        }
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.own_catalog.clone().unwrap_or_else(|| self.database.catalog())
    }

    pub(crate) fn catalog_mut(&mut self) -> Sql<&mut Catalog> {
        let own = self.own_catalog.as_mut();
        own.map(Arc::make_mut).ok_or_else(|| SqlError::inside("no writing transaction"))
    }

    pub(crate) fn descriptor(&self) -> u64 {
        self.descriptor
    }

    pub(crate) fn begin(&mut self, answer: &mut Answer) {
        self.facts.trancount += 1;
        if self.facts.trancount == 1 {
            self.next_descriptor += 1;
            self.descriptor = self.next_descriptor;
            self.facts.xact_state = 1;
            answer.change_bytes(8, &self.descriptor.to_le_bytes(), &[]);
        }
    }

    pub(crate) fn commit(&mut self, answer: &mut Answer) -> Sql<()> {
        if self.facts.trancount == 0 {
            let message = "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.";
            return Err(SqlError::new(3902, 16, Effect::Statement, message));
        }
        self.facts.trancount -= 1;
        if self.facts.trancount == 0 {
            self.end(true)?;
            answer.change_bytes(9, &[], &self.descriptor.to_le_bytes());
            self.ended();
        }
        Ok(())
    }

    pub(crate) fn rollback(&mut self, answer: &mut Answer) -> Sql<()> {
        if self.facts.trancount == 0 {
            let message =
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.";
            return Err(SqlError::new(3903, 16, Effect::Statement, message));
        }
        self.end(false)?;
        answer.change_bytes(10, &[], &self.descriptor.to_le_bytes());
        self.ended();
        Ok(())
    }

    fn ended(&mut self) {
        self.facts.trancount = 0;
        self.facts.xact_state = 0;
        self.descriptor = 0;
        self.savepoints.clear();
    }

    fn end(&mut self, keep: bool) -> Sql<()> {
        if self.writing.is_none() {
            return Ok(());
        }
        let catalog = self.own_catalog.take();
        if keep {
            self.sqlite("COMMIT")?;
            if let Some(catalog) = catalog {
                self.database.publish(&catalog);
            }
        } else {
            self.sqlite("ROLLBACK")?;
        }
        self.writing = None;
        Ok(())
    }

    pub(crate) fn save(&mut self, name: &str) -> Sql<()> {
        if self.facts.trancount == 0 {
            let message = "Cannot issue SAVE TRANSACTION when there is no active transaction.";
            return Err(SqlError::new(628, 16, Effect::Statement, message));
        }
        if self.writing.is_some() {
            self.sqlite(&format!("SAVEPOINT p{}", self.savepoints.len()))?;
        }
        let catalog = self.own_catalog.clone();
        self.savepoints.push(Savepoint { name: name.to_lowercase(), catalog });
        Ok(())
    }

    pub(crate) fn back_to(&mut self, name: &str) -> Sql<()> {
        let place =
            self.savepoints.iter().rposition(|savepoint| savepoint.name == name.to_lowercase());
        let message =
            format!("Cannot roll back {name}. No transaction or savepoint of that name was found.");
        let place = place.ok_or_else(|| SqlError::new(6401, 16, Effect::Statement, message))?;
        if self.writing.is_some() {
            self.sqlite(&format!("ROLLBACK TO p{place}"))?;
            if let Some(catalog) = &self.savepoints[place].catalog {
                self.own_catalog = Some(Arc::clone(catalog));
            }
        }
        self.savepoints.truncate(place + 1);
        Ok(())
    }

    fn need_writing(&mut self) -> Sql<()> {
        if self.writing.is_some() {
            return Ok(());
        }
        let writing = self.database.write(self.facts.lock_timeout)?;
        self.sqlite("BEGIN IMMEDIATE")?;
        self.writing = Some(writing);
        let catalog = self.database.catalog();
        for place in 0..self.savepoints.len() {
            self.sqlite(&format!("SAVEPOINT p{place}"))?;
            self.savepoints[place].catalog = Some(Arc::clone(&catalog));
        }
        self.own_catalog = Some(catalog);
        Ok(())
    }

    /// Runs a change atomically: all of it, or on an error none.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Self) -> Sql<T>) -> Sql<T> {
        self.need_writing()?;
        let before = self.own_catalog.clone();
        self.sqlite("SAVEPOINT statement")?;
        let outcome = change(self);
        if outcome.is_err() {
            self.sqlite("ROLLBACK TO statement")?;
            self.own_catalog = before;
        }
        self.sqlite("RELEASE statement")?;
        if self.facts.trancount == 0 {
            self.end(outcome.is_ok())?;
        }
        outcome
    }

    // Runs `SQLite` statements on the stored rows.

    pub(crate) fn sqlite(&self, text: &str) -> Sql<()> {
        self.sqlite.execute_batch(text).map_err(|error| unpacked(&error))
    }

    pub(crate) fn rows(&self, sql: &str, binds: &[Datum]) -> Sql<Vec<Vec<Datum>>> {
        let fetch = || -> rusqlite::Result<Vec<Vec<Datum>>> {
            let mut statement = self.sqlite.prepare_cached(sql)?;
            for (place, value) in binds.iter().enumerate() {
                statement.raw_bind_parameter(place + 1, to_sqlite(value))?;
            }
            let width = statement.column_count();
            let mut rows = statement.raw_query();
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let values: rusqlite::Result<Vec<_>> =
                    (0..width).map(|at| row.get_ref(at).map(from_sqlite)).collect();
                all.push(values?);
            }
            Ok(all)
        };
        fetch().map_err(|error| unpacked(&error))
    }

    /// Plans with everything that this session knows, and returns the parameters too.
    pub(crate) fn plan<T>(
        &self,
        plan: impl FnOnce(&mut Planner<'_>) -> Sql<T>,
    ) -> Sql<(T, Vec<Datum>)> {
        let catalog = self.catalog();
        let views: Views =
            self.database.views.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut planner = Planner::new(&catalog, &views, &self.variables, &self.facts);
        let planned = plan(&mut planner)?;
        Ok((planned, planner.binds))
    }

    pub(crate) fn query(&self, query: &Query) -> Sql<(Vec<OutColumn>, Vec<Vec<Datum>>)> {
        let (QueryPlan { sql, columns }, binds) =
            self.plan(|planner| planner.query(query, &NO_SCOPE))?;
        Ok((columns, self.rows(&sql, &binds)?))
    }

    pub(crate) fn scalar(&self, expr: &Expr) -> Sql<(Datum, Type)> {
        let (typed, binds): (TypedSql, _) = self.plan(|planner| planner.scalar(expr))?;
        let rows = self.rows(&format!("SELECT {}", typed.sql), &binds)?;
        Ok((rows.into_iter().flatten().next().unwrap_or(Datum::Null), typed.of))
    }

    fn holds(&self, condition: &Expr) -> Sql<bool> {
        Ok(matches!(self.scalar(condition)?.0, Datum::Int(number) if number != 0))
    }

    /// Runs a text with its own variables.
    pub(crate) fn batch(&mut self, text: &str, variables: Variables, answer: &mut Answer) -> Flow {
        let outer = std::mem::replace(&mut self.variables, variables);
        let flow = match self.database.parse(text) {
            Ok(statements) => self.run_all(&statements, answer),
            Err(error) => self.fail(error, answer),
        };
        self.variables = outer;
        flow
    }

    /// Runs a call of `sp_executesql`. A changed number of open transactions is error 266.
    pub(crate) fn call(&mut self, text: &str, variables: Variables, answer: &mut Answer) -> Flow {
        let before = self.facts.trancount;
        let flow = self.batch(text, variables, answer);
        let after = self.facts.trancount;
        if flow == Flow::Stop || before == after {
            return flow;
        }
        let message = format!(
            "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT \
             statements. Previous count = {before}, current count = {after}."
        );
        answer.error(&SqlError::new(266, 16, Effect::Statement, message));
        Flow::On
    }

    fn run_all(&mut self, statements: &[Statement], answer: &mut Answer) -> Flow {
        for statement in statements {
            let flow = match self.run(statement, answer) {
                Ok(flow) => flow,
                Err(error) => self.fail(error, answer),
            };
            if flow == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    /// Reports an error and applies its effect to the transaction.
    pub(crate) fn fail(&mut self, mut error: SqlError, answer: &mut Answer) -> Flow {
        if self.engine == Engine::Babelfish && [102, 207, 208, 8115].contains(&error.number) {
            error.number = 33_557_097;
        }
        answer.error(&error);
        let aborts = self.xact_abort && error.effect != Effect::Compile;
        let rolls_back = aborts || matches!(error.effect, Effect::Transaction | Effect::Connection);
        if rolls_back && self.facts.trancount > 0 {
            if let Err(error) = self.rollback(answer) {
                answer.error(&error);
            }
        } else if error.effect == Effect::Statement {
            answer.info(3621, 0, "The statement has been terminated.");
        }
        answer.done_failed();
        if error.effect == Effect::Statement && !aborts { Flow::On } else { Flow::Stop }
    }

    fn run(&mut self, statement: &Statement, answer: &mut Answer) -> Sql<Flow> {
        match statement {
            Statement::Block(statements) => return Ok(self.run_all(statements, answer)),
            Statement::If { condition, then, otherwise } => {
                if self.holds(condition)? {
                    return self.run(then, answer);
                }
                if let Some(otherwise) = otherwise {
                    return self.run(otherwise, answer);
                }
            }
            Statement::Declare(variables) => self.declare(variables)?,
            Statement::SetVariable(name, expr) => self.set_variable(name, expr)?,
            Statement::SetOption(name, value) => self.set_option(name, value)?,
            Statement::Print(expr) => {
                let (value, _) = self.scalar(expr)?;
                answer.info(0, 0, &value.shown());
            }
            Statement::Use(name) => {
                self.use_database(name, answer)?;
            }
            Statement::Throw { number, message } => {
                let (message, _) = self.scalar(message)?;
                return Err(SqlError::new(*number, 16, Effect::Batch, message.shown()));
            }
            Statement::Execute(text) => {
                let (text, _) = self.scalar(text)?;
                return self.nested(&text.shown(), Variables::new(), answer);
            }
            Statement::ExecuteSql { text, declarations, arguments } => {
                let (text, _) = self.scalar(text)?;
                let variables = self.arguments(declarations.as_ref(), arguments)?;
                return self.nested(&text.shown(), variables, answer);
            }
            Statement::Begin => self.begin(answer),
            Statement::Commit => self.commit(answer)?,
            Statement::Rollback(None) => self.rollback(answer)?,
            Statement::Rollback(Some(name)) => self.back_to(name)?,
            Statement::Save(name) => self.save(name)?,
            Statement::Query(query) => return self.answer_query(query, answer).map(|()| Flow::On),
            Statement::InsertBulk { table, columns, options } => {
                self.bulk = Some(BulkTarget::new(self, table, columns, options)?);
            }
            changing => return self.run_change(changing, answer).map(|()| Flow::On),
        }
        answer.done(None);
        Ok(Flow::On)
    }

    fn nested(&mut self, text: &str, variables: Variables, answer: &mut Answer) -> Sql<Flow> {
        if self.depth >= 32 {
            let message =
                "Maximum stored procedure, function, trigger, or view nesting level exceeded.";
            return Err(SqlError::new(217, 16, Effect::Batch, message));
        }
        self.depth += 1;
        let flow = self.call(text, variables, answer);
        self.depth -= 1;
        Ok(flow)
    }

    fn declare(&mut self, variables: &[(String, Type, Option<Expr>)]) -> Sql<()> {
        for (name, of, value) in variables {
            self.variables.insert(name.clone(), (*of, Datum::Null));
            if let Some(value) = value {
                self.set_variable(name, value)?;
            }
        }
        Ok(())
    }

    fn set_variable(&mut self, name: &str, expr: &Expr) -> Sql<()> {
        let (value, from) = self.scalar(expr)?;
        self.assign(name, &value, from)
    }

    fn assign(&mut self, name: &str, value: &Datum, from: Type) -> Sql<()> {
        let message = format!("Must declare the scalar variable \"{name}\".");
        let unknown = || SqlError::new(137, 15, Effect::Compile, message);
        let of = self.variables.get(name).ok_or_else(unknown)?.0;
        let value = crate::data::convert::cut(crate::data::convert::convert(value, from, of)?, of);
        self.variables.insert(name.to_owned(), (of, value));
        Ok(())
    }

    fn arguments(
        &mut self,
        declarations: Option<&Expr>,
        arguments: &[(Option<String>, Expr)],
    ) -> Sql<Variables> {
        let Some(declarations) = declarations else { return Ok(Variables::new()) };
        let (declarations, _) = self.scalar(declarations)?;
        let mut given = Vec::new();
        for (name, expr) in arguments {
            let (value, of) = self.scalar(expr)?;
            given.push((name.clone().unwrap_or_default(), of, value));
        }
        bound(&declarations.shown(), &given)
    }

    fn use_database(&mut self, name: &str, answer: &mut Answer) -> Sql<()> {
        if !name.eq_ignore_ascii_case(&self.facts.database) {
            let message = format!(
                "Database '{name}' does not exist. Make sure that the name is entered correctly."
            );
            return Err(SqlError::new(911, 16, Effect::Batch, message));
        }
        answer.change_text(1, name, &self.facts.database);
        Ok(())
    }

    fn set_option(&mut self, name: &str, value: &SetValue) -> Sql<()> {
        match (name, value) {
            ("xact_abort", value) => self.xact_abort = *value == SetValue::On,
            ("nocount", value) => self.no_count = *value == SetValue::On,
            ("isolation", SetValue::Words(level)) if level != "read committed" => {
                let message = format!("isolation level {level} is not in the grammar");
                return Err(SqlError::inside(message));
            }
            ("lock_timeout", SetValue::Number(ms)) => self.facts.lock_timeout = *ms,
            ("identity_insert", SetValue::Table(table)) => {
                let catalog = self.catalog();
                let table = catalog.table(table)?;
                if let Some(other) = self.identity_insert.filter(|other| *other != table.id) {
                    let other = catalog.by_id(other).map(|other| other.shown()).unwrap_or_default();
                    let message = format!(
                        "IDENTITY_INSERT is already ON for table '{other}'. Cannot perform SET \
                         operation for table '{}'.",
                        table.name
                    );
                    return Err(SqlError::new(8107, 16, Effect::Statement, message));
                }
                if table.columns.iter().all(|column| column.identity.is_none()) {
                    let message = format!(
                        "Table '{}' does not have the identity property. Cannot perform SET operation.",
                        table.name
                    );
                    return Err(SqlError::new(8106, 16, Effect::Statement, message));
                }
                self.identity_insert = Some(table.id);
            }
            ("identity_insert", _) => self.identity_insert = None,
            _ => {}
        }
        Ok(())
    }

    fn answer_query(&mut self, query: &Query, answer: &mut Answer) -> Sql<()> {
        let (columns, rows) = self.query(query)?;
        self.facts.row_count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if let Set::Select(select) = &query.body
            && select.items.iter().any(|item| matches!(item, Item::Set(..)))
        {
            let last = rows.last().map(Vec::as_slice).unwrap_or_default();
            for ((item, value), column) in select.items.iter().zip(last).zip(&columns) {
                if let Item::Set(name, _) = item {
                    self.assign(name, value, column.of)?;
                }
            }
            answer.done(None);
            return Ok(());
        }
        answer.columns(&columns);
        for row in &rows {
            answer.row(&columns, row);
        }
        answer.done(Some(rows.len() as u64).filter(|_| !self.no_count));
        Ok(())
    }
}

/// Values as the parameters that a text declares.
pub(crate) fn bound(declarations: &str, given: &[(String, Type, Datum)]) -> Sql<Variables> {
    let declared = parse_declarations(declarations)?;
    let mut variables = Variables::new();
    for (place, (name, of)) in declared.iter().enumerate() {
        let value = given
            .iter()
            .find(|(by, ..)| by.eq_ignore_ascii_case(name))
            .or_else(|| given.get(place).filter(|(by, ..)| by.is_empty()));
        let Some((_, from, value)) = value else {
            let message = format!(
                "The parameterized query expects the parameter '{name}', which was not supplied."
            );
            return Err(SqlError::new(8178, 16, Effect::Batch, message));
        };
        let value =
            crate::data::convert::cut(crate::data::convert::convert(value, *from, *of)?, *of);
        variables.insert(name.clone(), (*of, value));
    }
    Ok(variables)
}
