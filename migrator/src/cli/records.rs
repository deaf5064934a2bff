//! Record files: finds, reads and maps them one at a time, and shows their values as JSON.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::contract::convert::iso_text;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{ParsedRecord, RawRecord, Reject, RowSet, Value};
use crate::stage::map::Mapper;
use crate::stage::map::observe::MapObserver;
use crate::stage::parse::Parser;
use crate::stage::validate::validate;

/// The given files, and the `.xml` files of the given folders, sorted within each folder.
pub(super) fn record_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
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

/// Reads a record file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::caused(ErrorKind::Environment, format!("cannot read {}", path.display()), cause)
}

/// Name of the file without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Validates and parses the bytes of one record.
///
/// # Errors
/// The stage and the reason of a reject.
pub(super) fn parse(
    bytes: Vec<u8>,
    parser: &mut Parser<'_>,
) -> std::result::Result<ParsedRecord, Reject> {
    parser.parse(&validate(RawRecord { key: 0, bytes: Some(bytes) })?)
}

/// Maps the bytes of one record and reports the events to an observer. Returns its `app_id` and its
/// rows.
///
/// # Errors
/// The stage and the reason of a reject.
pub(super) fn map<O: MapObserver>(
    bytes: Vec<u8>,
    parser: &mut Parser<'_>,
    mapper: &Mapper<'_>,
    observer: &O,
) -> std::result::Result<(String, RowSet), Reject> {
    let mut parsed = parse(bytes, parser)?;
    let rows = mapper.map_observed(&parsed, observer);
    let app_id = std::mem::take(&mut parsed.app_id);
    parser.recycle(parsed);
    Ok((app_id, rows?))
}

/// A value in JSON. NaN, and integers beyond 64 bits, become text.
pub(super) fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => json!(number),
        Value::BigInt(digits) => json!(digits),
        Value::Float(number) if number.is_finite() => json!(number),
        Value::Float(number) => json!(number.to_string()),
        Value::Bool(truth) => json!(truth),
        Value::Text(text) => json!(text.as_str()),
        Value::Timestamp(timestamp) => json!(iso_text(*timestamp, 'T')),
    }
}
