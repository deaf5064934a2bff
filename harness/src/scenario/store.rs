//! `[store]`: target of a trial's rows: a new file, or a server schema that is emptied before each
//! trial.

use migrator::store::mssql::url::ServerUrl;
use serde::{Deserialize, Serialize};

/// Every trial gets a fresh file.
pub(crate) const FILES: &str = "sqlite:";

/// Placeholder for a SQL Server that the command line names, because a shared scenario cannot.
pub(crate) const ANY_SERVER: &str = "mssql:";

/// The schema for a server URL without one: it exists only for trials.
pub(crate) const SCHEMA: &str = "sweetspot";

/// Default of `synchronous`.
const SYNCHRONOUS: &str = "full";

/// Target of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// [`FILES`], [`ANY_SERVER`], or the URL of a database on a server, with the schema that is
    /// emptied before each trial. The URL has no password, because the migrator rejects one there.
    pub url: String,
    /// Value for `migrator run --synchronous`; `None` for a server, which has no such setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synchronous: Option<String>,
}

/// Error of a store: the key, and the values that it takes.
pub(super) type StoreFault = (&'static str, String);

impl Store {
    /// Parses a scenario's store. Rejects a setting that would be ignored.
    pub(super) fn read(url: &str, synchronous: Option<&str>) -> Result<Self, StoreFault> {
        let url = resolved(url).map_err(|message| ("url", message))?;
        let synchronous = match (url == FILES, synchronous) {
            (true, said) => Some(said.unwrap_or(SYNCHRONOUS).to_owned()),
            (false, None) => None,
            (false, Some(_)) => {
                let message = format!("would be ignored: it belongs to url = \"{FILES}\"");
                return Err(("synchronous", message));
            }
        };
        Ok(Self { url, synchronous })
    }

    /// A fresh file for every run, flushed as usual.
    pub fn files() -> Self {
        Self { url: FILES.to_owned(), synchronous: Some(SYNCHRONOUS.to_owned()) }
    }

    /// The store of the command line in place of this one. The flush mode does not apply to a
    /// server, so a value other than the default is rejected.
    pub(super) fn moved(&self, url: &str) -> Result<Self, String> {
        let url = resolved(url)?;
        match self.synchronous.as_deref() {
            Some(said) if url == FILES => Ok(Self { url, synchronous: Some(said.to_owned()) }),
            Some(said) if said != SYNCHRONOUS => {
                Err(format!("the scenario's synchronous = \"{said}\" would be ignored by a server"))
            }
            _ if url == FILES => Ok(Self::files()),
            _ => Ok(Self { url, synchronous: None }),
        }
    }

    /// True if the target is a server.
    pub fn is_server(&self) -> bool {
        self.url != FILES
    }

    /// True if the server is named.
    pub fn is_known(&self) -> bool {
        self.url != ANY_SERVER
    }

    /// The same plan without the server's name.
    #[must_use]
    pub fn on_any_server(&self) -> Self {
        let url = if self.is_server() { ANY_SERVER } else { FILES };
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// True if `synchronous` differs from the default.
    pub(super) fn flushes_otherwise(&self) -> bool {
        self.synchronous.as_deref().is_some_and(|said| said != SYNCHRONOUS)
    }
}

/// A server's URL with its schema filled in, so that all readers use the same one.
fn resolved(url: &str) -> Result<String, String> {
    if url == FILES || url == ANY_SERVER {
        return Ok(url.to_owned());
    }
    if !url.starts_with(ANY_SERVER) {
        return Err(format!(
            "takes \"{FILES}\" without a path, where every run gets a fresh file, \"{ANY_SERVER}\" \
             for the server that --store names, or mssql://user@host:port/database?…"
        ));
    }
    let server = ServerUrl::parse(url).map_err(|error| error.to_string())?;
    if server.schema.is_some() {
        return Ok(url.to_owned());
    }
    let joint = match url.split_once('?') {
        None => "?",
        Some((_, options)) if options.is_empty() || options.ends_with('&') => "",
        Some(_) => "&",
    };
    Ok(format!("{url}{joint}schema={SCHEMA}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, synchronous: Option<&str>) -> Result<Store, String> {
        Store::read(url, synchronous).map_err(|(key, message)| format!("{key}: {message}"))
    }

    #[test]
    fn a_server_url_always_contains_its_schema() {
        for (url, resolved) in [
            ("mssql://sa@db/x", "mssql://sa@db/x?schema=sweetspot"),
            ("mssql://sa@db/x?", "mssql://sa@db/x?schema=sweetspot"),
            ("mssql://sa@db/x?trust_cert=true", "mssql://sa@db/x?trust_cert=true&schema=sweetspot"),
            (
                "mssql://sa@db/x?trust_cert=true&",
                "mssql://sa@db/x?trust_cert=true&schema=sweetspot",
            ),
            ("mssql://sa@db/x?schema=own", "mssql://sa@db/x?schema=own"),
            ("mssql:", "mssql:"),
        ] {
            let store = read(url, None).unwrap();
            assert_eq!((store.url.as_str(), store.synchronous.as_deref()), (resolved, None));
            assert!(store.is_server());
            assert_eq!(store.on_any_server().url, ANY_SERVER);
        }
        let files = read("sqlite:", None).unwrap();
        assert_eq!(files.synchronous.as_deref(), Some("full"));
        assert_eq!(files.on_any_server(), files);
    }

    #[test]
    fn an_invalid_store_is_rejected_without_showing_its_password() {
        for (url, synchronous, expected) in [
            ("sqlite:a.db", None, "url: takes \"sqlite:\" without a path"),
            ("mysql://sa@db/x", None, "url: takes \"sqlite:\""),
            ("mssql://x", None, "url: expected mssql://"),
            ("mssql://sa@db/x?pooling=true", None, "url: mssql://: unknown option"),
            ("mssql://sa:Sesame1@db/x", None, "url: mssql://: the URL must not contain a password"),
            ("mssql://sa@db/x", Some("full"), "synchronous: would be ignored: it belongs to"),
            ("mssql:", Some("off"), "synchronous: would be ignored"),
        ] {
            let fault = read(url, synchronous).unwrap_err();
            assert!(fault.starts_with(expected) && !fault.contains("Sesame1"), "{url}: {fault}");
        }
    }

    #[test]
    fn a_command_cannot_be_combined_with_ignored_store_settings() {
        let to = |url: &str, synchronous, there: &str| {
            read(url, synchronous).unwrap().moved(there).map(|store| store.synchronous)
        };
        assert_eq!(to("mssql:", None, "mssql://sa@db/x"), Ok(None));
        assert_eq!(to("mssql:", None, "sqlite:"), Ok(Some("full".into())));
        assert_eq!(to("sqlite:", Some("full"), "mssql://sa@db/x"), Ok(None));
        assert_eq!(to("sqlite:", Some("off"), "sqlite:"), Ok(Some("off".into())));
        let fault = to("sqlite:", Some("off"), "mssql://sa@db/x").unwrap_err();
        assert!(fault.contains("synchronous = \"off\" would be ignored"), "{fault}");
    }
}
