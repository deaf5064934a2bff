//! Log of connections, logins and messages. Passwords are not kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::protocol::login::Login;

/// Kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// PRELOGIN: versions and encryption.
    Prelogin,
    /// LOGIN7.
    Login,
    /// A batch of statements as text.
    Batch,
    /// A remote procedure call, such as `sp_executesql`.
    Call,
    /// Begin of a transaction.
    Begin,
    /// Commit of a transaction.
    Commit,
    /// Rollback of a transaction, or to a savepoint.
    Rollback,
    /// A savepoint.
    Save,
    /// Rows of a bulk load.
    Bulk,
    /// Cancellation of the running message.
    Attention,
}

/// One message of a client.
#[derive(Debug, Clone)]
pub struct Message {
    /// Number from 0, in the order of first packets.
    pub number: usize,
    /// Number of the connection, from 1.
    pub connection: usize,
    /// Kind of the message.
    pub kind: MessageKind,
    /// Statement of a batch or call; otherwise empty.
    pub text: String,
    /// Number of packets.
    pub packets: usize,
    /// Number of parameters of a call.
    pub parameters: usize,
    /// True if a transaction was open before the message.
    pub in_transaction: bool,
}

/// Numbers of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionCounts {
    /// Connections since the start.
    pub opened: usize,
    /// Connections that are open now.
    pub open: usize,
    /// Most connections that were open at once.
    pub peak: usize,
}

#[derive(Debug, Default)]
struct LogState {
    counts: ConnectionCounts,
    logins: Vec<Login>,
    messages: Vec<Message>,
}

#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<LogState>);

impl Record {
    fn seen(&self) -> MutexGuard<'_, LogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self) -> usize {
        let mut seen = self.seen();
        seen.counts.opened += 1;
        seen.counts.open += 1;
        seen.counts.peak = seen.counts.peak.max(seen.counts.open);
        seen.counts.opened
    }

    pub(crate) fn closed(&self) {
        self.seen().counts.open -= 1;
    }

    pub(crate) fn login(&self, login: Login) {
        self.seen().logins.push(login);
    }

    /// Adds a message at its first packet.
    pub(crate) fn message(&self, connection: usize, kind: MessageKind) -> Message {
        let mut seen = self.seen();
        let message = Message {
            number: seen.messages.len(),
            connection,
            kind,
            text: String::new(),
            packets: 1,
            parameters: 0,
            in_transaction: false,
        };
        seen.messages.push(message.clone());
        message
    }

    /// Replaces a message with the details known after reading it.
    pub(crate) fn update(&self, message: &Message) {
        self.seen().messages[message.number] = message.clone();
    }

    pub(crate) fn counts(&self) -> ConnectionCounts {
        self.seen().counts
    }

    pub(crate) fn logins(&self) -> Vec<Login> {
        self.seen().logins.clone()
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.seen().messages.clone()
    }
}
