//! Mappings against the columns of the table catalogue.

use super::mapping::answers_always;
use super::pair::{Compiled, Pair};
use super::words::listed;
use crate::contract::catalogue::{Catalogue, Column, SqlType, Table};
use crate::contract::convert::DataType;
use crate::contract::finding::{Code, Finding};
use crate::contract::json::{Node, Place};
use crate::contract::model::{DataLength, RowKind};

/// Fraction digits of a decimal without a length (contract.md 10.2).
const DIGITS: i64 = 2;

/// Warns about tables, columns, types, lengths and nullability.
pub(super) fn warn(pair: Pair<'_>, catalogue: &Catalogue, found: &mut Vec<Finding>) {
    let compiled = pair.compiled();
    for (index, own) in pair.contract.tables.iter().enumerate() {
        let mappings: Vec<_> = compiled.iter().filter(|m| m.table == index).collect();
        let Some(first) = mappings.first() else { continue };
        let Some(table) = catalogue.table(&own.name).map(|at| &catalogue.tables[at]) else {
            let message = format!("the catalogue has no table {}", own.name);
            found.push(first.written.finding(Code::MISSING_TABLE, "target_table", message));
            continue;
        };
        lacking(table, &own.columns, &mappings, found);
        for mapping in &mappings {
            if let Some(column) = column_of(table, mapping) {
                compare(pair, mapping, column, found);
            }
        }
        unmapped(pair, table, &own.columns, first, found);
    }
}

/// The catalogue's column that a mapping fills; rows of one member have columns of their own.
fn column_of<'t>(table: &'t Table, compiled: &Compiled<'_>) -> Option<&'t Column> {
    let name = match compiled.makes {
        Some(RowKind::Score) => "score",
        Some(kind) if !kind.shares_rows() => return None,
        _ => compiled.written.value.column(),
    };
    table.column(name).map(|at| &table.columns[at])
}

/// Columns that rows name and the table lacks.
fn lacking(table: &Table, named: &[String], mappings: &[&Compiled<'_>], found: &mut Vec<Finding>) {
    for name in named {
        let column = table.column(name).map(|at| &table.columns[at]);
        let what = match column {
            None => "has no column",
            Some(column) if column.computed.is_some() => "computes its column",
            Some(_) => continue,
        };
        let own = mappings.iter().find(|m| m.written.value.column() == name);
        let Some(mapping) = own.or(mappings.first()) else { continue };
        let message = format!("{} {what} {name}", table.name);
        let key = if own.is_some() { "target_column" } else { "target_table" };
        found.push(mapping.written.finding(Code::LACKING_COLUMN, key, message));
    }
}

fn compare(pair: Pair<'_>, compiled: &Compiled<'_>, column: &Column, found: &mut Vec<Finding>) {
    let name = format!("{}.{}", compiled.written.value.table(), column.name);
    // Texts of warranties are stored as they are, whatever the data type (contract.md 11.7).
    if compiled.makes != Some(RowKind::Warranty) {
        data_type(compiled, column, &name, found);
        length(compiled, column, &name, found);
    }
    nullability(pair, compiled, column, found);
}

fn data_type(compiled: &Compiled<'_>, column: &Column, name: &str, found: &mut Vec<Finding>) {
    let agrees = match column.sql_type {
        SqlType::TinyInt => compiled.mapping.data_type == DataType::TinyInt,
        SqlType::SmallInt => compiled.mapping.data_type == DataType::SmallInt,
        SqlType::Int => compiled.mapping.data_type == DataType::Int,
        SqlType::BigInt => compiled.mapping.data_type == DataType::BigInt,
        SqlType::Bit => {
            matches!(compiled.mapping.data_type, DataType::Bit | DataType::Boolean)
        }
        SqlType::Decimal { .. } => compiled.mapping.data_type == DataType::Decimal,
        SqlType::Float => compiled.mapping.data_type == DataType::Float,
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_) => {
            matches!(compiled.mapping.data_type, DataType::String | DataType::Other)
        }
        SqlType::Date => compiled.mapping.data_type == DataType::Date,
        SqlType::DateTime | SqlType::DateTime2(_) => {
            compiled.mapping.data_type == DataType::DateTime
        }
        SqlType::SmallDateTime => compiled.mapping.data_type == DataType::SmallDateTime,
    };
    if !agrees {
        let written = compiled.written.value.data_type.as_deref().unwrap_or_default();
        let message = format!("{name} is {} in the table and {written} here", column.sql_type);
        found.push(compiled.written.finding(Code::TYPE_DIFFERS, "data_type", message));
    }
}

fn length(compiled: &Compiled<'_>, column: &Column, name: &str, found: &mut Vec<Finding>) {
    let length = compiled.mapping.length;
    let message = match (column.sql_type, compiled.mapping.data_type) {
        (
            SqlType::Char(held) | SqlType::VarChar(Some(held)) | SqlType::NVarChar(Some(held)),
            DataType::String | DataType::Other,
        ) if compiled.makes.is_none() => text_length(length, i64::from(held)),
        (SqlType::VarChar(None) | SqlType::NVarChar(None), DataType::String) => match length {
            DataLength::Number(length) if length > 0 => {
                Some(format!("is cut to {length} characters, and the column has no limit"))
            }
            _ => None,
        },
        (SqlType::Decimal { scale, .. }, DataType::Decimal) => {
            let digits = match length {
                DataLength::Number(digits) if compiled.makes.is_none() => digits,
                DataLength::Unusable => return,
                _ => DIGITS,
            };
            let differs = digits != i64::from(scale);
            differs.then(|| format!("is rounded to {digits} digits, and the column has {scale}"))
        }
        _ => None,
    };
    if let Some(message) = message {
        let message = format!("{name} {message}");
        found.push(compiled.written.finding(Code::LENGTH_DIFFERS, "data_length", message));
    }
}

fn text_length(length: DataLength, held: i64) -> Option<String> {
    match length {
        DataLength::Number(length) if length > held => Some(format!(
            "is cut to {length} characters, but holds {held}: longer texts make the record fail"
        )),
        DataLength::Number(length) if (1..held).contains(&length) => {
            Some(format!("is cut to {length} characters, but holds {held}"))
        }
        DataLength::None | DataLength::Unusable => {
            Some(format!("is not cut, but holds {held}: longer texts make the record fail"))
        }
        DataLength::Number(_) => None,
    }
}

fn nullability(pair: Pair<'_>, compiled: &Compiled<'_>, column: &Column, found: &mut Vec<Finding>) {
    let mapping = compiled.mapping;
    let never_null = answers_always(pair.contract, mapping.chain.first());
    if mapping.nullable == column.nullable || never_null || column.identity {
        return;
    }
    let name = compiled.name();
    let message = if column.nullable {
        format!("{name} takes null, and is not nullable here")
    } else if column.default.is_some() {
        format!("{name} is NOT NULL: left out, it gets the column's default")
    } else {
        format!("{name} is NOT NULL without a default: left out, it makes the record fail")
    };
    found.push(compiled.written.finding(Code::NULLABILITY_DIFFERS, "nullable", message));
}

/// Columns that rows do not name and the store does not fill by itself.
fn unmapped(
    pair: Pair<'_>,
    table: &Table,
    named: &[String],
    first: &Compiled<'_>,
    found: &mut Vec<Finding>,
) {
    let missing = |column: &&Column| {
        !named.contains(&column.name) && !column.identity && column.computed.is_none()
    };
    let columns: Vec<&Column> = table.columns.iter().filter(missing).collect();
    if columns.is_empty() {
        return;
    }
    let needed = |column: &&&Column| !column.nullable && column.default.is_none();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut message = format!("nothing maps {} of {}", listed(&names), table.name);
    if let Some(column) = columns.iter().find(needed) {
        let all = format!(": {} is NOT NULL without a default, so every row fails", column.name);
        message.push_str(&all);
    }
    let (path, place) = order_entry(pair, &table.name)
        .unwrap_or_else(|| (first.written.path.clone(), first.written.node.place));
    found.push(Finding::new(Code::UNMAPPED_COLUMNS, path, place, message));
}

/// A table's entry in the order of insertion.
fn order_entry(pair: Pair<'_>, table: &str) -> Option<(String, Place)> {
    let order = pair.draft.root.get("table_insertion_order").map_or(&[][..], Node::items);
    let index = order.iter().position(|node| node.text() == Some(table))?;
    Some((format!("table_insertion_order[{index}]"), order[index].place))
}
