//! Faults that a test injects, and the messages that trigger them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::record::{Message, MessageKind};

/// A failure of the server or of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Cuts the connection before the message is executed.
    DropBefore,
    /// Cuts the connection after the first packet of the message.
    DropInside,
    /// Executes the message, sends half of the response and cuts the connection.
    DropInAnswer,
    /// Executes the message and cuts the connection without a response.
    DropAfter,
    /// Responds with the error of this number and does not execute the message.
    Error(i32),
    /// Sends the error of this number in a response without an end and cuts the connection.
    FatalWithoutEnd(i32),
    /// Rolls the transaction back and reports the session as the deadlock victim (error 1205).
    Deadlock,
    /// Neither executes the message nor responds until the client cancels or disconnects.
    Stall,
    /// Executes the message but does not respond until the client cancels or disconnects.
    StallAfter,
    /// Responds later by this time.
    Slow(Duration),
}

/// Selects the message that a fault hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The message with this number.
    Message(usize),
    /// The nth message of a kind, from 0, counted from the call that injected the fault.
    Kind(MessageKind, usize),
    /// The nth statement that contains this text, from 0, counted from the call that injected the
    /// fault.
    Statement(String, usize),
}

#[derive(Debug)]
struct Rule {
    when: Trigger,
    fault: Fault,
    /// Messages that matched so far.
    passed: usize,
    /// Number of messages that the rule may still hit.
    times: usize,
}

/// Injected faults of a double.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
    met: Mutex<usize>,
}

impl Faults {
    /// Injects a fault once.
    pub fn once(&self, when: Trigger, fault: Fault) {
        self.times(when, fault, 1);
    }

    /// Injects a fault into the first message that `when` selects and into the matching messages
    /// after it, `times` in all.
    pub fn times(&self, when: Trigger, fault: Fault, times: usize) {
        let rule = Rule { when, fault, passed: 0, times };
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Removes all faults that have not happened yet.
    pub fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Number of faults that have happened.
    pub fn met(&self) -> usize {
        *self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault for a message. `inside` selects [`Fault::DropInside`], which hits at the first
    /// packet; all other faults hit a message that was read whole.
    pub(crate) fn take(&self, message: &Message, inside: bool) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |rule: &mut Rule| {
            if (rule.fault == Fault::DropInside) != inside || rule.times == 0 {
                return false;
            }
            let (meant, nth) = match &rule.when {
                Trigger::Message(number) => return message.number == *number,
                Trigger::Kind(kind, nth) => (message.kind == *kind, *nth),
                Trigger::Statement(text, nth) => (message.text.contains(text.as_str()), *nth),
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
