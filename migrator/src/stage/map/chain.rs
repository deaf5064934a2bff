//! What is done with a looked-up value: mapping types, conversions, defaults (contract.md 9).

use std::borrow::Cow;

use super::env::{Env, Scope};
use super::lookup::{Looked, current_address};
use crate::contract::case::{lower, upper};
use crate::contract::convert::{
    DataType, convert, convert_value, cut, decimal, digits_only, is_blank, only_digits,
    plain_integer, text_of, trim,
};
use crate::contract::expr::Context;
use crate::contract::model::{DataLength, EnumMap, Mapping, Step};
use crate::record::{Timestamp, Value};

/// What the reference answers with an exception: the column is left out, default or not (7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abort;

/// The value of a column; [`Value::Null`] where there is none.
pub(super) fn transform<'r>(
    env: &Env<'r>,
    mapping: &Mapping,
    looked: Looked<'r>,
    scope: &Scope<'r, '_>,
) -> Result<Value, Abort> {
    let value = if mapping.chain.is_empty() {
        untyped(mapping, &looked)?
    } else {
        let value = run_chain(env, mapping, looked, scope)?;
        convert_rest(mapping, value)?
    };
    Ok(finish_text(mapping, value))
}

/// No mapping type (9.1).
fn untyped(mapping: &Mapping, looked: &Looked<'_>) -> Result<Value, Abort> {
    let text = match looked {
        Looked::Text(text) if !is_blank(text) => &**text,
        _ => return Ok(default_or_null(mapping)),
    };
    if mapping.data_type.is_integer() {
        return Ok(plain_integer(text));
    }
    if mapping.data_type == DataType::Decimal
        && let Some(result) = sized_decimal(mapping, text)
    {
        return result;
    }
    Ok(convert(text, mapping.data_type))
}

/// Decimal with `data_length` (10.2); `None` where there is no length.
fn sized_decimal(mapping: &Mapping, text: &str) -> Option<Result<Value, Abort>> {
    match mapping.length {
        DataLength::None => None,
        DataLength::Unusable => Some(Ok(Value::Null)),
        DataLength::Number(digits) => {
            let digits = i32::try_from(digits).unwrap_or(i32::MAX);
            Some(decimal(text, digits).map_err(|_| Abort))
        }
    }
}

fn default_or_null(mapping: &Mapping) -> Value {
    mapping.default.typed.clone().unwrap_or(Value::Null)
}

fn run_chain<'r>(
    env: &Env<'r>,
    mapping: &Mapping,
    looked: Looked<'r>,
    scope: &Scope<'r, '_>,
) -> Result<Value, Abort> {
    let mut value = match looked {
        Looked::Text(text) => Value::Text(text.into()),
        Looked::Null | Looked::Opaque => Value::Null,
    };
    let mut steps = mapping.chain.iter().peekable();
    while let Some(step) = steps.next() {
        value = apply(env, mapping, step, value, scope)?;
        if let Step::Calculated(_) = step
            && let Some(Step::OriginalIfNull { .. }) = steps.peek()
        {
            // A calculation that gave text or a number is the result: the enum is passed over.
            if value != Value::Null && !is_blank_value(&value) {
                steps.next();
                steps.next();
            }
            continue;
        }
        let goes_on =
            matches!(step, Step::Enum(_) | Step::NowIfBlank | Step::OriginalIfNull { .. })
                || matches!(steps.peek(), Some(Step::Enum(_)));
        if value == Value::Null && !goes_on {
            break;
        }
    }
    Ok(value)
}

fn apply<'r>(
    env: &Env<'r>,
    mapping: &Mapping,
    step: &Step,
    value: Value,
    scope: &Scope<'r, '_>,
) -> Result<Value, Abort> {
    Ok(match step {
        Step::CurrentAddress { attribute, con_id } => scope
            .con_id(env, *con_id)
            .and_then(|con_id| current_address(env, &con_id, attribute))
            .map_or(Value::Null, |text| Value::Text(text.into())),
        Step::Enum(index) => return enumerate(mapping, &env.contract.enums[*index], &value),
        Step::CharToBit => char_to_bit(env, &value),
        Step::BooleanToBit => boolean_to_bit(env, &value),
        Step::Calculated(expression) => match expression {
            Some(expression) => calculated(mapping, expression.evaluate(scope.names())),
            None => Value::Null,
        },
        Step::OriginalIfNull { exact, folded } if value == Value::Null => {
            let names = scope.names();
            let original = names.get(*exact).or_else(|| names.get(*folded));
            original.map_or(Value::Null, |text| Value::Text(trim(text).into()))
        }
        Step::Keep | Step::OriginalIfNull { .. } => value,
        Step::Digits { .. } => digits(mapping, &value),
        Step::NowIfBlank if is_blank_value(&value) => {
            Value::Timestamp(Timestamp { local: env.now, offset_s: None })
        }
        Step::General if is_blank_value(&value) => default_or_null(mapping),
        Step::NowIfBlank | Step::General => convert_value(value, mapping.data_type),
    })
}

fn is_blank_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => is_blank(text),
        _ => false,
    }
}

/// The key of an enumeration or a bit: trimmed text, empty for null (9.4).
fn key_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Text(text) => Cow::Borrowed(trim(text)),
        other => text_of(other),
    }
}

fn enumerate(mapping: &Mapping, map: &EnumMap, value: &Value) -> Result<Value, Abort> {
    let key = key_of(value);
    let found =
        map.exact.get(&*key).or_else(|| map.folded.get(&*lower(&key))).or(map.catch_all.as_ref());
    match (found, mapping.nullable, &mapping.default.raw) {
        (Some(value), _, _) => Ok(value.clone()),
        (None, true, _) => Ok(Value::Null),
        (None, false, Some(default)) => Ok(default.clone()),
        (None, false, None) => Err(Abort),
    }
}

fn char_to_bit(env: &Env<'_>, value: &Value) -> Value {
    let key = key_of(value);
    let map = &env.contract.char_to_bit;
    let bit = map.get(&*key).or_else(|| map.get(&*upper(&key)));
    Value::Int(bit.copied().unwrap_or(0))
}

fn boolean_to_bit(env: &Env<'_>, value: &Value) -> Value {
    let bit = env.contract.boolean_to_bit.get(&*lower(&key_of(value)));
    Value::Int(bit.copied().unwrap_or(0))
}

/// Section 12.5: a calculated `''` stays for a text column and is blank for any other.
fn calculated(mapping: &Mapping, result: Value) -> Value {
    match result {
        Value::Text(text) if text.is_empty() && mapping.data_type == DataType::String => {
            Value::Text(text)
        }
        other => convert_value(other, mapping.data_type),
    }
}

fn digits(mapping: &Mapping, value: &Value) -> Value {
    if is_blank_value(value) {
        return default_or_null(mapping);
    }
    let number = digits_only(&text_of(value));
    number.map_or(Value::Null, |number| convert_value(number, mapping.data_type))
}

/// After the chain: what is still text gets the column's type; anything else is left alone (9.2).
fn convert_rest(mapping: &Mapping, value: Value) -> Result<Value, Abort> {
    let text = match &value {
        Value::Text(text) if !is_blank(text) && mapping.data_type != DataType::String => text,
        _ => return Ok(value),
    };
    if mapping.data_type == DataType::Decimal
        && let Some(result) = sized_decimal(mapping, text)
    {
        return result;
    }
    Ok(convert(text, mapping.data_type))
}

/// The last step of every text (10.5).
fn finish_text(mapping: &Mapping, value: Value) -> Value {
    let Value::Text(text) = value else { return value };
    let again = mapping.chain.iter().any(|step| matches!(step, Step::Digits { again: true }));
    let length = match mapping.length {
        DataLength::Number(length) => Some(length),
        DataLength::None | DataLength::Unusable => None,
    };
    if again {
        return Value::Text(cut(&only_digits(&text), length).into());
    }
    Value::Text(cut(&text, length).into())
}
