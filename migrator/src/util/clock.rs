//! A clock behind a trait, so that tests control the time.

use std::thread;
use std::time::{Duration, Instant};

/// A monotonic clock that can sleep.
pub trait Clock: Send + Sync {
    /// The current time. Never earlier than a time returned before.
    fn now(&self) -> Instant;

    /// Blocks for `time`.
    fn sleep(&self, time: Duration);
}

/// The operating system's monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}
