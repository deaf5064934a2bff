//! Conversion of a value to the type of its column, by SQL Server's rules. Every other conversion
//! is rejected.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use compact_str::ToCompactString;
use encoding_rs::WINDOWS_1252;

use super::catalogue::SqlType;
use super::convert::{iso_text, plain_float_text};
use crate::record::{CellText, SqlValue, Value};

/// Reason why a column rejects a value: one fixed text per cause, without the value.
pub(crate) type CoercionError = Cow<'static, str>;

const NOT_A_NUMBER: &str = "not a whole number";
const OUT_OF_RANGE: &str = "number out of range";

/// Resolution of `datetime`.
const TICKS_PER_SECOND: u32 = 300;
const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// Converts a value to the type of a column. Null stays null; the caller checks nullability.
///
/// # Errors
/// The reason why the column rejects the value.
pub(crate) fn coerce_value(value: &Value, sql_type: SqlType) -> Result<SqlValue, CoercionError> {
    if value.is_null() {
        return Ok(SqlValue::Null);
    }
    if let (Value::Text(text), SqlType::VarChar(length)) = (value, sql_type)
        && text.is_ascii()
        && length.is_none_or(|length| text.len() <= usize::from(length))
    {
        return Ok(SqlValue::Text(text.clone()));
    }
    match sql_type {
        SqlType::TinyInt => whole(value, 0, 255),
        SqlType::SmallInt => whole(value, i16::MIN.into(), i16::MAX.into()),
        SqlType::Int => whole(value, i32::MIN.into(), i32::MAX.into()),
        SqlType::BigInt => whole(value, i64::MIN, i64::MAX),
        SqlType::Bit => bit(value),
        SqlType::Decimal { precision, scale } => decimal(value, precision, scale),
        SqlType::Float => float(value),
        SqlType::Char(length) => narrow_text(value, Some(length), sql_type).map(|mut text| {
            let missing = usize::from(length).saturating_sub(text.chars().count());
            text.extend(std::iter::repeat_n(' ', missing));
            SqlValue::Text(text)
        }),
        SqlType::VarChar(length) => narrow_text(value, length, sql_type).map(SqlValue::Text),
        SqlType::NVarChar(length) => wide_text(value, length, sql_type),
        SqlType::Date => Ok(SqlValue::Date(point_in_time(value)?.date())),
        SqlType::DateTime | SqlType::SmallDateTime | SqlType::DateTime2(_) => {
            round_time(point_in_time(value)?, sql_type).map(SqlValue::DateTime)
        }
    }
}

fn whole(value: &Value, min: i64, max: i64) -> Result<SqlValue, CoercionError> {
    let number = match value {
        Value::Int(number) => *number,
        Value::Bool(truth) => i64::from(*truth),
        Value::BigInt(_) => return Err(OUT_OF_RANGE.into()),
        Value::Float(number) => whole_float(*number)?,
        Value::Text(text) => whole_text(text)?,
        Value::Null | Value::Timestamp(_) => return Err(NOT_A_NUMBER.into()),
    };
    if (min..=max).contains(&number) { Ok(SqlValue::Int(number)) } else { Err(OUT_OF_RANGE.into()) }
}

/// Integer part of a double. Doubles of 2^63 and above do not fit a `bigint`.
fn whole_float(number: f64) -> Result<i64, CoercionError> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if number.is_nan() {
        return Err("NaN is not a number".into());
    }
    if number.is_infinite() || !(-LIMIT..LIMIT).contains(&number) {
        return Err(OUT_OF_RANGE.into());
    }
    if number.fract() != 0.0 {
        return Err(NOT_A_NUMBER.into());
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of i64")]
    let whole = number as i64;
    Ok(whole)
}

fn whole_text(text: &str) -> Result<i64, CoercionError> {
    let text = text.trim_matches(' ');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NOT_A_NUMBER.into());
    }
    text.parse().map_err(|_| OUT_OF_RANGE.into())
}

fn bit(value: &Value) -> Result<SqlValue, CoercionError> {
    let truth = match value {
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::BigInt(_) => true,
        Value::Float(number) if number.is_nan() => return Err("NaN is not a number".into()),
        Value::Float(number) => *number != 0.0,
        Value::Text(text) => match text.trim_matches(' ') {
            "1" => true,
            "0" => false,
            text if text.eq_ignore_ascii_case("true") => true,
            text if text.eq_ignore_ascii_case("false") => false,
            _ => return Err("neither 0, 1, true nor false".into()),
        },
        Value::Null | Value::Timestamp(_) => return Err("neither 0, 1, true nor false".into()),
    };
    Ok(SqlValue::Bit(truth))
}

fn decimal(value: &Value, precision: u8, scale: u8) -> Result<SqlValue, CoercionError> {
    let exact = match value {
        Value::Float(number) => exact_units(*number, scale),
        _ => None,
    };
    let units = match exact {
        Some(units) => units,
        None => decimal_units(&decimal_text(value)?, scale)?,
    };
    let limit = 10_u128.checked_pow(u32::from(precision)).unwrap_or(u128::MAX);
    if units.unsigned_abs() >= limit {
        return Err(format!("number out of range of decimal({precision},{scale})").into());
    }
    Ok(SqlValue::Decimal { units, scale })
}

/// Units of the double's shortest decimal text, if it has this scale and at most 15 digits. No
/// other decimal of 15 digits or fewer reads as the same double.
fn exact_units(number: f64, scale: u8) -> Option<i128> {
    // Powers of ten up to here, and all products on the way to them, are exact doubles.
    const EXACT_POWER_MAX: u8 = 22;
    let power = (scale <= EXACT_POWER_MAX).then(|| 10_f64.powi(scale.into()))?;
    let units = (number * power).round();
    #[expect(clippy::float_cmp, reason = "only the very same double counts")]
    let is_exact = units.abs() < 1e15 && units / power == number;
    #[expect(clippy::cast_possible_truncation, reason = "whole and far within the range of i64")]
    is_exact.then(|| i128::from(units as i64))
}

fn decimal_text(value: &Value) -> Result<Cow<'_, str>, CoercionError> {
    Ok(match value {
        Value::Int(number) => number.to_string().into(),
        Value::Bool(truth) => if *truth { "1" } else { "0" }.into(),
        Value::BigInt(digits) => Cow::Borrowed(digits),
        Value::Float(number) if number.is_nan() => return Err("NaN is not a number".into()),
        Value::Float(number) if number.is_infinite() => return Err(OUT_OF_RANGE.into()),
        Value::Float(number) => plain_float_text(*number).into(),
        Value::Text(text) => Cow::Borrowed(text.trim_matches(' ')),
        Value::Null | Value::Timestamp(_) => return Err("not a decimal number".into()),
    })
}

/// Parses plain decimal text to units of 10^-`scale`, rounded half away from zero.
fn decimal_units(text: &str, scale: u8) -> Result<i128, CoercionError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err("not a decimal number".into());
    }
    let mut units: i128 = 0;
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(usize::from(scale));
    for digit in whole.bytes().chain(padded) {
        let next = units.checked_mul(10).and_then(|n| n.checked_add(i128::from(digit - b'0')));
        units = next.ok_or(OUT_OF_RANGE)?;
    }
    let rounds_up = fraction.as_bytes().get(usize::from(scale)).is_some_and(|digit| *digit >= b'5');
    units = units.checked_add(i128::from(rounds_up)).ok_or(OUT_OF_RANGE)?;
    Ok(if text.starts_with('-') { -units } else { units })
}

fn float(value: &Value) -> Result<SqlValue, CoercionError> {
    let number = match value {
        Value::Int(number) => *number as f64,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::BigInt(digits) => digits.parse().map_err(|_| OUT_OF_RANGE)?,
        Value::Float(number) => *number,
        Value::Text(text) => {
            let text = text.trim_matches(' ');
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            text.parse().ok().filter(|_| plain).ok_or("not a number")?
        }
        Value::Null | Value::Timestamp(_) => return Err("not a number".into()),
    };
    if number.is_nan() {
        return Err("NaN is not a number".into());
    }
    if number.is_infinite() { Err(OUT_OF_RANGE.into()) } else { Ok(SqlValue::Float(number)) }
}

/// Text of a value: numbers in their shortest form, points in time in ISO form.
fn text_form(value: &Value) -> Result<CellText, CoercionError> {
    Ok(match value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_compact_string(),
        Value::BigInt(digits) => digits.as_ref().into(),
        Value::Bool(truth) => if *truth { "1" } else { "0" }.into(),
        Value::Float(number) if !number.is_finite() => return Err("not a finite number".into()),
        Value::Float(number) => plain_float_text(*number).into(),
        Value::Timestamp(timestamp) => iso_text(*timestamp, 'T').into(),
        Value::Null => CellText::default(),
    })
}

/// Text in windows-1252. A character outside of it becomes one `?` per UTF-16 unit, as in SQL
/// Server.
fn narrow_text(
    value: &Value,
    length: Option<u16>,
    sql_type: SqlType,
) -> Result<CellText, CoercionError> {
    let text = text_form(value)?;
    if text.is_ascii() {
        let len = text.len();
        return fit(text, len, length, sql_type);
    }
    let mut narrow = CellText::with_capacity(text.len());
    for c in text.chars() {
        let mut buffer = [0; 4];
        let (_, _, unmappable) = WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
        if unmappable {
            narrow.extend(std::iter::repeat_n('?', c.len_utf16()));
        } else {
            narrow.push(c);
        }
    }
    // In windows-1252, each of these characters is one byte.
    let len = narrow.chars().count();
    fit(narrow, len, length, sql_type)
}

/// Cuts blanks beyond the length, as SQL Server silently does. Rejects any other excess.
fn fit(
    mut text: CellText,
    len: usize,
    length: Option<u16>,
    sql_type: SqlType,
) -> Result<CellText, CoercionError> {
    let Some(length) = length.map(usize::from).filter(|length| len > *length) else {
        return Ok(text);
    };
    let excess = len - length;
    let blanks = text.bytes().rev().take_while(|b| *b == b' ').count();
    if blanks < excess {
        return Err(format!("text longer than {sql_type}").into());
    }
    text.truncate(text.len() - excess);
    Ok(text)
}

fn wide_text(
    value: &Value,
    length: Option<u16>,
    sql_type: SqlType,
) -> Result<SqlValue, CoercionError> {
    let text = text_form(value)?;
    let units = text.encode_utf16().count();
    fit(text, units, length, sql_type).map(SqlValue::Text)
}

/// Point in time of a timestamp or of an ISO text. An offset is dropped, as in SQL Server's own
/// conversion.
fn point_in_time(value: &Value) -> Result<NaiveDateTime, CoercionError> {
    match value {
        Value::Timestamp(timestamp) => Ok(timestamp.local),
        Value::Text(text) => iso_time(text.trim_matches(' ')).ok_or("not a date".into()),
        _ => Err("not a date".into()),
    }
}

/// Parses `YYYY-MM-DD`, alone or followed by `T` or a blank and `HH:MM`, `HH:MM:SS` or
/// `HH:MM:SS.f…`.
fn iso_time(text: &str) -> Option<NaiveDateTime> {
    let shape = |part: &str, pattern: &[u8]| {
        part.len() == pattern.len()
            && part.bytes().zip(pattern).all(|(b, p)| match p {
                b'0' => b.is_ascii_digit(),
                other => b == *other,
            })
    };
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    if !shape(day, b"0000-00-00") {
        return None;
    }
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let time = match time {
        "" if text.len() == 10 => NaiveTime::MIN,
        time if shape(time, b"00:00") => NaiveTime::parse_from_str(time, "%H:%M").ok()?,
        time => {
            let (seconds, fraction) = time.split_once('.').unwrap_or((time, "0"));
            let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
            if !shape(seconds, b"00:00:00") || !digits || fraction.len() > 9 {
                return None;
            }
            let whole = NaiveTime::parse_from_str(seconds, "%H:%M:%S").ok()?;
            whole.with_nanosecond(format!("{fraction:0<9}").parse().ok()?)?
        }
    };
    (day.year() >= 1).then(|| day.and_time(time))
}

fn round_time(time: NaiveDateTime, sql_type: SqlType) -> Result<NaiveDateTime, CoercionError> {
    let (rounded, years) = match sql_type {
        SqlType::DateTime => (round_to_ticks(time), 1753..=9999),
        SqlType::SmallDateTime => (round_to_minutes(time), 1900..=2079),
        SqlType::DateTime2(digits) => (round_to_digits(time, digits), 1..=9999),
        _ => (Some(time), 1..=9999),
    };
    let last_small = NaiveDate::from_ymd_opt(2079, 6, 6);
    let in_range = |time: &NaiveDateTime| {
        years.contains(&time.year())
            && (sql_type != SqlType::SmallDateTime || Some(time.date()) <= last_small)
    };
    rounded.filter(in_range).ok_or_else(|| format!("date out of range of {sql_type}").into())
}

/// Rounds to the nearest 1/300 s.
fn round_to_ticks(time: NaiveDateTime) -> Option<NaiveDateTime> {
    let nanos = u64::from(time.nanosecond().min(NANOS_PER_SECOND - 1));
    let scaled = nanos * u64::from(TICKS_PER_SECOND);
    let ticks = (scaled + u64::from(NANOS_PER_SECOND) / 2) / u64::from(NANOS_PER_SECOND);
    let ticks_per_second = u64::from(TICKS_PER_SECOND);
    let nanos = (ticks * u64::from(NANOS_PER_SECOND) + ticks_per_second / 2) / ticks_per_second;
    at_nanos(time, nanos)
}

/// Rounds to the nearest minute. SQL Server converts to `datetime` first, so 29.998 s round down
/// and 29.999 s up.
fn round_to_minutes(time: NaiveDateTime) -> Option<NaiveDateTime> {
    let time = round_to_ticks(time)?;
    let minute = time.with_nanosecond(0)?.with_second(0)?;
    if time.second() >= 30 {
        minute.checked_add_signed(TimeDelta::minutes(1))
    } else {
        Some(minute)
    }
}

fn round_to_digits(time: NaiveDateTime, digits: u8) -> Option<NaiveDateTime> {
    let unit = 10_u64.pow(9 - u32::from(digits.min(9)));
    let nanos = u64::from(time.nanosecond().min(NANOS_PER_SECOND - 1));
    at_nanos(time, (nanos + unit / 2) / unit * unit)
}

/// The same second with this many nanoseconds. A carry moves to the next second.
fn at_nanos(time: NaiveDateTime, nanos: u64) -> Option<NaiveDateTime> {
    let nanos = i64::try_from(nanos).ok()?;
    time.with_nanosecond(0)?.checked_add_signed(TimeDelta::nanoseconds(nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::convert::timestamp;
    use crate::store::canonical::plain;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn time(text: &str) -> Value {
        Value::Timestamp(timestamp(text).unwrap())
    }

    fn written(value: &Value, sql_type: &str) -> Result<String, String> {
        let sql_type = SqlType::parse(sql_type).unwrap();
        coerce_value(value, sql_type).map(|value| plain(&value)).map_err(Cow::into_owned)
    }

    #[test]
    fn values_take_the_type_of_their_column() {
        let cases = [
            (text(" +12 "), "int", "12"),
            (Value::Float(29.0), "smallint", "29"),
            (Value::Bool(true), "int", "1"),
            (text("12.345"), "decimal(5,2)", "12.35"),
            (text("-12.345"), "decimal(5,2)", "-12.35"),
            (Value::Float(2.675), "decimal(5,2)", "2.68"),
            (Value::Float(1e-7), "decimal(8,5)", "0.00000"),
            (text(".5"), "decimal(5,2)", "0.50"),
            (Value::Int(7), "numeric(18,0)", "7"),
            (text(" TRUE "), "bit", "1"),
            (Value::Float(0.5), "bit", "1"),
            (Value::Int(0), "bit", "0"),
            (Value::Float(12.0), "varchar(5)", "12"),
            (Value::Float(1_234_567.5), "varchar(20)", "1234567.5"),
            (text("Zoë → 😀"), "varchar(20)", "Zoë ? ??"),
            (text("ab   "), "varchar(2)", "ab"),
            (text("a"), "char(3)", "a  "),
            (text("Zoë → 😀"), "nvarchar(8)", "Zoë → 😀"),
            (time("2023-10-03"), "varchar(30)", "2023-10-03T00:00:00"),
            (text("2023-10-03 10:20"), "date", "2023-10-03"),
            (time("2023-10-03T10:20:30+02:00"), "datetime", "2023-10-03 10:20:30"),
            (time("2023-12-31 23:59:59.999"), "datetime", "2024-01-01 00:00:00"),
            (time("2023-12-31 23:59:29.998"), "smalldatetime", "2023-12-31 23:59:00"),
            (time("2023-12-31 23:59:29.999"), "smalldatetime", "2024-01-01 00:00:00"),
            (text("1e3"), "float", "1000"),
        ];
        for (value, sql_type, expected) in cases {
            let actual = written(&value, sql_type);
            assert_eq!(actual.as_deref(), Ok(expected), "{value:?} as {sql_type}");
        }
    }

    #[test]
    fn datetime_counts_in_thirds_of_ten_milliseconds() {
        let cases = [(".001", 0), (".002", 3), (".004", 3), (".005", 7), (".008", 7), (".009", 10)];
        for (fraction, millis) in cases {
            let value = time(&format!("2023-10-03 10:20:30{fraction}"));
            let Ok(SqlValue::DateTime(time)) = coerce_value(&value, SqlType::DateTime) else {
                panic!()
            };
            assert_eq!((time.nanosecond() + 500_000) / 1_000_000, millis, "{fraction}");
        }
    }

    #[test]
    fn invalid_values_are_rejected_with_their_cause() {
        let cases = [
            (text("1,234"), "int", "not a whole number"),
            (text("1.0"), "int", "not a whole number"),
            (text("  "), "int", "not a whole number"),
            (Value::Float(0.5), "int", "not a whole number"),
            (Value::Float(f64::NAN), "int", "NaN is not a number"),
            (Value::BigInt("99999999999999999999".into()), "bigint", "number out of range"),
            (Value::Int(256), "tinyint", "number out of range"),
            (Value::Int(-1), "tinyint", "number out of range"),
            (Value::Int(32768), "smallint", "number out of range"),
            (text("2147483648"), "int", "number out of range"),
            (text("1e3"), "decimal(5,2)", "not a decimal number"),
            (text("1,000.5"), "decimal(12,2)", "not a decimal number"),
            (text("999.995"), "decimal(5,2)", "number out of range of decimal(5,2)"),
            (Value::Float(f64::NAN), "decimal(5,2)", "NaN is not a number"),
            (text("yes"), "bit", "neither 0, 1, true nor false"),
            (text("abc"), "varchar(2)", "text longer than varchar(2)"),
            (text("abc"), "char(2)", "text longer than char(2)"),
            (text("😀"), "nvarchar(1)", "text longer than nvarchar(1)"),
            (text("3/10/2023"), "date", "not a date"),
            (Value::Int(1), "date", "not a date"),
            (time("1752-12-31"), "datetime", "date out of range of datetime"),
            (time("9999-12-31 23:59:59.999"), "datetime", "date out of range of datetime"),
            (time("2079-06-07"), "smalldatetime", "date out of range of smalldatetime"),
        ];
        for (value, sql_type, cause) in cases {
            assert_eq!(written(&value, sql_type), Err(cause.to_owned()), "{value:?} as {sql_type}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_never_exceeds_its_precision(units in any::<i64>(), digits in 0_u32..8) {
            let number = units as f64 / 10_f64.powi(digits.cast_signed());
            if let Ok(SqlValue::Decimal { units, scale }) = decimal(&Value::Float(number), 12, 2) {
                prop_assert!(units.abs() < 1_000_000_000_000 && scale == 2);
                prop_assert!((units as f64 / 100.0 - number).abs() <= 0.005 + number.abs() * 1e-15);
            }
        }

        #[test]
        fn a_short_decimal_is_read_from_its_double_as_from_its_text(
            digits in -10_i64.pow(15)..10_i64.pow(15), scale in 0_u8..9, column in 0_u8..9,
        ) {
            let number = digits as f64 / 10_f64.powi(scale.into());
            let text = decimal_units(&plain_float_text(number), column);
            if let Some(units) = exact_units(number, column) {
                prop_assert_eq!(text, Ok(units));
            } else {
                prop_assert!(scale > column || number.abs() * 10_f64.powi(column.into()) >= 1e15);
            }
        }

        #[test]
        fn the_fast_path_for_short_texts_stores_the_same(value in "[ -~é→]{0,12}", length in 0_u16..12) {
            let sql_type = SqlType::VarChar(Some(length));
            let long_way = narrow_text(&text(&value), Some(length), sql_type).map(SqlValue::Text);
            prop_assert_eq!(coerce_value(&text(&value), sql_type), long_way);
        }

        #[test]
        fn storing_a_stored_text_again_does_not_change_it(value in ".{0,12}") {
            for sql_type in [SqlType::VarChar(Some(8)), SqlType::Char(8), SqlType::NVarChar(Some(8))] {
                if let Ok(SqlValue::Text(once)) = coerce_value(&text(&value), sql_type) {
                    let again = coerce_value(&Value::Text(once.clone()), sql_type);
                    prop_assert_eq!(again, Ok(SqlValue::Text(once)));
                }
            }
        }
    }
}
