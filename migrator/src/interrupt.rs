//! A run's end from outside: raised by whoever hears the signal, heard by one waiting thread.

use std::sync::PoisonError;

use crate::sync::{Condvar, Mutex};

/// Whether somebody has interrupted a run.
#[derive(Debug, Default)]
pub struct Interrupt {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    raised: bool,
    over: bool,
}

impl Interrupt {
    /// Interrupts the run.
    pub fn raise(&self) {
        self.change(|state| state.raised = true);
    }

    /// Says that the run is over, so that nobody waits for an interrupt any more.
    pub fn over(&self) {
        self.change(|state| state.over = true);
    }

    /// Waits until the run is interrupted (true) or over (false).
    pub fn wait(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| !state.raised && !state.over;
        let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.raised
    }

    /// Whether the run was interrupted.
    pub fn is_raised(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).raised
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
