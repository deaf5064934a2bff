//! Claims of records on rows: the rows that each source record has to have. Stored in a temporary
//! file, so that memory does not grow with the migration.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorKind, Result};

/// Page cache of the temporary file, in KiB. The rest is on disk.
const CACHE_KIB: i64 = 32 * 1024;

/// Owner of the catalogue's own rows. Source keys start at 1, so 0 is free.
pub(crate) const CATALOGUE: i32 = 0;

const SCHEMA: &str = "
    CREATE TABLE claims (tab INTEGER, key BLOB, source INTEGER, certain INTEGER, hash BLOB,
        PRIMARY KEY (tab, key, source)) WITHOUT ROWID;
    CREATE TABLE duplicates (key BLOB, source INTEGER, PRIMARY KEY (key, source)) WITHOUT ROWID;
    CREATE TABLE present (key BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE logged (source INTEGER PRIMARY KEY, session INTEGER);
    CREATE TABLE batches (session INTEGER, first INTEGER, last INTEGER, number INTEGER,
        records INTEGER, PRIMARY KEY (session, first, number)) WITHOUT ROWID;
    BEGIN;";

/// A record's claim on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Record, or [`CATALOGUE`].
    pub source: i32,
    /// True if the log has the record as stored. If the log is wrong, its rows may exist.
    pub certain: bool,
    /// Hash of the row's values.
    pub hash: u128,
}

/// All claims of one verification; deleted on drop.
pub struct Claims {
    connection: Connection,
}

/// A batch of `migration_batch`. `session` is an index that the caller assigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchClaim {
    /// Index of the session.
    pub session: usize,
    /// Lowest key.
    pub first: i64,
    /// Highest key.
    pub last: i64,
    /// Number of the batch in its session.
    pub number: i64,
    /// Number of records.
    pub records: i64,
}

/// Comparison of a batch with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchCheck {
    /// The batch.
    pub batch: BatchClaim,
    /// True if the first and the last key of the batch are logged.
    pub ends_logged: bool,
    /// True if the batch starts after the previous one and has a higher number.
    pub in_order: bool,
    /// Number of records in its range that its session has logged.
    pub logged_here: i64,
    /// Number of records in its range that any session has logged.
    pub logged: i64,
}

/// A key of which records are duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateKey {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// Lowest record that is a duplicate.
    pub lowest: i32,
    /// Lowest record that is stored under the key.
    pub owner: Option<i32>,
}

impl Claims {
    /// Creates an empty set of claims.
    pub fn new() -> Result<Self> {
        // With an empty path, SQLite uses an unnamed temporary file and deletes it with the
        // connection.
        let connection = Connection::open("").map_err(failure)?;
        // Otherwise SQLite plans a look-up again for every bound value. That took a third of the
        // time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
                 PRAGMA cache_size = -{CACHE_KIB}; {SCHEMA}"
            ))
            .map_err(failure)?;
        Ok(Self { connection })
    }

    /// Adds a record's claim on a row. False if the record has already claimed the key.
    pub fn claim(&self, table: usize, key: &[u8], claim: Claim) -> Result<bool> {
        let Claim { source, certain, hash } = claim;
        self.execute(
            "INSERT OR IGNORE INTO claims VALUES (?1, ?2, ?3, ?4, ?5)",
            params![number(table), key, source, certain, hash.to_le_bytes()],
        )
        .map(|changed| changed == 1)
    }

    /// Claims on a key of a table, lowest source key first.
    pub fn claimants(&self, table: usize, key: &[u8], found: &mut Vec<Claim>) -> Result<()> {
        found.clear();
        let sql = "SELECT source, certain, hash FROM claims WHERE tab = ?1 AND key = ?2 \
                   ORDER BY source";
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        let claims = statement.query_map(params![number(table), key], |row| {
            let hash = u128::from_le_bytes(row.get(2)?);
            Ok(Claim { source: row.get(0)?, certain: row.get(1)?, hash })
        });
        for claim in claims.map_err(failure)? {
            found.push(claim.map_err(failure)?);
        }
        Ok(())
    }

    /// Number of keys of a table that must have a row.
    pub fn certain_keys(&self, table: usize) -> Result<u64> {
        let sql = "SELECT count(DISTINCT key) FROM claims WHERE tab = ?1 AND certain";
        let count: i64 =
            self.connection.query_row(sql, [number(table)], |row| row.get(0)).map_err(failure)?;
        Ok(count.unsigned_abs())
    }

    /// Clears the set of existing keys, before the next table.
    pub fn forget_present(&self) -> Result<()> {
        self.execute("DELETE FROM present", []).map(drop)
    }

    /// Adds a key to the set of existing keys.
    pub fn present(&self, key: &[u8]) -> Result<()> {
        self.execute("INSERT OR IGNORE INTO present VALUES (?1)", [key]).map(drop)
    }

    /// At most `most` keys that must have a row of this table but do not: each with the lowest
    /// record that claims it.
    pub fn missing(&self, table: usize, most: usize) -> Result<Vec<(Vec<u8>, i32)>> {
        let sql = "SELECT key, min(source) FROM claims WHERE tab = ?1 AND certain AND key NOT IN \
                   (SELECT key FROM present) GROUP BY key ORDER BY min(source) LIMIT ?2";
        self.query(sql, params![number(table), number(most)], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Records that a source record is logged as a duplicate of a key.
    pub fn duplicate(&self, key: &[u8], source: i32) -> Result<()> {
        self.execute("INSERT OR IGNORE INTO duplicates VALUES (?1, ?2)", params![key, source])
            .map(drop)
    }

    /// Passes every key that has duplicates to `each`; `table` is the table of the keys.
    pub fn duplicates(
        &self,
        table: usize,
        each: &mut dyn FnMut(&DuplicateKey) -> Result<()>,
    ) -> Result<()> {
        let sql = "SELECT key, min(source), (SELECT min(claims.source) FROM claims WHERE tab = ?1 \
                   AND claims.key = duplicates.key AND certain) FROM duplicates GROUP BY key \
                   ORDER BY min(source)";
        self.each(
            sql,
            [number(table)],
            |row| Ok(DuplicateKey { key: row.get(0)?, lowest: row.get(1)?, owner: row.get(2)? }),
            each,
        )
    }

    /// Records logged as duplicates of this key, lowest first.
    pub fn duplicates_of(&self, key: &[u8]) -> Result<Vec<i32>> {
        let sql = "SELECT source FROM duplicates WHERE key = ?1 ORDER BY source";
        self.query(sql, [key], |row| row.get(0))
    }

    /// Records that a session has logged a source record.
    pub fn logged(&self, source: i32, session: usize) -> Result<()> {
        self.execute("INSERT INTO logged VALUES (?1, ?2)", params![source, number(session)])
            .map(drop)
    }

    /// Session that has logged a record.
    pub fn session_of(&self, source: i32) -> Result<Option<usize>> {
        let sql = "SELECT session FROM logged WHERE source = ?1";
        let session: Option<i64> = self
            .connection
            .query_row(sql, [source], |row| row.get(0))
            .optional()
            .map_err(failure)?;
        Ok(session.and_then(|session| session.try_into().ok()))
    }

    /// Adds a batch.
    pub fn batch(&self, batch: BatchClaim) -> Result<()> {
        let BatchClaim { session, first, last, number: place, records } = batch;
        self.execute(
            "INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5)",
            params![number(session), first, last, place, records],
        )
        .map(drop)
    }

    /// At most `most` logged records that no batch of their session covers, and the number of all
    /// of them.
    pub fn uncovered(&self, most: usize) -> Result<(Vec<i32>, u64)> {
        let condition = "FROM logged WHERE ifnull((SELECT last FROM batches WHERE \
                         batches.session = logged.session AND first <= source \
                         ORDER BY first DESC LIMIT 1), 0) < source";
        let count: i64 = self
            .connection
            .query_row(&format!("SELECT count(*) {condition}"), [], |row| row.get(0))
            .map_err(failure)?;
        let sql = format!("SELECT source {condition} ORDER BY source LIMIT ?1");
        Ok((self.query(&sql, [number(most)], |row| row.get(0))?, count.unsigned_abs()))
    }

    /// Passes every batch, compared with the log, to `each`.
    pub fn batches(&self, each: &mut dyn FnMut(&BatchCheck) -> Result<()>) -> Result<()> {
        let sql = "SELECT session, first, last, number, records, \
            EXISTS (SELECT 1 FROM logged WHERE source = first) \
                AND EXISTS (SELECT 1 FROM logged WHERE source = last), \
            first > lag(last, 1, first - 1) OVER behind \
                AND number > lag(number, 1, number - 1) OVER behind, \
            (SELECT count(*) FROM logged WHERE source BETWEEN first AND last \
                AND logged.session = batches.session), \
            (SELECT count(*) FROM logged WHERE source BETWEEN first AND last) \
            FROM batches WINDOW behind AS (PARTITION BY session ORDER BY first, number)";
        self.each(
            sql,
            [],
            |row| {
                let session: i64 = row.get(0)?;
                Ok(BatchCheck {
                    batch: BatchClaim {
                        session: usize::try_from(session).unwrap_or_default(),
                        first: row.get(1)?,
                        last: row.get(2)?,
                        number: row.get(3)?,
                        records: row.get(4)?,
                    },
                    ends_logged: row.get(5)?,
                    in_order: row.get(6)?,
                    logged_here: row.get(7)?,
                    logged: row.get(8)?,
                })
            },
            each,
        )
    }

    fn execute(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        statement.execute(parameters).map_err(failure)
    }

    fn query<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        let rows = statement.query_map(parameters, read).map_err(failure)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failure)
    }

    fn each<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        each: &mut dyn FnMut(&T) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        for row in statement.query_map(parameters, read).map_err(failure)? {
            each(&row.map_err(failure)?)?;
        }
        Ok(())
    }
}

/// Converts an index of a vector; it always fits.
fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

fn failure(cause: rusqlite::Error) -> Error {
    Error::caused(ErrorKind::Environment, "temporary file of the verification", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(source: i32, certain: bool, hash: u128) -> Claim {
        Claim { source, certain, hash }
    }

    #[test]
    fn claimants_of_a_key_come_lowest_first() {
        let claims = Claims::new().unwrap();
        for (table, key, claimed) in [
            (1, b"a", claim(9, true, u128::MAX)),
            (1, b"a", claim(2, false, 5)),
            (1, b"b", claim(1, true, 6)),
            (2, b"a", claim(3, true, 7)),
        ] {
            assert!(claims.claim(table, key, claimed).unwrap());
        }
        assert!(!claims.claim(1, b"a", claim(9, true, 8)).unwrap());
        let mut found = vec![claim(0, true, 0)];
        claims.claimants(1, b"a", &mut found).unwrap();
        assert_eq!(found, [claim(2, false, 5), claim(9, true, u128::MAX)]);
        assert_eq!(claims.certain_keys(1).unwrap(), 2);
    }

    #[test]
    fn keys_without_a_row_are_found_with_their_lowest_certain_record() {
        let claims = Claims::new().unwrap();
        for (key, source, certain) in
            [(b"a", 4, true), (b"a", 3, true), (b"a", 2, false), (b"b", 1, true), (b"c", 5, false)]
        {
            claims.claim(1, key, claim(source, certain, 0)).unwrap();
        }
        claims.present(b"b").unwrap();
        assert_eq!(claims.missing(1, 9).unwrap(), [(b"a".to_vec(), 3)]);
        claims.forget_present().unwrap();
        assert_eq!(claims.missing(1, 1).unwrap(), [(b"b".to_vec(), 1)]);
    }

    #[test]
    fn duplicates_find_the_record_that_is_stored() {
        let claims = Claims::new().unwrap();
        claims.claim(1, b"a", claim(4, true, 0)).unwrap();
        claims.claim(1, b"b", claim(1, false, 0)).unwrap();
        for (key, source) in [(b"a", 7), (b"a", 2), (b"b", 5)] {
            claims.duplicate(key, source).unwrap();
        }
        let mut found = Vec::new();
        claims
            .duplicates(1, &mut |duplicate| {
                found.push((duplicate.key.clone(), duplicate.lowest, duplicate.owner));
                Ok(())
            })
            .unwrap();
        assert_eq!(found, [(b"a".to_vec(), 2, Some(4)), (b"b".to_vec(), 5, None)]);
        assert_eq!(claims.duplicates_of(b"a").unwrap(), [2, 7]);
    }

    fn batch(first: i64, last: i64, number: i64, records: i64) -> BatchClaim {
        BatchClaim { session: 0, first, last, number, records }
    }

    fn logged(claims: &Claims, session: usize, sources: &[i32]) {
        for &source in sources {
            claims.logged(source, session).unwrap();
        }
    }

    #[test]
    fn records_that_no_batch_covers_are_found() {
        let claims = Claims::new().unwrap();
        logged(&claims, 0, &[1, 2, 5, 8]);
        logged(&claims, 1, &[3]);
        claims.batch(batch(1, 4, 0, 2)).unwrap();
        claims.batch(batch(7, 8, 1, 1)).unwrap();
        assert_eq!(claims.uncovered(9).unwrap(), (vec![3, 5], 2));
        assert_eq!(claims.uncovered(1).unwrap(), (vec![3], 2));
        assert_eq!(claims.session_of(3).unwrap(), Some(1));
        assert_eq!(claims.session_of(4).unwrap(), None);
    }

    #[test]
    fn batches_are_compared_with_the_log() {
        let claims = Claims::new().unwrap();
        logged(&claims, 0, &[1, 2, 6]);
        logged(&claims, 1, &[3, 4]);
        for batch in [batch(1, 3, 0, 3), batch(3, 5, 1, 2), batch(6, 6, 1, 1)] {
            claims.batch(batch).unwrap();
        }
        let mut found = Vec::new();
        claims
            .batches(&mut |check| {
                let BatchCheck { batch, ends_logged, in_order, logged_here, logged } = *check;
                found.push((batch.first, ends_logged, in_order, logged_here, logged));
                Ok(())
            })
            .unwrap();
        assert_eq!(found, [(1, true, true, 2, 3), (3, false, false, 0, 2), (6, true, false, 1, 1)]);
    }
}
