//! Retries after temporary errors: pauses and maximum numbers.
//!
//! | cause | pause before retry n | retries |
//! |---|---|---|
//! | busy | 10 ms · 2ⁿ⁻¹ | 5 |
//! | deadlock, conflict | 20 ms · 2ⁿ⁻¹, at most 2 s | 10 |
//! | disconnected | 50 ms · 2ⁿ⁻¹, at most 5 s | 8 |
//! | unavailable | 250 ms · 2ⁿ⁻¹, at most 10 s | 8 |
//!
//! Before a run has started there are at most 3 retries, so an unreachable server is reported soon.
//! All pauses except `busy` are jittered between 50 % and 100 %, so that colliding transactions do
//! not collide again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::metrics::Retry;

use super::{Connection, Role, Store};

/// Maximum number of retries while the store is busy.
pub(crate) const BUSY_RETRIES_MAX: u32 = 5;
/// Maximum number of retries of a batch after another process has logged some of its records. There
/// is no pause, because each retry looks up the log again.
pub(crate) const RACE_RETRIES_MAX: u32 = 5;
/// Maximum number of retries after a deadlock or a conflict.
pub(crate) const CONFLICT_RETRIES_MAX: u32 = 10;
/// Maximum number of retries on another connection.
pub(crate) const RECONNECT_RETRIES_MAX: u32 = 8;
/// Maximum number of retries before a run has started.
const START_RETRIES_MAX: u32 = 3;

/// Retries so far, by cause.
#[derive(Debug)]
pub(crate) struct Backoff {
    tries: BTreeMap<Retry, u32>,
    max: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { tries: BTreeMap::new(), max: u32::MAX }
    }
}

impl Backoff {
    /// A backoff for work before a run has started.
    fn at_start() -> Self {
        Self { max: START_RETRIES_MAX, ..Self::default() }
    }

    /// Counts a retry and waits for the pause of its cause.
    ///
    /// # Errors
    ///
    /// The error itself if a retry cannot help, or if there were too many retries.
    pub(crate) fn wait(&mut self, error: Error) -> Result<Retry> {
        let Some(cause) = cause(error.kind()) else { return Err(error) };
        let tries = self.tries.entry(cause).or_default();
        *tries += 1;
        let max = retries_max(cause).min(self.max);
        if *tries > max {
            let message = format!("giving up after {max} retries ({})", cause.name());
            return Err(Error::caused(error.kind(), message, error));
        }
        thread::sleep(pause(cause, *tries));
        Ok(cause)
    }
}

/// Runs work before a run has started, with retries.
pub(crate) fn at_start<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    until_done(Backoff::at_start(), &mut work)
}

fn until_done<T>(mut backoff: Backoff, work: &mut dyn FnMut() -> Result<T>) -> Result<T> {
    loop {
        match work() {
            Ok(done) => return Ok(done),
            Err(error) => backoff.wait(error)?,
        };
    }
}

/// Runs work on a new connection, with retries from the start.
pub(crate) fn with_connection<T>(
    store: &dyn Store,
    role: Role,
    work: &mut dyn FnMut(&mut dyn Connection) -> Result<T>,
) -> Result<T> {
    until_done(Backoff::default(), &mut || {
        store.connect(role).and_then(|mut connection| work(connection.as_mut()))
    })
}

/// Cause of a retry. `None` for errors that a retry cannot fix.
fn cause(kind: ErrorKind) -> Option<Retry> {
    match kind {
        ErrorKind::Busy => Some(Retry::Busy),
        ErrorKind::Deadlock => Some(Retry::Deadlock),
        ErrorKind::Conflict => Some(Retry::Conflict),
        ErrorKind::Disconnected => Some(Retry::Disconnected),
        ErrorKind::Unavailable => Some(Retry::Unavailable),
        ErrorKind::Usage
        | ErrorKind::Environment
        | ErrorKind::Data
        | ErrorKind::Stopped
        | ErrorKind::Interrupted
        | ErrorKind::Imbalance => None,
    }
}

fn retries_max(cause: Retry) -> u32 {
    match cause {
        Retry::Disconnected | Retry::Unavailable => RECONNECT_RETRIES_MAX,
        Retry::Deadlock | Retry::Conflict => CONFLICT_RETRIES_MAX,
        _ => BUSY_RETRIES_MAX,
    }
}

fn pause(cause: Retry, tries: u32) -> Duration {
    let (first_ms, most_ms) = match cause {
        Retry::Disconnected => (50, 5_000),
        Retry::Unavailable => (250, 10_000),
        Retry::Deadlock | Retry::Conflict => (20, 2_000),
        _ => (10, 10_000),
    };
    let whole_ms = (first_ms << (tries - 1).min(16)).min(most_ms);
    if cause == Retry::Busy {
        return Duration::from_millis(whole_ms);
    }
    // Each `RandomState` of std is a new random value. No measured value depends on it.
    let drawn = RandomState::new().build_hasher().finish();
    Duration::from_millis(whole_ms / 2 + drawn % (whole_ms / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for (cause, tries, from_ms, to_ms) in [
            (Retry::Busy, 1, 10, 10),
            (Retry::Busy, 5, 160, 160),
            (Retry::Deadlock, 1, 10, 20),
            (Retry::Conflict, 5, 160, 320),
            (Retry::Disconnected, 1, 25, 50),
            (Retry::Disconnected, 8, 2_500, 5_000),
            (Retry::Unavailable, 8, 5_000, 10_000),
        ] {
            let pause_ms = pause(cause, tries).as_millis();
            assert!((from_ms..=to_ms).contains(&pause_ms), "{cause:?} {tries}: {pause_ms}");
        }
    }

    #[test]
    fn errors_that_a_retry_cannot_fix_are_returned_at_once() {
        for kind in [ErrorKind::Usage, ErrorKind::Environment, ErrorKind::Data, ErrorKind::Stopped]
        {
            let mut backoff = Backoff::default();
            let error = backoff.wait(Error::new(kind, "no")).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, "no"));
        }
    }

    #[test]
    fn a_start_has_at_most_three_retries() {
        let mut tries = 0;
        let outcome: Result<()> = at_start(|| {
            tries += 1;
            Err(Error::new(ErrorKind::Disconnected, "refused"))
        });
        assert_eq!((tries, outcome.unwrap_err().kind()), (4, ErrorKind::Disconnected));
    }

    #[test]
    fn retries_are_limited_separately_for_each_cause() {
        let mut backoff = Backoff::default();
        for _ in 0..BUSY_RETRIES_MAX {
            let cause = backoff.wait(Error::new(ErrorKind::Busy, "locked")).unwrap();
            assert_eq!(cause, Retry::Busy);
        }
        assert!(backoff.wait(Error::new(ErrorKind::Deadlock, "victim")).is_ok());
        let error = backoff.wait(Error::new(ErrorKind::Busy, "locked")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert_eq!(error.to_string(), "giving up after 5 retries (busy): locked");
    }
}
