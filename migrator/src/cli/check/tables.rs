//! The tables that a contract is to fill, from the catalogue and from a store. Compares nothing.

use crate::cli::args::CheckArgs;
use crate::cli::resolve;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::lint::{Targets, span_of};
use crate::contract::shape::TableShape;
use crate::contract::syntax::ContractSyntax;
use crate::error::{Error, Result};
use crate::store::introspect::{Difference, Inspection};
use crate::store::schema::Tables;

/// What is known of the tables.
pub(super) struct KnownTables {
    catalogue: Option<Vec<TableShape>>,
    store: Option<Inspection>,
}

impl KnownTables {
    /// Reads what the command line names; what cannot be read joins the errors.
    pub(super) fn new(args: &CheckArgs, errors: &mut Vec<Error>) -> Self {
        let catalogue = keep(resolve::optional_catalogue(&args.contract), errors).flatten();
        // A run starts with this step, whatever its store.
        let wanted = catalogue.as_ref().and_then(|own| keep(Tables::new(own), errors));
        let store = args.store.as_ref();
        let inspect =
            |own: &String| resolve::inspect(own, &args.server, catalogue.as_ref(), wanted.as_ref());
        let store = store.and_then(|own| keep(inspect(own), errors));
        let catalogue = catalogue.as_ref().map(TableShape::of_catalogue);
        let store = store.map(|store| narrowed(store, catalogue.as_deref().unwrap_or_default()));
        Self { catalogue, store }
    }

    /// What mappings are compared with.
    pub(super) fn targets(&self) -> Targets<'_> {
        Targets {
            catalogue: self.catalogue.as_deref(),
            store: self.store.as_ref().map(|store| &store.tables[..]),
        }
    }

    /// Tables of the store on which no run starts.
    pub(super) fn differing(&self, draft: &ContractSyntax) -> Vec<Diagnostic> {
        let diagnostic = |Difference { table, what }: &Difference| {
            let (path, span) = span_of(draft, table);
            let message = format!("{table} of the store differs from the catalogue: {what}");
            Diagnostic::new(Code::StoreDiffers, path, span, message)
        };
        self.store.iter().flat_map(|store| &store.differences).map(diagnostic).collect()
    }

    /// What could not be compared, and why.
    pub(super) fn notes(&self, args: &CheckArgs) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if self.catalogue.is_none()
            && let Some(missing) = resolve::tables_path(&args.contract)?
        {
            let with = match self.store {
                None => "columns are not compared",
                Some(_) => "columns are compared with the store alone",
            };
            notes.push(format!("{with}: there is no {}", missing.display()));
        }
        if let Some(limitation) = self.store.as_ref().and_then(|store| store.limitation) {
            let instead = match self.catalogue {
                None => "these are not compared",
                Some(_) => "these are compared as the catalogue has them",
            };
            notes.push(format!("{limitation}: {instead}"));
        }
        Ok(notes)
    }
}

/// The result, or its error among the others.
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
