//! Work done ahead by a pool of threads, given out in the order of its numbers and never further
//! ahead than a window. Knows nothing of what it carries.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex, MutexGuard};

/// Numbered items that many threads make and many threads take.
#[derive(Debug)]
pub struct Handout<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    window: u64,
}

#[derive(Debug)]
struct State<T> {
    ready: BTreeMap<u64, T>,
    /// Items that somebody has begun to make.
    begun: u64,
    /// Items that somebody has asked for; the numbers are given out in this order.
    asked: u64,
    /// How many items there are, once that is known.
    total: Option<u64>,
    stopped: bool,
    ready_peak: u64,
}

impl<T> Handout<T> {
    /// For makers who may be at most `window` items ahead of the takers.
    pub fn new(window: NonZeroUsize) -> Self {
        let state = State {
            ready: BTreeMap::new(),
            begun: 0,
            asked: 0,
            total: None,
            stopped: false,
            ready_peak: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), window: window.get() as u64 }
    }

    /// Waits for the right to begin one more item; false if there are no more, or all has stopped.
    pub fn may_begin(&self) -> bool {
        let mut state = self.lock();
        while !state.stopped && state.total.is_none() && state.begun >= state.asked + self.window {
            state = self.wait(state);
        }
        let may = !state.stopped && state.total.is_none();
        state.begun += u64::from(may);
        may
    }

    /// Delivers item `number`, counted from 0 without gaps.
    pub fn deliver(&self, number: u64, item: T) {
        let mut state = self.lock();
        state.ready.insert(number, item);
        state.ready_peak = state.ready_peak.max(state.ready.len() as u64);
        self.changed.notify_all();
    }

    /// Says that there are `total` items and no more.
    pub fn finish(&self, total: u64) {
        self.lock().total = Some(total);
        self.changed.notify_all();
    }

    /// Takes the next item in order, waiting for it; `None` after the last, or if all has stopped.
    pub fn take(&self) -> Option<T> {
        let mut state = self.lock();
        let number = state.asked;
        state.asked += 1;
        self.changed.notify_all();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(item) = state.ready.remove(&number) {
                return Some(item);
            }
            if state.total.is_some_and(|total| number >= total) {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Ends every wait; what is ready is dropped.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.ready.clear();
        self.changed.notify_all();
    }

    /// Most items that were ready and not taken at one time.
    pub fn ready_peak(&self) -> u64 {
        self.lock().ready_peak
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    fn handout(window: usize) -> Handout<u64> {
        Handout::new(NonZeroUsize::new(window).unwrap())
    }

    /// Makes the numbers below `total` with several threads.
    fn make(handout: &Handout<u64>, next: &AtomicU64, total: u64) {
        while handout.may_begin() {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number < total {
                handout.deliver(number, number);
            } else {
                handout.finish(total);
            }
        }
    }

    #[test]
    fn items_are_taken_in_number_order_whoever_makes_them() {
        let (handout, next) = (handout(3), AtomicU64::new(0));
        let taken = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| make(&handout, &next, 100));
            }
            std::iter::from_fn(|| handout.take()).collect::<Vec<_>>()
        });
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
        assert!(handout.ready_peak() <= 4, "the window and the one that is asked for");
    }

    #[test]
    fn many_takers_share_all_items_between_them() {
        let (handout, next) = (handout(2), AtomicU64::new(0));
        let mut taken = thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| std::iter::from_fn(|| handout.take()).collect::<Vec<_>>()))
                .collect();
            for _ in 0..2 {
                scope.spawn(|| make(&handout, &next, 50));
            }
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn makers_and_takers_end_when_all_stops() {
        let handout = handout(1);
        assert!(handout.may_begin());
        thread::scope(|scope| {
            let maker = scope.spawn(|| handout.may_begin());
            let taker = scope.spawn(|| handout.take());
            handout.stop();
            assert!(!maker.join().unwrap() || !handout.may_begin());
            assert_eq!(taker.join().unwrap(), None);
        });
    }
}
