//! Counters of the server during a run: waits of the run's sessions, log traffic, lock escalations.
//! Absent if the login may not read them.
//!
//! The server drops a session's waits when it closes. So each writing session is queried at its
//! end, one more message for each connection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tiberius::ColumnData;
use tiberius::numeric::Numeric;

use crate::telemetry::report::{ServerReport, ServerWait};

use super::value::whole;
use super::wire::Wire;

/// Waits of the current session, which every login may read.
pub(crate) const SESSION_WAITS: &str = "SELECT [wait_type], [waiting_tasks_count], [wait_time_ms], \
     [signal_wait_time_ms] FROM [sys].[dm_exec_session_wait_stats] WHERE [session_id] = @@SPID";
/// Bytes and writes to the database's log file (file 2), and their time.
pub(crate) const LOG_FILE: &str = "SELECT SUM([num_of_bytes_written]), SUM([num_of_writes]), \
     SUM([io_stall_write_ms]) FROM [sys].[dm_io_virtual_file_stats](DB_ID(), 2)";
/// Number of escalations from row locks to a table lock.
pub(crate) const ESCALATIONS: &str = "SELECT SUM([index_lock_promotion_count]) \
     FROM [sys].[dm_db_index_operational_stats](DB_ID(), NULL, NULL, NULL)";

/// Counters of one run.
#[derive(Default)]
pub struct ServerStats {
    sees_sessions: AtomicBool,
    before: Mutex<Option<Totals>>,
    waits: Mutex<BTreeMap<String, ServerWait>>,
}

/// Counters of the whole database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    log: Option<[u64; 3]>,
    escalations: Option<u64>,
}

impl Totals {
    fn read(wire: &mut Wire) -> Self {
        Self {
            log: numbers(wire, LOG_FILE),
            escalations: numbers(wire, ESCALATIONS).map(|[count]| count),
        }
    }
}

impl ServerStats {
    /// Starts counting, as far as this session may read the counters.
    pub fn start(&self, wire: &mut Wire) {
        self.sees_sessions.store(wire.batch_row(SESSION_WAITS).is_ok(), Ordering::Relaxed);
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(Totals::read(wire));
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Adds the waits of a session before it is closed.
    pub fn add_session(&self, wire: &mut Wire) {
        if !self.sees_sessions.load(Ordering::Relaxed) {
            return;
        }
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        // A failed query adds no waits.
        let _ = wire.query(SESSION_WAITS, Vec::new(), &mut |row| {
            add_wait(&mut waits, row);
            Ok(())
        });
    }

    /// Counters since the start. `None` if none could be read.
    pub fn report(&self, wire: &mut Wire) -> Option<ServerReport> {
        let before = (*self.before.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = Totals::read(wire);
        let log = now.log.zip(before.log);
        let since = |place: usize| log.map(|(now, then)| now[place].saturating_sub(then[place]));
        let escalations = now.escalations.zip(before.escalations);
        let report = ServerReport {
            waits: self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            log_bytes: since(0),
            log_writes: since(1),
            log_write_ms: since(2),
            lock_escalations: escalations.map(|(now, then)| now.saturating_sub(then)),
        };
        (report != ServerReport::default()).then_some(report)
    }
}

fn add_wait(waits: &mut BTreeMap<String, ServerWait>, row: &[ColumnData<'_>]) {
    let [ColumnData::String(Some(name)), counts @ ..] = row else { return };
    let [Some(count), Some(wait_ms), Some(signal_ms)] =
        counts.iter().map(number).collect::<Vec<_>>()[..]
    else {
        return;
    };
    if count > 0 {
        let wait = waits.entry(name.trim_end().to_owned()).or_default();
        wait.count += count;
        wait.wait_ms += wait_ms;
        wait.signal_ms += signal_ms;
    }
}

/// Numbers in the single row of a query. `None` if the server gives no such answer.
fn numbers<const N: usize>(wire: &mut Wire, text: &str) -> Option<[u64; N]> {
    let row = wire.batch_row(text).ok()??;
    row.iter().map(number).collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn number(data: &ColumnData<'_>) -> Option<u64> {
    if let ColumnData::Numeric(Some(number)) = data {
        return u64::try_from(Numeric::int_part(*number)).ok();
    }
    u64::try_from(whole(data)??).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_of_a_type_are_summed() {
        let mut waits = BTreeMap::new();
        let row = |name: &'static str, count| {
            let number = |number| ColumnData::I64(Some(number));
            [ColumnData::String(Some(name.into())), number(count), number(7), number(2)]
        };
        for row in [row("WRITELOG", 3), row("WRITELOG  ", 1), row("LCK_M_X", 0)] {
            add_wait(&mut waits, &row);
        }
        add_wait(&mut waits, &[ColumnData::I32(Some(1))]);
        let wait = ServerWait { count: 4, wait_ms: 14, signal_ms: 4 };
        assert_eq!(waits, BTreeMap::from([("WRITELOG".to_owned(), wait)]));
    }

    #[test]
    fn sums_may_be_of_any_whole_type() {
        assert_eq!(number(&ColumnData::I32(Some(5))), Some(5));
        assert_eq!(number(&ColumnData::Numeric(Some(Numeric::new_with_scale(50, 1)))), Some(5));
        assert_eq!(number(&ColumnData::I64(None)), None);
        assert_eq!(number(&ColumnData::I64(Some(-1))), None);
    }
}
