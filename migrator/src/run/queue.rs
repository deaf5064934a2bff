//! Queue between the two halves of a worker, bounded by items and by bytes. A rejected item is
//! returned to the producer.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::PoisonError;

use crate::util::sync::{Condvar, Mutex, MutexGuard};

/// First-in, first-out queue for one producer and one consumer.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<QueueState<T>>,
    changed: Condvar,
    depth: NonZeroUsize,
    bytes_max: u64,
}

#[derive(Debug)]
struct QueueState<T> {
    items: VecDeque<(T, u64)>,
    bytes: u64,
    /// The producer is done. Queued items can still be popped.
    finished: bool,
    /// One side has given up. No item goes in or out.
    stopped: bool,
    counts: QueueCounts,
}

/// Peaks of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Largest number of items in the queue.
    pub items_peak: u64,
    /// Largest number of bytes in the queue.
    pub bytes_peak: u64,
    /// Items larger than the bound in bytes, which passed alone through the empty queue.
    pub oversize: u64,
}

impl<T> Queue<T> {
    /// An empty queue for at most `depth` items with at most `bytes_max` bytes in total.
    pub fn new(depth: NonZeroUsize, bytes_max: u64) -> Self {
        let state = QueueState {
            items: VecDeque::with_capacity(depth.get()),
            bytes: 0,
            finished: false,
            stopped: false,
            counts: QueueCounts::default(),
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), depth, bytes_max }
    }

    /// Adds an item and waits for room. An item larger than the bound waits until the queue is
    /// empty and passes alone.
    ///
    /// # Errors
    ///
    /// The item itself, if the queue was stopped.
    pub fn push(&self, item: T, bytes: u64) -> Result<(), T> {
        let mut state = self.lock();
        while !state.stopped && !self.has_room(&state, bytes) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return Err(item);
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        let (items, bytes_now) = (state.items.len() as u64, state.bytes);
        let counts = &mut state.counts;
        counts.items_peak = counts.items_peak.max(items);
        counts.bytes_peak = counts.bytes_peak.max(bytes_now);
        counts.oversize += u64::from(bytes > self.bytes_max);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for the oldest item. `None` if the queue was stopped, or if it is empty and the
    /// producer has finished.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some((item, bytes)) = state.items.pop_front() {
                state.bytes -= bytes;
                self.changed.notify_all();
                return Some(item);
            }
            if state.finished {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the producer's side. Queued items can still be popped.
    pub fn finish(&self) {
        self.lock().finished = true;
        self.changed.notify_all();
    }

    /// Ends both sides at once and drops the queued items.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.items.clear();
        state.bytes = 0;
        self.changed.notify_all();
    }

    /// Peaks so far.
    pub fn counts(&self) -> QueueCounts {
        self.lock().counts
    }

    fn has_room(&self, state: &QueueState<T>, bytes: u64) -> bool {
        state.items.is_empty()
            || (state.items.len() < self.depth.get() && state.bytes + bytes <= self.bytes_max)
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn queue<T>(depth: usize, bytes_max: u64) -> Queue<T> {
        Queue::new(NonZeroUsize::new(depth).unwrap(), bytes_max)
    }

    #[test]
    fn items_are_returned_in_insertion_order() {
        let queue = queue(2, 100);
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..100).for_each(|item| queue.push(item, 1).unwrap());
                queue.finish();
            });
            let taken: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
            assert_eq!(taken, (0..100).collect::<Vec<_>>());
        });
        assert!(queue.counts().items_peak <= 2);
    }

    #[test]
    fn the_producer_waits_at_the_limit_of_items_or_bytes() {
        for (depth, bytes_max) in [(2, 1000), (1000, 20)] {
            let queue = queue(depth, bytes_max);
            let pushed = AtomicUsize::new(0);
            thread::scope(|scope| {
                scope.spawn(|| {
                    for item in 0..5 {
                        queue.push(item, 10).unwrap();
                        pushed.fetch_add(1, Ordering::SeqCst);
                    }
                    queue.finish();
                });
                // The consumer takes one only when the producer can go no further without it.
                for item in 0..5 {
                    while pushed.load(Ordering::SeqCst) < (item + 2).min(5) {
                        thread::yield_now();
                    }
                    assert_eq!(queue.pop(), Some(item));
                }
            });
            assert_eq!((queue.counts().items_peak, queue.counts().bytes_peak), (2, 20));
        }
    }

    #[test]
    fn a_larger_item_passes_alone_through_the_empty_queue_and_is_counted() {
        let queue = queue(4, 10);
        thread::scope(|scope| {
            scope.spawn(|| {
                queue.push("small", 1).unwrap();
                queue.push("large", 99).unwrap();
                queue.push("small", 1).unwrap();
                queue.finish();
            });
            let taken: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
            assert_eq!(taken, ["small", "large", "small"]);
        });
        let counts = queue.counts();
        assert_eq!((counts.oversize, counts.bytes_peak), (1, 99));
    }

    #[test]
    fn a_stopped_queue_returns_the_rejected_item_and_ends_the_consumer() {
        let queue = queue(1, 10);
        queue.push("queued", 1).unwrap();
        thread::scope(|scope| {
            let producer = scope.spawn(|| queue.push("refused", 1));
            queue.stop();
            assert_eq!(producer.join().unwrap(), Err("refused"));
        });
        assert_eq!(queue.pop(), None);
    }
}
