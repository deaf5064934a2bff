//! Resolves arguments to the contract, catalogue, source and store of a verb.

use std::path::{Path, PathBuf};

use crate::cli::args::{ContractArgs, ServerArgs};
use crate::config::Synchronous;
use crate::contract::catalogue::Catalogue;
use crate::contract::lint::words::nearest;
use crate::contract::loader::{APPLICATIONS, BuiltinContract, SHIPPED, refusal, text_of};
use crate::contract::model::Contract;
use crate::contract::syntax::ContractSyntax;
use crate::error::{Error, Result};
use crate::source::location::Location;
use crate::source::table::TableNames;
use crate::store::Store;
use crate::store::introspect;
use crate::store::introspect::Inspection;
use crate::store::mssql::MssqlStore;
use crate::store::mssql::url::{Password, ServerUrl};
use crate::store::schema::Tables;
use crate::store::sqlite::SqliteStore;
use crate::util::secrets::{foreign_connection_string, without_secrets};

/// Value of `--contract`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContractRef<'a> {
    /// A file.
    File(&'a Path),
    /// A built-in contract.
    Builtin(BuiltinContract),
}

impl<'a> ContractRef<'a> {
    /// A plain word that is not a file names a built-in contract.
    fn of(contract: Option<&'a Path>) -> Result<Self> {
        let Some(path) = contract else { return Ok(Self::Builtin(APPLICATIONS)) };
        let is_word = path.components().count() == 1 && path.extension().is_none();
        let written = path.to_string_lossy();
        if path.is_file() || !is_word || written.contains(std::path::is_separator) {
            return if path.exists() { Ok(Self::File(path)) } else { Err(no_file(path)) };
        }
        let known = SHIPPED.into_iter().find(|shipped| shipped.name == written);
        known.map(Self::Builtin).ok_or_else(|| no_file(path))
    }

    fn text(self) -> Result<(String, String)> {
        match self {
            Self::File(path) => Ok((path.display().to_string(), text_of(path)?)),
            Self::Builtin(shipped) => Ok((shipped.name.to_owned(), shipped.contract.to_owned())),
        }
    }
}

/// Error for a contract that is neither a file nor built in, with a suggestion.
fn no_file(path: &Path) -> Error {
    let names = SHIPPED.map(|shipped| shipped.name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let ships = match nearest(&stem, names) {
        Some(name) => format!("did you mean the built-in contract --contract {name}?"),
        None => format!("the built-in contracts are {}", names.join(" and ")),
    };
    Error::usage(format!("--contract {}: no such file; {ships}", path.display()))
}

/// The contract of the command line, or the default contract.
pub(super) fn contract(named: Option<&Path>) -> Result<Contract> {
    match ContractRef::of(named)? {
        ContractRef::File(path) => Contract::load(path),
        ContractRef::Builtin(shipped) => Contract::shipped(shipped),
    }
}

/// Loads a contract file and its catalogue, or built-in ones.
pub(super) fn load(args: &ContractArgs) -> Result<(Contract, Catalogue)> {
    Ok((contract(args.contract.as_deref())?, catalogue(args)?))
}

/// The contract as written and as compiled.
pub(super) fn read_contract(args: &ContractArgs) -> Result<(ContractSyntax, Contract)> {
    let (name, text) = contract_text(args)?;
    Contract::read(&text).map_err(|faults| refusal(&name, &faults))
}

/// Name and text of the contract.
pub(super) fn contract_text(args: &ContractArgs) -> Result<(String, String)> {
    ContractRef::of(args.contract.as_deref())?.text()
}

fn catalogue(args: &ContractArgs) -> Result<Catalogue> {
    match (tables_path(args)?, ContractRef::of(args.contract.as_deref())?) {
        (Some(path), _) => Catalogue::load(&path),
        (None, ContractRef::Builtin(shipped)) => Catalogue::shipped(shipped),
        (None, ContractRef::File(path)) => Catalogue::load(&Catalogue::beside(path)),
    }
}

/// The catalogue, for verbs that work without one. A contract file need not have a catalogue next
/// to it, but one that is given must exist.
pub(super) fn optional_catalogue(args: &ContractArgs) -> Result<Option<Catalogue>> {
    match tables_path(args)? {
        Some(path) if args.tables.is_none() && !path.exists() => Ok(None),
        _ => catalogue(args).map(Some),
    }
}

/// `--tables`, or else `<contract>.tables.json` next to the contract. `None` for a built-in
/// contract.
pub(super) fn tables_path(args: &ContractArgs) -> Result<Option<PathBuf>> {
    Ok(match (&args.tables, ContractRef::of(args.contract.as_deref())?) {
        (Some(path), _) => Some(path.clone()),
        (None, ContractRef::File(path)) => Some(Catalogue::beside(path)),
        (None, ContractRef::Builtin(_)) => None,
    })
}

/// Rejects a generated source if the default contract would reject all of its records. If the
/// command line names the contract, returns a warning instead.
///
/// # Errors
/// Names the contract to use.
pub(super) fn fits(
    location: &Location,
    args: &ContractArgs,
    contract: &Contract,
) -> Result<Option<String>> {
    let Location::Synthetic(spec) = location else { return Ok(None) };
    let meant = spec.product.contract();
    let (makes, takes) =
        (Contract::shipped(meant)?.source_application_table, &contract.source_application_table);
    if makes == *takes {
        return Ok(None);
    }
    let clash = format!("the source generates records of {makes}, but the contract maps {takes}");
    if args.contract.is_none() {
        return Err(Error::usage(format!("{clash}: add --contract {}", meant.name)));
    }
    Ok(Some(format!("{clash}: every record is rejected")))
}

/// Names of the source table and its columns.
pub(super) fn source_names(contract: &Contract) -> TableNames<'_> {
    TableNames {
        table: &contract.source_table,
        text_column: &contract.source_column,
        application_table: &contract.source_application_table,
    }
}

/// Indices of the contract's tables in insertion order (contract.md 14.1), as the store numbers
/// them. Skips tables that are not in the catalogue: coerce rejects those by name.
pub(super) fn insertion_order(contract: &Contract, tables: &Tables) -> Vec<usize> {
    contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect()
}

/// Tables that exist in the store. With the tables of the catalogue, also the differences.
pub(super) fn inspect(
    store: &str,
    server: &ServerArgs,
    catalogue: Option<&Catalogue>,
    wanted: Option<&Tables>,
) -> Result<Inspection> {
    match store_location(store, server)? {
        StoreLocation::Sqlite(path) => introspect::sqlite(path, wanted),
        StoreLocation::Mssql(url) => {
            let none = Catalogue { schema: "dbo".to_owned(), tables: Vec::new() };
            let store = mssql(url, server, catalogue.unwrap_or(&none))?;
            store.inspect(wanted)
        }
    }
}

/// Value of `--store`.
pub(super) enum StoreLocation<'a> {
    /// A file.
    Sqlite(&'a Path),
    /// A server.
    Mssql(ServerUrl),
}

/// Rejects server flags if no location is on a server.
pub(super) fn reject_unused(server: &ServerArgs, places: &[&str]) -> Result<()> {
    if places.iter().any(|place| place.starts_with("mssql:")) {
        return Ok(());
    }
    let given = [
        ("--password-file", server.password_file.is_some()),
        ("--schema", server.schema.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Error::usage(format!(
            "{flag} would be ignored: it needs a source or store at mssql://"
        ))),
        None => Ok(()),
    }
}

/// Parses the text of `--store`. An error does not repeat text that may hold a password.
pub(super) fn store_location<'a>(store: &'a str, server: &ServerArgs) -> Result<StoreLocation<'a>> {
    if store.starts_with("mssql:") {
        let url = ServerUrl::parse(store)?.with_schema(server.schema.as_deref());
        return Ok(StoreLocation::Mssql(url));
    }
    match store.strip_prefix("sqlite:") {
        Some(_) if server.schema.is_some() => {
            Err(Error::usage("--schema would be ignored: it needs a store at mssql://"))
        }
        Some(path) if !path.is_empty() => Ok(StoreLocation::Sqlite(Path::new(path))),
        _ => {
            let given = foreign_connection_string(store)
                .map_or_else(|| without_secrets(store).into_owned(), |form| format!("is {form}"));
            Err(Error::usage(format!(
                "--store {given}: expected sqlite:PATH or mssql://user@host:port/database?…"
            )))
        }
    }
}

impl StoreLocation<'_> {
    /// Creates the store. Connects only if the store has to read settings first.
    pub(super) fn store(
        self,
        server: &ServerArgs,
        synchronous: Synchronous,
        catalogue: &Catalogue,
    ) -> Result<Box<dyn Store>> {
        let tables = Tables::new(catalogue)?;
        Ok(match self {
            Self::Sqlite(path) => Box::new(SqliteStore::new(path, synchronous, tables)?),
            Self::Mssql(url) => Box::new(mssql(url, server, catalogue)?),
        })
    }
}

/// Creates a store on a server.
pub(super) fn mssql(
    url: ServerUrl,
    server: &ServerArgs,
    catalogue: &Catalogue,
) -> Result<MssqlStore> {
    let password = Password::find(server.password_file.as_deref())?;
    MssqlStore::new(url, password, &catalogue.schema, Tables::new(catalogue)?)
}

/// Parses `--source` and adds the settings of a server.
pub(super) fn source_location(
    source: &str,
    contract: &Contract,
    server: &ServerArgs,
) -> Result<Location> {
    let location = Location::parse(source)?;
    Ok(location.with_server(&contract.target_schema, server.password_file.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_store_shows_its_kind_and_no_password() {
        let server = ServerArgs::default();
        let sqlite = store_location("sqlite:a.db", &server).unwrap();
        assert!(matches!(sqlite, StoreLocation::Sqlite(path) if path == Path::new("a.db")));
        let own = ServerArgs { schema: Some("own".into()), password_file: None };
        let StoreLocation::Mssql(url) = store_location("mssql://sa@db/x?schema=y", &own).unwrap()
        else {
            panic!()
        };
        assert_eq!(url.schema.as_deref(), Some("own"));
        assert!(store_location("sqlite:a.db", &own).is_err());
        for text in ["", "sqlite:", "a.db", "mysql://sa:Sesame1@db/x", "mssql://sa:Sesame1@db/x"] {
            let error = store_location(text, &server).err().unwrap().to_string();
            assert!(!error.contains("Sesame1"), "{error}");
        }
    }

    #[test]
    fn the_catalogue_is_searched_beside_its_contract() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cc.json");
        std::fs::write(&file, "{}").unwrap();
        let beside = folder.path().join("cc.tables.json");
        for (contract, tables, path) in [
            (None, None, None),
            (Some("loans".into()), None, None),
            (Some(file.clone()), None, Some(beside)),
            (Some(file), Some("b.json"), Some("b.json".into())),
            (Some("loans".into()), Some("b.json"), Some("b.json".into())),
            (None, Some("b.json"), Some("b.json".into())),
        ] {
            let args = ContractArgs { contract, tables: tables.map(Into::into) };
            assert_eq!(tables_path(&args).unwrap(), path);
        }
    }

    #[test]
    fn a_word_that_is_not_a_file_names_a_shipped_contract() {
        for (written, name) in [
            (None, "applications"),
            (Some("applications"), "applications"),
            (Some("loans"), "loans"),
        ] {
            let ContractRef::Builtin(shipped) = ContractRef::of(written.map(Path::new)).unwrap()
            else {
                panic!("{written:?}")
            };
            assert_eq!(shipped.name, name);
        }
    }

    #[test]
    fn a_missing_contract_is_reported_with_a_suggestion() {
        for (written, expected) in [
            ("laons", "no such file; did you mean the built-in contract --contract loans"),
            ("somewhere/loans.json", "did you mean the built-in contract --contract loans"),
            ("./loans", "did you mean the built-in contract --contract loans"),
            ("applications.json", "did you mean the built-in contract --contract applications"),
            ("mortgages", "the built-in contracts are applications and loans"),
            ("", "no such file"),
        ] {
            let error = ContractRef::of(Some(Path::new(written))).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(expected), "{written}: {error}");
        }
    }
}
