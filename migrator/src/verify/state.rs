//! State of a verification: the store's tables and connection, the claims and the findings.

use chrono::NaiveDateTime;
use rustc_hash::FxHashMap;

use crate::error::{Error, Result};
use crate::record::TypedRecord;
use crate::store::schema::Tables;
use crate::store::{Connection, StoredValue};
use crate::write::dedup::Dedup;
use crate::write::log::{Log, Session};

use super::claims::{CATALOGUE, Claim, Claims};
use super::finding::{Discrepancy, Finding, Findings};
use super::owned_value::OwnedValue;
use super::table_comparator::TableComparator;
use super::verdict::LogComparator;

/// Format of a point in time that stores return.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.f";

/// State that the steps of a verification share.
pub struct VerifyState<'a> {
    /// Tables of the store.
    pub tables: &'a Tables,
    /// Only connection to the store.
    pub connection: Box<dyn Connection>,
    /// Rules for keys that records share.
    pub dedup: Dedup,
    /// Comparator of each table of the migration, by its index; `None` for the log.
    pub comparators: Vec<Option<TableComparator>>,
    /// Writer of log rows.
    pub log: Log,
    /// Comparator of the log.
    pub log_comparator: LogComparator,
    /// All runs of the store.
    pub sessions: Sessions,
    /// Rows that each record must have.
    pub claims: Claims,
    /// Findings so far.
    pub findings: Findings,
}

impl<'a> VerifyState<'a> {
    /// Reads the runs and creates the state.
    pub fn new(tables: &'a Tables, mut connection: Box<dyn Connection>) -> Result<Self> {
        let (log, dedup) = (Log::new(tables)?, Dedup::new(tables));
        let comparator =
            |table| (table != tables.log).then(|| TableComparator::new(tables, table, &dedup));
        Ok(Self {
            tables,
            comparators: (0..tables.target_tables().len()).map(comparator).collect(),
            log_comparator: LogComparator::new(tables, &log),
            sessions: Sessions::read(connection.as_mut(), tables)?,
            connection,
            dedup,
            log,
            claims: Claims::new()?,
            findings: Findings::default(),
        })
    }

    /// Adds a finding about a record in the log.
    pub fn add_log_fault(&mut self, record: i32, fault: Discrepancy) {
        let table = self.log_comparator.comparator.name.clone();
        self.findings.add(Finding { table, record: Some(record), key: None, fault });
    }

    /// Claims the rows that a record must have in the store. Of two rows with the same shared key,
    /// the record's first one counts, as in an insert.
    pub fn claim(&mut self, record: &TypedRecord, certain: bool) -> Result<()> {
        let alone = self
            .dedup
            .decide(self.tables, &[record], true, &mut |_, wanted| Ok(vec![false; wanted.len()]))?;
        let Some(decision) = alone.decisions.first() else { return Ok(()) };
        for (place, rows) in record.tables.iter().enumerate() {
            let Some(Some(comparator)) = self.comparators.get(rows.table) else { continue };
            let kept = rows.rows.iter().enumerate().filter(|(row, _)| decision.keeps(place, *row));
            for (_, row) in kept {
                claim(
                    &self.claims,
                    &mut self.findings,
                    comparator,
                    &comparator.view(row),
                    record.key,
                    certain,
                )?;
            }
        }
        Ok(())
    }

    /// Claims the catalogue's own rows.
    pub fn claim_catalogue(&mut self) -> Result<()> {
        for comparator in self.comparators.iter().flatten() {
            for row in &self.tables.all()[comparator.table].rows {
                let row = comparator.view(row);
                claim(&self.claims, &mut self.findings, comparator, &row, CATALOGUE, true)?;
            }
        }
        Ok(())
    }
}

fn claim(
    claims: &Claims,
    findings: &mut Findings,
    comparator: &TableComparator,
    row: &[OwnedValue],
    source: i32,
    certain: bool,
) -> Result<()> {
    let row: Vec<_> = row.iter().map(OwnedValue::stored).collect();
    if let Some(column) = comparator.unnumbered(&row) {
        return Err(Error::environment(format!(
            "{}.{column}: rows with keys assigned by the store cannot be matched in an audit",
            comparator.name
        )));
    }
    let (key, hash) = (comparator.key(&row), TableComparator::hash(&row, &mut Vec::new()));
    if !claims.claim(comparator.table, &key, Claim { source, certain, hash })? && certain {
        let (table, key) = (comparator.name.clone(), Some(comparator.key_text(&key)));
        findings.add(Finding { table, record: Some(source), key, fault: Discrepancy::Repeated });
    }
    Ok(())
}

/// All runs of a store. There are few, so they fit in memory.
#[derive(Debug, Default)]
pub struct Sessions {
    all: Vec<Session>,
    by_id: FxHashMap<String, usize>,
}

impl Sessions {
    fn read(connection: &mut dyn Connection, tables: &Tables) -> Result<Self> {
        let mut sessions = Self::default();
        connection.scan(tables.run, &[0, 1], None, &mut |row| {
            let [StoredValue::Text(id), StoredValue::Text(now)] = *row else { return Ok(()) };
            // Text that is not a time becomes one that contradicts the session's id, and is
            // reported.
            let now = NaiveDateTime::parse_from_str(now, TIME_FORMAT).unwrap_or_default();
            sessions.add(Session { id: id.to_owned(), now });
            Ok(())
        })?;
        Ok(sessions)
    }

    fn add(&mut self, session: Session) {
        self.by_id.insert(session.id.clone(), self.all.len());
        self.all.push(session);
    }

    /// All runs. The index of a session is its number.
    pub fn all(&self) -> &[Session] {
        &self.all
    }

    /// Number of a session.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// `now` of a session. For an unknown session that of any run, because most values do not
    /// depend on it.
    pub fn now(&self, session: Option<usize>) -> NaiveDateTime {
        let session = session.and_then(|number| self.all.get(number)).or(self.all.last());
        session.map_or_else(NaiveDateTime::default, |session| session.now)
    }
}
