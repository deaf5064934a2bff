//! `migrator schema`: the DDL of target, log, helper and source tables, to stdout.

use std::process::ExitCode;

use super::inputs;
use crate::args::{Dialect, SchemaArgs};
use crate::display;
use crate::error::Result;
use crate::store::schema::{Tables, sqlite_source_table, sqlite_table};

/// Runs the verb.
pub fn run(args: &SchemaArgs) -> Result<ExitCode> {
    let (contract, catalogue) = inputs::load(&args.contract)?;
    let tables = Tables::new(&catalogue)?;
    let statements = match args.dialect {
        Dialect::Sqlite => sqlite(&tables, &contract.source_table, &contract.source_column)?,
    };
    display::print(&format!("{};", statements.join(";\n\n")));
    Ok(ExitCode::SUCCESS)
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
