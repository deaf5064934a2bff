//! Cancellation of a run. A signal handler or a failed thread sets the token. Threads poll it, and
//! one thread waits for it.

use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex};

/// Cancellation state of one run, shared by its threads.
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
    /// Cancels the run on behalf of the user. Returns false if the run has not started, or was
    /// cancelled before. The caller then has to end the process itself.
    pub fn cancel(&self) -> bool {
        self.change(|state| {
            let first = state.phase != Phase::NotStarted && !state.cancelled;
            state.cancelled = true;
            first
        })
    }

    /// Marks the run as failed, so that no thread waits any longer. Does not count as an
    /// interruption by the user.
    pub fn abort(&self) {
        self.change(|state| state.aborted = true);
    }

    /// True once the run was cancelled or has failed: further waits are pointless.
    pub fn is_cancelled(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled || state.aborted
    }

    /// Ends [`CancellationToken::wait`] because the run is over.
    pub fn complete(&self) {
        self.change(|state| state.phase = Phase::Complete);
    }

    /// Starts the run, then blocks until it is cancelled by the user (true) or complete (false).
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

    /// True once the user has cancelled the run.
    pub fn is_cancelled_by_user(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).cancelled
    }

    fn change<T>(&self, change: impl FnOnce(&mut CancellationState) -> T) -> T {
        let outcome = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        outcome
    }
}
