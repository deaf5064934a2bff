//! A run's end from outside: raised by whoever hears the signal, heard by one waiting thread, and
//! seen by those who wait for something else.

use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex};

/// Whether somebody has interrupted a run, or a part of it has failed.
#[derive(Debug, Default)]
pub struct Interrupt {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    raised: bool,
    failed: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    NotBegun,
    Begun,
    Over,
}

impl Interrupt {
    /// Interrupts the run. False if it has not begun or was interrupted before: then nobody will see
    /// to its end.
    pub fn raise(&self) -> bool {
        self.change(|state| {
            let first = state.phase != Phase::NotBegun && !state.raised;
            state.raised = true;
            first
        })
    }

    /// Says that a part of the run has failed, so that no other part waits for anything any more.
    pub fn fail(&self) {
        self.change(|state| state.failed = true);
    }

    /// Whether the run ends before its work is done, so that waiting is in vain.
    pub fn is_ending(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.raised || state.failed
    }

    /// Says that the run is over, so that nobody waits for an interrupt any more.
    pub fn over(&self) {
        self.change(|state| state.phase = Phase::Over);
    }

    /// Waits until the run is interrupted (true) or over (false).
    pub fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.phase == Phase::NotBegun {
            state.phase = Phase::Begun;
        }
        let waiting = |state: &mut State| !state.raised && state.phase != Phase::Over;
        let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.raised
    }

    /// Whether the run was interrupted.
    pub fn is_raised(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).raised
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
        outcome
    }
}
