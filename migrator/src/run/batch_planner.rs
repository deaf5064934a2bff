//! Plans numbered batches of source keys and skips keys that are already logged.
//!
//! Source and log may be on different servers, so keys are compared page by page. A resumed
//! migration would read every finished key again. But if the log has *every* number of a range, the
//! range needs no read, whatever the source has.
//!
//! So after a page without gaps whose keys are all logged, the planner asks once whether the log
//! has any gap. If it has one, the planner counts the log's rows in ranges. It doubles the range
//! until one has a gap, then halves it until a page is read again. A range with a gap is never
//! skipped, and a source with gaps is read page by page.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::Config;
use crate::error::Result;
use crate::source::Reader;
use crate::store::retry::Backoff;
use crate::store::{Connection, Role, Store};
use crate::util::partition::Partition;
use crate::write::log::{Log, LogStatus};

/// Maximum number of keys that one statement counts. An answer takes some hundredths of a second.
const SPAN_MAX: i32 = 1 << 20;

/// Plans batches in ascending order of keys. Holds one page of keys at a time.
pub struct BatchPlanner<'a> {
    reader: Box<dyn Reader + 'a>,
    store: &'a dyn Store,
    connection: Box<dyn Connection>,
    log: Log,
    batch_size: NonZeroUsize,
    retry_failed: bool,
    partition: Partition,
    range_skip: RangeSkip,
    /// Records that may still be read.
    left: u64,
    last_key: i32,
    page: VecDeque<i32>,
    /// True if the page has every number from its first to its last key, and the log has them all.
    page_is_done: bool,
    /// Log entries of the page's keys.
    logged: FxHashMap<i32, LogStatus>,
    next_number: u64,
    skipped: u64,
}

/// Method to skip logged keys by counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSkip {
    /// No skipping: failed records are retried, or the log may have a key twice.
    Never,
    /// Next check: all rows of the log at once.
    All,
    /// Further checks: range by range.
    Ranges,
}

impl RangeSkip {
    fn at_first(is_sound: bool) -> Self {
        if is_sound { Self::All } else { Self::Never }
    }
}

/// The keys of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBatch {
    /// Number of the batch, from 0 without gaps.
    pub number: u64,
    /// Ascending keys, at least one.
    pub keys: Vec<i32>,
    /// Keys whose failure is in the log and has to be deleted.
    pub retried: FxHashSet<i32>,
    /// Records skipped before this batch because the log has them.
    pub skipped: u64,
}

impl<'a> BatchPlanner<'a> {
    /// A planner at the source's beginning. Log look-ups use `connection`, or a new one from
    /// `store` after a disconnect. `log_has_key`: the log rejects a second row for a record.
    pub fn new(
        reader: Box<dyn Reader + 'a>,
        store: &'a dyn Store,
        connection: Box<dyn Connection>,
        log: Log,
        log_has_key: bool,
        config: &Config,
    ) -> Self {
        Self {
            reader,
            store,
            connection,
            log,
            batch_size: config.settings.batch_size,
            retry_failed: config.retry_failed,
            partition: config.partition,
            range_skip: RangeSkip::at_first(log_has_key && !config.retry_failed),
            left: config.limit,
            last_key: 0,
            page: VecDeque::new(),
            page_is_done: false,
            logged: FxHashMap::default(),
            next_number: 0,
            skipped: 0,
        }
    }

    /// The next batch. `None` at the source's end or at the limit.
    pub fn next_key_batch(&mut self) -> Result<Option<KeyBatch>> {
        let size = (self.batch_size.get() as u64).min(self.left);
        let mut keys = Vec::new();
        let mut retried = FxHashSet::default();
        let skipped_before = self.skipped;
        while (keys.len() as u64) < size {
            if self.page.is_empty() && self.page_is_done {
                self.skip_logged_ranges()?;
            }
            let Some(key) = self.next_key()? else { break };
            match self.logged.get(&key) {
                None => {}
                Some(LogStatus::Failed) if self.retry_failed => {
                    retried.insert(key);
                }
                Some(_) => {
                    self.skipped += 1;
                    continue;
                }
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Ok(None);
        }
        self.left -= keys.len() as u64;
        let number = self.next_number;
        self.next_number += 1;
        Ok(Some(KeyBatch { number, keys, retried, skipped: self.skipped - skipped_before }))
    }

    /// Number of batches planned so far. Their numbers are below it.
    pub fn planned(&self) -> u64 {
        self.next_number
    }

    /// Records skipped so far because the log has them.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Up to `max` planned or skipped keys that the log does not have, ascending. Reads source and
    /// log again.
    pub fn missing_keys(&mut self, max: usize) -> Result<Vec<i32>> {
        let last = self.page.front().map_or(self.last_key, |next| next - 1);
        let mut missing_keys = Vec::new();
        (self.last_key, self.page) = (0, VecDeque::new());
        while missing_keys.len() < max {
            match self.next_key()? {
                Some(key) if key <= last => {
                    if !self.logged.contains_key(&key) {
                        missing_keys.push(key);
                    }
                }
                _ => break,
            }
        }
        Ok(missing_keys)
    }

    fn next_key(&mut self) -> Result<Option<i32>> {
        if self.page.is_empty() {
            let keys = self.reader.keys_after(self.last_key, self.batch_size.get())?;
            if let (Some(&first), Some(&last)) = (keys.first(), keys.last()) {
                self.logged = self.query_log(|log, store| log.look_up(store, first, last))?;
                self.last_key = last;
                self.page_is_done = self.partition.count_keys_in(first, last) == keys.len() as u64
                    && keys.iter().all(|key| self.logged.contains_key(key));
                self.page = keys.into();
            }
        }
        Ok(self.page.pop_front())
    }

    /// Skips the ranges of which the log has every number.
    fn skip_logged_ranges(&mut self) -> Result<()> {
        self.page_is_done = false;
        if self.range_skip == RangeSkip::Never || self.last_key == i32::MAX {
            return Ok(());
        }
        if self.range_skip == RangeSkip::All {
            self.range_skip = RangeSkip::Ranges;
            let first = self.last_key + 1;
            if let Some(last) = self.query_log(|log, store| log.end_without_gaps(store, first))? {
                self.skip_to(last);
                return Ok(());
            }
        }
        let least = i32::try_from(self.batch_size.get()).unwrap_or(SPAN_MAX).min(SPAN_MAX);
        let (mut span, mut grows) = (least, true);
        while span >= least && self.last_key < i32::MAX {
            let first = self.last_key + 1;
            let last = first.saturating_add(span - 1);
            if self.query_log(|log, store| log.has_all(store, first, last))? {
                self.skip_to(last);
                span = if grows { span.saturating_mul(2).min(SPAN_MAX) } else { span / 2 };
            } else {
                (span, grows) = (span / 2, false);
            }
        }
        Ok(())
    }

    fn skip_to(&mut self, last: i32) {
        self.skipped += self.partition.count_keys_in(self.last_key + 1, last);
        self.last_key = last;
    }

    /// Queries the log. Retries, on a new connection after a disconnect.
    fn query_log<T>(
        &mut self,
        mut ask: impl FnMut(&Log, &mut dyn Connection) -> Result<T>,
    ) -> Result<T> {
        let mut backoff = Backoff::default();
        loop {
            let error = match ask(&self.log, self.connection.as_mut()) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            backoff.wait(error)?;
            match self.store.connect(Role::Reader) {
                Ok(connection) => self.connection = connection,
                // The old connection reports again that it is lost.
                Err(error) => _ = backoff.wait(error)?,
            }
        }
    }
}
