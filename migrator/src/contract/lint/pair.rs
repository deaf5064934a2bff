//! A contract as written and as compiled.

use crate::contract::model::{Contract, Mapping, Procedure, RowKind};
use crate::contract::syntax::{ContractSyntax, FieldMapping, Spanned};

/// A contract in both its forms, as written and as compiled.
#[derive(Debug, Clone, Copy)]
pub struct ContractPair<'c> {
    /// As written, without errors.
    pub draft: &'c ContractSyntax,
    /// As compiled from the same text.
    pub contract: &'c Contract,
}

/// A mapping in both its forms.
#[derive(Debug, Clone, Copy)]
pub struct CompiledMapping<'c> {
    /// As written.
    pub written: &'c Spanned<FieldMapping>,
    /// As compiled.
    pub mapping: &'c Mapping,
    /// Index of its table in [`Contract::tables`].
    pub table: usize,
    /// Kind of the rows that the mapping creates, if it creates rows.
    pub makes: Option<RowKind>,
}

impl<'c> ContractPair<'c> {
    /// All mappings that have an effect, in the order of the text.
    pub fn compiled(self) -> Vec<CompiledMapping<'c>> {
        let mut all = Vec::new();
        for (table, procedure) in self.contract.procedures.iter().enumerate() {
            let mut add = |mapping: &'c Mapping, makes| {
                if let Some(written) = self.written(mapping.index) {
                    all.push(CompiledMapping { written, mapping, table, makes });
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
                    // All groups of a table share the notes mapping.
                    let notes = groups.first().and_then(|group| group.notes.as_ref());
                    if let Some(notes) = notes {
                        add(notes, Some(RowKind::PolicyException));
                    }
                }
            }
        }
        all.sort_by_key(|compiled| compiled.mapping.index);
        all
    }

    /// Entry of `mappings` with this index.
    pub fn written(self, index: usize) -> Option<&'c Spanned<FieldMapping>> {
        let at = self.draft.mappings.binary_search_by_key(&index, |m| m.value.index).ok()?;
        self.draft.mappings.get(at)
    }
}

impl CompiledMapping<'_> {
    /// `table.column`, or the table if the mapping names no column.
    pub(super) fn name(&self) -> String {
        name(&self.written.value)
    }
}

/// `table.column` of a mapping, or the table if it names no column.
pub(super) fn name(mapping: &FieldMapping) -> String {
    match mapping.column() {
        "" => mapping.table().to_owned(),
        column => format!("{}.{column}", mapping.table()),
    }
}
