//! Values after `THEN` and `ELSE` (contract.md 12.3): a date sum, a field, a literal or a formula.

use chrono::{Days, NaiveDate, NaiveDateTime};

use super::formula::Formula;
use super::names::{
    Context, EvaluationError, ExpressionNames, NameId, argument, is_possible_key, unquoted,
};
use crate::contract::convert::{float, int, is_blank, timestamp_in_condition, trim};
use crate::record::Value;

/// A compiled value.
#[derive(Debug, Clone)]
pub(super) enum BranchValue {
    DateAdd(DateAdd),
    /// The unchanged value of a key that equals the whole text in exact case, even if empty;
    /// otherwise the rest.
    FieldOr(NameId, Box<BranchValue>),
    Constant(Value),
    Formula(Formula),
    Fails,
}

impl BranchValue {
    pub(super) fn compile(text: &str, names: &mut ExpressionNames) -> Self {
        if let Some(arguments) = argument(text, "DATEADD") {
            return DateAdd::compile(arguments, names)
                .map_or(Self::Constant(Value::Null), Self::DateAdd);
        }
        let otherwise = Self::without_field(text, names);
        if is_possible_key(text) {
            return Self::FieldOr(names.exact(text), Box::new(otherwise));
        }
        otherwise
    }

    fn without_field(text: &str, names: &mut ExpressionNames) -> Self {
        if let Some(literal) = unquoted(text) {
            return Self::Constant(Value::Text(literal.into()));
        }
        if let Some(number) = number_literal(text) {
            return Self::Constant(number);
        }
        Formula::compile(text, names).map_or(Self::Fails, Self::Formula)
    }

    /// Fields that are looked up.
    pub(super) fn fields(&self) -> Vec<NameId> {
        match self {
            Self::DateAdd(sum) => sum.fields(),
            Self::FieldOr(name, _) => vec![*name],
            Self::Formula(formula) => formula.fields().to_vec(),
            Self::Constant(_) | Self::Fails => Vec::new(),
        }
    }

    pub(super) fn evaluate(&self, context: &impl Context) -> Result<Value, EvaluationError> {
        match self {
            Self::DateAdd(sum) => Ok(sum
                .evaluate(context)
                .map_or(Value::Null, |date| Value::Text(date.to_string().into()))),
            Self::FieldOr(name, otherwise) => match context.get(*name) {
                Some(text) => Ok(Value::Text(text.into())),
                None => otherwise.evaluate(context),
            },
            Self::Constant(value) => Ok(value.clone()),
            Self::Formula(formula) => Ok(formula.evaluate(context)),
            Self::Fails => Err(EvaluationError),
        }
    }
}

/// Parses a number. Words such as `nan` are names, not numbers.
fn number_literal(text: &str) -> Option<Value> {
    let starts_as_number = text.starts_with(|c: char| !c.is_alphabetic() && c != '_');
    if !starts_as_number {
        return None;
    }
    int(text).or_else(|| float(text).filter(|number| number.is_finite()).map(Value::Float))
}

/// `DATEADD(day, days, date)`. Other units give null.
#[derive(Debug, Clone)]
pub(super) struct DateAdd {
    days: DayCount,
    date: DateOperand,
}

#[derive(Debug, Clone)]
enum DayCount {
    Constant(i64),
    /// A field, in exact case. Null and blank count as 0; a fraction is cut.
    Field(NameId),
}

#[derive(Debug, Clone)]
enum DateOperand {
    Constant(NaiveDateTime),
    /// A field, in exact case.
    Field(NameId),
}

impl DateAdd {
    fn compile(arguments: &str, names: &mut ExpressionNames) -> Option<Self> {
        let mut parts = arguments.splitn(3, ',').map(trim);
        let (unit, days, date) = (parts.next()?, parts.next()?, parts.next()?);
        if !unit.eq_ignore_ascii_case("day") {
            return None;
        }
        let days = match int(days) {
            Some(Value::Int(days)) => DayCount::Constant(days),
            // Beyond every date.
            Some(_) => return None,
            None => DayCount::Field(names.exact(days)),
        };
        Some(Self { days, date: DateOperand::compile(date, names)? })
    }

    fn fields(&self) -> Vec<NameId> {
        let days = match &self.days {
            DayCount::Field(name) => Some(*name),
            DayCount::Constant(_) => None,
        };
        let date = match &self.date {
            DateOperand::Field(name) => Some(*name),
            DateOperand::Constant(_) => None,
        };
        days.into_iter().chain(date).collect()
    }

    /// `None` if a part cannot be read, and outside of the years 1 to 9999. The time is dropped.
    fn evaluate(&self, context: &impl Context) -> Option<NaiveDate> {
        let days = self.days.evaluate(context)?;
        let date = self.date.evaluate(context)?.date();
        let distance = Days::new(days.unsigned_abs());
        let sum = if days < 0 {
            date.checked_sub_days(distance)
        } else {
            date.checked_add_days(distance)
        };
        let first = NaiveDate::from_ymd_opt(1, 1, 1)?;
        let last = NaiveDate::from_ymd_opt(9999, 12, 31)?;
        sum.filter(|date| (first..=last).contains(date))
    }
}

impl DayCount {
    #[expect(clippy::cast_possible_truncation, reason = "days beyond i64 saturate beyond any date")]
    fn evaluate(&self, context: &impl Context) -> Option<i64> {
        match self {
            Self::Constant(days) => Some(*days),
            Self::Field(name) => match context.get(*name) {
                Some(text) if !is_blank(text) => {
                    float(text).filter(|days| days.is_finite()).map(|days| days as i64)
                }
                _ => Some(0),
            },
        }
    }
}

impl DateOperand {
    fn compile(text: &str, names: &mut ExpressionNames) -> Option<Self> {
        let argument = argument(text, "DATE");
        if let Some(literal) = argument.and_then(unquoted) {
            return timestamp_in_condition(literal).map(Self::Constant);
        }
        Some(Self::Field(names.exact(argument.unwrap_or(text))))
    }

    fn evaluate(&self, context: &impl Context) -> Option<NaiveDateTime> {
        match self {
            Self::Constant(moment) => Some(*moment),
            Self::Field(name) => context.get(*name).and_then(timestamp_in_condition),
        }
    }
}
