//! Verification of a store: maps the source again and compares every row and every log entry with
//! the result. Counters of a run are not used, and neither source nor store is changed.
//!
//! There are two steps. First, a walk over the source ([`walk`]) notes in a temporary file which
//! record must have which row ([`claims`]). Then every table is scanned, and each row is compared
//! with the claims on its key ([`compare`]). So memory does not grow with the migration. The scans
//! are not one transaction: other processes should not write to the store meanwhile.

pub(crate) mod bookkeeping_tables;
pub(crate) mod check_failure_reason;
pub(crate) mod claims;
pub(crate) mod compare;
pub mod finding;
pub(crate) mod owned_value;
pub(crate) mod remap;
pub(crate) mod state;
pub(crate) mod table_comparator;
pub(crate) mod verdict;
pub mod walk;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::source::Source;
use crate::store::{Role, Store};

use self::compare::SharedKeys;
use self::finding::Finding;
use self::remap::{MapFn, Remapper};
use self::state::VerifyState;
use self::walk::RecordCounts;

/// A store to verify, and the source it was migrated from.
#[derive(Clone, Copy)]
pub struct Verification<'a> {
    /// Whole source of the migration.
    pub source: &'a dyn Source,
    /// Store of the migration.
    pub store: &'a dyn Store,
    /// True if a shared key must be with the lowest source key, as one uninterrupted process leaves
    /// it. Otherwise any record that claims the key may have it.
    pub strict: bool,
}

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// True if there are no findings.
    pub passed: bool,
    /// True if shared keys had to be with the lowest source key.
    pub strict: bool,
    /// Number of source records by outcome.
    pub records: RecordCounts,
    /// Number of compared rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Number of keys that several records claim.
    pub shared_keys: u64,
    /// Number of shared keys that are not with the lowest source key.
    pub shared_keys_not_lowest: u64,
    /// First findings of each table.
    pub findings: Vec<Finding>,
    /// Number of findings by table.
    pub finding_counts: BTreeMap<String, u64>,
}

impl Verification<'_> {
    /// Runs the verification. `map` is the mapping half of a run. `progress` gets the number of
    /// records of each step.
    pub fn run(&self, map: MapFn<'_>, progress: &mut dyn FnMut(u64)) -> Result<VerifyReport> {
        let Self { source, store, strict } = *self;
        let mut state = VerifyState::new(store.tables(), store.connect(Role::Reader)?)?;
        state.claim_catalogue()?;
        let records = walk::walk(&mut state, source, map, progress)?;
        bookkeeping_tables::check(&mut state)?;
        let mut shared = SharedKeys::default();
        compare::compare_duplicates(&mut state, strict, &mut shared)?;
        let mut again = Remapper { reader: source.reader()?, map };
        let mut rows = BTreeMap::new();
        for comparator in state.comparators.clone().iter().flatten() {
            let count = compare::compare(&mut state, comparator, &mut again, strict, &mut shared)?;
            rows.insert(comparator.name.clone(), count);
        }
        let (findings, finding_counts) = state.findings.into_parts();
        Ok(VerifyReport {
            passed: finding_counts.is_empty(),
            strict,
            records,
            rows,
            shared_keys: shared.keys,
            shared_keys_not_lowest: shared.not_lowest,
            findings,
            finding_counts,
        })
    }
}
