//! Which records come next: numbered batches of keys, without those that the log has already.
//! Reads keys and log, never a record's text.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::Config;
use crate::error::Result;
use crate::log::{Log, Logged};
use crate::source::Reader;
use crate::store::retry::Patience;
use crate::store::{Connection, Role, Store};

/// Hands out the keys of a source in ascending order; holds one page of them at a time.
pub struct Feed<'a> {
    reader: Box<dyn Reader + 'a>,
    store: &'a dyn Store,
    connection: Box<dyn Connection>,
    log: Log,
    batch_size: NonZeroUsize,
    retry_failed: bool,
    /// Records that may still be read.
    left: u64,
    last_key: i32,
    page: VecDeque<i32>,
    /// What the log says of the page's keys.
    logged: FxHashMap<i32, Logged>,
    next_number: u64,
    skipped: u64,
}

/// The keys of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The batch's number, from 0 without gaps.
    pub number: u64,
    /// Ascending; at least one.
    pub keys: Vec<i32>,
    /// Those of them whose failure is in the log and has to give way.
    pub retried: FxHashSet<i32>,
    /// Records that were passed over on the way to these because the log has them.
    pub skipped: u64,
}

impl<'a> Feed<'a> {
    /// A feed from the source's beginning; log look-ups go over `connection`, or over another one
    /// to `store` when that is gone.
    pub fn new(
        reader: Box<dyn Reader + 'a>,
        store: &'a dyn Store,
        connection: Box<dyn Connection>,
        log: Log,
        config: &Config,
    ) -> Self {
        Self {
            reader,
            store,
            connection,
            log,
            batch_size: config.settings.batch_size,
            retry_failed: config.retry_failed,
            left: config.limit,
            last_key: 0,
            page: VecDeque::new(),
            logged: FxHashMap::default(),
            next_number: 0,
            skipped: 0,
        }
    }

    /// The next batch; none at the source's end or at the limit.
    pub fn next_share(&mut self) -> Result<Option<Share>> {
        let size = (self.batch_size.get() as u64).min(self.left);
        let mut keys = Vec::new();
        let mut retried = FxHashSet::default();
        let skipped_before = self.skipped;
        while (keys.len() as u64) < size {
            let Some(key) = self.next_key()? else { break };
            match self.logged.get(&key) {
                None => {}
                Some(Logged::Failed) if self.retry_failed => {
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
        Ok(Some(Share { number, keys, retried, skipped: self.skipped - skipped_before }))
    }

    /// How many batches were handed out so far; their numbers are those below.
    pub fn numbered(&self) -> u64 {
        self.next_number
    }

    /// Records passed over so far because the log has them.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// At most `most` of the keys that were handed out or passed over and that the log does not
    /// have, ascending, from a second reading of source and log.
    pub fn unlogged(&mut self, most: usize) -> Result<Vec<i32>> {
        let last = self.page.front().map_or(self.last_key, |next| next - 1);
        let mut unlogged = Vec::new();
        (self.last_key, self.page) = (0, VecDeque::new());
        while unlogged.len() < most {
            match self.next_key()? {
                Some(key) if key <= last => {
                    if !self.logged.contains_key(&key) {
                        unlogged.push(key);
                    }
                }
                _ => break,
            }
        }
        Ok(unlogged)
    }

    fn next_key(&mut self) -> Result<Option<i32>> {
        if self.page.is_empty() {
            let keys = self.reader.keys_after(self.last_key, self.batch_size.get())?;
            if let (Some(&first), Some(&last)) = (keys.first(), keys.last()) {
                self.logged = self.look_up(first, last)?;
                self.last_key = last;
                self.page = keys.into();
            }
        }
        Ok(self.page.pop_front())
    }

    /// What the log says of the keys in a closed range, asked until there is an answer.
    fn look_up(&mut self, first: i32, last: i32) -> Result<FxHashMap<i32, Logged>> {
        let mut patience = Patience::default();
        loop {
            let error = match self.log.look_up(self.connection.as_mut(), first, last) {
                Ok(logged) => return Ok(logged),
                Err(error) => error,
            };
            patience.wait(error)?;
            match self.store.connect(Role::Reader) {
                Ok(connection) => self.connection = connection,
                // The old one says once more that it is gone.
                Err(error) => _ = patience.wait(error)?,
            }
        }
    }
}
