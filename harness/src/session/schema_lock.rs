//! Advisory lock on a server schema, for sessions with results in one folder. Taken before the
//! schema is emptied, and released when the process exits.

use std::fs::{File, TryLockError};
use std::path::Path;

use migrator::store::mssql::url::ServerUrl;

use crate::error::{Error, Result};
use crate::results_dir::make;

/// Folder of the locks, below the results folder.
const FOLDER: &str = ".schemas";

/// Lock of this session on a schema.
#[derive(Debug)]
pub(crate) struct SchemaLock {
    place: String,
    _lock: File,
}

impl SchemaLock {
    /// Locks the schema of a URL. Fails if another session holds the lock.
    pub(crate) fn of(out: &Path, url: &ServerUrl) -> Result<Self> {
        let place = place(url);
        let folder = out.join(FOLDER);
        make(&folder)?;
        let path = folder.join(&blake3::hash(place.as_bytes()).to_hex()[..32]);
        let failed = |error| Error::caused(format!("claiming {place}"), error);
        let lock = File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { place, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::environment(format!(
                "another harness with results in {} is measuring into {place}, and every run empties \
                 it; wait for its end, or name another schema (…&schema=NAME)",
                out.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// True if this is the schema of a URL.
    pub(crate) fn is_of(&self, url: &ServerUrl) -> bool {
        self.place == place(url)
    }
}

/// Name of a schema, the same for every spelling of its URL.
fn place(url: &ServerUrl) -> String {
    let schema = url.schema.as_deref().unwrap_or_default();
    format!("schema {schema} of {}:{}/{}", url.host, url.port, url.database).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn a_schema_is_locked_for_every_spelling_of_its_url() {
        let out = tempfile::tempdir().unwrap();
        let first = SchemaLock::of(out.path(), &url("mssql://sa@here/x?schema=trials")).unwrap();
        let same = url("mssql://me@HERE:1433/X?schema=Trials&packet_size=4096");
        assert!(first.is_of(&same));
        let refused = SchemaLock::of(out.path(), &same).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        let said = refused.to_string();
        assert!(said.contains("is measuring into schema trials of here:1433/x"), "{said}");
        for other in ["mssql://sa@here/x?schema=others", "mssql://sa@there/x?schema=trials"] {
            assert!(!first.is_of(&url(other)));
            SchemaLock::of(out.path(), &url(other)).unwrap();
        }
        drop(first);
        SchemaLock::of(out.path(), &same).unwrap();
    }
}
