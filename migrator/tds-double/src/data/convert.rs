//! Conversions between types by SQL Server's rules, with its error numbers. Also its order of
//! precedence, which decides which side of a comparison is converted.

use chrono::{Duration, NaiveDate, NaiveDateTime, Timelike};

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::types::{Family, Type};
use crate::data::values::{
    Datum, code_page, decimal_text, decimal_units, fraction_digits, moment, moment_text,
};

/// The value in the form of another type. Texts keep their whole length: a cast truncates them
/// later, and a column checks them.
pub(crate) fn convert(value: &Datum, from: Type, to: Type) -> Sql<Datum> {
    if value.is_null() || from == to {
        return Ok(value.clone());
    }
    match to.family() {
        Family::Null => Ok(value.clone()),
        Family::Whole => to_whole(value, from, to),
        Family::Approximate => to_float(value, from, to),
        Family::Exact => to_decimal(value, from, to),
        Family::Text => Ok(to_text(value, from, to)),
        Family::Bytes => match value {
            Datum::Bytes(_) => Ok(value.clone()),
            Datum::Int(number) => Ok(Datum::Bytes(number.to_be_bytes()[4..].to_vec())),
            _ => Err(SqlError::new(
                257,
                16,
                Effect::Compile,
                format!(
                    "Implicit conversion from data type {} to {} is not allowed. Use the CONVERT \
                     function to run this query.",
                    from.name(),
                    to.name()
                ),
            )),
        },
        Family::Time => to_time(value, from, to),
        Family::Guid => match value {
            Datum::Text(text) if from.family() == Family::Text || from == Type::Guid => {
                Ok(Datum::Text(text.to_uppercase()))
            }
            _ => Err(SqlError::clash(from.name(), to.name())),
        },
    }
}

fn whole_range(to: Type) -> (i64, i64) {
    match to {
        Type::TinyInt => (0, 255),
        Type::SmallInt => (i16::MIN.into(), i16::MAX.into()),
        Type::Int => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    }
}

fn to_whole(value: &Datum, from: Type, to: Type) -> Sql<Datum> {
    let number: i128 = match (value, from.family()) {
        (Datum::Int(number), _) => (*number).into(),
        #[expect(clippy::cast_possible_truncation, reason = "out of range is checked below")]
        (Datum::Float(number), _) => number.trunc() as i128,
        (Datum::Text(text), Family::Exact) => match decimal_units(text) {
            Some((units, scale)) => units / 10_i128.pow(scale.into()),
            None => return Err(SqlError::conversion_type(from.name(), to.name())),
        },
        (Datum::Text(text), Family::Text) => {
            if to == Type::Bit && text.trim().eq_ignore_ascii_case("true") {
                1
            } else if to == Type::Bit && text.trim().eq_ignore_ascii_case("false") {
                0
            } else {
                whole_from_text(text, from, to)?
            }
        }
        (Datum::Bytes(bytes), _) => {
            bytes.iter().fold(0, |number, byte| (number << 8) | i128::from(*byte))
        }
        _ => return Err(SqlError::clash(from.name(), to.name())),
    };
    if to == Type::Bit {
        return Ok(Datum::Int(i64::from(number != 0)));
    }
    let (low, high) = whole_range(to);
    match i64::try_from(number) {
        Ok(number) if (low..=high).contains(&number) => Ok(Datum::Int(number)),
        Ok(number)
            if from.family() == Family::Whole && matches!(to, Type::TinyInt | Type::SmallInt) =>
        {
            Err(SqlError::small_overflow(to.name(), number))
        }
        Ok(_) if from.family() == Family::Text => {
            let message = format!(
                "The conversion of the {} value '{}' overflowed an {} column.",
                from.name(),
                value.shown(),
                to.name()
            );
            Err(SqlError::new(248, 16, Effect::Transaction, message))
        }
        _ => Err(SqlError::overflow("expression", to.name())),
    }
}

fn whole_from_text(text: &str, from: Type, to: Type) -> Sql<i128> {
    let trimmed = text.trim_matches(' ');
    if trimmed.is_empty() {
        return Ok(0);
    }
    let failed = || match to {
        Type::BigInt => SqlError::conversion_type(from.name(), to.name()),
        _ => SqlError::conversion_text(from.name(), text, to.name()),
    };
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(failed());
    }
    trimmed.trim_start_matches('+').parse().map_err(|_| failed())
}

fn to_float(value: &Datum, from: Type, to: Type) -> Sql<Datum> {
    #[expect(clippy::cast_precision_loss, reason = "as the server does")]
    let number = match (value, from.family()) {
        (Datum::Int(number), _) => *number as f64,
        (Datum::Float(number), _) => *number,
        (Datum::Text(text), Family::Exact | Family::Text) => match text.trim() {
            "" => 0.0,
            text => text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .ok_or_else(|| SqlError::conversion_type(from.name(), to.name()))?,
        },
        _ => return Err(SqlError::clash(from.name(), to.name())),
    };
    #[expect(clippy::cast_possible_truncation, reason = "real is what it is")]
    let number = if to == Type::Real { f64::from(number as f32) } else { number };
    if number.is_finite() {
        Ok(Datum::Float(number))
    } else {
        Err(SqlError::overflow("expression", to.name()))
    }
}

/// Total digits and digits after the decimal point of an exact type.
fn digits_of(of: Type) -> (u8, u8) {
    match of {
        Type::Decimal { precision, scale } => (precision, scale),
        Type::Money => (19, 4),
        Type::SmallMoney => (10, 4),
        Type::Bit => (1, 0),
        Type::TinyInt => (3, 0),
        Type::SmallInt => (5, 0),
        Type::Int => (10, 0),
        _ => (19, 0),
    }
}

fn to_decimal(value: &Datum, from: Type, to: Type) -> Sql<Datum> {
    let (precision, scale) = digits_of(to);
    let text = match (value, from.family()) {
        (Datum::Int(number), _) => number.to_string(),
        (Datum::Float(number), _) => format!("{number}"),
        (Datum::Text(text), Family::Exact | Family::Text) => text.trim().to_owned(),
        _ => return Err(SqlError::clash(from.name(), to.name())),
    };
    let (units, places) =
        decimal_units(&text).ok_or_else(|| SqlError::conversion_type(from.name(), to.name()))?;
    let units = rescale(units, places, scale)
        .filter(|units| units.unsigned_abs() < 10_u128.pow(precision.into()))
        .ok_or_else(|| SqlError::overflow(from.name(), to.name()))?;
    Ok(Datum::Text(decimal_text(units, scale)))
}

/// Units at another scale, rounded half away from zero.
fn rescale(units: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        return units.checked_mul(10_i128.checked_pow((to - from).into())?);
    }
    let factor = 10_i128.checked_pow((from - to).into())?;
    let half = if units < 0 { -factor / 2 } else { factor / 2 };
    Some(units.checked_add(half)? / factor)
}

fn to_text(value: &Datum, from: Type, to: Type) -> Datum {
    let text = match value {
        Datum::Text(text) => text.clone(),
        Datum::Int(number) => number.to_string(),
        Datum::Float(number) => number.to_string(),
        Datum::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Datum::Null => return Datum::Null,
    };
    let narrow = |text: &str| {
        encoding_rs::WINDOWS_1252.decode_without_bom_handling(&code_page(text)).0.into_owned()
    };
    Datum::Text(match (from, to) {
        (Type::NChar(_) | Type::NVarChar(_), Type::Char(_) | Type::VarChar(_)) => narrow(&text),
        _ => text,
    })
}

/// Units of a text's declared length: bytes of the code page, or UTF-16 code units.
pub(crate) fn text_units(text: &str, of: Type) -> usize {
    match of {
        Type::NChar(_) | Type::NVarChar(_) => text.encode_utf16().count(),
        _ => code_page(text).len(),
    }
}

/// The declared length of a type that has one.
pub(crate) fn declared_length(of: Type) -> Option<usize> {
    match of {
        Type::Char(n) | Type::NChar(n) | Type::Binary(n) => Some(n.into()),
        Type::VarChar(n) | Type::NVarChar(n) | Type::VarBinary(n) => n.map(Into::into),
        _ => None,
    }
}

/// The value truncated to its type's length, and padded if that is fixed.
pub(crate) fn cut(value: Datum, of: Type) -> Datum {
    let Some(length) = declared_length(of) else { return value };
    match value {
        Datum::Text(text) => {
            let mut text: String = text.chars().take(length).collect();
            pad(&mut text, of, length);
            Datum::Text(text)
        }
        Datum::Bytes(mut bytes) => {
            bytes.truncate(length);
            if matches!(of, Type::Binary(_)) {
                bytes.resize(length, 0);
            }
            Datum::Bytes(bytes)
        }
        other => other,
    }
}

fn pad(text: &mut String, of: Type, length: usize) {
    if matches!(of, Type::Char(_) | Type::NChar(_)) {
        let units = text_units(text, of);
        text.extend(std::iter::repeat_n(' ', length.saturating_sub(units)));
    }
}

/// The value as a column stores it, or the fitting part of a value that is too long. Trailing
/// blanks beyond the length of a text are removed without an error.
pub(crate) fn fit(value: Datum, of: Type) -> Result<Datum, String> {
    let Some(length) = declared_length(of) else { return Ok(value) };
    match &value {
        Datum::Text(text) if text_units(text, of) > length => {
            if text_units(text.trim_end_matches(' '), of) > length {
                return Err(text.chars().take(length).collect());
            }
            Ok(cut(value, of))
        }
        Datum::Bytes(bytes) if bytes.len() > length => {
            Err(Datum::Bytes(bytes[..length].to_vec()).shown())
        }
        _ => Ok(cut(value, of)),
    }
}

fn to_time(value: &Datum, from: Type, to: Type) -> Sql<Datum> {
    let (Datum::Text(text), Family::Time | Family::Text) = (value, from.family()) else {
        return Err(SqlError::clash(from.name(), to.name()));
    };
    match (from, to) {
        (Type::Time(_), Type::Date) | (Type::Date, Type::Time(_)) => {
            return Err(SqlError::clash(from.name(), to.name()));
        }
        _ => {}
    }
    let time =
        moment(text.split(" +").next().unwrap_or(text)).ok_or_else(SqlError::conversion_date)?;
    if from.family() == Family::Text && to == Type::DateTime && fraction_of(text) > 3 {
        return Err(SqlError::conversion_date());
    }
    let out_of_range = || {
        let message = format!(
            "The conversion of a {} data type to a {} data type resulted in an out-of-range value.",
            from.name(),
            to.name()
        );
        SqlError::new(242, 16, Effect::Statement, message)
    };
    rounded(time, to).map(|time| Datum::Text(moment_text(time, to))).ok_or_else(out_of_range)
}

fn fraction_of(text: &str) -> usize {
    text.trim().split_once('.').map_or(0, |(_, digits)| digits.len())
}

/// The time rounded to the precision of a type; `None` if the type cannot represent it.
fn rounded(time: NaiveDateTime, to: Type) -> Option<NaiveDateTime> {
    let nanos = i64::from(time.nanosecond());
    let whole = time - Duration::nanoseconds(nanos);
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day);
    match to {
        Type::Date => Some(time.date().into()),
        Type::DateTime => {
            let ticks = (nanos * 300 + 500_000_000) / 1_000_000_000;
            let time = whole + Duration::milliseconds((ticks * 10 + 1) / 3);
            (time.date() >= day(1753, 1, 1)?).then_some(time)
        }
        Type::SmallDateTime => {
            let ms = i64::from(time.second()) * 1_000 + nanos / 1_000_000;
            let minute = whole - Duration::seconds(time.second().into());
            let time = if ms > 29_998 { minute + Duration::minutes(1) } else { minute };
            (time.date() >= day(1900, 1, 1)? && time.date() <= day(2079, 6, 6)?).then_some(time)
        }
        _ => {
            let step = 10_i64.pow(9 - u32::from(fraction_digits(to)));
            Some(whole + Duration::nanoseconds((nanos + step / 2) / step * step))
        }
    }
}

/// The place in SQL Server's order of data type precedence; higher wins.
fn precedence(of: Type) -> u8 {
    match of {
        Type::Null => 0,
        Type::Binary(_) => 1,
        Type::VarBinary(_) => 2,
        Type::Char(_) => 3,
        Type::VarChar(_) => 4,
        Type::NChar(_) => 5,
        Type::NVarChar(_) => 6,
        Type::Guid => 7,
        Type::Bit => 8,
        Type::TinyInt => 9,
        Type::SmallInt => 10,
        Type::Int => 11,
        Type::BigInt => 12,
        Type::SmallMoney => 13,
        Type::Money => 14,
        Type::Decimal { .. } => 15,
        Type::Real => 16,
        Type::Float => 17,
        Type::Time(_) => 18,
        Type::Date => 19,
        Type::SmallDateTime => 20,
        Type::DateTime => 21,
        Type::DateTime2(_) => 22,
        Type::DateTimeOffset(_) => 23,
        Type::Xml => 24,
    }
}

/// The type to which values of these two are converted in one column of several rows, or in a
/// comparison.
pub(crate) fn common(one: Type, other: Type) -> Type {
    if one == other {
        return one;
    }
    let (high, low) =
        if precedence(one) >= precedence(other) { (one, other) } else { (other, one) };
    match (high, low) {
        (Type::Decimal { precision, scale }, low) => {
            let (low_precision, low_scale) = match low.family() {
                Family::Exact | Family::Whole => digits_of(low),
                _ => return high,
            };
            let behind = scale.max(low_scale);
            let before = (precision - scale).max(low_precision - low_scale);
            let behind = if before + behind > 38 { 38 - before.min(38) } else { behind };
            Type::Decimal { precision: (before + behind).min(38), scale: behind }
        }
        (Type::VarChar(one), Type::VarChar(other)) => Type::VarChar(longer(one, other)),
        (Type::NVarChar(one), Type::NVarChar(other) | Type::VarChar(other)) => {
            Type::NVarChar(longer(one, other))
        }
        (Type::NVarChar(one), Type::Char(other) | Type::NChar(other)) => {
            Type::NVarChar(longer(one, Some(other)))
        }
        (Type::VarChar(one), Type::Char(other)) => Type::VarChar(longer(one, Some(other))),
        (Type::Char(one), Type::Char(other)) => Type::Char(one.max(other)),
        (Type::NChar(one), Type::NChar(other) | Type::Char(other)) => Type::NChar(one.max(other)),
        (Type::NChar(one), Type::VarChar(other)) => Type::NVarChar(longer(Some(one), other)),
        (Type::VarBinary(one), Type::VarBinary(other)) => Type::VarBinary(longer(one, other)),
        (Type::DateTime2(one), Type::DateTime2(other)) => Type::DateTime2(one.max(other)),
        (Type::DateTime2(one), Type::DateTime) => Type::DateTime2(one.max(3)),
        (Type::Time(one), Type::Time(other)) => Type::Time(one.max(other)),
        _ => high,
    }
}

fn longer(one: Option<u16>, other: Option<u16>) -> Option<u16> {
    Some(one?.max(other?))
}
