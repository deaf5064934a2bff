//! Compares a row of the log with the outcome of its record.

use crate::record::MappingOutcome;
use crate::store::StoredValue;
use crate::store::schema::Tables;
use crate::write::log;
use crate::write::log::{Log, Session};

use super::check_failure_reason::STORE;
use super::finding::Discrepancy;
use super::owned_value::OwnedValue;
use super::table_comparator::TableComparator;

/// Start of the reason of a duplicate.
const DUPLICATE: &str = "duplicate: ";

/// Comparator of the log table.
#[derive(Debug, Clone)]
pub struct LogComparator {
    /// All columns but the identity, which the store numbers.
    pub comparator: TableComparator,
    /// Index of the record's column in the table.
    pub record_column: usize,
    record: usize,
    status: usize,
    reason: usize,
    session: usize,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// Key of the record; 0, which no record has, if the column is not an integer.
    pub record: i64,
    /// Id of the session; empty for null.
    pub session: String,
    /// Reason of a failure; empty for null.
    pub reason: String,
    values: Vec<OwnedValue>,
}

/// Outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// Its rows are stored.
    Stored,
    /// Another record has stored its application.
    Duplicate,
    /// Rejected by validate, parse or map.
    Rejected,
    /// Rejected by coerce.
    Failed,
    /// Rejected by the store.
    RefusedByStore,
    /// The log has no plausible entry.
    Unclear,
}

/// Result of checking a log row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogVerdict {
    /// Outcome of the record.
    pub ending: RecordOutcome,
    /// Discrepancy of the row, if any.
    pub fault: Option<Discrepancy>,
}

impl LogComparator {
    /// Creates the comparator with the indices of the log's columns.
    pub fn new(tables: &Tables, log: &Log) -> Self {
        let table = &tables.all()[tables.log];
        let counts = |place: &usize| {
            let column = &table.columns[*place];
            !column.identity && column.computed.is_none()
        };
        let columns: Vec<_> = (0..table.columns.len()).filter(counts).collect();
        let comparator = TableComparator::of_columns(table, tables.log, columns, &[log.app_id]);
        // The log's required columns are neither identities nor computed, because rows name them.
        let place = |column| comparator.place(column).unwrap_or_default();
        Self {
            record_column: log.app_id,
            record: place(log.app_id),
            status: place(log.status),
            reason: place(log.reason),
            session: place(log.session),
            comparator,
        }
    }

    /// Reads a row, in the order of the comparator's columns.
    pub fn row(&self, row: &[StoredValue<'_>]) -> LogRow {
        let values: Vec<_> = row.iter().map(|value| OwnedValue::from(*value)).collect();
        let text = |place: usize| values[place].text().unwrap_or_default().to_owned();
        LogRow {
            record: values[self.record].int().unwrap_or_default(),
            session: text(self.session),
            reason: text(self.reason),
            values,
        }
    }

    /// Checks the only log row of a record. `duplicate` is the reason to log if another record has
    /// its application. `session` is the row's session, if known.
    pub fn judge(
        &self,
        log: &Log,
        row: &LogRow,
        mapped: &MappingOutcome,
        duplicate: Option<&str>,
        session: Option<&Session>,
    ) -> LogVerdict {
        let (ending, reason) = Self::expect(row, mapped, duplicate);
        let unknown = Session { id: row.session.clone(), now: chrono::NaiveDateTime::default() };
        let key = i32::try_from(row.record).unwrap_or_default();
        let values =
            self.comparator.view(&log.row(session.unwrap_or(&unknown), key, reason.as_deref()));
        let told = [self.status, self.reason];
        if told.iter().any(|&place| row.values[place] != values[place]) {
            let fault = Discrepancy::Outcome {
                logged: self.told(&row.values),
                expected: self.told(&values),
            };
            return LogVerdict { ending: RecordOutcome::Unclear, fault: Some(fault) };
        }
        if session.is_none() {
            let fault = Discrepancy::UnknownSession { session: row.session.clone() };
            return LogVerdict { ending, fault: Some(fault) };
        }
        let columns = self.comparator.differences(&row.values, &values);
        LogVerdict {
            ending,
            fault: (!columns.is_empty()).then_some(Discrepancy::Differs { columns }),
        }
    }

    /// Outcome of a record from its mapping and, if that leaves it open, from the log; and the
    /// reason that the log must have.
    fn expect(
        row: &LogRow,
        mapped: &MappingOutcome,
        duplicate: Option<&str>,
    ) -> (RecordOutcome, Option<String>) {
        match mapped {
            MappingOutcome::Rejected(reject) => {
                (RecordOutcome::Rejected, Some(log::reject_reason(reject)))
            }
            MappingOutcome::Refused(refusal) => {
                (RecordOutcome::Failed, Some(log::refusal_reason(refusal)))
            }
            MappingOutcome::Rows(_) if row.reason.starts_with(DUPLICATE) => {
                (RecordOutcome::Duplicate, duplicate.map(str::to_owned))
            }
            MappingOutcome::Rows(_) if row.reason.starts_with(STORE) => {
                (RecordOutcome::RefusedByStore, Some(row.reason.clone()))
            }
            MappingOutcome::Rows(_) => (RecordOutcome::Stored, None),
        }
    }

    /// Outcome in the log row.
    fn told(&self, values: &[OwnedValue]) -> String {
        let status = values[self.status].text().unwrap_or("null");
        match values[self.reason].text() {
            Some(reason) => format!("{status}: {reason}"),
            None => status.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;

    use super::*;
    use crate::contract::catalogue::Catalogue;
    use crate::record::{Refusal, Reject, SqlRow, SqlValue, Stage, TypedRecord};

    const OWNER: &str = "duplicate: app_base.app_id 5 is already stored";

    struct Fixture {
        log: Log,
        comparator: LogComparator,
        session: Session,
    }

    impl Fixture {
        fn new() -> Self {
            let tables = Tables::new(&Catalogue { schema: String::new(), tables: vec![] }).unwrap();
            let log = Log::new(&tables).unwrap();
            let comparator = LogComparator::new(&tables, &log);
            let session = Session { id: "19700101_000000".into(), now: NaiveDateTime::default() };
            Self { log, comparator, session }
        }

        fn logged(&self, reason: Option<&str>) -> SqlRow {
            self.log.row(&self.session, 7, reason)
        }

        fn judge(&self, row: &SqlRow, mapped: &MappingOutcome) -> LogVerdict {
            let values = self.comparator.comparator.view(row);
            let stored: Vec<_> = values.iter().map(OwnedValue::stored).collect();
            let session = (values[self.comparator.session].text() == Some(&self.session.id))
                .then_some(&self.session);
            self.comparator.judge(
                &self.log,
                &self.comparator.row(&stored),
                mapped,
                Some(OWNER),
                session,
            )
        }
    }

    fn mapped() -> MappingOutcome {
        MappingOutcome::Rows(TypedRecord { key: 7, tables: vec![] })
    }

    fn rejected() -> MappingOutcome {
        MappingOutcome::Rejected(Reject { stage: Stage::Parsing, reason: "too deep".into() })
    }

    fn refused() -> MappingOutcome {
        let (table, column) = ("scores".to_owned(), Some("score".to_owned()));
        MappingOutcome::Refused(Refusal {
            stage: Stage::Coerce,
            table,
            column,
            reason: "NaN".into(),
        })
    }

    #[test]
    fn each_outcome_has_its_log_row() {
        let fixture = Fixture::new();
        for (mapped, reason, ending) in [
            (mapped(), None, RecordOutcome::Stored),
            (mapped(), Some(OWNER), RecordOutcome::Duplicate),
            (mapped(), Some("store: scores: any reason"), RecordOutcome::RefusedByStore),
            (rejected(), Some("parsing: too deep"), RecordOutcome::Rejected),
            (refused(), Some("coerce: scores.score: NaN"), RecordOutcome::Failed),
        ] {
            let verdict = fixture.judge(&fixture.logged(reason), &mapped);
            assert_eq!(verdict, LogVerdict { ending, fault: None });
        }
    }

    #[test]
    fn a_log_row_of_another_outcome_is_reported() {
        let fixture = Fixture::new();
        for (mapped, reason, logged, expected) in [
            (rejected(), None, "success", "failed: parsing: too deep"),
            (mapped(), Some("parsing: too deep"), "failed: parsing: too deep", "success"),
            (rejected(), Some("parsing: x"), "failed: parsing: x", "failed: parsing: too deep"),
            (mapped(), Some("duplicate: x"), "failed: duplicate: x", &format!("failed: {OWNER}")),
        ] {
            let verdict = fixture.judge(&fixture.logged(reason), &mapped);
            let (logged, expected) = (logged.to_owned(), expected.to_owned());
            let fault = Some(Discrepancy::Outcome { logged, expected });
            assert_eq!(verdict, LogVerdict { ending: RecordOutcome::Unclear, fault });
        }
    }

    #[test]
    fn a_success_with_the_status_of_a_failure_is_reported() {
        let fixture = Fixture::new();
        let mut row = fixture.logged(None);
        row[fixture.log.status] = SqlValue::Text("failed".into());
        assert_eq!(fixture.judge(&row, &mapped()).ending, RecordOutcome::Unclear);
    }

    #[test]
    fn every_other_column_is_checked_too() {
        let fixture = Fixture::new();
        let mut row = fixture.logged(None);
        row[fixture.log.time] = SqlValue::Null;
        let columns = vec!["processing_time".to_owned()];
        let fault = Some(Discrepancy::Differs { columns });
        assert_eq!(
            fixture.judge(&row, &mapped()),
            LogVerdict { ending: RecordOutcome::Stored, fault }
        );
        row[fixture.log.session] = SqlValue::Text("other".into());
        let fault = Some(Discrepancy::UnknownSession { session: "other".into() });
        assert_eq!(
            fixture.judge(&row, &mapped()),
            LogVerdict { ending: RecordOutcome::Stored, fault }
        );
    }
}
