//! The command line as given. Each verb's file resolves it into what the verb needs.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use crate::report::Format;
use crate::scenario;
use crate::scenario::parse_margin;
use crate::scenario::schedule::Shard;
use crate::scenario::tune_plan::{DEFAULT, seconds};
use crate::stats::scale::Scale;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Help of `--seed` for a verb that runs pairs in several steps.
const SEED_HELP: &str = "Seed of the run order [default: the scenario's]";

/// Help of `--migrator` for a verb that measures the machine rather than the program.
const MIGRATOR_HELP: &str = "Run this build of the migrator instead of the built-in one";

/// Measure which settings make the migrator fast
///
/// Without a verb, `harness` runs `harness tune phase2`.
///
/// Exit codes: 0 done, or a pass; 1 regression or failed head of a gate; 2 usage error, environment
/// error or failed build; 3 inconclusive; 4 invalid measurement; 5 runs stored different rows; 130
/// interrupted.
#[derive(Debug, Parser)]
#[command(name = "harness", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// The verb; `tune` if none is given.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Flags of `tune`, for a command line without a verb.
    #[command(flatten)]
    pub tune: TuneFlags,
}

/// Examples that end the help of each verb; `tests/behaviour/help.rs` runs them.
const TUNE_EXAMPLES: &str = "Examples:
  harness tune
  harness tune quick --budget 1m
  harness tune phase2 --phases II.1,II.3 --budget 10m";
const SWEEP_EXAMPLES: &str = "Examples:
  harness sweep batch-size
  harness sweep pool --quick --out /tmp/results";
const PLAN_EXAMPLES: &str = "Examples:
  harness plan phase2
  harness plan batch-size --json";
const JUDGE_EXAMPLES: &str = "Examples:
  harness judge measurements.csv
  harness judge - --better higher --margin 3% < measurements.csv
  harness judge measurements.csv --margin-abs wall_s=0.5";
const REPORT_EXAMPLES: &str = "Examples:
  harness report results/batch-size/20260131T120000Z-0123abcd
  harness report results/batch-size/20260131T120000Z-0123abcd --format html > report.html";
const GATE_EXAMPLES: &str = "Examples:
  harness gate --base main --head HEAD
  harness gate --base old/migrator --head new/migrator --scenario gate-quick --budget 5m";
const EXPLAIN_EXAMPLES: &str = "Examples:
  harness explain --base baseline --head batch_size=100,pool=worker
  harness explain --base v0.1.0 --head HEAD --bisect --budget 30m";
const HISTORY_EXAMPLES: &str = "Examples:
  harness history
  harness history --append history.jsonl --json";
const DOCTOR_EXAMPLES: &str = "Examples:
  harness doctor
  harness doctor --quick --out /mnt/data/results";
const SELF_TEST_EXAMPLES: &str = "Examples:
  harness self-test
  harness self-test gate-quick --sessions 20 --budget 30m";

/// The verbs; each has a file of its own in `cli/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Find the best settings: sweep each phase, confirm its candidate, keep or revert it
    #[command(after_help = TUNE_EXAMPLES)]
    Tune(TuneArgs),
    /// Run every setting of a scenario in interleaved blocks and compare them
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Print the runs of a scenario or plan in their order, and run nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Judge measurements taken elsewhere, from a CSV file
    ///
    /// The file has a header with the columns session, metric, block, slot, arm and value. Columns
    /// and rows may stand in any order. A block is a pair: one run of arm A (the baseline) and one
    /// of arm B, back to back. The run with the smaller slot ran first; slots are whole numbers.
    /// Semicolons, tabs, decimal commas and UTF-16 with a byte order mark are read.
    ///
    /// Prints one JSON object per session and metric. `effect_percent` and `interval_percent` give
    /// how much worse B is than A. A positive value is worse, even if higher values are better. On
    /// the scale of differences `effect`, `interval` and `margin` give the same in the metric's
    /// unit. All metrics and sessions of a file are one family of tests.
    ///
    /// The file can also be the JSON of `hyperfine --export-json`: each command is compared with the
    /// first. Its runs are not interleaved, so it gives an estimate and no verdict.
    ///
    /// Exit codes, the worst of all lines: 1 regression, 3 inconclusive or not testable, 0 pass. A
    /// file that cannot be judged: 2.
    #[command(after_help = JUDGE_EXAMPLES)]
    Judge(JudgeArgs),
    /// Re-render the report of finished sessions, or merge shards
    ///
    /// Several folders are shards of one plan (`--shard`) and are merged into one measurement.
    /// Shards of different plans are rejected by name.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Compare a program with its baseline: a verdict, a report and an exit code
    ///
    /// An arm is one of: a git ref, the path of a binary, a scenario file with a `[runner]` command,
    /// or the results folder of an earlier session. A file or folder takes precedence over a ref of
    /// the same name.
    ///
    /// A ref is built once (`cargo build --release --locked --package migrator`), in a worktree and
    /// target folder of its own. The program of a results folder is found or built again. Its
    /// stored counts are compared exactly. Its times are not comparable with new ones, so both arms
    /// run again.
    ///
    /// Failed runs are judged before times: the verdict is never decided on the runs that are left.
    /// Two arms that are one program pass at once.
    ///
    /// Exit codes: 0 pass, improved, or worse by less than the margin if the scenario allows it; 1
    /// regression, or the head fails in more runs than the base; 2 usage error, environment error,
    /// or a ref that does not build; 3 inconclusive; 4 invalid measurement, or the base fails; 5 the
    /// arms store different rows, or the head loses records; 130 interrupted.
    #[command(after_help = GATE_EXAMPLES)]
    Gate(GateArgs),
    /// Attribute a performance difference to settings, stages or (with --bisect) a commit
    ///
    /// The arms are programs as in `harness gate`, or settings such as
    /// `batch_size=100,pool=worker`. Settings are applied over the scenario's, which are called
    /// `baseline`.
    ///
    /// Pairs of the two arms first test whether a difference exists. If several settings differ,
    /// complete blocks then switch each of them alone, once as the first and once as the last. The
    /// contribution of a setting is the mean of both. Stages are compared by the times that every
    /// run reports.
    ///
    /// With --bisect the arms are git refs. Commits between them (first parents) are gated against
    /// the base: the head first, then by halving. A commit is skipped and named if it does not
    /// build or run, stores other rows, or is inconclusive; the answer is then a range. Finished
    /// gates are not run again.
    ///
    /// Exit codes: 0 the difference is explained, or one commit is found; 2 usage error,
    /// environment error, or a ref that does not build or run; 3 no commit, or more than one; 4
    /// invalid measurement; 5 the arms store different rows; 130 interrupted.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Show the baseline's rate over time, on each machine
    ///
    /// Reads every session below --out that has a metrics.json, and files written by --append. A
    /// series is one machine, store, plan, phase and baseline. From 8 points on, level shifts are
    /// detected. They are hints for people; no gate uses them. Charts go to `<out>/history/`.
    #[command(after_help = HISTORY_EXAMPLES)]
    History(HistoryArgs),
    /// Check this machine for noise and report the smallest detectable difference
    ///
    /// Reads what the operating system reports, times disk flushes in the folder of the runs'
    /// stores, and runs the baseline ten times. A value that the system does not report is shown as
    /// `not known here`, with the reason.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Measure how often the harness's own verdicts are wrong on this machine and store
    ///
    /// Runs sessions of two kinds in turn. In the first the program is compared with itself; every
    /// verdict of worse or better is then wrong. In the second it is compared with itself slowed by
    /// 1.6 times the margin; every verdict of within the margin is then wrong. Each error rate is
    /// printed with its exact interval. The slowed program is the same one, paused at short
    /// intervals.
    #[command(after_help = SELF_TEST_EXAMPLES)]
    SelfTest(SelfTestArgs),
}

/// Arguments of `harness sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Scenario file, or the name of a shipped scenario (batch-size, pool, cache, …)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Flags.
    #[command(flatten)]
    pub flags: SweepFlags,
}

/// Flags of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct SweepFlags {
    /// Flags of every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Program under test.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Run shard I of N of the blocks, counted from 0; needs a fixed number of records
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// Arguments of `harness tune`.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Plan of phases, or the name of a shipped one (phase2, phase2-link, phase2-full,
    /// phase2-sqlserver, quick)
    #[arg(value_name = "SCENARIO", default_value = DEFAULT)]
    pub scenario: String,
    /// Flags.
    #[command(flatten)]
    pub flags: TuneFlags,
}

/// Flags of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct TuneFlags {
    /// Flags of every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Program under test.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Part of the plan.
    #[command(flatten)]
    pub part: PlanPart,
}

/// Part of a plan of phases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct PlanPart {
    /// Tune only these phases, in the plan's order [default: all]
    #[arg(long, value_name = "II.1,II.3", value_delimiter = ',')]
    pub phases: Vec<String>,
    /// Time limit for the session, e.g. 10m; steps that do not fit are skipped and named [default:
    /// the scenario's]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub budget: Option<NonZeroU64>,
}

/// Flags of every measurement.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Flags {
    /// Format of standard output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Print no progress
    #[arg(long)]
    pub quiet: bool,
    /// Seed of the run order [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Folder for results, sources and the runs' stores; its disk is part of the measurement
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Start a new measurement instead of resuming an unfinished one of the same plan
    #[arg(long)]
    pub fresh: bool,
    /// Smoke test with few records and blocks; the results are not meaningful
    #[arg(long)]
    pub quick: bool,
    /// Store of the runs.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Format of standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub(crate) struct OutputArgs {
    /// Print metrics as JSON instead of a table
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Print the report in this format instead of text
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// Program under test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct ProgramArgs {
    /// Measure this build of the migrator instead of the built-in one
    #[arg(long, value_name = "PATH")]
    pub migrator: Option<PathBuf>,
}

/// Store of the runs, and the login for a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct StoreArgs {
    /// Store of the runs instead of the scenario's: `sqlite:` or `mssql://user@host:port/database`.
    /// The server's schema (`?schema=NAME` [default: sweetspot]) is emptied before each run
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// File whose first line is the password for `mssql://` [default: the variable
    /// `MIGRATOR_DB_PASSWORD`]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Empty the tables of this `mssql://` schema even if `migrator init` has not created it or a
    /// migration has stored into it
    #[arg(long, value_name = "SCHEMA")]
    pub recreate: Option<String>,
}

/// Arguments of `harness plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Scenario file or plan of phases, or the name of a shipped one (phase2, batch-size, pool, …)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Part of a plan of phases.
    #[command(flatten)]
    pub part: PlanPart,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the run order [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Show the runs of `--quick`
    #[arg(long)]
    pub quick: bool,
}

/// Arguments of `harness report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Results folders; the report goes to stdout
    #[arg(value_name = "RESULTS", required = true)]
    pub results: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "markdown")]
    pub format: Format,
}

/// Arguments of `harness judge`.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// File of measurements (CSV, or the JSON of hyperfine), `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Direction of all metrics. By default it follows the name: higher for `rec_per_min`,
    /// `throughput` and `ops_per_s`, lower for every other
    #[arg(long, value_enum)]
    pub better: Option<Direction>,
    /// Metric of which higher values are better; repeatable
    #[arg(long, value_name = "METRIC")]
    pub higher: Vec<String>,
    /// Scale of all metrics, or of one: ratio or difference. By default ratio, and difference for a
    /// metric with a value of 0 or less
    #[arg(long, value_name = "[METRIC=]SCALE", value_parser = metric_scale)]
    pub scale: Vec<(Option<String>, Scale)>,
    /// Allowed degradation of B: a share such as 0.05, or 5%
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = parse_margin)]
    pub margin: f64,
    /// Allowed degradation in the unit of all metrics, or of one; it is then judged on differences.
    /// Required for a metric with values below 0
    #[arg(long, value_name = "[METRIC=]VALUE", value_parser = metric_margin)]
    pub margin_abs: Vec<(Option<String>, f64)>,
    /// Seed of the Monte Carlo permutation test (used above 18 pairs)
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `harness gate`.
#[derive(Debug, Args)]
#[command(
    mut_arg("json", |json| json.help("Print the decision as JSON instead of text")),
    mut_arg("seed", |seed| seed.help(SEED_HELP)),
    mut_arg("out", |out| out.help(
        "Folder for results, builds, sources and the runs' stores; its disk is part of the measurement"
    )),
    mut_arg("quick", |quick| quick.help(
        "Smoke test with few pairs and records; the results are not meaningful"
    )),
)]
pub(crate) struct GateArgs {
    /// Baseline
    #[arg(long, value_name = "REF|BINARY|RESULTS")]
    pub base: String,
    /// Candidate to compare with --base
    #[arg(long, value_name = "REF|BINARY|RESULTS")]
    pub head: String,
    /// Scenario file or name of a shipped one; several are judged as one family. Programs run with
    /// its `[baseline]`; a `[sweep]` is ignored. `records = "auto"` is resolved by one run of the first
    /// program [default: gate]
    #[arg(long, value_name = "F")]
    pub scenario: Vec<String>,
    /// Time limit for runs, e.g. 90s or 20m. Every scenario gets at least one interim look
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// Use the stored times of the results that --base names; only the head runs. Confidence is
    /// low
    #[arg(long)]
    pub accept_stored_times: bool,
    /// Pass if only the baseline fails. Speed is not judged then
    #[arg(long)]
    pub accept_failing_base: bool,
    /// Measure even if both arms are one program under the same conditions, which otherwise passes
    /// at once
    #[arg(long)]
    pub measure_anyway: bool,
    /// Flags of every measurement.
    #[command(flatten)]
    pub common: Flags,
}

/// Arguments of `harness explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Baseline
    #[arg(long, value_name = "SETTINGS|REF|BINARY|RESULTS")]
    pub base: String,
    /// Candidate to compare with --base
    #[arg(long, value_name = "SETTINGS|REF|BINARY|RESULTS")]
    pub head: String,
    /// Search the commits between two refs for the first that shows the difference
    #[arg(long)]
    pub bisect: bool,
    /// Scenario file or name of a shipped one, for records, store and all other settings; a `[sweep]`
    /// is ignored [default: gate]
    #[arg(long, value_name = "F")]
    pub scenario: Option<String>,
    /// Time limit for pairs after the first interim look, e.g. 90s or 20m; with --bisect, for each
    /// commit
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// Flags of every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Program under test, if the arms are settings.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Arguments of `harness history`.
#[derive(Debug, Args)]
#[command(mut_arg("json", |json| json.help("Print all series as JSON instead of tables")))]
pub(crate) struct HistoryArgs {
    /// Files written by `--append`, here or on other machines
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Add new sessions below --out to this file, and read it as well
    #[arg(long, value_name = "FILE")]
    pub append: Option<PathBuf>,
    /// Folder of results
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Format of standard output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Do not list added sessions
    #[arg(long)]
    pub quiet: bool,
    /// Seed of the change point test
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `harness doctor`.
#[derive(Debug, Args)]
#[command(
    mut_arg("json", |json| json.help("Print JSON instead of text")),
    mut_arg("migrator", |path| path.help(MIGRATOR_HELP)),
)]
pub(crate) struct DoctorArgs {
    /// Format of standard output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Print no progress
    #[arg(long)]
    pub quiet: bool,
    /// Smoke test with three runs on few records; noise is not measured
    #[arg(long)]
    pub quick: bool,
    /// Folder for the runs' stores; flushes are timed on its disk
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub out: PathBuf,
    /// Program under test.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Arguments of `harness self-test`.
#[derive(Debug, Args)]
#[command(
    mut_arg("json", |json| json.help("Print error rates as JSON instead of text")),
    mut_arg("seed", |seed| seed.help(SEED_HELP)),
    mut_arg("fresh", |fresh| fresh.help(
        "Start a new self-test instead of resuming an unfinished one"
    )),
    mut_arg("quick", |quick| quick.help(
        "Smoke test: one session of each kind with few pairs and records; rates are not meaningful"
    )),
    mut_arg("migrator", |path| path.help(MIGRATOR_HELP)),
)]
pub(crate) struct SelfTestArgs {
    /// Scenario file or name of a shipped one; provides baseline, records and store
    #[arg(value_name = "SCENARIO", default_value = scenario::DEFAULT)]
    pub scenario: String,
    /// Maximum number of sessions of each kind [default: as many as fit into the budget]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions: Option<u32>,
    /// Time limit for runs, e.g. 90s or 5m [default: 5m unless --sessions is given]. At least one
    /// session of each kind is run
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// Flags of every measurement.
    #[command(flatten)]
    pub common: Flags,
    /// Program under test.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// Direction in which a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// Lower is better: times, bytes
    Lower,
    /// Higher is better: rates
    Higher,
}

/// Splits `METRIC=VALUE`; the metric can be missing.
fn of_metric(text: &str) -> (Option<String>, &str) {
    match text.rsplit_once('=') {
        Some((metric, value)) => (Some(metric.to_owned()), value),
        None => (None, text),
    }
}

fn metric_scale(text: &str) -> Result<(Option<String>, Scale), String> {
    let (metric, scale) = of_metric(text);
    match scale {
        "ratio" => Ok((metric, Scale::Ratio)),
        "difference" => Ok((metric, Scale::Difference)),
        _ => Err("expected ratio or difference, after METRIC= for one metric".into()),
    }
}

fn metric_margin(text: &str) -> Result<(Option<String>, f64), String> {
    let (metric, value) = of_metric(text);
    match value.parse::<f64>() {
        Ok(margin) if margin >= 0.0 && margin.is_finite() => Ok((metric, margin)),
        _ => Err("expected a number from 0 on, in the metric's unit".into()),
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
        let parsed = |flag: String| Cli::try_parse_from(["harness", "judge", "-", &flag]);
        for text in ["0", "-0.05", "inf", "NaN", "5"] {
            assert!(parsed(format!("--margin={text}")).is_err(), "{text}");
        }
        let message = parsed("--margin=5".into()).unwrap_err().to_string();
        assert!(message.contains("5 % is 0.05 or 5%"), "{message}");
        assert!(parsed("--margin=5%".into()).is_ok());
    }

    #[test]
    fn scales_and_margins_in_units_are_for_all_metrics_or_one() {
        let parsed = |flag: &str| Cli::try_parse_from(["harness", "judge", "-", flag]);
        assert_eq!(metric_scale("difference"), Ok((None, Scale::Difference)));
        assert_eq!(metric_scale("a=b=ratio"), Ok((Some("a=b".into()), Scale::Ratio)));
        assert_eq!(metric_margin("io=2.5"), Ok((Some("io".into()), 2.5)));
        for flag in ["--scale=log", "--scale=io=", "--margin-abs=-1", "--margin-abs=io=x"] {
            assert!(parsed(flag).is_err(), "{flag}");
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
