//! `migrator schema`: prints the DDL of target, log, bookkeeping and source tables.

use std::process::ExitCode;

use super::resolve;
use crate::cli::args::{Dialect, SchemaArgs};
use crate::cli::display;
use crate::error::{Error, Result};
use crate::store::mssql::ddl;
use crate::store::schema::{Tables, sqlite_source_table, sqlite_table};

/// Runs the verb.
pub(crate) fn run(args: &SchemaArgs) -> Result<ExitCode> {
    let (contract, catalogue) = resolve::load(&args.contract)?;
    let tables = Tables::new(&catalogue)?;
    let source = (contract.source_table.as_str(), contract.source_column.as_str());
    match args.dialect {
        Dialect::Sqlite if args.schema.is_some() => {
            let message = "--schema would be ignored: it needs --dialect mssql";
            return Err(Error::usage(message));
        }
        Dialect::Sqlite => {
            let statements = sqlite(&tables, source.0, source.1)?;
            display::print(&format!("{};", statements.join(";\n\n")));
        }
        Dialect::Mssql => {
            let schema = args.schema.as_deref().unwrap_or(&catalogue.schema);
            // sqlcmd separates batches by GO. CREATE SCHEMA has to be alone in a batch.
            display::print(&format!("{}\nGO", mssql(&tables, schema, source)?.join("\nGO\n\n")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn mssql(tables: &Tables, schema: &str, source: (&str, &str)) -> Result<Vec<String>> {
    let mut statements = vec![ddl::create_schema(schema)];
    for index in 0..tables.all().len() {
        statements.extend(ddl::create_table(schema, tables.all(), index)?);
    }
    statements.push(ddl::source_table(schema, source.0, source.1));
    Ok(statements)
}

fn sqlite(tables: &Tables, source_table: &str, text_column: &str) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for index in 0..tables.all().len() {
        let ddl = sqlite_table(tables.all(), index)?;
        statements.push(ddl.table);
        statements.extend(ddl.indexes);
    }
    statements.push(sqlite_source_table(source_table, text_column));
    Ok(statements)
}
