//! `migrator generate`: invented records into a folder or a source table. Written aside and
//! renamed, so that a target is there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rusqlite::{Connection, params};

use crate::args::GenerateArgs;
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::source::generated::{Generated, Product, Spec};
use crate::store::schema;

/// Records written in one transaction.
const CHUNK_RECORDS: u32 = 1000;

/// When each record claims to have been extracted: not the clock, so that a table made twice is the
/// same table.
const EXTRACTED_AT: &str = "2026-01-01 00:00:00.0000000";

/// Runs the verb.
///
/// # Errors
/// Rates that make no sense, a target that is there already, a target that cannot be written.
pub fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let series = Generated::new(Spec {
        product: args.product,
        profile: args.profile,
        records: args.records,
        seed: args.seed,
        duplicates: args.duplicates,
        rejects: args.rejects,
    })?;
    let target = Target::parse(&args.out)?;
    target.refuse_existing()?;
    let progress = progress(args);
    let aside = Aside::new(target.path())?;
    let bytes = match &target {
        Target::Folder(_) => write_folder(&series, &aside.path, &progress)?,
        Target::Sqlite(_) => write_table(&series, args.product, &aside.path, &progress)?,
    };
    aside.rename_to(target.path())?;
    progress.finish_and_clear();
    if !args.quiet {
        let contract = args.product.contract().name;
        say(&format!(
            "{} records for --contract {contract}, {}, in {}",
            args.records,
            HumanBytes(bytes),
            args.out
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where records go.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Folder(PathBuf),
    Sqlite(PathBuf),
}

impl Target {
    fn parse(out: &str) -> Result<Self> {
        let (target, path) = match out.split_once(':') {
            Some(("sqlite", path)) => (Self::Sqlite(PathBuf::from(path)), path),
            Some((scheme, rest)) if rest.starts_with("//") => {
                let message = format!("--out {scheme}:// is neither a folder nor sqlite:PATH");
                return Err(Error::usage(message));
            }
            _ => (Self::Folder(PathBuf::from(out)), out),
        };
        if path.is_empty() {
            return Err(Error::usage("--out names no path"));
        }
        Ok(target)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Sqlite(path) => path,
        }
    }

    /// An empty folder and an empty file may be replaced, nothing else.
    fn refuse_existing(&self) -> Result<()> {
        let path = self.path();
        let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
        let free = match self {
            Self::Folder(_) => metadata.is_dir() && is_empty_folder(path)?,
            Self::Sqlite(_) => metadata.is_file() && metadata.len() == 0,
        };
        if free {
            return Ok(());
        }
        Err(Error::environment(format!(
            "{} is there already and not empty: remove it or name another --out",
            path.display()
        )))
    }
}

fn is_empty_folder(path: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(path).map_err(|cause| failed("read", path, cause))?;
    Ok(entries.next().is_none())
}

/// The file or folder beside the target that is written first; removed unless it is renamed.
struct Aside {
    path: PathBuf,
}

impl Aside {
    fn new(target: &Path) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".partial.tmp");
        let aside = Self { path: target.with_file_name(name) };
        // What an interrupted run left behind.
        aside.remove();
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|cause| failed("create", parent, cause))?;
        }
        Ok(aside)
    }

    fn rename_to(&self, target: &Path) -> Result<()> {
        if target.is_dir() {
            // Not everywhere does a folder take an empty one's place.
            fs::remove_dir(target).map_err(|cause| failed("replace", target, cause))?;
        }
        fs::rename(&self.path, target).map_err(|cause| failed("write", target, cause))
    }

    fn remove(&self) {
        // Mostly there is nothing to remove; what is in the way is reported when it is written.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Writes `0000001.xml` and so on; returns the bytes of all records.
fn write_folder(series: &Generated, folder: &Path, progress: &ProgressBar) -> Result<u64> {
    fs::create_dir(folder).map_err(|cause| failed("create", folder, cause))?;
    let width = series.records().to_string().len().max(7);
    let mut bytes = 0;
    for record in series.iter() {
        let path = folder.join(format!("{:0width$}.xml", record.key));
        let text = record.bytes.unwrap_or_default();
        bytes += text.len() as u64;
        fs::write(&path, text).map_err(|cause| failed("write", &path, cause))?;
        progress.inc(1);
    }
    Ok(bytes)
}

/// Writes the source table that the product's contract names; returns the bytes of all records.
fn write_table(
    series: &Generated,
    product: Product,
    file: &Path,
    progress: &ProgressBar,
) -> Result<u64> {
    let contract = Contract::shipped(product.contract())?;
    let bytes = fill_table(series, file, &contract, progress).map_err(|cause| {
        let message = format!("cannot write {}", file.display());
        Error::caused(ErrorKind::Environment, message, cause)
    })?;
    let synced = File::open(file).and_then(|file| file.sync_all());
    synced.map_err(|cause| failed("write", file, cause))?;
    Ok(bytes)
}

fn fill_table(
    series: &Generated,
    file: &Path,
    contract: &Contract,
    progress: &ProgressBar,
) -> rusqlite::Result<u64> {
    let mut database = Connection::open(file)?;
    // A file that is thrown away unless it is finished needs neither journal nor syncs.
    database.pragma_update(None, "journal_mode", "OFF")?;
    database.pragma_update(None, "synchronous", "OFF")?;
    let (table, column) = (&contract.source_table, &contract.source_column);
    database.execute(&schema::sqlite_source_table(table, column), [])?;
    let insert = format!(
        "INSERT INTO {} (app_id, {}, extracted_at) VALUES (?1, ?2, ?3)",
        schema::quoted(table),
        schema::quoted(column)
    );
    let mut bytes = 0;
    let mut first = 1;
    while first <= series.records() {
        let last = series.records().min(first.saturating_add(CHUNK_RECORDS - 1));
        let chunk = database.transaction()?;
        for number in first..=last {
            let record = series.record(number);
            let text = record.bytes.unwrap_or_default();
            bytes += text.len() as u64;
            // What is no UTF-8 is no text to SQLite either.
            let mut statement = chunk.prepare_cached(&insert)?;
            match std::str::from_utf8(&text) {
                Ok(text) => statement.execute(params![record.key, text, EXTRACTED_AT])?,
                Err(_) => statement.execute(params![record.key, text, EXTRACTED_AT])?,
            };
            progress.inc(1);
        }
        chunk.commit()?;
        first = last + 1;
    }
    Ok(bytes)
}

fn failed(what: &str, path: &Path, cause: io::Error) -> Error {
    let message = format!("cannot {what} {}", path.display());
    Error::caused(ErrorKind::Environment, message, cause)
}

/// A bar on a terminal, otherwise nothing.
fn progress(args: &GenerateArgs) -> ProgressBar {
    let target =
        if args.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(u64::from(args.records)), target).with_style(style)
}

#[expect(clippy::print_stderr, reason = "the verb's one line of talk, after the bar is gone")]
fn say(message: &str) {
    eprintln!("{message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_folder_or_an_sqlite_file() {
        let folder = |path: &str| Target::Folder(PathBuf::from(path));
        assert_eq!(Target::parse("some/folder").unwrap(), folder("some/folder"));
        assert_eq!(Target::parse("C:\\records").unwrap(), folder("C:\\records"));
        assert_eq!(Target::parse("sqlite:a.db").unwrap(), Target::Sqlite(PathBuf::from("a.db")));
        for refused in ["mssql://user@host/db", "", "sqlite:"] {
            assert!(Target::parse(refused).is_err(), "{refused}");
        }
    }
}
