//! Bulk loads: the announcement by `INSERT BULK`, and the rows that follow it.

use std::sync::Arc;

use crate::data::convert::{convert, declared_length};
use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Type, WireType};
use crate::data::values::{Datum, ReadFailure, read_value};
use crate::data::wire::{Malformed, Reader};
use crate::engine::catalog::Table;
use crate::engine::change::IncomingRows;
use crate::engine::session::{Engine, Session};
use crate::sql::ast::Name;

/// Table and columns that receive the rows of the next bulk message.
pub(crate) struct BulkTarget {
    table: Arc<Table>,
    columns: Vec<usize>,
    declared: Vec<Type>,
    check_constraints: bool,
    keep_nulls: bool,
}

impl BulkTarget {
    pub(crate) fn new(
        session: &Session,
        table: &Name,
        columns: &[(String, Type)],
        options: &[String],
    ) -> Sql<Self> {
        let table = Arc::clone(session.catalog().table(table)?);
        let mut places = Vec::new();
        for (name, _) in columns {
            let place = table.place(name)?;
            if table.columns[place].computed.is_some() {
                let message = format!(
                    "The column \"{name}\" cannot be modified because it is a computed column."
                );
                return Err(SqlError::new(271, 16, Effect::Compile, message));
            }
            places.push(place);
        }
        Ok(Self {
            table,
            columns: places,
            declared: columns.iter().map(|(_, of)| *of).collect(),
            check_constraints: options.iter().any(|option| option == "CHECK_CONSTRAINTS"),
            keep_nulls: options.iter().any(|option| option == "KEEP_NULLS"),
        })
    }
}

impl Session {
    /// Loads the rows of a bulk message, all of them or none.
    pub(crate) fn load(&mut self, body: &[u8]) -> Sql<u64> {
        let Some(target) = self.bulk.take() else {
            return Err(SqlError::stream("Bulk rows without INSERT BULK."));
        };
        let mut reader = Reader::new(body);
        let types = column_types(&mut reader, &target)?;
        let rows = read_rows(&mut reader, &target, &types)?;
        let count = rows.len() as u64;
        let sql_server = self.engine == Engine::SqlServer;
        let incoming = IncomingRows {
            columns: target.columns,
            types: target.declared,
            rows,
            check_foreign_keys: target.check_constraints && sql_server,
            check_conditions: target.check_constraints,
        };
        let table = target.table;
        let loaded = self.change(|session| session.keep(&table, &incoming));
        loaded.map(|_| count).map_err(|error| match self.engine {
            Engine::SqlServer => error,
            Engine::Babelfish => SqlError { effect: Effect::Transaction, ..error },
        })
    }
}

/// The types in which the client sends its values, checked against its declaration.
fn column_types(reader: &mut Reader<'_>, target: &BulkTarget) -> Sql<Vec<WireType>> {
    if reader.u8()? != 0x81 {
        return Err(SqlError::stream("Bulk rows without their columns."));
    }
    let count = usize::from(reader.u16()?);
    if count != target.columns.len() {
        return Err(SqlError::stream("Other columns than INSERT BULK named."));
    }
    let mut types = Vec::with_capacity(count);
    for place in 0..count {
        reader.u32()?;
        reader.u16()?;
        let of = WireType::read(reader)?;
        reader.b_varchar()?;
        if !fits_declaration(target.declared[place], of.of) {
            return Err(SqlError::bulk_type(place + 1));
        }
        types.push(of);
    }
    Ok(types)
}

/// Returns true if a column of the declared type accepts values of the sent type. A shorter text
/// fits. A text of limited length for `max` does not fit, nor does another precision, scale or width.
fn fits_declaration(declared: Type, sent: Type) -> bool {
    match (declared, sent) {
        (Type::VarChar(None), Type::VarChar(Some(_)))
        | (Type::NVarChar(None), Type::NVarChar(Some(_)))
        | (Type::VarBinary(None), Type::VarBinary(Some(_))) => false,
        (Type::VarChar(_), Type::VarChar(_))
        | (Type::NVarChar(_), Type::NVarChar(_))
        | (Type::VarBinary(_), Type::VarBinary(_))
        | (Type::Char(_), Type::Char(_))
        | (Type::NChar(_), Type::NChar(_))
        | (Type::Binary(_), Type::Binary(_)) => {
            declared_length(declared).unwrap_or(usize::MAX)
                >= declared_length(sent).unwrap_or(usize::MAX)
        }
        (declared, sent) => declared == sent,
    }
}

fn read_rows(
    reader: &mut Reader<'_>,
    target: &BulkTarget,
    types: &[WireType],
) -> Sql<Vec<Vec<Option<Datum>>>> {
    let mut rows = Vec::new();
    loop {
        match reader.u8()? {
            0xD1 => {
                let mut row = Vec::with_capacity(types.len());
                for (place, of) in types.iter().enumerate() {
                    let value = read_value(reader, *of).map_err(|why| match why {
                        ReadFailure::Width => SqlError::bulk_type(place + 1),
                        ReadFailure::Malformed(malformed) => malformed.into(),
                    })?;
                    let value = convert(&value, of.of, target.declared[place])?;
                    row.push(if value.is_null() && !target.keep_nulls {
                        None
                    } else {
                        Some(value)
                    });
                }
                rows.push(row);
            }
            0xFD => return Ok(rows),
            other => {
                return Err(Malformed(format!("token {other:#04x} among bulk rows")).into());
            }
        }
    }
}
