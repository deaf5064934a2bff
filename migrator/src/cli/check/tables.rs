//! Target tables of a contract, from the catalogue and from a store.

use crate::cli::args::CheckArgs;
use crate::cli::resolve;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::lint::{Targets, span_of};
use crate::contract::shape::TableShape;
use crate::contract::syntax::ContractSyntax;
use crate::error::{Error, Result};
use crate::store::introspect::{Difference, Inspection};
use crate::store::schema::Tables;

/// Target tables, as far as they can be read.
pub(super) struct KnownTables {
    catalogue: Option<Vec<TableShape>>,
    store: Option<Inspection>,
}

impl KnownTables {
    /// Reads the catalogue and the store that the command line names. Adds failures to the errors.
    pub(super) fn new(args: &CheckArgs, errors: &mut Vec<Error>) -> Self {
        let catalogue = keep(resolve::optional_catalogue(&args.contract), errors).flatten();
        // A run starts with the same step, for any store.
        let wanted = catalogue.as_ref().and_then(|own| keep(Tables::new(own), errors));
        let store = args.store.as_ref();
        let inspect =
            |own: &String| resolve::inspect(own, &args.server, catalogue.as_ref(), wanted.as_ref());
        let store = store.and_then(|own| keep(inspect(own), errors));
        let catalogue = catalogue.as_ref().map(TableShape::of_catalogue);
        let store = store.map(|store| narrowed(store, catalogue.as_deref().unwrap_or_default()));
        Self { catalogue, store }
    }

    /// Tables to compare the mappings with.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets {
            catalogue: self.catalogue.as_deref(),
            store: self.store.as_ref().map(|store| &store.tables[..]),
        }
    }

    /// Errors for tables of the store that stop every run.
    pub(super) fn differing(&self, draft: &ContractSyntax) -> Vec<Diagnostic> {
        let diagnostic = |Difference { table, what }: &Difference| {
            let (path, span) = span_of(draft, table);
            let message = format!("{table} of the store differs from the catalogue: {what}");
            Diagnostic::new(Code::StoreDiffers, path, span, message)
        };
        self.store.iter().flat_map(|store| &store.differences).map(diagnostic).collect()
    }

    /// Notes about comparisons that were not possible.
    pub(super) fn notes(&self, args: &CheckArgs) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if self.catalogue.is_none()
            && let Some(missing) = resolve::tables_path(&args.contract)?
        {
            let with = match self.store {
                None => "columns are not compared",
                Some(_) => "columns are only compared with the store",
            };
            notes.push(format!("{with}: {} does not exist", missing.display()));
        }
        if let Some(limitation) = self.store.as_ref().and_then(|store| store.limitation) {
            let instead = match self.catalogue {
                None => "these are not compared",
                Some(_) => "these are compared with the catalogue",
            };
            notes.push(format!("{limitation}: {instead}"));
        }
        Ok(notes)
    }
}

/// The value of a result, or `None` after adding its error to the others.
pub(super) fn keep<T>(result: Result<T>, errors: &mut Vec<Error>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn narrowed(mut store: Inspection, catalogue: &[TableShape]) -> Inspection {
    let of = |table: TableShape| match catalogue
        .iter()
        .find(|own| own.name.eq_ignore_ascii_case(&table.name))
    {
        Some(wanted) => table.narrowed(wanted),
        None => table,
    };
    store.tables = store.tables.into_iter().map(of).collect();
    store
}
