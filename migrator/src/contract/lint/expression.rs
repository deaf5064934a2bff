//! Warnings about expressions that do something else than they seem to (contract.md 12).

use std::ops::Range;

use super::pair::name;
use crate::contract::convert::{float, timestamp_in_condition};
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::expr::ast_view::{
    Branch, Connective, ExpressionView, Fragment, Side, SimpleTest, TestForm,
};
use crate::contract::syntax::{ContractSyntax, FieldMapping, Spanned};

/// Words that split an expression wherever they occur.
const KEYWORDS: [&str; 7] = ["CASE", "END", "WHEN", "THEN", "ELSE", "AND", "OR"];

/// Warns about a mapping's expression.
pub(super) fn warn(
    draft: &ContractSyntax,
    mapping: &Spanned<FieldMapping>,
    found: &mut Vec<Diagnostic>,
) {
    let calculates = mapping.value.has_type("calculated_field");
    let Some(text) = mapping.value.expression.as_deref() else {
        // An expression of the wrong type has an error already.
        if calculates && mapping.is_missing("expression") {
            let message = format!(
                "{} is always null: there is no expression to calculate",
                name(&mapping.value)
            );
            found.push(mapping.diagnostic(Code::MissingExpression, "mapping_type", message));
        }
        return;
    };
    if !calculates {
        let message = format!(
            "{} never evaluates its expression: mapping_type has no calculated_field",
            name(&mapping.value)
        );
        found.push(mapping.diagnostic(Code::IgnoredExpression, "expression", message));
        return;
    }
    ExpressionLinter { draft, mapping, text, found }.expression();
}

/// Signs with a meaning in a `LIKE` pattern besides `%` and `_`.
const REGEX_SIGNS: &str = "\\^$*+?{}[]()|.";

struct ExpressionLinter<'w> {
    draft: &'w ContractSyntax,
    mapping: &'w Spanned<FieldMapping>,
    text: &'w str,
    found: &'w mut Vec<Diagnostic>,
}

impl ExpressionLinter<'_> {
    fn report(&mut self, code: Code, part: &Range<usize>, message: &str) {
        let message = format!("{}: {message}", name(&self.mapping.value));
        let whole = self.mapping.span("expression");
        let span = self.draft.inside(whole, part.clone());
        let path = format!("{}.expression", self.mapping.path);
        self.found.push(Diagnostic::new(code, path, span, message));
    }

    fn expression(&mut self) {
        let whole = 0..self.text.len();
        match ExpressionView::of(self.text) {
            ExpressionView::NoCase => {
                let message =
                    "contains the letters CASE, but no CASE WHEN … THEN … END: always null";
                self.report(Code::AlwaysNull, &whole, message);
            }
            ExpressionView::Formula(piece) => self.value(&piece, "is null for every record"),
            ExpressionView::Case { branches, otherwise } => {
                self.keywords(&branches);
                for branch in &branches {
                    self.branch(branch);
                }
                if let Some(piece) = otherwise {
                    self.value(&piece, "is null for every record");
                }
            }
        }
    }

    fn value(&mut self, piece: &Fragment, consequence: &str) {
        if piece.always_null {
            let message = format!("`{}` {consequence}", piece.text);
            self.report(Code::AlwaysNull, &piece.range, &message);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        self.value(&branch.value, "cannot be evaluated or is null for every record");
        let is_mixed = |test: &SimpleTest| test.text.to_uppercase().contains(" OR ");
        for test in &branch.tests {
            if branch.joint == Connective::And && is_mixed(test) {
                let message = format!("AND splits first, so `{}` is read as one test", test.text);
                self.report(Code::AndWithOr, &test.range, &message);
                continue;
            }
            self.test(test);
            if branch.joint != Connective::Single {
                self.upper_cased(test);
            }
        }
    }

    fn test(&mut self, test: &SimpleTest) {
        match &test.form {
            TestForm::Never => {
                let message = format!("`{}` has no operator and never holds", test.text);
                self.report(Code::NeverHolds, &test.range, &message);
            }
            TestForm::Presence(side) => self.no_field(test, &[side], ""),
            TestForm::Like(side) => {
                self.no_field(test, &[side], "");
                self.pattern(test);
            }
            TestForm::Comparison(left, sign, right) => {
                self.no_field(test, &[left, right], &meaning(left, sign, right));
                self.date_as_text(test, left, right);
            }
        }
    }

    /// Reports signs of a pattern that do not match themselves (contract.md 12.2).
    fn pattern(&mut self, test: &SimpleTest) {
        let Some(pattern) = literals(&test.text).pop().map(|own| &test.text[own]) else { return };
        let inside = &pattern[1..pattern.len() - 1];
        if let Some(sign) = inside.chars().find(|sign| REGEX_SIGNS.contains(*sign)) {
            let meaning = match sign {
                '.' => "stands for any character",
                _ => "is regular expression syntax",
            };
            self.report(
                Code::LikePattern,
                &test.range,
                &format!("`{sign}` in {pattern} {meaning}"),
            );
        }
    }

    /// Reports a quoted date. It is compared as text, and so is the other operand (contract.md
    /// 12.2).
    fn date_as_text(&mut self, test: &SimpleTest, left: &Side, right: &Side) {
        let (Side::Field(field), Side::Literal(literal)) = (left, right) else { return };
        if timestamp_in_condition(literal).is_some() {
            let message = format!("{field} and '{literal}' are compared as text, not as dates");
            self.report(Code::DateAsText, &test.range, &message);
        }
    }

    /// Reports an operand that is read as a name that no record can have, and its effect on the
    /// test. One diagnostic, of the first kind that fits.
    fn no_field(&mut self, test: &SimpleTest, sides: &[&Side], meaning: &str) {
        let operands: Vec<&str> = sides
            .iter()
            .filter_map(|side| match side {
                Side::NoField(text) => Some(text.as_str()),
                Side::Field(_) | Side::Literal(_) | Side::Date(_) => None,
            })
            .collect();
        let has_parenthesis = |text: &&&str| text.contains(['(', ')']);
        let is_number = |text: &&&str| float(text).is_some();
        let (code, operand, why) = if let Some(operand) = operands.iter().find(has_parenthesis) {
            (Code::Parentheses, operand, "is read as a field name, with its parenthesis")
        } else if let Some(operand) = operands.iter().find(is_number) {
            (Code::UnquotedNumber, operand, "is read as a field name, not as a number")
        } else if let Some(operand) = operands.first() {
            (Code::NoField, operand, "is read as a field name, and no record has that field")
        } else {
            return;
        };
        let consequence = if meaning.is_empty() { "is always empty" } else { meaning };
        let subject = if meaning.is_empty() { *operand } else { test.text.as_str() };
        let message = format!("`{subject}` {consequence}: `{operand}` {why}");
        self.report(code, &test.range, &message);
    }

    fn upper_cased(&mut self, test: &SimpleTest) {
        let TestForm::Comparison(left, _, right) = &test.form else { return };
        for side in [left, right] {
            let message = match side {
                Side::Literal(text) if *text != text.to_uppercase() => {
                    format!(
                        "AND and OR convert the literal to upper case: '{}'",
                        text.to_uppercase()
                    )
                }
                Side::Date(field) if !field.starts_with(['\'', '"']) => {
                    let upper = field.to_uppercase();
                    if *field == upper {
                        continue;
                    }
                    format!(
                        "AND and OR convert the name to upper case: DATE({upper}) finds no field"
                    )
                }
                _ => continue,
            };
            self.report(Code::UpperCased, &test.range, &message);
        }
    }

    /// Reports keywords inside quotes; in values, only those that split the whole text.
    fn keywords(&mut self, branches: &[Branch]) {
        for literal in literals(self.text) {
            let text = self.text[literal.clone()].to_uppercase();
            let in_condition = branches.iter().any(|branch| {
                branch.range.start <= literal.start && literal.end <= branch.range.end
            });
            let words: Vec<&str> =
                text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            let splits = |keyword: &&&str| match **keyword {
                "CASE" | "END" => words.contains(*keyword),
                "AND" | "OR" => in_condition && text.contains(&format!(" {keyword} ")),
                _ => text.contains(&format!(" {keyword} ")),
            };
            if let Some(keyword) = KEYWORDS.iter().find(splits) {
                let message = format!("{keyword} also splits the text inside quotes");
                self.report(Code::KeywordInLiteral, &literal, &message);
            }
        }
    }
}

/// Effect of a comparison if one operand is a field that no record has, and so is the empty text
/// (contract.md 12.2). Any other text is greater, and none is a number.
fn meaning(left: &Side, sign: &str, right: &Side) -> String {
    let holds = |always: bool| if always { "always holds" } else { "never holds" }.to_owned();
    match (left, right) {
        (Side::Date(_), _) | (_, Side::Date(_)) => "has only one date to compare".to_owned(),
        (Side::NoField(_), Side::NoField(_)) => holds(matches!(sign, "=" | "<=" | ">=")),
        (Side::NoField(_), Side::Literal(text)) if text.is_empty() => {
            holds(matches!(sign, "=" | "<=" | ">="))
        }
        (Side::NoField(_), Side::Literal(_)) => holds(matches!(sign, "!=" | "<" | "<=")),
        (Side::NoField(_), Side::Field(name)) => match sign {
            "=" | ">=" => format!("means that {name} is empty"),
            "!=" | "<" => format!("means that {name} is not empty"),
            _ => holds(sign == "<="),
        },
        (Side::Field(name) | Side::Literal(name), _) => match sign {
            "=" | "<=" => format!("means that {name} is empty"),
            "!=" | ">" => format!("means that {name} is not empty"),
            _ => holds(sign == ">="),
        },
    }
}

/// Byte ranges of quoted texts, with their quotes.
fn literals(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(['\'', '"']).map(|at| rest + at) {
        let quote = &text[start..=start];
        let Some(length) = text[start + 1..].find(quote) else { break };
        let end = start + length + 2;
        found.push(start..end);
        rest = end;
    }
    found
}
