//! The command line as typed; no I/O. `cmd/` resolves it into what each verb needs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures which settings make the migrator fast.
///
/// Without a verb: `harness sweep scenarios/batch-size.toml`.
///
/// Exit codes: 0 the work asked for is done; 2 usage or environment; 5 runs stored different
/// things; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "harness", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The flags of a sweep, where there is no verb.
    #[command(flatten)]
    pub sweep: SweepFlags,
}

/// One verb, one file in `cmd/`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run every setting of a scenario in interleaved blocks and compare them
    Sweep(SweepArgs),
    /// Print the order of a scenario's runs, and run nothing
    Plan(PlanArgs),
}

/// Arguments of `harness sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// A scenario file, or the name of a shipped scenario (batch-size)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// How it is carried out.
    #[command(flatten)]
    pub flags: SweepFlags,
}

/// How a sweep is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SweepFlags {
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
    /// Every setting on few records and in few blocks: shows that it works, proves nothing
    #[arg(long)]
    pub quick: bool,
    /// Measure this build of the migrator instead of the one inside
    #[arg(long, value_name = "PATH")]
    pub migrator: Option<PathBuf>,
}

/// Arguments of `harness plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A scenario file, or the name of a shipped scenario (batch-size)
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
    /// Seed of the order [default: the scenario's]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// The plan of `harness sweep --quick`
    #[arg(long)]
    pub quick: bool,
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
    fn flags_work_with_and_without_the_verb() {
        let flags = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap();
        let bare = flags(&["harness", "--quick", "--seed", "3"]);
        let verb = flags(&["harness", "sweep", "batch-size", "--quick", "--seed", "3"]);
        let Some(Verb::Sweep(sweep)) = verb.verb else { panic!("no sweep") };
        assert!(bare.verb.is_none());
        assert_eq!(bare.sweep, sweep.flags);
    }
}
