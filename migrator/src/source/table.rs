//! Source table in `SQLite` (contract.md 2.1), read-only, by ranges of keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::{Error, ErrorKind, Result};
use crate::record::RawRecord;
use crate::store::schema::quoted;
use crate::util::cancel::CancellationToken;
use crate::util::partition::Partition;

use super::{RECORD_BYTES_READ_MAX, Reader, Source};

/// Maximum number of bad keys in an error.
const KEYS_NAMED_MAX: usize = 20;

/// Maximum wait for another process that writes to the source. It is long, because a busy writer
/// lets readers in only by chance, and a migration that fails would have to be started again.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Time of one wait within `SQLite`, which cannot be told that the run has ended.
const BUSY_STEP: Duration = Duration::from_millis(100);

/// Names of the source table and its columns.
#[derive(Debug, Clone, Copy)]
pub struct TableNames<'a> {
    /// The contract's `source_table`.
    pub table: &'a str,
    /// The contract's `source_column`, which holds the text.
    pub text_column: &'a str,
    /// The contract's `source_application_table`. If it exists, only records with a row in it are
    /// read.
    pub application_table: &'a str,
}

/// Records of one table.
#[derive(Debug)]
pub struct TableSource {
    path: PathBuf,
    cancellation: Arc<CancellationToken>,
    count: u64,
    keys: String,
    records: String,
}

impl TableSource {
    /// Opens one partition of the table.
    ///
    /// # Errors
    /// A missing file, table or column, or keys outside 1 … 2147483647.
    pub fn open(path: &Path, names: TableNames<'_>, partition: Partition) -> Result<Self> {
        let mut source = Self {
            path: path.to_owned(),
            cancellation: Arc::default(),
            count: 0,
            keys: String::new(),
            records: String::new(),
        };
        let connection = source.connect(BUSY_TIMEOUT)?;
        source.check_columns(&connection, names)?;
        let rows = RowQuery {
            table: quoted(names.table),
            joined: source.condition_of_join(&connection, names)?,
            share: share(partition),
        };
        source.keys = rows.select(
            "DISTINCT s.app_id",
            &["s.app_id > ?1"],
            PartitionFilter::Own,
            " ORDER BY s.app_id LIMIT ?2",
        );
        // The partition is a condition here too. It avoids reading the texts of other partitions
        // between two keys.
        let record = format!("s.app_id, s.{}", quoted(names.text_column));
        let between = "s.app_id BETWEEN ?1 AND ?2";
        source.records =
            rows.select(&record, &[between], PartitionFilter::Own, " ORDER BY s.app_id");
        source.count = source.check_keys(&connection, names, &rows)?;
        Ok(source)
    }

    /// Lets readers stop waiting when the run ends.
    #[must_use]
    pub fn heeding(self, cancellation: Arc<CancellationToken>) -> Self {
        Self { cancellation, ..self }
    }

    fn connect(&self, busy_timeout: Duration) -> Result<Connection> {
        if !self.path.is_file() {
            return Err(Error::environment(format!("{}: no such file", self.label())));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&self.path, flags).and_then(|connection| {
            connection.busy_timeout(busy_timeout)?;
            Ok(connection)
        });
        opened.map_err(|error| self.failure(error))
    }

    fn check_columns(&self, connection: &Connection, names: TableNames<'_>) -> Result<()> {
        for column in ["app_id", names.text_column] {
            if !self.has_column(connection, names.table, column)? {
                return Err(Error::environment(format!(
                    "{}: no table {} with a column {column}",
                    self.label(),
                    names.table
                )));
            }
        }
        Ok(())
    }

    fn has_column(&self, connection: &Connection, table: &str, column: &str) -> Result<bool> {
        connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) \
                 WHERE name = ?2 COLLATE NOCASE)",
                [table, column],
                |row| row.get(0),
            )
            .map_err(|error| self.failure(error))
    }

    /// Condition that skips records without an application, if there is an application table.
    fn condition_of_join(
        &self,
        connection: &Connection,
        names: TableNames<'_>,
    ) -> Result<Option<String>> {
        let is_there = self.has_column(connection, names.application_table, "app_id")?;
        let application = quoted(names.application_table);
        Ok(is_there.then(|| {
            format!("EXISTS (SELECT 1 FROM {application} AS a WHERE a.app_id = s.app_id)")
        }))
    }

    /// Counts the records of the partition and rejects bad keys of any partition.
    fn check_keys(
        &self,
        connection: &Connection,
        names: TableNames<'_>,
        rows: &RowQuery,
    ) -> Result<u64> {
        let outside = format!("(s.app_id < 1 OR s.app_id > {})", i32::MAX);
        let number = |text: &str| {
            connection.query_row(text, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        };
        let checked = || {
            // Ordered integers have their bad keys at the ends; other keys have to be scanned.
            let bad = if has_whole_keys(connection, names.table)? {
                outside
            } else {
                format!("(typeof(s.app_id) <> 'integer' OR {outside})")
            };
            let faults = number(&rows.select("count(*)", &[&bad], PartitionFilter::Any, ""))?;
            let named =
                if faults > 0 { first_keys(connection, rows, &bad)? } else { String::new() };
            Ok((number(&rows.select("count(*)", &[], PartitionFilter::Own, ""))?, faults, named))
        };
        let (count, faults, named) = checked().map_err(|error| self.failure(error))?;
        if faults > 0 {
            return Err(Error::environment(format!(
                "{}: {faults} records with an app_id outside 1 … {}, such as {named}",
                self.label(),
                i32::MAX
            )));
        }
        Ok(count)
    }

    /// Repeats a read while another process writes to the source and the run continues.
    fn wait_for<T>(&self, mut read: impl FnMut() -> rusqlite::Result<T>) -> Result<T> {
        let started = Instant::now();
        loop {
            match read() {
                Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => {
                    if self.cancellation.is_cancelled() {
                        return Err(Error::new(ErrorKind::Stopped, "the run has stopped"));
                    }
                }
                outcome => return outcome.map_err(|error| self.failure(error)),
            }
        }
    }

    fn label(&self) -> String {
        format!("source sqlite:{}", self.path.display())
    }

    fn failure(&self, cause: rusqlite::Error) -> Error {
        Error::caused(ErrorKind::Environment, self.label(), cause)
    }
}

impl Source for TableSource {
    fn count(&self) -> u64 {
        self.count
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(TableReader { connection: self.connect(BUSY_STEP)?, source: self }))
    }
}

struct TableReader<'a> {
    connection: Connection,
    source: &'a TableSource,
}

impl TableReader<'_> {
    fn keys(&self, after: i32, max: usize) -> rusqlite::Result<Vec<i32>> {
        let mut statement = self.connection.prepare_cached(&self.source.keys)?;
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let keys = statement.query_map((after, max), |row| row.get(0))?;
        keys.collect()
    }

    /// Passes the records with these keys to `each` and removes their keys from `wanted`. The inner
    /// error is from `each`.
    fn records(
        &self,
        wanted: &mut &[i32],
        each: &mut dyn FnMut(RawRecord) -> Result<()>,
    ) -> rusqlite::Result<Result<()>> {
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(Ok(())) };
        let mut statement = self.connection.prepare_cached(&self.source.records)?;
        let mut rows = statement.query((first, last))?;
        while let Some(row) = rows.next()? {
            let key: i32 = row.get(0)?;
            let passed = wanted.iter().take_while(|&&wanted| wanted < key).count();
            *wanted = &wanted[passed..];
            // A key is wanted once, so a repeated row is dropped (contract.md 2.1).
            if let Some(rest) = wanted.strip_prefix(&[key]) {
                *wanted = rest;
                let record = RawRecord { key, bytes: bytes(row.get_ref(1)?) };
                if let Err(error) = each(record) {
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(()))
    }
}

impl Reader for TableReader<'_> {
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>> {
        self.source.wait_for(|| self.keys(after, max))
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        let mut wanted = keys;
        self.source.wait_for(|| self.records(&mut wanted, each))?
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Condition that selects one partition; `None` for all records.
fn share(partition: Partition) -> Option<String> {
    let of = |part: Partition| format!("s.app_id % {} = {}", part.count(), part.index());
    (partition != Partition::ALL).then(|| of(partition))
}

/// True if the keys are `SQLite`'s row numbers, which are integers in the table's own order. That
/// is the only primary key without an index.
fn has_whole_keys(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT (SELECT group_concat(lower(name || ' ' || type)) FROM pragma_table_info(?1) \
         WHERE pk > 0) IS 'app_id integer' AND \
         NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')",
        [table],
        |row| row.get(0),
    )
}

fn first_keys(connection: &Connection, rows: &RowQuery, bad: &str) -> rusqlite::Result<String> {
    let limit = format!(" LIMIT {KEYS_NAMED_MAX}");
    let keys = rows.select("quote(s.app_id) AS key", &[bad], PartitionFilter::Any, &limit);
    let named = format!("SELECT group_concat(key, ', ') FROM ({keys})");
    connection.query_row(&named, [], |row| row.get(0))
}

/// Queries of the source table, which is named `s` in them.
struct RowQuery {
    table: String,
    joined: Option<String>,
    share: Option<String>,
}

/// Records that a query reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartitionFilter {
    Any,
    Own,
}

impl RowQuery {
    /// Builds a query. Without a condition it has no WHERE, so `SQLite` counts rows faster.
    fn select(
        &self,
        head: &str,
        conditions: &[&str],
        share: PartitionFilter,
        tail: &str,
    ) -> String {
        let own = self.share.as_deref().filter(|_| share == PartitionFilter::Own);
        let all: Vec<_> = self
            .joined
            .as_deref()
            .into_iter()
            .chain(conditions.iter().copied())
            .chain(own)
            .collect();
        let filter =
            if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) };
        format!("SELECT {head} FROM {} AS s{filter}{tail}", self.table)
    }
}

/// Bytes of the text as stored. Validation rejects values that are not text.
fn bytes(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(bytes[..bytes.len().min(RECORD_BYTES_READ_MAX)].to_vec())
        }
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes()),
    }
}
