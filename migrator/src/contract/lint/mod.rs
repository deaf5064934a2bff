//! What is legal in a contract and does not do what its text says, or does not go together with the
//! tables that it is to fill. Reports, and changes nothing; what only records can show is not known
//! here.

mod columns;
mod expression;
mod keys;
mod lookup;
mod mapping;
mod pair;
mod presence;
mod table;
pub mod words;

pub use self::pair::{CompiledMapping, ContractPair};
pub use self::presence::{Targets, span_of};
use super::diagnostic::{Diagnostic, sort};
use super::syntax::ContractSyntax;

/// What can be said of a contract that may have faults: keys, words and expressions of no effect,
/// and the tables and columns that mappings name and nothing has.
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

/// Everything that can be said of a contract without faults, in the order of its text; with tables
/// to fill also what they and the mappings disagree in.
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
