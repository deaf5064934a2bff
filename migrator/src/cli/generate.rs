//! `migrator generate`: writes synthetic records to a folder or a source table. The target appears
//! by a rename or in one transaction, so it is complete or absent.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::NaiveDateTime;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rusqlite::{Connection, params};

use super::resolve;
use super::resolve::reject_unused;
use crate::cli::args::{GenerateArgs, ServerArgs};
use crate::config::InsertMethod;
use crate::contract::catalogue::{Catalogue, SqlType};
use crate::contract::model::Contract;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{SqlRow, SqlValue};
use crate::source::synthetic::{Product, Spec, SyntheticSource};
use crate::store::mssql::url::ServerUrl;
use crate::store::{InsertOutcome, Role, Store, schema};

/// Records per transaction.
const CHUNK_RECORDS: u32 = 1000;

/// Records sent to a server at a time. All of them are in memory.
const SERVER_CHUNK_RECORDS: u32 = 100;

/// Extraction time of all records. It is fixed, so that a table generated twice has the same
/// contents.
const EXTRACTED_AT: &str = "2026-01-01 00:00:00.0000000";

/// Runs the verb.
///
/// # Errors
/// Invalid rates, a target that exists, or a target that cannot be written.
pub(crate) fn run(args: &GenerateArgs) -> Result<ExitCode> {
    let series = SyntheticSource::new(Spec {
        product: args.product,
        profile: args.profile,
        records: args.records,
        seed: args.seed,
        duplicates: args.duplicates,
        rejects: args.rejects,
    })?;
    let target = OutputTarget::parse(&args.out, &args.server)?;
    let progress = progress(args);
    let bytes = match &target {
        OutputTarget::Folder(path) => {
            write_staged(&target, path, |staged| write_folder(&series, staged, &progress))?
        }
        OutputTarget::Sqlite(path) => write_staged(&target, path, |staged| {
            write_table(&series, args.product, staged, &progress)
        })?,
        OutputTarget::Server(url) => write_to_server(&series, url.clone(), args, &progress)?,
    };
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

/// Target of the records.
#[derive(Debug, PartialEq, Eq)]
enum OutputTarget {
    Folder(PathBuf),
    Sqlite(PathBuf),
    Server(ServerUrl),
}

impl OutputTarget {
    fn parse(out: &str, server: &ServerArgs) -> Result<Self> {
        if out.starts_with("mssql:") {
            let url = ServerUrl::parse(out)?.with_schema(server.schema.as_deref());
            return Ok(Self::Server(url));
        }
        reject_unused(server, &[out])?;
        let (target, path) = match out.split_once(':') {
            Some(("sqlite", path)) => (Self::Sqlite(PathBuf::from(path)), path),
            Some((scheme, rest)) if rest.starts_with("//") => {
                let message = format!(
                    "--out {scheme}:// is not supported; use a folder, sqlite:PATH or mssql://"
                );
                return Err(Error::usage(message));
            }
            _ => (Self::Folder(PathBuf::from(out)), out),
        };
        if path.is_empty() {
            return Err(Error::usage("--out has no path"));
        }
        Ok(target)
    }

    /// Rejects an existing target, except for an empty folder or an empty file.
    fn reject_existing(&self, path: &Path) -> Result<()> {
        let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
        let free = match self {
            Self::Folder(_) => metadata.is_dir() && is_empty_folder(path)?,
            Self::Sqlite(_) => metadata.is_file() && metadata.len() == 0,
            Self::Server(_) => true,
        };
        if free {
            return Ok(());
        }
        Err(Error::environment(format!(
            "{} already exists and is not empty: delete it or use another --out",
            path.display()
        )))
    }
}

fn is_empty_folder(path: &Path) -> Result<bool> {
    let mut entries = fs::read_dir(path).map_err(|cause| failed("read", path, cause))?;
    Ok(entries.next().is_none())
}

/// Writes to a temporary path and renames it to the target. Returns the size of all records in
/// bytes.
fn write_staged(
    target: &OutputTarget,
    path: &Path,
    write: impl FnOnce(&Path) -> Result<u64>,
) -> Result<u64> {
    target.reject_existing(path)?;
    let staged = StagedOutput::new(path)?;
    let bytes = write(&staged.path)?;
    staged.rename_to(path)?;
    Ok(bytes)
}

/// Temporary file or folder next to the target. Removed on drop unless it was renamed.
struct StagedOutput {
    path: PathBuf,
}

impl StagedOutput {
    fn new(target: &Path) -> Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".partial.tmp");
        let staged = Self { path: target.with_file_name(name) };
        // Removes the output of an interrupted run.
        staged.remove();
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|cause| failed("create", parent, cause))?;
        }
        Ok(staged)
    }

    fn rename_to(&self, target: &Path) -> Result<()> {
        if target.is_dir() {
            // On some systems a folder cannot replace an empty one by a rename.
            fs::remove_dir(target).map_err(|cause| failed("replace", target, cause))?;
        }
        fs::rename(&self.path, target).map_err(|cause| failed("write", target, cause))
    }

    fn remove(&self) {
        // Usually there is nothing to remove. Other failures are reported by the next write.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for StagedOutput {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Writes `0000001.xml` and so on. Returns the size of all records in bytes.
fn write_folder(series: &SyntheticSource, folder: &Path, progress: &ProgressBar) -> Result<u64> {
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

/// Writes the source table of the product's contract. Returns the size of all records in bytes.
fn write_table(
    series: &SyntheticSource,
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

/// Writes the source table of the product's contract in one transaction. Returns the size of all
/// records in bytes.
fn write_to_server(
    series: &SyntheticSource,
    url: ServerUrl,
    args: &GenerateArgs,
    progress: &ProgressBar,
) -> Result<u64> {
    let contract = Contract::shipped(args.product.contract())?;
    let catalogue = source_catalogue(&contract);
    let store = resolve::mssql(url, &args.server, &catalogue)?;
    store.create_source(&contract.source_table, &contract.source_column)?;
    let mut connection = store.connect(Role::Untimed)?;
    connection.begin()?;
    let (mut bytes, mut first) = (0, 1);
    while first <= series.records() {
        let last = series.records().min(first.saturating_add(SERVER_CHUNK_RECORDS - 1));
        let rows: Vec<SqlRow> = (first..=last)
            .map(|number| {
                let record = series.record(number);
                let text = record.bytes.unwrap_or_default();
                bytes += text.len() as u64;
                source_row(record.key, &text)
            })
            .collect();
        let slices: Vec<&[SqlValue]> = rows.iter().map(AsRef::as_ref).collect();
        if let InsertOutcome::Refused(violation) =
            connection.insert(0, &slices, InsertMethod::Bulk)?
        {
            let message = format!("{}: {}", contract.source_table, violation.message);
            return Err(Error::environment(message));
        }
        progress.inc(u64::from(last - first) + 1);
        first = last + 1;
    }
    connection.commit()?;
    Ok(bytes)
}

/// Catalogue with only the source table.
fn source_catalogue(contract: &Contract) -> Catalogue {
    let columns = vec![
        schema::column("app_id", SqlType::Int, false),
        schema::column(&contract.source_column, SqlType::NVarChar(None), true),
        schema::column("extracted_at", SqlType::DateTime2(7), false),
    ];
    let tables = vec![schema::table(&contract.source_table, columns, vec![0])];
    Catalogue { schema: contract.target_schema.clone(), tables }
}

/// A row of the source table. Bytes that are not UTF-8 are decoded as windows-1252, as a reader
/// would (contract.md 2.1).
fn source_row(key: i32, text: &[u8]) -> SqlRow {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(text).0.into_owned(),
    };
    let extracted_at = NaiveDateTime::parse_from_str(EXTRACTED_AT, "%Y-%m-%d %H:%M:%S%.f");
    [
        SqlValue::Int(key.into()),
        SqlValue::Text(text.into()),
        SqlValue::DateTime(extracted_at.unwrap_or_default()),
    ]
    .into()
}

fn fill_table(
    series: &SyntheticSource,
    file: &Path,
    contract: &Contract,
    progress: &ProgressBar,
) -> rusqlite::Result<u64> {
    let mut database = Connection::open(file)?;
    // An unfinished file is discarded, so it needs neither journal nor syncs.
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
            // SQLite accepts only UTF-8 as text; other bytes are stored as a blob.
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

/// A progress bar on a terminal, otherwise nothing.
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
    fn a_target_is_a_folder_a_file_or_a_server() {
        let parse = |out: &str| OutputTarget::parse(out, &ServerArgs::default());
        let folder = |path: &str| OutputTarget::Folder(PathBuf::from(path));
        assert_eq!(parse("some/folder").unwrap(), folder("some/folder"));
        assert_eq!(parse("C:\\records").unwrap(), folder("C:\\records"));
        assert_eq!(parse("sqlite:a.db").unwrap(), OutputTarget::Sqlite(PathBuf::from("a.db")));
        assert!(matches!(parse("mssql://user@host/db").unwrap(), OutputTarget::Server(_)));
        for refused in ["mysql://user@host/db", "mssql://host/db", "", "sqlite:"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
