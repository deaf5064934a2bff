//! What stops the harness: one error type with a closed set of kinds. Imports no module.
//!
//! A trial that fails is not an error here but a row of the ledger ([`crate::trial::measurement::Failure`]).

use std::fmt;

/// Why the harness stops, as far as its exit code has to tell causes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or a scenario is wrong; the user has to change it.
    Usage,
    /// A file, a folder or the program under test is missing or does not work.
    Environment,
    /// Runs of one plan stored different things; there is nothing to compare.
    WrongResult,
    /// Too much went on beside the runs; they say nothing.
    Invalid,
    /// The user stopped it; what is in the ledger stays.
    Interrupted,
}

/// What stopped the harness: a kind to decide on, a message for people, the cause below it.
///
/// Messages are lower-case fragments without a full stop: where it happened, then what.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of everything that can stop the harness.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// Shorthand for [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Shorthand for [`ErrorKind::Environment`].
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, message)
    }

    /// Something outside that failed; `message` says what was being done.
    pub fn caused(
        message: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind: ErrorKind::Environment, message: message.into(), cause: Some(cause.into()) }
    }

    /// The kind that decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The exit code of a process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Usage | ErrorKind::Environment => 2,
            ErrorKind::Invalid => 4,
            ErrorKind::WrongResult => 5,
            ErrorKind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
