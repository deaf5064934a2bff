//! Coverage of a sample: observes the mapper and warns about attributes and fields that no record
//! has.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

use crate::contract::case::lower;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::expr::{Expression, NameId};
use crate::contract::lint::{CompiledMapping, ContractPair};
use crate::contract::model::{Mapping, Step};
use crate::record::Value;
use crate::stage::map::observe::{MapEvent, MapObserver};

/// Records which mappings and which fields of expressions found a value.
#[derive(Debug, Default)]
pub(super) struct SampleCoverage {
    current: Cell<Option<usize>>,
    /// Indices of mappings that found a value.
    mappings: RefCell<BTreeSet<usize>>,
    /// Indices of mappings and fields of their expressions that found a value.
    fields: RefCell<BTreeSet<(usize, NameId)>>,
    /// Fields of the current mapping.
    wanted: RefCell<Vec<NameId>>,
}

impl MapObserver for SampleCoverage {
    fn on_event(&self, event: MapEvent<'_>) {
        match event {
            MapEvent::Column(mapping) => {
                self.current.set(Some(mapping.index));
                self.wanted.replace(fields(mapping));
            }
            MapEvent::Found(Some(_)) => self.mark(),
            // Every contact has a list of children. Only the step that uses it shows if there is a
            // value.
            MapEvent::Made(value) if *value != Value::Null => self.mark(),
            MapEvent::Calculating(context) => {
                let Some(current) = self.current.get() else { return };
                for name in &*self.wanted.borrow() {
                    if context.get(*name).is_some() {
                        self.fields.borrow_mut().insert((current, *name));
                    }
                }
            }
            _ => {}
        }
    }
}

impl SampleCoverage {
    fn mark(&self) {
        if let Some(current) = self.current.get() {
            self.mappings.borrow_mut().insert(current);
        }
    }
}

/// Fields that a mapping's expression looks up.
fn fields(mapping: &Mapping) -> Vec<NameId> {
    let expression = mapping.chain.iter().find_map(|step| match step {
        Step::Calculated(expression) => expression.as_ref(),
        _ => None,
    });
    expression.map(Expression::fields).unwrap_or_default()
}

/// Warns about attributes and fields that none of `records` mapped records had.
pub(super) fn unseen(
    pair: ContractPair<'_>,
    seen: &SampleCoverage,
    records: usize,
) -> Vec<Diagnostic> {
    let none = format!("no record of the sample ({records} mapped) has");
    let mut found = Vec::new();
    for compiled in pair.compiled() {
        let calculates =
            compiled.mapping.chain.iter().any(|step| matches!(step, Step::Calculated(_)));
        if calculates {
            unseen_fields(pair, &compiled, seen, &none, &mut found);
        } else if !seen.mappings.borrow().contains(&compiled.mapping.index) {
            let value = &compiled.written.value;
            let message = format!("{none} {} {}", value.path(), value.attribute());
            found.push(compiled.written.diagnostic(
                Code::UnseenAttribute,
                "xml_attribute",
                message,
            ));
        }
    }
    found
}

fn unseen_fields(
    pair: ContractPair<'_>,
    compiled: &CompiledMapping<'_>,
    seen: &SampleCoverage,
    none: &str,
    found: &mut Vec<Diagnostic>,
) {
    let (mapping, written) = (compiled.mapping, compiled.written);
    let mut reported = BTreeSet::new();
    for name in fields(mapping) {
        let known = seen.fields.borrow().contains(&(mapping.index, name));
        let Some(name) = pair.contract.names.get(name).filter(|_| !known) else { continue };
        let text = written.value.expression.as_deref().unwrap_or_default();
        let part = find_word(text, &name.text).unwrap_or(0..text.len());
        let shown = if part.len() == name.text.len() { &text[part.clone()] } else { &name.text };
        if reported.insert(shown.to_lowercase()) {
            let span = pair.draft.inside(written.span("expression"), part);
            let path = format!("{}.expression", written.path);
            let message = format!("{none} a field {shown}");
            found.push(Diagnostic::new(Code::UnseenField, path, span, message));
        }
    }
}

/// Range of a name in an expression, in any case, but not as part of a longer name.
fn find_word(text: &str, name: &str) -> Option<Range<usize>> {
    let (lower_text, lower_name) = (lower(text), lower(name));
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    // Beyond ASCII, the lower-case text may have other offsets.
    let same_places = lower_text.len() == text.len();
    let mut found = lower_text.match_indices(&*lower_name).filter(|(at, name)| {
        let (before, behind) = (&lower_text[..*at], &lower_text[at + name.len()..]);
        !before.ends_with(is_part) && !behind.starts_with(is_part)
    });
    let (at, name) = found.next().filter(|_| same_places)?;
    Some(at..at + name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_whole_word_in_any_case() {
        let text = "Salary_basis + a.salary + SALARY / 12";
        assert_eq!(find_word(text, "salary"), Some(26..32));
        assert_eq!(find_word(text, "basis"), None);
    }
}
