//! View of an expression for messages: its branches, tests and operands with their byte ranges. It
//! uses the same splitting as the compiler.

use std::ops::Range;

use super::case::{CaseText, is_case};
use super::condition::{AND, ComparisonOperator, Test, separator};
use super::formula::Formula;
use super::names::{Context, ExpressionNames, NameId, argument, is_possible_key, unquoted};
use super::value::BranchValue;
use crate::contract::convert::trim;
use crate::record::Value;

/// An expression, split into its parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExpressionView {
    /// `CASE`.
    Case {
        /// `WHEN` branches in order.
        branches: Vec<Branch>,
        /// Value of the last `ELSE`.
        otherwise: Option<Fragment>,
    },
    /// The text contains the letters `CASE`, but no `CASE WHEN … THEN … END`. The value is null.
    NoCase,
    /// Arithmetic.
    Formula(Fragment),
}

/// A part of the expression's text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fragment {
    /// Trimmed text.
    pub text: String,
    /// Byte range in the whole expression.
    pub range: Range<usize>,
    /// True if the value is null for all values of its fields.
    pub always_null: bool,
}

/// A `WHEN` branch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Branch {
    /// Whole condition as written.
    pub condition: String,
    /// Byte range of the condition in the whole expression.
    pub range: Range<usize>,
    /// Connective between the tests.
    pub joint: Connective,
    /// Tests of the condition.
    pub tests: Vec<SimpleTest>,
    /// Value of the branch.
    pub value: Fragment,
}

/// Connective between tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connective {
    /// A single test.
    Single,
    /// All tests must hold.
    And,
    /// One test must hold.
    Or,
}

/// A test without `AND` and `OR`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SimpleTest {
    /// Text as written.
    pub text: String,
    /// Byte range in the whole expression.
    pub range: Range<usize>,
    /// Form of the test.
    pub form: TestForm,
}

/// Form of a test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TestForm {
    /// Tests if a field is empty or null.
    Presence(Side),
    /// Compares a field with a pattern.
    Like(Side),
    /// Compares two sides.
    Comparison(Side, &'static str, Side),
    /// Has no operator and never holds.
    Never,
}

/// An operand of a test, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// Name of a field.
    Field(String),
    /// Text inside quotes.
    Literal(String),
    /// Text inside `DATE(…)`.
    Date(String),
    /// Text read as a field name that no record can have.
    NoField(String),
}

impl ExpressionView {
    /// Splits an expression.
    pub(crate) fn of(text: &str) -> Self {
        if !is_case(text) {
            let range = trimmed(text, 0..text.len());
            let piece = |text: &str, names: &mut ExpressionNames| {
                let formula = Formula::compile(text, names).ok();
                move |context: &SampleContext| {
                    formula.as_ref().map(|formula| formula.evaluate(context))
                }
            };
            return Self::Formula(Fragment::new(text, range.clone(), range, piece));
        }
        let Some(parts) = CaseText::of(text) else { return Self::NoCase };
        let mut otherwise = None;
        let mut branches = Vec::with_capacity(parts.branches.len());
        for part in &parts.branches {
            let condition = trimmed(&parts.text, part.condition.clone());
            branches.push(Branch::new(&parts, condition, value(&parts, &part.value)));
            if let Some(range) = &part.otherwise {
                otherwise = Some(value(&parts, range));
            }
        }
        Self::Case { branches, otherwise }
    }
}

/// Value after `THEN` or `ELSE`.
fn value(parts: &CaseText<'_>, range: &Range<usize>) -> Fragment {
    let range = trimmed(&parts.text, range.clone());
    Fragment::new(&parts.text, range.clone(), parts.original(range), |text, names| {
        let then = BranchValue::compile(text, names);
        move |context: &SampleContext| then.evaluate(context).ok()
    })
}

impl Fragment {
    fn new<F>(
        text: &str,
        part: Range<usize>,
        range: Range<usize>,
        compile: impl FnOnce(&str, &mut ExpressionNames) -> F,
    ) -> Self
    where
        F: Fn(&SampleContext) -> Option<Value>,
    {
        let text = &text[part];
        let mut names = ExpressionNames::new();
        let evaluate = compile(text, &mut names);
        let gives_something =
            |probe: SampleContext| evaluate(&probe).is_some_and(|value| value != Value::Null);
        let always_null = !SampleContext::all(names.len()).into_iter().any(gives_something);
        Self { text: text.to_owned(), range, always_null }
    }
}

impl Branch {
    fn new(parts: &CaseText<'_>, condition: Range<usize>, value: Fragment) -> Self {
        let text = &parts.text[condition.clone()];
        let upper = text.to_uppercase();
        let range = parts.original(condition.clone());
        let (joint, ranges) = match separator(&upper) {
            None => (Connective::Single, std::iter::once(0..text.len()).collect()),
            Some(separator) => {
                let joint = if separator == AND { Connective::And } else { Connective::Or };
                (joint, pieces(&upper, separator))
            }
        };
        // Beyond ASCII, upper case may have another length. Then the range is the whole condition.
        let same_places = joint == Connective::Single || text.is_ascii();
        let test = |part: Range<usize>| {
            let part = trimmed(if same_places { text } else { &upper }, part);
            let (shown, range) = if same_places {
                let offset = condition.start;
                (&text[part.clone()], parts.original(offset + part.start..offset + part.end))
            } else {
                (&upper[part], range.clone())
            };
            SimpleTest { text: shown.to_owned(), form: TestForm::of(shown), range }
        };
        let tests = ranges.into_iter().map(test).collect();
        Self { condition: text.to_owned(), range: range.clone(), joint, tests, value }
    }
}

/// Byte ranges between separators.
fn pieces(text: &str, separator: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut pieces = Vec::new();
    for part in text.split(separator) {
        pieces.push(start..start + part.len());
        start += part.len() + separator.len();
    }
    pieces
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = &text[range.clone()];
    let start = range.start + inside.find(trim(inside)).unwrap_or(0);
    start..start + trim(inside).len()
}

impl TestForm {
    fn of(text: &str) -> Self {
        let before = |keyword: &str| {
            let at = text.to_ascii_uppercase().find(keyword)?;
            Some(Side::field(trim(&text[..at])))
        };
        match Test::compile(text, &mut ExpressionNames::new()) {
            Test::Empty { .. } | Test::Null { .. } => {
                before(" IS ").map_or(Self::Never, Self::Presence)
            }
            Test::Like { .. } => before(" LIKE ").map_or(Self::Never, Self::Like),
            Test::Never => Self::Never,
            Test::Compare { .. } => match ComparisonOperator::split(text) {
                Some((left, operator, right)) => {
                    Self::Comparison(Side::left(left), operator.sign(), Side::right(right))
                }
                None => Self::Never,
            },
        }
    }
}

impl Side {
    fn field(text: &str) -> Self {
        let text = text.to_owned();
        if is_possible_key(&text) { Self::Field(text) } else { Self::NoField(text) }
    }

    fn left(text: &str) -> Self {
        argument(text, "DATE")
            .map_or_else(|| Self::field(text), |inside| Self::Date(inside.to_owned()))
    }

    fn right(text: &str) -> Self {
        match unquoted(text) {
            Some(literal) => Self::Literal(literal.to_owned()),
            None => Self::left(text),
        }
    }
}

/// A context in which every name has a sample value of one kind.
struct SampleContext(Vec<String>);

impl SampleContext {
    /// Samples: unequal numbers in two orders, days, and days after one number (as `DATEADD` takes
    /// them). An expression that is null for all of them is null for every record.
    fn all(names: usize) -> [Self; 4] {
        let number = |index: usize| format!("{}.5", 3 + 7 * index);
        let day = |_| "2024-01-31".to_owned();
        let number_first = |index| if index == 0 { number(index) } else { day(index) };
        [
            Self((0..names).map(number).collect()),
            Self((0..names).rev().map(number).collect()),
            Self((0..names).map(day).collect()),
            Self((0..names).map(number_first).collect()),
        ]
    }
}

impl Context for SampleContext {
    fn get(&self, name: NameId) -> Option<&str> {
        self.0.get(name.0 as usize).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn branches(text: &str) -> Vec<Branch> {
        match ExpressionView::of(text) {
            ExpressionView::Case { branches, .. } => branches,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_piece_has_its_position() {
        let text = "CASE WHEN a > 0 THEN 'x' WHEN b = 'END' AND C is empty THEN c ELSE d END";
        for branch in branches(text) {
            for test in branch.tests.iter().filter(|test| !test.text.contains('\'')) {
                assert_eq!(&text[test.range.clone()], test.text);
            }
            assert_eq!(&text[branch.value.range.clone()], branch.value.text);
        }
        let ExpressionView::Case { otherwise, .. } = ExpressionView::of(text) else { panic!() };
        assert_eq!(&text[otherwise.unwrap().range], "d");
    }

    #[test]
    fn tests_are_described() {
        let field = |text: &str| Side::Field(text.to_owned());
        let no_field = |text: &str| Side::NoField(text.to_owned());
        let literal = |text: &str| Side::Literal(text.to_owned());
        let cases = [
            ("x > 0", TestForm::Comparison(field("x"), ">", no_field("0"))),
            ("x = 'Y'", TestForm::Comparison(field("x"), "=", literal("Y"))),
            ("x <> 'Y'", TestForm::Comparison(field("x"), "<", no_field("> 'Y'"))),
            ("DATE(x) >= y", TestForm::Comparison(Side::Date("x".into()), ">=", field("y"))),
            ("NOT x IS EMPTY", TestForm::Presence(no_field("NOT x"))),
            ("(x is not null", TestForm::Presence(no_field("(x"))),
            ("x LIKE '(%'", TestForm::Like(field("x"))),
            ("x", TestForm::Never),
        ];
        for (condition, form) in cases {
            let found = branches(&format!("CASE WHEN {condition} THEN 1 END"));
            assert_eq!((found[0].joint, &found[0].tests[0].form), (Connective::Single, &form));
        }
    }

    #[test]
    fn a_compound_condition_shows_its_tests_as_written() {
        let found = branches("CASE WHEN a = 'Annum' and (b > 0 or c = 2) THEN 1 END");
        let texts: Vec<&str> = found[0].tests.iter().map(|test| test.text.as_str()).collect();
        assert_eq!(found[0].joint, Connective::And);
        assert_eq!(texts, ["a = 'Annum'", "(b > 0 or c = 2)"]);
        let beyond_ascii = branches("CASE WHEN a = 'ß' OR b = 'x' THEN 1 END");
        assert_eq!(beyond_ascii[0].tests[1].text, "B = 'X'");
        assert_eq!(beyond_ascii[0].tests[1].range, beyond_ascii[0].range);
    }

    #[test]
    fn expressions_without_a_possible_value_are_detected() {
        let cases = [
            ("a + (b * 12)", false),
            ("a % 2", true),
            ("a +", true),
            ("DATEADD(day, 1, a)", true),
            ("a / 0", true),
            ("1 / (a - b)", false),
            ("12", false),
        ];
        for (text, always_null) in cases {
            let ExpressionView::Formula(piece) = ExpressionView::of(text) else { panic!("{text}") };
            assert_eq!(piece.always_null, always_null, "{text}");
        }
        let values = [
            ("DATEADD(day, n, DATE(d))", false),
            ("DATEADD(month, 1, d)", true),
            ("''", false),
            ("a && b", true),
        ];
        for (text, always_null) in values {
            let found = branches(&format!("CASE WHEN x IS EMPTY THEN {text} END"));
            assert_eq!(found[0].value.always_null, always_null, "{text}");
        }
        assert_eq!(ExpressionView::of("case_number + 1"), ExpressionView::NoCase);
    }

    proptest! {
        #[test]
        fn any_text_is_split_at_character_boundaries(
            condition in "[a-cß '()<>=!.0-9]{0,12}( AND | or |)[a-c ']{0,8}",
            value in "\\PC{0,8}",
            rest in "( when | ELSE | END |\\PC){0,4}",
        ) {
            let text = format!("CASE WHEN {condition} THEN {value} {rest} END");
            if let ExpressionView::Case { branches, otherwise } = ExpressionView::of(&text) {
                let values = branches.iter().map(|branch| &branch.value).chain(&otherwise);
                for piece in values {
                    prop_assert!(text.get(piece.range.clone()).is_some());
                }
                for test in branches.iter().flat_map(|branch| &branch.tests) {
                    prop_assert!(text.get(test.range.clone()).is_some());
                }
            }
        }
    }
}
