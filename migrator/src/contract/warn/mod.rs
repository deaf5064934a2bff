//! What is legal in a contract and does not do what its text says. Reports, and changes nothing;
//! what only records can show is not known here.

mod columns;
mod expression;
mod keys;
mod mapping;
mod table;

use super::catalogue::Catalogue;
use super::draft::{Draft, FieldMapping, Placed};
use super::finding::{Finding, sort};
use super::model::{Contract, Mapping, Procedure, RowKind};

/// A contract in both its forms, as written and as compiled.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'c> {
    /// As written; without faults.
    pub draft: &'c Draft,
    /// As compiled from the same text.
    pub contract: &'c Contract,
}

/// Everything that a contract without faults is warned about, in the order of its text; with a
/// catalogue also what its tables and the mappings disagree in.
pub fn warnings(pair: Pair<'_>, catalogue: Option<&Catalogue>) -> Vec<Finding> {
    let mut found = Vec::new();
    keys::warn(pair.draft, &mut found);
    for compiled in pair.compiled() {
        mapping::warn(pair.contract, &compiled, &mut found);
    }
    for mapping in &pair.draft.mappings {
        expression::warn(pair.draft, mapping, &mut found);
    }
    table::warn(pair, &mut found);
    if let Some(catalogue) = catalogue {
        columns::warn(pair, catalogue, &mut found);
    }
    sort(&mut found);
    found
}

/// A mapping in both its forms.
#[derive(Debug, Clone, Copy)]
pub struct Compiled<'c> {
    /// As written.
    pub written: &'c Placed<FieldMapping>,
    /// As compiled.
    pub mapping: &'c Mapping,
    /// Index of its table in the contract's.
    pub table: usize,
    /// The kind of the rows that it makes, if it makes rows.
    pub makes: Option<RowKind>,
}

impl<'c> Pair<'c> {
    /// All mappings that have an effect, in the order of the text.
    pub fn compiled(self) -> Vec<Compiled<'c>> {
        let mut all = Vec::new();
        for (table, procedure) in self.contract.procedures.iter().enumerate() {
            let mut add = |mapping: &'c Mapping, makes| {
                if let Some(written) = self.written(mapping.index) {
                    all.push(Compiled { written, mapping, table, makes });
                }
            };
            match procedure {
                Procedure::Application(plan) => plan.mappings.iter().for_each(|m| add(m, None)),
                Procedure::ContactBase(plan) => plan.mappings.iter().for_each(|m| add(m, None)),
                Procedure::Children(plan) => plan.mappings.iter().for_each(|m| add(m, None)),
                Procedure::Rows(groups) => {
                    for group in groups {
                        group.members.iter().for_each(|m| add(m, Some(group.kind)));
                    }
                    // All groups of a table share the mapping of the notes.
                    let notes = groups.first().and_then(|group| group.notes.as_ref());
                    notes.into_iter().for_each(|m| add(m, Some(RowKind::PolicyException)));
                }
            }
        }
        all.sort_by_key(|compiled| compiled.mapping.index);
        all
    }

    /// The entry of `mappings` with this index.
    pub fn written(self, index: usize) -> Option<&'c Placed<FieldMapping>> {
        let at = self.draft.mappings.binary_search_by_key(&index, |m| m.value.index).ok()?;
        self.draft.mappings.get(at)
    }
}

/// `table.column` of a mapping.
fn target(mapping: &FieldMapping) -> String {
    format!("{}.{}", mapping.table(), mapping.column())
}

/// The known word that is most like another one, if any is alike at all.
fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    const ALIKE: f64 = 0.85;
    let scored = known.into_iter().map(|other| (strsim::jaro_winkler(word, other), other));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}
