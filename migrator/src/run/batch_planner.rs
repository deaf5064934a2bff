//! Which records come next: planned batches of keys, without those that the log has already.
//! Reads keys and log, never a record's text.
//!
//! Source and log may be on different servers, so keys are compared page by page. A migration that is
//! taken up would so read every key that is done once more. But where the log has *every* number of a
//! range there is nothing in it to look for, whatever the source has. So behind a page without gaps
//! that is all logged it is query_log once whether the log has any gap; if it has, ranges are counted in
//! it, twice as many numbers each time, until one lacks some; then half as many, until a page is read
//! again. A gap in the log is never stepped over, and a source with gaps is read as before.

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

/// Most numbers that one statement counts: an answer takes some hundredths of a second.
const SPAN_MAX: i32 = 1 << 20;

/// Hands out the keys of a source in ascending order; holds one page of them at a time.
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
    /// Whether the page has every number from its first to its last, and the log has them all.
    page_is_done: bool,
    /// What the log says of the page's keys.
    logged: FxHashMap<i32, LogStatus>,
    next_number: u64,
    skipped: u64,
}

/// How keys are passed over by range_skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeSkip {
    /// Not at all: failed records are looked for, or the log may take a key twice.
    Never,
    /// All rows of the log at once, the first time.
    All,
    /// By ranges, from then on.
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
    /// The batch's number, from 0 without gaps.
    pub number: u64,
    /// Ascending; at least one.
    pub keys: Vec<i32>,
    /// Those of them whose failure is in the log and has to give way.
    pub retried: FxHashSet<i32>,
    /// Records that were passed over on the way to these because the log has them.
    pub skipped: u64,
}

impl<'a> BatchPlanner<'a> {
    /// A planner from the source's beginning; log look-ups go over `connection`, or over another one
    /// to `store` when that is gone. `log_has_key`: the log takes no record twice.
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

    /// The next batch; none at the source's end or at the limit.
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

    /// How many batches were handed out so far; their numbers are those below.
    pub fn planned(&self) -> u64 {
        self.next_number
    }

    /// Records passed over so far because the log has them.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// At most `most` of the keys that were handed out or passed over and that the log does not
    /// have, ascending, from a second reading of source and log.
    pub fn missing_keys(&mut self, most: usize) -> Result<Vec<i32>> {
        let last = self.page.front().map_or(self.last_key, |next| next - 1);
        let mut missing_keys = Vec::new();
        (self.last_key, self.page) = (0, VecDeque::new());
        while missing_keys.len() < most {
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

    /// Goes on behind the ranges of which the log has every number.
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

    /// What the log says, query_log until there is an answer.
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
                // The old one says once more that it is gone.
                Err(error) => _ = backoff.wait(error)?,
            }
        }
    }
}
