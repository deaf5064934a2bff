//! The command line as typed; no I/O. `cmd/` resolves it into what each verb needs.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use crate::report::Format;
use crate::scenario;
use crate::scenario::schedule::Shard;
use crate::scenario::tune_plan::{DEFAULT, seconds};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// `--seed` of a verb that runs pairs of several steps.
const ORDERS: &str = "Seed of the orders [default: the scenario's]";

/// `--migrator` of a verb that asks about the machine and not about the program.
const RUN_BUILD: &str = "Run this build of the migrator instead of the one inside";

/// Measures which settings make the migrator fast.
///
/// Without a verb: `harness tune scenarios/phase2.toml`.
///
/// Exit codes: 0 the work asked for is done; 1 regression; 2 usage or environment; 3 inconclusive;
/// 4 invalid measurement; 5 runs stored different things; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "harness", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The flags of `tune`, where there is no verb.
    #[command(flatten)]
    pub tune: TuneFlags,
}

/// One verb, one file in `cmd/`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Tune every phase of a plan: sweep, choose, confirm with fresh pairs, keep or revert
    Tune(TuneArgs),
    /// Run every setting of a scenario in interleaved blocks and compare them
    Sweep(SweepArgs),
    /// Print what a scenario or a plan of phases runs, in which order, and run nothing
    Plan(PlanArgs),
    /// Judge measurements taken elsewhere, from a CSV file
    ///
    /// The file has a header with the columns session, metric, block, slot, arm and value, in any
    /// order, and rows in any order. A block is a pair: one run of arm A, the baseline, and one of
    /// arm B, back to back. Of their slots the smaller one ran first: 0 and 1, 1 and 2, or any two
    /// whole numbers.
    ///
    /// Prints one JSON object per session and metric. `effect_percent` and `interval_percent` say
    /// how much worse B is than A: positive is worse, also where higher is better.
    ///
    /// Exit codes: of several sessions 0, whatever they say; of one session 1 for a regression, 3
    /// where something was not decided, else 0; 2 for a file that cannot be judged.
    Judge(JudgeArgs),
    /// Say again what earlier measurements say, or merge the parts of one plan
    ///
    /// Several folders are shards of one plan (`--shard`), which become one measurement; parts of
    /// different plans are refused by name.
    Report(ReportArgs),
    /// Compare a program with its baseline: a verdict, a report and an exit code
    ///
    /// An arm is a git ref, which is built once (`cargo build --release --locked --package migrator`,
    /// in a worktree and a target folder of its own), the path of a binary, a scenario file with a
    /// [runner] command, or the results folder of an earlier session, whose program is found or built
    /// again. A file or a folder goes before a ref of the same name. What a baseline's results hold
    /// is compared as far as it is exact; times of another session are not comparable with fresh
    /// ones, so both arms run afresh.
    ///
    /// Exit codes: 0 pass, improved, or worse by less than the margin where the scenario allows it; 1
    /// regression; 2 usage, environment, or a ref that does not build or run; 3 inconclusive; 4
    /// invalid measurement; 5 the arms store different things; 130 interrupted.
    Gate(GateArgs),
    /// Take a difference apart: by setting, by stage, and with --bisect by commit
    ///
    /// The arms are settings (`batch_size=100,pool=worker`, over those of the scenario, which are
    /// called `baseline`) or programs as `harness gate` takes them. Pairs of the two arms say
    /// whether there is a difference at all, by the same test as everywhere. Settings that differ
    /// in several parts are then switched one at a time, first of all and last of all, in complete
    /// blocks: a part's share is the mean of the two. Stages come from the times that every run
    /// reports.
    ///
    /// With --bisect the arms are git refs, and the commits between them along first parents are
    /// gated against the base, the head first, then by halving. A commit that does not build or
    /// run, stores other things, or about which the test cannot tell is skipped and named; the
    /// answer is then a range. Gates that have ended are not run again.
    ///
    /// Exit codes: 0 the difference is explained, whatever it is, or one commit is found; 2 usage,
    /// environment, or a ref that does not build or run; 3 no commit, or more than one; 4 invalid
    /// measurement; 5 the arms store different things; 130 interrupted.
    Explain(ExplainArgs),
    /// Releases over time: what earlier measurements say of the baseline's rate on each machine
    ///
    /// Reads every session below --out that has a metrics.json, and files of lines that were kept
    /// elsewhere. A series is one machine, store, plan, phase and baseline. Changes of its
    /// level are looked for from 8 points on: a hint for people, of which no gate knows. Charts go
    /// to `<out>/history/`.
    History(HistoryArgs),
    /// Look at this machine: what makes runs differ here, and how small a difference can be told
    ///
    /// Reads what the operating system says, measures how long a flush to the disk takes where the
    /// runs' stores are, and runs the baseline ten times. What a machine does not say is `not known
    /// here`, with the reason.
    Doctor(DoctorArgs),
    /// Measure how often the harness's own verdicts are wrong on this machine and store
    ///
    /// Sessions of a scenario's pairs: in turn the program against itself, where every verdict of
    /// worse or better is wrong, and the program against itself slowed by 1.6 times the margin (8 %
    /// where that is 5 %), where every verdict of within the margin is wrong. Each rate is printed
    /// with its exact interval, and nothing beyond is claimed. The slowed program is the same one,
    /// stopped for a moment over and over.
    SelfTest(SelfTestArgs),
}

/// Arguments of `harness sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// A scenario file, or the name of a shipped scenario (batch-size, pool, cache, …)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// How it is carried out.
    #[command(flatten)]
    pub flags: SweepFlags,
}

/// How a sweep is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SweepFlags {
    /// As every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Of which program.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Take the i-th of n parts of the blocks, from 0; needs a number of records
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// Arguments of `harness tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    /// A scenario file with phases, or the name of a shipped one (phase2, phase2-link, phase2-full,
    /// phase2-sqlserver, quick)
    #[arg(value_name = "SCENARIO", default_value = DEFAULT)]
    pub scenario: String,
    /// How it is carried out.
    #[command(flatten)]
    pub flags: TuneFlags,
}

/// How a plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct TuneFlags {
    /// As every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Of which program.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// What of the plan.
    #[command(flatten)]
    pub part: PlanPart,
}

/// What of a plan of phases is carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlanPart {
    /// Tune these phases alone, in the plan's order [default: all]
    #[arg(long, value_name = "II.1,II.3", value_delimiter = ',')]
    pub phases: Vec<String>,
    /// Time for the whole session, such as 10m; what does not fit is left out, and said [default: the
    /// scenario's]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub budget: Option<NonZeroU64>,
}

/// How a measurement is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Flags {
    /// Print the metrics as JSON instead of the table
    #[arg(long)]
    pub json: bool,
    /// Say nothing about progress
    #[arg(long)]
    pub quiet: bool,
    /// Seed of the order [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Where results, sources and the runs' stores go; the stores are measured on this disk
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Start a new measurement, also where an unfinished one of the same plan could go on
    #[arg(long)]
    pub fresh: bool,
    /// Every setting on few records and in few blocks: shows that it works, proves nothing
    #[arg(long)]
    pub quick: bool,
    /// Where the rows go.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Which program is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ProgramArgs {
    /// Measure this build of the migrator instead of the one inside
    #[arg(long, value_name = "PATH")]
    pub migrator: Option<PathBuf>,
}

/// Where the rows of the runs go, and what a server asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct StoreArgs {
    /// Store the rows here instead of where the scenario says: `mssql://user@host:port/database?…`,
    /// whose schema (`schema=NAME` [default: sweetspot]) is emptied before each run, or `sqlite:`
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// With `mssql://`: a file whose first line is the password [default: the variable
    /// `MIGRATOR_DB_PASSWORD`]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// With `mssql://`: empty the tables of this schema, though `migrator init` has not created it or
    /// a migration has stored into it
    #[arg(long, value_name = "SCHEMA")]
    pub recreate: Option<String>,
}

/// Arguments of `harness plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A scenario file or a plan of phases, or the name of a shipped one (phase2, batch-size, pool, …)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Of a plan of phases, what.
    #[command(flatten)]
    pub part: PlanPart,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the order [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// What `--quick` would run
    #[arg(long)]
    pub quick: bool,
}

/// Arguments of `harness report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Results folders; what they say goes to stdout
    #[arg(value_name = "RESULTS", required = true)]
    pub results: Vec<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: Format,
}

/// Arguments of `harness judge`.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// The measurements, `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which way the values improve
    #[arg(long, value_enum, default_value = "lower")]
    pub better: Direction,
    /// By how much B may be worse, as a share
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = margin)]
    pub margin: f64,
    /// Draws the orders that sessions of more than 18 pairs are compared with
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `harness gate`.
#[derive(Debug, Args)]
#[command(
    mut_arg("json", |json| json.help("Print what was decided as JSON instead of words")),
    mut_arg("seed", |seed| seed.help(ORDERS)),
    mut_arg("out", |out| out.help(
        "Where results, builds, sources and the runs' stores go; the stores are measured on this disk"
    )),
    mut_arg("quick", |quick| quick.help(
        "A few pairs on few records: shows that it works, proves nothing"
    )),
)]
pub struct GateArgs {
    /// What was there before
    #[arg(long, value_name = "REF|BINARY|RESULTS")]
    pub base: String,
    /// What is asked about
    #[arg(long, value_name = "REF|BINARY|RESULTS")]
    pub head: String,
    /// A scenario file or the name of a shipped one; several are judged as one family. Programs run
    /// under its [baseline], a [sweep] is left out; `records = "auto"` is settled by one run of the
    /// first program [default: scenarios/gate.toml]
    #[arg(long, value_name = "F")]
    pub scenario: Vec<String>,
    /// At most so much time for runs, such as 90s or 20m; one look at every scenario is always taken
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// Take the times of the results that --base names for the baseline's, with low confidence:
    /// nothing but the head runs
    #[arg(long)]
    pub accept_stored_times: bool,
    /// As every measurement.
    #[command(flatten)]
    pub common: Flags,
}

/// Arguments of `harness explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What was there before
    #[arg(long, value_name = "SETTINGS|REF|BINARY|RESULTS")]
    pub base: String,
    /// What is asked about
    #[arg(long, value_name = "SETTINGS|REF|BINARY|RESULTS")]
    pub head: String,
    /// Search the commits between two refs for the first with the difference
    #[arg(long)]
    pub bisect: bool,
    /// A scenario file or the name of a shipped one: records, store, and settings that are not
    /// named; a [sweep] is left out [default: scenarios/gate.toml]
    #[arg(long, value_name = "F")]
    pub scenario: Option<String>,
    /// At most so much time for pairs beyond the first look, such as 90s or 20m; with --bisect for
    /// every commit
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// As every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Of settings, with which program.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Arguments of `harness history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Files of lines that `--append` has written, here or on other machines
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Add the sessions below --out to this file, those that it does not have; the file is read as
    /// well
    #[arg(long, value_name = "FILE")]
    pub append: Option<PathBuf>,
    /// Where results are
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Print every series as JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// Do not say what was added
    #[arg(long)]
    pub quiet: bool,
    /// Draws the orders that changes are tested by
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `harness doctor`.
#[derive(Debug, Args)]
#[command(mut_arg("migrator", |path| path.help(RUN_BUILD)))]
pub struct DoctorArgs {
    /// Print JSON instead of words
    #[arg(long)]
    pub json: bool,
    /// Say nothing about progress
    #[arg(long)]
    pub quiet: bool,
    /// Three runs on few records: shows that they work, says nothing about the noise
    #[arg(long)]
    pub quick: bool,
    /// Where the runs' stores go; flushes are measured on this disk
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// With which program.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Arguments of `harness self-test`.
#[derive(Debug, Args)]
#[command(
    mut_arg("json", |json| json.help("Print the rates as JSON instead of words")),
    mut_arg("seed", |seed| seed.help(ORDERS)),
    mut_arg("fresh", |fresh| fresh.help(
        "Start a new self-test, also where an unfinished one could go on"
    )),
    mut_arg("quick", |quick| quick.help(
        "One session of each kind with few pairs and records: shows that it works, proves nothing"
    )),
    mut_arg("migrator", |path| path.help(RUN_BUILD)),
)]
pub struct SelfTestArgs {
    /// A scenario file, or the name of a shipped scenario, whose baseline, records and store are
    /// taken
    #[arg(value_name = "SCENARIO", default_value = scenario::DEFAULT)]
    pub scenario: String,
    /// At most so many sessions of each kind [default: as many as fit into the budget]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions: Option<u32>,
    /// At most so much time for runs, such as 90s or 5m [default: 5m where no sessions are given];
    /// one session of each kind is always run
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// As every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Of which program.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// Times, bytes
    Lower,
    /// Rates
    Higher,
}

/// A share above 0.
fn margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share.is_finite() => Ok(share),
        _ => Err("it takes a share above 0, such as 0.05".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_margin_is_a_share_above_0() {
        for text in ["0", "-0.05", "inf", "NaN", "5%"] {
            let margin = format!("--margin={text}");
            assert!(Cli::try_parse_from(["harness", "judge", "-", &margin]).is_err(), "{text}");
        }
    }

    #[test]
    fn flags_work_with_and_without_the_verb() {
        let flags = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap();
        let bare = flags(&["harness", "--quick", "--seed", "3", "--phases", "II.1,II.3"]);
        let verb = flags(&["harness", "tune", "--quick", "--seed", "3", "--phases=II.1,II.3"]);
        let Some(Verb::Tune(tune)) = verb.verb else { panic!("no tune") };
        assert!(bare.verb.is_none());
        assert_eq!(bare.tune, tune.flags);
        assert_eq!((tune.scenario.as_str(), tune.flags.part.phases.len()), (DEFAULT, 2));
        let budget = flags(&["harness", "--budget", "10m"]).tune.part.budget;
        assert_eq!(budget, NonZeroU64::new(600));
        assert!(Cli::try_parse_from(["harness", "--budget", "10"]).is_err());
    }
}
