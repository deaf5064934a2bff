//! Source table on a SQL Server (contract.md 2.1), read by ranges of keys. Reads only committed
//! rows, and resumes at the same key after a lost connection.

use tiberius::ColumnData;
use tiberius::error::Error as WireError;

use crate::error::{Error, Result};
use crate::record::RawRecord;
use crate::store::mssql::error_codes;
use crate::store::mssql::sql::{qualified, quoted};
use crate::store::mssql::url::{Password, ServerUrl};
use crate::store::mssql::value::whole;
use crate::store::mssql::wire::{Login, QueryError, Wire};
use crate::store::retry::{self, Backoff};
use crate::util::partition::Partition;

use super::table::TableNames;
use super::{RECORD_BYTES_READ_MAX, Reader, Source};

/// Schema of the application table (contract.md 2.1).
const APPLICATION_SCHEMA: &str = "dbo";
/// Default schema of the source table.
const SCHEMA: &str = "dbo";
/// Maximum number of bad keys in an error.
const KEYS_NAMED_MAX: usize = 20;

/// Counts the columns `@P3` of the table `@P2` in the schema `@P1`: 1 if it exists, otherwise 0.
pub(crate) const HAS_COLUMN: &str = "SELECT COUNT(*) FROM [INFORMATION_SCHEMA].[COLUMNS] \
     WHERE [TABLE_SCHEMA] = @P1 AND [TABLE_NAME] = @P2 AND [COLUMN_NAME] = @P3";

/// Records of one table.
pub(crate) struct ServerTable {
    login: Login,
    queries: Queries,
    count: u64,
}

impl ServerTable {
    /// Opens one partition of the table.
    ///
    /// # Errors
    /// A missing table or column, or keys outside 1 … 2147483647.
    pub(crate) fn open(
        url: ServerUrl,
        password: Password,
        names: TableNames<'_>,
        partition: Partition,
    ) -> Result<Self> {
        let schema = url.schema.clone().unwrap_or_else(|| SCHEMA.to_owned());
        let login = Login::new(url, password)?;
        let (queries, count) = retry::at_start(|| look(&login, &schema, names, partition))?;
        Ok(Self { login, queries, count })
    }
}

/// Queries of the table, and the number of records in the partition.
fn look(
    login: &Login,
    schema: &str,
    names: TableNames<'_>,
    partition: Partition,
) -> Result<(Queries, u64)> {
    let failure = |error| failure(login, &error);
    let mut wire = Wire::open(login).map_err(failure)?;
    for column in ["app_id", names.text_column] {
        if !has_column(&mut wire, [schema, names.table, column]).map_err(failure)? {
            return Err(Error::environment(format!(
                "source {}: no table {schema}.{} with a column {column}",
                login.url, names.table
            )));
        }
    }
    let application = [APPLICATION_SCHEMA, names.application_table, "app_id"];
    let is_joined = has_column(&mut wire, application).map_err(failure)?;
    let queries = Queries::new(schema, names, is_joined, partition);
    refuse_bad_keys(&mut wire, login, &queries.bad_keys)?;
    let count = wire.batch_row(&queries.count).map_err(failure)?;
    let count = count.as_deref().and_then(<[_]>::first).and_then(key_of).unwrap_or_default();
    Ok((queries, count.unsigned_abs()))
}

fn has_column(wire: &mut Wire, names: [&str; 3]) -> std::result::Result<bool, WireError> {
    let names = names.map(|name| ColumnData::String(Some(name.into())));
    let row = wire.row(HAS_COLUMN, names.into())?;
    Ok(row.as_deref().and_then(<[_]>::first).and_then(key_of).is_some_and(|count| count > 0))
}

fn refuse_bad_keys(wire: &mut Wire, login: &Login, text: &str) -> Result<()> {
    let mut bad = Vec::new();
    let read = wire.query(text, Vec::new(), &mut |row| {
        let key = row.first().and_then(key_of);
        bad.push(key.map_or_else(|| "null".to_owned(), |key| key.to_string()));
        Ok(())
    });
    read.map_err(|stopped| error_of(login, stopped))?;
    if bad.is_empty() {
        return Ok(());
    }
    Err(Error::environment(format!(
        "source {}: records with an app_id outside 1 … {}, such as {}",
        login.url,
        i32::MAX,
        bad.join(", ")
    )))
}

impl Source for ServerTable {
    fn count(&self) -> u64 {
        self.count
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(ServerReader { source: self, wire: None }))
    }
}

/// Texts of the queries.
#[derive(Debug, PartialEq, Eq)]
struct Queries {
    count: String,
    bad_keys: String,
    /// Selects keys above `@P1`. [`Queries::keys`] adds the limit.
    keys: String,
    /// Selects records with keys from `@P1` to `@P2`.
    records: String,
}

impl Queries {
    fn new(schema: &str, names: TableNames<'_>, is_joined: bool, partition: Partition) -> Self {
        let mut conditions = Vec::new();
        if is_joined {
            conditions.push(format!(
                "EXISTS (SELECT 1 FROM {} AS [a] WHERE [a].[app_id] = [s].[app_id])",
                qualified(APPLICATION_SCHEMA, names.application_table)
            ));
        }
        let joined = conditions.clone();
        if partition != Partition::ALL {
            let (index, count) = (partition.index(), partition.count());
            conditions.push(format!("[s].[app_id] % {count} = {index}"));
        }
        let text = |select: &str, more: &[String], others: &[String], order: &str| {
            let conditions: Vec<_> = more.iter().chain(others).map(String::as_str).collect();
            let filter = match &conditions[..] {
                [] => String::new(),
                all => format!(" WHERE {}", all.join(" AND ")),
            };
            format!("SELECT {select} FROM {} AS [s]{filter}{order}", qualified(schema, names.table))
        };
        let order = " ORDER BY [s].[app_id]";
        // Keys of all partitions are checked, because a bad key belongs to none.
        let bad = format!("([s].[app_id] < 1 OR [s].[app_id] > {})", i32::MAX);
        let above = ["[s].[app_id] > @P1".to_owned()];
        // The partition is a condition here too. It avoids reading the texts of other partitions
        // between two keys.
        let between = ["[s].[app_id] BETWEEN @P1 AND @P2".to_owned()];
        let record = format!("[s].[app_id], [s].{}", quoted(names.text_column));
        Self {
            count: text("COUNT_BIG(*)", &[], &conditions, ""),
            bad_keys: text(&format!("TOP ({KEYS_NAMED_MAX}) [s].[app_id]"), &[bad], &joined, ""),
            keys: text("[s].[app_id]", &above, &conditions, order),
            records: text(&record, &between, &conditions, order),
        }
    }

    /// Selects the first keys above `@P1`, each once.
    fn keys(&self, max: usize) -> String {
        self.keys.replacen("SELECT ", &format!("SELECT DISTINCT TOP ({max}) "), 1)
    }
}

struct ServerReader<'a> {
    source: &'a ServerTable,
    wire: Option<Wire>,
}

impl ServerReader<'_> {
    /// Runs one query. Drops the connection if it cannot be used again.
    fn query(
        &mut self,
        text: &str,
        parameters: Vec<ColumnData<'_>>,
        each: &mut dyn FnMut(&[ColumnData<'static>]) -> Result<()>,
    ) -> std::result::Result<(), QueryError> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(&self.source.login).map_err(QueryError::Wire)?,
        };
        let outcome = wire.query(text, parameters, each);
        self.wire = wire.is_clean().then_some(wire);
        outcome
    }
}

impl Reader for ServerReader<'_> {
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>> {
        let text = self.source.queries.keys(max);
        let mut backoff = Backoff::default();
        loop {
            let mut keys = Vec::new();
            let read = self.query(&text, vec![ColumnData::I32(Some(after))], &mut |row| {
                keys.extend(row.first().and_then(key_of).and_then(|key| i32::try_from(key).ok()));
                Ok(())
            });
            match read {
                Ok(()) => return Ok(keys),
                Err(stopped) => backoff.wait(error_of(&self.source.login, stopped))?,
            };
        }
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        let (Some(&first), Some(&last)) = (keys.first(), keys.last()) else { return Ok(()) };
        let mut wanted = keys.iter().copied().peekable();
        let mut next = first;
        let mut backoff = Backoff::default();
        loop {
            let bounds = vec![ColumnData::I32(Some(next)), ColumnData::I32(Some(last))];
            let source = self.source;
            let read = self.query(&source.queries.records, bounds, &mut |row| {
                let [key, text] = row else { return Ok(()) };
                let key = key_of(key).and_then(|key| i32::try_from(key).ok());
                let Some(key) = key else { return Ok(()) };
                while wanted.next_if(|&wanted| wanted < key).is_some() {}
                // A key is wanted once, so a repeated row is dropped (contract.md 2.1).
                if wanted.next_if_eq(&key).is_some() {
                    next = key.saturating_add(1);
                    each(RawRecord { key, bytes: bytes(text) })?;
                }
                Ok(())
            });
            match read {
                Ok(()) => return Ok(()),
                Err(QueryError::Consumer(error)) => return Err(error),
                Err(stopped) => backoff.wait(error_of(&source.login, stopped))?,
            };
        }
    }
}

fn failure(login: &Login, error: &WireError) -> Error {
    let message = format!("source {}: {}", login.url, error_codes::words(error));
    Error::new(error_codes::kind(error), message)
}

fn error_of(login: &Login, error: QueryError) -> Error {
    match error {
        QueryError::Wire(error) => failure(login, &error),
        QueryError::Consumer(error) => error,
    }
}

/// Converts to an integer, also from a decimal column.
fn key_of(data: &ColumnData<'_>) -> Option<i64> {
    match data {
        ColumnData::Numeric(Some(number)) if number.dec_part() == 0 => {
            i64::try_from(number.int_part()).ok()
        }
        data => whole(data).flatten(),
    }
}

/// Bytes of the text. Validation rejects values that are not text.
fn bytes(data: &ColumnData<'_>) -> Option<Vec<u8>> {
    let cut = |bytes: &[u8]| bytes[..bytes.len().min(RECORD_BYTES_READ_MAX)].to_vec();
    match data {
        ColumnData::String(text) => text.as_ref().map(|text| cut(text.as_bytes())),
        ColumnData::Binary(bytes) => bytes.as_ref().map(|bytes| cut(bytes)),
        ColumnData::Xml(text) => text.as_ref().map(|text| cut(text.to_string().as_bytes())),
        other => whole(other).flatten().map(|number| number.to_string().into_bytes()),
    }
}

impl std::fmt::Debug for ServerTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerTable({})", self.login.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: TableNames<'_> = TableNames {
        table: "app_xml_staging",
        text_column: "app_XML",
        application_table: "application",
    };

    #[test]
    fn queries_for_records_match_the_snapshot() {
        let alone = Queries::new("migration", NAMES, false, Partition::ALL);
        let joined = Queries::new("migration", NAMES, true, Partition::new(1, 3).unwrap());
        let queries: Vec<_> = [alone, joined]
            .into_iter()
            .flat_map(|queries| {
                let keys = queries.keys(500);
                [queries.count, queries.bad_keys, keys, queries.records]
            })
            .collect();
        insta::assert_snapshot!(queries.join("\n"));
    }

    #[test]
    fn a_text_comes_as_its_bytes() {
        for (data, expected) in [
            (ColumnData::String(Some("é".into())), Some("é".as_bytes().to_vec())),
            (ColumnData::String(None), None),
            (ColumnData::Binary(Some((&[0xE9_u8][..]).into())), Some(vec![0xE9])),
            (ColumnData::I32(Some(7)), Some(b"7".to_vec())),
            (ColumnData::I32(None), None),
        ] {
            assert_eq!(bytes(&data), expected);
        }
        let long = "a".repeat(RECORD_BYTES_READ_MAX + 5);
        let cut = bytes(&ColumnData::String(Some(long.into()))).unwrap();
        assert_eq!(cut.len(), RECORD_BYTES_READ_MAX);
    }

    #[test]
    fn keys_may_be_of_any_whole_type() {
        let numeric = |value, scale| {
            ColumnData::Numeric(Some(tiberius::numeric::Numeric::new_with_scale(value, scale)))
        };
        assert_eq!(key_of(&numeric(7, 0)), Some(7));
        assert_eq!(key_of(&numeric(75, 1)), None);
        assert_eq!(key_of(&ColumnData::I16(Some(7))), Some(7));
        assert_eq!(key_of(&ColumnData::I64(None)), None);
    }
}
