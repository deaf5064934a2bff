//! The audit of a store: maps the source again and holds every row and every log entry against what
//! that gives. Takes nothing from a run's own counters, and writes nothing to source or store.
//!
//! First the walk ([`walk`]) over the source notes, in a temporary file, which record has to have
//! which row ([`claims`]); then every table is scanned and each row settled between the records
//! that claim its key ([`compare`]). So memory does not grow with the migration. Nobody else should
//! write to the store meanwhile: the scans are no one transaction.

pub mod bookkeeping_tables;
pub mod check_failure_reason;
pub mod claims;
pub mod compare;
pub mod finding;
pub mod owned_value;
pub mod remap;
pub mod state;
pub mod table_comparator;
pub mod verdict;
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

/// What is audited.
#[derive(Clone, Copy)]
pub struct Verification<'a> {
    /// The whole source of the migration.
    pub source: &'a dyn Source,
    /// The store that it went into.
    pub store: &'a dyn Store,
    /// Whether a shared key must be with the lowest source key, as one uninterrupted process
    /// leaves it; otherwise any record that claims it may have it.
    pub strict: bool,
}

/// What came of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Whether nothing was found.
    pub passed: bool,
    /// Whether shared keys had to be with the lowest source key.
    pub strict: bool,
    /// Where the source's records ended.
    pub records: RecordCounts,
    /// Rows that were compared, by table.
    pub rows: BTreeMap<String, u64>,
    /// Keys that several records claim.
    pub shared_keys: u64,
    /// How many of them are not with the lowest source key.
    pub shared_keys_not_lowest: u64,
    /// The first findings of each table.
    pub findings: Vec<Finding>,
    /// How many findings there are, by table.
    pub finding_counts: BTreeMap<String, u64>,
}

impl Verification<'_> {
    /// Carries the audit out. `map` is the mapping half of a run; `progress` is told how many
    /// records each step took.
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
