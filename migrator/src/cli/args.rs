//! The command line as typed; no I/O. `cmd/` resolves it into what each verb needs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{SettingsArgs, Synchronous};
pub use crate::source::synthetic::{Product, Profile};
use crate::util::partition::Partition;

/// Maps XML application records with a JSON mapping contract and stores the rows.
#[derive(Debug, Parser)]
#[command(name = "migrator", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// One verb, one file in `cmd/`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Migrate records from a source into a store
    Run(RunArgs),
    /// Create the tables of a store that are missing; refuse those that differ
    Init(InitArgs),
    /// Print the mapped rows of record files as JSON lines, without a store
    Rows(RowsArgs),
    /// Write invented records
    Generate(GenerateArgs),
    /// Find every fault and every surprise of a contract, with its place
    Check(CheckArgs),
    /// Show how the value of one column of a record came to be
    Explain(ExplainArgs),
    /// Print the DDL of target, log and source tables
    Schema(SchemaArgs),
    /// Audit a store: map the source again and compare every row and every log entry
    Verify(VerifyArgs),
}

/// Which contract and catalogue to use.
#[derive(Debug, Args)]
pub struct ContractArgs {
    /// Mapping contract: a JSON file, or one that ships with the program by its name,
    /// `applications` or `loans` [default: applications]
    #[arg(long, value_name = "FILE|NAME")]
    pub contract: Option<PathBuf>,
    /// Table catalogue (JSON) [default: `<contract>.tables.json` beside the contract; what ships
    /// has its own]
    #[arg(long, value_name = "FILE")]
    pub tables: Option<PathBuf>,
}

/// What a SQL Server needs besides its URL.
#[derive(Debug, Default, Args)]
pub struct ServerArgs {
    /// With `mssql://`: the schema of the target tables [default: the URL's `schema`, else the
    /// catalogue's]
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// With `mssql://`: a file whose first line is the password [default: the variable
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
    /// The store: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// The server's schema and password.
    #[command(flatten)]
    pub server: ServerArgs,
    /// With `mssql://`: remove the tables with everything in them first. In a schema that this verb
    /// has not created, its name has to be said
    #[arg(long, value_name = "SCHEMA", num_args = 0..=1, default_missing_value = "")]
    pub recreate: Option<String>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Where records come from: a folder, `sqlite:PATH`, `mssql://user@host:port/database?…` or
    /// `generated:PROFILE,N,SEED[,cc|rl]`
    #[arg(long, value_name = "SOURCE")]
    pub source: String,
    /// Where rows go: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// The server's schema and password.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What a sweep varies.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// What each connect takes on top, in milliseconds, as if over a network
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub link_connect_ms: u32,
    /// What each message to the store and its answer take on top, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub link_round_trip_ms: u32,
    /// Most records to read
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Take only the records whose key modulo n is i, from 0: one of n processes on one store
    #[arg(long, value_name = "I/N")]
    pub partition: Option<Partition>,
    /// Take records again that the log calls failed
    #[arg(long)]
    pub retry_failed: bool,
    /// The run's point in time, UTC, as `2026-01-31T12:00:00` [default: the clock]
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
    /// With `sqlite:`: how it flushes at a commit [default: full]
    #[arg(long, value_enum)]
    pub synchronous: Option<Synchronous>,
    /// Exit with 1 if any record was rejected or failed
    #[arg(long)]
    pub fail_on_reject: bool,
    /// Write the run report (JSON) to this file, `-` for stdout
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator rows`.
#[derive(Debug, Args)]
pub struct RowsArgs {
    /// Mapping contract: a JSON file, or one that ships with the program by its name,
    /// `applications` or `loans` [default: applications]
    #[arg(long, value_name = "FILE|NAME")]
    pub contract: Option<PathBuf>,
    /// Record files, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub inputs: Vec<PathBuf>,
}

/// Arguments of `migrator generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// How many records
    #[arg(long, value_name = "N")]
    pub records: u32,
    /// A record depends on this and on its number alone
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub seed: u64,
    /// Size and shape of a record
    #[arg(long, value_enum, default_value = "staged")]
    pub profile: Profile,
    /// Which product line's records
    #[arg(long, value_enum, default_value = "cc")]
    pub product: Product,
    /// Share of records that repeat a key of another record, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub duplicates: f64,
    /// Share of records that must be rejected, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub rejects: f64,
    /// A new folder, `sqlite:PATH`, or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "OUT")]
    pub out: String,
    /// The server's schema and password.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `migrator check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Compare with the tables of this store too, and change nothing in it: `sqlite:PATH` or
    /// `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// The server's schema and password.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Folder of record files: name the attributes that none of them has
    #[arg(long, value_name = "DIR")]
    pub sample: Option<PathBuf>,
    /// Print findings as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `migrator explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Which column
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub column: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// A record file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `migrator schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Which database's DDL
    #[arg(long, value_enum)]
    pub dialect: Dialect,
    /// With `--dialect mssql`: the schema of the tables [default: the catalogue's]
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
}

/// Arguments of `migrator verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Contract and catalogue.
    #[command(flatten)]
    pub contract: ContractArgs,
    /// Where the records came from: a folder, `sqlite:PATH`, `mssql://user@host:port/database?…` or
    /// `generated:PROFILE,N,SEED[,cc|rl]`
    #[arg(long, value_name = "SOURCE")]
    pub source: String,
    /// Where the rows went: `sqlite:PATH` or `mssql://user@host:port/database?…`
    #[arg(long, value_name = "STORE")]
    pub store: String,
    /// The server's schema and password.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Fail also where a shared key is not with the lowest source key that claims it: for stores
    /// that one uninterrupted process has filled
    #[arg(long)]
    pub strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Print nothing but what is wrong
    #[arg(long)]
    pub quiet: bool,
}

/// Which database's DDL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// `SQLite`, STRICT tables
    Sqlite,
    /// SQL Server, statements parted by GO
    Mssql,
}
