//! Translates queries and expressions into `SQLite` statements, with the type of every value.
//! Resolves names: an unknown table is error 208, an unknown column 207.

use std::collections::HashMap;

use crate::data::convert::common;
use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Family, Type};
use crate::data::values::Datum;
use crate::engine::catalog::{Catalog, same};
use crate::engine::functions::{to_sqlite, type_number};
use crate::engine::views::Views;
use crate::protocol::tokens::OutColumn;
use crate::sql::ast::{Expr, From, Item, Name, Query, Select, Set};

/// Variables in scope, by their names in lower case.
pub(crate) type Variables = HashMap<String, (Type, Datum)>;

/// Properties of a session that functions and global variables return.
#[derive(Debug, Clone)]
pub(crate) struct SessionFacts {
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) application: String,
    pub(crate) spid: i64,
    pub(crate) trancount: i64,
    pub(crate) xact_state: i64,
    pub(crate) identity: Datum,
    pub(crate) row_count: i64,
    pub(crate) lock_timeout: i64,
}

/// An expression in the SQL of `SQLite`.
#[derive(Debug, Clone)]
pub(crate) struct TypedSql {
    pub(crate) sql: String,
    pub(crate) of: Type,
    pub(crate) nullable: bool,
    /// The column, if the expression is a bare column.
    pub(crate) column: Option<OutColumn>,
}

/// One table of a `FROM`.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Valid qualifiers of its columns: its alias, or its own name.
    pub(crate) names: Vec<String>,
    /// Its name in the generated statement.
    pub(crate) sql: String,
    pub(crate) columns: Vec<OutColumn>,
}

/// The tables whose columns an expression may name, the outer ones last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) sources: &'a [Source],
    pub(crate) outer: Option<&'a Scope<'a>>,
}

pub(crate) const NO_SCOPE: Scope<'static> = Scope { sources: &[], outer: None };

pub(crate) struct Planner<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) views: &'a Views,
    pub(crate) variables: &'a Variables,
    pub(crate) facts: &'a SessionFacts,
    /// Values of the parameters `?1`, `?2` …
    pub(crate) binds: Vec<Datum>,
    with: Vec<(String, String, Vec<OutColumn>)>,
    aliases: usize,
}

/// A planned query.
#[derive(Debug)]
pub(crate) struct QueryPlan {
    pub(crate) sql: String,
    pub(crate) columns: Vec<OutColumn>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        views: &'a Views,
        variables: &'a Variables,
        facts: &'a SessionFacts,
    ) -> Self {
        Self { catalog, views, variables, facts, binds: Vec::new(), with: Vec::new(), aliases: 0 }
    }

    pub(crate) fn bind(&mut self, value: Datum) -> String {
        self.binds.push(value);
        format!("?{}", self.binds.len())
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("s{}", self.aliases)
    }

    pub(crate) fn query(&mut self, query: &Query, outer: &Scope<'_>) -> Sql<QueryPlan> {
        let before = self.with.len();
        let mut heads = Vec::new();
        for (name, columns, query) in &query.with {
            let planned = self.query(query, &NO_SCOPE)?;
            let columns = renamed(planned.columns, columns)?;
            let alias = self.alias();
            heads.push(format!("{alias} AS ({})", planned.sql));
            self.with.push((name.clone(), alias, columns));
        }
        let with =
            if heads.is_empty() { String::new() } else { format!("WITH {} ", heads.join(", ")) };
        let planned = self.body(query, outer);
        self.with.truncate(before);
        let planned = planned?;
        Ok(QueryPlan { sql: format!("{with}{}", planned.sql), columns: planned.columns })
    }

    fn body(&mut self, query: &Query, outer: &Scope<'_>) -> Sql<QueryPlan> {
        if let Set::Select(select) = &query.body {
            return self.select(select, query, outer);
        }
        let planned = self.set(&query.body, outer)?;
        if query.order.is_empty() {
            return Ok(planned);
        }
        let alias = self.alias();
        let source =
            Source { names: Vec::new(), sql: alias.clone(), columns: planned.columns.clone() };
        let order =
            self.order(query, &Scope { sources: &[source], outer: None }, &planned.columns)?;
        let limit = self.limit(None, query)?;
        Ok(QueryPlan {
            sql: format!("SELECT * FROM ({}) AS {alias}{order}{limit}", planned.sql),
            columns: planned.columns,
        })
    }

    fn set(&mut self, set: &Set, outer: &Scope<'_>) -> Sql<QueryPlan> {
        match set {
            Set::Select(select) => {
                let bare = Query {
                    with: Vec::new(),
                    body: Set::Values(Vec::new()),
                    order: Vec::new(),
                    offset: None,
                    fetch: None,
                };
                self.select(select, &bare, outer)
            }
            Set::Values(rows) => self.values(rows, outer),
            Set::Both { operator, left, right } => {
                let (left, right) = (self.set(left, outer)?, self.set(right, outer)?);
                if left.columns.len() != right.columns.len() {
                    let message = "All queries combined using a UNION, INTERSECT or EXCEPT operator \
                                   must have an equal number of expressions in their target lists.";
                    return Err(SqlError::new(205, 16, Effect::Compile, message));
                }
                let columns: Vec<_> = left
                    .columns
                    .iter()
                    .zip(&right.columns)
                    .map(|(one, other)| OutColumn {
                        name: one.name.clone(),
                        of: common(one.of, other.of),
                        nullable: one.nullable || other.nullable,
                        identity: false,
                        computed: false,
                    })
                    .collect();
                let (left, right) =
                    (Self::as_types(left, &columns), Self::as_types(right, &columns));
                Ok(QueryPlan {
                    sql: format!("SELECT * FROM ({left}) {operator} SELECT * FROM ({right})"),
                    columns,
                })
            }
        }
    }

    /// A query converted to columns of these types.
    fn as_types(planned: QueryPlan, wanted: &[OutColumn]) -> String {
        let differs = |(have, want): (&OutColumn, &OutColumn)| kept_differently(have.of, want.of);
        if !planned.columns.iter().zip(wanted).any(differs) {
            return planned.sql;
        }
        let columns: Vec<_> = planned
            .columns
            .iter()
            .zip(wanted)
            .enumerate()
            .map(|(place, (have, want))| {
                let column = converted(&format!("c{place}"), have.of, want.of);
                format!("{column} AS c{place}")
            })
            .collect();
        format!("SELECT {} FROM ({})", columns.join(", "), planned.sql)
    }

    fn values(&mut self, rows: &[Vec<Expr>], outer: &Scope<'_>) -> Sql<QueryPlan> {
        let width = rows.first().map_or(0, Vec::len);
        let mut cells = Vec::with_capacity(rows.len());
        let mut types = vec![Type::Null; width];
        for row in rows {
            if row.len() != width {
                let message = "All the rows in the VALUES clause must have the same number of \
                               expressions.";
                return Err(SqlError::new(10709, 16, Effect::Compile, message));
            }
            let row: Vec<_> = row.iter().map(|cell| self.expr(cell, outer)).collect::<Sql<_>>()?;
            for (of, cell) in types.iter_mut().zip(&row) {
                *of = common(*of, cell.of);
            }
            cells.push(row);
        }
        let nullable = |place: usize| cells.iter().any(|row| row[place].nullable);
        let columns: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(place, of)| OutColumn { nullable: nullable(place), ..OutColumn::plain("", *of) })
            .collect();
        let rows: Vec<_> = cells
            .iter()
            .map(|row| {
                let cells: Vec<_> = row
                    .iter()
                    .zip(&types)
                    .map(|(cell, of)| converted(&cell.sql, cell.of, *of))
                    .collect();
                format!("({})", cells.join(","))
            })
            .collect();
        let names: Vec<_> =
            (0..width).map(|place| format!("column{} AS c{place}", place + 1)).collect();
        let sql = format!("SELECT {} FROM (VALUES {})", names.join(", "), rows.join(","));
        Ok(QueryPlan { sql, columns })
    }

    fn select(&mut self, select: &Select, query: &Query, outer: &Scope<'_>) -> Sql<QueryPlan> {
        let mut sources = Vec::new();
        let from = match &select.from {
            Some(from) => format!(" FROM {}", self.from(from, &mut sources, outer)?),
            None => String::new(),
        };
        let scope = Scope { sources: &sources, outer: Some(outer) };
        let mut columns = Vec::new();
        let mut outputs = Vec::new();
        for item in &select.items {
            self.item(item, &scope, &mut columns, &mut outputs)?;
        }
        let condition = match &select.condition {
            Some(condition) => format!(" WHERE {}", self.expr(condition, &scope)?.sql),
            None => String::new(),
        };
        let mut group = String::new();
        if !select.group.is_empty() {
            let keys: Vec<_> = select
                .group
                .iter()
                .map(|key| self.expr(key, &scope).map(|key| collated(&key.sql, key.of)))
                .collect::<Sql<_>>()?;
            group = format!(" GROUP BY {}", keys.join(", "));
        }
        if let Some(having) = &select.having {
            group = format!("{group} HAVING {}", self.expr(having, &scope)?.sql);
        }
        let order = self.order(query, &scope, &columns)?;
        let limit = self.limit(select.top.as_ref(), query)?;
        let distinct = if select.distinct { "DISTINCT " } else { "" };
        let outputs: Vec<_> = outputs
            .iter()
            .enumerate()
            .map(|(place, output)| format!("{output} AS c{place}"))
            .collect();
        let sql = format!(
            "SELECT {distinct}{}{from}{condition}{group}{order}{limit}",
            outputs.join(", ")
        );
        Ok(QueryPlan { sql, columns })
    }

    fn item(
        &mut self,
        item: &Item,
        scope: &Scope<'_>,
        columns: &mut Vec<OutColumn>,
        outputs: &mut Vec<String>,
    ) -> Sql<()> {
        match item {
            Item::Star(of) => {
                let before = columns.len();
                for source in scope.sources {
                    if of.as_ref().is_some_and(|of| !source.names.iter().any(|name| same(name, of)))
                    {
                        continue;
                    }
                    for (place, column) in source.columns.iter().enumerate() {
                        columns.push(column.clone());
                        outputs.push(format!("{}.c{place}", source.sql));
                    }
                }
                if columns.len() == before {
                    return Err(SqlError::new(
                        263,
                        16,
                        Effect::Compile,
                        "Must specify table to select from.",
                    ));
                }
            }
            Item::Expr { expr, .. } | Item::Set(_, expr) => {
                let typed = self.expr(expr, scope)?;
                let column = typed.column.clone().unwrap_or_else(|| OutColumn {
                    nullable: typed.nullable,
                    ..OutColumn::plain("", typed.of)
                });
                let name = match item {
                    Item::Expr { alias: Some(alias), .. } => alias.clone(),
                    _ => column.name.clone(),
                };
                columns.push(OutColumn { name, ..column });
                outputs.push(typed.sql);
            }
        }
        Ok(())
    }

    fn order(&mut self, query: &Query, scope: &Scope<'_>, columns: &[OutColumn]) -> Sql<String> {
        if query.order.is_empty() {
            return Ok(String::new());
        }
        let mut keys = Vec::new();
        for (expr, descending) in &query.order {
            let of_output = match expr {
                Expr::Column(parts) if parts.len() == 1 => {
                    columns.iter().position(|column| same(&column.name, &parts[0]))
                }
                Expr::Int(place) => {
                    usize::try_from(*place - 1).ok().filter(|place| *place < columns.len())
                }
                _ => None,
            };
            let key = if let Some(place) = of_output {
                collated(&format!("c{place}"), columns[place].of)
            } else {
                let key = self.expr(expr, scope)?;
                collated(&key.sql, key.of)
            };
            keys.push(if *descending { format!("{key} DESC") } else { key });
        }
        Ok(format!(" ORDER BY {}", keys.join(", ")))
    }

    fn limit(&mut self, top: Option<&Expr>, query: &Query) -> Sql<String> {
        let mut one = |expr: &Expr| self.expr(expr, &NO_SCOPE).map(|typed| typed.sql);
        let limit = match (top, &query.fetch) {
            (Some(top), _) => one(top)?,
            (None, Some(fetch)) => one(fetch)?,
            (None, None) if query.offset.is_some() => "-1".to_owned(),
            (None, None) => return Ok(String::new()),
        };
        let offset = match &query.offset {
            Some(offset) => format!(" OFFSET {}", one(offset)?),
            None => String::new(),
        };
        Ok(format!(" LIMIT {limit}{offset}"))
    }

    fn from(&mut self, from: &From, sources: &mut Vec<Source>, outer: &Scope<'_>) -> Sql<String> {
        match from {
            From::Table { name, alias } => self.table(name, alias.as_deref(), sources),
            From::Derived { query, alias, columns } => {
                let planned = self.query(query, &NO_SCOPE)?;
                let sql = self.alias();
                let columns = renamed(planned.columns, columns)?;
                sources.push(Source { names: vec![alias.clone()], sql: sql.clone(), columns });
                Ok(format!("({}) AS {sql}", planned.sql))
            }
            From::Join { kind, left, right, on } => {
                let left = self.from(left, sources, outer)?;
                let right = self.from(right, sources, outer)?;
                let on = match on {
                    Some(on) => {
                        let scope = Scope { sources, outer: Some(outer) };
                        format!(" ON {}", self.expr(on, &scope)?.sql)
                    }
                    None => String::new(),
                };
                Ok(format!("{left} {kind} {right}{on}"))
            }
        }
    }

    fn table(
        &mut self,
        name: &Name,
        alias: Option<&str>,
        sources: &mut Vec<Source>,
    ) -> Sql<String> {
        let sql = self.alias();
        let names = match alias {
            Some(alias) => vec![alias.to_owned()],
            None => vec![name.object().to_owned(), name.shown()],
        };
        let with = self
            .with
            .iter()
            .rev()
            .find(|(with, ..)| name.0.len() == 1 && same(with, name.object()));
        if let Some((_, kept, columns)) = with {
            let text = format!("{kept} AS {sql}");
            sources.push(Source { names, sql, columns: columns.clone() });
            return Ok(text);
        }
        if let Some((columns, rows)) = self.views.view(name, self.catalog, self.facts)? {
            let text = format!("({}) AS {sql}", self.rows_of_view(&columns, rows));
            sources.push(Source { names, sql, columns });
            return Ok(text);
        }
        let table = self.catalog.table(name)?;
        let columns = table.columns.iter().map(out_column).collect();
        let text = format!("{} AS {sql}", table.kept());
        sources.push(Source { names, sql, columns });
        Ok(text)
    }

    fn rows_of_view(&mut self, columns: &[OutColumn], rows: Vec<Vec<Datum>>) -> String {
        if rows.is_empty() {
            let nothing: Vec<_> =
                (0..columns.len()).map(|place| format!("NULL AS c{place}")).collect();
            return format!("SELECT {} WHERE 0", nothing.join(", "));
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let cells: Vec<_> = row.into_iter().map(|cell| self.bind(cell)).collect();
                format!("({})", cells.join(","))
            })
            .collect();
        let names: Vec<_> =
            (0..columns.len()).map(|place| format!("column{} AS c{place}", place + 1)).collect();
        format!("SELECT {} FROM (VALUES {})", names.join(", "), rows.join(","))
    }

    /// Translates the target and condition of an `UPDATE` or `DELETE` into a query of row numbers
    /// and these expressions.
    pub(crate) fn rows_of(
        &mut self,
        target: &Name,
        from: Option<&From>,
        condition: Option<&Expr>,
        expressions: &[Expr],
    ) -> Sql<(std::sync::Arc<crate::engine::catalog::Table>, QueryPlan)> {
        let mut sources = Vec::new();
        let plain = From::Table { name: target.clone(), alias: None };
        let text = self.from(from.unwrap_or(&plain), &mut sources, &NO_SCOPE)?;
        let scope = Scope { sources: &sources, outer: None };
        let named = sources
            .iter()
            .find(|source| source.names.iter().any(|name| same(name, &target.shown())))
            .or_else(|| sources.iter().find(|s| s.names.iter().any(|n| same(n, target.object()))));
        let name = match (named, from) {
            (Some(_), Some(from)) => named_table(from, target).unwrap_or_else(|| target.clone()),
            _ => target.clone(),
        };
        let table = std::sync::Arc::clone(self.catalog.table(&name)?);
        let kept = named.ok_or_else(|| SqlError::unknown_object(&target.shown()))?.sql.clone();
        let mut outputs = vec![format!("{kept}.rowid")];
        let mut columns = vec![OutColumn::plain("", Type::BigInt)];
        for expression in expressions {
            let typed = self.expr(expression, &scope)?;
            columns.push(OutColumn::plain("", typed.of));
            outputs.push(typed.sql);
        }
        let condition = match condition {
            Some(condition) => format!(" WHERE {}", self.expr(condition, &scope)?.sql),
            None => String::new(),
        };
        let sql = format!("SELECT {} FROM {text}{condition}", outputs.join(", "));
        Ok((table, QueryPlan { sql, columns }))
    }

    /// An expression over the columns of one table, for a check or a computed column.
    pub(crate) fn over_table(
        &mut self,
        expr: &Expr,
        table: &crate::engine::catalog::Table,
    ) -> Sql<TypedSql> {
        let source = Source {
            names: vec![table.name.clone()],
            sql: String::new(),
            columns: table.columns.iter().map(out_column).collect(),
        };
        let typed = self.expr(expr, &Scope { sources: &[source], outer: None })?;
        // A definition cannot have parameters.
        let mut sql = typed.sql.clone();
        for (place, value) in self.binds.iter().enumerate().rev() {
            sql = sql.replace(&format!("?{}", place + 1), &literal(value));
        }
        Ok(TypedSql { sql, ..typed })
    }
}

/// The table that an alias of a `FROM` stands for.
fn named_table(from: &From, alias: &Name) -> Option<Name> {
    match from {
        From::Table { name, alias: Some(found) } if same(found, &alias.shown()) => {
            Some(name.clone())
        }
        From::Table { name, alias: None } if same(name.object(), alias.object()) => {
            Some(name.clone())
        }
        From::Join { left, right, .. } => {
            named_table(left, alias).or_else(|| named_table(right, alias))
        }
        _ => None,
    }
}

pub(crate) fn out_column(column: &crate::sql::ast::ColumnDef) -> OutColumn {
    OutColumn {
        name: column.name.clone(),
        of: column.of,
        nullable: column.nullable,
        identity: column.identity.is_some(),
        computed: column.computed.is_some(),
    }
}

fn renamed(columns: Vec<OutColumn>, names: &[String]) -> Sql<Vec<OutColumn>> {
    if names.is_empty() {
        return Ok(columns);
    }
    if names.len() != columns.len() {
        let message = "The number of columns in the column list must match the number of columns.";
        return Err(SqlError::new(8158, 16, Effect::Compile, message));
    }
    let name = |(column, name): (OutColumn, &String)| OutColumn { name: name.clone(), ..column };
    Ok(columns.into_iter().zip(names).map(name).collect())
}

/// Returns true if two types store a value in different forms.
fn kept_differently(one: Type, other: Type) -> bool {
    one != other
        && match (one.family(), other.family()) {
            (Family::Null, _) => false,
            (Family::Exact | Family::Time, _) => true,
            (one, other) => one != other,
        }
}

/// The SQL of an expression converted to another type.
pub(crate) fn converted(sql: &str, from: Type, to: Type) -> String {
    if kept_differently(from, to) {
        format!("ms_convert({sql}, {}, {})", type_number(from), type_number(to))
    } else {
        sql.to_owned()
    }
}

pub(crate) fn collation(of: Type) -> Option<&'static str> {
    match of.family() {
        Family::Text | Family::Guid => Some("mstext"),
        Family::Exact => Some("msdecimal"),
        Family::Time => Some("mstime"),
        _ => None,
    }
}

pub(crate) fn collated(sql: &str, of: Type) -> String {
    match collation(of) {
        Some(collation) => format!("{sql} COLLATE {collation}"),
        None => sql.to_owned(),
    }
}

/// A value as a literal of `SQLite`.
fn literal(value: &Datum) -> String {
    match to_sqlite(value) {
        rusqlite::types::Value::Null => "NULL".to_owned(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Real(number) => format!("{number:?}"),
        rusqlite::types::Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        rusqlite::types::Value::Blob(bytes) => {
            format!("x'{}'", Datum::Bytes(bytes).shown().trim_start_matches("0x"))
        }
    }
}
