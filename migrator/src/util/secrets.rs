//! Removal of passwords from messages. Users paste connection strings of other programs, and an
//! error that repeats one would print its password.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Replaces a secret.
const HIDDEN: &str = "…";

/// Keys of ADO, ODBC and JDBC strings, of URL options and of command lines, each with its value: in
/// quotes or braces, or up to a separator.
static KEYS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let value = r#""[^"\n]*"?|'[^'\n]*'?|\{[^}\n]*\}?|[^;&\n"']*"#;
    let key = r"(?i)\b(password|passwd|passphrase|pwd|secret|access_?token)\s*=\s*";
    Regex::new(&format!("{key}(?:{value})")).ok()
});

/// `user:password@` with or without a scheme. A password may itself contain `@`, `:` and `/`. A
/// path such as `C:\a@b` is none.
static USER_INFO: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([\w.+%\\-]+):[^\s/\\]\S*@").ok());

/// `mssql://user:password/database`: a word where a port belongs.
static NO_HOST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b((?:mssql|sqlserver|tds):(?://)?[\w.%\\-]+):([^\s/?@]*[^\s/?@0-9][^\s/?@]*)")
        .ok()
});

/// The text with `…` in place of everything that could be a password.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for (pattern, replacement) in [
        (&KEYS, format!("$1={HIDDEN}")),
        (&USER_INFO, format!("$1:{HIDDEN}@")),
        (&NO_HOST, format!("$1:{HIDDEN}")),
    ] {
        let Some(pattern) = pattern.as_ref() else { continue };
        if let Cow::Owned(replaced) = pattern.replace_all(&text, replacement) {
            text = Cow::Owned(replaced);
        }
    }
    text
}

/// Name of the form of a connection string that another program would take; `None` for other texts.
pub fn foreign_connection_string(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    let has_key = |names: &[&str]| {
        lower
            .split(';')
            .filter_map(|part| part.split_once('='))
            .any(|(key, _)| names.contains(&key.trim()))
    };
    if lower.starts_with("jdbc:") {
        Some("a JDBC URL")
    } else if has_key(&["driver", "dsn"]) {
        Some("an ODBC connection string")
    } else if has_key(&["server", "data source", "address", "addr", "initial catalog"]) {
        Some("an ADO connection string")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_connection_string_keeps_its_password() {
        for text in [
            "Server=db;Database=apps;User Id=sa;Password=Sesame1",
            "Server=db;PASSWORD = Sesame1 ;Encrypt=yes",
            "Server=db;Password=\"Sesame1;2\";Encrypt=yes",
            "Server=db;Password='Sesame1 2'",
            "Driver={ODBC Driver 18 for SQL Server};Server=db;UID=sa;PWD={Sesame1;}",
            "jdbc:sqlserver://db:1433;user=sa;password=Sesame1",
            "mssql://db/x?password=Sesame1&schema=a",
            "mssql://sa:Sesame1@db/x",
            "mssql://sa:Se@same1/Sesame1@db/x",
            "sqlserver://sa:Sesame1@db:1433/x",
            "sa:Sesame1@db",
            "mssql://sa:Sesame1/x",
            "mssql:sa:Sesame1",
            "reading scenario sa:Sesame1@db (no file): try another",
            "access_token=Sesame1",
        ] {
            let shown = without_secrets(text);
            assert!(!shown.contains("esame1"), "{text} → {shown}");
            assert!(shown.contains(HIDDEN), "{text} → {shown}");
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in [
            "mssql://sa@db:1433/loans?schema=migration",
            "mssql://sa@[::1]:9/x",
            "no password for mssql://: set MIGRATOR_DB_PASSWORD or pass --password-file",
            "results/batch-size/20260131T120000Z-0123abcd: unfinished",
            "C:\\data\\records: no .xml file",
            "line 3: expected a value, found `;`",
            "password file secret.txt: No such file or directory",
            "12:30:05 phase II.1 of main@0123abcd",
            "",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }

    #[test]
    fn foreign_connection_strings_are_named() {
        for (text, name) in [
            (
                "Server=localhost\\SQLEXPRESS;Trusted_Connection=yes",
                Some("an ADO connection string"),
            ),
            ("Data Source=db;Initial Catalog=x", Some("an ADO connection string")),
            ("Driver={SQL Server};Server=db", Some("an ODBC connection string")),
            ("jdbc:sqlserver://db", Some("a JDBC URL")),
            ("sqlite:a.db", None),
            ("records", None),
            ("a=b/c", None),
        ] {
            assert_eq!(foreign_connection_string(text), name, "{text}");
        }
    }
}
