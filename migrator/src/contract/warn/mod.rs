//! What is legal in a contract and does not do what its text says. Reports, and changes nothing;
//! what only records can show is not known here.

mod columns;
mod expression;
mod keys;
mod mapping;
mod pair;
mod table;
pub mod words;

pub use self::pair::{Compiled, Pair};
use super::catalogue::Catalogue;
use super::finding::{Finding, sort};

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
