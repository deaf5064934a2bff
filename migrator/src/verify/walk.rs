//! The walk over the source: every record is mapped again, its log row judged, its rows claimed.
//! Looks at no row of a table but the log's.

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

/// Records whose log rows are held at a time.
const PAGE: usize = 500;

/// Where the records of a source ended, going by a log that can be believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Records of the source.
    pub read: u64,
    /// Their rows are stored.
    pub stored: u64,
    /// Their application is another record's.
    pub duplicate: u64,
    /// Validate, parse or map turned them down.
    pub rejected: u64,
    /// Coerce or the store turned them down.
    pub failed: u64,
    /// The log does not have them, or not so that it could be believed.
    pub unclear: u64,
}

/// Walks over the whole source; `progress` is told how many records each step took.
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
    /// The records with these keys, and everything that the log has in a closed range.
    fn page(&mut self, reader: &mut dyn Reader, keys: &[i32], from: i64, to: i64) -> Result<()> {
        let mut logged = self.log_rows(keys, from, to)?;
        reader.read(keys, &mut |record| {
            let rows = logged.remove(&record.key).unwrap_or_default();
            self.record(record, &rows)
        })?;
        // What is left vanished from the source after its key was read.
        let mut left: Vec<_> = logged.into_keys().collect();
        left.sort_unstable();
        for key in left {
            self.state.add_log_fault(key, Discrepancy::NoSuchRecord);
        }
        Ok(())
    }

    /// The first two log rows of each of these records; of a third nothing new could be said.
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
            // Its rows may be there: that is the fault of the log alone, which is named already.
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

    /// What the log says of a record where another one has its application.
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

    /// Notes the key that a duplicate shares with the record that is stored.
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
