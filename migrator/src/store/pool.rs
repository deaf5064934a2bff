//! Writer connections: one per batch, one per worker, or a shared pool. Opens connections on demand
//! and discards those that are not clean when returned.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::config::{PoolConfig, PoolLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::report::Connections;
use crate::util::clock::Clock;
use crate::util::sync::{Condvar, Mutex, MutexGuard};

use super::intercept::{Intercept, Operation};
use super::{Connection, Role, Store};

/// Longest time without a completed call on any connection of a shared pool. A checkout that has
/// waited as long for a connection then fails.
///
/// The wait itself has no bound. A batch may wait behind many others, and each of them may hold its
/// connection for an hour: the search for rejected records sends several statements for each record.
/// One call ends sooner. SQL Server answers each of its statements within `command_timeout_s`
/// (default 60 s), and `SQLite` waits for other processes no longer than its busy timeout.
pub const STALL_MAX: Duration = Duration::from_secs(3_600);

/// Source of the writer connections of a run's workers.
pub struct Pool<'a> {
    store: &'a dyn Store,
    clock: &'a dyn Clock,
    config: PoolConfig,
    state: Mutex<PoolState>,
    /// Signals a change that a waiting checkout may wait for.
    changed: Condvar,
}

/// State shared by the workers. Only a shared pool uses `open`, `idle` and `queue`.
#[derive(Default)]
struct PoolState {
    /// Unused connections. The last one returned is used first, so that surplus connections expire.
    idle: Vec<PooledConnection>,
    /// Connections that are idle, in use or being opened.
    open: usize,
    /// Tickets of the waiting checkouts, first come, first served.
    queue: VecDeque<u64>,
    tickets: u64,
    /// End of the last call on any connection.
    active_at: Option<Instant>,
    closed: bool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    reused: u64,
    discarded: BTreeMap<Discard, u64>,
    waited: u64,
    waited_for: Duration,
}

/// Cause of a discarded connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Discard {
    /// Unused for too long.
    Idle,
    /// Open for too long.
    Lifetime,
    /// Returned with an open transaction.
    OpenTransaction,
    /// A rollback failed on it.
    RollbackFailed,
    /// A call failed for another reason than the data or a concurrent writer.
    Broken,
}

impl Discard {
    /// Name in reports.
    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::OpenTransaction => "open_transaction",
            Self::RollbackFailed => "rollback_failed",
            Self::Broken => "broken",
        }
    }
}

/// A connection and its age.
struct PooledConnection {
    connection: Box<dyn Connection>,
    opened_at: Instant,
    returned_at: Instant,
}

/// One worker's access to the pool. With `pool = worker` it keeps the worker's connection.
pub struct WorkerHandle<'p> {
    pool: &'p Pool<'p>,
    pinned: Option<PooledConnection>,
}

/// A connection for one batch. Dropping it returns the connection.
pub struct Checkout<'h> {
    pool: &'h Pool<'h>,
    pinned: &'h mut Option<PooledConnection>,
    /// `None` between a discarded connection and its replacement.
    held: Option<PooledConnection>,
    in_transaction: bool,
    poisoned: Option<Discard>,
}

impl<'a> Pool<'a> {
    /// A pool without connections.
    pub fn new(store: &'a dyn Store, config: PoolConfig, clock: &'a dyn Clock) -> Self {
        Self { store, clock, config, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Access for one worker.
    pub fn worker_handle(&self) -> WorkerHandle<'_> {
        WorkerHandle { pool: self, pinned: None }
    }

    /// Closes the pool. Further and waiting checkouts fail with kind `Stopped`, and connections
    /// returned to a shared pool are closed.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.close_idle();
        self.changed.notify_all();
    }

    /// The store's connections by role, with the pool's counters for writers.
    pub fn connections(&self) -> BTreeMap<String, Connections> {
        let mut by_role = self.store.connections();
        let writer = by_role.entry(Role::Writer.name().to_owned()).or_default();
        let counts = &self.state().counts;
        writer.reused = counts.reused;
        writer.discarded =
            counts.discarded.iter().map(|(cause, n)| (cause.name().to_owned(), *n)).collect();
        writer.waited = counts.waited;
        writer.waited_ns = u64::try_from(counts.waited_for.as_nanos()).unwrap_or(u64::MAX);
        by_role
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acquire(&self, pinned: &mut Option<PooledConnection>) -> Result<PooledConnection> {
        if let PoolConfig::Shared(limits) = self.config {
            return self.acquire_shared(limits);
        }
        let mut state = self.state();
        if state.closed {
            return Err(stopped());
        }
        if let Some(held) = pinned.take() {
            state.counts.reused += 1;
            return Ok(held);
        }
        drop(state);
        self.open()
    }

    fn acquire_shared(&self, limits: PoolLimits) -> Result<PooledConnection> {
        let mut state = self.wait_for_turn(limits.max.get())?;
        state.close_expired(limits, self.clock.now());
        if let Some(held) = state.idle.pop() {
            state.counts.reused += 1;
            return Ok(held);
        }
        state.open += 1;
        drop(state);
        // Other checkouts continue while this one connects.
        self.open().inspect_err(|_| {
            self.state().open -= 1;
            self.changed.notify_all();
        })
    }

    /// Waits until it is this checkout's turn and the pool has a connection or room for one.
    ///
    /// # Errors
    ///
    /// `Stopped` if the pool is closed. `Environment` if no call on its connections has ended for
    /// [`STALL_MAX`].
    fn wait_for_turn(&self, max: usize) -> Result<MutexGuard<'_, PoolState>> {
        let mut state = self.state();
        let served = state.queue.is_empty() && state.has_room(max);
        if !served && !state.closed {
            let ticket = state.enqueue();
            let since = self.clock.now();
            let mut stalled = false;
            while !state.closed && !stalled && !state.serves(ticket, max) {
                let left = state.time_left(since, self.clock.now());
                stalled = left.is_none();
                if let Some(left) = left {
                    state = self.wait(state, left);
                }
            }
            state.queue.retain(|other| *other != ticket);
            state.counts.waited_for += self.clock.now() - since;
            // There may be room for the next one too.
            self.changed.notify_all();
            if stalled {
                return Err(state.stalled(max));
            }
        }
        if state.closed { Err(stopped()) } else { Ok(state) }
    }

    fn wait<'s>(
        &'s self,
        state: MutexGuard<'s, PoolState>,
        time: Duration,
    ) -> MutexGuard<'s, PoolState> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    fn open(&self) -> Result<PooledConnection> {
        let connection = self.store.connect(Role::Writer)?;
        let now = self.clock.now();
        Ok(PooledConnection { connection, opened_at: now, returned_at: now })
    }

    /// Takes a connection back. `discard` is the cause if it must not be reused.
    fn put_back(
        &self,
        held: PooledConnection,
        discard: Option<Discard>,
        pinned: &mut Option<PooledConnection>,
    ) {
        match (discard, self.config) {
            (None, PoolConfig::Off) => {}
            (None, PoolConfig::Worker) => *pinned = Some(held),
            (None, PoolConfig::Shared(limits)) => self.put_back_shared(held, limits),
            (Some(cause), config) => {
                // The connection is closed before there is room for another.
                drop(held);
                let mut state = self.state();
                state.discarded(cause);
                if let PoolConfig::Shared(_) = config {
                    state.open -= 1;
                    self.changed.notify_all();
                }
            }
        }
    }

    fn put_back_shared(&self, held: PooledConnection, limits: PoolLimits) {
        let now = self.clock.now();
        let mut state = self.state();
        state.idle.push(PooledConnection { returned_at: now, ..held });
        state.close_expired(limits, now);
        if state.closed {
            state.close_idle();
        }
        self.changed.notify_all();
    }
}

impl PoolState {
    fn has_room(&self, max: usize) -> bool {
        !self.idle.is_empty() || self.open < max
    }

    fn enqueue(&mut self) -> u64 {
        self.tickets += 1;
        self.counts.waited += 1;
        self.queue.push_back(self.tickets);
        self.tickets
    }

    fn serves(&self, ticket: u64, max: usize) -> bool {
        self.queue.front() == Some(&ticket) && self.has_room(max)
    }

    /// Remaining time of a wait. `None` if no call has ended for [`STALL_MAX`] since it started.
    fn time_left(&self, waiting_since: Instant, now: Instant) -> Option<Duration> {
        let stalled_since = self.active_at.map_or(waiting_since, |at| at.max(waiting_since));
        STALL_MAX.checked_sub(now - stalled_since).filter(|left| !left.is_zero())
    }

    fn stalled(&self, max: usize) -> Error {
        Error::environment(format!(
            "no connection of the pool came free: {} of {max} are in use, and no call on them has \
             ended for {} minutes. Check what blocks the store, then run the same command again to resume",
            self.open,
            STALL_MAX.as_secs() / 60
        ))
    }

    fn discarded(&mut self, cause: Discard) {
        *self.counts.discarded.entry(cause).or_default() += 1;
    }

    /// Closes idle connections that exceed a limit. Runs under the lock: it is rare, and the number
    /// of open connections stays exact.
    fn close_expired(&mut self, limits: PoolLimits, now: Instant) {
        for held in mem::take(&mut self.idle) {
            match held.expiry(limits, now) {
                None => self.idle.push(held),
                Some(cause) => {
                    drop(held);
                    self.open -= 1;
                    self.discarded(cause);
                }
            }
        }
    }

    fn close_idle(&mut self) {
        self.open -= self.idle.len();
        self.idle.clear();
    }
}

impl PooledConnection {
    fn expiry(&self, limits: PoolLimits, now: Instant) -> Option<Discard> {
        let over = |since: Instant, limit_s: u64| now - since >= Duration::from_secs(limit_s);
        if over(self.opened_at, limits.lifetime_s.get()) {
            Some(Discard::Lifetime)
        } else if over(self.returned_at, limits.idle_s.get()) {
            Some(Discard::Idle)
        } else {
            None
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Stopped, "the run has ended")
}

/// True if a connection can be reused after an error of this kind.
fn stays_usable(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Busy | ErrorKind::Deadlock | ErrorKind::Conflict | ErrorKind::Data)
}

impl WorkerHandle<'_> {
    /// A connection for one batch. If a shared pool has none, checkouts wait and are served in
    /// order.
    pub fn check_out(&mut self) -> Result<Checkout<'_>> {
        let held = Some(self.pool.acquire(&mut self.pinned)?);
        Ok(Checkout {
            pool: self.pool,
            pinned: &mut self.pinned,
            held,
            in_transaction: false,
            poisoned: None,
        })
    }
}

impl Checkout<'_> {
    /// Prepares the connection for another attempt: rolls back, and replaces the connection if the
    /// rollback fails or the connection is not usable.
    pub fn recover(&mut self) -> Result<()> {
        if self.poisoned.is_none() && self.rollback().is_ok() {
            return Ok(());
        }
        self.put_back();
        self.held = Some(self.pool.acquire(self.pinned)?);
        Ok(())
    }

    fn put_back(&mut self) {
        let open = mem::take(&mut self.in_transaction).then_some(Discard::OpenTransaction);
        let discard = self.poisoned.take().or(open);
        if let Some(held) = self.held.take() {
            self.pool.put_back(held, discard, self.pinned);
        }
    }

    /// Runs a call and marks the connection as poisoned after an error that makes it unusable.
    fn call<T>(&mut self, run: impl FnOnce(&mut dyn Connection) -> Result<T>) -> Result<T> {
        let Some(held) = &mut self.held else {
            return Err(Error::new(
                ErrorKind::Disconnected,
                "the connection was discarded and not replaced yet",
            ));
        };
        let outcome = run(held.connection.as_mut());
        if let PoolConfig::Shared(_) = self.pool.config {
            self.pool.state().active_at = Some(self.pool.clock.now());
        }
        if let Err(error) = &outcome
            && !stays_usable(error.kind())
        {
            self.poisoned.get_or_insert(Discard::Broken);
        }
        outcome
    }
}

impl Drop for Checkout<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl Intercept for Checkout<'_> {
    fn intercept<T>(
        &mut self,
        operation: Operation,
        call: impl FnOnce(&mut dyn Connection) -> Result<T>,
    ) -> Result<T> {
        let before = self.poisoned;
        let outcome = self.call(call);
        match (operation, outcome.is_ok()) {
            (Operation::Begin, true) => self.in_transaction = true,
            (Operation::Commit | Operation::Rollback, true) => self.in_transaction = false,
            // Closing the connection ends its transaction. A look-up of the commit on another
            // connection would wait for that end.
            (Operation::Rollback, false) => {
                self.poisoned = before.or(Some(Discard::RollbackFailed));
                self.put_back();
            }
            _ => {}
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_bounded_by_the_time_since_the_last_call() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let hour = STALL_MAX.as_secs();
        // Start of the wait, end of the last call, now, seconds left.
        for (since, active, now, left) in [
            (0, None, 0, Some(hour)),
            (0, None, hour - 1, Some(1)),
            (0, None, hour, None),
            (0, Some(5), hour, Some(5)),
            (0, Some(5), hour + 5, None),
            (0, Some(9 * hour), 9 * hour + 1, Some(hour - 1)),
            (10, Some(0), hour, Some(10)),
        ] {
            let state = PoolState { active_at: active.map(at), ..PoolState::default() };
            let left = left.map(Duration::from_secs);
            assert_eq!(state.time_left(at(since), at(now)), left, "{since} {active:?} {now}");
        }
    }
}
