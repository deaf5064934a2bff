//! Faults on demand: which message meets which.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::record::{Kind, Message};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut before the message does anything.
    DropBefore,
    /// The connection is cut when the first packet of the message has come.
    DropInside,
    /// The message does what it says, half of the answer is sent, the connection is cut.
    DropInAnswer,
    /// The message does what it says, the connection is cut without an answer.
    DropAfter,
    /// This error instead of what the message says.
    Error(i32),
    /// This error, in packets that do not end the answer, and then the end of the connection.
    FatalWithoutEnd(i32),
    /// The transaction is rolled back and the session told that it was the victim.
    Deadlock,
    /// No answer, and nothing done, until the client cancels or leaves.
    Stall,
    /// What the message says is done, but no answer comes until the client cancels or leaves.
    StallAfter,
    /// The answer comes that much later.
    Slow(Duration),
}

/// The messages that a fault is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// The message with this number.
    Message(usize),
    /// The nth message of a kind, from 0, counted from when the rule was made.
    Kind(Kind, usize),
    /// The nth statement that holds this text, from 0, counted from when the rule was made.
    Statement(String, usize),
}

#[derive(Debug)]
struct Rule {
    when: When,
    fault: Fault,
    /// Messages that were meant but come too early.
    passed: usize,
    /// How often it may still happen.
    times: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<Rule>>,
    met: Mutex<usize>,
}

impl Faults {
    /// One fault, once.
    pub(crate) fn once(&self, when: When, fault: Fault) {
        self.times(when, fault, 1);
    }

    /// A fault for the nth message that fits and those that follow it, so many in all.
    pub(crate) fn times(&self, when: When, fault: Fault, times: usize) {
        let rule = Rule { when, fault, passed: 0, times };
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many faults have happened.
    pub(crate) fn met(&self) -> usize {
        *self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault for a message: those inside it are asked for with its first packet, the others
    /// once it is read.
    pub(super) fn take(&self, message: &Message, inside: bool) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |rule: &mut Rule| {
            if (rule.fault == Fault::DropInside) != inside || rule.times == 0 {
                return false;
            }
            let (meant, nth) = match &rule.when {
                When::Message(number) => return message.number == *number,
                When::Kind(kind, nth) => (message.kind == *kind, *nth),
                When::Statement(text, nth) => (message.text.contains(text.as_str()), *nth),
            };
            rule.passed += usize::from(meant);
            meant && rule.passed > nth
        };
        let rule = rules.iter_mut().find_map(|rule| fits(rule).then_some(rule))?;
        rule.times -= 1;
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Some(rule.fault)
    }
}
