//! The contract and the catalogue that a verb works with, from files or from the program itself.

use std::path::{Path, PathBuf};

use crate::args::ContractArgs;
use crate::contract::catalogue::Catalogue;
use crate::contract::draft::Draft;
use crate::contract::load::{EMBEDDED, refusal, text_of};
use crate::contract::model::Contract;
use crate::error::{Error, Result};
use crate::source::table::TableNames;
use crate::store::schema::Tables;

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

/// The file that `--store` names.
pub(super) fn store_path(store: &str) -> Result<&Path> {
    match store.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(Path::new(path)),
        _ => Err(Error::usage(format!("--store {store}: the form is sqlite:PATH"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
