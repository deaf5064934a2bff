//! What stops a run: one error type with a closed set of kinds. Imports no module.
//!
//! Bad input is not an error here: a record that cannot be mapped or stored is data
//! ([`crate::record::Reject`], [`crate::record::Refusal`]) and the run goes on.

use std::fmt;

/// Why a run stops, as far as the caller has to tell causes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or a setting is wrong; the user has to change the command.
    Usage,
    /// A file, a folder, a contract or a store is missing, unreadable or faulty.
    Environment,
    /// The store refused a statement for its data (a key, a constraint, a length).
    Data,
    /// The store was busy, or a lock was not to be had in time; doing the transaction again may
    /// work.
    Busy,
    /// The store ended the transaction to resolve a deadlock; doing it again may work.
    Deadlock,
    /// The transaction met rows that another one has changed since; doing it again may work.
    Conflict,
    /// The connection is gone; doing the transaction again on another one may work.
    Disconnected,
    /// The store is out of service or of resources for a while; doing the transaction again later,
    /// on another connection, may work.
    Unavailable,
    /// Something else ended the run while this was waiting; never the reason why it ended.
    Stopped,
    /// The user interrupted the run; the same command goes on where it stopped.
    Interrupted,
    /// The books of a finished run do not balance.
    Imbalance,
}

/// What stopped a run: a kind to decide on, a message for people, the cause below it.
///
/// Messages are lower-case fragments without a full stop: where it happened, then what.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of everything that can stop a run.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a cause below it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// An error that another one caused; `message` says what was being done.
    pub fn caused(
        kind: ErrorKind,
        message: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), cause: Some(cause.into()) }
    }

    /// Shorthand for [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Shorthand for [`ErrorKind::Environment`].
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Environment, message)
    }

    /// The kind that decides what happens next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same transaction may succeed when it is tried again.
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

    /// The exit code of a process that ends with this error.
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
