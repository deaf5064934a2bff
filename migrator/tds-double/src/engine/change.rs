//! Statements that change rows. Every row is checked as the server checks it, and stored.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rusqlite::params_from_iter;

use crate::data::convert::{common, convert, fit};
use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Family, Type};
use crate::data::values::Datum;
use crate::engine::catalog::{Foreign, Key, Table};
use crate::engine::define::index_name;
use crate::engine::functions::{broken_rule, to_sqlite, unpacked};
use crate::engine::plan::collation;
use crate::engine::session::Session;
use crate::protocol::tokens::{Answer, OutColumn};
use crate::sql::ast::{Expr, From, Item, Name, Query, Rows, Set, Statement};

/// The values of one row; `None` requests the column's default.
pub(crate) type Given = Vec<Option<Datum>>;

/// Columns and rows of an `OUTPUT` clause.
type Output = (Vec<OutColumn>, Vec<Vec<Datum>>);

/// Rows on their way into a table.
pub(crate) struct IncomingRows {
    /// The columns that have values.
    pub(crate) columns: Vec<usize>,
    pub(crate) types: Vec<Type>,
    pub(crate) rows: Vec<Given>,
    pub(crate) check_foreign_keys: bool,
    pub(crate) check_conditions: bool,
}

impl Session {
    pub(crate) fn run_change(&mut self, statement: &Statement, answer: &mut Answer) -> Sql<()> {
        let (count, output) = match statement {
            Statement::Insert { table, columns, output, rows } => {
                self.change(|session| session.insert(table, columns, output, rows))?
            }
            Statement::Update { target, assignments, from, condition } => {
                let change = |session: &mut Self| {
                    session.update(target, assignments, from.as_ref(), condition.as_ref())
                };
                (self.change(change)?, None)
            }
            Statement::Delete { target, from, condition } => {
                let change =
                    |session: &mut Self| session.delete(target, from.as_ref(), condition.as_ref());
                (self.change(change)?, None)
            }
            other => {
                self.change(|session| session.define(other))?;
                answer.done(None);
                return Ok(());
            }
        };
        self.facts.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if let Some((columns, rows)) = output {
            answer.columns(&columns);
            for row in &rows {
                answer.row(&columns, row);
            }
        }
        answer.done(Some(count).filter(|_| !self.no_count));
        Ok(())
    }

    fn insert(
        &mut self,
        table: &Name,
        columns: &[String],
        output: &[Item],
        rows: &Rows,
    ) -> Sql<(u64, Option<Output>)> {
        let table = Arc::clone(self.catalog().table(table)?);
        let columns = insert_columns(&table, columns)?;
        let (types, rows) = match rows {
            Rows::Defaults => (vec![Type::Null; columns.len()], vec![vec![None; columns.len()]]),
            Rows::Query(query) => self.source(query)?,
        };
        if types.len() != columns.len() {
            return Err(wrong_width(types.len(), columns.len()));
        }
        self.check_identity_insert(&table, &columns, &rows)?;
        let incoming =
            IncomingRows { columns, types, rows, check_foreign_keys: true, check_conditions: true };
        let places = self.keep(&table, &incoming)?;
        let count = places.len() as u64;
        if output.is_empty() {
            return Ok((count, None));
        }
        Ok((count, Some(self.output(&table, output, &places)?)))
    }

    fn check_identity_insert(&self, table: &Table, columns: &[usize], rows: &[Given]) -> Sql<()> {
        let identity = table.columns.iter().position(|column| column.identity.is_some());
        let Some(identity) = identity else { return Ok(()) };
        let given = columns.contains(&identity)
            && !rows.iter().all(|row| {
                columns.iter().zip(row).all(|(place, value)| *place != identity || value.is_none())
            });
        let on = self.identity_insert == Some(table.id);
        if given && !on {
            let message = format!(
                "Cannot insert explicit value for identity column in table '{}' when \
                 IDENTITY_INSERT is set to OFF.",
                table.name
            );
            return Err(SqlError::new(544, 16, Effect::Statement, message));
        }
        if !given && on && !rows.is_empty() {
            let message = format!(
                "Explicit value must be specified for identity column in table '{}' when \
                 IDENTITY_INSERT is set to ON.",
                table.name
            );
            return Err(SqlError::new(545, 16, Effect::Statement, message));
        }
        Ok(())
    }

    /// The rows of an INSERT, with one type for each column.
    fn source(&mut self, query: &Query) -> Sql<(Vec<Type>, Vec<Given>)> {
        let Set::Values(rows) = &query.body else {
            let (columns, rows) = self.query(query)?;
            let types = columns.iter().map(|column| column.of).collect();
            let rows = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
            return Ok((types, rows));
        };
        if rows.len() > 1_000 {
            let message = "The number of row value expressions in the INSERT statement exceeds the \
                           maximum allowed number of 1000 row values.";
            return Err(SqlError::new(10738, 15, Effect::Compile, message));
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut types = vec![Type::Null; width];
        let mut cells = Vec::with_capacity(rows.len());
        for row in rows {
            if row.len() != width {
                let message = "All the rows in the VALUES clause must have the same number of \
                               expressions.";
                return Err(SqlError::new(10709, 15, Effect::Compile, message));
            }
            let row: Vec<_> = row.iter().map(|cell| self.cell(cell)).collect::<Sql<_>>()?;
            for (of, cell) in types.iter_mut().zip(&row) {
                if let Some((_, from)) = cell {
                    *of = common(*of, *from);
                }
            }
            cells.push(row);
        }
        let as_types = |row: Vec<Option<(Datum, Type)>>| {
            row.into_iter()
                .zip(&types)
                .map(|(cell, of)| cell.map(|(value, from)| convert(&value, from, *of)).transpose())
                .collect::<Sql<Vec<_>>>()
        };
        let rows = cells.into_iter().map(as_types).collect::<Sql<_>>()?;
        Ok((types, rows))
    }

    /// The value of one cell; `None` for `DEFAULT`.
    fn cell(&self, cell: &Expr) -> Sql<Option<(Datum, Type)>> {
        if *cell == Expr::Default {
            return Ok(None);
        }
        let (known, _) = self.plan(|planner| planner.known(cell))?;
        known.map_or_else(|| self.scalar(cell), Ok).map(Some)
    }

    /// Checks rows, stores them, and returns their row numbers.
    pub(crate) fn keep(&mut self, table: &Table, incoming: &IncomingRows) -> Sql<Vec<i64>> {
        let stored: Vec<usize> =
            (0..table.columns.len()).filter(|at| table.columns[*at].computed.is_none()).collect();
        let names: Vec<_> = stored.iter().map(|place| format!("c{place}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            table.kept(),
            names.join(", "),
            vec!["?"; stored.len()].join(", ")
        );
        self.ignore_checks(!incoming.check_conditions)?;
        let outcome = self.keep_rows(table, incoming, &stored, &sql);
        self.ignore_checks(false)?;
        let (places, rows) = outcome?;
        if incoming.check_foreign_keys {
            for row in &rows {
                self.check_parents(table, row, "INSERT")?;
            }
        }
        Ok(places)
    }

    fn ignore_checks(&self, ignore: bool) -> Sql<()> {
        let value = if ignore { "ON" } else { "OFF" };
        self.sqlite(&format!("PRAGMA ignore_check_constraints = {value}"))
    }

    fn keep_rows(
        &mut self,
        table: &Table,
        incoming: &IncomingRows,
        stored: &[usize],
        sql: &str,
    ) -> Sql<(Vec<i64>, Vec<Vec<Datum>>)> {
        let mut defaults = BTreeMap::new();
        let mut places = Vec::with_capacity(incoming.rows.len());
        let mut rows = Vec::with_capacity(incoming.rows.len());
        for given in &incoming.rows {
            let mut row = vec![Datum::Null; table.columns.len()];
            for &place in stored {
                let at = incoming.columns.iter().position(|column| *column == place);
                let value =
                    at.and_then(|at| given[at].as_ref().map(|value| (value, incoming.types[at])));
                row[place] = match value {
                    Some((value, from)) => self.as_column(table, place, value, from)?,
                    None => self.unsaid(table, place, &mut defaults)?,
                };
                if row[place].is_null() && !table.columns[place].nullable {
                    return Err(self.null_refused(table, place, "INSERT"));
                }
            }
            let values = stored.iter().map(|place| to_sqlite(&row[*place]));
            let kept = self
                .sqlite
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(params_from_iter(values)));
            if let Err(error) = kept {
                return Err(self.broken(table, &row, &error, "INSERT"));
            }
            places.push(self.sqlite.last_insert_rowid());
            rows.push(row);
        }
        Ok((places, rows))
    }

    /// The value in the form of its column.
    fn as_column(&self, table: &Table, place: usize, value: &Datum, from: Type) -> Sql<Datum> {
        let column = &table.columns[place];
        if column.computed.is_some() {
            return Err(computed_refused(&column.name));
        }
        let value = fit(convert(value, from, column.of)?, column.of).map_err(|cut| {
            let message = format!(
                "String or binary data would be truncated in table '{}.{}', column '{}'. Truncated \
                 value: '{cut}'.",
                self.facts.database,
                table.shown(),
                column.name
            );
            SqlError::new(2628, 16, Effect::Statement, message)
        })?;
        if let (Some(_), Datum::Int(number)) = (column.identity, &value) {
            self.database.raise_identity(table.id, *number);
        }
        Ok(value)
    }

    /// Value of a column that a statement does not set.
    fn unsaid(
        &mut self,
        table: &Table,
        place: usize,
        defaults: &mut BTreeMap<usize, Datum>,
    ) -> Sql<Datum> {
        let column = &table.columns[place];
        if let Some((seed, step)) = column.identity {
            let next = self.database.next_identity(table.id, seed, step);
            self.facts.identity = Datum::Int(next);
            return Ok(Datum::Int(next));
        }
        let Some(default) = &column.default else { return Ok(Datum::Null) };
        if let Some(value) = defaults.get(&place) {
            return Ok(value.clone());
        }
        let (value, from) = self.scalar(default)?;
        let value = self.as_column(table, place, &value, from)?;
        defaults.insert(place, value.clone());
        Ok(value)
    }

    fn null_refused(&self, table: &Table, place: usize, doing: &str) -> SqlError {
        let message = format!(
            "Cannot insert the value NULL into column '{}', table '{}.{}'; column does not allow \
             nulls. {doing} fails.",
            table.columns[place].name,
            self.facts.database,
            table.shown()
        );
        SqlError::new(515, 16, Effect::Statement, message)
    }

    /// The server's error for a constraint that `SQLite` found violated.
    fn broken(
        &self,
        table: &Table,
        row: &[Datum],
        error: &rusqlite::Error,
        doing: &str,
    ) -> SqlError {
        let Some(rule) = broken_rule(error) else { return unpacked(error) };
        let columns: Option<Vec<usize>> = rule
            .split(", ")
            .map(|name| name.rsplit_once(".c").and_then(|(_, place)| place.parse().ok()))
            .collect();
        let by_name = |key: &&Key| rule == format!("index '{}'", index_name(table, &key.name));
        let mut unique = table.keys.iter().filter(|key| key.unique);
        let key = match columns {
            Some(columns) => unique.find(|key| key.columns == columns),
            None => unique.find(by_name),
        };
        let Some(key) = key else {
            let message = format!(
                "The {doing} statement conflicted with the CHECK constraint \"{rule}\". The conflict \
                 occurred in database \"{}\", table \"{}\".",
                self.facts.database,
                table.shown()
            );
            return SqlError::new(547, 16, Effect::Statement, message);
        };
        let values: Vec<_> = key.columns.iter().map(|place| row[*place].shown()).collect();
        let values = values.join(", ");
        if key.constraint {
            let kind = if key.primary { "PRIMARY" } else { "UNIQUE" };
            let message = format!(
                "Violation of {kind} KEY constraint '{}'. Cannot insert duplicate key in object \
                 '{}'. The duplicate key value is ({values}).",
                key.name,
                table.shown()
            );
            SqlError::new(2627, 14, Effect::Statement, message)
        } else {
            let message = format!(
                "Cannot insert duplicate key row in object '{}' with unique index '{}'. The \
                 duplicate key value is ({values}).",
                table.shown(),
                key.name
            );
            SqlError::new(2601, 14, Effect::Statement, message)
        }
    }

    /// Asserts that every reference of a row has its target.
    pub(crate) fn check_parents(&self, table: &Table, row: &[Datum], doing: &str) -> Sql<()> {
        let catalog = self.catalog();
        for foreign in &table.foreign {
            let values: Vec<_> = foreign.columns.iter().map(|place| row[*place].clone()).collect();
            if values.iter().any(Datum::is_null) {
                continue;
            }
            let Some(parent) = catalog.by_id(foreign.parent) else { continue };
            let values: Vec<_> = values
                .iter()
                .zip(foreign.columns.iter().zip(&foreign.parent_columns))
                .map(|(value, (child, place))| {
                    convert(value, table.type_of(*child), parent.type_of(*place))
                })
                .collect::<Sql<_>>()?;
            let sql =
                format!("SELECT 1 FROM {} WHERE {}", parent.kept(), equal(&foreign.parent_columns));
            if self.rows(&sql, &values)?.is_empty() {
                return Err(self.parent_missing(parent, foreign, doing));
            }
        }
        Ok(())
    }

    fn parent_missing(&self, parent: &Table, foreign: &Foreign, doing: &str) -> SqlError {
        let column = match foreign.parent_columns[..] {
            [only] => format!(", column '{}'", parent.columns[only].name),
            _ => String::new(),
        };
        let message = format!(
            "The {doing} statement conflicted with the FOREIGN KEY constraint \"{}\". The conflict \
             occurred in database \"{}\", table \"{}\"{column}.",
            foreign.name,
            self.facts.database,
            parent.shown()
        );
        SqlError::new(547, 16, Effect::Statement, message)
    }

    fn delete(&mut self, target: &Name, from: Option<&From>, condition: Option<&Expr>) -> Sql<u64> {
        let ((table, planned), binds) =
            self.plan(|planner| planner.rows_of(target, from, condition, &[]))?;
        let found = self.rows(&planned.sql, &binds)?;
        let places: HashSet<i64> = found.iter().filter_map(|row| number(&row[0])).collect();
        self.delete_places(&table, &places, 0)?;
        Ok(places.len() as u64)
    }

    fn delete_places(
        &mut self,
        table: &Arc<Table>,
        places: &HashSet<i64>,
        depth: usize,
    ) -> Sql<()> {
        if depth > 16 {
            return Err(SqlError::inside("cascades go round in a ring"));
        }
        let catalog = self.catalog();
        for child in &catalog.tables {
            for foreign in child.foreign.iter().filter(|key| key.parent == table.id) {
                let mut children = HashSet::new();
                for place in places {
                    children.extend(self.children(table, *place, child, foreign)?);
                }
                if child.id == table.id {
                    children.retain(|place| !places.contains(place));
                }
                if children.is_empty() {
                    continue;
                }
                if !foreign.cascade {
                    return Err(self.still_referenced(child, foreign, "DELETE"));
                }
                self.delete_places(child, &children, depth + 1)?;
            }
        }
        let sql = format!("DELETE FROM {} WHERE rowid = ?1", table.kept());
        for place in places {
            self.rows(&sql, &[Datum::Int(*place)])?;
        }
        Ok(())
    }

    /// The rows of a child that refer to a row.
    fn children(
        &self,
        table: &Table,
        place: i64,
        child: &Table,
        foreign: &Foreign,
    ) -> Sql<Vec<i64>> {
        let keys: Vec<_> = foreign.parent_columns.iter().map(|place| format!("c{place}")).collect();
        let sql = format!("SELECT {} FROM {} WHERE rowid = ?1", keys.join(", "), table.kept());
        let Some(values) = self.rows(&sql, &[Datum::Int(place)])?.pop() else {
            return Ok(Vec::new());
        };
        let sql = format!("SELECT rowid FROM {} WHERE {}", child.kept(), equal(&foreign.columns));
        Ok(self.rows(&sql, &values)?.iter().filter_map(|row| number(&row[0])).collect())
    }

    fn still_referenced(&self, child: &Table, foreign: &Foreign, doing: &str) -> SqlError {
        let message = format!(
            "The {doing} statement conflicted with the REFERENCE constraint \"{}\". The conflict \
             occurred in database \"{}\", table \"{}\", column '{}'.",
            foreign.name,
            self.facts.database,
            child.shown(),
            child.columns[foreign.columns[0]].name
        );
        SqlError::new(547, 16, Effect::Statement, message)
    }

    fn update(
        &mut self,
        target: &Name,
        assignments: &[(String, Expr)],
        from: Option<&From>,
        condition: Option<&Expr>,
    ) -> Sql<u64> {
        let expressions: Vec<_> = assignments.iter().map(|(_, expr)| expr.clone()).collect();
        let ((table, planned), binds) =
            self.plan(|planner| planner.rows_of(target, from, condition, &expressions))?;
        let columns: Vec<_> =
            assignments.iter().map(|(name, _)| table.place(name)).collect::<Sql<_>>()?;
        if let Some(place) = columns.iter().find(|place| table.columns[**place].identity.is_some())
        {
            let message =
                format!("Cannot update identity column '{}'.", table.columns[*place].name);
            return Err(SqlError::new(8102, 16, Effect::Compile, message));
        }
        let sets: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(at, place)| format!("c{place} = ?{}", at + 2))
            .collect();
        let sql = format!("UPDATE {} SET {} WHERE rowid = ?1", table.kept(), sets.join(", "));
        let found = self.rows(&planned.sql, &binds)?;
        let mut done = HashSet::new();
        for row in &found {
            if !done.insert(number(&row[0])) {
                continue;
            }
            self.update_row(&table, &columns, &planned.columns, row, &sql)?;
        }
        Ok(done.len() as u64)
    }

    fn update_row(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        types: &[OutColumn],
        row: &[Datum],
        sql: &str,
    ) -> Sql<()> {
        let place = number(&row[0]).unwrap_or(0);
        let mut values = vec![row[0].clone()];
        for (at, column) in columns.iter().enumerate() {
            let value = self.as_column(table, *column, &row[at + 1], types[at + 1].of)?;
            if value.is_null() && !table.columns[*column].nullable {
                return Err(self.null_refused(table, *column, "UPDATE"));
            }
            values.push(value);
        }
        self.check_children(table, columns, place)?;
        let values = values.iter().map(to_sqlite);
        let kept = self
            .sqlite
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params_from_iter(values)));
        let all: Vec<_> = (0..table.columns.len()).map(|at| format!("c{at}")).collect();
        let select = format!("SELECT {} FROM {} WHERE rowid = ?1", all.join(", "), table.kept());
        let now = self.rows(&select, &[Datum::Int(place)])?.pop().unwrap_or_default();
        if let Err(error) = kept {
            return Err(self.broken(table, &now, &error, "UPDATE"));
        }
        self.check_parents(table, &now, "UPDATE")
    }

    /// A key with referring rows must not change.
    fn check_children(&self, table: &Arc<Table>, columns: &[usize], place: i64) -> Sql<()> {
        for child in &self.catalog().tables {
            for foreign in child.foreign.iter().filter(|key| key.parent == table.id) {
                let changes = foreign.parent_columns.iter().any(|place| columns.contains(place));
                if changes && !self.children(table, place, child, foreign)?.is_empty() {
                    return Err(self.still_referenced(child, foreign, "UPDATE"));
                }
            }
        }
        Ok(())
    }

    /// Rows of an `OUTPUT inserted.…` clause.
    fn output(
        &self,
        table: &Table,
        items: &[Item],
        places: &[i64],
    ) -> Sql<(Vec<OutColumn>, Vec<Vec<Datum>>)> {
        let name = Name(vec![table.schema.clone(), table.name.clone()]);
        let select = crate::sql::ast::Select {
            distinct: false,
            top: None,
            items: items.to_vec(),
            from: Some(From::Table { name, alias: Some("inserted".to_owned()) }),
            condition: None,
            group: Vec::new(),
            having: None,
        };
        let query = Query {
            with: Vec::new(),
            body: Set::Select(Box::new(select)),
            order: Vec::new(),
            offset: None,
            fetch: None,
        };
        let (planned, binds) =
            self.plan(|planner| planner.query(&query, &crate::engine::plan::NO_SCOPE))?;
        let mut rows = Vec::new();
        for place in places {
            let sql = format!("{} WHERE rowid = {place}", planned.sql);
            rows.extend(self.rows(&sql, &binds)?);
        }
        Ok((planned.columns, rows))
    }
}

fn number(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int(number) => Some(*number),
        _ => None,
    }
}

/// A condition on columns, with numbered parameters.
fn equal(columns: &[usize]) -> String {
    let parts: Vec<_> =
        columns.iter().enumerate().map(|(at, place)| format!("c{place} = ?{}", at + 1)).collect();
    parts.join(" AND ")
}

fn computed_refused(column: &str) -> SqlError {
    let message = format!(
        "The column \"{column}\" cannot be modified because it is either a computed column or is the \
         result of a UNION operator."
    );
    SqlError::new(271, 16, Effect::Compile, message)
}

fn insert_columns(table: &Table, names: &[String]) -> Sql<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns.len())
            .filter(|place| {
                let column = &table.columns[*place];
                column.computed.is_none() && column.identity.is_none()
            })
            .collect());
    }
    let places = table.places(names)?;
    for (at, place) in places.iter().enumerate() {
        let column = &table.columns[*place];
        if column.computed.is_some() {
            return Err(computed_refused(&column.name));
        }
        if places[..at].iter().any(|other| other == place) {
            let message = format!(
                "The column name '{}' is specified more than once in the SET clause or column list.",
                column.name
            );
            return Err(SqlError::new(264, 16, Effect::Compile, message));
        }
    }
    Ok(places)
}

fn wrong_width(values: usize, columns: usize) -> SqlError {
    let (number, more, fewer) = if columns > values {
        (109, "columns in the INSERT statement", "values specified in the VALUES clause")
    } else {
        (110, "values in the VALUES clause", "columns specified in the INSERT statement")
    };
    let message = format!("There are more {more} than {fewer}.");
    SqlError::new(number, 15, Effect::Compile, message)
}

/// The `SQLite` type of a column, with the collation that compares like the server.
pub(crate) fn kept_type(of: Type) -> String {
    let class = match of.family() {
        Family::Whole | Family::Null => "INTEGER",
        Family::Approximate => "REAL",
        Family::Bytes => "BLOB",
        _ => "TEXT",
    };
    match collation(of) {
        Some(collation) => format!("{class} COLLATE {collation}"),
        None => class.to_owned(),
    }
}
