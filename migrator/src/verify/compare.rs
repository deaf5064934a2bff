//! Every row of a table held against the claims on it: rows that are missing, extra or different,
//! and shared keys that are with another record than the lowest.

use crate::error::Result;
use crate::store::StoredValue;

use super::claims::{CATALOGUE, Claim, Claims};
use super::finding::{Fault, Finding, Findings};
use super::owned_value::Datum;
use super::remap::Again;
use super::state::State;
use super::table_comparator::Lens;

/// Claimants of one row that are mapped again to see which of them it is nearest to.
const CLAIMANTS_TRIED_MAX: usize = 8;

/// Keys that several stored records claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// How many there are.
    pub keys: u64,
    /// How many of them are not with the lowest source key.
    pub not_lowest: u64,
}

/// What the claims on a key say of the row that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// Nobody claims it.
    Unclaimed,
    /// No claimant has these values; `certain` if one of them must have the row.
    Differs { certain: bool },
    /// A claimant has these values.
    Held {
        /// Records that must have a row with the key.
        certain: usize,
        /// The lowest of those; where there are none, the lowest of all.
        lowest: i32,
        /// The lowest record that has these values.
        holder: i32,
    },
}

/// Settles a row with this hash between the claimants of its key, lowest first.
fn settle(claims: &[Claim], hash: u128) -> Settled {
    let Some(first) = claims.first() else { return Settled::Unclaimed };
    let certain = || claims.iter().filter(|claim| claim.certain);
    let count = certain().count();
    // A record that must have the row has it before one that only may.
    let same = |claim: &&Claim| claim.hash == hash;
    match certain().find(same).or_else(|| claims.iter().find(same)) {
        None => Settled::Differs { certain: count > 0 },
        Some(holder) => {
            let lowest = certain().next().unwrap_or(first).source;
            Settled::Held { certain: count, lowest, holder: holder.source }
        }
    }
}

/// Compares the table of one lens; returns its rows.
pub fn compare(
    state: &mut State<'_>,
    lens: &Lens,
    again: &mut Again<'_, '_>,
    strict: bool,
    shared: &mut Shared,
) -> Result<u64> {
    let State { connection, claims, findings, .. } = state;
    let mut scan = Scan::new(lens, claims, findings, strict, shared);
    connection.scan(lens.table, lens.columns(), None, &mut |row| scan.row(row))?;
    let Scan { rows, found, changed, .. } = scan;
    for changed in changed {
        name_changed(state, lens, again, &changed)?;
    }
    let missing = state.claims.certain_keys(lens.table)?.saturating_sub(found);
    if missing > 0 {
        name_missing(state, lens, missing)?;
    }
    Ok(rows)
}

/// One pass over a table.
struct Scan<'s> {
    lens: &'s Lens,
    claims: &'s Claims,
    findings: &'s mut Findings,
    strict: bool,
    shared: &'s mut Shared,
    rows: u64,
    /// Rows that a record must have and that are there, whatever their values.
    found: u64,
    changed: Vec<Changed>,
    claimants: Vec<Claim>,
    scratch: Vec<u8>,
}

/// A row with other values than any of its claimants has.
struct Changed {
    key: Vec<u8>,
    row: Vec<Datum>,
}

impl<'s> Scan<'s> {
    fn new(
        lens: &'s Lens,
        claims: &'s Claims,
        findings: &'s mut Findings,
        strict: bool,
        shared: &'s mut Shared,
    ) -> Self {
        let (changed, claimants, scratch) = (Vec::new(), Vec::new(), Vec::new());
        let (rows, found) = (0, 0);
        Self { lens, claims, findings, strict, shared, rows, found, changed, claimants, scratch }
    }

    fn row(&mut self, row: &[StoredValue<'_>]) -> Result<()> {
        self.rows += 1;
        let key = self.lens.key(row);
        self.claims.claimants(self.lens.table, &key, &mut self.claimants)?;
        let hash = self.lens.hash(row, &mut self.scratch);
        match settle(&self.claimants, hash) {
            Settled::Unclaimed => self.add(None, &key, Fault::Extra),
            Settled::Differs { certain } => {
                self.found += u64::from(certain);
                self.differs(key, row);
            }
            Settled::Held { certain: 0, .. } => {}
            Settled::Held { certain, lowest, holder } => {
                self.found += 1;
                if certain > 1 {
                    self.held(&key, lowest, holder);
                }
            }
        }
        Ok(())
    }

    fn differs(&mut self, key: Vec<u8>, row: &[StoredValue<'_>]) {
        if self.changed.len() < self.findings.room(&self.lens.name) {
            let row = row.iter().map(|value| Datum::from(*value)).collect();
            self.changed.push(Changed { key, row });
        } else {
            self.findings.add_unnamed(&self.lens.name, 1);
        }
    }

    /// A row that several records must have.
    fn held(&mut self, key: &[u8], lowest: i32, holder: i32) {
        if !self.lens.shared {
            let others = self.claimants.iter().filter(|claim| claim.certain);
            let others: Vec<_> = others.map(|claim| claim.source).skip(1).collect();
            for other in others {
                self.add(Some(other), key, Fault::Contested { with: lowest });
            }
            return;
        }
        self.shared.keys += 1;
        if holder != lowest {
            self.shared.not_lowest += 1;
            if self.strict {
                self.add(Some(lowest), key, Fault::NotLowest { holder });
            }
        }
    }

    fn add(&mut self, record: Option<i32>, key: &[u8], fault: Fault) {
        let (table, key) = (self.lens.name.clone(), Some(self.lens.key_text(key)));
        self.findings.add(Finding { table, record, key, fault });
    }
}

/// Names the columns in which a row differs from that of the claimant that it is nearest to.
fn name_changed(
    state: &mut State<'_>,
    lens: &Lens,
    again: &mut Again<'_, '_>,
    changed: &Changed,
) -> Result<()> {
    let Changed { key, row } = changed;
    let mut claimants = Vec::new();
    state.claims.claimants(lens.table, key, &mut claimants)?;
    claimants.sort_by_key(|claim| !claim.certain);
    let mut nearest: Option<(Vec<String>, i32)> = None;
    for Claim { source, .. } in claimants.into_iter().take(CLAIMANTS_TRIED_MAX) {
        let now = state.sessions.now(state.claims.session_of(source)?);
        let catalogue = &state.tables.all()[lens.table].rows;
        let Some(expected) = again.row(lens, key, source, now, catalogue)? else { continue };
        let columns = lens.differences(row, &expected);
        if nearest.as_ref().is_none_or(|(least, _)| columns.len() < least.len()) {
            nearest = Some((columns, source));
        }
    }
    let (columns, source) = nearest.unzip();
    state.findings.add(Finding {
        table: lens.name.clone(),
        record: source.filter(|&source| source != CATALOGUE),
        key: Some(lens.key_text(key)),
        fault: Fault::Differs { columns: columns.unwrap_or_default() },
    });
    Ok(())
}

/// Names rows that are missing, which takes a second pass over the table.
fn name_missing(state: &mut State<'_>, lens: &Lens, missing: u64) -> Result<()> {
    let State { connection, claims, findings, .. } = state;
    claims.forget_present()?;
    connection.scan(lens.table, lens.columns(), None, &mut |row| claims.present(&lens.key(row)))?;
    let named = claims.missing(lens.table, findings.room(&lens.name))?;
    let unnamed = missing.saturating_sub(named.len() as u64);
    for (key, source) in named {
        findings.add(Finding {
            table: lens.name.clone(),
            record: (source != CATALOGUE).then_some(source),
            key: Some(lens.key_text(&key)),
            fault: Fault::Missing,
        });
    }
    findings.add_unnamed(&lens.name, unnamed);
    Ok(())
}

/// Holds records that are logged as duplicates against those that are stored.
pub fn compare_duplicates(state: &mut State<'_>, strict: bool, shared: &mut Shared) -> Result<()> {
    let State { dedup, lenses, claims, findings, .. } = state;
    let Some(application) = &dedup.application else { return Ok(()) };
    let Some(Some(lens)) = lenses.get(application.table) else { return Ok(()) };
    claims.duplicates(lens.table, &mut |duplicate| {
        let mut add = |record, fault| {
            let key = Some(lens.key_text(&duplicate.key));
            findings.add(Finding { table: lens.name.clone(), record: Some(record), key, fault });
        };
        let Some(holder) = duplicate.owner else {
            for record in claims.duplicates_of(&duplicate.key)? {
                add(record, Fault::NoOwner);
            }
            return Ok(());
        };
        shared.keys += 1;
        if holder > duplicate.lowest {
            shared.not_lowest += 1;
            if strict {
                add(duplicate.lowest, Fault::NotLowest { holder });
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_settled_between_its_claimants() {
        let claim = |source, certain, hash| Claim { source, certain, hash };
        let held = |certain, lowest, holder| Settled::Held { certain, lowest, holder };
        for (claims, settled) in [
            (vec![], Settled::Unclaimed),
            (vec![claim(1, true, 5)], held(1, 1, 1)),
            (vec![claim(1, true, 6)], Settled::Differs { certain: true }),
            (vec![claim(1, false, 6)], Settled::Differs { certain: false }),
            (vec![claim(1, false, 5)], held(0, 1, 1)),
            (vec![claim(1, true, 5), claim(2, true, 5)], held(2, 1, 1)),
            (vec![claim(1, true, 6), claim(2, true, 5)], held(2, 1, 2)),
            (vec![claim(1, false, 5), claim(2, true, 5)], held(1, 2, 2)),
            (vec![claim(1, false, 5), claim(2, true, 6)], held(1, 2, 1)),
        ] {
            assert_eq!(settle(&claims, 5), settled, "{claims:?}");
        }
    }
}
