//! Values of the embedded store: binding, reading and constraint violations.

use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, Statement, ffi};

use crate::contract::catalogue::SqlType;
use crate::record::SqlValue;

use super::super::{Rule, StoredValue, Violation, canonical};

pub(super) fn stored(value: ValueRef<'_>, place: usize) -> rusqlite::Result<StoredValue<'_>> {
    match value {
        ValueRef::Null => Ok(StoredValue::Null),
        ValueRef::Integer(number) => Ok(StoredValue::Int(number)),
        ValueRef::Real(number) => Ok(StoredValue::Float(number)),
        ValueRef::Text(_) => Ok(StoredValue::Text(value.as_str()?)),
        ValueRef::Blob(_) => Err(rusqlite::Error::InvalidColumnType(
            place,
            "a column without blobs".to_owned(),
            value.data_type(),
        )),
    }
}

/// Buffer for text forms, reused so that a value needs no allocation.
pub(super) type Scratch = String;

pub(super) fn bind_row(
    statement: &mut Statement<'_>,
    first: usize,
    columns: &[(usize, SqlType)],
    row: &[SqlValue],
    scratch: &mut Scratch,
) -> rusqlite::Result<()> {
    for (place, &(column, sql_type)) in columns.iter().enumerate() {
        bind(statement, first + place + 1, &row[column], sql_type, scratch)?;
    }
    Ok(())
}

pub(super) fn bind(
    statement: &mut Statement<'_>,
    parameter: usize,
    value: &SqlValue,
    sql_type: SqlType,
    scratch: &mut Scratch,
) -> rusqlite::Result<()> {
    scratch.clear();
    match value {
        SqlValue::Null => return statement.raw_bind_parameter(parameter, rusqlite::types::Null),
        SqlValue::Bit(bit) => return statement.raw_bind_parameter(parameter, *bit),
        SqlValue::Int(number) => return statement.raw_bind_parameter(parameter, *number),
        SqlValue::Float(number) => return statement.raw_bind_parameter(parameter, *number),
        SqlValue::Text(text) => return statement.raw_bind_parameter(parameter, &**text),
        SqlValue::Decimal { units, scale } => canonical::push_decimal(scratch, *units, *scale),
        SqlValue::Date(date) => canonical::push_date(scratch, *date),
        SqlValue::DateTime(time) => {
            canonical::push_date_time(scratch, *time, canonical::fraction_digits(sql_type));
        }
    }
    statement.raw_bind_parameter(parameter, scratch.as_str())
}

/// The violation behind an error. `None` if the error is not about data.
pub(super) fn violation(error: &rusqlite::Error) -> Option<Violation> {
    let rusqlite::Error::SqliteFailure(failure, message) = error else { return None };
    let rule = match (failure.code, failure.extended_code) {
        (
            ErrorCode::ConstraintViolation,
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => Rule::Key,
        (ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Rule::Reference,
        (ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT_NOTNULL) => Rule::NotNull,
        (ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch, _) => {
            Rule::Other
        }
        _ => return None,
    };
    let message = message.clone().unwrap_or_else(|| failure.to_string());
    let columns = columns_in(&message);
    Some(Violation { rule, columns, message, ended_transaction: false })
}

/// Columns named in `… constraint failed: table.column, table.column` and in `cannot store TEXT
/// value in INTEGER column table.column`.
fn columns_in(message: &str) -> Vec<String> {
    let list = match message.split_once("failed: ") {
        Some((_, list)) => list,
        None => message.rsplit(' ').next().unwrap_or_default(),
    };
    list.split(", ").filter_map(|name| name.split_once('.')).map(|(_, name)| name.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_the_stores_messages() {
        for (message, columns) in [
            ("UNIQUE constraint failed: t.a, t.b", vec!["a", "b"]),
            ("NOT NULL constraint failed: t.a", vec!["a"]),
            ("FOREIGN KEY constraint failed", vec![]),
            ("cannot store TEXT value in INTEGER column t.a", vec!["a"]),
        ] {
            assert_eq!(columns_in(message), columns, "{message}");
        }
    }
}
