//! Numbers as Python, the reference's language, reads and prints them.
//!
//! The reference reads numbers in three ways: as exact decimals ([`integer`], [`decimal`]), as
//! doubles ([`float`]) and as integers ([`int`]).

use std::borrow::Cow;
use std::fmt;

use super::unicode::{digit, trim};
use crate::record::Value;

/// Maximum number of digits. For an integer written with an exponent this is a limit of this
/// program: `1e5000` is not an integer here. For [`int`] it is Python's own limit.
const INTEGER_DIGITS_MAX: usize = 4300;

/// Number of digits that always fit 64 bits.
const I64_DIGITS_SAFE: usize = 18;

/// Significant digits of a decimal after rounding (contract.md 10.2).
const DECIMAL_DIGITS_MAX: usize = 28;

/// Largest exponent of a Python decimal.
const EXPONENT_MAX: i64 = 999_999_999_999_999_999;

/// Error for text that is not a decimal number or needs more than 28 significant digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDecimal;

impl fmt::Display for NotDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a decimal number of at most 28 digits")
    }
}

impl std::error::Error for NotDecimal {}

/// Converts text to an integer (contract.md 10.1): deletes commas, reads a decimal of any length
/// and rounds half away from zero. `None` if that fails, and for NaN and infinities.
pub(crate) fn integer(text: &str) -> Option<Value> {
    let text = trim(text);
    if text.contains(',') {
        return integer_of(trim(&text.replace(',', "")));
    }
    integer_of(text)
}

fn integer_of(text: &str) -> Option<Value> {
    if let Some(small) = SmallDecimal::parse(text) {
        return small.rounded(0).map(|units| Value::Int(small.signed(units)));
    }
    match ParsedDecimal::parse(text)? {
        ParsedDecimal::Finite(number) => number.to_integer(),
        ParsedDecimal::NotFinite { .. } => None,
    }
}

/// Converts text to a double (contract.md 10.2): reads a decimal and rounds it half away from zero
/// to `digits` fraction digits. Blank text is null; the text `NaN` is NaN.
pub(crate) fn decimal(text: &str, digits: i32) -> Result<Value, NotDecimal> {
    let text = trim(text);
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if let Some(value) = SmallDecimal::parse(text).and_then(|small| small.to_double(digits)) {
        return Ok(Value::Float(value));
    }
    let value = match ParsedDecimal::parse(text).ok_or(NotDecimal)? {
        ParsedDecimal::Finite(number) => number.quantized(-i64::from(digits)).ok_or(NotDecimal)?,
        ParsedDecimal::NotFinite { quiet_nan: true } => f64::NAN,
        ParsedDecimal::NotFinite { quiet_nan: false } => return Err(NotDecimal),
    };
    Ok(Value::Float(value))
}

/// Reads a double like Python's `float`: digits of any script, single underscores between digits,
/// `inf`, `nan`, no commas. Neither it nor [`int`] treats the information separators as white
/// space.
pub(crate) fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_ascii() && !text.contains('_') {
        return text.parse().ok();
    }
    ascii_number(text)?.parse().ok()
}

/// Reads an integer like Python's `int`: an optional sign, digits of any script, single underscores
/// between digits, surrounding white space.
pub(crate) fn int(text: &str) -> Option<Value> {
    let text = ascii_number(text.trim())?;
    let (negative, digits) = split_sign(&text);
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (whole && digits.len() <= INTEGER_DIGITS_MAX).then(|| whole_number(negative, digits))
}

/// Prints a double like Python: the shortest digits that read back the same, always with a point or
/// an exponent (`29.0`, `1e+16`, `1e-05`).
pub(crate) fn float_text(value: f64) -> String {
    if !value.is_finite() {
        return format!("{value}").to_ascii_lowercase();
    }
    if let Some(whole) = small_whole(value) {
        return format!("{whole}.0");
    }
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if !(-4..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{direction}{:02}", exponent.unsigned_abs());
    }
    let (whole, fraction) = positional(&digits, exponent);
    format!("{sign}{whole}.{}", if fraction.is_empty() { "0" } else { &fraction })
}

/// Digits before the point (at least one) and after it, of a number in the form of [`shortest`].
fn positional(digits: &str, exponent: i32) -> (String, String) {
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let padded = [&zeros(-exponent), digits, &zeros(exponent + 1 - length)].concat();
    let (whole, fraction) = padded.split_at(usize::try_from(exponent).unwrap_or(0) + 1);
    (whole.to_owned(), fraction.to_owned())
}

/// Shortest digits of a finite double, without exponent and without a zero fraction: `29`, `-0.1`,
/// `1` and twenty zeros. Zero has no sign.
pub(crate) fn plain_float_text(value: f64) -> String {
    if let Some(whole) = small_whole(value) {
        return whole.to_string();
    }
    let (digits, exponent) = shortest(value);
    let (whole, fraction) = positional(&digits, exponent);
    let sign = if value < 0.0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// Integer value of a double that is short enough to be printed without exponent. `None` for `-0`.
fn small_whole(value: f64) -> Option<i64> {
    let small =
        value.abs() < 1e15 && value.fract() == 0.0 && (value != 0.0 || !value.is_sign_negative());
    #[expect(clippy::cast_possible_truncation, reason = "whole and far within the range of i64")]
    small.then_some(value as i64)
}

/// Result of [`integer`] for a double's text, computed without the text. Rounding the double gives
/// the same, because ties between integers are doubles themselves.
pub(super) fn nearest_whole(value: f64) -> Option<Value> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and far within the range of i64")]
    let whole = || Value::Int(value.round() as i64);
    (value.abs() < 1e15).then(whole)
}

/// Result of [`decimal`] with two digits for a double's text, computed without the text. `None`
/// near ties between hundredths: they are not doubles, so only the text decides.
pub(super) fn nearest_hundredth(value: f64) -> Option<f64> {
    /// Below this, the errors of doubles are far smaller than the width of a tie.
    const HUNDREDTHS_MAX: f64 = 1e9;
    const TIE_WIDTH: f64 = 1e-4;
    let hundredths = value * 100.0;
    let from_tie = (hundredths.abs().fract() - 0.5).abs();
    let is_clear = hundredths.abs() < HUNDREDTHS_MAX && from_tie > TIE_WIDTH;
    is_clear.then(|| hundredths.round() / 100.0)
}

/// Shortest decimal digits that read back as this finite double, without sign and trailing zeros,
/// and the exponent of the first digit. Of two equally short and equally near candidates Python
/// takes the even one; Rust does not.
fn shortest(value: f64) -> (String, i32) {
    let short = format!("{:e}", value.abs());
    let precision = short.find('e').unwrap_or(0).saturating_sub(2);
    let even = format!("{:.precision$e}", value.abs());
    let text = if even.parse() == Ok(value.abs()) { even } else { short };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// Smallest kind of value that holds these digits. Leading zeros are allowed.
pub(super) fn whole_number(negative: bool, digits: &str) -> Value {
    let digits = digits.trim_start_matches('0');
    if digits.len() <= I64_DIGITS_SAFE {
        let number = digits.bytes().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        return Value::Int(if negative { -number } else { number });
    }
    let sign = if negative && !digits.is_empty() { "-" } else { "" };
    let text = format!("{sign}{}", if digits.is_empty() { "0" } else { digits });
    text.parse().map_or_else(|_| Value::BigInt(text.into()), Value::Int)
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// The text in ASCII digits and without underscores. `None` if an underscore is not between two
/// digits, or if a character is neither ASCII nor a digit.
fn ascii_number(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() && !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let ascii = ascii_digits(text)?;
    let bytes = ascii.as_bytes();
    let between = |at: usize| {
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        [before, bytes.get(at + 1)].iter().all(|b| b.is_some_and(u8::is_ascii_digit))
    };
    let well_placed = (0..bytes.len()).all(|at| bytes[at] != b'_' || between(at));
    well_placed.then(|| Cow::Owned(ascii.replace('_', "")))
}

fn ascii_digits(text: &str) -> Option<String> {
    text.chars()
        .map(|c| digit(c).map(|value| char::from(b'0' + value)).or(c.is_ascii().then_some(c)))
        .collect()
}

/// A decimal of at most 18 digits without an exponent, as in nearly every record.
struct SmallDecimal {
    negative: bool,
    units: u64,
    scale: u32,
}

/// Powers of ten that are exact doubles.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl SmallDecimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = split_sign(text);
        let (mut units, mut scale, mut digits, mut point) = (0_u64, 0, 0, false);
        for &byte in rest.as_bytes() {
            match byte {
                b'0'..=b'9' => {
                    units = units.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                    scale += u32::from(point);
                    digits += 1;
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        (1..=18).contains(&digits).then_some(Self { negative, units, scale })
    }

    /// Units at another scale, rounded half up.
    fn rounded(&self, scale: u32) -> Option<u64> {
        if self.scale <= scale {
            return self.units.checked_mul(10_u64.checked_pow(scale - self.scale)?);
        }
        let power = 10_u64.pow(self.scale - scale);
        let (quotient, remainder) = (self.units / power, self.units % power);
        Some(quotient + u64::from(remainder * 2 >= power))
    }

    fn signed(&self, units: u64) -> i64 {
        let units = units.cast_signed();
        if self.negative { -units } else { units }
    }

    /// Converts to a double. One division of two exact operands rounds correctly.
    fn to_double(&self, digits: i32) -> Option<f64> {
        let scale = u32::try_from(digits).ok()?;
        let power = POWERS.get(scale as usize)?;
        let units = self.rounded(scale).filter(|&units| units < 1 << f64::MANTISSA_DIGITS)?;
        let magnitude = units as f64 / power;
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

/// A text as Python's decimal reader sees it.
enum ParsedDecimal {
    Finite(FiniteDecimal),
    /// An infinity or a NaN. `quiet_nan` is true for a quiet NaN.
    NotFinite {
        quiet_nan: bool,
    },
}

/// `digits` · 10^`exponent`. The digits have no leading zeros; for zero they are empty.
struct FiniteDecimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl ParsedDecimal {
    /// Parses a text. Underscores are ignored anywhere; digits may be of any script.
    fn parse(text: &str) -> Option<Self> {
        let ascii = ascii_digits(text)?.replace('_', "").to_ascii_lowercase();
        let (negative, unsigned) = split_sign(&ascii);
        if matches!(unsigned, "inf" | "infinity") {
            return Some(Self::NotFinite { quiet_nan: false });
        }
        if let Some((kind, payload)) = unsigned.split_once("nan") {
            let known = matches!(kind, "" | "s") && payload.bytes().all(|b| b.is_ascii_digit());
            return known.then_some(Self::NotFinite { quiet_nan: kind.is_empty() });
        }
        FiniteDecimal::parse(negative, unsigned).map(Self::Finite)
    }
}

impl FiniteDecimal {
    fn parse(negative: bool, unsigned: &str) -> Option<Self> {
        let (mantissa, exponent) = match unsigned.split_once('e') {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let digits = digits.trim_start_matches('0').to_owned();
        Some(Self { negative, digits, exponent })
    }

    fn to_integer(&self) -> Option<Value> {
        let needed = i64::try_from(self.digits.len()).ok()?.saturating_add(self.exponent);
        let too_long = self.exponent > 0 && needed > i64::try_from(INTEGER_DIGITS_MAX).ok()?;
        if too_long && !self.digits.is_empty() {
            return None;
        }
        Some(whole_number(self.negative, &self.rescaled(0)))
    }

    /// Rounds to a multiple of 10^`exponent`. `None` if the result has more than 28 digits.
    fn quantized(&self, exponent: i64) -> Option<f64> {
        let needed =
            i64::try_from(self.digits.len()).ok()?.saturating_add(self.exponent - exponent);
        if !self.digits.is_empty() && needed > i64::try_from(DECIMAL_DIGITS_MAX).ok()? {
            return None;
        }
        let digits = self.rescaled(exponent);
        if digits.len() > DECIMAL_DIGITS_MAX {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}0{digits}e{exponent}").parse().ok()
    }

    /// Digits of this number in units of 10^`exponent`, rounded half up. The caller ensures that
    /// the result is short.
    fn rescaled(&self, exponent: i64) -> String {
        let shift = self.exponent - exponent;
        if self.digits.is_empty() {
            return String::new();
        }
        match usize::try_from(shift) {
            Ok(zeros) => format!("{}{}", self.digits, "0".repeat(zeros)),
            Err(_) => self.without(shift.unsigned_abs()),
        }
    }

    /// Digits without the last `dropped` ones, rounded half up.
    fn without(&self, dropped: u64) -> String {
        let kept = usize::try_from(dropped).ok().and_then(|n| self.digits.len().checked_sub(n));
        match kept {
            None => String::new(),
            Some(kept) if self.digits.as_bytes()[kept] >= b'5' => incremented(&self.digits[..kept]),
            Some(kept) => self.digits[..kept].to_owned(),
        }
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent = digits.parse::<i64>().ok().filter(|&value| value <= EXPONENT_MAX)?;
    Some(if negative { -exponent } else { exponent })
}

/// Adds one to the number with these digits. The empty text is zero.
fn incremented(digits: &str) -> String {
    let nines = digits.bytes().rev().take_while(|&b| b == b'9').count();
    let head = &digits[..digits.len() - nines];
    let (before, last) = head.split_at(head.len().saturating_sub(1));
    let next = last.bytes().next().map_or('1', |digit| char::from(digit + 1));
    format!("{before}{next}{}", "0".repeat(nines))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn big(text: &str) -> Value {
        Value::BigInt(text.into())
    }

    /// From the reference's language: `Decimal(text.strip().replace(",", ""))`, rounded half up.
    #[test]
    fn integers_are_decimals_without_commas_rounded_half_away_from_zero() {
        let cases = [
            ("12", Some(Value::Int(12))),
            (" 12.5\u{a0}", Some(Value::Int(13))),
            ("-12.5", Some(Value::Int(-13))),
            ("12.4999999999999999999999", Some(Value::Int(12))),
            ("1,234", Some(Value::Int(1234))),
            (",1,,2,", Some(Value::Int(12))),
            (", 5", Some(Value::Int(5))),
            ("1e3", Some(Value::Int(1000))),
            ("1.5E-1", Some(Value::Int(0))),
            ("-0.4", Some(Value::Int(0))),
            ("0.5", Some(Value::Int(1))),
            ("5e-1", Some(Value::Int(1))),
            ("9.5", Some(Value::Int(10))),
            ("99.5e0", Some(Value::Int(100))),
            ("+_1__0_", Some(Value::Int(10))),
            ("٣٫5", None),
            ("٣.5", Some(Value::Int(4))),
            ("0e5", Some(Value::Int(0))),
            ("0e999999999", Some(Value::Int(0))),
            ("1e-999999999", Some(Value::Int(0))),
            ("9223372036854775807", Some(Value::Int(i64::MAX))),
            ("-9223372036854775808", Some(Value::Int(i64::MIN))),
            ("9223372036854775808", Some(big("9223372036854775808"))),
            ("-00012345678901234567890", Some(big("-12345678901234567890"))),
            ("1e20", Some(big("100000000000000000000"))),
            ("1e5000", None),
            ("1e9999999999999999999", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1.2.3", None),
            ("1e", None),
            ("$5", None),
            ("5²", None),
            ("nan", None),
            ("sNaN12", None),
            ("-Infinity", None),
        ];
        for (text, expected) in cases {
            assert_eq!(integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn decimals_are_rounded_half_away_from_zero_and_must_be_plain() {
        let cases = [
            ("36.505", 2, Ok(36.51)),
            ("-36.505", 2, Ok(-36.51)),
            ("36.504999", 2, Ok(36.5)),
            (" 1e3 ", 2, Ok(1000.0)),
            (".5", 0, Ok(1.0)),
            ("5.", 2, Ok(5.0)),
            ("0.000004", 5, Ok(0.0)),
            ("0.000005", 5, Ok(0.00001)),
            ("1_0.5", 1, Ok(10.5)),
            ("155", -1, Ok(160.0)),
            ("99999999999999999999999999.994", 2, Ok(1e26)),
            ("99999999999999999999999999.995", 2, Err(NotDecimal)),
            ("1e26", 2, Err(NotDecimal)),
            ("1e25", 2, Ok(1e25)),
            ("0e999", 2, Ok(0.0)),
            ("1", 28, Err(NotDecimal)),
            ("0", 28, Ok(0.0)),
            ("1,000", 2, Err(NotDecimal)),
            ("$5", 2, Err(NotDecimal)),
            ("inf", 2, Err(NotDecimal)),
            ("snan", 2, Err(NotDecimal)),
            ("12 3", 2, Err(NotDecimal)),
        ];
        for (text, digits, expected) in cases {
            assert_eq!(decimal(text, digits), expected.map(Value::Float), "{text:?} {digits}");
        }
        assert!(matches!(decimal("NaN", 2), Ok(Value::Float(value)) if value.is_nan()));
        assert_eq!(decimal(" \t", 2), Ok(Value::Null));
    }

    #[test]
    fn whole_numbers_and_doubles_take_underscores_between_digits_only() {
        let ints = [
            ("007", Some(7)),
            (" +5\n", Some(5)),
            ("-1_000", Some(-1000)),
            ("٠٧", Some(7)),
            ("_5", None),
            ("5_", None),
            ("1__0", None),
            ("+ 5", None),
            ("5.0", None),
            ("", None),
            ("++5", None),
        ];
        for (text, expected) in ints {
            assert_eq!(int(text), expected.map(Value::Int), "{text:?}");
        }
        assert_eq!(int(&"9".repeat(20)), Some(big(&"9".repeat(20))));
        assert_eq!(int(&"9".repeat(4301)), None);
        let floats = [
            ("1_0.5", Some(10.5)),
            ("٣.٥e1", Some(35.0)),
            (" 1e999 ", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1_.5", None),
            ("1._5", None),
            ("1,5", None),
            ("", None),
            (".", None),
            ("1e", None),
        ];
        for (text, expected) in floats {
            assert_eq!(float(text), expected, "{text:?}");
        }
        assert!(float("+NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn doubles_print_as_the_reference_prints_them() {
        let cases = [
            (29.0, "29.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (123_456.75, "123456.75"),
            (0.000_123, "0.000123"),
            // Half-way between .62 and .63.
            (81_274_356_386_262.63, "81274356386262.62"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn plain_text_of_doubles_has_neither_exponent_nor_a_fraction_of_zeros() {
        let cases = [
            (29.0, "29"),
            (-0.1, "-0.1"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "0.00000015"),
            (1234.5, "1234.5"),
        ];
        for (value, expected) in cases {
            assert_eq!(plain_float_text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn the_fast_and_the_general_conversion_agree(
            text in "[+-]?[0-9]{0,17}[.]?[0-9]{1,6}", digits in 0..6_i32,
        ) {
            // An exponent of zero changes nothing but the way that is taken.
            let long = format!("{text}e0");
            prop_assert_eq!(integer(&text), integer(&long));
            prop_assert_eq!(decimal(&text, digits), decimal(&long, digits));
        }

        #[test]
        fn a_printed_double_reads_back_the_same(value in any::<f64>()) {
            let read = float(&float_text(value)).map(f64::to_bits);
            prop_assert!(value.is_nan() || read == Some(value.to_bits()));
        }
    }
}
