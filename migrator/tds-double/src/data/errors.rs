//! The errors that the double reports, with SQL Server's numbers, classes and texts.

/// Scope that an error ends besides its statement when `XACT_ABORT` is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The batch did not run because it does not compile. Transactions are never affected.
    Compile,
    /// The statement; the batch goes on.
    Statement,
    /// The batch; its transaction stays open.
    Batch,
    /// The batch and the transaction.
    Transaction,
    /// The connection.
    Connection,
}

/// One error as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlError {
    pub(crate) number: i32,
    pub(crate) class: u8,
    pub(crate) state: u8,
    pub(crate) message: String,
    pub(crate) effect: Effect,
}

pub(crate) type Sql<T> = Result<T, SqlError>;

impl SqlError {
    pub(crate) fn new(number: i32, class: u8, effect: Effect, message: impl Into<String>) -> Self {
        Self { number, class, state: 1, message: message.into(), effect }
    }

    /// An error with this number for injection. Class and effect are those of SQL Server.
    pub(crate) fn injected(number: i32) -> Self {
        let (class, effect) = match number {
            1205 => (13, Effect::Transaction),
            2627 | 2601 => (14, Effect::Statement),
            241 | 245 | 8114 | 3960 => (16, Effect::Transaction),
            102 | 207 | 229 | 262 | 300 => (15, Effect::Compile),
            4060 | 18456 | 40501 | 40613 | 40197 | 10928 | 10929 => (20, Effect::Connection),
            _ => (16, Effect::Statement),
        };
        Self::new(number, class, effect, format!("injected error {number}"))
    }

    pub(crate) fn syntax(near: &str) -> Self {
        Self::new(102, 15, Effect::Compile, format!("Incorrect syntax near '{near}'."))
    }

    pub(crate) fn unknown_object(name: &str) -> Self {
        Self::new(208, 16, Effect::Batch, format!("Invalid object name '{name}'."))
    }

    pub(crate) fn unknown_column(name: &str) -> Self {
        Self::new(207, 16, Effect::Compile, format!("Invalid column name '{name}'."))
    }

    pub(crate) fn clash(from: &str, to: &str) -> Self {
        let message = format!("Operand type clash: {from} is incompatible with {to}");
        Self::new(206, 16, Effect::Compile, message)
    }

    pub(crate) fn conversion_text(from: &str, value: &str, to: &str) -> Self {
        let message = format!(
            "Conversion failed when converting the {from} value '{value}' to data type {to}."
        );
        Self::new(245, 16, Effect::Transaction, message)
    }

    pub(crate) fn conversion_date() -> Self {
        let message = "Conversion failed when converting date and/or time from character string.";
        Self::new(241, 16, Effect::Transaction, message)
    }

    pub(crate) fn conversion_type(from: &str, to: &str) -> Self {
        let message = format!("Error converting data type {from} to {to}.");
        Self::new(8114, 16, Effect::Transaction, message)
    }

    pub(crate) fn overflow(from: &str, to: &str) -> Self {
        let message = format!("Arithmetic overflow error converting {from} to data type {to}.");
        Self::new(8115, 16, Effect::Statement, message)
    }

    pub(crate) fn small_overflow(to: &str, value: i64) -> Self {
        let message = format!("Arithmetic overflow error for data type {to}, value = {value}.");
        Self::new(220, 16, Effect::Statement, message)
    }

    /// The client's bulk types differ from the declaration of the statement or the table.
    pub(crate) fn bulk_type(colid: usize) -> Self {
        let message = format!("Invalid column type from bcp client for colid {colid}.");
        Self::new(4816, 16, Effect::Statement, message)
    }

    pub(crate) fn stream(message: &str) -> Self {
        let message = format!(
            "The incoming tabular data stream (TDS) protocol stream is incorrect. {message}"
        );
        Self::new(4002, 16, Effect::Batch, message)
    }

    /// Failure inside the double itself. No statement of a test should cause it.
    pub(crate) fn inside(message: impl std::fmt::Display) -> Self {
        Self::new(50_000, 16, Effect::Statement, format!("test double: {message}"))
    }
}

impl From<crate::data::wire::Malformed> for SqlError {
    fn from(malformed: crate::data::wire::Malformed) -> Self {
        Self::stream(&malformed.0)
    }
}
