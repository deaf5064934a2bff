//! Write lock of this process: one connection writes at a time.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The lock, shared by all connections of the process to one store.
#[derive(Debug, Default)]
pub(super) struct WriteLock {
    taken: Mutex<bool>,
    free: Condvar,
}

impl WriteLock {
    /// Waits until no other connection of this process writes. The holder waits for other processes
    /// at most for the busy timeout, so this wait ends too.
    pub(super) fn lock(self: &Arc<Self>) -> WriteGuard {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken =
            self.free.wait_while(taken, |taken| *taken).unwrap_or_else(PoisonError::into_inner);
        *taken = true;
        WriteGuard { lock: Arc::clone(self) }
    }
}

/// Releases the lock when dropped.
#[derive(Debug)]
pub(super) struct WriteGuard {
    lock: Arc<WriteLock>,
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        *self.lock.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.lock.free.notify_one();
    }
}
