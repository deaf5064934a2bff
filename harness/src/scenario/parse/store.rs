//! `[store]`: target of the rows, and the flush mode.

use migrator::config::Synchronous;
use serde::Deserialize;

use super::spans::{Fault, Source};
use crate::scenario::store::{FILES, Store};
use crate::scenario::suggest;

/// Its keys.
pub(super) const KEYS: &[&str] = &["url", "synchronous"];

/// The table as typed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct StoreTable {
    url: String,
    synchronous: Option<String>,
}

impl Default for StoreTable {
    fn default() -> Self {
        Self { url: FILES.into(), synchronous: None }
    }
}

/// The table, checked.
pub(super) fn store(source: &Source<'_>, table: &StoreTable) -> Result<Store, Fault> {
    let synchronous = table.synchronous.as_deref();
    if let Some(Err(message)) = synchronous.map(suggest::check::<Synchronous>) {
        return Err(source.fault_in("store", "synchronous", message));
    }
    Store::read(&table.url, synchronous)
        .map_err(|(key, message)| source.fault_in("store", key, message))
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{assert_refused, with};

    #[test]
    fn an_invalid_store_and_an_unsupported_setting_are_rejected() {
        assert_refused([
            (with("[store]\nurl = \"a.db\""), "line 7: [store] url: takes \"sqlite:\""),
            (with("[store]\nurl = \"mssql://x\""), "line 7: [store] url: expected mssql://"),
            (
                with("[store]\nurl = \"mssql:\"\nsynchronous = \"off\""),
                "line 8: [store] synchronous: would be ignored: it belongs to",
            ),
            (
                with("[store]\nsynchronous = \"no\""),
                "line 7: [store] synchronous: takes one of full",
            ),
        ]);
    }
}
