//! Applies mapping types, conversions and defaults to a looked-up value (contract.md 9).

use std::borrow::Cow;

use super::lookup::{LookupResult, current_address};
use super::observe::{KeyMatch, MapEvent, MapObserver};
use super::row_context::{RecordContext, RowContext};
use crate::contract::case::{lower, upper};
use crate::contract::convert::{
    DataType, convert, convert_value, cut, decimal, digits_only, is_blank, only_digits,
    plain_integer, text_of, trim,
};
use crate::contract::expr::Context;
use crate::contract::model::{DataLength, EnumMap, Mapping, Step};
use crate::record::{CellText, Timestamp, Value};

/// The reference raises an exception here. The column is left out, with or without default (7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepFailed;

/// Value of a column; [`Value::Null`] if there is none.
pub(super) fn transform<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    looked: LookupResult<'r>,
    scope: &RowContext<'r, '_>,
) -> Result<Value, StepFailed> {
    // Shortcut for nearly half of all columns, with the same result.
    if mapping.only_cuts
        && !cx.observer.is_enabled()
        && let LookupResult::Text(text) = &looked
        && !is_blank(text)
    {
        return Ok(Value::Text(cut(text, mapping.cut_length()).into()));
    }
    let value = if mapping.chain.is_empty() {
        untyped(cx, mapping, &looked)?
    } else {
        let value = run_chain(cx, mapping, looked, scope)?;
        convert_rest(cx, mapping, value)?
    };
    Ok(match value {
        Value::Text(text) => finish_text(cx, mapping, text),
        value => value,
    })
}

/// Value without a mapping type (9.1).
fn untyped<O: MapObserver>(
    cx: &RecordContext<'_, O>,
    mapping: &Mapping,
    looked: &LookupResult<'_>,
) -> Result<Value, StepFailed> {
    let text = match looked {
        LookupResult::Text(text) if !is_blank(text) => &**text,
        _ => return Ok(default_or_null(cx, mapping)),
    };
    let value =
        if mapping.data_type.is_integer() { plain_integer(text) } else { typed(mapping, text)? };
    cx.emit(MapEvent::Converted(&value));
    Ok(value)
}

/// Conversion to the data type: decimals by their length, all other types by the general rules.
fn typed(mapping: &Mapping, text: &str) -> Result<Value, StepFailed> {
    if mapping.data_type == DataType::Decimal
        && let Some(result) = sized_decimal(mapping, text)
    {
        return result;
    }
    Ok(convert(text, mapping.data_type))
}

/// Decimal with `data_length` (10.2); `None` without a length.
fn sized_decimal(mapping: &Mapping, text: &str) -> Option<Result<Value, StepFailed>> {
    match mapping.length {
        DataLength::None => None,
        DataLength::Unusable => Some(Ok(Value::Null)),
        DataLength::Number(digits) => {
            let digits = i32::try_from(digits).unwrap_or(i32::MAX);
            Some(decimal(text, digits).map_err(|_| StepFailed))
        }
    }
}

fn default_or_null<O: MapObserver>(cx: &RecordContext<'_, O>, mapping: &Mapping) -> Value {
    let Some(default) = &mapping.default.typed else { return Value::Null };
    cx.emit(MapEvent::DefaultTaken(default));
    default.clone()
}

fn run_chain<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    looked: LookupResult<'r>,
    scope: &RowContext<'r, '_>,
) -> Result<Value, StepFailed> {
    let mut value = match looked {
        LookupResult::Text(text) => Value::Text(text.into()),
        LookupResult::Null | LookupResult::Opaque => Value::Null,
    };
    let mut steps = mapping.chain.iter().peekable();
    while let Some(step) = steps.next() {
        cx.emit(MapEvent::Given(step, &value));
        value = apply(cx, mapping, step, value, scope)?;
        cx.emit(MapEvent::Made(&value));
        if let Step::Calculated(_) = step
            && let Some(Step::OriginalIfNull { .. }) = steps.peek()
        {
            // A calculation that gave text or a number is the result, and the enum is skipped.
            if !is_blank_value(&value) {
                cx.emit(MapEvent::EnumSkipped);
                steps.next();
                steps.next();
            }
            continue;
        }
        let goes_on =
            matches!(step, Step::Enum(_) | Step::NowIfBlank | Step::OriginalIfNull { .. })
                || matches!(steps.peek(), Some(Step::Enum(_)));
        if value.is_null() && !goes_on {
            break;
        }
    }
    Ok(value)
}

fn apply<'r, O: MapObserver>(
    cx: &RecordContext<'r, O>,
    mapping: &Mapping,
    step: &Step,
    value: Value,
    scope: &RowContext<'r, '_>,
) -> Result<Value, StepFailed> {
    Ok(match step {
        Step::CurrentAddress { attribute, con_id } => scope
            .con_id(cx, *con_id)
            .and_then(|con_id| current_address(cx, &con_id, attribute))
            .map_or(Value::Null, |text| Value::Text(text.into())),
        Step::Enum(index) => return enumerate(cx, mapping, &cx.contract.enums[*index], &value),
        Step::CharToBit => char_to_bit(cx, &key_of(&value)),
        Step::BooleanToBit => boolean_to_bit(cx, &value),
        Step::Calculated(expression) => match expression {
            Some(expression) => {
                cx.emit(MapEvent::Calculating(scope.names()));
                calculated(mapping, expression.evaluate(scope.names()))
            }
            None => Value::Null,
        },
        Step::OriginalIfNull { exact, folded } if value.is_null() => {
            let names = scope.names();
            let original = names.get(*exact).or_else(|| names.get(*folded));
            original.map_or(Value::Null, |text| Value::Text(trim(text).into()))
        }
        Step::Keep | Step::OriginalIfNull { .. } => value,
        Step::Digits { .. } => digits(cx, mapping, &value),
        Step::NowIfBlank if is_blank_value(&value) => {
            Value::Timestamp(Timestamp { local: cx.now, offset_s: None })
        }
        Step::General if is_blank_value(&value) => default_or_null(cx, mapping),
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

/// Key for an enumeration or a bit table: trimmed text, empty for null (9.4).
fn key_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Text(text) => Cow::Borrowed(trim(text)),
        other => text_of(other),
    }
}

fn enumerate<O: MapObserver>(
    cx: &RecordContext<'_, O>,
    mapping: &Mapping,
    map: &EnumMap,
    value: &Value,
) -> Result<Value, StepFailed> {
    let key = key_of(value);
    let (answer, found) = if let Some(value) = map.exact.get(&*key) {
        (KeyMatch::Exact, Some(value))
    } else if let Some(value) = map.folded.get(&*lower(&key)) {
        (KeyMatch::OtherCase, Some(value))
    } else if let Some(value) = &map.catch_all {
        (KeyMatch::CatchAll, Some(value))
    } else {
        match (&mapping.default.raw, mapping.nullable) {
            (Some(default), false) => (KeyMatch::Default, Some(default)),
            _ => (KeyMatch::Nothing, None),
        }
    };
    cx.emit(MapEvent::Answered(answer));
    match found {
        Some(value) => Ok(value.clone()),
        None if mapping.nullable => Ok(Value::Null),
        None => Err(StepFailed),
    }
}

/// Bit of a trimmed text in the contract's table: as written, else in upper case, else 0.
pub(super) fn char_to_bit<O: MapObserver>(cx: &RecordContext<'_, O>, key: &str) -> Value {
    let map = &cx.contract.char_to_bit;
    let exact = map.get(key).map(|bit| (KeyMatch::Exact, *bit));
    let upper = || map.get(&*upper(key)).map(|bit| (KeyMatch::OtherCase, *bit));
    let (answer, bit) = exact.or_else(upper).unwrap_or((KeyMatch::Nothing, 0));
    cx.emit(MapEvent::Answered(answer));
    Value::Int(bit)
}

fn boolean_to_bit<O: MapObserver>(cx: &RecordContext<'_, O>, value: &Value) -> Value {
    let bit = cx.contract.boolean_to_bit.get(&*lower(&key_of(value)));
    cx.emit(MapEvent::Answered(if bit.is_some() { KeyMatch::Exact } else { KeyMatch::Nothing }));
    Value::Int(bit.copied().unwrap_or(0))
}

/// Section 12.5: a calculated `''` stays for a text column and is blank for all other types.
fn calculated(mapping: &Mapping, result: Value) -> Value {
    match result {
        Value::Text(text) if text.is_empty() && mapping.data_type == DataType::String => {
            Value::Text(text)
        }
        other => convert_value(other, mapping.data_type),
    }
}

fn digits<O: MapObserver>(cx: &RecordContext<'_, O>, mapping: &Mapping, value: &Value) -> Value {
    if is_blank_value(value) {
        return default_or_null(cx, mapping);
    }
    let number = digits_only(&text_of(value));
    number.map_or(Value::Null, |number| convert_value(number, mapping.data_type))
}

/// After the chain, converts text to the column's type and leaves other values unchanged (9.2).
fn convert_rest<O: MapObserver>(
    cx: &RecordContext<'_, O>,
    mapping: &Mapping,
    value: Value,
) -> Result<Value, StepFailed> {
    let text = match &value {
        Value::Text(text) if !is_blank(text) && mapping.data_type != DataType::String => text,
        _ => return Ok(value),
    };
    let value = typed(mapping, text)?;
    cx.emit(MapEvent::Converted(&value));
    Ok(value)
}

/// Final step of every text (10.5).
fn finish_text<O: MapObserver>(
    cx: &RecordContext<'_, O>,
    mapping: &Mapping,
    text: CellText,
) -> Value {
    let again = mapping.chain.iter().any(|step| matches!(step, Step::Digits { again: true }));
    let length = mapping.cut_length();
    let finished = if again {
        Value::Text(cut(&only_digits(&text), length).into())
    } else {
        match cut(&text, length) {
            whole if whole.len() == text.len() => Value::Text(text),
            part => Value::Text(part.into()),
        }
    };
    cx.emit(MapEvent::Finished(&finished));
    finished
}
