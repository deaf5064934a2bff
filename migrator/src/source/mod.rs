//! Sources of records: their traits and implementations. A source delivers bytes without decoding
//! them.

pub mod files;
pub mod location;
pub(crate) mod server_table;
pub mod synthetic;
pub mod table;

use crate::error::Result;
use crate::record::RawRecord;
use crate::stage::validate::RECORD_BYTES_MAX;

use self::synthetic::SyntheticSource;

/// Maximum number of bytes that are read of a record. One more than allowed, so that validation
/// detects a record that is too large.
pub const RECORD_BYTES_READ_MAX: usize = RECORD_BYTES_MAX + 1;

/// Records with ascending keys from 1 to `i32::MAX`.
pub trait Source: Send + Sync {
    /// Number of records, for a progress bar. Available before the first record is read.
    fn count(&self) -> u64;

    /// Creates a reader. Each thread has its own.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;
}

/// Reads from a source. Readers work concurrently.
pub trait Reader: Send {
    /// At most `max` keys above `after`, ascending and distinct. Empty at the end.
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>>;

    /// Passes the records with these ascending keys to `each`, one at a time. A record that has
    /// been deleted since its key was read is skipped.
    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()>;
}

impl Source for SyntheticSource {
    fn count(&self) -> u64 {
        self.records().into()
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self))
    }
}

impl Reader for &SyntheticSource {
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>> {
        let last = i32::try_from(self.records()).unwrap_or(i32::MAX);
        Ok((after.saturating_add(1)..=last).take(max).collect())
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        keys.iter().try_for_each(|key| each(self.record(key.unsigned_abs())))
    }
}
