//! Expression language of contract.md 12. Expressions are compiled when the contract is loaded and
//! see a record only through [`Context`].
//!
//! Contracts rely on its quirks, so each is kept in one place:
//! - `case`: splitting of `CASE`
//! - `condition`: comparison of operands
//! - `like`: patterns
//! - `value`: values of `THEN` and `ELSE`
//! - `arithmetic`, `formula`: arithmetic
//! - `rename`: renaming of dotted keys

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
    /// An expression that cannot be evaluated: null for every record.
    Null,
}

impl Expression {
    /// Compiles a text. One that cannot be evaluated becomes an expression that is always null.
    ///
    /// A text that contains the letters `CASE` anywhere, even inside a field name, is read as
    /// `CASE`. Every other text is arithmetic (contract.md 12).
    pub fn compile(text: &str, names: &mut ExpressionNames) -> Self {
        let kind = if is_case(text) {
            CaseExpression::compile(text, names).map(ExpressionKind::Case)
        } else {
            Formula::compile(text, names).ok().map(ExpressionKind::Formula)
        };
        Self(kind.unwrap_or(ExpressionKind::Null))
    }

    /// Value for one record: null, a literal, the unchanged text of a field, or a number. It is not
    /// yet converted to a data type (contract.md 12.5).
    pub fn evaluate(&self, context: &impl Context) -> Value {
        match &self.0 {
            ExpressionKind::Case(case) => case.evaluate(context),
            ExpressionKind::Formula(formula) => formula.evaluate(context),
            ExpressionKind::Null => Value::Null,
        }
    }

    /// Branch that gives the value for one record, if the expression has branches.
    pub fn selected_branch(&self, context: &impl Context) -> Option<SelectedBranch> {
        match &self.0 {
            ExpressionKind::Case(case) => Some(case.selected_branch(context)),
            ExpressionKind::Formula(_) | ExpressionKind::Null => None,
        }
    }

    /// Fields that the expression looks up, each once, in the order of the text.
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

    /// True if the expression cannot be evaluated and is null for every record.
    pub fn is_always_null(&self) -> bool {
        matches!(self.0, ExpressionKind::Null)
    }
}

pub(crate) mod ast_view;
#[cfg(test)]
mod tests;
