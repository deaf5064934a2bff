//! The order of claims: whoever shares a key, the lower source key keeps it, whatever the timing.
//!
//! A batch registers the keys of its rows in number order, and before it takes a connection it
//! waits for every earlier batch that holds one of them and has not ended. So the lowest batch
//! that has not ended waits for nobody and can always go on. Holds keys, never rows.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use rustc_hash::FxHashMap;

use crate::util::sync::{Condvar, Mutex, MutexGuard};
use crate::write::cache::KeyBytes;

/// The claims of all batches of a run that have registered and not ended.
#[derive(Debug, Default)]
pub struct Claims {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number whose turn it is to register.
    turn: u64,
    /// Batches that hold a key, by number.
    holders: FxHashMap<KeyBytes, BTreeSet<u64>>,
    stopped: bool,
    waits: u64,
}

/// The run has stopped: nobody's turn comes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// A batch's claims; ended by [`Claims::end`].
#[derive(Debug)]
#[must_use = "a claim that is never ended keeps others waiting"]
pub struct Claim {
    number: u64,
    keys: Vec<KeyBytes>,
}

impl Claims {
    /// Registers a batch's keys when its turn has come: every number takes its turn, also one
    /// without any key.
    ///
    /// # Errors
    /// [`Stopped`] if the run stops before.
    pub fn register(&self, number: u64, mut keys: Vec<KeyBytes>) -> Result<Claim, Stopped> {
        keys.sort_unstable();
        keys.dedup();
        let mut state = self.lock();
        while !state.stopped && state.turn != number {
            state = self.wait_for_change(state);
        }
        if state.stopped {
            return Err(Stopped);
        }
        for key in &keys {
            state.holders.entry(key.clone()).or_default().insert(number);
        }
        state.turn += 1;
        self.changed.notify_all();
        Ok(Claim { number, keys })
    }

    /// Waits until no earlier batch holds one of the claim's keys.
    ///
    /// # Errors
    /// [`Stopped`] if the run stops before: an abandoned batch takes its waiters with it.
    pub fn wait(&self, claim: &Claim) -> Result<(), Stopped> {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            if !state.is_held_before(claim) {
                state.waits += u64::from(waited);
                return Ok(());
            }
            waited = true;
            state = self.wait_for_change(state);
        }
    }

    /// Ends a batch: every record of it is committed or logged.
    pub fn end(&self, claim: Claim) {
        let Claim { number, keys } = claim;
        let mut state = self.lock();
        for key in keys {
            if let Some(holders) = state.holders.get_mut(&key) {
                holders.remove(&number);
                if holders.is_empty() {
                    state.holders.remove(&key);
                }
            }
        }
        self.changed.notify_all();
    }

    /// Ends every wait.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// How many batches had to wait for an earlier one.
    pub fn waits(&self) -> u64 {
        self.lock().waits
    }

    fn wait_for_change<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_held_before(&self, claim: &Claim) -> bool {
        let first_holder = |key| self.holders.get(key).and_then(|holders| holders.first());
        claim.keys.iter().filter_map(first_holder).any(|holder| *holder < claim.number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn keys(keys: &[u8]) -> Vec<KeyBytes> {
        keys.iter().map(|key| KeyBytes::from_slice(&[*key])).collect()
    }

    #[test]
    fn batches_register_in_number_order_whatever_order_they_come_in() {
        let claims = Claims::default();
        let registered = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for number in [3, 1, 2] {
                let (claims, registered) = (&claims, &registered);
                scope.spawn(move || {
                    let claim = claims.register(number, Vec::new()).unwrap();
                    registered.lock().unwrap().push(number);
                    claims.end(claim);
                });
            }
            thread::sleep(Duration::from_millis(20));
            assert!(registered.lock().unwrap().is_empty(), "the first batch has not come yet");
            let claim = claims.register(0, Vec::new()).unwrap();
            claims.end(claim);
        });
        assert_eq!(registered.into_inner().unwrap().len(), 3);
    }

    #[test]
    fn a_batch_waits_for_every_earlier_batch_that_holds_one_of_its_keys() {
        let claims = Claims::default();
        let zero = claims.register(0, keys(&[1, 2])).unwrap();
        let one = claims.register(1, keys(&[2, 3])).unwrap();
        let two = claims.register(2, keys(&[3, 4])).unwrap();
        let ended = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for claim in [two, one] {
                let (claims, ended) = (&claims, &ended);
                scope.spawn(move || {
                    claims.wait(&claim).unwrap();
                    ended.lock().unwrap().push(claim.number);
                    claims.end(claim);
                });
            }
            claims.wait(&zero).unwrap();
            ended.lock().unwrap().push(0);
            claims.end(zero);
        });
        assert_eq!(*ended.lock().unwrap(), [0, 1, 2]);
    }

    #[test]
    fn batches_without_a_common_key_wait_for_nobody() {
        let claims = Claims::default();
        let _zero = claims.register(0, keys(&[1])).unwrap();
        let one = claims.register(1, keys(&[2])).unwrap();
        claims.wait(&one).unwrap();
        assert_eq!(claims.waits(), 0);
    }

    #[test]
    fn every_wait_ends_when_the_run_stops() {
        let claims = Claims::default();
        let zero = claims.register(0, keys(&[1])).unwrap();
        let one = claims.register(1, keys(&[1])).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| claims.wait(&one));
            let registering = scope.spawn(|| claims.register(7, Vec::new()).map(|_| ()));
            claims.stop();
            assert_eq!(waiting.join().unwrap(), Err(Stopped));
            assert_eq!(registering.join().unwrap(), Err(Stopped));
        });
        claims.end(zero);
    }

    #[test]
    fn ended_batches_leave_nothing_behind() {
        let claims = Claims::default();
        for number in 0..100 {
            let claim = claims.register(number, keys(&[1, 1, 2])).unwrap();
            claims.wait(&claim).unwrap();
            claims.end(claim);
        }
        assert!(claims.lock().holders.is_empty());
    }
}
