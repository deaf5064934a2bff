//! Expressions that do not say what they do (contract.md 12).

use std::ops::Range;

use crate::contract::convert::float;
use crate::contract::draft::{Draft, FieldMapping, Placed};
use crate::contract::expr::outline::{Branch, Form, Joint, Outline, Piece, Side, SimpleTest};
use crate::contract::finding::{Code, Finding};

/// Words that take an expression apart wherever they stand.
const KEYWORDS: [&str; 7] = ["CASE", "END", "WHEN", "THEN", "ELSE", "AND", "OR"];

/// Warns about a mapping's expression.
pub(super) fn warn(draft: &Draft, mapping: &Placed<FieldMapping>, found: &mut Vec<Finding>) {
    let calculates = mapping.value.has_type("calculated_field");
    let Some(text) = mapping.value.expression.as_deref() else {
        if calculates {
            let message = "calculates nothing: the column is always null";
            found.push(mapping.finding(Code::MISSING_EXPRESSION, "mapping_type", message));
        }
        return;
    };
    if !calculates {
        let message = "is never evaluated: the chain has no calculated_field";
        found.push(mapping.finding(Code::IGNORED_EXPRESSION, "expression", message));
        return;
    }
    Teller { draft, mapping, text, found }.expression();
}

struct Teller<'w> {
    draft: &'w Draft,
    mapping: &'w Placed<FieldMapping>,
    text: &'w str,
    found: &'w mut Vec<Finding>,
}

impl Teller<'_> {
    fn tell(&mut self, code: Code, part: &Range<usize>, message: String) {
        let whole = self.mapping.place("expression");
        let place = self.draft.inside(whole, part.clone());
        let path = format!("{}.expression", self.mapping.path);
        self.found.push(Finding::new(code, path, place, message));
    }

    fn expression(&mut self) {
        let whole = 0..self.text.len();
        match Outline::of(self.text) {
            Outline::NoCase => {
                let message = "has the letters CASE, but no CASE WHEN … THEN … END: always null";
                self.tell(Code::ALWAYS_NULL, &whole, message.to_owned());
            }
            Outline::Formula(piece) => self.value(&piece, "is null for every record"),
            Outline::Case { branches, otherwise } => {
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

    fn value(&mut self, piece: &Piece, consequence: &str) {
        if piece.always_null {
            let message = format!("`{}` {consequence}", piece.text);
            self.tell(Code::ALWAYS_NULL, &piece.place, message);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        self.value(&branch.value, "cannot be evaluated or is null for every record");
        let is_mixed = |test: &SimpleTest| test.text.to_uppercase().contains(" OR ");
        for test in &branch.tests {
            if branch.joint == Joint::And && is_mixed(test) {
                let message = format!("AND splits first, so `{}` is read as one test", test.text);
                self.tell(Code::AND_WITH_OR, &test.place, message);
            } else {
                self.test(test);
            }
            self.parentheses(test);
            if branch.joint != Joint::Single {
                self.upper_cased(test);
            }
        }
    }

    fn test(&mut self, test: &SimpleTest) {
        match &test.form {
            Form::Never => {
                let message = format!("`{}` has no operator and never holds", test.text);
                self.tell(Code::NEVER_HOLDS, &test.place, message);
            }
            Form::Presence(side) | Form::Like(side) => self.side(test, side),
            Form::Comparison(left, sign, right) => {
                if let Side::NoField(number) = right
                    && float(number).is_some()
                {
                    let message = format!("`{}` {}", test.text, meaning(left, sign));
                    self.tell(Code::UNQUOTED_NUMBER, &test.place, message);
                } else {
                    self.side(test, right);
                }
                self.side(test, left);
            }
        }
    }

    /// A parenthesis is told of by itself.
    fn side(&mut self, test: &SimpleTest, side: &Side) {
        let Side::NoField(text) = side else { return };
        if float(text).is_some() {
            let message = format!("`{text}` in `{}` is no number but an empty field", test.text);
            self.tell(Code::UNQUOTED_NUMBER, &test.place, message);
        } else if !text.contains(['(', ')']) {
            let message =
                format!("`{text}` in `{}` is taken for a field that no record has", test.text);
            self.tell(Code::NO_FIELD, &test.place, message);
        }
    }

    fn parentheses(&mut self, test: &SimpleTest) {
        let sides = match &test.form {
            Form::Never => vec![],
            Form::Presence(side) | Form::Like(side) => vec![side],
            Form::Comparison(left, _, right) => vec![left, right],
        };
        for side in sides {
            if let Side::NoField(text) = side
                && text.contains(['(', ')'])
            {
                let message = format!(
                    "`{text}` is taken for the name of a field, parenthesis and all, and is always empty"
                );
                self.tell(Code::PARENTHESES, &test.place, message);
            }
        }
    }

    fn upper_cased(&mut self, test: &SimpleTest) {
        let Form::Comparison(left, _, right) = &test.form else { return };
        for side in [left, right] {
            let message = match side {
                Side::Literal(text) if *text != text.to_uppercase() => {
                    format!("AND and OR put the literal into upper case: '{}'", text.to_uppercase())
                }
                Side::Date(field) if !field.starts_with(['\'', '"']) => {
                    let upper = field.to_uppercase();
                    if *field == upper {
                        continue;
                    }
                    format!("AND and OR put the name into upper case: DATE({upper}) finds no field")
                }
                _ => continue,
            };
            self.tell(Code::UPPER_CASED, &test.place, message);
        }
    }

    /// Keywords inside of quotes; in a value only those that take the whole text apart.
    fn keywords(&mut self, branches: &[Branch]) {
        for literal in literals(self.text) {
            let text = self.text[literal.clone()].to_uppercase();
            let in_condition = branches.iter().any(|branch| {
                branch.place.start <= literal.start && literal.end <= branch.place.end
            });
            let words: Vec<&str> =
                text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            let splits = |keyword: &&&str| match **keyword {
                "CASE" | "END" => words.contains(*keyword),
                "AND" | "OR" => in_condition && text.contains(&format!(" {keyword} ")),
                _ => text.contains(&format!(" {keyword} ")),
            };
            if let Some(keyword) = KEYWORDS.iter().find(splits) {
                let message =
                    format!("{keyword} counts inside quotes too and takes the text apart");
                self.tell(Code::KEYWORD_IN_LITERAL, &literal, message);
            }
        }
    }
}

/// What a comparison with an unquoted number means (contract.md 12.2): the number is an unknown
/// field and so the empty text, and a text that is not empty is greater.
fn meaning(left: &Side, sign: &str) -> String {
    let name = match left {
        Side::Field(name) | Side::Literal(name) | Side::NoField(name) => name.clone(),
        Side::Date(name) => return format!("has no date to compare DATE({name}) with"),
    };
    match sign {
        "=" | "<=" => format!("means that {name} is empty"),
        ">" | "!=" => format!("means that {name} is not empty"),
        ">=" => "always holds".to_owned(),
        _ => "never holds".to_owned(),
    }
}

/// The places of quoted texts, quotes included.
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
