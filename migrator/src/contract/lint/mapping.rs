//! Warnings about lengths, defaults and conversions that do something else than they seem to
//! (contract.md 9, 10).

use rustc_hash::FxHashMap;

use super::pair::CompiledMapping;
use crate::contract::convert::{DataType, is_blank, text_of};
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::model::{Contract, DataLength, Mapping, RowKind, Step};
use crate::record::Value;

/// Warns about one mapping.
pub(super) fn warn(
    contract: &Contract,
    compiled: &CompiledMapping<'_>,
    found: &mut Vec<Diagnostic>,
) {
    length(compiled, found);
    length_without_effect(compiled, found);
    first_number(compiled, found);
    bit(compiled, found);
    digits(compiled, found);
    if let Some(why) = never_applies(contract, compiled) {
        let message = format!("the default of {} never applies: {why}", compiled.name());
        found.push(compiled.written.diagnostic(
            Code::DefaultNeverApplies,
            "default_value",
            message,
        ));
    }
}

fn is_text(data_type: DataType) -> bool {
    matches!(data_type, DataType::String | DataType::Other)
}

/// Reports lengths with an unexpected effect. In rows of section 11 lengths have no effect.
fn length(compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let (mapping, name) = (compiled.mapping, compiled.name());
    let data_type = mapping.data_type;
    if compiled.makes.is_some() {
        return;
    }
    let (code, message) = match mapping.length {
        DataLength::Number(0) if is_text(data_type) => {
            (Code::NegativeLength, format!("data_length 0 makes every value of {name} empty"))
        }
        DataLength::Number(length) if length < 0 && is_text(data_type) => {
            let characters = match length {
                -1 => "the last character".to_owned(),
                _ => format!("the last {} characters", length.unsigned_abs()),
            };
            (
                Code::NegativeLength,
                format!("data_length {length} cuts {characters} of every value of {name}"),
            )
        }
        DataLength::Unusable if is_text(data_type) => {
            (Code::UnusableLength, format!("data_length is not an integer: {name} is not cut"))
        }
        DataLength::Unusable if data_type == DataType::Decimal => {
            (Code::UnusableLength, format!("data_length is not an integer: {name} is always null"))
        }
        _ => return,
    };
    found.push(compiled.written.diagnostic(code, "data_length", message));
}

/// Fraction digits of a decimal whose length has no effect (contract.md 10.2, 12.5).
pub(super) const DIGITS: i64 = 2;

/// Reports lengths without effect. They only affect texts and decimals that are neither calculated
/// nor in rows of section 11.
fn length_without_effect(compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let mapping = compiled.mapping;
    let DataLength::Number(length) = mapping.length else { return };
    let is_decimal = mapping.data_type == DataType::Decimal;
    let why = match (compiled.makes, is_decimal) {
        (_, true) if length == DIGITS => return,
        (Some(_), true) => format!("decimals of such rows have {DIGITS} digits"),
        (Some(_), false) if is_text(mapping.data_type) => "texts of such rows are never cut".into(),
        (None, true) if calculates(mapping) => format!("calculated decimals have {DIGITS} digits"),
        (None, true) => return,
        _ if is_text(mapping.data_type) => return,
        _ => {
            let written = compiled.written.value.data_type.as_deref().unwrap_or_default();
            format!("{written} has no length")
        }
    };
    let message = format!("data_length of {} has no effect: {why}", compiled.name());
    found.push(compiled.written.diagnostic(Code::IgnoredKey, "data_length", message));
}

/// True if an expression gives the value.
pub(super) fn calculates(mapping: &Mapping) -> bool {
    mapping.chain.iter().any(|step| matches!(step, Step::Calculated(_)))
}

/// Reports integers without a mapping type (contract.md 9.1).
fn first_number(compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let mapping = compiled.mapping;
    // Keys are set last and replace the mapped value.
    let is_key = matches!(compiled.written.value.column(), "app_id" | "con_id");
    let plain = mapping.chain.is_empty() && compiled.makes.is_none() && !is_key;
    if plain && mapping.data_type.is_integer() {
        let message = format!(
            "{} is the first number in the text: -5 becomes 5, 1,234 becomes 1",
            compiled.name()
        );
        found.push(compiled.written.diagnostic(Code::FirstNumber, "data_type", message));
    }
}

/// Reports bits without a conversion: any text that is not blank is true (contract.md 10.4).
fn bit(compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let mapping = compiled.mapping;
    let is_bit = matches!(mapping.data_type, DataType::Bit | DataType::Boolean);
    let converts = mapping.chain.iter().any(|step| {
        matches!(step, Step::CharToBit | Step::BooleanToBit | Step::Enum(_) | Step::Calculated(_))
    });
    if is_bit && !converts && compiled.makes.is_none() {
        let name = compiled.name();
        let message =
            format!("{name} is 1 for every text that is not blank, including 0, N and false");
        found.push(compiled.written.diagnostic(Code::BitWithoutType, "data_type", message));
    }
}

/// Reports digits that are read as one number, without leading zeros (contract.md 9.4).
fn digits(compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let types = &compiled.written.value.types;
    let step = types.iter().find(|step| matches!(&*step.name, "numbers_only" | "extract_numeric"));
    let used = !matches!(compiled.makes, Some(kind) if kind != RowKind::Collateral);
    if let Some(step) = step.filter(|_| used && is_text(compiled.mapping.data_type)) {
        let message = format!("{} loses leading zeros: 02134 becomes 2134", compiled.name());
        let path = format!("{}.mapping_type", compiled.written.path);
        found.push(Diagnostic::new(Code::LeadingZeros, path, step.span, message));
    }
}

/// True if a step gives a value for every input, so that the result is never null.
pub(super) fn answers_always(contract: &Contract, step: Option<&Step>) -> bool {
    match step {
        Some(Step::CharToBit | Step::BooleanToBit | Step::NowIfBlank) => true,
        Some(Step::Enum(index)) => contract.enums[*index].catch_all.is_some(),
        _ => false,
    }
}

/// Result for a blank of a first step that always gives a value.
pub(super) fn of_blank(contract: &Contract, step: Option<&Step>) -> Option<Value> {
    let bit = |map: &FxHashMap<Box<str>, i64>| Value::Int(map.get("").copied().unwrap_or(0));
    match step? {
        Step::CharToBit => Some(bit(&contract.char_to_bit)),
        Step::BooleanToBit => Some(bit(&contract.boolean_to_bit)),
        Step::Enum(index) => contract.enums[*index].catch_all.clone(),
        _ => None,
    }
}

/// True if a blank becomes exactly the default. Then it does not count as data.
pub(super) fn fills_blanks(contract: &Contract, step: Option<&Step>, default: &Value) -> bool {
    // Compared as texts: equal numbers are equal, whatever their types.
    of_blank(contract, step).is_some_and(|value| text_of(&value) == text_of(default))
}

/// Reason why a default never has an effect; `None` if it may have one (contract.md 9.5).
fn never_applies(contract: &Contract, compiled: &CompiledMapping<'_>) -> Option<&'static str> {
    let mapping = compiled.mapping;
    let raw = mapping.default.raw.as_ref()?;
    let first = mapping.chain.first();
    match compiled.makes {
        Some(RowKind::Collateral) => return never_in_collateral(compiled),
        Some(_) => return Some("rows of this kind use no default"),
        None => {}
    }
    if mapping.default.typed.as_ref().is_some_and(|default| fills_blanks(contract, first, default))
    {
        // The default decides if the column counts as data (contract.md 7.1).
        return None;
    }
    match first {
        Some(Step::CharToBit | Step::BooleanToBit) => {
            return Some("the conversion gives 0 or 1 for every value, including a blank");
        }
        Some(Step::Enum(_)) if answers_always(contract, first) => {
            return Some("the entry \"\" of the enumeration matches everything");
        }
        Some(Step::NowIfBlank) => return Some("a blank becomes the current time"),
        _ => {}
    }
    // A column that is not nullable takes the default as written for a null result.
    if !mapping.nullable {
        return None;
    }
    let chain = &mapping.chain;
    let reached = chain
        .iter()
        .take_while(|step| !matches!(step, Step::Enum(_) | Step::CharToBit | Step::BooleanToBit));
    let mut reached = reached.filter(|step| matches!(step, Step::Digits { .. } | Step::General));
    if !chain.is_empty() && reached.next().is_none() {
        let is_enum = chain.iter().any(|step| matches!(step, Step::Enum(_)));
        return Some(if is_enum {
            "a nullable enumeration leaves the column out instead"
        } else {
            "a nullable column is left out instead, and no step of the chain fills blanks"
        });
    }
    if mapping.default.typed.is_some() {
        return None;
    }
    Some(if is_falsy(raw) {
        "a nullable column ignores the defaults 0, false and \"\""
    } else {
        "it does not convert to the data type, and the column is nullable"
    })
}

/// Reason for a collateral row. It converts truthy defaults by its own rules (contract.md 9.5 c,
/// 11.6).
fn never_in_collateral(compiled: &CompiledMapping<'_>) -> Option<&'static str> {
    let mapping = compiled.mapping;
    if mapping.chain.iter().any(|step| matches!(step, Step::CharToBit)) {
        return Some("the conversion gives 0 or 1 for every value, including a blank");
    }
    mapping.default.typed.is_none().then_some("collateral rows ignore the defaults 0 and \"\"")
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Int(number) => *number == 0,
        Value::Float(number) => number.abs() < f64::MIN_POSITIVE,
        Value::Bool(truth) => !truth,
        other => is_blank(&text_of(other)),
    }
}
