//! Requests of the client: batches, calls with typed parameters, transactions.

use crate::data::types::{Type, WireType};
use crate::data::values::{Datum, ReadFailure, read_value};
use crate::data::wire::{Malformed, Read, Reader};

/// Maximum parameters of one call, including the two of `sp_executesql` itself.
pub(crate) const PARAMETERS_MAX: usize = 2_100;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) procedure: Procedure,
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Procedure {
    Number(u16),
    Name(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) value: Datum,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transaction {
    Begin,
    Commit,
    Rollback(String),
    Save(String),
}

/// The transaction of a request, from its headers. The reader continues after them.
pub(crate) fn descriptor(reader: &mut Reader<'_>) -> Read<u64> {
    let total = usize::try_from(reader.u32()?).unwrap_or(0);
    let mut headers = Reader::new(reader.take(total.saturating_sub(4))?);
    let mut found = 0;
    while !headers.is_empty() {
        let length = usize::try_from(headers.u32()?).unwrap_or(0);
        let mut header = Reader::new(headers.take(length.saturating_sub(4))?);
        if header.u16()? == 2 {
            found = header.u64()?;
        }
    }
    Ok(found)
}

pub(crate) fn batch(reader: &mut Reader<'_>) -> Read<String> {
    crate::data::wire::utf16(reader.rest())
}

pub(crate) fn call(reader: &mut Reader<'_>) -> Read<Call> {
    let procedure = match reader.u16()? {
        0xFFFF => Procedure::Number(reader.u16()?),
        length => Procedure::Name(reader.utf16(usize::from(length) * 2)?),
    };
    reader.u16()?;
    let mut parameters = Vec::new();
    while !reader.is_empty() {
        let name = reader.b_varchar()?;
        reader.u8()?;
        let of = WireType::read(reader)?;
        let value = read_value(reader, of).map_err(|why| match why {
            ReadFailure::Malformed(malformed) => malformed,
            ReadFailure::Width => Malformed(format!("parameter {name} is not as wide as its type")),
        })?;
        parameters.push(Parameter { name, of: of.of, value });
    }
    Ok(Call { procedure, parameters })
}

/// A request to the transaction manager. The length of a savepoint's name is in bytes. A client
/// that counts characters leaves half of it unread, which is an error.
pub(crate) fn transaction(reader: &mut Reader<'_>) -> Read<Transaction> {
    let kind = reader.u16()?;
    let request = match kind {
        5 => {
            let level = reader.u8()?;
            reader.b_varchar()?;
            // Unspecified and READ COMMITTED are one here; the others are not in the grammar.
            if ![0, 2].contains(&level) {
                return Err(Malformed(format!("isolation level {level} is not known here")));
            }
            Transaction::Begin
        }
        7 => {
            reader.b_varchar()?;
            reader.u8()?;
            Transaction::Commit
        }
        8 => {
            let name = reader.b_varchar()?;
            reader.u8()?;
            Transaction::Rollback(name)
        }
        9 => {
            let bytes = usize::from(reader.u8()?);
            Transaction::Save(reader.utf16(bytes)?)
        }
        other => return Err(Malformed(format!("transaction request {other} is unknown"))),
    };
    if reader.is_empty() {
        Ok(request)
    } else {
        Err(Malformed("more than was announced".to_owned()))
    }
}
