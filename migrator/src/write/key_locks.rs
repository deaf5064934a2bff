//! Locks on row keys, in the order of batch numbers. When two records have a common key, the one
//! with the lower source key gets it, whatever the timing.
//!
//! Batches register the keys of their rows in number order. Before a batch takes a connection, it
//! waits for all earlier unfinished batches with a common key. So the unfinished batch with the
//! lowest number never waits.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use rustc_hash::FxHashMap;

use crate::util::sync::{Condvar, Mutex, MutexGuard};
use crate::write::cache::KeyBytes;

/// Keys of all batches that have registered and not ended.
#[derive(Debug, Default)]
pub struct KeyLocks {
    state: Mutex<LockState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LockState {
    /// Number of the batch that registers next.
    turn: u64,
    /// Batches that hold a key, by number.
    holders: FxHashMap<KeyBytes, BTreeSet<u64>>,
    stopped: bool,
    waits: u64,
    /// Number of threads that wait for a change.
    waiting: usize,
}

/// Error of a wait after the run has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// Registered keys of one batch. [`KeyLocks::release`] ends it.
#[derive(Debug)]
#[must_use = "a request that is never released blocks later batches"]
pub struct LockRequest {
    number: u64,
    keys: Vec<KeyBytes>,
}

impl KeyLocks {
    /// Waits for the batch's turn and registers its keys. Every batch number takes its turn, even
    /// without keys.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the run stops first.
    pub fn register(&self, number: u64, mut keys: Vec<KeyBytes>) -> Result<LockRequest, Stopped> {
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
        Ok(LockRequest { number, keys })
    }

    /// Waits until no earlier batch holds one of the request's keys.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the run stops first. An abandoned batch also ends the waits for it.
    pub fn wait(&self, request: &LockRequest) -> Result<(), Stopped> {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            if state.stopped {
                return Err(Stopped);
            }
            if !state.is_held_before(request) {
                state.waits += u64::from(waited);
                return Ok(());
            }
            waited = true;
            state = self.wait_for_change(state);
        }
    }

    /// Releases the keys of a batch whose records are all committed or logged.
    pub fn release(&self, request: LockRequest) {
        let LockRequest { number, keys } = request;
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

    /// Ends all waits.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Number of batches that waited for an earlier one.
    pub fn waits(&self) -> u64 {
        self.lock().waits
    }

    fn wait_for_change<'a>(
        &self,
        mut state: MutexGuard<'a, LockState>,
    ) -> MutexGuard<'a, LockState> {
        state.waiting += 1;
        let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, LockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LockState {
    fn is_held_before(&self, request: &LockRequest) -> bool {
        let first_holder = |key| self.holders.get(key).and_then(|holders| holders.first());
        request.keys.iter().filter_map(first_holder).any(|holder| *holder < request.number)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    fn keys(keys: &[u8]) -> Vec<KeyBytes> {
        keys.iter().map(|key| KeyBytes::from_slice(&[*key])).collect()
    }

    /// Returns once this many threads wait.
    fn until_waiting(key_locks: &KeyLocks, threads: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while key_locks.lock().waiting < threads {
            if Instant::now() > deadline {
                key_locks.stop();
                panic!("fewer than {threads} threads wait");
            }
            thread::yield_now();
        }
    }

    /// Numbers of the batches that hold key 1.
    fn holders_of_1(key_locks: &KeyLocks) -> Vec<u64> {
        let state = key_locks.lock();
        state.holders.get(&keys(&[1])[0]).into_iter().flatten().copied().collect()
    }

    #[test]
    fn batches_register_in_number_order() {
        let key_locks = KeyLocks::default();
        thread::scope(|scope| {
            for (place, number) in [3, 1, 2].into_iter().enumerate() {
                let key_locks = &key_locks;
                scope.spawn(move || {
                    let _request = key_locks.register(number, keys(&[1])).unwrap();
                    let holders = holders_of_1(key_locks);
                    assert!((0..=number).all(|earlier| holders.contains(&earlier)), "{holders:?}");
                });
                until_waiting(key_locks, place + 1);
            }
            assert_eq!(holders_of_1(&key_locks), [] as [u64; 0]);
            let _request = key_locks.register(0, keys(&[1])).unwrap();
        });
        assert_eq!(holders_of_1(&key_locks), [0, 1, 2, 3]);
    }

    #[test]
    fn a_batch_waits_for_every_earlier_batch_that_holds_one_of_its_keys() {
        let key_locks = KeyLocks::default();
        let zero = key_locks.register(0, keys(&[1, 2])).unwrap();
        let one = key_locks.register(1, keys(&[2, 3])).unwrap();
        let two = key_locks.register(2, keys(&[3, 4])).unwrap();
        let ended = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for request in [two, one] {
                let (key_locks, ended) = (&key_locks, &ended);
                scope.spawn(move || {
                    key_locks.wait(&request).unwrap();
                    ended.lock().unwrap().push(request.number);
                    key_locks.release(request);
                });
            }
            key_locks.wait(&zero).unwrap();
            ended.lock().unwrap().push(0);
            key_locks.release(zero);
        });
        assert_eq!(*ended.lock().unwrap(), [0, 1, 2]);
    }

    #[test]
    fn batches_without_a_common_key_do_not_wait() {
        let key_locks = KeyLocks::default();
        let _zero = key_locks.register(0, keys(&[1])).unwrap();
        let one = key_locks.register(1, keys(&[2])).unwrap();
        key_locks.wait(&one).unwrap();
        assert_eq!(key_locks.waits(), 0);
    }

    #[test]
    fn every_wait_ends_when_the_run_stops() {
        let key_locks = KeyLocks::default();
        let zero = key_locks.register(0, keys(&[1])).unwrap();
        let one = key_locks.register(1, keys(&[1])).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| key_locks.wait(&one));
            let registering = scope.spawn(|| key_locks.register(7, Vec::new()).map(|_| ()));
            until_waiting(&key_locks, 2);
            key_locks.stop();
            assert_eq!(waiting.join().unwrap(), Err(Stopped));
            assert_eq!(registering.join().unwrap(), Err(Stopped));
        });
        key_locks.release(zero);
    }

    #[test]
    fn ended_batches_release_all_state() {
        let key_locks = KeyLocks::default();
        for number in 0..100 {
            let request = key_locks.register(number, keys(&[1, 1, 2])).unwrap();
            key_locks.wait(&request).unwrap();
            key_locks.release(request);
        }
        assert!(key_locks.lock().holders.is_empty());
    }
}
