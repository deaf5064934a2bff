//! What the double has seen: connections, logins, messages. Never a password.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::login::Login;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Prelogin,
    Login,
    Batch,
    Call,
    Begin,
    Commit,
    Rollback,
    Save,
    Bulk,
    Attention,
}

/// One message of a client.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// From 0, in the order in which their first packets came.
    pub(crate) number: usize,
    pub(crate) connection: usize,
    pub(crate) kind: Kind,
    /// The statement of a batch or call.
    pub(crate) text: String,
    pub(crate) packets: usize,
    pub(crate) parameters: usize,
    /// Whether a transaction was open before it.
    pub(crate) in_transaction: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) opened: usize,
    pub(crate) open: usize,
    pub(crate) peak: usize,
}

#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    logins: Vec<Login>,
    messages: Vec<Message>,
}

#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<Seen>);

impl Record {
    fn seen(&self) -> MutexGuard<'_, Seen> {
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

    /// Takes up a message by its first packet.
    pub(crate) fn message(&self, connection: usize, kind: Kind) -> Message {
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

    /// Says what a message was once it is read.
    pub(crate) fn update(&self, message: &Message) {
        self.seen().messages[message.number] = message.clone();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.seen().counts
    }

    pub(crate) fn logins(&self) -> Vec<Login> {
        self.seen().logins.clone()
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.seen().messages.clone()
    }
}
