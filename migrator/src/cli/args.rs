//! Arguments of the command line. Each verb's own module resolves them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{SettingsArgs, Synchronous};
pub use crate::source::synthetic::{Product, Profile};
use crate::util::partition::Partition;

/// Maps XML application records with a JSON mapping contract and stores the rows.
#[derive(Debug, Parser)]
#[command(name = "migrator", version, max_term_width = 100)]
pub struct Cli {
    /// Verb and its arguments.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Verbs; each has a module of the same name in `cli`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Migrate records from a source into a store
    #[command(after_help = examples::RUN)]
    Run(RunArgs),
    /// Create the missing tables of a store; fail if an existing table differs
    #[command(after_help = examples::INIT)]
    Init(InitArgs),
    /// Print the mapped rows of record files as JSON lines, without a store
    #[command(after_help = examples::ROWS)]
    Rows(RowsArgs),
    /// Write synthetic records to a folder or a source table
    #[command(after_help = examples::GENERATE)]
    Generate(GenerateArgs),
    /// Lint a mapping contract: errors and warnings with line numbers
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Explain how one column's value was derived
    #[command(after_help = examples::EXPLAIN)]
    Explain(ExplainArgs),
    /// Print the DDL of target, log and source tables
    #[command(after_help = examples::SCHEMA)]
    Schema(SchemaArgs),
    /// Verify a store: map the source again and compare every row and every log entry
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
}

/// Contract and table catalogue.
#[derive(Debug, Args)]
pub struct ContractArgs {
    /// Mapping contract: a JSON file, or the name of a built-in contract, `applications` or
    /// `loans` [default: applications]
    #[arg(long, value_name = "FILE|NAME")]
    pub contract: Option<PathBuf>,
    /// Table catalogue, a JSON file; `<contract>.tables.json` next to the contract by default, or
    /// the built-in one
    #[arg(long, value_name = "FILE")]
    pub tables: Option<PathBuf>,
}

/// Schema and password of a SQL Server, which are not part of its URL.
#[derive(Debug, Default, Args)]
pub struct ServerArgs {
    /// With `mssql://`: schema of the target tables [default: `schema` of the URL, or else of the
    /// catalogue]
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// With `mssql://`: file whose first line is the password [default: the environment variable
    /// `MIGRATOR_DB_PASSWORD`]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Arguments of `migrator init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Store: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// Schema and password of the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// With `mssql://`: drop the tables and all their rows first. Give the name of the schema if
    /// `migrator init` did not create it
    #[arg(long, value_name = "SCHEMA", num_args = 0..=1, default_missing_value = "")]
    pub recreate: Option<String>,
    /// Print only errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Source of the records: a folder of XML files, `sqlite:PATH`,
    /// `mssql://user@host:port/database?…` or `generated:PROFILE,N,SEED[,cc|rl]`
    #[arg(long, value_name = "SOURCE")]
    pub source: String,
    /// Store for the rows: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// Schema and password of the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Settings that affect only the speed.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Simulated extra latency per connect, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub link_connect_ms: u32,
    /// Simulated extra latency per round trip to the store, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub link_round_trip_ms: u32,
    /// Maximum number of records to read
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Migrate only the records whose key modulo N is I (from 0): one of N concurrent processes
    /// on one store
    #[arg(long, value_name = "I/N")]
    pub partition: Option<Partition>,
    /// Retry records logged as failed
    #[arg(long)]
    pub retry_failed: bool,
    /// Current time for the run, in UTC, e.g. `2026-01-31T12:00:00` [default: system clock]
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
    /// With `sqlite:`: flush policy at a commit [default: full]
    #[arg(long, value_enum)]
    pub synchronous: Option<Synchronous>,
    /// Exit with code 1 if any record was rejected or failed
    #[arg(long)]
    pub fail_on_reject: bool,
    /// Write the run report (JSON) to this file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print only errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator rows`.
#[derive(Debug, Args)]
pub struct RowsArgs {
    /// Mapping contract: a JSON file, or the name of a built-in contract, `applications` or
    /// `loans` [default: applications]
    #[arg(long, value_name = "FILE|NAME")]
    pub contract: Option<PathBuf>,
    /// Record files, or folders of record files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub inputs: Vec<PathBuf>,
}

/// Arguments of `migrator generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Number of records
    #[arg(long, value_name = "N")]
    pub records: u32,
    /// Seed; the same seed gives the same records on any machine
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub seed: u64,
    /// Size and shape of a record
    #[arg(long, value_enum, default_value = "staged")]
    pub profile: Profile,
    /// Product line of the records
    #[arg(long, value_enum, default_value = "cc")]
    pub product: Product,
    /// Fraction of the records that repeat a key of another record, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub duplicates: f64,
    /// Fraction of the records that a migration rejects, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub rejects: f64,
    /// Target: a new folder, `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "OUT")]
    pub out: String,
    /// Schema and password of the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Print only errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Also compare with the tables of this store, which is only read: `sqlite:PATH` or
    /// `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Schema and password of the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Folder of record files; warn about mapped attributes that none of them has
    #[arg(long, value_name = "DIR")]
    pub sample: Option<PathBuf>,
    /// Print errors and warnings as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `migrator explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Column to explain
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub column: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Record file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `migrator schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// SQL dialect of the DDL
    #[arg(long, value_enum)]
    pub dialect: Dialect,
    /// With `--dialect mssql`: schema of the tables [default: `schema` of the catalogue]
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
}

/// Arguments of `migrator verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Source of the migration: a folder, `sqlite:PATH`, `mssql://user@host:port/database?…` or
    /// `generated:PROFILE,N,SEED[,cc|rl]`
    #[arg(long, value_name = "SOURCE")]
    pub source: String,
    /// Store of the migration: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// Schema and password of the server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Also fail if a key that several records share is not stored with the lowest source key. Use
    /// it only for stores filled by one uninterrupted process
    #[arg(long)]
    pub strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Print only the differences
    #[arg(long)]
    pub quiet: bool,
}

/// SQL dialect of the DDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// `SQLite`, with STRICT tables
    Sqlite,
    /// SQL Server, with GO between the statements
    Mssql,
}

/// Last part of each verb's help. The examples of a verb work in this order in an empty folder; a
/// test runs them. Those with `mssql://` need a server.
mod examples {
    pub(super) const RUN: &str = "\
Examples:
  migrator run --source generated:staged,2000,1 --store sqlite:rows.db
  migrator run --source generated:staged,2000,1 --store sqlite:rows.db --retry-failed
  migrator run --source generated:small,500,1,rl --contract loans --store sqlite:loans.db";

    pub(super) const INIT: &str = "\
Examples:
  migrator init --store sqlite:rows.db
  migrator init --contract loans --store sqlite:loans.db
  migrator init --store mssql://migrator@db.example:1433/cards --recreate target";

    pub(super) const ROWS: &str = "\
Examples:
  migrator generate --records 3 --out records
  migrator rows records
  migrator rows records/0000001.xml records/0000002.xml";

    pub(super) const GENERATE: &str = "\
Examples:
  migrator generate --records 100 --out records
  migrator generate --records 100 --profile full --rejects 0.1 --out sqlite:source.db
  migrator generate --records 100 --product rl --seed 7 --out loans";

    pub(super) const CHECK: &str = "\
Examples:
  migrator check --contract loans
  migrator init --store sqlite:rows.db
  migrator check --store sqlite:rows.db --json";

    pub(super) const EXPLAIN: &str = "\
Examples:
  migrator generate --records 3 --out records
  migrator explain --column app_base.app_source_enum records/0000001.xml
  migrator explain --column app_contact_base.ssn --json records/0000002.xml";

    pub(super) const SCHEMA: &str = "\
Examples:
  migrator schema --dialect sqlite
  migrator schema --dialect mssql --schema target
  migrator schema --dialect mssql --contract loans";

    pub(super) const VERIFY: &str = "\
Examples:
  migrator run --source generated:staged,500,1 --store sqlite:rows.db
  migrator verify --source generated:staged,500,1 --store sqlite:rows.db
  migrator verify --source generated:staged,500,1 --store sqlite:rows.db --strict --json";
}
