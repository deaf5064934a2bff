//! `migrator rows`: record files to mapped rows as JSON lines, without a store.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::Utc;
use serde_json::{Map, Value as Json, json};

use crate::args::RowsArgs;
use crate::contract::convert::iso_text;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{RawRecord, Reject, RowSet, Value};
use crate::stage::map::Mapper;
use crate::stage::parse::Parser;
use crate::stage::validate::validate;

/// Prints one line per record file: `{"file", "app_id", "status", "tables"}` for a mapped record,
/// `{"file", "status", "stage", "reason"}` for a rejected one.
pub fn run(args: &RowsArgs) -> Result<ExitCode> {
    let contract = match &args.contract {
        Some(path) => Contract::load(path)?,
        None => Contract::embedded()?,
    };
    let files = record_files(&args.inputs)?;
    let mut parser = Parser::new(&contract);
    let mapper = Mapper::new(&contract, Utc::now().naive_utc());
    let mut out = BufWriter::new(io::stdout().lock());
    for path in &files {
        let bytes = std::fs::read(path).map_err(|cause| unreadable(path, cause))?;
        let line = line(path, bytes, &contract, &mut parser, &mapper);
        match writeln!(out, "{line}") {
            // Whoever reads has seen enough.
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

fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::caused(ErrorKind::Environment, format!("cannot read {}", path.display()), cause)
}

fn unwritable(cause: io::Error) -> Error {
    Error::caused(ErrorKind::Environment, "cannot write to stdout", cause)
}

/// The files named, and those ending in `.xml` of the folders named, sorted within each folder.
fn record_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(input).map_err(|cause| unreadable(input, cause))? {
            let path = entry.map_err(|cause| unreadable(input, cause))?.path();
            if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml")) {
                inside.push(path);
            }
        }
        if inside.is_empty() {
            return Err(Error::environment(format!("{} has no .xml file", input.display())));
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

fn line(
    path: &Path,
    bytes: Vec<u8>,
    contract: &Contract,
    parser: &mut Parser<'_>,
    mapper: &Mapper<'_>,
) -> Json {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match map_one(bytes, parser, mapper) {
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

fn map_one(
    bytes: Vec<u8>,
    parser: &mut Parser<'_>,
    mapper: &Mapper<'_>,
) -> std::result::Result<(String, RowSet), Reject> {
    let valid = validate(RawRecord { key: 0, bytes: Some(bytes) })?;
    let mut parsed = parser.parse(&valid)?;
    let rows = mapper.map(&parsed);
    let app_id = std::mem::take(&mut parsed.app_id);
    parser.recycle(parsed);
    Ok((app_id, rows?))
}

fn tables(contract: &Contract, rows: &RowSet) -> Map<String, Json> {
    let mut tables = Map::new();
    for table in &rows.tables {
        let own = &contract.tables[table.table];
        let row = |row: &crate::record::Row| -> Json {
            let cells = row
                .cells
                .iter()
                .map(|cell| (own.columns[usize::from(cell.column)].clone(), json_of(&cell.value)));
            Json::Object(cells.collect())
        };
        tables.insert(own.name.clone(), table.rows.iter().map(row).collect());
    }
    tables
}

/// Numbers as numbers where JSON has them; NaN and what exceeds 64 bits as text.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => json!(number),
        Value::BigInt(digits) => json!(digits),
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Float(number) => json!(number.to_string()),
        Value::Bool(truth) => json!(truth),
        Value::Text(text) => json!(text),
        Value::Timestamp(timestamp) => json!(iso_text(*timestamp, 'T')),
    }
}
