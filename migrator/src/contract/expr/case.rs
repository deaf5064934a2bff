//! `CASE WHEN … THEN … ELSE … END` (contract.md 12.1): taking the text apart, and which branch
//! counts. Knows nothing of what conditions and values mean.

use std::sync::LazyLock;

use regex::Regex;

use super::condition::Condition;
use super::names::{Context, Names};
use super::value::Then;
use crate::contract::convert::trim;
use crate::record::Value;

/// A compiled `CASE`.
#[derive(Debug, Clone)]
pub(super) struct Case {
    branches: Vec<(Condition, Then)>,
    otherwise: Option<Then>,
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

impl Case {
    /// `None` unless the text holds `CASE WHEN … THEN … END`.
    ///
    /// The words `CASE` and `END` are deleted wherever they stand, literals included; what is left
    /// is split at keywords, literals included. So there is no nesting.
    pub(super) fn compile(text: &str, names: &mut Names) -> Option<Self> {
        let keywords = KEYWORDS.as_ref().filter(|keywords| keywords.whole.is_match(text))?;
        let text = keywords.deleted.replace_all(text, "");
        let mut case = Self { branches: Vec::new(), otherwise: None };
        for part in keywords.when.split(&text).skip(1) {
            case.add_branch(part, keywords, names);
        }
        Some(case)
    }

    fn add_branch(&mut self, part: &str, keywords: &Keywords, names: &mut Names) {
        let Some((condition, values)) = split_once(part, &keywords.then) else {
            return;
        };
        let (value, otherwise) = match split_once(values, &keywords.otherwise) {
            Some((value, otherwise)) => (value, Some(otherwise)),
            None => (values, None),
        };
        let condition = Condition::compile(trim(condition), names);
        self.branches.push((condition, Then::compile(trim(value), names)));
        if let Some(otherwise) = otherwise {
            self.otherwise = Some(Then::compile(trim(otherwise), names));
        }
    }

    /// The value of the first branch whose condition holds, be it null or empty; a branch whose
    /// value fails is passed over.
    pub(super) fn evaluate(&self, context: &impl Context) -> Value {
        let hit = self.branches.iter().find_map(|(condition, then)| {
            if condition.holds(context) { then.evaluate(context).ok() } else { None }
        });
        hit.or_else(|| self.otherwise.as_ref()?.evaluate(context).ok()).unwrap_or(Value::Null)
    }
}

fn split_once<'a>(text: &'a str, keyword: &Regex) -> Option<(&'a str, &'a str)> {
    let found = keyword.find(text)?;
    Some((&text[..found.start()], &text[found.end()..]))
}
