//! Where records come from: the traits of a source. A source decodes nothing and writes nothing.

pub mod files;
pub mod location;
pub mod server_table;
pub mod synthetic;
pub mod table;

use crate::error::Result;
use crate::record::RawRecord;
use crate::stage::validate::RECORD_BYTES_MAX;

use self::synthetic::SyntheticSource;

/// Most bytes of a record that are read: enough for validation to see that there are too many.
pub const RECORD_BYTES_READ_MAX: usize = RECORD_BYTES_MAX + 1;

/// Records under ascending keys from 1 to `i32::MAX`.
pub trait Source: Send + Sync {
    /// How many records there are; for a progress bar, before the first is read.
    fn count(&self) -> u64;

    /// A reader of its own for each thread.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;
}

/// Reads from a source; several may read at once.
pub trait Reader: Send {
    /// At most `max` keys above `after`, ascending, none twice; empty at the end.
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>>;

    /// Gives the records with these ascending keys to `each`, one at a time. A record that has
    /// vanished since its key was read is left out.
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
