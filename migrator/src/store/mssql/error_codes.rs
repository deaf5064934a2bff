//! Classification of errors of the server and the connection.
//!
//! | numbers | meaning | reaction |
//! |---|---|---|
//! | 2627, 2601 | a key that another row has | find the record |
//! | 547 | a missing parent row, or a check | find the record |
//! | 515 | null in a column that does not allow it | find the record |
//! | 8152, 2628, 245, 8114, 8115, 220, …, 48xx of bulk loads, unknown numbers | other data | find the record |
//! | 1205 | deadlock victim | retry the transaction, after milliseconds |
//! | 1222, 1204 | no lock in time, no memory for one | retry the transaction |
//! | 3960, … | snapshot conflict | retry the transaction |
//! | 9002, 1105, 701, …, the transient ones of Azure, class 17 to 19 | out of service or resources | retry later, on another connection |
//! | 3902, 3903, 3930, 3998, …, class 20 and above, I/O errors | transaction or connection lost | retry on another connection |
//! | 208, 207, 229, 18456, …, class 14 and 15 | schema, permission, login, syntax | stop |
//!
//! Not every server uses SQL Server's numbers for everything. An unknown number is treated as a
//! data error if the statement carried rows. Otherwise it stops the run.

use tiberius::error::Error as WireError;

use crate::contract::catalogue::Table;
use crate::error::ErrorKind;

use super::super::{Rule, Violation};
use super::ddl;

/// Severity from which the server closes the connection.
const FATAL_CLASS: u8 = 20;

/// Subject of a server error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A row.
    Data(Rule),
    /// Not a row; the kind decides the reaction.
    Kind(ErrorKind),
    /// A row, if the statement carried one.
    Unknown,
}

/// An error sent by the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerError<'a> {
    /// Error number.
    pub number: u32,
    /// Severity, up to 25.
    pub class: u8,
    /// Message text.
    pub message: &'a str,
}

/// The error as sent by the server. `None` if the client or the connection failed.
pub(crate) fn server_error(error: &WireError) -> Option<ServerError<'_>> {
    let WireError::Server(token) = error else { return None };
    let (number, class, message) = (token.code(), token.class(), token.message());
    Some(ServerError { number, class, message })
}

/// Message of an error, without the server's name.
pub(crate) fn words(error: &WireError) -> String {
    match server_error(error) {
        Some(ServerError { number, message, .. }) => format!("{message} (error {number})"),
        None => error.to_string(),
    }
}

/// True if the connection is usable after this error: the server has answered and not hung up.
pub(crate) fn leaves_clean(error: &WireError) -> bool {
    server_error(error).is_some_and(|error| error.class < FATAL_CLASS)
}

/// True if the client rejected a value and sent nothing of it.
pub(crate) fn is_unsent(error: &WireError) -> bool {
    matches!(error, WireError::BulkInput(_) | WireError::Encoding(_) | WireError::Conversion(_))
}

/// Kind of an error of a statement without rows, or of one that is not about its rows.
pub(crate) fn kind(error: &WireError) -> ErrorKind {
    match (server_error(error).map(cause), error) {
        (Some(Cause::Kind(kind)), _) => kind,
        (None, WireError::Io { .. } | WireError::Protocol(_)) => ErrorKind::Disconnected,
        _ => ErrorKind::Environment,
    }
}

/// The violation behind a failed INSERT. `None` if the error is not about a row.
pub(crate) fn violation(error: &WireError, table: &Table) -> Option<Violation> {
    match error {
        WireError::Server(_) => server_error(error).and_then(|error| refusal(error, table)),
        _ if is_unsent(error) => {
            let message = error.to_string();
            let (rule, columns) = (Rule::Other, Vec::new());
            Some(Violation { rule, columns, message, ended_transaction: false })
        }
        _ => None,
    }
}

fn refusal(error: ServerError<'_>, table: &Table) -> Option<Violation> {
    let rule = match cause(error) {
        Cause::Data(rule) => rule,
        Cause::Unknown => Rule::Other,
        Cause::Kind(_) => return None,
    };
    let columns = match rule {
        Rule::Key => key_columns(error.message, table),
        Rule::NotNull | Rule::Other => column_in(error.message, table).into_iter().collect(),
        Rule::Reference => Vec::new(),
    };
    let message = error.message.to_owned();
    Some(Violation { rule, columns, message, ended_transaction: false })
}

fn cause(error: ServerError<'_>) -> Cause {
    if error.class >= FATAL_CLASS {
        return Cause::Kind(named_kind(error.number).unwrap_or(ErrorKind::Disconnected));
    }
    match error.number {
        2627 | 2601 => Cause::Data(Rule::Key),
        547 if error.message.contains("CHECK") => Cause::Data(Rule::Other),
        547 => Cause::Data(Rule::Reference),
        515 => Cause::Data(Rule::NotNull),
        220 | 232 | 241 | 242 | 244 | 245 | 248 | 295 | 296 | 2628 | 8114 | 8115 | 8152 => {
            Cause::Data(Rule::Other)
        }
        // A bulk load whose format the server rejects. As parameters its rows may be accepted.
        4804 | 4815 | 4816 | 4819 | 4839 | 4863 | 4864 | 7339 => Cause::Data(Rule::Other),
        number => named_kind(number).map_or_else(
            || match error.class {
                17..=19 => Cause::Kind(ErrorKind::Unavailable),
                14 | 15 => Cause::Kind(ErrorKind::Environment),
                _ => Cause::Unknown,
            },
            Cause::Kind,
        ),
    }
}

/// Kind of a number that is not about a row.
fn named_kind(number: u32) -> Option<ErrorKind> {
    Some(match number {
        1205 => ErrorKind::Deadlock,
        1204 | 1222 => ErrorKind::Busy,
        3951 | 3960 | 3961 | 41_301 | 41_302 | 41_305 | 41_325 | 41_839 => ErrorKind::Conflict,
        615
        | 701
        | 802
        | 926
        | 945
        | 997
        | 1101
        | 1105
        | 4060
        | 4221
        | 6005
        | 8645
        | 8651
        | 9002
        | 10_928
        | 10_929
        | 17_142
        | 40_143
        | 40_197
        | 40_501
        | 40_540
        | 40_613
        | 42_108
        | 42_109
        | 49_918..=49_920 => ErrorKind::Unavailable,
        266 | 3902 | 3903 | 3910 | 3930 | 3971 | 3988 | 3989 | 3998 => ErrorKind::Disconnected,
        102
        | 156
        | 207
        | 208
        | 213
        | 229
        | 230
        | 262
        | 297
        | 300
        | 544
        | 545
        | 911
        | 916
        | 1088
        | 2812
        | 8003
        | 8106
        | 8107
        | 18_456
        | 18_470
        | 18_486..=18_488 => ErrorKind::Environment,
        _ => return None,
    })
}

/// Columns of the key that the message names, or of the table's only key.
fn key_columns(message: &str, table: &Table) -> Vec<String> {
    let message = message.to_lowercase();
    let mut keys = vec![(ddl::primary_key(table), &table.primary_key)];
    keys.extend(
        table
            .unique
            .iter()
            .enumerate()
            .map(|(place, columns)| (ddl::unique_key(table, place), columns)),
    );
    // The longest name wins: one name may be a prefix of another.
    let named = keys
        .iter()
        .filter(|(name, _)| message.contains(&name.to_lowercase()))
        .max_by_key(|(name, _)| name.len());
    let columns = match (named, &table.unique[..]) {
        (Some((_, columns)), _) => columns,
        // A table from another source has other key names.
        (None, []) => &table.primary_key,
        (None, _) if message.contains("primary key") => &table.primary_key,
        (None, [only]) if message.contains("unique") => only,
        (None, _) => return Vec::new(),
    };
    columns.iter().map(|&place| table.columns[place].name.clone()).collect()
}

/// Column that the message quotes after the word `column`.
fn column_in(message: &str, table: &Table) -> Option<String> {
    let (_, rest) = message.split_once("column ")?;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = rest[1..].split(quote).next()?;
    let column = table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))?;
    Some(column.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::catalogue::Catalogue;

    const CATALOGUE: &str = r#"{"schema": "s", "tables": [
        {"name": "people", "primary_key": ["id"], "unique": [["id", "kind"]], "columns": [
            {"name": "id", "type": "int", "nullable": false},
            {"name": "kind", "type": "int", "nullable": false},
            {"name": "name", "type": "varchar(5)", "nullable": false}]}]}"#;

    fn table() -> Table {
        Catalogue::parse(CATALOGUE, "test").unwrap().tables.remove(0)
    }

    fn refused(number: u32, class: u8, message: &str) -> Option<(Rule, Vec<String>)> {
        let error = ServerError { number, class, message };
        refusal(error, &table()).map(|violation| (violation.rule, violation.columns))
    }

    #[test]
    fn violations_have_their_constraint_and_columns() {
        let key = "Violation of PRIMARY KEY constraint 'PK_people'. Cannot insert duplicate key in \
                   object 's.people'. The duplicate key value is (1).";
        let unique = "Violation of UNIQUE KEY constraint 'UQ_people_1'. Cannot insert …";
        let index = "Cannot insert duplicate key row in object 's.people' with unique index 'own'";
        let other = "duplicate key value violates unique constraint \"uq_people_1_ab12\"";
        let null = "Cannot insert the value NULL into column 'name', table 'd.s.people'; column \
                    does not allow nulls. INSERT fails.";
        let other_null = "null value in column \"name\" violates not-null constraint";
        let long = "String or binary data would be truncated in table 'd.s.people', column 'name'. \
                    Truncated value: 'abcde'.";
        let reference = "The INSERT statement conflicted with the FOREIGN KEY constraint \"FK_x\". \
                         The conflict occurred in database \"d\", table \"s.t\", column 'id'.";
        let check = "The INSERT statement conflicted with the CHECK constraint \"CK\". …";
        let (id, both) = (vec!["id"], vec!["id", "kind"]);
        for (number, message, rule, columns) in [
            (2627, key, Rule::Key, id.clone()),
            (2627, unique, Rule::Key, both.clone()),
            (2601, index, Rule::Key, both.clone()),
            (2627, other, Rule::Key, both),
            (2627, "Violation of PRIMARY KEY constraint 'PK_people_id'", Rule::Key, id),
            (2627, "a key is there twice", Rule::Key, vec![]),
            (515, null, Rule::NotNull, vec!["name"]),
            (515, other_null, Rule::NotNull, vec!["name"]),
            (547, reference, Rule::Reference, vec![]),
            (547, check, Rule::Other, vec![]),
            (2628, long, Rule::Other, vec!["name"]),
            (8152, "String or binary data would be truncated.", Rule::Other, vec![]),
            (4816, "Invalid column type from bcp client for colid 1.", Rule::Other, vec![]),
            (33_557_097, "whatever another server says", Rule::Other, vec![]),
        ] {
            let columns = columns.into_iter().map(str::to_owned).collect();
            assert_eq!(refused(number, 16, message), Some((rule, columns)), "{number} {message}");
        }
    }

    #[test]
    fn errors_that_concern_no_row_have_their_kind() {
        for (number, class, kind) in [
            (1205, 13, ErrorKind::Deadlock),
            (1222, 16, ErrorKind::Busy),
            (3960, 16, ErrorKind::Conflict),
            (40_501, 20, ErrorKind::Unavailable),
            (40_501, 16, ErrorKind::Unavailable),
            (9002, 17, ErrorKind::Unavailable),
            (50_001, 18, ErrorKind::Unavailable),
            (3902, 16, ErrorKind::Disconnected),
            (596, 21, ErrorKind::Disconnected),
            (208, 16, ErrorKind::Environment),
            (18_456, 14, ErrorKind::Environment),
            (4064, 14, ErrorKind::Environment),
            (156, 15, ErrorKind::Environment),
        ] {
            let error = ServerError { number, class, message: "" };
            assert_eq!(cause(error), Cause::Kind(kind), "{number}");
            assert_eq!(refused(number, class, ""), None, "{number}");
        }
    }

    #[test]
    fn a_network_error_requires_another_connection() {
        let broken = WireError::Io { kind: std::io::ErrorKind::BrokenPipe, message: String::new() };
        for error in [broken, WireError::Protocol("cancelled write".into())] {
            assert_eq!(kind(&error), ErrorKind::Disconnected);
            assert!(!leaves_clean(&error) && violation(&error, &table()).is_none());
        }
        let tls = WireError::Tls("certificate".into());
        assert_eq!(kind(&tls), ErrorKind::Environment);
        let unsent = WireError::BulkInput("too long".into());
        assert_eq!(violation(&unsent, &table()).unwrap().rule, Rule::Other);
    }
}
