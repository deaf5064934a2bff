//! `migrator rows`: prints the mapped rows of record files as JSON lines, without a store.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use chrono::Utc;
use serde_json::{Map, Value as Json, json};

use super::{records, resolve};
use crate::cli::args::RowsArgs;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::record::RowSet;
use crate::stage::map::Mapper;
use crate::stage::map::observe::NoObserver;
use crate::stage::parse::Parser;

/// Prints one line per record file: `{"file", "app_id", "status", "tables"}` for a mapped record,
/// `{"file", "status", "stage", "reason"}` for a rejected one.
pub(crate) fn run(args: &RowsArgs) -> Result<ExitCode> {
    let contract = resolve::contract(args.contract.as_deref())?;
    let files = records::record_files(&args.inputs)?;
    let mut parser = Parser::new(&contract);
    let mapper = Mapper::new(&contract, Utc::now().naive_utc());
    let mut out = BufWriter::new(io::stdout().lock());
    for path in &files {
        let bytes = records::read(path)?;
        let line = line(path, bytes, &contract, &mut parser, &mapper);
        match writeln!(out, "{line}") {
            // A closed pipe is not an error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(unwritable(error)),
            Ok(()) => {}
        }
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn unwritable(cause: io::Error) -> Error {
    Error::caused(ErrorKind::Environment, "cannot write to stdout", cause)
}

fn line(
    path: &Path,
    bytes: Vec<u8>,
    contract: &Contract,
    parser: &mut Parser<'_>,
    mapper: &Mapper<'_>,
) -> Json {
    let file = records::file_name(path);
    match records::map(bytes, parser, mapper, &NoObserver) {
        Ok((app_id, rows)) => json!({
            "file": file,
            "app_id": app_id,
            "status": "mapped",
            "tables": tables(contract, &rows),
        }),
        Err(reject) => json!({
            "file": file,
            "status": "rejected",
            "stage": reject.stage.name(),
            "reason": reject.reason,
        }),
    }
}

fn tables(contract: &Contract, rows: &RowSet) -> Map<String, Json> {
    let mut tables = Map::new();
    for table in &rows.tables {
        let own = &contract.tables[table.table];
        let row = |row: &crate::record::Row| -> Json {
            let cells = row.cells.iter().map(|cell| {
                (own.columns[usize::from(cell.column)].clone(), records::json_of(&cell.value))
            });
            Json::Object(cells.collect())
        };
        tables.insert(own.name.clone(), table.rows.iter().map(row).collect());
    }
    tables
}
