//! The processing log (contract.md 16.1), the rows of runs and batches, and the resume point.
//! Callers own the transactions.

use chrono::NaiveDateTime;
use rustc_hash::FxHashMap;

use crate::config::InsertMethod;
use crate::contract::catalogue::{SqlType, Table};
use crate::contract::column::coerce_value;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Refusal, Reject, SqlRow, SqlValue, Value};
use crate::store::schema::Tables;
use crate::store::{
    Connection, InsertOutcome, Key, Range, Rule, StoredValue, Violation, canonical,
};
use crate::util::utf16::truncate_utf16;

/// Maximum number of characters of a failure's reason in the log.
pub const REASON_CHARS_MAX: usize = 500;
/// Maximum number of runs that start within one second, or with the same `--now`.
const SESSIONS_MAX: u32 = 10_000;

/// Status of a record in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStatus {
    /// The rows of the record are stored.
    Success,
    /// No row of the record is stored.
    Failed,
}

impl LogStatus {
    /// Text in the column `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }
}

/// One run in one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `YYYYMMDD_HHMMSS` of `now`. A suffix `_2`, `_3`, … follows if earlier runs have that second.
    pub id: String,
    /// The run's single point in time.
    pub now: NaiveDateTime,
}

impl Session {
    /// True if [`open_session`] could have assigned this id for this `now`.
    pub fn is_named_after_its_second(&self) -> bool {
        let Some(rest) = self.id.strip_prefix(&session_second(self.now)) else { return false };
        let number = rest.strip_prefix('_').map(str::parse::<u32>);
        rest.is_empty() || number.is_some_and(|number| number.is_ok_and(|number| number > 1))
    }
}

/// Columns of the log table.
#[derive(Debug, Clone)]
pub struct Log {
    table: usize,
    width: usize,
    /// Column of the record's key.
    pub app_id: usize,
    /// Column of the status, `success` or `failed`.
    pub status: usize,
    /// Column of the failure's reason.
    pub reason: usize,
    /// Column of the run's point in time.
    pub time: usize,
    /// Column of the run's session.
    pub session: usize,
    reason_type: SqlType,
    /// True if every row has an integer as key.
    keys_are_whole: bool,
}

impl Log {
    /// Finds the columns. A catalogue may define the log itself, but needs all of these columns.
    pub fn new(tables: &Tables) -> Result<Self> {
        let table = &tables.all()[tables.log];
        let (app_id, reason) = (column(table, "app_id")?, column(table, "failure_reason")?);
        let key = &table.columns[app_id];
        Ok(Self {
            table: tables.log,
            width: table.columns.len(),
            app_id,
            status: column(table, "status")?,
            reason,
            time: column(table, "processing_time")?,
            session: column(table, "session_id")?,
            reason_type: table.columns[reason].sql_type,
            keys_are_whole: matches!(key.sql_type, SqlType::Int | SqlType::BigInt) && !key.nullable,
        })
    }

    /// Index of the table.
    pub fn table(&self) -> usize {
        self.table
    }

    /// Log row of one record. A reason makes it a failure.
    pub fn row(&self, session: &Session, app_id: i32, reason: Option<&str>) -> SqlRow {
        let logged = if reason.is_some() { LogStatus::Failed } else { LogStatus::Success };
        let mut row = vec![SqlValue::Null; self.width];
        row[self.app_id] = SqlValue::Int(app_id.into());
        row[self.status] = SqlValue::Text(logged.name().into());
        if let Some(reason) = reason {
            row[self.reason] = self.cut(reason);
        }
        row[self.time] = SqlValue::DateTime(session.now);
        row[self.session] = SqlValue::Text(session.id.as_str().into());
        row.into()
    }

    /// The reason as the column stores it: converted to its characters, then truncated.
    pub fn cut(&self, reason: &str) -> SqlValue {
        let (whole, length) = match self.reason_type {
            SqlType::NVarChar(length) => (SqlType::NVarChar(None), length),
            SqlType::VarChar(length) => (SqlType::VarChar(None), length),
            other => (other, None),
        };
        match coerce_value(&Value::Text(reason.into()), whole) {
            Ok(SqlValue::Text(text)) => {
                // `nvarchar` counts UTF-16 code units. Characters of windows-1252 have one each.
                let length = length.map_or(REASON_CHARS_MAX, usize::from);
                SqlValue::Text(truncate_utf16(&text, length.min(REASON_CHARS_MAX)).into())
            }
            // A column of another type stays null. The status is sufficient.
            _ => SqlValue::Null,
        }
    }

    /// Log entries of the records in a closed range of keys.
    pub fn look_up(
        &self,
        connection: &mut dyn Connection,
        first: i32,
        last: i32,
    ) -> Result<FxHashMap<i32, LogStatus>> {
        let range = Range { column: self.app_id, first: first.into(), last: last.into() };
        let mut found = FxHashMap::default();
        connection.scan(self.table, &[self.app_id, self.status], Some(range), &mut |row| {
            let [StoredValue::Int(app_id), StoredValue::Text(status)] = row else { return Ok(()) };
            let success = status.eq_ignore_ascii_case(LogStatus::Success.name());
            let logged = if success { LogStatus::Success } else { LogStatus::Failed };
            if let Ok(app_id) = i32::try_from(*app_id) {
                // If a record has several rows, one success decides.
                let entry = found.entry(app_id).or_insert(logged);
                if success {
                    *entry = logged;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// True if the log has every integer of a closed range of keys. Valid only for a log without
    /// repeated keys.
    pub fn has_all(&self, connection: &mut dyn Connection, first: i32, last: i32) -> Result<bool> {
        let range = Range { column: self.app_id, first: first.into(), last: last.into() };
        let keys = i64::from(last) - i64::from(first) + 1;
        Ok(self.keys_are_whole && connection.count(self.table, Some(range))? == keys.unsigned_abs())
    }

    /// The log's last key, if the log has every number from `first` to it. `None` if there is a
    /// gap.
    ///
    /// Counts the rows and checks that no key is beyond that count. Stores count all rows several
    /// times as fast as those of a range. Valid only for a log without repeated keys. Rows added
    /// during the check can only shorten the result.
    pub fn end_without_gaps(
        &self,
        connection: &mut dyn Connection,
        first: i32,
    ) -> Result<Option<i32>> {
        if !self.keys_are_whole {
            return Ok(None);
        }
        let column = self.app_id;
        let all = connection.count(self.table, None)?;
        let below = Range { column, first: i64::MIN, last: i64::from(first) - 1 };
        let keys = all.saturating_sub(connection.count(self.table, Some(below))?);
        let last = i64::from(first) - 1 + keys.cast_signed();
        let above = Range { column, first: last + 1, last: i64::MAX };
        let has_gaps = connection.count(self.table, Some(above))? > 0;
        Ok(i32::try_from(last).ok().filter(|last| *last >= first && !has_gaps))
    }

    /// Deletes the log row of a failed record before it is logged again.
    pub fn forget_failure(&self, connection: &mut dyn Connection, app_id: i32) -> Result<()> {
        let key = Key { table: self.table, columns: vec![self.app_id, self.status] };
        let status = SqlValue::Text(LogStatus::Failed.name().into());
        connection.delete(&key, &[&SqlValue::Int(app_id.into()), &status]).map(drop)
    }

    /// Number of records that a session has logged.
    pub fn count(&self, connection: &mut dyn Connection, session: &Session) -> Result<u64> {
        let mut count = 0;
        connection.scan(self.table, &[self.session], None, &mut |row| {
            count += u64::from(row[0] == StoredValue::Text(&session.id));
            Ok(())
        })?;
        Ok(count)
    }
}

/// Log reason of a record rejected by validate, parse or map.
pub fn reject_reason(reject: &Reject) -> String {
    format!("{}: {}", reject.stage, reject.reason)
}

/// Log reason of a record rejected by coerce or by the store.
pub fn refusal_reason(refusal: &Refusal) -> String {
    let Refusal { stage, table, column, reason } = refusal;
    match column {
        Some(column) => format!("{stage}: {table}.{column}: {reason}"),
        None => format!("{stage}: {table}: {reason}"),
    }
}

/// Log reason of a record whose application is already stored.
pub fn duplicate_reason(key: &str) -> String {
    format!("duplicate: {key} is already stored")
}

/// Starts a session in a transaction of its own: finds an unused id and inserts it.
pub fn open_session(
    connection: &mut dyn Connection,
    tables: &Tables,
    now: NaiveDateTime,
) -> Result<Session> {
    connection.begin()?;
    let key = Key { table: tables.run, columns: vec![0] };
    let second = session_second(now);
    for number in 1..=SESSIONS_MAX {
        let id = if number == 1 { second.clone() } else { format!("{second}_{number}") };
        let value = SqlValue::Text(id.as_str().into());
        if connection.contains_key(&key, &[&value])? {
            continue;
        }
        let row: [SqlValue; 2] = [value, SqlValue::DateTime(now)];
        match connection.insert(tables.run, &[&row], InsertMethod::Values)? {
            InsertOutcome::Stored { .. } => {
                connection.commit()?;
                return Ok(Session { id, now });
            }
            // Another process has taken the id in the meantime.
            InsertOutcome::Refused(violation) if violation.rule == Rule::Key => {
                connection.rollback()?;
                connection.begin()?;
            }
            InsertOutcome::Refused(violation) => return Err(refused(&violation)),
        }
    }
    Err(Error::environment(format!(
        "{SESSIONS_MAX} runs already use session id {second}; wait a second or pass another --now"
    )))
}

/// Inserts the row of a batch, in the batch's own transaction. Returns the violation if the store
/// rejects it.
pub fn write_batch(
    connection: &mut dyn Connection,
    tables: &Tables,
    session: &Session,
    batch: BatchRow,
) -> Result<Option<Violation>> {
    let row = batch_row(session, batch);
    match connection.insert(tables.batch, &[&row], InsertMethod::Values)? {
        InsertOutcome::Stored { .. } => Ok(None),
        InsertOutcome::Refused(violation) => Ok(Some(violation)),
    }
}

fn batch_row(session: &Session, batch: BatchRow) -> [SqlValue; 5] {
    [
        SqlValue::Text(session.id.as_str().into()),
        SqlValue::Int(batch.number.cast_signed()),
        SqlValue::Int(batch.first.into()),
        SqlValue::Int(batch.last.into()),
        SqlValue::Int(batch.records.cast_signed()),
    ]
}

/// Looks up if a batch is committed, after the answer to its commit was lost.
///
/// Inserts the batch's row and rolls back, so the store's key decides. If the transaction is still
/// open on the server, the insert waits for its end. A plain look-up could read the state before
/// that end.
pub fn is_committed(
    connection: &mut dyn Connection,
    tables: &Tables,
    session: &Session,
    number: u64,
) -> Result<bool> {
    connection.begin()?;
    let row = batch_row(session, BatchRow { number, first: 0, last: 0, records: 0 });
    let inserted = connection.insert(tables.batch, &[&row], InsertMethod::Values)?;
    connection.rollback()?;
    match inserted {
        InsertOutcome::Stored { .. } => Ok(false),
        InsertOutcome::Refused(violation) if violation.rule == Rule::Key => Ok(true),
        InsertOutcome::Refused(violation) => Err(refused(&violation)),
    }
}

/// A row of `migration_batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRow {
    /// Number of the batch in the session, from 0.
    pub number: u64,
    /// Lowest key in the batch.
    pub first: i32,
    /// Highest key in the batch.
    pub last: i32,
    /// Records in the batch.
    pub records: u64,
}

fn refused(violation: &Violation) -> Error {
    let message =
        format!("the store rejects a row of the migrator's own tables: {}", violation.message);
    Error::new(ErrorKind::Data, message)
}

fn column(table: &Table, name: &str) -> Result<usize> {
    table.columns.iter().position(|column| column.name == name).ok_or_else(|| {
        Error::environment(format!("table catalogue: {} has no column {name}", table.name))
    })
}

/// `YYYYMMDD_HHMMSS`.
fn session_second(now: NaiveDateTime) -> String {
    let mut text = String::new();
    canonical::push_date_time(&mut text, now, 0);
    text.retain(|c| c.is_ascii_digit() || c == ' ');
    text.replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::contract::catalogue::Catalogue;
    use crate::record::Stage;

    fn log() -> Log {
        let catalogue = Catalogue { schema: String::new(), tables: vec![] };
        Log::new(&Tables::new(&catalogue).unwrap()).unwrap()
    }

    fn session() -> Session {
        let now = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap().and_hms_opt(9, 8, 7).unwrap();
        Session { id: session_second(now), now }
    }

    #[test]
    fn a_session_is_named_after_its_second() {
        assert_eq!(session().id, "20260131_090807");
        for (id, of_its_second) in [
            ("20260131_090807", true),
            ("20260131_090807_2", true),
            ("20260131_090807_1", false),
            ("20260131_090807_", false),
            ("20260131_0908071", false),
            ("20260131_090808", false),
        ] {
            let session = Session { id: id.into(), ..session() };
            assert_eq!(session.is_named_after_its_second(), of_its_second, "{id}");
        }
    }

    #[test]
    fn a_reason_is_cut_and_narrowed_to_its_column() {
        for (reason, stored) in [
            ("é→".repeat(400), "é?".repeat(250)),
            ("😀".repeat(400), "?".repeat(500)),
            ("short".to_owned(), "short".to_owned()),
        ] {
            let row = log().row(&session(), 7, Some(&reason));
            assert_eq!(row[log().reason], SqlValue::Text(stored.into()));
            assert_eq!(row[log().status], SqlValue::Text("failed".into()));
        }
    }

    #[test]
    fn a_success_has_no_reason() {
        let row = log().row(&session(), 7, None);
        assert_eq!(row[log().reason], SqlValue::Null);
        assert_eq!(row[log().status], SqlValue::Text("success".into()));
    }

    #[test]
    fn reasons_begin_with_their_stage() {
        let reject = Reject { stage: Stage::Parsing, reason: "too deep".into() };
        assert_eq!(reject_reason(&reject), "parsing: too deep");
        let mut refusal = Refusal {
            stage: Stage::Coerce,
            table: "app_base".into(),
            column: Some("app_id".into()),
            reason: "null".into(),
        };
        assert_eq!(refusal_reason(&refusal), "coerce: app_base.app_id: null");
        refusal.column = None;
        assert_eq!(refusal_reason(&refusal), "coerce: app_base: null");
    }
}
