//! Compares every row of a table with the claims on it: missing, extra and different rows, and
//! shared keys that are not with the lowest record.

use crate::error::Result;
use crate::store::StoredValue;

use super::claims::{CATALOGUE, Claim, Claims};
use super::finding::{Discrepancy, Finding, Findings};
use super::owned_value::OwnedValue;
use super::remap::Remapper;
use super::state::VerifyState;
use super::table_comparator::TableComparator;

/// Maximum number of claimants of a row that are mapped again to find the most similar one.
const CLAIMANTS_TRIED_MAX: usize = 8;

/// Keys that several stored records claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SharedKeys {
    /// Number of shared keys.
    pub keys: u64,
    /// Number of shared keys that are not with the lowest source key.
    pub not_lowest: u64,
}

/// Result of comparing a row with the claims on its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowOwnership {
    /// No record claims it.
    Unclaimed,
    /// No claimant has these values. `certain` is true if one of them must have the row.
    Differs { certain: bool },
    /// A claimant has these values.
    Held {
        /// Number of records that must have a row with the key.
        certain: usize,
        /// Lowest of those records; if there are none, the lowest claimant.
        lowest: i32,
        /// Lowest record that has these values.
        holder: i32,
    },
}

/// Compares a row's hash with the claims on its key, which are sorted by source key.
fn resolve_owner(claims: &[Claim], hash: u128) -> RowOwnership {
    let Some(first) = claims.first() else { return RowOwnership::Unclaimed };
    let certain = || claims.iter().filter(|claim| claim.certain);
    let count = certain().count();
    // A record that must have the row takes precedence over one that may have it.
    let same = |claim: &&Claim| claim.hash == hash;
    match certain().find(same).or_else(|| claims.iter().find(same)) {
        None => RowOwnership::Differs { certain: count > 0 },
        Some(holder) => {
            let lowest = certain().next().unwrap_or(first).source;
            RowOwnership::Held { certain: count, lowest, holder: holder.source }
        }
    }
}

/// Compares one table and returns its number of rows.
pub(crate) fn compare(
    state: &mut VerifyState<'_>,
    comparator: &TableComparator,
    again: &mut Remapper<'_, '_>,
    strict: bool,
    shared: &mut SharedKeys,
) -> Result<u64> {
    let VerifyState { connection, claims, findings, .. } = state;
    let mut scan = Scan::new(comparator, claims, findings, strict, shared);
    connection.scan(comparator.table, comparator.columns(), None, &mut |row| scan.row(row))?;
    let Scan { rows, found, changed, .. } = scan;
    for changed in changed {
        name_changed(state, comparator, again, &changed)?;
    }
    let missing = state.claims.certain_keys(comparator.table)?.saturating_sub(found);
    if missing > 0 {
        name_missing(state, comparator, missing)?;
    }
    Ok(rows)
}

/// State of one pass over a table.
struct Scan<'s> {
    comparator: &'s TableComparator,
    claims: &'s Claims,
    findings: &'s mut Findings,
    strict: bool,
    shared: &'s mut SharedKeys,
    rows: u64,
    /// Number of rows that a record must have and that exist, with any values.
    found: u64,
    changed: Vec<ChangedRow>,
    claimants: Vec<Claim>,
    scratch: Vec<u8>,
}

/// A row whose values differ from those of all claimants.
struct ChangedRow {
    key: Vec<u8>,
    row: Vec<OwnedValue>,
}

impl<'s> Scan<'s> {
    fn new(
        comparator: &'s TableComparator,
        claims: &'s Claims,
        findings: &'s mut Findings,
        strict: bool,
        shared: &'s mut SharedKeys,
    ) -> Self {
        let (changed, claimants, scratch) = (Vec::new(), Vec::new(), Vec::new());
        let (rows, found) = (0, 0);
        Self {
            comparator,
            claims,
            findings,
            strict,
            shared,
            rows,
            found,
            changed,
            claimants,
            scratch,
        }
    }

    fn row(&mut self, row: &[StoredValue<'_>]) -> Result<()> {
        self.rows += 1;
        let key = self.comparator.key(row);
        self.claims.claimants(self.comparator.table, &key, &mut self.claimants)?;
        let hash = TableComparator::hash(row, &mut self.scratch);
        match resolve_owner(&self.claimants, hash) {
            RowOwnership::Unclaimed => self.add(None, &key, Discrepancy::Extra),
            RowOwnership::Differs { certain } => {
                self.found += u64::from(certain);
                self.differs(key, row);
            }
            RowOwnership::Held { certain: 0, .. } => {}
            RowOwnership::Held { certain, lowest, holder } => {
                self.found += 1;
                if certain > 1 {
                    self.held(&key, lowest, holder);
                }
            }
        }
        Ok(())
    }

    fn differs(&mut self, key: Vec<u8>, row: &[StoredValue<'_>]) {
        if self.changed.len() < self.findings.room(&self.comparator.name) {
            let row = row.iter().map(|value| OwnedValue::from(*value)).collect();
            self.changed.push(ChangedRow { key, row });
        } else {
            self.findings.add_unnamed(&self.comparator.name, 1);
        }
    }

    /// Counts a row that several records must have.
    fn held(&mut self, key: &[u8], lowest: i32, holder: i32) {
        if !self.comparator.shared {
            let others = self.claimants.iter().filter(|claim| claim.certain);
            let others: Vec<_> = others.map(|claim| claim.source).skip(1).collect();
            for other in others {
                self.add(Some(other), key, Discrepancy::Contested { with: lowest });
            }
            return;
        }
        self.shared.keys += 1;
        if holder != lowest {
            self.shared.not_lowest += 1;
            if self.strict {
                self.add(Some(lowest), key, Discrepancy::NotLowest { holder });
            }
        }
    }

    fn add(&mut self, record: Option<i32>, key: &[u8], fault: Discrepancy) {
        let (table, key) = (self.comparator.name.clone(), Some(self.comparator.key_text(key)));
        self.findings.add(Finding { table, record, key, fault });
    }
}

/// Names the columns in which a row differs from its most similar claimant.
fn name_changed(
    state: &mut VerifyState<'_>,
    comparator: &TableComparator,
    again: &mut Remapper<'_, '_>,
    changed: &ChangedRow,
) -> Result<()> {
    let ChangedRow { key, row } = changed;
    let mut claimants = Vec::new();
    state.claims.claimants(comparator.table, key, &mut claimants)?;
    claimants.sort_by_key(|claim| !claim.certain);
    let mut nearest: Option<(Vec<String>, i32)> = None;
    for Claim { source, .. } in claimants.into_iter().take(CLAIMANTS_TRIED_MAX) {
        let now = state.sessions.now(state.claims.session_of(source)?);
        let catalogue = &state.tables.all()[comparator.table].rows;
        let Some(expected) = again.row(comparator, key, source, now, catalogue)? else { continue };
        let columns = comparator.differences(row, &expected);
        if nearest.as_ref().is_none_or(|(least, _)| columns.len() < least.len()) {
            nearest = Some((columns, source));
        }
    }
    let (columns, source) = nearest.unzip();
    state.findings.add(Finding {
        table: comparator.name.clone(),
        record: source.filter(|&source| source != CATALOGUE),
        key: Some(comparator.key_text(key)),
        fault: Discrepancy::Differs { columns: columns.unwrap_or_default() },
    });
    Ok(())
}

/// Names missing rows, in a second pass over the table.
fn name_missing(
    state: &mut VerifyState<'_>,
    comparator: &TableComparator,
    missing: u64,
) -> Result<()> {
    let VerifyState { connection, claims, findings, .. } = state;
    claims.forget_present()?;
    connection.scan(comparator.table, comparator.columns(), None, &mut |row| {
        claims.present(&comparator.key(row))
    })?;
    let named = claims.missing(comparator.table, findings.room(&comparator.name))?;
    let unnamed = missing.saturating_sub(named.len() as u64);
    for (key, source) in named {
        findings.add(Finding {
            table: comparator.name.clone(),
            record: (source != CATALOGUE).then_some(source),
            key: Some(comparator.key_text(&key)),
            fault: Discrepancy::Missing,
        });
    }
    findings.add_unnamed(&comparator.name, unnamed);
    Ok(())
}

/// Compares records logged as duplicates with those that are stored.
pub(crate) fn compare_duplicates(
    state: &mut VerifyState<'_>,
    strict: bool,
    shared: &mut SharedKeys,
) -> Result<()> {
    let VerifyState { dedup, comparators, claims, findings, .. } = state;
    let Some(application) = &dedup.application else { return Ok(()) };
    let Some(Some(comparator)) = comparators.get(application.table) else { return Ok(()) };
    claims.duplicates(comparator.table, &mut |duplicate| {
        let mut add = |record, fault| {
            let key = Some(comparator.key_text(&duplicate.key));
            findings.add(Finding {
                table: comparator.name.clone(),
                record: Some(record),
                key,
                fault,
            });
        };
        let Some(holder) = duplicate.owner else {
            for record in claims.duplicates_of(&duplicate.key)? {
                add(record, Discrepancy::NoOwner);
            }
            return Ok(());
        };
        shared.keys += 1;
        if holder > duplicate.lowest {
            shared.not_lowest += 1;
            if strict {
                add(duplicate.lowest, Discrepancy::NotLowest { holder });
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_belongs_to_one_of_its_claimants() {
        let claim = |source, certain, hash| Claim { source, certain, hash };
        let held = |certain, lowest, holder| RowOwnership::Held { certain, lowest, holder };
        for (claims, settled) in [
            (vec![], RowOwnership::Unclaimed),
            (vec![claim(1, true, 5)], held(1, 1, 1)),
            (vec![claim(1, true, 6)], RowOwnership::Differs { certain: true }),
            (vec![claim(1, false, 6)], RowOwnership::Differs { certain: false }),
            (vec![claim(1, false, 5)], held(0, 1, 1)),
            (vec![claim(1, true, 5), claim(2, true, 5)], held(2, 1, 1)),
            (vec![claim(1, true, 6), claim(2, true, 5)], held(2, 1, 2)),
            (vec![claim(1, false, 5), claim(2, true, 5)], held(1, 2, 2)),
            (vec![claim(1, false, 5), claim(2, true, 6)], held(1, 2, 1)),
        ] {
            assert_eq!(resolve_owner(&claims, 5), settled, "{claims:?}");
        }
    }
}
