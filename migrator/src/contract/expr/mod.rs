//! The expression language of contract.md 12, compiled once when the contract is loaded; pure, and
//! sees a record only through [`Context`].
//!
//! Its quirks are rows of a contract that somebody relies on, so each is kept in one place: the
//! splitting of `CASE` in `case`, what conditions compare in `condition`, patterns in `like`,
//! values in `value`, arithmetic in `arithmetic` and `formula`, and the renaming of dotted keys in `rename`.

mod arithmetic;
mod case;
mod condition;
mod formula;
mod like;
mod names;
mod rename;
mod value;

pub use self::case::Taken;
use self::case::{Case, is_case};
use self::formula::Formula;
pub use self::names::{Context, Match, Name, NameId, Names};
use crate::record::Value;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Case(Case),
    Formula(Formula),
    /// What cannot be evaluated is null for every record.
    Null,
}

impl Expression {
    /// Compiles a text; what cannot be evaluated becomes an expression that is always null.
    ///
    /// A text with the letters `CASE` anywhere, be it inside a field name, is taken for `CASE`;
    /// every other one is arithmetic (contract.md 12).
    pub fn compile(text: &str, names: &mut Names) -> Self {
        let kind = if is_case(text) {
            Case::compile(text, names).map(Kind::Case)
        } else {
            Formula::compile(text, names).ok().map(Kind::Formula)
        };
        Self(kind.unwrap_or(Kind::Null))
    }

    /// The expression's value for one record: null, a literal or a field's text unchanged, or a
    /// number. No conversion to a data type yet (contract.md 12.5).
    pub fn evaluate(&self, context: &impl Context) -> Value {
        match &self.0 {
            Kind::Case(case) => case.evaluate(context),
            Kind::Formula(formula) => formula.evaluate(context),
            Kind::Null => Value::Null,
        }
    }

    /// Which branch gives the value for one record, if the expression has branches.
    pub fn taken(&self, context: &impl Context) -> Option<Taken> {
        match &self.0 {
            Kind::Case(case) => Some(case.taken(context)),
            Kind::Formula(_) | Kind::Null => None,
        }
    }

    /// The fields that the expression looks up, each once, in the order of the text.
    pub fn fields(&self) -> Vec<NameId> {
        let all = match &self.0 {
            Kind::Case(case) => case.fields(),
            Kind::Formula(formula) => formula.fields().to_vec(),
            Kind::Null => Vec::new(),
        };
        let mut once = Vec::with_capacity(all.len());
        for name in all {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        once
    }

    /// Whether the expression is null for every record because it cannot be evaluated.
    pub fn is_always_null(&self) -> bool {
        matches!(self.0, Kind::Null)
    }
}

pub mod ast_view;
#[cfg(test)]
mod tests;
