//! `CASE WHEN … THEN … ELSE … END` (contract.md 12.1): splitting of the text, and selection of the
//! branch.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::condition::Condition;
use super::names::{Context, ExpressionNames, NameId};
use super::value::BranchValue;
use crate::contract::convert::trim;
use crate::record::Value;

/// Branch of a `CASE` that gives the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectedBranch {
    /// `WHEN` with this index.
    When(usize),
    /// `ELSE`.
    Else,
    /// No `WHEN` holds, and there is no `ELSE`.
    None,
}

/// A compiled `CASE`.
#[derive(Debug, Clone)]
pub(super) struct CaseExpression {
    branches: Vec<(Condition, BranchValue)>,
    otherwise: Option<BranchValue>,
}

/// Patterns of the keywords that split the text. They are fixed and always compile; if one did not,
/// `None` would make every `CASE` null.
struct Keywords {
    whole: Regex,
    deleted: Regex,
    when: Regex,
    then: Regex,
    otherwise: Regex,
}

static KEYWORDS: LazyLock<Option<Keywords>> = LazyLock::new(|| {
    Some(Keywords {
        whole: Regex::new(r"(?is)CASE\s+WHEN\s.*\sTHEN\s.*END").ok()?,
        deleted: Regex::new(r"(?i)\b(?:CASE|END)\b").ok()?,
        when: Regex::new(r"(?i)\s+WHEN\s+").ok()?,
        then: Regex::new(r"(?i)\s+THEN\s+").ok()?,
        otherwise: Regex::new(r"(?i)\s+ELSE\s+").ok()?,
    })
});

/// Text of a `CASE`, split into branches.
pub(super) struct CaseText<'t> {
    /// Text without the words `CASE` and `END`.
    pub(super) text: Cow<'t, str>,
    /// Ranges of the deleted words in the whole text.
    pub(super) deleted: Vec<Range<usize>>,
    /// Branches, as ranges of `text`.
    pub(super) branches: Vec<CaseBranch>,
}

/// Text after one `WHEN`.
pub(super) struct CaseBranch {
    pub(super) condition: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) otherwise: Option<Range<usize>>,
}

/// True if an expression is read as `CASE`. The letters suffice, even inside a field name.
pub(super) fn is_case(text: &str) -> bool {
    text.to_uppercase().contains("CASE")
}

impl<'t> CaseText<'t> {
    /// Splits a text. `None` unless it contains `CASE WHEN … THEN … END`.
    ///
    /// The words `CASE` and `END` are deleted everywhere, also in literals. The rest is split at
    /// keywords, also in literals. So there is no nesting.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        let keywords = KEYWORDS.as_ref().filter(|keywords| keywords.whole.is_match(text))?;
        let deleted = keywords.deleted.find_iter(text).map(|found| found.range()).collect();
        let text = keywords.deleted.replace_all(text, "");
        let mut starts: Vec<Range<usize>> =
            keywords.when.find_iter(&text).map(|found| found.range()).collect();
        starts.push(text.len()..text.len());
        let part = |pair: &[Range<usize>]| keywords.part(&text, pair[0].end..pair[1].start);
        let branches = starts.windows(2).filter_map(part).collect();
        Some(Self { text, deleted, branches })
    }

    /// Range in the whole text of a part of `text`.
    pub(super) fn original(&self, part: Range<usize>) -> Range<usize> {
        let original = |offset: usize| {
            self.deleted
                .iter()
                .fold(offset, |at, word| if word.start <= at { at + word.len() } else { at })
        };
        let start = original(part.start);
        start..if part.is_empty() { start } else { original(part.end - 1) + 1 }
    }
}

impl Keywords {
    /// Splits one branch. `None` without a `THEN`: such a `WHEN` is ignored.
    fn part(&self, text: &str, whole: Range<usize>) -> Option<CaseBranch> {
        let (condition, values) = split_once(text, whole, &self.then)?;
        let (value, otherwise) = match split_once(text, values.clone(), &self.otherwise) {
            Some((value, otherwise)) => (value, Some(otherwise)),
            None => (values, None),
        };
        Some(CaseBranch { condition, value, otherwise })
    }
}

impl CaseExpression {
    /// `None` unless the text contains `CASE WHEN … THEN … END`.
    pub(super) fn compile(text: &str, names: &mut ExpressionNames) -> Option<Self> {
        let parts = CaseText::of(text)?;
        let mut case = Self { branches: Vec::new(), otherwise: None };
        for part in &parts.branches {
            let text = |range: &Range<usize>| trim(&parts.text[range.clone()]);
            let condition = Condition::compile(text(&part.condition), names);
            case.branches.push((condition, BranchValue::compile(text(&part.value), names)));
            if let Some(otherwise) = &part.otherwise {
                case.otherwise = Some(BranchValue::compile(text(otherwise), names));
            }
        }
        Some(case)
    }

    /// Fields that are looked up, branch by branch.
    pub(super) fn fields(&self) -> Vec<NameId> {
        let of = |(condition, then): &(Condition, BranchValue)| [condition.fields(), then.fields()];
        let branches = self.branches.iter().flat_map(of).flatten();
        branches.chain(self.otherwise.iter().flat_map(BranchValue::fields)).collect()
    }

    /// Value of the first branch whose condition holds, even if it is null or empty. A branch whose
    /// value fails is skipped.
    pub(super) fn evaluate(&self, context: &impl Context) -> Value {
        let hit = self.hit(context).map(|(_, value)| value);
        hit.or_else(|| self.otherwise.as_ref()?.evaluate(context).ok()).unwrap_or(Value::Null)
    }

    fn hit(&self, context: &impl Context) -> Option<(usize, Value)> {
        self.branches.iter().enumerate().find_map(|(index, (condition, then))| {
            if condition.holds(context) {
                then.evaluate(context).ok().map(|value| (index, value))
            } else {
                None
            }
        })
    }

    /// Branch that gives the value.
    pub(super) fn selected_branch(&self, context: &impl Context) -> SelectedBranch {
        match (self.hit(context), &self.otherwise) {
            (Some((index, _)), _) => SelectedBranch::When(index),
            (None, Some(_)) => SelectedBranch::Else,
            (None, None) => SelectedBranch::None,
        }
    }
}

/// Parts before and after the first keyword in a range of the text.
fn split_once(
    text: &str,
    part: Range<usize>,
    keyword: &Regex,
) -> Option<(Range<usize>, Range<usize>)> {
    let found = keyword.find(&text[part.clone()])?;
    Some((part.start..part.start + found.start(), part.start + found.end()..part.end))
}
