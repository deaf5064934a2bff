//! Values in memory and on the wire.
//!
//! Whole numbers are integers, `float` and `real` are doubles, binary strings are bytes. All other
//! values are texts in one form for each type. Decimals have exactly the digits of their scale. Times
//! are in ISO form with the digits of their scale.

use std::fmt::Write;

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::data::types::{Type, WireType, decimal_bytes};
use crate::data::wire::{Malformed, Reader, utf16};

/// A value, in one form for each [`Type`](crate::Type).
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A missing value.
    Null,
    /// Whole number or bit.
    Int(i64),
    /// Binary floating-point number.
    Float(f64),
    /// Character string, decimal, money, date, time, GUID or XML.
    Text(String),
    /// Binary string.
    Bytes(Vec<u8>),
}

impl Datum {
    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The value as error messages show it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Null => "<NULL>".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02X}");
                text
            }),
        }
    }
}

/// Reason why a value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadFailure {
    /// The bytes violate the protocol.
    Malformed(Malformed),
    /// The value has another width than its type.
    Width,
}

impl From<Malformed> for ReadFailure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Units and sign of a plain decimal text, with the number of digits after its decimal point.
pub(crate) fn decimal_units(text: &str) -> Option<(i128, u8)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty())
        || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let units: i128 = format!("0{whole}{fraction}").parse().ok()?;
    Some((if negative { -units } else { units }, u8::try_from(fraction.len()).ok()?))
}

/// The text of units at a scale.
pub(crate) fn decimal_text(units: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if units < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The time that a text of a time type denotes; a date alone is its midnight.
pub(crate) fn moment(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim().trim_end_matches('Z');
    for format in
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y%m%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
    {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time);
        }
    }
    for format in ["%Y-%m-%d", "%Y%m%d"] {
        if let Ok(day) = NaiveDate::parse_from_str(text, format) {
            return Some(day.into());
        }
    }
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    Some(NaiveDate::from_ymd_opt(1900, 1, 1)?.and_time(time))
}

/// Number of fractional digits of the seconds.
pub(crate) fn fraction_digits(of: Type) -> u8 {
    match of {
        Type::Time(digits) | Type::DateTime2(digits) | Type::DateTimeOffset(digits) => digits,
        Type::DateTime => 3,
        _ => 0,
    }
}

/// The text of a time in the form of this type, without rounding.
pub(crate) fn moment_text(time: NaiveDateTime, of: Type) -> String {
    let digits = usize::from(fraction_digits(of));
    let fraction = format!("{:09}", time.nanosecond() % 1_000_000_000);
    let fraction = if digits == 0 { String::new() } else { format!(".{}", &fraction[..digits]) };
    match of {
        Type::Date => time.format("%Y-%m-%d").to_string(),
        Type::Time(_) => format!("{}{fraction}", time.format("%H:%M:%S")),
        Type::DateTimeOffset(_) => format!("{}{fraction} +00:00", time.format("%Y-%m-%d %H:%M:%S")),
        _ => format!("{}{fraction}", time.format("%Y-%m-%d %H:%M:%S")),
    }
}

fn day_one() -> NaiveDate {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap()
}

fn day_1900() -> NaiveDate {
    NaiveDate::from_ymd_opt(1900, 1, 1).unwrap()
}

/// Reads one value that follows its type.
pub(crate) fn read_value(reader: &mut Reader<'_>, of: WireType) -> Result<Datum, ReadFailure> {
    if of.of == Type::Null {
        return Ok(Datum::Null);
    }
    if let Some(bytes) = value_bytes(reader, of)? { decode(&bytes, of.of) } else { Ok(Datum::Null) }
}

/// The bytes of a value; none for null.
fn value_bytes(reader: &mut Reader<'_>, of: WireType) -> Result<Option<Vec<u8>>, ReadFailure> {
    if of.fixed {
        return Ok(Some(reader.take(width(of.of).unwrap_or(0))?.to_vec()));
    }
    match of.of {
        Type::VarChar(None) | Type::NVarChar(None) | Type::VarBinary(None) | Type::Xml => {
            parts(reader)
        }
        Type::Char(_)
        | Type::VarChar(_)
        | Type::NChar(_)
        | Type::NVarChar(_)
        | Type::Binary(_)
        | Type::VarBinary(_) => match reader.u16()? {
            0xFFFF => Ok(None),
            length => Ok(Some(reader.take(usize::from(length))?.to_vec())),
        },
        _ => match usize::from(reader.u8()?) {
            0 => Ok(None),
            length => {
                let bytes = reader.take(length)?;
                match width(of.of) {
                    Some(wanted) if wanted != length => Err(ReadFailure::Width),
                    _ => Ok(Some(bytes.to_vec())),
                }
            }
        },
    }
}

/// A value that is sent in chunks.
fn parts(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, ReadFailure> {
    let total = reader.u64()?;
    if total == u64::MAX {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    loop {
        match reader.u32()? {
            0 => return Ok(Some(bytes)),
            length => bytes.extend_from_slice(reader.take(length as usize)?),
        }
    }
}

/// Bytes of a value with a type of fixed width; `None` if the width varies.
fn width(of: Type) -> Option<usize> {
    match of {
        Type::Bit | Type::TinyInt => Some(1),
        Type::SmallInt => Some(2),
        Type::Int | Type::Real | Type::SmallMoney | Type::SmallDateTime => Some(4),
        Type::BigInt | Type::Float | Type::Money | Type::DateTime => Some(8),
        Type::Guid => Some(16),
        Type::Date => Some(3),
        Type::Time(digits) => Some(time_bytes(digits)),
        Type::DateTime2(digits) => Some(time_bytes(digits) + 3),
        Type::DateTimeOffset(digits) => Some(time_bytes(digits) + 5),
        _ => None,
    }
}

fn time_bytes(digits: u8) -> usize {
    match digits {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

fn unsigned(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

/// At most eight bytes as a little-endian number.
fn low(bytes: &[u8]) -> u64 {
    u64::try_from(unsigned(bytes)).unwrap_or(u64::MAX)
}

fn signed(bytes: &[u8]) -> i64 {
    let shift = 64 - 8 * bytes.len();
    (low(bytes) << shift).cast_signed() >> shift
}

fn decode(bytes: &[u8], of: Type) -> Result<Datum, ReadFailure> {
    let text = |text: String| Ok(Datum::Text(text));
    match of {
        Type::Null => Ok(Datum::Null),
        Type::Bit => Ok(Datum::Int(i64::from(bytes[0] != 0))),
        Type::TinyInt => Ok(Datum::Int(bytes[0].into())),
        Type::SmallInt | Type::Int | Type::BigInt => Ok(Datum::Int(signed(bytes))),
        Type::Real => {
            let bits = u32::try_from(unsigned(bytes)).unwrap_or(0);
            Ok(Datum::Float(f32::from_bits(bits).into()))
        }
        Type::Float => Ok(Datum::Float(f64::from_bits(low(bytes)))),
        Type::SmallMoney => text(decimal_text(signed(bytes).into(), 4)),
        Type::Money => {
            let (high, low) = bytes.split_at(4);
            let units = (signed(high) << 32) | i64::try_from(unsigned(low)).unwrap_or(0);
            text(decimal_text(units.into(), 4))
        }
        Type::Decimal { scale, .. } => {
            let magnitude =
                i128::try_from(unsigned(&bytes[1..])).map_err(|_| ReadFailure::Width)?;
            text(decimal_text(if bytes[0] == 0 { -magnitude } else { magnitude }, scale))
        }
        Type::Char(_) | Type::VarChar(_) => {
            text(encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
        }
        Type::NChar(_) | Type::NVarChar(_) | Type::Xml => text(utf16(bytes)?),
        Type::Binary(_) | Type::VarBinary(_) => Ok(Datum::Bytes(bytes.to_vec())),
        Type::Guid => text(guid_text(bytes)),
        _ => time_from(bytes, of)
            .ok_or(ReadFailure::Width)
            .map(|time| Datum::Text(moment_text(time, of))),
    }
}

fn time_from(bytes: &[u8], of: Type) -> Option<NaiveDateTime> {
    let days = |bytes: &[u8]| i64::try_from(unsigned(bytes)).ok();
    let clock = |bytes: &[u8], digits: u8| -> Option<Duration> {
        let units = i64::try_from(unsigned(bytes)).ok()?;
        Some(Duration::nanoseconds(units.checked_mul(10_i64.pow(9 - u32::from(digits)))?))
    };
    match of {
        Type::Date => day_one().checked_add_signed(Duration::days(days(bytes)?)).map(Into::into),
        Type::Time(digits) => Some(NaiveDateTime::from(day_1900()) + clock(bytes, digits)?),
        Type::SmallDateTime => {
            let (day, minutes) = bytes.split_at(2);
            let time = NaiveDateTime::from(day_1900()) + Duration::days(days(day)?);
            Some(time + Duration::minutes(days(minutes)?))
        }
        Type::DateTime => {
            let (day, ticks) = bytes.split_at(4);
            let time = NaiveDateTime::from(day_1900()) + Duration::days(signed(day));
            Some(time + Duration::milliseconds((days(ticks)? * 10 + 1) / 3))
        }
        Type::DateTime2(digits) => {
            let (time, day) = bytes.split_at(bytes.len() - 3);
            let day = day_one().checked_add_signed(Duration::days(days(day)?))?;
            Some(NaiveDateTime::from(day) + clock(time, digits)?)
        }
        Type::DateTimeOffset(digits) => {
            let (time, rest) = bytes.split_at(bytes.len() - 5);
            let day = day_one().checked_add_signed(Duration::days(days(&rest[..3])?))?;
            Some(NaiveDateTime::from(day) + clock(time, digits)?)
        }
        _ => None,
    }
}

const GUID_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

fn guid_text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (place, &at) in GUID_ORDER.iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            text.push('-');
        }
        let _ = write!(text, "{:02X}", bytes[at]);
    }
    text
}

fn guid_bytes(text: &str) -> [u8; 16] {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut bytes = [0; 16];
    for (place, &at) in GUID_ORDER.iter().enumerate() {
        bytes[at] = u8::from_str_radix(&digits[place * 2..place * 2 + 2], 16).unwrap_or(0);
    }
    bytes
}

/// Bytes of a text in the code page of the collation; `?` for characters outside of it.
pub(crate) fn code_page(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        let (encoded, _, failed) =
            encoding_rs::WINDOWS_1252.encode(character.encode_utf8(&mut buffer));
        if failed {
            bytes.extend(std::iter::repeat_n(b'?', character.len_utf16()));
        } else {
            bytes.extend_from_slice(&encoded);
        }
    }
    bytes
}

/// Writes one value of a row; `value` is in the form of `of`.
pub(crate) fn put_value(out: &mut Vec<u8>, value: &Datum, of: Type, nullable: bool) {
    if value.is_null() {
        return put_null(out, of);
    }
    let bytes = encode(value, of);
    match of {
        Type::VarChar(None) | Type::NVarChar(None) | Type::VarBinary(None) | Type::Xml => {
            out.extend((bytes.len() as u64).to_le_bytes());
            if !bytes.is_empty() {
                out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
                out.extend(&bytes);
            }
            out.extend(0_u32.to_le_bytes());
        }
        Type::Char(_)
        | Type::VarChar(_)
        | Type::NChar(_)
        | Type::NVarChar(_)
        | Type::Binary(_)
        | Type::VarBinary(_) => {
            out.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
            out.extend(&bytes);
        }
        _ if !nullable && has_fixed_form(of) => out.extend(&bytes),
        _ => {
            out.push(u8::try_from(bytes.len()).unwrap());
            out.extend(&bytes);
        }
    }
}

fn has_fixed_form(of: Type) -> bool {
    !matches!(
        of,
        Type::Null
            | Type::Decimal { .. }
            | Type::Date
            | Type::Time(_)
            | Type::DateTime2(_)
            | Type::DateTimeOffset(_)
            | Type::Guid
    )
}

fn put_null(out: &mut Vec<u8>, of: Type) {
    match of {
        Type::VarChar(None) | Type::NVarChar(None) | Type::VarBinary(None) | Type::Xml => {
            out.extend(u64::MAX.to_le_bytes());
        }
        Type::Char(_)
        | Type::VarChar(_)
        | Type::NChar(_)
        | Type::NVarChar(_)
        | Type::Binary(_)
        | Type::VarBinary(_) => out.extend(u16::MAX.to_le_bytes()),
        _ => out.push(0),
    }
}

fn encode(value: &Datum, of: Type) -> Vec<u8> {
    match (value, of) {
        (Datum::Int(number), _) => {
            let bytes = number.to_le_bytes();
            bytes[..width(of).unwrap_or(4).min(8)].to_vec()
        }
        #[expect(clippy::cast_possible_truncation, reason = "real is what it is")]
        (Datum::Float(number), Type::Real) => (*number as f32).to_le_bytes().to_vec(),
        (Datum::Float(number), _) => number.to_le_bytes().to_vec(),
        (Datum::Bytes(bytes), _) => bytes.clone(),
        (Datum::Text(text), Type::Char(_) | Type::VarChar(_)) => code_page(text),
        (Datum::Text(text), Type::NChar(_) | Type::NVarChar(_) | Type::Xml) => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        (Datum::Text(text), Type::Guid) => guid_bytes(text).to_vec(),
        (Datum::Text(text), Type::Decimal { precision, .. }) => {
            let units = decimal_units(text).map_or(0, |(units, _)| units);
            let mut bytes = vec![u8::from(units >= 0)];
            let magnitude = units.unsigned_abs().to_le_bytes();
            bytes.extend(&magnitude[..usize::from(decimal_bytes(precision)) - 1]);
            bytes
        }
        (Datum::Text(text), Type::Money | Type::SmallMoney) => {
            let units = decimal_units(text).map_or(0, |(units, _)| units);
            let bytes = i64::try_from(units).unwrap_or(0).to_le_bytes();
            match of {
                Type::Money => [&bytes[4..], &bytes[..4]].concat(),
                _ => bytes[..4].to_vec(),
            }
        }
        (Datum::Text(text), _) => moment(text.split(" +").next().unwrap_or(text))
            .map_or_else(Vec::new, |time| time_bytes_of(time, of)),
        (Datum::Null, _) => Vec::new(),
    }
}

fn time_bytes_of(time: NaiveDateTime, of: Type) -> Vec<u8> {
    let day_number = (time.date() - day_one()).num_days().to_le_bytes();
    let clock = |digits: u8| {
        let since_midnight = time.time() - NaiveTime::MIN;
        let units =
            since_midnight.num_nanoseconds().unwrap_or(0) / 10_i64.pow(9 - u32::from(digits));
        units.to_le_bytes()[..time_bytes(digits)].to_vec()
    };
    let days_1900 = (time.date() - day_1900()).num_days();
    match of {
        Type::Date => day_number[..3].to_vec(),
        Type::Time(digits) => clock(digits),
        Type::DateTime2(digits) => [&clock(digits), &day_number[..3]].concat(),
        Type::DateTimeOffset(digits) => [&clock(digits), &day_number[..3], &[0, 0]].concat(),
        Type::SmallDateTime => {
            let minutes = time.time().num_seconds_from_midnight() / 60;
            [&days_1900.to_le_bytes()[..2], &minutes.to_le_bytes()[..2]].concat()
        }
        _ => {
            let ms = (time.time() - NaiveTime::MIN).num_milliseconds();
            let ticks = (ms * 3 + 5) / 10;
            [&days_1900.to_le_bytes()[..4], &ticks.to_le_bytes()[..4]].concat()
        }
    }
}

/// The current time in UTC.
pub(crate) fn now() -> NaiveDateTime {
    DateTime::from_timestamp_nanos(chrono::Utc::now().timestamp_nanos_opt().unwrap_or(0))
        .naive_utc()
}
