//! `migrator init`: creates the missing tables of a store.

use std::process::ExitCode;

use super::resolve;
use super::resolve::StoreLocation;
use crate::cli::args::InitArgs;
use crate::cli::display;
use crate::config::Synchronous;
use crate::error::{Error, Result};
use crate::store::mssql::setup::Recreate;

/// Runs the verb.
pub(crate) fn run(args: &InitArgs) -> Result<ExitCode> {
    resolve::reject_unused(&args.server, &[&args.store])?;
    let (_, catalogue) = resolve::load(&args.contract)?;
    let at = resolve::store_location(&args.store, &args.server)?;
    let setup = match (args.recreate.as_deref(), at) {
        (None, at) => at.store(&args.server, Synchronous::Full, &catalogue)?.create_missing()?,
        (Some(_), StoreLocation::Sqlite(path)) => {
            return Err(Error::usage(format!(
                "--recreate needs a store at mssql://; delete the file {} instead",
                path.display()
            )));
        }
        (Some(schema), StoreLocation::Mssql(url)) => {
            let told =
                if schema.is_empty() { Recreate::OwnSchema } else { Recreate::Named(schema) };
            resolve::mssql(url, &args.server, &catalogue)?.recreate(told)?
        }
    };
    if !args.quiet {
        display::print(&summary(args.recreate.is_some(), setup.log_has_key));
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(recreated: bool, log_has_key: bool) -> String {
    let tables = if recreated { "the tables are new and empty" } else { "the tables exist" };
    if log_has_key {
        return tables.to_owned();
    }
    format!(
        "{tables}; processing_log has no unique key on app_id: do not run two processes on the same \
         records"
    )
}
