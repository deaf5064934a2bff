//! Values as a store returns them, owned, and their encoding to bytes for keys and hashes.

use crate::contract::catalogue::SqlType;
use crate::record::SqlValue;
use crate::store::{StoredValue, canonical};

/// A value as a store returns it.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// Null.
    Null,
    /// An integer or a bit.
    Int(i64),
    /// A double. -0 equals 0, as in databases.
    Float(f64),
    /// Any other type, in canonical form.
    Text(String),
}

impl OwnedValue {
    /// The value that a column of this type returns for an inserted value.
    pub fn of(value: &SqlValue, sql_type: SqlType) -> Self {
        let mut text = String::new();
        match value {
            SqlValue::Null => return Self::Null,
            SqlValue::Bit(bit) => return Self::Int((*bit).into()),
            SqlValue::Int(number) => return Self::Int(*number),
            SqlValue::Float(number) => return Self::Float(*number),
            SqlValue::Text(value) => text.push_str(value),
            SqlValue::Decimal { units, scale } => {
                canonical::push_decimal(&mut text, *units, *scale);
            }
            SqlValue::Date(date) => canonical::push_date(&mut text, *date),
            SqlValue::DateTime(time) => {
                canonical::push_date_time(&mut text, *time, canonical::fraction_digits(sql_type));
            }
        }
        Self::Text(text)
    }

    /// The text, if the value is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Int(_) | Self::Float(_) => None,
        }
    }

    /// The integer, if the value is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Null | Self::Float(_) | Self::Text(_) => None,
        }
    }

    /// The value in its borrowed form.
    pub fn stored(&self) -> StoredValue<'_> {
        match self {
            Self::Null => StoredValue::Null,
            Self::Int(number) => StoredValue::Int(*number),
            Self::Float(number) => StoredValue::Float(*number),
            Self::Text(text) => StoredValue::Text(text),
        }
    }
}

impl From<StoredValue<'_>> for OwnedValue {
    fn from(value: StoredValue<'_>) -> Self {
        match value {
            StoredValue::Null => Self::Null,
            StoredValue::Int(number) => Self::Int(number),
            StoredValue::Float(number) => Self::Float(number),
            StoredValue::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

/// Appends a value so that different rows have different bytes. With `folds`, texts are written as
/// SQL Server compares them: without regard to case and trailing blanks.
pub(crate) fn encode(out: &mut Vec<u8>, value: StoredValue<'_>, folds: bool) {
    match value {
        StoredValue::Null => out.push(b'n'),
        StoredValue::Int(number) => {
            out.push(b'i');
            out.extend_from_slice(&number.to_le_bytes());
        }
        StoredValue::Float(number) => {
            out.push(b'f');
            // Adding zero turns -0 into 0.
            out.extend_from_slice(&(number + 0.0).to_le_bytes());
        }
        StoredValue::Text(text) if folds => {
            encode_text(out, &text.trim_end_matches(' ').to_lowercase());
        }
        StoredValue::Text(text) => encode_text(out, text),
    }
}

fn encode_text(out: &mut Vec<u8>, text: &str) {
    out.push(b't');
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Text of the values in bytes from [`encode`]. Stops at bytes from elsewhere.
pub(crate) fn decode(mut bytes: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    while let Some((value, rest)) = decode_one(bytes) {
        values.push(value);
        bytes = rest;
    }
    values
}

fn decode_one(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    if tag == b'n' {
        return Some(("null".to_owned(), rest));
    }
    let (&word, rest) = rest.split_first_chunk()?;
    match tag {
        b'i' => Some((i64::from_le_bytes(word).to_string(), rest)),
        b'f' => Some((f64::from_le_bytes(word).to_string(), rest)),
        b't' => {
            let length = usize::try_from(u64::from_le_bytes(word)).ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            Some((String::from_utf8_lossy(text).into_owned(), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn bytes(values: &[StoredValue<'_>], folds: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            encode(&mut out, *value, folds);
        }
        out
    }

    #[test]
    fn values_have_the_form_that_their_columns_return() {
        let noon = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap().and_hms_opt(12, 0, 0).unwrap();
        let decimal = SqlType::Decimal { precision: 5, scale: 2 };
        for (value, sql_type, datum) in [
            (SqlValue::Null, SqlType::Int, OwnedValue::Null),
            (SqlValue::Bit(true), SqlType::Bit, OwnedValue::Int(1)),
            (SqlValue::Int(-7), SqlType::Int, OwnedValue::Int(-7)),
            (SqlValue::Float(-0.0), SqlType::Float, OwnedValue::Float(0.0)),
            (SqlValue::Text("a ".into()), SqlType::Char(2), OwnedValue::Text("a ".into())),
            (SqlValue::Decimal { units: -5, scale: 2 }, decimal, OwnedValue::Text("-0.05".into())),
            (SqlValue::Date(noon.date()), SqlType::Date, OwnedValue::Text("2026-01-31".into())),
            (
                SqlValue::DateTime(noon),
                SqlType::DateTime,
                OwnedValue::Text("2026-01-31 12:00:00.000".into()),
            ),
        ] {
            assert_eq!(OwnedValue::of(&value, sql_type), datum);
            assert_eq!(OwnedValue::from(datum.stored()), datum);
        }
    }

    #[test]
    fn different_rows_have_different_bytes() {
        let rows: [&[StoredValue<'_>]; 8] = [
            &[StoredValue::Null],
            &[StoredValue::Int(1)],
            &[StoredValue::Float(1.0)],
            &[StoredValue::Text("1")],
            &[StoredValue::Text("a"), StoredValue::Text("b")],
            &[StoredValue::Text("ab"), StoredValue::Text("")],
            &[StoredValue::Text("A"), StoredValue::Text("b")],
            &[StoredValue::Text("a "), StoredValue::Text("b")],
        ];
        let distinct: std::collections::BTreeSet<_> =
            rows.iter().map(|row| bytes(row, false)).collect();
        assert_eq!(distinct.len(), rows.len());
        assert_eq!(
            bytes(&[StoredValue::Float(-0.0)], false),
            bytes(&[StoredValue::Float(0.0)], false)
        );
    }

    #[test]
    fn folded_keys_are_equal_where_sql_server_finds_them_equal() {
        let folded = |text| bytes(&[StoredValue::Text(text)], true);
        assert_eq!(folded("Score  "), folded("SCORE"));
        assert_eq!(folded("É"), folded("é"));
        assert_ne!(folded(" SCORE"), folded("SCORE"));
    }

    #[test]
    fn bytes_are_shown_readably() {
        let row = [
            StoredValue::Int(-5),
            StoredValue::Text("näme"),
            StoredValue::Null,
            StoredValue::Float(0.5),
        ];
        assert_eq!(decode(&bytes(&row, false)), ["-5", "näme", "null", "0.5"]);
        assert_eq!(decode(b"i123"), Vec::<String>::new());
        assert_eq!(decode(b"?12345678"), Vec::<String>::new());
    }
}
