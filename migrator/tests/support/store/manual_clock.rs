//! A clock that advances only on request and sleeps without waiting.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use migrator::util::clock::Clock;

/// Time that tests set. Sleeps are recorded.
pub(crate) struct ManualClock {
    now: Mutex<Instant>,
    slept: Mutex<Vec<Duration>>,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(Instant::now()), slept: Mutex::default() })
    }

    pub(crate) fn advance_s(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }

    /// Sleeps since the previous call, in milliseconds.
    pub(crate) fn slept_ms(&self) -> Vec<u128> {
        self.slept.lock().unwrap().drain(..).map(|time| time.as_millis()).collect()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
        self.slept.lock().unwrap().push(time);
    }
}
