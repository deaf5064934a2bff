//! Parses the text of `--source` and opens the source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::files::FolderSource;
use super::server_table::ServerTable;
use super::synthetic::{Product, Profile, Spec, SyntheticSource};
use super::table::{TableNames, TableSource};
use super::{Reader, Source};
use crate::error::{Error, Result};
use crate::record::RawRecord;
use crate::store::mssql::url::{Password, ServerUrl};
use crate::util::cancel::CancellationToken;
use crate::util::partition::Partition;
use crate::util::secrets::foreign_connection_string;

/// A source, as named on the command line.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// A folder of XML files.
    Folder(PathBuf),
    /// `sqlite:PATH`: a source table.
    Sqlite(PathBuf),
    /// `generated:PROFILE,N,SEED[,PRODUCT]`: synthetic records without duplicates or rejects. The
    /// default product is card applications; `rl` is loans.
    Synthetic(Spec),
    /// `mssql://…`: a source table on a SQL Server.
    Server {
        /// Address of the server and database.
        url: Box<ServerUrl>,
        /// File with the password; without it, the environment variable is used.
        password_file: Option<PathBuf>,
    },
}

impl Location {
    /// Parses the text of `--source`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("mssql:") {
            let url = Box::new(ServerUrl::parse(text)?);
            return Ok(Self::Server { url, password_file: None });
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        match text.strip_prefix("generated:") {
            Some(spec) => parse_generated(spec).map(Self::Synthetic).ok_or_else(|| {
                let form = "generated:PROFILE,N,SEED[,cc|rl], e.g. generated:staged,1000,42";
                Error::usage(format!("source {text}: expected {form}"))
            }),
            None => match foreign_connection_string(text) {
                Some(form) => Err(Error::usage(format!(
                    "--source is {form}: expected a folder, sqlite:PATH, \
                     mssql://user@host:port/database?… or generated:PROFILE,N,SEED"
                ))),
                None => Ok(Self::Folder(PathBuf::from(text))),
            },
        }
    }

    /// Adds settings of a server that are not in its URL: the default schema and the password file.
    #[must_use]
    pub fn with_server(self, schema: &str, password_file: Option<&Path>) -> Self {
        match self {
            Self::Server { url, .. } => {
                let schema = url.schema.clone().unwrap_or_else(|| schema.to_owned());
                Self::Server {
                    url: Box::new(url.with_schema(Some(&schema))),
                    password_file: password_file.map(Path::to_owned),
                }
            }
            other => other,
        }
    }

    /// Opens one partition of the source, with the names of the contract. Its readers stop waiting
    /// when the run ends.
    pub fn open(
        &self,
        names: TableNames<'_>,
        partition: Partition,
        cancellation: &Arc<CancellationToken>,
    ) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Folder(folder) => Box::new(FolderSource::open(folder, partition)?),
            Self::Sqlite(path) => Box::new(
                TableSource::open(path, names, partition)?.heeding(Arc::clone(cancellation)),
            ),
            Self::Synthetic(spec) => {
                Box::new(SyntheticPartition { series: SyntheticSource::new(*spec)?, partition })
            }
            Self::Server { url, password_file } => {
                let password = Password::find(password_file.as_deref())?;
                Box::new(ServerTable::open((**url).clone(), password, names, partition)?)
            }
        })
    }

    /// Path of the database file, for a `SQLite` source.
    pub fn database(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Folder(_) | Self::Synthetic(_) | Self::Server { .. } => None,
        }
    }
}

fn parse_generated(text: &str) -> Option<Spec> {
    let mut parts = text.split(',').map(str::trim);
    let spec = Spec {
        profile: Profile::from_str(parts.next()?, true).ok()?,
        records: parts.next()?.parse().ok()?,
        seed: parts.next()?.parse().ok()?,
        product: parts.next().map_or(Ok(Product::Cc), |name| Product::from_str(name, true)).ok()?,
        duplicates: 0.0,
        rejects: 0.0,
    };
    parts.next().is_none().then_some(spec)
}

/// One partition of a series of synthetic records.
struct SyntheticPartition {
    series: SyntheticSource,
    partition: Partition,
}

impl SyntheticPartition {
    fn keys(&self, after: i32) -> impl Iterator<Item = i32> {
        let last = i32::try_from(self.series.records()).unwrap_or(i32::MAX);
        (after.saturating_add(1)..=last).filter(|&key| self.partition.contains(key))
    }
}

impl Source for SyntheticPartition {
    fn count(&self) -> u64 {
        self.keys(0).count() as u64
    }

    fn reader(&self) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(self))
    }
}

impl Reader for &SyntheticPartition {
    fn keys_after(&mut self, after: i32, max: usize) -> Result<Vec<i32>> {
        Ok(self.keys(after).take(max).collect())
    }

    fn read(&mut self, keys: &[i32], each: &mut dyn FnMut(RawRecord) -> Result<()>) -> Result<()> {
        (&self.series).read(keys, each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_url() {
        let parsed = Location::parse("mssql://sa@db/loans").unwrap();
        let Location::Server { url, .. } = parsed.with_server("migration", None) else { panic!() };
        assert_eq!(url.schema.as_deref(), Some("migration"));
        let parsed = Location::parse("mssql://sa@db/loans?schema=own").unwrap();
        let Location::Server { url, .. } = parsed.with_server("migration", None) else { panic!() };
        assert_eq!(url.schema.as_deref(), Some("own"));
        let error = Location::parse("mssql:/sa:Sesame1@db").unwrap_err().to_string();
        assert!(!error.contains("Sesame1"), "{error}");
    }

    #[test]
    fn the_text_of_a_source_shows_its_kind() {
        let spec = Spec {
            product: Product::Cc,
            profile: Profile::Staged,
            records: 10,
            seed: 7,
            duplicates: 0.0,
            rejects: 0.0,
        };
        let loans = Spec { product: Product::Rl, ..spec };
        for (text, location) in [
            ("sqlite:a/b.db", Some(Location::Sqlite("a/b.db".into()))),
            ("a/b", Some(Location::Folder("a/b".into()))),
            ("generated:staged,10,7", Some(Location::Synthetic(spec))),
            ("generated:Staged, 10, 7", Some(Location::Synthetic(spec))),
            ("generated:staged,10", None),
            ("generated:staged,10,7,cc", Some(Location::Synthetic(spec))),
            ("generated:staged,10,7,rl", Some(Location::Synthetic(loans))),
            ("generated:staged,10,7,8", None),
            ("generated:staged,10,7,rl,", None),
            ("generated:huge,10,7", None),
        ] {
            assert_eq!(Location::parse(text).ok(), location, "{text}");
        }
    }
}
