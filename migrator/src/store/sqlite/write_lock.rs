//! Whose turn it is to write: one connection of this process at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The process's one turn to write.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    /// Waits until no other connection of this process writes. Whoever holds the turn waits for
    /// other processes no longer than the busy timeout, so this wait ends too.
    pub(super) fn take(self: &Arc<Self>) -> HeldTurn {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            self.free.wait_while(taken, |taken| *taken).unwrap_or_else(PoisonError::into_inner);
        *taken = true;
        HeldTurn { turn: Arc::clone(self) }
    }
}

#[derive(Debug)]
pub(super) struct HeldTurn {
    turn: Arc<Turn>,
}

impl Drop for HeldTurn {
    fn drop(&mut self) {
        *self.turn.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.turn.free.notify_one();
    }
}
