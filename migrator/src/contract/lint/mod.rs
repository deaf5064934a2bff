//! Linter: reports valid parts of a contract that do not do what their text says, or do not fit the
//! tables. Facts that depend on records are not known here.

mod columns;
mod expression;
mod keys;
mod lookup;
mod mapping;
mod pair;
mod presence;
mod table;
pub(crate) mod words;

pub use self::pair::{CompiledMapping, ContractPair};
pub use self::presence::{Targets, span_of};
use super::diagnostic::{Diagnostic, sort};
use super::syntax::ContractSyntax;

/// Diagnostics of a contract that may have errors: keys, names and expressions without effect, and
/// mapped tables and columns that do not exist.
pub fn of_draft(draft: &ContractSyntax, targets: Targets<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    keys::warn(draft, &mut found);
    for mapping in &draft.mappings {
        expression::warn(draft, mapping, &mut found);
    }
    table::of_draft(draft, &mut found);
    presence::mapped(draft, targets, &mut found);
    sort(&mut found);
    found
}

/// All warnings about a contract without errors, in the order of its text. With target tables, also
/// differences between tables and mappings.
pub fn warnings(pair: ContractPair<'_>, targets: Targets<'_>) -> Vec<Diagnostic> {
    let mut found = of_draft(pair.draft, targets);
    for compiled in pair.compiled() {
        mapping::warn(pair.contract, &compiled, &mut found);
    }
    lookup::warn(pair, &mut found);
    table::always_kept(pair, &mut found);
    presence::fixed(pair, targets, &mut found);
    columns::warn(pair, targets, &mut found);
    sort(&mut found);
    found
}
