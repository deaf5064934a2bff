//! Loads contracts from files or from the program itself.

use std::path::Path;

use super::diagnostic::Diagnostic;
use super::model::Contract;
use super::syntax::ContractSyntax;
use super::{check, compile};
use crate::error::{Error, ErrorKind, Result};

/// A contract and its table catalogue, as texts that are part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinContract {
    /// Name on the command line.
    pub name: &'static str,
    /// Text of the contract.
    pub contract: &'static str,
    /// Text of the catalogue.
    pub tables: &'static str,
}

/// Card applications, the default contract.
pub const APPLICATIONS: BuiltinContract = BuiltinContract {
    name: "applications",
    contract: include_str!("../../../scenarios/contracts/applications.json"),
    tables: include_str!("../../../scenarios/contracts/applications.tables.json"),
};

/// Vehicle loans, the second product line.
pub const LOANS: BuiltinContract = BuiltinContract {
    name: "loans",
    contract: include_str!("../../../scenarios/contracts/loans.json"),
    tables: include_str!("../../../scenarios/contracts/loans.tables.json"),
};

/// All built-in contracts.
pub const SHIPPED: [BuiltinContract; 2] = [APPLICATIONS, LOANS];

impl Contract {
    /// Compiles a built-in contract.
    ///
    /// # Errors
    /// None for the built-in texts; tests compile each of them.
    pub fn shipped(shipped: BuiltinContract) -> Result<Self> {
        Self::parse(shipped.contract, shipped.name)
    }

    /// The built-in contract for loans.
    ///
    /// # Errors
    /// None for the built-in texts; tests compile each of them.
    pub fn embedded_loans() -> Result<Self> {
        Self::shipped(LOANS)
    }

    /// The default contract.
    ///
    /// # Errors
    /// None for the built-in texts; tests compile each of them.
    pub fn embedded() -> Result<Self> {
        Self::shipped(APPLICATIONS)
    }

    /// Reads, checks and compiles a contract file.
    ///
    /// # Errors
    /// A file that cannot be read, or all errors of its contents with line, column and key.
    pub fn load(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, &path.display().to_string())
    }

    /// Checks and compiles the text of a contract; `origin` names it in errors.
    ///
    /// # Errors
    /// All errors, with line, column and key.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        Self::read(text).map(|(_, contract)| contract).map_err(|errors| refusal(origin, &errors))
    }

    /// Checks and compiles the text of a contract. Returns it as written and as compiled.
    ///
    /// # Errors
    /// All errors, in the order of the text.
    pub fn read(text: &str) -> std::result::Result<(ContractSyntax, Self), Vec<Diagnostic>> {
        let draft = ContractSyntax::parse(text).map_err(|error| vec![*error])?;
        let errors = check::errors(&draft);
        if !errors.is_empty() {
            return Err(errors);
        }
        let contract = compile::compile(&draft);
        Ok((draft, contract))
    }
}

/// Reads the text of a contract file.
///
/// # Errors
/// A file that cannot be read.
pub fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|cause| {
        let message = format!("cannot read the contract {}", path.display());
        Error::caused(ErrorKind::Environment, message, cause)
    })
}

/// Error that lists all errors of a contract, one per line.
pub fn refusal(origin: &str, errors: &[Diagnostic]) -> Error {
    let plural = if errors.len() == 1 { "" } else { "s" };
    let mut message = format!("{origin} has {} error{plural}", errors.len());
    for error in errors {
        message.push_str("\n  ");
        message.push_str(&error.to_string());
    }
    Error::environment(message)
}
