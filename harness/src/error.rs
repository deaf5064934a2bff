//! Error type of the harness, with a closed set of kinds.
//!
//! A failed trial is not an error but a line of the ledger
//! ([`crate::trial::measurement::Failure`]).

use std::fmt;

/// Kind of an error, which sets the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or a scenario is wrong; the user has to change it.
    Usage,
    /// A file, a folder or the program under test is missing or does not work.
    Environment,
    /// Runs of one plan stored different things; there is nothing to compare.
    WrongResult,
    /// Interference made the runs meaningless.
    Invalid,
    /// The user stopped it; the ledger is kept.
    Interrupted,
}

/// An error: kind, message for people, and cause.
///
/// Messages are lower-case fragments without a full stop: first where, then what happened.
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

    /// Failure of something external; `message` names the operation.
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
