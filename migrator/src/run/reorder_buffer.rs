//! Reorder buffer: several threads produce numbered items ahead of time, and consumers get them in
//! number order. The producers stay within a window.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex, MutexGuard};

/// Numbered items of several producers for several consumers.
#[derive(Debug)]
pub struct ReorderBuffer<T> {
    state: Mutex<BufferState<T>>,
    changed: Condvar,
    window: u64,
}

#[derive(Debug)]
struct BufferState<T> {
    ready: BTreeMap<u64, T>,
    /// Items that producers have reserved.
    reserved: u64,
    /// Items that consumers have requested. Numbers are handed out in this order.
    requested: u64,
    /// Total number of items, once known.
    total: Option<u64>,
    stopped: bool,
    ready_peak: u64,
}

impl<T> ReorderBuffer<T> {
    /// A buffer whose producers may be at most `window` items ahead of the consumers.
    pub fn new(window: NonZeroUsize) -> Self {
        let state = BufferState {
            ready: BTreeMap::new(),
            reserved: 0,
            requested: 0,
            total: None,
            stopped: false,
            ready_peak: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), window: window.get() as u64 }
    }

    /// Waits for the right to produce one more item. False if there are no more items, or the
    /// buffer was stopped.
    pub fn reserve(&self) -> bool {
        let mut state = self.lock();
        while !state.stopped
            && state.total.is_none()
            && state.reserved >= state.requested + self.window
        {
            state = self.wait(state);
        }
        let may = !state.stopped && state.total.is_none();
        state.reserved += u64::from(may);
        may
    }

    /// Adds item `number`. Numbers start at 0 and have no gaps.
    pub fn push(&self, number: u64, item: T) {
        let mut state = self.lock();
        state.ready.insert(number, item);
        state.ready_peak = state.ready_peak.max(state.ready.len() as u64);
        self.changed.notify_all();
    }

    /// Sets the total number of items.
    pub fn finish(&self, total: u64) {
        self.lock().total = Some(total);
        self.changed.notify_all();
    }

    /// Waits for the next item in order. `None` after the last one, or if the buffer was stopped.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        let number = state.requested;
        state.requested += 1;
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

    /// Ends all waits and drops the items that are ready.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.ready.clear();
        self.changed.notify_all();
    }

    /// Largest number of items that were ready at one time.
    pub fn ready_peak(&self) -> u64 {
        self.lock().ready_peak
    }

    fn wait<'a>(&self, state: MutexGuard<'a, BufferState<T>>) -> MutexGuard<'a, BufferState<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BufferState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    fn buffer(window: usize) -> ReorderBuffer<u64> {
        ReorderBuffer::new(NonZeroUsize::new(window).unwrap())
    }

    /// Makes the numbers below `total` with several threads.
    fn make(buffer: &ReorderBuffer<u64>, next: &AtomicU64, total: u64) {
        while buffer.reserve() {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number < total {
                buffer.push(number, number);
            } else {
                buffer.finish(total);
            }
        }
    }

    #[test]
    fn items_are_delivered_in_number_order_from_any_producer() {
        let (buffer, next) = (buffer(3), AtomicU64::new(0));
        let taken = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| make(&buffer, &next, 100));
            }
            std::iter::from_fn(|| buffer.pop()).collect::<Vec<_>>()
        });
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
        assert!(buffer.ready_peak() <= 4, "the window and the one that is requested for");
    }

    #[test]
    fn several_consumers_share_all_items() {
        let (buffer, next) = (buffer(2), AtomicU64::new(0));
        let mut taken = thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| std::iter::from_fn(|| buffer.pop()).collect::<Vec<_>>()))
                .collect();
            for _ in 0..2 {
                scope.spawn(|| make(&buffer, &next, 50));
            }
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect::<Vec<_>>()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn producers_and_consumers_end_on_stop() {
        let buffer = buffer(1);
        assert!(buffer.reserve());
        thread::scope(|scope| {
            let maker = scope.spawn(|| buffer.reserve());
            let taker = scope.spawn(|| buffer.pop());
            buffer.stop();
            assert!(!maker.join().unwrap() || !buffer.reserve());
            assert_eq!(taker.join().unwrap(), None);
        });
    }
}
