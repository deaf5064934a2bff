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

pub use self::case::SelectedBranch;
use self::case::{CaseExpression, is_case};
use self::formula::Formula;
pub use self::names::{Context, ExpressionNames, Match, Name, NameId};
use crate::record::Value;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Expression(ExpressionKind);

#[derive(Debug, Clone)]
enum ExpressionKind {
    Case(CaseExpression),
    Formula(Formula),
    /// What cannot be evaluated is null for every record.
    Null,
}

impl Expression {
    /// Compiles a text; what cannot be evaluated becomes an expression that is always null.
    ///
    /// A text with the letters `CASE` anywhere, be it inside a field name, is taken for `CASE`;
    /// every other one is arithmetic (contract.md 12).
    pub fn compile(text: &str, names: &mut ExpressionNames) -> Self {
        let kind = if is_case(text) {
            CaseExpression::compile(text, names).map(ExpressionKind::Case)
        } else {
            Formula::compile(text, names).ok().map(ExpressionKind::Formula)
        };
        Self(kind.unwrap_or(ExpressionKind::Null))
    }

    /// The expression's value for one record: null, a literal or a field's text unchanged, or a
    /// number. No conversion to a data type yet (contract.md 12.5).
    pub fn evaluate(&self, context: &impl Context) -> Value {
        match &self.0 {
            ExpressionKind::Case(case) => case.evaluate(context),
            ExpressionKind::Formula(formula) => formula.evaluate(context),
            ExpressionKind::Null => Value::Null,
        }
    }

    /// Which branch gives the value for one record, if the expression has branches.
    pub fn selected_branch(&self, context: &impl Context) -> Option<SelectedBranch> {
        match &self.0 {
            ExpressionKind::Case(case) => Some(case.selected_branch(context)),
            ExpressionKind::Formula(_) | ExpressionKind::Null => None,
        }
    }

    /// The fields that the expression looks up, each once, in the order of the text.
    pub fn fields(&self) -> Vec<NameId> {
        let all = match &self.0 {
            ExpressionKind::Case(case) => case.fields(),
            ExpressionKind::Formula(formula) => formula.fields().to_vec(),
            ExpressionKind::Null => Vec::new(),
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
        matches!(self.0, ExpressionKind::Null)
    }
}

pub mod ast_view;
#[cfg(test)]
mod tests;
