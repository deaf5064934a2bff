//! Canonical text of decimals, dates and times. `SQLite` stores it, and every checksum hashes it.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::contract::catalogue::SqlType;
use crate::record::SqlValue;

/// Maximum number of fraction digits of a second.
const FRACTION_DIGITS_MAX: u8 = 9;

/// Appends `units` · 10^-`scale` as plain decimal text with exactly `scale` fraction digits.
pub fn push_decimal(out: &mut String, units: i128, scale: u8) {
    let digits = units.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if units < 0 {
        out.push('-');
    }
    let whole = digits.len().saturating_sub(scale);
    out.push_str(if whole == 0 { "0" } else { &digits[..whole] });
    if scale > 0 {
        out.push('.');
        out.extend(std::iter::repeat_n('0', scale.saturating_sub(digits.len())));
        out.push_str(&digits[whole..]);
    }
}

/// Appends `YYYY-MM-DD`.
pub fn push_date(out: &mut String, date: NaiveDate) {
    push_digits(out, date.year().unsigned_abs(), 4);
    out.push('-');
    push_digits(out, date.month(), 2);
    out.push('-');
    push_digits(out, date.day(), 2);
}

/// Appends `YYYY-MM-DD HH:MM:SS`, followed by `.` and `fraction_digits` digits if that is above 0.
pub fn push_date_time(out: &mut String, time: NaiveDateTime, fraction_digits: u8) {
    push_date(out, time.date());
    out.push(' ');
    push_digits(out, time.hour(), 2);
    out.push(':');
    push_digits(out, time.minute(), 2);
    out.push(':');
    push_digits(out, time.second(), 2);
    if fraction_digits > 0 {
        out.push('.');
        push_digits(out, fraction(time, fraction_digits), usize::from(fraction_digits));
    }
}

/// Text of a value for people, in messages and log reasons.
pub fn plain(value: &SqlValue) -> String {
    let mut out = String::new();
    match value {
        SqlValue::Null => out.push_str("null"),
        SqlValue::Bit(bit) => out.push(if *bit { '1' } else { '0' }),
        SqlValue::Int(number) => out = number.to_string(),
        SqlValue::Decimal { units, scale } => push_decimal(&mut out, *units, *scale),
        SqlValue::Float(number) => out = number.to_string(),
        SqlValue::Text(text) => out.push_str(text),
        SqlValue::Date(date) => push_date(&mut out, *date),
        SqlValue::DateTime(time) => push_date_time(&mut out, *time, 0),
    }
    out
}

/// Fraction digits of a column's type. SQL Server writes `datetime`, which counts 1/300 s, with
/// three.
pub fn fraction_digits(sql_type: SqlType) -> u8 {
    match sql_type {
        SqlType::DateTime => 3,
        SqlType::DateTime2(digits) => digits,
        _ => 0,
    }
}

/// Fraction of the second in units of 10^-`digits` s, rounded, without a carry into the second.
fn fraction(time: NaiveDateTime, digits: u8) -> u32 {
    let unit = 10_u32.pow(u32::from(FRACTION_DIGITS_MAX.saturating_sub(digits)));
    // chrono represents a leap second as more than 10^9 ns.
    let nanos = time.nanosecond().min(999_999_999);
    ((nanos + unit / 2) / unit).min(999_999_999 / unit)
}

fn push_digits(out: &mut String, mut value: u32, width: usize) {
    let mut digits = [b'0'; 10];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    let start = start.min(digits.len() - width);
    out.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(units: i128, scale: u8) -> String {
        let mut out = String::new();
        push_decimal(&mut out, units, scale);
        out
    }

    fn date_time(nanos: u32, digits: u8) -> String {
        let mut out = String::new();
        let date = NaiveDate::from_ymd_opt(987, 6, 5).unwrap();
        push_date_time(&mut out, date.and_hms_nano_opt(4, 3, 2, nanos).unwrap(), digits);
        out
    }

    #[test]
    fn decimals_have_the_digits_of_their_scale() {
        for (units, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (123, 2, "1.23"),
            (-120, 1, "-12.0"),
            (i128::from(i64::MAX), 0, "9223372036854775807"),
        ] {
            assert_eq!(decimal(units, scale), text);
        }
    }

    #[test]
    fn times_have_the_digits_of_their_precision() {
        for (nanos, digits, text) in [
            (0, 0, "0987-06-05 04:03:02"),
            (0, 3, "0987-06-05 04:03:02.000"),
            (3_333_333, 3, "0987-06-05 04:03:02.003"),
            (6_666_667, 3, "0987-06-05 04:03:02.007"),
            (999_999_999, 3, "0987-06-05 04:03:02.999"),
            (123_456_700, 7, "0987-06-05 04:03:02.1234567"),
        ] {
            assert_eq!(date_time(nanos, digits), text);
        }
    }
}
