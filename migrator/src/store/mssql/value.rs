//! Values in TDS: conversion to parameters and bulk rows, and conversion of results to canonical
//! form.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use tiberius::ColumnData;
use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime, DateTime2, SmallDateTime, Time};

use crate::contract::catalogue::{Column, SqlType};
use crate::record::SqlValue;

use super::super::{StoredValue, canonical};

/// Maximum length of one value in a bulk load with `tiberius` 0.13, in bytes. It mistakes the
/// 0xFFFF that marks a `(max)` column for a length.
const BULK_BYTES_MAX: usize = 65_535;
/// Longest `nvarchar` that `tiberius` 0.13 declares as such in a bulk load. It mistakes bytes for
/// characters and declares more than 4,000 as `(max)`.
const BULK_NVARCHAR_MAX: u16 = 2_000;
/// Days from 0001-01-01, which is day 1, to 1900-01-01.
const DAYS_TO_1900: i32 = 693_596;
const TICKS_PER_SECOND: u64 = 300;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A value as a parameter. `None` if it does not have the column's type.
///
/// Decimals travel as text, and [`super::sql`] casts them. As numbers they would be declared with
/// their own number of digits, and nearly every statement would need a plan of its own.
pub(crate) fn parameter(value: &SqlValue, sql_type: SqlType) -> Option<ColumnData<'_>> {
    match (sql_type, value) {
        (SqlType::Decimal { .. }, SqlValue::Null) => Some(ColumnData::String(None)),
        (SqlType::Decimal { scale, .. }, SqlValue::Decimal { units, scale: own })
            if *own == scale =>
        {
            let mut text = String::new();
            canonical::push_decimal(&mut text, *units, scale);
            Some(ColumnData::String(Some(text.into())))
        }
        _ => bulk_value(value, sql_type),
    }
}

/// A value in a bulk row, in exactly the column's type: the protocol's integers are as wide as
/// their columns. `None` if it does not have that type.
pub(crate) fn bulk_value(value: &SqlValue, sql_type: SqlType) -> Option<ColumnData<'_>> {
    Some(match (sql_type, value) {
        (sql_type, SqlValue::Null) => null(sql_type),
        (SqlType::TinyInt, SqlValue::Int(n)) => ColumnData::U8(Some(u8::try_from(*n).ok()?)),
        (SqlType::SmallInt, SqlValue::Int(n)) => ColumnData::I16(Some(i16::try_from(*n).ok()?)),
        (SqlType::Int, SqlValue::Int(n)) => ColumnData::I32(Some(i32::try_from(*n).ok()?)),
        (SqlType::BigInt, SqlValue::Int(n)) => ColumnData::I64(Some(*n)),
        (SqlType::Bit, SqlValue::Bit(bit)) => ColumnData::Bit(Some(*bit)),
        (SqlType::Decimal { scale, .. }, SqlValue::Decimal { units, scale: own })
            if *own == scale =>
        {
            ColumnData::Numeric(Some(Numeric::new_with_scale(*units, scale)))
        }
        (SqlType::Float, SqlValue::Float(number)) => ColumnData::F64(Some(*number)),
        (SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_), SqlValue::Text(text)) => {
            ColumnData::String(Some(Cow::Borrowed(text)))
        }
        (SqlType::Date, SqlValue::Date(date)) => ColumnData::Date(Some(day(*date)?)),
        (SqlType::DateTime, SqlValue::DateTime(time)) => {
            ColumnData::DateTime(Some(DateTime::new(days_from_1900(*time), ticks(*time)?)))
        }
        (SqlType::SmallDateTime, SqlValue::DateTime(time)) => {
            let days = u16::try_from(days_from_1900(*time)).ok()?;
            let minutes = u16::try_from(time.num_seconds_from_midnight() / 60).ok()?;
            ColumnData::SmallDateTime(Some(SmallDateTime::new(days, minutes)))
        }
        (SqlType::DateTime2(digits), SqlValue::DateTime(time)) => {
            let time_of_day = Time::new(increments(*time, digits), digits);
            ColumnData::DateTime2(Some(DateTime2::new(day(time.date())?, time_of_day)))
        }
        _ => return None,
    })
}

fn null(sql_type: SqlType) -> ColumnData<'static> {
    match sql_type {
        SqlType::TinyInt => ColumnData::U8(None),
        SqlType::SmallInt => ColumnData::I16(None),
        SqlType::Int => ColumnData::I32(None),
        SqlType::BigInt => ColumnData::I64(None),
        SqlType::Bit => ColumnData::Bit(None),
        SqlType::Decimal { .. } => ColumnData::Numeric(None),
        SqlType::Float => ColumnData::F64(None),
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_) => ColumnData::String(None),
        SqlType::Date => ColumnData::Date(None),
        SqlType::DateTime => ColumnData::DateTime(None),
        SqlType::SmallDateTime => ColumnData::SmallDateTime(None),
        SqlType::DateTime2(_) => ColumnData::DateTime2(None),
    }
}

/// True if bulk loads declare the column with its own type.
///
/// `tiberius` 0.13 declares a nullable `smalldatetime` as `datetime`, and an `nvarchar` of more
/// than 2,000 characters as `nvarchar(max)`. Rows of such tables are sent as parameters.
pub(crate) fn is_declared_right_in_bulk(column: &Column) -> bool {
    match column.sql_type {
        SqlType::SmallDateTime => !column.nullable,
        SqlType::NVarChar(Some(length)) => length <= BULK_NVARCHAR_MAX,
        _ => true,
    }
}

/// True if a bulk load can carry the value. A longer one is sent as a parameter.
pub(crate) fn fits_bulk(value: &SqlValue, sql_type: SqlType) -> bool {
    match (sql_type, value) {
        (SqlType::VarChar(None), SqlValue::Text(text)) => text.len() <= BULK_BYTES_MAX,
        (SqlType::NVarChar(None), SqlValue::Text(text)) => {
            text.len() <= BULK_BYTES_MAX / 2 || 2 * text.encode_utf16().count() <= BULK_BYTES_MAX
        }
        _ => true,
    }
}

fn day(date: NaiveDate) -> Option<Date> {
    u32::try_from(date.num_days_from_ce() - 1).ok().map(Date::new)
}

fn days_from_1900(time: NaiveDateTime) -> i32 {
    time.num_days_from_ce() - DAYS_TO_1900
}

/// Ticks of 1/300 s since midnight.
fn ticks(time: NaiveDateTime) -> Option<u32> {
    let nanos = u64::from(time.nanosecond()) * TICKS_PER_SECOND + NANOS_PER_SECOND / 2;
    let seconds = u64::from(time.num_seconds_from_midnight());
    u32::try_from(seconds * TICKS_PER_SECOND + nanos / NANOS_PER_SECOND).ok()
}

/// Units of 10^-`digits` s since midnight.
fn increments(time: NaiveDateTime, digits: u8) -> u64 {
    let nanos = u64::from(time.num_seconds_from_midnight()) * NANOS_PER_SECOND
        + u64::from(time.nanosecond());
    nanos / 10_u64.pow(9 - u32::from(digits.min(9)))
}

/// A value read from the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DecodedValue<'r> {
    /// Null.
    Null,
    /// An integer or a bit.
    Int(i64),
    /// A binary double.
    Float(f64),
    /// Any other type, in canonical form.
    Text(Cow<'r, str>),
}

impl DecodedValue<'_> {
    /// The value in the form of the store's traits.
    pub(crate) fn stored(&self) -> StoredValue<'_> {
        match self {
            Self::Null => StoredValue::Null,
            Self::Int(number) => StoredValue::Int(*number),
            Self::Float(number) => StoredValue::Float(*number),
            Self::Text(text) => StoredValue::Text(text),
        }
    }
}

/// Decodes a value of a column of type `sql_type`. Accepts a server that keeps the type in another
/// one of the same kind, with fewer digits or a wider integer.
///
/// # Errors
///
/// The value cannot come from such a column.
pub(crate) fn decode<'r>(
    data: &'r ColumnData<'_>,
    sql_type: SqlType,
) -> Result<DecodedValue<'r>, String> {
    let wrong = || format!("a column of type {sql_type} gives back {data:?}");
    match sql_type {
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt | SqlType::Bit => {
            whole(data)
                .map(|number| number.map_or(DecodedValue::Null, DecodedValue::Int))
                .ok_or_else(wrong)
        }
        SqlType::Float => match data {
            ColumnData::F64(number) => Ok(number.map_or(DecodedValue::Null, DecodedValue::Float)),
            _ => Err(wrong()),
        },
        SqlType::Decimal { scale, .. } => match data {
            ColumnData::Numeric(None) => Ok(DecodedValue::Null),
            ColumnData::Numeric(Some(number)) => {
                let units = rescaled(number.value(), number.scale(), scale).ok_or_else(wrong)?;
                let mut text = String::new();
                canonical::push_decimal(&mut text, units, scale);
                Ok(DecodedValue::Text(text.into()))
            }
            _ => Err(wrong()),
        },
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::NVarChar(_) => match data {
            ColumnData::String(None) => Ok(DecodedValue::Null),
            ColumnData::String(Some(text)) => Ok(DecodedValue::Text(Cow::Borrowed(text))),
            _ => Err(wrong()),
        },
        SqlType::Date | SqlType::DateTime | SqlType::SmallDateTime | SqlType::DateTime2(_) => {
            let Some(time) = point_in_time(data).ok_or_else(wrong)? else {
                return Ok(DecodedValue::Null);
            };
            let mut text = String::new();
            if sql_type == SqlType::Date {
                canonical::push_date(&mut text, time.date());
            } else {
                canonical::push_date_time(&mut text, time, canonical::fraction_digits(sql_type));
            }
            Ok(DecodedValue::Text(text.into()))
        }
    }
}

/// An integer of any width; the inner option is null. `None` for other values.
#[expect(clippy::option_option, reason = "null and another type are different answers")]
pub(crate) fn whole(data: &ColumnData<'_>) -> Option<Option<i64>> {
    Some(match data {
        ColumnData::U8(number) => number.map(i64::from),
        ColumnData::I16(number) => number.map(i64::from),
        ColumnData::I32(number) => number.map(i64::from),
        ColumnData::I64(number) => *number,
        ColumnData::Bit(bit) => bit.map(i64::from),
        _ => return None,
    })
}

fn rescaled(units: i128, from: u8, to: u8) -> Option<i128> {
    let factor = |digits: u8| 10_i128.checked_pow(digits.into());
    if to >= from {
        return units.checked_mul(factor(to - from)?);
    }
    let factor = factor(from - to)?;
    (units % factor == 0).then_some(units / factor)
}

/// A date or time of any type. `None` for other values and outside of the calendar.
#[expect(clippy::option_option, reason = "Some(None) is null, None is another type")]
fn point_in_time(data: &ColumnData<'_>) -> Option<Option<NaiveDateTime>> {
    match data {
        ColumnData::Date(None)
        | ColumnData::DateTime(None)
        | ColumnData::SmallDateTime(None)
        | ColumnData::DateTime2(None) => Some(None),
        ColumnData::Date(Some(date)) => on(i32::try_from(date.days()).ok()?, 0).map(Some),
        ColumnData::DateTime(Some(time)) => {
            let nanos = u64::from(time.seconds_fragments()) * NANOS_PER_SECOND;
            let nanos = (nanos + TICKS_PER_SECOND / 2) / TICKS_PER_SECOND;
            on(time.days().checked_add(DAYS_TO_1900 - 1)?, nanos).map(Some)
        }
        ColumnData::SmallDateTime(Some(time)) => {
            let nanos = u64::from(time.seconds_fragments()) * 60 * NANOS_PER_SECOND;
            on(i32::from(time.days()) + DAYS_TO_1900 - 1, nanos).map(Some)
        }
        ColumnData::DateTime2(Some(time)) => {
            let unit = 10_u64.checked_pow(9_u32.checked_sub(time.time().scale().into())?)?;
            let nanos = time.time().increments().checked_mul(unit)?;
            on(i32::try_from(time.date().days()).ok()?, nanos).map(Some)
        }
        _ => None,
    }
}

/// The time `days` days after 0001-01-01 and `nanos` nanoseconds after midnight.
fn on(days: i32, nanos: u64) -> Option<NaiveDateTime> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(1)?)?;
    let nanos = TimeDelta::nanoseconds(i64::try_from(nanos).ok()?);
    date.and_hms_opt(0, 0, 0)?.checked_add_signed(nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::column::coerce_value;
    use crate::record::Value;

    fn sql_type(text: &str) -> SqlType {
        SqlType::parse(text).unwrap()
    }

    fn coerced(text: &str, sql_type: SqlType) -> SqlValue {
        coerce_value(&Value::Text(text.into()), sql_type).unwrap()
    }

    /// Text of a value after encoding for the server and decoding.
    fn there_and_back(value: &SqlValue, sql_type: SqlType) -> String {
        let there = bulk_value(value, sql_type).unwrap();
        match decode(&there, sql_type).unwrap() {
            DecodedValue::Null => "null".to_owned(),
            DecodedValue::Int(number) => number.to_string(),
            DecodedValue::Float(number) => number.to_string(),
            DecodedValue::Text(text) => text.into_owned(),
        }
    }

    #[test]
    fn every_type_survives_a_round_trip() {
        for (name, text, back) in [
            ("tinyint", "255", "255"),
            ("smallint", "-32768", "-32768"),
            ("int", "2147483647", "2147483647"),
            ("bigint", "-9223372036854775808", "-9223372036854775808"),
            ("bit", "1", "1"),
            ("decimal(12,2)", "-0.05", "-0.05"),
            (
                "decimal(38,0)",
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999999",
            ),
            ("float", "0.1", "0.1"),
            ("char(3)", "a", "a  "),
            ("varchar(10)", "Zoë", "Zoë"),
            ("nvarchar(10)", "→ 😀", "→ 😀"),
            ("varchar(MAX)", "x", "x"),
            ("date", "0001-01-01", "0001-01-01"),
            ("date", "9999-12-31", "9999-12-31"),
            ("datetime", "1753-01-01", "1753-01-01 00:00:00.000"),
            ("datetime", "2026-01-31 23:59:59.997", "2026-01-31 23:59:59.997"),
            ("datetime", "2026-01-31 12:00:00.003", "2026-01-31 12:00:00.003"),
            ("smalldatetime", "2079-06-06 23:59", "2079-06-06 23:59:00"),
            ("smalldatetime", "1900-01-01", "1900-01-01 00:00:00"),
            ("datetime2(7)", "2026-01-31 23:59:59.9999999", "2026-01-31 23:59:59.9999999"),
            ("datetime2(0)", "2026-01-31 23:59:59", "2026-01-31 23:59:59"),
        ] {
            let sql_type = sql_type(name);
            assert_eq!(there_and_back(&coerced(text, sql_type), sql_type), back, "{name}");
            assert_eq!(there_and_back(&SqlValue::Null, sql_type), "null", "{name}");
        }
    }

    #[test]
    fn integers_are_as_wide_as_their_columns() {
        let one = SqlValue::Int(1);
        for (name, data) in [
            ("tinyint", ColumnData::U8(Some(1))),
            ("smallint", ColumnData::I16(Some(1))),
            ("int", ColumnData::I32(Some(1))),
            ("bigint", ColumnData::I64(Some(1))),
        ] {
            assert_eq!(bulk_value(&one, sql_type(name)), Some(data), "{name}");
        }
    }

    #[test]
    fn a_parameter_has_one_declaration_for_every_decimal() {
        let decimal = sql_type("decimal(12,2)");
        for (units, text) in [(5, "0.05"), (-123_456, "-1234.56")] {
            let value = SqlValue::Decimal { units, scale: 2 };
            let text = ColumnData::String(Some(text.into()));
            assert_eq!(parameter(&value, decimal), Some(text));
        }
        assert_eq!(parameter(&SqlValue::Null, decimal), Some(ColumnData::String(None)));
    }

    #[test]
    fn a_value_of_another_type_has_no_form() {
        for (value, name) in [
            (SqlValue::Text("six".into()), "smallint"),
            (SqlValue::Int(32_768), "smallint"),
            (SqlValue::Int(-1), "tinyint"),
            (SqlValue::Int(1), "bit"),
            (SqlValue::Decimal { units: 1, scale: 3 }, "decimal(5,2)"),
            (SqlValue::Int(1), "varchar(5)"),
            (SqlValue::Float(1.0), "decimal(5,2)"),
            (SqlValue::Date(NaiveDate::MIN), "date"),
        ] {
            assert_eq!(bulk_value(&value, sql_type(name)), None, "{name}");
            assert_eq!(parameter(&value, sql_type(name)), None, "{name}");
        }
    }

    #[test]
    fn values_unfit_for_bulk_are_detected() {
        let column = |name: &str, nullable| Column {
            name: "c".into(),
            sql_type: sql_type(name),
            nullable,
            default: None,
            identity: false,
            computed: None,
        };
        for (name, nullable, right) in [
            ("smalldatetime", true, false),
            ("smalldatetime", false, true),
            ("nvarchar(2000)", true, true),
            ("nvarchar(2001)", true, false),
            ("nvarchar(MAX)", true, true),
            ("varchar(8000)", true, true),
        ] {
            assert_eq!(is_declared_right_in_bulk(&column(name, nullable)), right, "{name}");
        }
        let text = |length| SqlValue::Text("a".repeat(length).into());
        for (length, name, fits) in [
            (65_535, "varchar(MAX)", true),
            (65_536, "varchar(MAX)", false),
            (32_767, "nvarchar(MAX)", true),
            (32_768, "nvarchar(MAX)", false),
            (8_000, "varchar(8000)", true),
        ] {
            assert_eq!(fits_bulk(&text(length), sql_type(name)), fits, "{length} {name}");
        }
        assert!(fits_bulk(&SqlValue::Text("→".repeat(32_767).into()), sql_type("nvarchar(MAX)")));
    }

    #[test]
    fn related_types_are_decoded() {
        let half = Numeric::new_with_scale(5, 1);
        for (data, name, text) in [
            (ColumnData::Numeric(Some(half)), "decimal(5,2)", "0.50"),
            (
                ColumnData::DateTime2(Some(DateTime2::new(Date::new(0), Time::new(1_234_560, 6)))),
                "datetime2(7)",
                "0001-01-01 00:00:01.2345600",
            ),
            (
                ColumnData::DateTime(Some(DateTime::new(0, 1))),
                "datetime2(3)",
                "1900-01-01 00:00:00.003",
            ),
        ] {
            assert_eq!(
                decode(&data, sql_type(name)),
                Ok(DecodedValue::Text(text.into())),
                "{name}"
            );
        }
        assert_eq!(decode(&ColumnData::I64(Some(7)), SqlType::SmallInt), Ok(DecodedValue::Int(7)));
        assert!(decode(&ColumnData::String(Some("7".into())), SqlType::Int).is_err());
        let exact = Numeric::new_with_scale(501, 3);
        assert!(decode(&ColumnData::Numeric(Some(exact)), sql_type("decimal(5,2)")).is_err());
    }

    proptest! {
        #[test]
        fn datetimes_survive_a_round_trip_to_the_tick(seconds in 0_u32..86_400, tick in 0_u32..300) {
            let nanos = (u64::from(tick) * 1_000_000_000 + 150) / 300;
            let date = NaiveDate::from_ymd_opt(1999, 12, 31).unwrap();
            let time = date.and_hms_opt(0, 0, 0).unwrap()
                + TimeDelta::nanoseconds(i64::from(seconds) * 1_000_000_000)
                + TimeDelta::nanoseconds(i64::try_from(nanos).unwrap());
            let value = SqlValue::DateTime(time);
            let mut text = String::new();
            canonical::push_date_time(&mut text, time, 3);
            prop_assert_eq!(there_and_back(&value, SqlType::DateTime), text);
        }
    }
}
