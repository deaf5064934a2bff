//! Compares mappings with the columns that they fill, of the store or else of the catalogue.

use super::mapping::{DIGITS, answers_always, calculates};
use super::pair::{CompiledMapping, ContractPair};
use super::presence::{TargetKind, Targets, span_of};
use super::words::listed;
use crate::contract::catalogue::SqlType;
use crate::contract::convert::DataType;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::model::{DataLength, RowKind};
use crate::contract::shape::{ColumnCapacity, ColumnShape, TableShape, TypeClass};

/// Warns about types, lengths, nullability and unmapped columns.
pub(super) fn warn(pair: ContractPair<'_>, targets: Targets<'_>, found: &mut Vec<Diagnostic>) {
    let compiled = pair.compiled();
    for (index, own) in pair.contract.tables.iter().enumerate() {
        let of = |origin| Some((origin, targets.table(origin, &own.name)?));
        let Some((origin, table)) = of(TargetKind::Store).or_else(|| of(TargetKind::Catalogue))
        else {
            continue;
        };
        for mapping in compiled.iter().filter(|mapping| mapping.table == index) {
            if let Some(column) = column_of(origin, table, mapping) {
                compare(pair, mapping, origin, column, found);
            }
        }
        unmapped(pair, origin, table, &own.columns, found);
    }
}

/// Column that a mapping fills. Rows with one member have fixed columns.
fn column_of<'t>(
    origin: TargetKind,
    table: &'t TableShape,
    compiled: &CompiledMapping<'_>,
) -> Option<&'t ColumnShape> {
    let name = match compiled.makes {
        Some(RowKind::Score) => "score",
        Some(kind) if !kind.shares_rows() => return None,
        _ => compiled.written.value.column(),
    };
    origin.column(table, name)
}

fn compare(
    pair: ContractPair<'_>,
    compiled: &CompiledMapping<'_>,
    origin: TargetKind,
    column: &ColumnShape,
    found: &mut Vec<Diagnostic>,
) {
    let name = format!("{}.{}", compiled.written.value.table(), column.name);
    // Warranty texts are stored unchanged, whatever the data type (contract.md 11.7).
    if compiled.makes != Some(RowKind::Warranty) {
        data_type(compiled, origin, column, &name, found);
        length(compiled, column, &name, found);
    }
    nullability(pair, compiled, column, found);
}

fn data_type(
    compiled: &CompiledMapping<'_>,
    origin: TargetKind,
    column: &ColumnShape,
    name: &str,
    found: &mut Vec<Diagnostic>,
) {
    let data_type = compiled.mapping.data_type;
    let agrees = match &column.holds {
        ColumnCapacity::Exactly(sql_type) => is_of_type(data_type, *sql_type),
        ColumnCapacity::OfClass(class) => class_of(data_type) == *class,
        ColumnCapacity::Other(_) => false,
    };
    if !agrees {
        let written = compiled.written.value.data_type.as_deref().unwrap_or_default();
        let holder = if origin == TargetKind::Store { "the store" } else { "the table" };
        let message = format!("{name} is {} in {holder}, but {written} here", column.holds);
        found.push(compiled.written.diagnostic(Code::TypeDiffers, "data_type", message));
    }
}

fn is_of_type(data_type: DataType, sql_type: SqlType) -> bool {
    match sql_type {
        SqlType::TinyInt => data_type == DataType::TinyInt,
        SqlType::SmallInt => data_type == DataType::SmallInt,
        SqlType::Int => data_type == DataType::Int,
        SqlType::BigInt => data_type == DataType::BigInt,
        SqlType::Bit => matches!(data_type, DataType::Bit | DataType::Boolean),
        SqlType::Decimal { .. } => data_type == DataType::Decimal,
        SqlType::Float => data_type == DataType::Float,
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_) => {
            matches!(data_type, DataType::String | DataType::Other)
        }
        SqlType::Date => data_type == DataType::Date,
        SqlType::DateTime | SqlType::DateTime2(_) => data_type == DataType::DateTime,
        SqlType::SmallDateTime => data_type == DataType::SmallDateTime,
    }
}

/// Class in which a store with few types keeps values of a data type.
fn class_of(data_type: DataType) -> TypeClass {
    match data_type {
        DataType::TinyInt
        | DataType::SmallInt
        | DataType::Int
        | DataType::BigInt
        | DataType::Bit
        | DataType::Boolean => TypeClass::Whole,
        DataType::Float => TypeClass::Real,
        DataType::Decimal
        | DataType::DateTime
        | DataType::SmallDateTime
        | DataType::Date
        | DataType::String
        | DataType::Other => TypeClass::Text,
    }
}

fn length(
    compiled: &CompiledMapping<'_>,
    column: &ColumnShape,
    name: &str,
    found: &mut Vec<Diagnostic>,
) {
    let length = compiled.mapping.length;
    // A class alone does not tell the length.
    let ColumnCapacity::Exactly(sql_type) = column.holds else { return };
    let message = match (sql_type, compiled.mapping.data_type) {
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
                DataLength::Number(digits)
                    if compiled.makes.is_none() && !calculates(compiled.mapping) =>
                {
                    digits
                }
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
        found.push(compiled.written.diagnostic(Code::LengthDiffers, "data_length", message));
    }
}

fn text_length(length: DataLength, held: i64) -> Option<String> {
    match length {
        DataLength::Number(length) if length > held => Some(format!(
            "is cut to {length} characters, but holds {held}: a longer text makes the record fail"
        )),
        DataLength::Number(length) if (1..held).contains(&length) => {
            Some(format!("is cut to {length} characters, but holds {held}"))
        }
        DataLength::None | DataLength::Unusable => {
            Some(format!("is not cut, but holds {held}: a longer text makes the record fail"))
        }
        DataLength::Number(_) => None,
    }
}

fn nullability(
    pair: ContractPair<'_>,
    compiled: &CompiledMapping<'_>,
    column: &ColumnShape,
    found: &mut Vec<Diagnostic>,
) {
    let mapping = compiled.mapping;
    let never_null = answers_always(pair.contract, mapping.chain.first());
    if mapping.nullable == column.nullable || never_null || column.identity {
        return;
    }
    let name = compiled.name();
    let message = if column.nullable {
        format!("{name} accepts null, but is not nullable here")
    } else if column.has_default {
        format!("{name} is NOT NULL: if left out, it gets the column's default")
    } else {
        format!("{name} is NOT NULL without a default: if left out, the record fails")
    };
    found.push(compiled.written.diagnostic(Code::NullabilityDiffers, "nullable", message));
}

/// Columns that rows do not name and the store does not fill.
fn unmapped(
    pair: ContractPair<'_>,
    origin: TargetKind,
    table: &TableShape,
    named: &[String],
    found: &mut Vec<Diagnostic>,
) {
    let is_named = |column: &ColumnShape| {
        named.iter().any(|name| origin.column(table, name).is_some_and(|own| own == column))
    };
    let columns: Vec<&ColumnShape> = table
        .columns
        .iter()
        .filter(|column| !(is_named(column) || column.identity || column.computed))
        .collect();
    if columns.is_empty() {
        return;
    }
    let needed = |column: &&&ColumnShape| !column.nullable && !column.has_default;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut message = format!("no mapping fills {} of {}", listed(&names), table.name);
    if let Some(column) = columns.iter().find(needed) {
        let all = format!(": {} is NOT NULL without a default, so every row fails", column.name);
        message.push_str(&all);
    }
    let (path, span) = span_of(pair.draft, &table.name);
    found.push(Diagnostic::new(Code::UnmappedColumns, path, span, message));
}
