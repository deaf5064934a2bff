//! Creates, checks and recreates the tables of a store, each in one transaction.
//!
//! A schema created here gets a marker table, `migration_schema`. Tables are dropped only in a
//! marked schema, or in one whose name the user repeats. Only the tables of the catalogue and of
//! the migrator are dropped.

use tiberius::ColumnData;

use crate::config::InsertMethod;
use crate::error::{Error, Result};
use crate::record::SqlValue;

use super::super::introspect::Inspection;
use super::super::schema::{LOG_TABLE, Tables};
use super::super::{Connection, InsertOutcome, Setup};
use super::connection::MssqlConnection;
use super::ddl;
use super::schema_introspection::ServerSchema;
use super::{error_codes, sql, value};

/// Permission to drop tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recreate<'a> {
    /// Only in a schema that was created here.
    OwnSchema,
    /// Also in the schema with this name.
    Named(&'a str),
}

/// Creates missing tables.
///
/// # Errors
///
/// Names an existing table that differs from the catalogue.
pub fn create_missing(connection: &mut MssqlConnection) -> Result<Setup> {
    let found = look(connection)?;
    begin_in_schema(connection)?;
    create_tables(connection, &found)?;
    connection.commit()?;
    check(connection)
}

/// Existing tables and their differences to `wanted`. Changes nothing.
pub fn inspect(connection: &mut MssqlConnection, wanted: Option<&Tables>) -> Result<Inspection> {
    let found = look(connection)?;
    let differences = wanted.map(|wanted| found.differences(wanted)).unwrap_or_default();
    Ok(Inspection { tables: found.shapes(), differences, limitation: None })
}

/// Checks the tables.
///
/// # Errors
///
/// Names a table that is missing or differs from the catalogue.
pub fn check(connection: &mut MssqlConnection) -> Result<Setup> {
    let found = look(connection)?;
    let context = connection.context().clone();
    for table in context.tables.all() {
        if !found.has(&table.name) {
            return Err(Error::environment(format!(
                "schema {}: table {} does not exist; `migrator init` creates it",
                context.schema, table.name
            )));
        }
    }
    refuse_differences(connection, &found)?;
    Ok(Setup { log_has_key: found.has_key(LOG_TABLE, "app_id") })
}

/// Drops the tables and creates them again.
pub fn recreate(connection: &mut MssqlConnection, told: Recreate<'_>) -> Result<Setup> {
    let context = connection.context().clone();
    let schema = &context.schema;
    if let Recreate::Named(name) = told
        && name != schema
    {
        return Err(Error::usage(format!(
            "--recreate names schema {name}, but the store's schema is {schema}"
        )));
    }
    let found = look(connection)?;
    let there: Vec<_> =
        context.tables.all().iter().filter(|table| found.has(&table.name)).collect();
    if told == Recreate::OwnSchema && !there.is_empty() && !found.has(ddl::MARKER_TABLE) {
        return Err(Error::usage(format!(
            "schema {schema} was not created by `migrator init`: to drop its {} tables with all \
             their rows, pass `--recreate {schema}`",
            there.len()
        )));
    }
    begin_in_schema(connection)?;
    // Children are dropped before their parents.
    for table in there.iter().rev() {
        let doing = format!("remove table {}", table.name);
        connection.batch(&ddl::drop_table(schema, &table.name), &doing)?;
    }
    create_tables(connection, &ServerSchema::default())?;
    connection.commit()?;
    check(connection)
}

/// Creates a source table. An existing empty table is used as it is.
pub fn create_source(
    connection: &mut MssqlConnection,
    table: &str,
    text_column: &str,
) -> Result<()> {
    let found = look(connection)?;
    begin_in_schema(connection)?;
    let schema = connection.context().schema.clone();
    if found.has(table) {
        let mut rows = false;
        let text = format!("SELECT TOP (1) 1 FROM {}", sql::qualified(&schema, table));
        connection.query(&text, Vec::new(), "look for records", &mut |_| {
            rows = true;
            Ok(())
        })?;
        if rows {
            return Err(Error::environment(format!(
                "{schema}.{table} already exists and is not empty: empty it or name another schema"
            )));
        }
    } else {
        connection.batch(&ddl::source_table(&schema, table, text_column), "create the table")?;
    }
    connection.commit()
}

/// Begins a transaction. Creates and marks the schema in it if it does not exist.
fn begin_in_schema(connection: &mut MssqlConnection) -> Result<()> {
    let schema = connection.context().schema.clone();
    let mut is_there = false;
    connection.query(sql::SCHEMA, vec![name(&schema)], "look for the schema", &mut |row| {
        is_there = row.first().and_then(|data| value::whole(data).flatten()).is_some();
        Ok(())
    })?;
    connection.begin()?;
    if !is_there {
        connection.batch(&ddl::create_schema(&schema), "create the schema")?;
        for text in ddl::mark_schema(&schema) {
            connection.batch(&text, "mark the schema")?;
        }
    }
    Ok(())
}

fn create_tables(connection: &mut MssqlConnection, found: &ServerSchema) -> Result<()> {
    refuse_differences(connection, found)?;
    let context = connection.context().clone();
    for (index, table) in context.tables.all().iter().enumerate() {
        if found.has(&table.name) {
            continue;
        }
        for text in ddl::create_table(&context.schema, context.tables.all(), index)? {
            connection.batch(&text, &format!("create table {}", table.name))?;
        }
        let rows: Vec<&[SqlValue]> = table.rows.iter().map(AsRef::as_ref).collect();
        if let InsertOutcome::Refused(violation) =
            connection.insert(index, &rows, InsertMethod::Values)?
        {
            return Err(Error::environment(format!(
                "table catalogue: the predefined rows of {} violate its own rules: {}",
                table.name, violation.message
            )));
        }
    }
    Ok(())
}

fn refuse_differences(connection: &mut MssqlConnection, found: &ServerSchema) -> Result<()> {
    let context = connection.context();
    for table in context.tables.all() {
        if let Some(what) = found.difference(table) {
            return Err(Error::environment(format!(
                "schema {}: table {} differs from the catalogue: {what}",
                context.schema, table.name
            )));
        }
    }
    Ok(())
}

/// Reads the schema. If the server does not describe identities and keys, identities are assumed to
/// match the catalogue, and the log is treated as having no key.
fn look(connection: &mut MssqlConnection) -> Result<ServerSchema> {
    let schema = connection.context().schema.clone();
    let mut found = ServerSchema::default();
    connection.query(sql::COLUMNS, vec![name(&schema)], "read the schema", &mut |row| {
        found.add_column(row);
        Ok(())
    })?;
    let mut kinds = Vec::new();
    read_where_answered(connection, sql::COLUMN_KINDS, &schema, &mut kinds)?;
    for row in &kinds {
        found.add_kind(row);
    }
    let mut keys = Vec::new();
    read_where_answered(connection, sql::KEYS, &schema, &mut keys)?;
    for row in &keys {
        found.add_key(row);
    }
    Ok(found)
}

fn read_where_answered(
    connection: &mut MssqlConnection,
    text: &str,
    schema: &str,
    rows: &mut Vec<Vec<ColumnData<'static>>>,
) -> Result<()> {
    let taken = connection.wire().query(text, vec![name(schema)], &mut |row| {
        rows.push(row.to_vec());
        Ok(())
    });
    match taken {
        Err(super::wire::QueryError::Wire(error)) if error_codes::leaves_clean(&error) => Ok(()),
        Err(super::wire::QueryError::Wire(error)) => {
            Err(connection.context().failure("read the schema", &error))
        }
        Err(super::wire::QueryError::Consumer(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

fn name(text: &str) -> ColumnData<'_> {
    ColumnData::String(Some(text.into()))
}
