//! Credentials of runs on a server: the password, and the schema that they may empty. Never prints
//! a password.

use std::path::Path;

use migrator::contract::catalogue::Catalogue;
use migrator::contract::loader::APPLICATIONS;
use migrator::store::mssql::MssqlStore;
use migrator::store::mssql::setup::Recreate;
use migrator::store::mssql::url::{Password, ServerUrl};
use migrator::store::schema::{RUN_TABLE, Tables};
use migrator::store::{Role, Store as _, StoredValue};
use serde_json::Value;

use super::executor::FIXED_NOW;
use crate::error::{Error, Result};
use crate::scenario::store::SCHEMA;
use crate::scenario::{Scenario, Store};

/// Replacement for a password.
const HIDDEN: &str = "…";

/// Credentials for servers; empty if no scenario uses one.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    password: Option<Password>,
    recreate: Option<String>,
}

impl Credentials {
    /// Credentials for these scenarios: the password from the file or from `MIGRATOR_DB_PASSWORD`,
    /// and the schema that they may empty although it was not created for trials.
    ///
    /// # Errors
    ///
    /// Fails for an unnamed server, a missing password, and values that would be ignored.
    pub fn of(
        scenarios: &[Scenario],
        password_file: Option<&Path>,
        recreate: Option<&str>,
    ) -> Result<Self> {
        if let Some(scenario) = scenarios.iter().find(|scenario| !scenario.store.is_known()) {
            return Err(Error::usage(format!(
                "{} is for a SQL Server and does not say for which: name it with --store \
                 'mssql://USER@HOST/DATABASE?…'",
                scenario.name
            )));
        }
        if scenarios.iter().any(|scenario| scenario.store.is_server()) {
            let password = Password::find(password_file).map_err(|error| environment(&error))?;
            let recreate = recreate.map(str::to_owned);
            return Ok(Self { password: Some(password), recreate });
        }
        let given =
            [(password_file.is_some(), "--password-file"), (recreate.is_some(), "--recreate")];
        match given.iter().find(|(given, _)| *given) {
            Some((_, flag)) => {
                Err(Error::usage(format!("{flag} would be ignored: it belongs to mssql://")))
            }
            None => Ok(Self::default()),
        }
    }

    /// URL of a store on a server.
    pub fn url(store: &Store) -> Result<ServerUrl> {
        ServerUrl::parse(&store.url).map_err(|error| environment(&error))
    }

    /// Logs in, empties the store's schema and returns the server's version. An error that would
    /// affect every trial is reported here, before the first run.
    pub fn try_out(&self, store: &Store) -> Result<String> {
        let url = Self::url(store)?;
        let schema = url.schema.clone().unwrap_or_default();
        let password = self.password.clone().ok_or_else(|| Error::environment("no password"))?;
        let catalogue = Catalogue::shipped(APPLICATIONS).map_err(|error| environment(&error))?;
        let tables = Tables::new(&catalogue).map_err(|error| environment(&error))?;
        let server = MssqlStore::new(url, password, &catalogue.schema, tables)
            .map_err(|error| environment(&error))?;
        let told = self.recreate().map_or(Recreate::OwnSchema, Recreate::Named);
        if told == Recreate::OwnSchema && schema != SCHEMA {
            let migrated = migrated(&server).map_err(|error| environment(&error))?;
            if let Some(now) = migrated {
                return Err(Error::usage(format!(
                    "schema {schema} holds what a migration stored at {now}: take another schema \
                     for trials, or remove it with everything in it by --recreate {schema}"
                )));
            }
        }
        server.recreate(told).map_err(|error| environment(&error))?;
        Ok(server.info().version)
    }

    /// The schema that may be emptied even though it was not created for trials.
    pub(crate) fn recreate(&self) -> Option<&str> {
        self.recreate.as_deref()
    }

    /// The password, only for the environment of a process that logs in.
    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Password::reveal)
    }

    /// A text without the password.
    pub(crate) fn hidden(&self, text: &str) -> String {
        match self.password().filter(|password| !password.is_empty()) {
            Some(password) => text.replace(password, HIDDEN),
            None => text.to_owned(),
        }
    }

    /// A JSON report without the password in any of its texts. Numbers are not changed, so that a
    /// password of digits does not corrupt them.
    pub(crate) fn hidden_in_report(&self, text: String) -> String {
        let Some(password) = self.password().filter(|password| !password.is_empty()) else {
            return text;
        };
        let Ok(mut report) = serde_json::from_str::<Value>(&text) else {
            return self.hidden(&text);
        };
        if hide(&mut report, password) { report.to_string() } else { text }
    }

    /// With a password that is known.
    #[cfg(test)]
    pub(crate) fn with(password: &str) -> Self {
        Self { password: Some(Password::new(password)), recreate: None }
    }
}

/// Time at which a run other than a trial stored into these tables, if there was one. `migrator
/// init` marks the schemas of migrations and of trials alike.
fn migrated(server: &MssqlStore) -> migrator::error::Result<Option<String>> {
    if server.inspect(None)?.tables.iter().all(|table| table.name != RUN_TABLE) {
        return Ok(None);
    }
    let digits = |time: &str| {
        let digits: String = time.chars().filter(char::is_ascii_digit).collect();
        digits.trim_end_matches('0').to_owned()
    };
    let mut found = None;
    let mut connection = server.connect(Role::Untimed)?;
    connection.scan(server.tables().run, &[1], None, &mut |row| {
        if let [StoredValue::Text(now)] = row
            && digits(now) != digits(FIXED_NOW)
        {
            found = Some((*now).to_owned());
        }
        Ok(())
    })?;
    Ok(found)
}

/// True if something was hidden.
fn hide(value: &mut Value, password: &str) -> bool {
    match value {
        Value::String(text) if text.contains(password) => {
            *text = text.replace(password, HIDDEN);
            true
        }
        Value::Array(values) => hide_all(values.iter_mut(), password),
        Value::Object(fields) => {
            let named = fields.keys().any(|name| name.contains(password));
            if named {
                let renamed = std::mem::take(fields).into_iter();
                fields.extend(renamed.map(|(name, value)| (name.replace(password, HIDDEN), value)));
            }
            hide_all(fields.values_mut(), password) || named
        }
        _ => false,
    }
}

fn hide_all<'v>(values: impl Iterator<Item = &'v mut Value>, password: &str) -> bool {
    let mut found = false;
    for value in values {
        found |= hide(value, password);
    }
    found
}

fn environment(error: &migrator::error::Error) -> Error {
    Error::environment(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::shipped;

    fn scenario() -> Scenario {
        Scenario::parse(shipped("batch-size").unwrap()).unwrap()
    }

    #[test]
    fn unused_credentials_are_rejected_and_missing_ones_named() {
        let of = |url: &str, file: Option<&str>, recreate| {
            let scenario = scenario().stored_at(url).unwrap();
            let access = Credentials::of(&[scenario], file.map(Path::new), recreate);
            access.map(|access| access.recreate).map_err(|error| error.to_string())
        };
        assert_eq!(of("sqlite:", None, None), Ok(None));
        let ignored = "would be ignored: it belongs to mssql://";
        assert_eq!(of("sqlite:", Some("f"), None), Err(format!("--password-file {ignored}")));
        assert_eq!(of("sqlite:", None, Some("dbo")), Err(format!("--recreate {ignored}")));
        let error = of("mssql:", None, None).unwrap_err();
        assert!(error.contains("batch-size is for a SQL Server") && error.contains("--store"));
        let error = of("mssql://sa@db/x", Some("/nonexistent"), None).unwrap_err();
        assert!(error.contains("password file /nonexistent"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "Sesame1\n").unwrap();
        let recreate = of("mssql://sa@db/x", file.to_str(), Some("dbo")).unwrap();
        assert_eq!(recreate.as_deref(), Some("dbo"));
    }

    #[test]
    fn a_password_is_hidden_in_texts_and_names_and_never_in_a_number() {
        let access = Credentials::with("12345678");
        assert_eq!(access.hidden("-P 12345678!"), "-P …!");
        let report = r#"{"a":12345678,"b":["x 12345678"],"n12345678":{"c":"12345678"}}"#;
        let hidden = access.hidden_in_report(report.to_owned());
        assert_eq!(hidden, r#"{"a":12345678,"b":["x …"],"n…":{"c":"…"}}"#);
        // Untouched texts keep their bytes.
        let report = r#"{ "a": 12345678, "b": "x" }"#;
        assert_eq!(access.hidden_in_report(report.to_owned()), report);
        let quoted = Credentials::with("a\"b\\c");
        assert_eq!(quoted.hidden_in_report(r#"{"a":"a\"b\\c"}"#.to_owned()), r#"{"a":"…"}"#);
        assert_eq!(Credentials::default().hidden("x"), "x");
        assert!(!format!("{quoted:?}").contains("a\"b"));
    }
}
