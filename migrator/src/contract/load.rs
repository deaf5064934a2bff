//! Where contracts come from: a file or the one that ships with the program.

use std::path::Path;

use super::draft::Draft;
use super::finding::Finding;
use super::model::Contract;
use super::{check, compile};
use crate::error::{Error, ErrorKind, Result};

/// The text of the contract that ships with the program.
pub const EMBEDDED: &str = include_str!("../../../scenarios/contracts/applications.json");

/// The text of the second product line's contract.
const EMBEDDED_LOANS: &str = include_str!("../../../scenarios/contracts/loans.json");

impl Contract {
    /// The second product line's contract, as it stands in `scenarios/contracts/loans.json`.
    ///
    /// # Errors
    /// None in a build whose tests have passed: the text is part of the program.
    pub fn embedded_loans() -> Result<Self> {
        Self::parse(EMBEDDED_LOANS, "the contract of the second product line")
    }

    /// The contract that ships with the program.
    ///
    /// # Errors
    /// None in a build whose tests have passed: the text is part of the program.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED, "the contract that ships with the program")
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
        Self::read(text).map(|(_, contract)| contract).map_err(|faults| refusal(origin, &faults))
    }

    /// Checks and compiles a contract's text, for those who need it as written too.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
    pub fn read(text: &str) -> std::result::Result<(Draft, Self), Vec<Finding>> {
        let draft = Draft::parse(text).map_err(|fault| vec![*fault])?;
        let faults = check::faults(&draft);
        if !faults.is_empty() {
            return Err(faults);
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
pub fn refusal(origin: &str, faults: &[Finding]) -> Error {
    let plural = if faults.len() == 1 { "" } else { "s" };
    let mut message = format!("{origin} has {} fault{plural}", faults.len());
    for fault in faults {
        message.push_str("\n  ");
        message.push_str(&fault.to_string());
    }
    Error::environment(message)
}
