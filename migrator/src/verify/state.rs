//! What the steps of an audit share: the store's tables and connection, what was claimed, what was
//! found. Decides nothing.

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

/// Form of a point in time as stores give it back.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.f";

/// What the steps of an audit share.
pub struct VerifyState<'a> {
    /// The store's tables.
    pub tables: &'a Tables,
    /// The one connection to the store.
    pub connection: Box<dyn Connection>,
    /// The rules for keys that records share.
    pub dedup: Dedup,
    /// Every table of the migration but the log, by its index.
    pub comparators: Vec<Option<TableComparator>>,
    /// The log's rows.
    pub log: Log,
    /// The log as a table.
    pub log_comparator: LogComparator,
    /// Every run of the store.
    pub sessions: Sessions,
    /// Which record has to have which row.
    pub claims: Claims,
    /// What was found so far.
    pub findings: Findings,
}

impl<'a> VerifyState<'a> {
    /// Before anything was looked at but the runs.
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

    /// Claims the rows that a record has to have in the store. Of two rows with one key that
    /// records share, the record's first one counts, as it does when it is stored.
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
            "{}.{column}: rows that the store itself numbers cannot be told apart in an audit",
            comparator.name
        )));
    }
    let (key, hash) = (comparator.key(&row), comparator.hash(&row, &mut Vec::new()));
    if !claims.claim(comparator.table, &key, Claim { source, certain, hash })? && certain {
        let (table, key) = (comparator.name.clone(), Some(comparator.key_text(&key)));
        findings.add(Finding { table, record: Some(source), key, fault: Discrepancy::Repeated });
    }
    Ok(())
}

/// Every run of a store; there are few enough to keep.
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
            // What is no time becomes one that does not fit the session's id, and is found so.
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

    /// All of them; a session's number is its place.
    pub fn all(&self) -> &[Session] {
        &self.all
    }

    /// A session's number.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The `now` of a session, or of any run where the session is not known: most values do not
    /// depend on it.
    pub fn now(&self, session: Option<usize>) -> NaiveDateTime {
        let session = session.and_then(|number| self.all.get(number)).or(self.all.last());
        session.map_or_else(NaiveDateTime::default, |session| session.now)
    }
}
