//! Where records come from: the traits of a source, and the way from a command line's text to one.
//! A source decodes nothing and writes nothing.

pub mod files;
pub mod generated;
pub mod table;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::record::RawRecord;

use self::files::FolderSource;
use self::generated::{Generated, Profile, Spec};
use self::table::{TableNames, TableSource};

/// Most bytes of a record that are read. Validation refuses records of more than 64 MiB, so one byte
/// more is enough for it to see that there are too many.
pub const RECORD_BYTES_READ_MAX: usize = (64 << 20) + 1;

/// Records under ascending keys from 1 to `i32::MAX`.
pub trait Source: Send + Sync {
    /// How many records there are; for a progress bar, before the first is read.
    fn count(&self) -> u64;

    /// A reader of its own for each thread.
    fn reader(&self) -> Result<Box<dyn Reader + '_>>;
}

/// Reads from a source; several may read at once.
pub trait Reader: Send {
    /// At most `most` keys above `after`, ascending, none twice; empty at the end.
    fn keys_after(&mut self, after: i32, most: usize) -> Result<Vec<i32>>;

    /// Gives the records with these ascending keys to `each`, one at a time. A record that has
    /// vanished since its key was read is left out.
    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()>;
}

/// A source as the command line names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// A folder of XML files.
    Folder(PathBuf),
    /// `sqlite:PATH`: a source table.
    Sqlite(PathBuf),
    /// `generated:PROFILE,N,SEED`: invented records, without duplicates or rejects.
    Generated(Spec),
}

impl Location {
    /// Reads the text of `--source`.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        match text.strip_prefix("generated:") {
            Some(spec) => parse_generated(spec).map(Self::Generated).ok_or_else(|| {
                let form = "generated:PROFILE,N,SEED, such as generated:staged,1000,42";
                Error::usage(format!("source {text}: the form is {form}"))
            }),
            None => Ok(Self::Folder(PathBuf::from(text))),
        }
    }

    /// Opens the source; the names are those of the contract.
    pub fn open(&self, names: TableNames<'_>) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Folder(folder) => Box::new(FolderSource::open(folder)?),
            Self::Sqlite(path) => Box::new(TableSource::open(path, names)?),
            Self::Generated(spec) => Box::new(Generated::new(*spec)?),
        })
    }

    /// The database file that records are read from, if they are.
    pub fn database(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Folder(_) | Self::Generated(_) => None,
        }
    }
}

fn parse_generated(text: &str) -> Option<Spec> {
    let mut parts = text.split(',').map(str::trim);
    let spec = Spec {
        profile: Profile::from_str(parts.next()?, true).ok()?,
        records: parts.next()?.parse().ok()?,
        seed: parts.next()?.parse().ok()?,
        duplicates: 0.0,
        rejects: 0.0,
    };
    parts.next().is_none().then_some(spec)
}

impl Source for Generated {
    fn count(&self) -> u64 {
        self.records().into()
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self))
    }
}

impl Reader for &Generated {
    fn keys_after(&mut self, after: i32, most: usize) -> Result<Vec<i32>> {
        let last = i32::try_from(self.records()).unwrap_or(i32::MAX);
        Ok((after.saturating_add(1)..=last).take(most).collect())
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        keys.iter().try_for_each(|key| each(self.record(key.unsigned_abs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_text_says_its_kind() {
        let spec =
            Spec { profile: Profile::Staged, records: 10, seed: 7, duplicates: 0.0, rejects: 0.0 };
        for (text, location) in [
            ("sqlite:a/b.db", Some(Location::Sqlite("a/b.db".into()))),
            ("a/b", Some(Location::Folder("a/b".into()))),
            ("generated:staged,10,7", Some(Location::Generated(spec))),
            ("generated:Staged, 10, 7", Some(Location::Generated(spec))),
            ("generated:staged,10", None),
            ("generated:staged,10,7,8", None),
            ("generated:huge,10,7", None),
        ] {
            assert_eq!(Location::parse(text).ok(), location, "{text}");
        }
    }
}
