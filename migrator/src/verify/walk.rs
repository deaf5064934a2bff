//! Walk over the source: maps every record again, checks its log row and claims its rows.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::record::{MappingOutcome, RawRecord, TypedRecord};
use crate::source::{Reader, Source};
use crate::store::Range;
use crate::write::dedup::Decision;
use crate::write::log;

use super::check_failure_reason::is_plausible;
use super::finding::{Discrepancy, Finding};
use super::owned_value::OwnedValue;
use super::remap::MapFn;
use super::state::VerifyState;
use super::verdict::{LogRow, LogVerdict, RecordOutcome};

/// Number of records per step.
const PAGE: usize = 500;

/// Number of source records by outcome, according to the plausible part of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Records in the source.
    pub read: u64,
    /// Their rows are stored.
    pub stored: u64,
    /// Another record has stored their application.
    pub duplicate: u64,
    /// Rejected by validate, parse or map.
    pub rejected: u64,
    /// Rejected by coerce or the store.
    pub failed: u64,
    /// Not in the log, or without a plausible entry.
    pub unclear: u64,
}

/// Walks over the whole source. `progress` gets the number of records of each step.
pub fn walk(
    state: &mut VerifyState<'_>,
    source: &dyn Source,
    map: MapFn<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<RecordCounts> {
    let mut reader = source.reader()?;
    let mut walk = Walk { state, map, records: RecordCounts::default() };
    let (mut last, mut log_from) = (0, i64::MIN);
    loop {
        let keys = reader.keys_after(last, PAGE)?;
        let end = keys.last().copied();
        walk.page(reader.as_mut(), &keys, log_from, end.map_or(i64::MAX, i64::from))?;
        progress(keys.len() as u64);
        let Some(end) = end else { return Ok(walk.records) };
        (last, log_from) = (end, i64::from(end) + 1);
    }
}

struct Walk<'w, 'a> {
    state: &'w mut VerifyState<'a>,
    map: MapFn<'w>,
    records: RecordCounts,
}

impl Walk<'_, '_> {
    /// Checks the records with these keys, and all log rows in a closed range of keys.
    fn page(&mut self, reader: &mut dyn Reader, keys: &[i32], from: i64, to: i64) -> Result<()> {
        let mut logged = self.log_rows(keys, from, to)?;
        reader.read(keys, &mut |record| {
            let rows = logged.remove(&record.key).unwrap_or_default();
            self.record(record, &rows)
        })?;
        // The other records were deleted from the source after their key was read.
        let mut left: Vec<_> = logged.into_keys().collect();
        left.sort_unstable();
        for key in left {
            self.state.add_log_fault(key, Discrepancy::NoSuchRecord);
        }
        Ok(())
    }

    /// First two log rows of each of these records. A third would add no information.
    fn log_rows(
        &mut self,
        keys: &[i32],
        from: i64,
        to: i64,
    ) -> Result<FxHashMap<i32, Vec<LogRow>>> {
        let VerifyState { connection, log_comparator, findings, .. } = &mut *self.state;
        let range = Range { column: log_comparator.record_column, first: from, last: to };
        let mut rows: FxHashMap<i32, Vec<LogRow>> = FxHashMap::default();
        let comparator = &log_comparator.comparator;
        connection.scan(comparator.table, comparator.columns(), Some(range), &mut |row| {
            let row = log_comparator.row(row);
            match i32::try_from(row.record) {
                Ok(key) if keys.binary_search(&key).is_ok() => {
                    let of_record = rows.entry(key).or_default();
                    if of_record.len() < 2 {
                        of_record.push(row);
                    }
                }
                _ => {
                    let key = Some(format!("app_id {}", row.record));
                    let (table, fault) = (comparator.name.clone(), Discrepancy::NoSuchRecord);
                    findings.add(Finding { table, record: None, key, fault });
                }
            }
            Ok(())
        })?;
        Ok(rows)
    }

    fn record(&mut self, record: RawRecord, rows: &[LogRow]) -> Result<()> {
        let key = record.key;
        let session = rows.first().and_then(|row| self.state.sessions.find(&row.session));
        let mapped = (self.map)(record, self.state.sessions.now(session))?;
        let ending = match rows {
            [row] => self.judge(key, row, &mapped, session)?,
            several => {
                let fault = if several.is_empty() {
                    Discrepancy::NotLogged
                } else {
                    Discrepancy::LoggedAgain
                };
                self.state.add_log_fault(key, fault);
                RecordOutcome::Unclear
            }
        };
        if let Some(session) = session {
            self.state.claims.logged(key, session)?;
        }
        self.count(ending);
        match (&mapped, ending) {
            (MappingOutcome::Rows(record), RecordOutcome::Stored) => self.state.claim(record, true),
            // Its rows may exist. Only the log is wrong, which is already reported.
            (MappingOutcome::Rows(record), RecordOutcome::Unclear) => {
                self.state.claim(record, false)
            }
            (MappingOutcome::Rows(record), RecordOutcome::Duplicate) => self.note_duplicate(record),
            _ => Ok(()),
        }
    }

    fn judge(
        &mut self,
        key: i32,
        row: &LogRow,
        mapped: &MappingOutcome,
        session: Option<usize>,
    ) -> Result<RecordOutcome> {
        let duplicate = match mapped {
            MappingOutcome::Rows(record) => self.duplicate_reason(record)?,
            MappingOutcome::Rejected(_) | MappingOutcome::Refused(_) => None,
        };
        let VerifyState { log, log_comparator, sessions, .. } = &*self.state;
        let session = session.and_then(|number| sessions.all().get(number));
        let LogVerdict { mut ending, fault } =
            log_comparator.judge(log, row, mapped, duplicate.as_deref(), session);
        if let Some(fault) = fault {
            self.state.add_log_fault(key, fault);
        }
        if let (MappingOutcome::Rows(record), RecordOutcome::RefusedByStore) = (mapped, ending)
            && !self.is_explained(record, &row.reason)?
        {
            let (logged, expected) = (format!("failed: {}", row.reason), "success".to_owned());
            self.state.add_log_fault(key, Discrepancy::Outcome { logged, expected });
            ending = RecordOutcome::Unclear;
        }
        Ok(ending)
    }

    /// Reason that the log must have if another record has the application.
    fn duplicate_reason(&self, record: &TypedRecord) -> Result<Option<String>> {
        let VerifyState { dedup, tables, .. } = &*self.state;
        let decided =
            dedup.decide(tables, &[record], true, &mut |_, wanted| Ok(vec![true; wanted.len()]))?;
        Ok(decided.decisions.into_iter().find_map(|decision| match decision {
            Decision::Duplicate { key } => Some(log::duplicate_reason(&key)),
            Decision::Store { .. } => None,
        }))
    }

    fn is_explained(&mut self, record: &TypedRecord, reason: &str) -> Result<bool> {
        let VerifyState { tables, log, connection, .. } = &mut *self.state;
        is_plausible(tables, log, record, reason, &mut |key, values| {
            connection.contains_key(key, values)
        })
    }

    /// Notes the key that a duplicate shares with the stored record.
    fn note_duplicate(&mut self, record: &TypedRecord) -> Result<()> {
        let VerifyState { dedup, comparators, claims, .. } = &*self.state;
        let Some(application) = &dedup.application else { return Ok(()) };
        let Some(Some(comparator)) = comparators.get(application.table) else { return Ok(()) };
        let rows = record.tables.iter().filter(|rows| rows.table == application.table);
        for row in rows.flat_map(|rows| &rows.rows) {
            let view = comparator.view(row);
            let stored: Vec<_> = view.iter().map(OwnedValue::stored).collect();
            claims.duplicate(&comparator.key(&stored), record.key)?;
        }
        Ok(())
    }

    fn count(&mut self, ending: RecordOutcome) {
        let records = &mut self.records;
        records.read += 1;
        let place = match ending {
            RecordOutcome::Stored => &mut records.stored,
            RecordOutcome::Duplicate => &mut records.duplicate,
            RecordOutcome::Rejected => &mut records.rejected,
            RecordOutcome::Failed | RecordOutcome::RefusedByStore => &mut records.failed,
            RecordOutcome::Unclear => &mut records.unclear,
        };
        *place += 1;
    }
}
