//! Conversions from text to value by data type (contract.md 10), and the primitives of contract.md
//! 9. They follow the language rules of the reference.

mod number;
mod time;
mod unicode;

use std::borrow::Cow;

use compact_str::ToCompactString;

pub(crate) use number::{decimal, float, float_text, int, integer, plain_float_text};
pub(crate) use time::{iso_text, timestamp, timestamp_in_condition};
pub(crate) use unicode::{is_blank, trim};

use crate::record::Value;

/// Data types of a mapping (contract.md 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `smallint`.
    SmallInt,
    /// `bigint`.
    BigInt,
    /// `tinyint`.
    TinyInt,
    /// `decimal`.
    Decimal,
    /// `float`.
    Float,
    /// `datetime`.
    DateTime,
    /// `smalldatetime`.
    SmallDateTime,
    /// `date`: a full timestamp, like the other two (contract.md 10.3).
    Date,
    /// `bit`.
    Bit,
    /// `boolean`.
    Boolean,
    /// Any other name: treated as text.
    Other,
}

impl DataType {
    /// The data type of this exact name.
    pub fn parse(name: &str) -> Self {
        match name {
            "string" => Self::String,
            "int" => Self::Int,
            "smallint" => Self::SmallInt,
            "bigint" => Self::BigInt,
            "tinyint" => Self::TinyInt,
            "decimal" => Self::Decimal,
            "float" => Self::Float,
            "datetime" => Self::DateTime,
            "smalldatetime" => Self::SmallDateTime,
            "date" => Self::Date,
            "bit" => Self::Bit,
            "boolean" => Self::Boolean,
            _ => Self::Other,
        }
    }

    /// True for `int`, `smallint`, `bigint` and `tinyint`. They convert alike.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::Int | Self::SmallInt | Self::BigInt | Self::TinyInt)
    }

    /// True for `datetime`, `smalldatetime` and `date`. They convert alike.
    pub fn is_date(self) -> bool {
        matches!(self, Self::DateTime | Self::SmallDateTime | Self::Date)
    }
}

/// General conversion (contract.md 10). Blank text and text that does not convert become null.
/// Decimals get two fraction digits; texts are trimmed.
pub(crate) fn convert(text: &str, data_type: DataType) -> Value {
    let trimmed = trim(text);
    if trimmed.is_empty() {
        return Value::Null;
    }
    match data_type {
        DataType::Int | DataType::SmallInt | DataType::BigInt | DataType::TinyInt => {
            integer(trimmed).unwrap_or(Value::Null)
        }
        DataType::Decimal => decimal(trimmed, 2).unwrap_or(Value::Null),
        DataType::Float => float(trimmed).map_or(Value::Null, Value::Float),
        // Not trimmed: leading blanks matter to the layouts (contract.md 10.3).
        DataType::DateTime | DataType::SmallDateTime | DataType::Date => {
            timestamp(text).map_or(Value::Null, Value::Timestamp)
        }
        // Any text is true, including `0` and `false` (contract.md 10.4).
        DataType::Bit => Value::Int(1),
        DataType::Boolean => Value::Bool(true),
        DataType::String | DataType::Other => Value::Text(trimmed.into()),
    }
}

/// General conversion of a value that may already have a type (contract.md 12.5). Numbers, booleans
/// and points in time convert like the text that the reference prints for them, with two
/// exceptions. As bits, they are false if they are zero; a point in time stays one.
pub(crate) fn convert_value(value: Value, data_type: DataType) -> Value {
    match (value, data_type) {
        (Value::Text(text), _) => convert(&text, data_type),
        (Value::Null, _) => Value::Null,
        (value, DataType::Bit) => Value::Int(is_truthy(&value).into()),
        (value, DataType::Boolean) => Value::Bool(is_truthy(&value)),
        (value @ Value::Timestamp(_), data_type) if data_type.is_date() => value,
        (value @ Value::Float(_), DataType::Float) => value,
        (value @ Value::Int(_), data_type) if data_type.is_integer() => value,
        (Value::Int(number), DataType::String | DataType::Other) => {
            Value::Text(number.to_compact_string())
        }
        (Value::Bool(value), DataType::Float) => Value::Float(f64::from(u8::from(value))),
        (Value::Float(number), data_type) => without_text(number, data_type)
            .unwrap_or_else(|| convert(&float_text(number), data_type)),
        (value, _) => convert(&text_of(&value), data_type),
    }
}

/// Conversion of a double, for the data types that do not need its text.
fn without_text(number: f64, data_type: DataType) -> Option<Value> {
    match data_type {
        DataType::Decimal => number::nearest_hundredth(number).map(Value::Float),
        _ if data_type.is_integer() => number::nearest_whole(number),
        _ => None,
    }
}

/// True if the reference treats the value as true: not zero, not empty and not null.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Bool(value) => *value,
        Value::Text(text) => !text.is_empty(),
        Value::BigInt(_) | Value::Timestamp(_) => true,
    }
}

/// The value as the reference prints it: `29.0`, `True`, `2023-10-03 10:00:00`. Empty for null.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::BigInt(text) => Cow::Borrowed(text),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Float(number) => Cow::Owned(float_text(*number)),
        Value::Bool(value) => Cow::Borrowed(if *value { "True" } else { "False" }),
        Value::Timestamp(timestamp) => Cow::Owned(iso_text(*timestamp, ' ')),
    }
}

/// Integer value of a text of digits only, for the keys `app_id` and `con_id`. `None` for any other
/// text. The text is not trimmed.
pub(crate) fn integer_if_digits(text: &str) -> Option<Value> {
    if unicode::all_digits(text) { int(text) } else { None }
}

/// Conversion of integer columns without a mapping type (contract.md 9.1). A trimmed text of digits
/// counts as a whole. Otherwise the first number in the text counts, which loses sign, thousands
/// separators and exponent. Null if the text is blank or has no number.
pub(crate) fn plain_integer(text: &str) -> Value {
    let text = trim(text);
    if unicode::all_digits(text) {
        return integer(text).unwrap_or(Value::Null);
    }
    match first_number(text) {
        Some(Value::Float(number)) => integer(&float_text(number)).unwrap_or(Value::Null),
        Some(number) => number,
        None => Value::Null,
    }
}

/// First run of digits, with a directly following `.digits`, read as a double (contract.md 9.1).
pub(crate) fn first_number(text: &str) -> Option<Value> {
    let is_digit = |c| unicode::digit(c).is_some();
    let number = &text[text.find(is_digit)?..];
    let end = number.find(|c| !is_digit(c)).unwrap_or(number.len());
    let fraction = number[end..].strip_prefix('.').unwrap_or("");
    let length = fraction.find(|c| !is_digit(c)).unwrap_or(fraction.len());
    if length == 0 {
        return integer(&number[..end]);
    }
    float(&number[..=end + length]).map(Value::Float)
}

/// ASCII digits of the text as one integer (contract.md 9.4, `numbers_only`). Leading zeros vanish
/// and a decimal point is ignored. `None` if there is no digit.
pub(crate) fn digits_only(text: &str) -> Option<Value> {
    if unicode::all_ascii_digits(text) {
        return Some(number::whole_number(false, text));
    }
    let digits = only_digits(text);
    (!digits.is_empty()).then(|| number::whole_number(false, &digits))
}

/// ASCII digits of the text, for the final step of texts with `numbers_only` (contract.md 10.5).
pub(crate) fn only_digits(text: &str) -> String {
    let mut digits = String::with_capacity(text.len());
    digits.extend(text.bytes().filter(u8::is_ascii_digit).map(char::from));
    digits
}

/// Final step for texts (contract.md 10.5): trims, cuts to `data_length` characters and trims
/// again. A negative length removes characters from the end: −1 removes the last one.
pub(crate) fn cut(text: &str, data_length: Option<i64>) -> &str {
    match data_length {
        None => trim(text),
        Some(length) => trim(slice(trim(text), length)),
    }
}

/// First `length` characters, like a Python slice: a negative length omits that many at the end.
pub(crate) fn slice(text: &str, length: i64) -> &str {
    match usize::try_from(length) {
        // A character takes at least one byte.
        Ok(length) if text.len() <= length => text,
        Ok(length) => text.char_indices().nth(length).map_or(text, |(end, _)| &text[..end]),
        Err(_) => without_last(text, length.unsigned_abs()),
    }
}

fn without_last(text: &str, characters: u64) -> &str {
    let last = usize::try_from(characters).unwrap_or(usize::MAX).saturating_sub(1);
    text.char_indices().nth_back(last).map_or("", |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::record::Timestamp;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn noon(offset_s: Option<i32>) -> Value {
        let local = NaiveDate::from_ymd_opt(2023, 10, 3).and_then(|d| d.and_hms_opt(12, 0, 0));
        Value::Timestamp(Timestamp { local: local.unwrap(), offset_s })
    }

    #[test]
    fn every_data_type_has_its_name_and_other_names_are_text() {
        let cases = [
            ("string", DataType::String),
            ("tinyint", DataType::TinyInt),
            ("smalldatetime", DataType::SmallDateTime),
            ("boolean", DataType::Boolean),
            ("INT", DataType::Other),
            ("varchar", DataType::Other),
            ("", DataType::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(DataType::parse(name), expected, "{name:?}");
        }
    }

    #[test]
    fn text_converts_by_data_type_and_failures_are_null() {
        let cases = [
            (" a b ", "string", text("a b")),
            ("x", "money", text("x")),
            (" \u{1f} ", "string", Value::Null),
            ("1,250.50", "int", Value::Int(1251)),
            ("-5", "tinyint", Value::Int(-5)),
            ("abc", "smallint", Value::Null),
            ("1.005", "decimal", Value::Float(1.01)),
            ("1,000", "decimal", Value::Null),
            ("1e3", "float", Value::Float(1000.0)),
            ("1,000", "float", Value::Null),
            ("2023-10-03 12:00:00", "date", noon(None)),
            ("2023-10-03T12:00:00Z", "datetime", noon(Some(0))),
            (" 2023-10-03 12:00:00", "smalldatetime", Value::Null),
            ("0", "bit", Value::Int(1)),
            ("false", "boolean", Value::Bool(true)),
            (" ", "bit", Value::Null),
        ];
        for (input, name, expected) in cases {
            assert_eq!(convert(input, DataType::parse(name)), expected, "{input:?} as {name}");
        }
    }

    #[test]
    fn typed_values_convert_through_the_text_that_the_reference_prints() {
        let big = || Value::BigInt("12345678901234567890".into());
        let cases = [
            (Value::Float(29.0), "int", Value::Int(29)),
            (Value::Float(2.5), "smallint", Value::Int(3)),
            (Value::Float(29.0), "string", text("29.0")),
            (Value::Int(640), "string", text("640")),
            (big(), "string", text("12345678901234567890")),
            (big(), "bigint", big()),
            (Value::Float(1e22), "int", Value::BigInt("10000000000000000000000".into())),
            (Value::Float(1.005), "decimal", Value::Float(1.01)),
            (Value::Int(3), "decimal", Value::Float(3.0)),
            (Value::Float(f64::INFINITY), "decimal", Value::Null),
            (Value::Float(f64::NAN), "int", Value::Null),
            (Value::Int(3), "float", Value::Float(3.0)),
            (Value::Bool(true), "float", Value::Float(1.0)),
            (Value::Bool(true), "int", Value::Null),
            (Value::Int(0), "bit", Value::Int(0)),
            (Value::Float(0.5), "bit", Value::Int(1)),
            (Value::Float(0.0), "boolean", Value::Bool(false)),
            (text("0"), "bit", Value::Int(1)),
            (noon(Some(0)), "date", noon(Some(0))),
            (noon(Some(-19800)), "string", text("2023-10-03 12:00:00-05:30")),
            (Value::Int(20_231_003), "date", convert("20231003", DataType::Date)),
            (Value::Float(29.0), "datetime", Value::Null),
            (Value::Null, "bit", Value::Null),
            (text(" "), "string", Value::Null),
        ];
        for (value, name, expected) in cases {
            let shown = format!("{value:?} as {name}");
            assert_eq!(convert_value(value, DataType::parse(name)), expected, "{shown}");
        }
    }

    #[test]
    fn a_plain_integer_is_the_first_number_in_the_text() {
        let cases = [
            ("-5", Value::Int(5)),
            ("1,234", Value::Int(1)),
            (".5", Value::Int(5)),
            ("$36.50", Value::Int(37)),
            ("1e3", Value::Int(1)),
            ("abc", Value::Null),
            (" ", Value::Null),
            (" 007 ", Value::Int(7)),
            ("5.", Value::Int(5)),
            ("v1.2.3", Value::Int(1)),
            ("#٣٫", Value::Int(3)),
            ("0.49999999999999999999", Value::Int(1)),
            ("12345678901234567890", Value::BigInt("12345678901234567890".into())),
            ("²", Value::Null),
            ("5²", Value::Null),
            ("-5²", Value::Int(5)),
        ];
        for (input, expected) in cases {
            assert_eq!(plain_integer(input), expected, "{input:?}");
        }
    }

    #[test]
    fn digits_only_reads_all_ascii_digits_as_one_number() {
        let cases = [
            ("02134", Some(2134)),
            ("000000000", Some(0)),
            ("40.50", Some(4050)),
            ("-3", Some(3)),
            ("(801) 555-0100", Some(8_015_550_100)),
            ("٣", None),
            ("none", None),
        ];
        for (input, expected) in cases {
            assert_eq!(digits_only(input), expected.map(Value::Int), "{input:?}");
        }
        assert_eq!(only_digits("0-0"), "00");
    }

    #[test]
    fn keys_are_numbers_only_if_all_digits() {
        let cases = [
            ("5", Some(5)),
            ("007", Some(7)),
            ("+5", None),
            (" 5", None),
            ("5.0", None),
            ("", None),
            ("²", None),
        ];
        for (input, expected) in cases {
            assert_eq!(integer_if_digits(input), expected.map(Value::Int), "{input:?}");
        }
    }

    #[test]
    fn text_is_cut_to_its_length_in_slice_semantics() {
        let cases = [
            (" abc ", None, "abc"),
            ("abcdef", Some(3), "abc"),
            ("ab cdef", Some(3), "ab"),
            ("日本語", Some(2), "日本"),
            ("日本", Some(2), "日本"),
            ("abc", Some(3), "abc"),
            ("abc", Some(0), ""),
            ("abc", Some(-1), "ab"),
            ("ab c", Some(-1), "ab"),
            ("日本", Some(-1), "日"),
            ("a", Some(-1), ""),
            ("", Some(-1), ""),
            ("abc", Some(-3), ""),
            ("abc", Some(-9), ""),
            ("abc", Some(i64::MIN), ""),
        ];
        for (input, length, expected) in cases {
            assert_eq!(cut(input, length), expected, "{input:?} {length:?}");
        }
    }

    proptest! {
        #[test]
        fn a_double_converts_the_same_directly_and_through_its_text(
            digits in -10_i64.pow(12)..10_i64.pow(12), divisor in 1..2_000_i64, shift in 0..9_i32,
        ) {
            let number = digits as f64 / divisor as f64 / 10_f64.powi(shift);
            for number in [number, (number * 100.0).round() / 100.0, number.round() + 0.5, -0.0] {
                for data_type in [DataType::Int, DataType::Decimal] {
                    if let Some(value) = without_text(number, data_type) {
                        let by_text = convert(&float_text(number), data_type);
                        prop_assert_eq!(value, by_text, "{}", number);
                    }
                }
            }
        }

        #[test]
        fn truncation_is_idempotent(input in "\\PC{0,12}", length in 0..8_i64) {
            let once = cut(&input, Some(length));
            prop_assert_eq!(cut(once, Some(length)), once);
        }
    }
}
