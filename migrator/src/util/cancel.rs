//! A run's end from outside: cancelled by whoever hears the signal, heard by one waiting thread, and
//! seen by those who wait for something else.

use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex};

/// Whether somebody has interrupted a run, or a part of it has aborted.
#[derive(Debug, Default)]
pub struct CancellationToken {
    state: Mutex<CancellationState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct CancellationState {
    phase: Phase,
    cancelled: bool,
    aborted: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    NotStarted,
    Started,
    Complete,
}

impl CancellationToken {
    /// Interrupts the run. False if it has not begun or was interrupted before: then nobody will see
    /// to its end.
    pub fn cancel(&self) -> bool {
        self.change(|state| {
            let first = state.phase != Phase::NotStarted && !state.cancelled;
            state.cancelled = true;
            first
        })
    }

    /// Says that a part of the run has aborted, so that no other part waits for anything any more.
    pub fn abort(&self) {
        self.change(|state| state.aborted = true);
    }

    /// Whether the run ends before its work is done, so that waiting is in vain.
    pub fn is_cancelled(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled || state.aborted
    }

    /// Says that the run is over, so that nobody waits for an interrupt any more.
    pub fn complete(&self) {
        self.change(|state| state.phase = Phase::Complete);
    }

    /// Waits until the run is interrupted (true) or over (false).
    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.phase == Phase::NotStarted {
            state.phase = Phase::Started;
        }
        let waiting =
            |state: &mut CancellationState| !state.cancelled && state.phase != Phase::Complete;
        let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.cancelled
    }

    /// Whether the run was interrupted.
    pub fn is_cancelled_by_user(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).cancelled
    }

    fn change<T>(&self, change: impl FnOnce(&mut CancellationState) -> T) -> T {
        let outcome = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        outcome
    }
}
