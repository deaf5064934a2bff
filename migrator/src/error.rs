//! Errors that stop a run: one type with a closed set of kinds.
//!
//! A record that cannot be mapped or stored is not an error here. It is data
//! ([`crate::record::Reject`], [`crate::record::Refusal`]), and the run continues.

use std::fmt;

/// Class of an error. Callers choose between retry, exit code and message by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong command line or setting. The user has to change the command.
    Usage,
    /// A file, folder, contract or store is missing, unreadable or invalid.
    Environment,
    /// The store rejected a statement because of its data: a key, a constraint, a length.
    Data,
    /// The store was busy, or a lock was not granted in time. A retry of the transaction may
    /// succeed.
    Busy,
    /// The store chose the transaction as deadlock victim. A retry may succeed.
    Deadlock,
    /// Another transaction has changed rows that this one had read. A retry may succeed.
    Conflict,
    /// The connection is lost. A retry on another connection may succeed.
    Disconnected,
    /// The store is temporarily out of service or of resources. A later retry on another connection
    /// may succeed.
    Unavailable,
    /// The run ended while this thread was waiting. Never the cause of the run's end.
    Stopped,
    /// The user interrupted the run. The same command resumes it.
    Interrupted,
    /// The books of a finished run do not balance.
    Imbalance,
}

/// An error with a kind for callers, a message for people and an optional cause.
///
/// Messages start in lower case and do not end with a full stop. They name the place, the event and
/// the next step.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Result of an operation that can stop a run.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// An error with a cause. `message` names the failed operation; `Display` appends the cause to
    /// it.
    pub fn caused(
        kind: ErrorKind,
        message: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), cause: Some(cause.into()) }
    }

    /// An error of kind [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// An error of kind [`ErrorKind::Environment`].
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, message)
    }

    /// The error's kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// True if the same transaction may succeed on a retry.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Busy
                | ErrorKind::Deadlock
                | ErrorKind::Conflict
                | ErrorKind::Disconnected
                | ErrorKind::Unavailable
        )
    }

    /// Exit code of a process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Imbalance => 1,
            ErrorKind::Interrupted => 130,
            ErrorKind::Usage
            | ErrorKind::Environment
            | ErrorKind::Data
            | ErrorKind::Busy
            | ErrorKind::Deadlock
            | ErrorKind::Conflict
            | ErrorKind::Disconnected
            | ErrorKind::Unavailable
            | ErrorKind::Stopped => 2,
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
