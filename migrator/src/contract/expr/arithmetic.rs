//! Numbers and operators by Python's rules, and the parser of formulas.

use crate::contract::convert::float;
use crate::record::Value;

/// Maximum number of operands and operators, which limits the depth of the tree. A longer formula
/// is null. A limit of this program.
const SIZE_MAX: usize = 400;

/// Python's keywords. They are not variable names: a formula that contains one is null even if a
/// record has such a key.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Quirk of texts that are not numbers: they count as zero, including `1,200`.
pub(super) fn number_or_zero(text: &str) -> f64 {
    float(text).unwrap_or(0.0)
}

/// True for a character of Python's identifiers.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A number as Python computes with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Numeric {
    /// Literals only, because every field is a double. 128 bits instead of any length; a result
    /// that needs more is null. A limit of this program.
    Int(i128),
    Float(f64),
}

impl Numeric {
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Int(number) => i64::try_from(number)
                .map_or_else(|_| Value::BigInt(number.to_string().into()), Value::Int),
            Self::Float(number) => Value::Float(number),
        }
    }

    fn to_double(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Power,
}

impl ArithmeticOperator {
    /// `None` if Python raises an error: division by zero, an overflowing power, or a root of a
    /// negative number, which would be complex.
    fn apply(self, left: Numeric, right: Numeric) -> Option<Numeric> {
        match (self, left, right) {
            (Self::Divide, ..) => divide(left.to_double(), right.to_double()),
            (_, Numeric::Int(left), Numeric::Int(right)) => self.apply_to_ints(left, right),
            _ => self.apply_to_doubles(left.to_double(), right.to_double()).map(Numeric::Float),
        }
    }

    fn apply_to_ints(self, left: i128, right: i128) -> Option<Numeric> {
        let number = match self {
            Self::Add => left.checked_add(right)?,
            Self::Subtract => left.checked_sub(right)?,
            Self::Multiply => left.checked_mul(right)?,
            Self::Divide => return divide(left as f64, right as f64),
            Self::FloorDivide => floor_divide_ints(left, right)?,
            Self::Power if right < 0 => {
                return power(left as f64, right as f64).map(Numeric::Float);
            }
            Self::Power => power_of_ints(left, right)?,
        };
        Some(Numeric::Int(number))
    }

    fn apply_to_doubles(self, left: f64, right: f64) -> Option<f64> {
        match self {
            Self::Add => Some(left + right),
            Self::Subtract => Some(left - right),
            Self::Multiply => Some(left * right),
            Self::Divide => (right != 0.0).then(|| left / right),
            Self::FloorDivide => (right != 0.0).then(|| floor_divide(left, right)),
            Self::Power => power(left, right),
        }
    }
}

fn divide(left: f64, right: f64) -> Option<Numeric> {
    (right != 0.0).then(|| Numeric::Float(left / right))
}

fn floor_divide_ints(left: i128, right: i128) -> Option<i128> {
    let quotient = left.checked_div(right)?;
    let inexact = left.checked_rem(right)? != 0;
    Some(if inexact && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
}

fn power_of_ints(base: i128, exponent: i128) -> Option<i128> {
    match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

/// Python's `//` for doubles. It uses the remainder, which is exact.
fn floor_divide(left: f64, right: f64) -> f64 {
    let remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder != 0.0 && (right < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0.0_f64.copysign(left / right);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

fn power(base: f64, exponent: f64) -> Option<f64> {
    let finite = base.is_finite() && exponent.is_finite();
    let divides_by_zero = finite && base == 0.0 && exponent < 0.0;
    let complex = finite && base < 0.0 && exponent.fract() != 0.0;
    let result = base.powf(exponent);
    let overflows = finite && result.is_infinite();
    (!divides_by_zero && !complex && !overflows).then_some(result)
}

/// A parsed formula. Variables are indices that the caller assigned.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FormulaTree {
    Literal(Numeric),
    Variable(usize),
    Negated(Box<FormulaTree>),
    Binary(ArithmeticOperator, Box<(FormulaTree, FormulaTree)>),
}

impl FormulaTree {
    /// `None` if the text is not a formula, or has a name that `variable` does not know.
    pub(super) fn parse(text: &str, variable: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        let mut parser = FormulaParser { rest: text.trim(), parentheses: 0, size: 0, variable };
        let tree = parser.sum()?;
        parser.skip_blanks();
        parser.rest.is_empty().then_some(tree)
    }

    /// `None` if the arithmetic fails or a variable has no value.
    pub(super) fn evaluate(&self, variable: &impl Fn(usize) -> Option<f64>) -> Option<Numeric> {
        match self {
            Self::Literal(number) => Some(*number),
            Self::Variable(index) => variable(*index).map(Numeric::Float),
            Self::Negated(operand) => match operand.evaluate(variable)? {
                Numeric::Int(number) => number.checked_neg().map(Numeric::Int),
                Numeric::Float(number) => Some(Numeric::Float(-number)),
            },
            Self::Binary(operator, operands) => {
                operator.apply(operands.0.evaluate(variable)?, operands.1.evaluate(variable)?)
            }
        }
    }

    fn binary(operator: ArithmeticOperator, left: Self, right: Self) -> Self {
        Self::Binary(operator, Box::new((left, right)))
    }
}

struct FormulaParser<'a, V> {
    rest: &'a str,
    /// Number of open parentheses. Outside of parentheses a line break ends a formula.
    parentheses: usize,
    size: usize,
    variable: V,
}

impl<'a, V: Fn(&str) -> Option<usize>> FormulaParser<'a, V> {
    fn skip_blanks(&mut self) {
        let inside = self.parentheses > 0;
        self.rest = self.rest.trim_start_matches(|c| match c {
            ' ' | '\t' | '\x0c' => true,
            '\n' | '\r' => inside,
            _ => false,
        });
    }

    /// Reads an operator if it is next. `*` does not match the start of `**`, nor `/` that of `//`.
    fn operator(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix(sign) else {
            return false;
        };
        let doubled = matches!(sign, "*" | "/") && rest.starts_with(sign);
        if !doubled {
            self.rest = rest;
        }
        !doubled
    }

    fn choice<const N: usize>(
        &mut self,
        signs: [(&str, ArithmeticOperator); N],
    ) -> Option<ArithmeticOperator> {
        signs.into_iter().find(|(sign, _)| self.operator(sign)).map(|(_, operator)| operator)
    }

    fn grow(&mut self) -> Option<()> {
        self.size += 1;
        (self.size <= SIZE_MAX).then_some(())
    }

    fn sum(&mut self) -> Option<FormulaTree> {
        let mut left = self.product()?;
        while let Some(operator) =
            self.choice([("+", ArithmeticOperator::Add), ("-", ArithmeticOperator::Subtract)])
        {
            self.grow()?;
            left = FormulaTree::binary(operator, left, self.product()?);
        }
        Some(left)
    }

    fn product(&mut self) -> Option<FormulaTree> {
        const SIGNS: [(&str, ArithmeticOperator); 3] = [
            ("*", ArithmeticOperator::Multiply),
            ("//", ArithmeticOperator::FloorDivide),
            ("/", ArithmeticOperator::Divide),
        ];
        let mut left = self.signed()?;
        while let Some(operator) = self.choice(SIGNS) {
            self.grow()?;
            left = FormulaTree::binary(operator, left, self.signed()?);
        }
        Some(left)
    }

    /// Parses a signed operand. A power on the right binds tighter than the sign: `-2 ** 2` is −4.
    fn signed(&mut self) -> Option<FormulaTree> {
        self.grow()?;
        if self.operator("+") {
            return self.signed();
        }
        if self.operator("-") {
            return Some(FormulaTree::Negated(Box::new(self.signed()?)));
        }
        let base = self.atom()?;
        if self.operator("**") {
            return Some(FormulaTree::binary(ArithmeticOperator::Power, base, self.signed()?));
        }
        Some(base)
    }

    fn atom(&mut self) -> Option<FormulaTree> {
        self.skip_blanks();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            return self.group();
        }
        let length = self.rest.find(|c| !is_word(c) && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            self.rest = rest;
            let known = !KEYWORDS.contains(&word);
            return (self.variable)(word).filter(|_| known).map(FormulaTree::Variable);
        }
        self.literal()
    }

    fn group(&mut self) -> Option<FormulaTree> {
        self.parentheses += 1;
        let tree = self.sum()?;
        self.skip_blanks();
        self.rest = self.rest.strip_prefix(')')?;
        self.parentheses -= 1;
        Some(tree)
    }

    /// Parses a decimal literal: `5`, `1_000`, `.5`, `5.`, `1e3`. No other base, and no leading
    /// zeros in an integer.
    fn literal(&mut self) -> Option<FormulaTree> {
        let whole = self.digits()?;
        let point = self.rest.starts_with('.');
        let mut fraction = "";
        if point {
            self.rest = &self.rest[1..];
            fraction = self.digits()?;
        }
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = self.exponent()?;
        if self.rest.starts_with(|c| is_word(c) || c == '.') {
            return None;
        }
        if point || !exponent.is_empty() {
            let text = format!("{whole}.{fraction}{exponent}").replace('_', "");
            return text.parse().ok().map(|number| FormulaTree::Literal(Numeric::Float(number)));
        }
        let digits = whole.replace('_', "");
        let leading_zero = digits.starts_with('0') && digits.bytes().any(|b| b != b'0');
        let number = digits.parse().ok().filter(|_| !leading_zero)?;
        Some(FormulaTree::Literal(Numeric::Int(number)))
    }

    /// Reads ASCII digits with single underscores between them. `None` if an underscore is
    /// misplaced.
    fn digits(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_digit() || c == '_';
        let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let wrong = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
        (!wrong).then_some(digits)
    }

    /// Reads `e5`, `E-5`, or nothing.
    fn exponent(&mut self) -> Option<String> {
        let Some(rest) = self.rest.strip_prefix(['e', 'E']) else {
            return Some(String::new());
        };
        let sign = rest.chars().next().filter(|&c| matches!(c, '+' | '-'));
        self.rest = &rest[sign.map_or(0, char::len_utf8)..];
        let digits = self.digits().filter(|digits| !digits.is_empty())?;
        Some(format!("e{}{digits}", sign.map_or_else(String::new, String::from)))
    }
}
