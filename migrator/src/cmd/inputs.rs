//! The contract and the catalogue that a verb works with, from files or from the program itself.

use std::path::{Path, PathBuf};

use crate::args::{ContractArgs, ServerArgs};
use crate::config::Synchronous;
use crate::contract::catalogue::Catalogue;
use crate::contract::draft::Draft;
use crate::contract::load::{EMBEDDED, refusal, text_of};
use crate::contract::model::Contract;
use crate::error::{Error, Result};
use crate::source::location::Location;
use crate::source::table::TableNames;
use crate::store::Store;
use crate::store::mssql::MssqlStore;
use crate::store::mssql::url::{Password, ServerUrl};
use crate::store::schema::Tables;
use crate::store::sqlite::SqliteStore;

/// Loads the contract and the catalogue beside it, or those that ship with the program.
pub(super) fn load(args: &ContractArgs) -> Result<(Contract, Catalogue)> {
    let contract = match &args.contract {
        Some(path) => Contract::load(path)?,
        None => Contract::embedded()?,
    };
    let catalogue = match tables_path(args) {
        Some(path) => Catalogue::load(&path)?,
        None => Catalogue::embedded()?,
    };
    Ok((contract, catalogue))
}

/// The contract as written and as compiled, from a file or from the program itself.
pub(super) fn read_contract(args: &ContractArgs) -> Result<(Draft, Contract)> {
    let (name, text) = contract_text(args)?;
    Contract::read(&text).map_err(|faults| refusal(&name, &faults))
}

/// The contract's name and text.
pub(super) fn contract_text(args: &ContractArgs) -> Result<(String, String)> {
    match &args.contract {
        Some(path) => Ok((path.display().to_string(), text_of(path)?)),
        None => Ok(("the contract that ships".to_owned(), EMBEDDED.to_owned())),
    }
}

/// The catalogue, for verbs that can do without: a contract need not have one beside it, but one
/// that is named must be there.
pub(super) fn catalogue_if_there(args: &ContractArgs) -> Result<Option<Catalogue>> {
    match tables_path(args) {
        None => Catalogue::embedded().map(Some),
        Some(path) if args.tables.is_none() && !path.exists() => Ok(None),
        Some(path) => Catalogue::load(&path).map(Some),
    }
}

/// `--tables`, else `<contract>.tables.json` beside the contract; none for what ships.
pub(super) fn tables_path(args: &ContractArgs) -> Option<PathBuf> {
    args.tables.clone().or_else(|| Some(args.contract.as_ref()?.with_extension("tables.json")))
}

/// The names by which a source table is found.
pub(super) fn source_names(contract: &Contract) -> TableNames<'_> {
    TableNames {
        table: &contract.source_table,
        text_column: &contract.source_column,
        application_table: &contract.source_application_table,
    }
}

/// The contract's tables in their order of insertion (contract.md 14.1), as the store numbers them.
/// Those that the catalogue lacks are left out: coerce refuses them by name.
pub(super) fn insertion_order(contract: &Contract, tables: &Tables) -> Vec<usize> {
    contract.tables.iter().filter_map(|table| tables.find(&table.name)).collect()
}

/// What `--store` names.
pub(super) enum StoreLocation<'a> {
    /// A file.
    Sqlite(&'a Path),
    /// A server.
    Mssql(ServerUrl),
}

/// Reads the text of `--store`. What may hold a password is not repeated.
pub(super) fn store_location<'a>(store: &'a str, server: &ServerArgs) -> Result<StoreLocation<'a>> {
    if store.starts_with("mssql:") {
        let url = ServerUrl::parse(store)?.with_schema(server.schema.as_deref());
        return Ok(StoreLocation::Mssql(url));
    }
    match store.strip_prefix("sqlite:") {
        Some(_) if server.schema.is_some() => {
            Err(Error::usage("--schema would be ignored: it belongs to a store at mssql://"))
        }
        Some(path) if !path.is_empty() => Ok(StoreLocation::Sqlite(Path::new(path))),
        _ => {
            let given = if store.contains('@') { "" } else { store };
            Err(Error::usage(format!(
                "--store {given}: the form is sqlite:PATH or mssql://user@host:port/database?…"
            )))
        }
    }
}

impl StoreLocation<'_> {
    /// Opens nothing yet but what a store needs to know.
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

/// A store on a server.
pub(super) fn mssql(
    url: ServerUrl,
    server: &ServerArgs,
    catalogue: &Catalogue,
) -> Result<MssqlStore> {
    let password = Password::find(server.password_file.as_deref())?;
    MssqlStore::new(url, password, &catalogue.schema, Tables::new(catalogue)?)
}

/// What `--source` names, with what a server needs.
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
    fn a_stores_text_says_its_kind_and_shows_no_password() {
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
    fn the_catalogue_stands_beside_its_contract() {
        for (contract, tables, path) in [
            (None, None, None),
            (Some("a/cc.json"), None, Some("a/cc.tables.json")),
            (Some("a/cc.json"), Some("b.json"), Some("b.json")),
            (None, Some("b.json"), Some("b.json")),
        ] {
            let args =
                ContractArgs { contract: contract.map(Into::into), tables: tables.map(Into::into) };
            assert_eq!(tables_path(&args), path.map(PathBuf::from));
        }
    }
}
