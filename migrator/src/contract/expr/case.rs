//! `CASE WHEN … THEN … ELSE … END` (contract.md 12.1): taking the text apart, and which branch
//! counts. Knows nothing of what conditions and values mean.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::condition::Condition;
use super::names::{Context, ExpressionNames, NameId};
use super::value::BranchValue;
use crate::contract::convert::trim;
use crate::record::Value;

/// Which branch of a `CASE` gives its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectedBranch {
    /// The `WHEN` with this index.
    When(usize),
    /// The `ELSE`.
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

/// The keywords by which a text is taken apart. These patterns are fixed, so they always compile;
/// `None` stands for the case that cannot happen and makes every `CASE` null.
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

/// The text of a `CASE`, taken apart.
pub(super) struct CaseText<'t> {
    /// The text without the words `CASE` and `END`.
    pub(super) text: Cow<'t, str>,
    /// Where those words stood in the whole text.
    pub(super) deleted: Vec<Range<usize>>,
    /// The branches, as places in `text`.
    pub(super) branches: Vec<CaseBranch>,
}

/// What stands behind one `WHEN`.
pub(super) struct CaseBranch {
    pub(super) condition: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) otherwise: Option<Range<usize>>,
}

/// Whether an expression is taken for a `CASE`: the letters are enough, inside a field name too.
pub(super) fn is_case(text: &str) -> bool {
    text.to_uppercase().contains("CASE")
}

impl<'t> CaseText<'t> {
    /// `None` unless the text holds `CASE WHEN … THEN … END`.
    ///
    /// The words `CASE` and `END` are deleted wherever they stand, literals included; what is left
    /// is split at keywords, literals included. So there is no nesting.
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

    /// Where a part of `text` stands in the whole text.
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
    /// `None` without a `THEN`: such a `WHEN` counts for nothing.
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
    /// `None` unless the text holds `CASE WHEN … THEN … END`.
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

    /// The fields that it looks up, branch by branch.
    pub(super) fn fields(&self) -> Vec<NameId> {
        let of = |(condition, then): &(Condition, BranchValue)| [condition.fields(), then.fields()];
        let branches = self.branches.iter().flat_map(of).flatten();
        branches.chain(self.otherwise.iter().flat_map(BranchValue::fields)).collect()
    }

    /// The value of the first branch whose condition holds, be it null or empty; a branch whose
    /// value fails is passed over.
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

    /// Which branch gives the value.
    pub(super) fn selected_branch(&self, context: &impl Context) -> SelectedBranch {
        match (self.hit(context), &self.otherwise) {
            (Some((index, _)), _) => SelectedBranch::When(index),
            (None, Some(_)) => SelectedBranch::Else,
            (None, None) => SelectedBranch::None,
        }
    }
}

/// What stands before and behind the first keyword within a part of the text.
fn split_once(
    text: &str,
    part: Range<usize>,
    keyword: &Regex,
) -> Option<(Range<usize>, Range<usize>)> {
    let found = keyword.find(&text[part.clone()])?;
    Some((part.start..part.start + found.start(), part.start + found.end()..part.end))
}
