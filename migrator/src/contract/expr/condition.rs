//! Conditions (contract.md 12.2): simple tests joined by `AND` or `OR`, and the comparison of two
//! operands.

use std::cmp::Ordering;

use chrono::NaiveDateTime;

use super::like::Pattern;
use super::names::{Context, ExpressionNames, NameId, argument, is_possible_key, unquoted};
use crate::contract::convert::{float, is_blank, timestamp_in_condition, trim};

/// Separator of tests that must all hold.
pub(super) const AND: &str = " AND ";
/// Separator of tests of which one must hold.
pub(super) const OR: &str = " OR ";

/// Separator of an upper-case condition; `None` for a single test.
pub(super) fn separator(upper: &str) -> Option<&'static str> {
    [AND, OR].into_iter().find(|separator| upper.contains(separator))
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Test>),
    Any(Vec<Test>),
    One(Test),
}

impl Condition {
    /// Compiles a condition. If ` AND ` occurs anywhere, all parts must hold; otherwise, if ` OR `
    /// occurs, one of them. There is no precedence, and parentheses are part of the operands'
    /// names.
    ///
    /// Quirk of compound conditions: they are converted to upper case before they are split, with
    /// their quoted literals. A single condition keeps the case of its literal.
    pub(super) fn compile(text: &str, names: &mut ExpressionNames) -> Self {
        let upper = text.to_uppercase();
        let Some(separator) = separator(&upper) else {
            return Self::One(Test::compile(text, names));
        };
        let tests = upper.split(separator).map(|part| Test::compile(trim(part), names)).collect();
        if separator == AND { Self::All(tests) } else { Self::Any(tests) }
    }

    /// Fields that are looked up.
    pub(super) fn fields(&self) -> Vec<NameId> {
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().flat_map(Test::fields).collect(),
            Self::One(test) => test.fields(),
        }
    }

    pub(super) fn holds(&self, context: &impl Context) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(context)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(context)),
            Self::One(test) => test.holds(context),
        }
    }
}

/// A simple condition.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Blank after trimming, or missing.
    Empty { field: Term, wanted: bool },
    /// Missing or exactly empty. White space is not null.
    Null { field: Term, wanted: bool },
    /// The pattern matches the whole value.
    Like { field: Term, pattern: Pattern },
    /// Comparison of two operands.
    Compare { left: Term, operator: ComparisonOperator, right: Term },
    /// Text without any operator.
    Never,
}

impl Test {
    /// Compiles the first form whose keyword occurs, even inside a literal.
    pub(super) fn compile(text: &str, names: &mut ExpressionNames) -> Self {
        let upper = text.to_ascii_uppercase();
        let mut before =
            |keyword: &str| upper.find(keyword).map(|at| Term::field(trim(&text[..at]), names));
        if let Some(field) = before(" IS EMPTY") {
            return Self::Empty { field, wanted: true };
        }
        if let Some(field) = before(" IS NOT EMPTY") {
            return Self::Empty { field, wanted: false };
        }
        if let Some(field) = before(" IS NULL") {
            return Self::Null { field, wanted: true };
        }
        if let Some(field) = before(" IS NOT NULL") {
            return Self::Null { field, wanted: false };
        }
        if let Some((field, at)) = before(" LIKE ").zip(upper.find(" LIKE ")) {
            let pattern = trim(&text[at + " LIKE ".len()..]);
            return Self::Like {
                field,
                pattern: Pattern::new(unquoted(pattern).unwrap_or(pattern)),
            };
        }
        Self::comparison(text, names)
    }

    fn comparison(text: &str, names: &mut ExpressionNames) -> Self {
        let Some((left, operator, right)) = ComparisonOperator::split(text) else {
            return Self::Never;
        };
        Self::Compare { left: Term::left(left, names), operator, right: Term::right(right, names) }
    }

    fn fields(&self) -> Vec<NameId> {
        let terms = match self {
            Self::Empty { field, .. } | Self::Null { field, .. } | Self::Like { field, .. } => {
                [Some(field), None]
            }
            Self::Compare { left, right, .. } => [Some(left), Some(right)],
            Self::Never => [None, None],
        };
        terms.into_iter().flatten().filter_map(Term::name).collect()
    }

    fn holds(&self, context: &impl Context) -> bool {
        match self {
            Self::Empty { field, wanted } => is_blank(field.text(context)) == *wanted,
            Self::Null { field, wanted } => field.text(context).is_empty() == *wanted,
            Self::Like { field, pattern } => pattern.matches(field.text(context)),
            Self::Compare { left, operator, right } => {
                operator.accepts(&left.operand(context), &right.operand(context))
            }
            Self::Never => false,
        }
    }
}

/// An operand of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// Value of the first key that matches without regard to case. A missing key is empty.
    Field(NameId),
    /// A quoted literal, or the empty text of a name that no context has.
    Literal { text: Box<str>, number: Option<f64> },
    /// `DATE('…')`.
    Date(NaiveDateTime),
    /// `DATE(field)`, with the field in exact case. A value that is not a date counts as empty,
    /// because the reference then looks up the whole text `DATE(field)` as a name.
    DateOf(NameId),
}

impl Term {
    fn field(name: &str, names: &mut ExpressionNames) -> Self {
        if is_possible_key(name) { Self::Field(names.folded(name)) } else { Self::literal("") }
    }

    fn literal(text: &str) -> Self {
        Self::Literal { text: text.into(), number: float(text) }
    }

    /// The left side is never a literal.
    fn left(text: &str, names: &mut ExpressionNames) -> Self {
        match argument(text, "DATE") {
            Some(argument) => Self::date(argument, names),
            None => Self::field(text, names),
        }
    }

    /// Quirk of unquoted numbers: they are names that no record has. So `x > 0` means that `x` is
    /// not empty, and `x < 10` never holds.
    fn right(text: &str, names: &mut ExpressionNames) -> Self {
        match (argument(text, "DATE"), unquoted(text)) {
            (Some(argument), _) => Self::date(argument, names),
            (None, Some(literal)) => Self::literal(literal),
            (None, None) => Self::field(text, names),
        }
    }

    fn date(argument: &str, names: &mut ExpressionNames) -> Self {
        if let Some(literal) = unquoted(argument) {
            return timestamp_in_condition(literal).map_or_else(|| Self::literal(""), Self::Date);
        }
        Self::DateOf(names.exact(argument))
    }

    fn name(&self) -> Option<NameId> {
        match self {
            Self::Field(name) | Self::DateOf(name) => Some(*name),
            Self::Literal { .. } | Self::Date(_) => None,
        }
    }

    fn text<'a>(&'a self, context: &'a impl Context) -> &'a str {
        match self {
            Self::Field(name) => context.get(*name).unwrap_or(""),
            Self::Literal { text, .. } => text,
            Self::Date(_) | Self::DateOf(_) => "",
        }
    }

    fn operand<'a>(&'a self, context: &'a impl Context) -> Operand<'a> {
        match self {
            Self::Field(name) => Operand::Value(context.get(*name).unwrap_or("")),
            Self::Literal { text, number } => Operand::Literal(text, *number),
            Self::Date(date) => Operand::Date(*date),
            Self::DateOf(name) => context
                .get(*name)
                .and_then(timestamp_in_condition)
                .map_or(Operand::Value(""), Operand::Date),
        }
    }
}

/// Operand of a comparison for one record.
enum Operand<'a> {
    Value(&'a str),
    /// A text whose number is known.
    Literal(&'a str, Option<f64>),
    Date(NaiveDateTime),
}

impl Operand<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Value(text) | Self::Literal(text, _) => text,
            Self::Date(_) => "",
        }
    }

    fn date(&self) -> Option<NaiveDateTime> {
        match self {
            Self::Value(text) | Self::Literal(text, _) => timestamp_in_condition(text),
            Self::Date(date) => Some(*date),
        }
    }

    /// Number of the operand, if it is one. A literal has it precomputed.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Value(text) => float(text),
            Self::Literal(_, number) => *number,
            Self::Date(_) => None,
        }
    }

    fn is_date(&self) -> bool {
        matches!(self, Self::Date(_))
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(..))
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ComparisonOperator {
    NotEqual,
    AtMost,
    AtLeast,
    Equal,
    Less,
    Greater,
}

impl ComparisonOperator {
    /// Operator as written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::NotEqual => "!=",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Equal => "=",
            Self::Less => "<",
            Self::Greater => ">",
        }
    }

    /// Splits a comparison at the first operator of the list that occurs anywhere. So `<>` reads as
    /// `<`.
    pub(super) fn split(text: &str) -> Option<(&str, Self, &str)> {
        const ORDER: [ComparisonOperator; 6] = [
            ComparisonOperator::NotEqual,
            ComparisonOperator::AtMost,
            ComparisonOperator::AtLeast,
            ComparisonOperator::Equal,
            ComparisonOperator::Less,
            ComparisonOperator::Greater,
        ];
        ORDER.into_iter().find_map(|operator| {
            let (left, right) = text.split_once(operator.sign())?;
            Some((trim(left), operator, trim(right)))
        })
    }

    /// Compares two operands. If one is a date, both must be dates. Two texts compare as numbers if
    /// both are numbers, otherwise by code point, without trimming.
    fn accepts(self, left: &Operand, right: &Operand) -> bool {
        if left.is_date() || right.is_date() {
            return left
                .date()
                .zip(right.date())
                .is_some_and(|(l, r)| self.allows(Some(l.cmp(&r))));
        }
        // Literals first: most are not numbers, and then the field need not be parsed.
        let (first, second) = if right.is_literal() { (right, left) } else { (left, right) };
        match first.number().and_then(|number| Some((number, second.number()?))) {
            Some((number, other)) if right.is_literal() => self.allows(other.partial_cmp(&number)),
            Some((number, other)) => self.allows(number.partial_cmp(&other)),
            None => self.allows(Some(left.text().cmp(right.text()))),
        }
    }

    /// `None` is the ordering of a NaN, which is unequal to everything.
    fn allows(self, ordering: Option<Ordering>) -> bool {
        let Some(ordering) = ordering else {
            return self == Self::NotEqual;
        };
        match self {
            Self::NotEqual => ordering.is_ne(),
            Self::AtMost => ordering.is_le(),
            Self::AtLeast => ordering.is_ge(),
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::Greater => ordering.is_gt(),
        }
    }
}
