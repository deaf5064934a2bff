//! Extensions of `SQLite`: SQL Server's comparisons as collations, its conversions and `LIKE` as
//! functions, and a transport for their errors.

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode};

use crate::data::convert::{convert, cut};
use crate::data::errors::{Effect, SqlError};
use crate::data::types::Type;
use crate::data::values::{Datum, decimal_text, decimal_units, moment};

/// Types by number, so that they can be arguments of functions.
static TYPES: Mutex<Vec<Type>> = Mutex::new(Vec::new());

pub(crate) fn type_number(of: Type) -> usize {
    let mut types = TYPES.lock().unwrap_or_else(PoisonError::into_inner);
    types.iter().position(|known| *known == of).unwrap_or_else(|| {
        types.push(of);
        types.len() - 1
    })
}

fn type_of_number(number: i64) -> Type {
    let types = TYPES.lock().unwrap_or_else(PoisonError::into_inner);
    usize::try_from(number).ok().and_then(|at| types.get(at).copied()).unwrap_or(Type::Null)
}

pub(crate) fn from_sqlite(value: ValueRef<'_>) -> Datum {
    match value {
        ValueRef::Null => Datum::Null,
        ValueRef::Integer(number) => Datum::Int(number),
        ValueRef::Real(number) => Datum::Float(number),
        ValueRef::Text(bytes) => Datum::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Datum::Bytes(bytes.to_vec()),
    }
}

pub(crate) fn to_sqlite(value: &Datum) -> Value {
    match value {
        Datum::Null => Value::Null,
        Datum::Int(number) => Value::Integer(*number),
        Datum::Float(number) => Value::Real(*number),
        Datum::Text(text) => Value::Text(text.clone()),
        Datum::Bytes(bytes) => Value::Blob(bytes.clone()),
    }
}

/// An [`SqlError`] packed into the text of a `SQLite` error.
fn packed(error: &SqlError) -> rusqlite::Error {
    let effect = match error.effect {
        Effect::Compile => 0,
        Effect::Statement => 1,
        Effect::Batch => 2,
        Effect::Transaction => 3,
        Effect::Connection => 4,
    };
    let text =
        format!("\u{1}{}\u{1}{}\u{1}{effect}\u{1}{}", error.number, error.class, error.message);
    rusqlite::Error::UserFunctionError(text.into())
}

/// The packed error of a `SQLite` error, or its own message.
pub(crate) fn unpacked(error: &rusqlite::Error) -> SqlError {
    let rusqlite::Error::SqliteFailure(_, Some(text)) = error else {
        return SqlError::inside(error);
    };
    let mut parts = text.splitn(5, '\u{1}').skip(1);
    let mut number = || parts.next().and_then(|part| part.parse::<i32>().ok());
    let (Some(code), Some(class), Some(effect)) = (number(), number(), number()) else {
        return SqlError::inside(text);
    };
    let effect = match effect {
        0 => Effect::Compile,
        1 => Effect::Statement,
        2 => Effect::Batch,
        3 => Effect::Transaction,
        _ => Effect::Connection,
    };
    let message = parts.next().unwrap_or_default();
    SqlError::new(code, u8::try_from(class).unwrap_or(16), effect, message)
}

/// The violated constraint: `table.column, …` of a key, or the name of a check.
pub(crate) fn broken_rule(error: &rusqlite::Error) -> Option<&str> {
    match error {
        rusqlite::Error::SqliteFailure(failure, Some(text))
            if failure.code == ErrorCode::ConstraintViolation =>
        {
            text.split_once("failed: ").map(|(_, rule)| rule)
        }
        _ => None,
    }
}

/// Compares without regard to case and trailing blanks.
pub(crate) fn compare_text(one: &str, other: &str) -> Ordering {
    let fold = |text: &str| text.trim_end_matches(' ').to_lowercase();
    fold(one).cmp(&fold(other))
}

fn compare_decimals(one: &str, other: &str) -> Ordering {
    let (Some((one, places)), Some((other, other_places))) =
        (decimal_units(one), decimal_units(other))
    else {
        return one.cmp(other);
    };
    let at = |units: i128, places: u8, wanted: u8| {
        units.saturating_mul(10_i128.saturating_pow((wanted - places).into()))
    };
    let wanted = places.max(other_places);
    at(one, places, wanted).cmp(&at(other, other_places, wanted))
}

fn compare_times(one: &str, other: &str) -> Ordering {
    let bare = |text: &str| moment(text.split(" +").next().unwrap_or(text));
    bare(one).cmp(&bare(other))
}

pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_collation("mstext", compare_text)?;
    connection.create_collation("msdecimal", compare_decimals)?;
    connection.create_collation("mstime", compare_times)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("ms_convert", 3, flags, |context| {
        converted(context).map_err(|error| packed(&error))
    })?;
    connection.create_scalar_function("ms_cast", 3, flags, |context| {
        let to = type_of_number(number(context, 2));
        converted(context)
            .map(|value| to_sqlite(&cut(from_sqlite((&value).into()), to)))
            .map_err(|error| packed(&error))
    })?;
    connection.create_scalar_function("ms_try_cast", 3, flags, |context| {
        let to = type_of_number(number(context, 2));
        Ok(converted(context)
            .map_or(Value::Null, |value| to_sqlite(&cut(from_sqlite((&value).into()), to))))
    })?;
    connection.create_scalar_function("ms_like", 2, flags, |context| {
        let (text, pattern) = (context.get_raw(0), context.get_raw(1));
        Ok(match (from_sqlite(text), from_sqlite(pattern)) {
            (Datum::Text(text), Datum::Text(pattern)) => {
                let fold = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
                Value::Integer(like(&fold(&text), &fold(&pattern)).into())
            }
            _ => Value::Null,
        })
    })?;
    connection.create_scalar_function("ms_exact", 3, flags, |context| {
        let (one, other) = (from_sqlite(context.get_raw(1)), from_sqlite(context.get_raw(2)));
        let operator: String = context.get(0)?;
        Ok(exact(&operator, &one, &other).unwrap_or(Value::Null))
    })
}

fn number(context: &Context<'_>, at: usize) -> i64 {
    context.get(at).unwrap_or(-1)
}

fn converted(context: &Context<'_>) -> Result<Value, SqlError> {
    let (from, to) = (number(context, 1), number(context, 2));
    let value = from_sqlite(context.get_raw(0));
    convert(&value, type_of_number(from), type_of_number(to)).map(|value| to_sqlite(&value))
}

/// Sum, difference or product of two decimals.
fn exact(operator: &str, one: &Datum, other: &Datum) -> Option<Value> {
    let (Datum::Text(one), Datum::Text(other)) = (one, other) else { return None };
    let ((one, places), (other, other_places)) = (decimal_units(one)?, decimal_units(other)?);
    let scale = places.max(other_places);
    let one_up = one.checked_mul(10_i128.checked_pow((scale - places).into())?)?;
    let other_up = other.checked_mul(10_i128.checked_pow((scale - other_places).into())?)?;
    Some(Value::Text(match operator {
        "+" => decimal_text(one_up.checked_add(other_up)?, scale),
        "-" => decimal_text(one_up.checked_sub(other_up)?, scale),
        _ => decimal_text(one.checked_mul(other)?, places + other_places),
    }))
}

/// `LIKE` with `%`, `_` and sets in brackets.
fn like(text: &[char], pattern: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    match first {
        '%' => (0..=text.len()).any(|from| like(&text[from..], rest)),
        '_' => !text.is_empty() && like(&text[1..], rest),
        '[' => {
            let Some(end) = rest.iter().position(|c| *c == ']') else { return false };
            let (set, after) = (&rest[..end], &rest[end + 1..]);
            let (negated, set) = match set.split_first() {
                Some(('^', set)) => (true, set),
                _ => (false, set),
            };
            let Some((character, later)) = text.split_first() else { return false };
            in_set(*character, set) != negated && like(later, after)
        }
        character => text.first() == Some(character) && like(&text[1..], rest),
    }
}

fn in_set(character: char, set: &[char]) -> bool {
    let mut rest = set;
    while let Some((first, later)) = rest.split_first() {
        if let ['-', last, after @ ..] = later {
            if (*first..=*last).contains(&character) {
                return true;
            }
            rest = after;
        } else if *first == character {
            return true;
        } else {
            rest = later;
        }
    }
    false
}
