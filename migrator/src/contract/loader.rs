//! Where contracts come from: a file, or one of those that ship with the program.

use std::path::Path;

use super::diagnostic::Diagnostic;
use super::model::Contract;
use super::syntax::ContractSyntax;
use super::{check, compile};
use crate::error::{Error, ErrorKind, Result};

/// A contract with its table catalogue, as texts that are part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinContract {
    /// The name that the command line has for it.
    pub name: &'static str,
    /// The contract.
    pub contract: &'static str,
    /// The catalogue.
    pub tables: &'static str,
}

/// Card applications: what is taken where nothing else is named.
pub const APPLICATIONS: BuiltinContract = BuiltinContract {
    name: "applications",
    contract: include_str!("../../../scenarios/contracts/applications.json"),
    tables: include_str!("../../../scenarios/contracts/applications.tables.json"),
};

/// Vehicle loans: the second product line.
pub const LOANS: BuiltinContract = BuiltinContract {
    name: "loans",
    contract: include_str!("../../../scenarios/contracts/loans.json"),
    tables: include_str!("../../../scenarios/contracts/loans.tables.json"),
};

/// Every contract that ships.
pub const SHIPPED: [BuiltinContract; 2] = [APPLICATIONS, LOANS];

impl Contract {
    /// One of the contracts that ship with the program.
    ///
    /// # Errors
    /// None in a build whose tests have passed: the text is part of the program.
    pub fn shipped(shipped: BuiltinContract) -> Result<Self> {
        Self::parse(shipped.contract, shipped.name)
    }

    /// The second product line's contract.
    ///
    /// # Errors
    /// None in a build whose tests have passed.
    pub fn embedded_loans() -> Result<Self> {
        Self::shipped(LOANS)
    }

    /// The contract that is taken where no other is named.
    ///
    /// # Errors
    /// None in a build whose tests have passed.
    pub fn embedded() -> Result<Self> {
        Self::shipped(APPLICATIONS)
    }

    /// Reads, checks and compiles a contract file.
    ///
    /// # Errors
    /// A file that cannot be read, or every fault of its contents with line, column and key.
    pub fn load(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, &path.display().to_string())
    }

    /// Checks and compiles a contract's text; `origin` names it in errors.
    ///
    /// # Errors
    /// Every fault, with line, column and key.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        Self::read(text).map(|(_, contract)| contract).map_err(|errors| refusal(origin, &errors))
    }

    /// Checks and compiles a contract's text, for those who need it as written too.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
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

/// The text of a contract file.
///
/// # Errors
/// A file that cannot be read.
pub fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|cause| {
        let message = format!("cannot read the contract {}", path.display());
        Error::caused(ErrorKind::Environment, message, cause)
    })
}

/// The error that lists every fault of a contract in short form.
pub fn refusal(origin: &str, errors: &[Diagnostic]) -> Error {
    let plural = if errors.len() == 1 { "" } else { "s" };
    let mut message = format!("{origin} has {} error{plural}", errors.len());
    for error in errors {
        message.push_str("\n  ");
        message.push_str(&error.to_string());
    }
    Error::environment(message)
}
