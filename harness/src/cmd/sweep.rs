//! `harness sweep`: measures one scenario, from the plan to the results folder.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::load;
use super::session::{Beginning, Session, iso};
use crate::analyse::{self, Analysis, analyse};
use crate::args::{SweepArgs, SweepFlags};
use crate::display::{self, Display};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Process, Program};
use crate::identity::{self, Identity, Measured};
use crate::ledger::{FORMAT_VERSION, Origin, PlanLine};
use crate::plan::{self, Plan};
use crate::render;
use crate::results::{self, Folder};
use crate::scenario::{Records, Scenario};

/// Runs the verb.
pub fn run(args: &SweepArgs) -> Result<()> {
    let flags = &args.flags;
    let scenario = load::load(&args.scenario, flags.seed, flags.quick)?;
    check_shard(flags, &scenario)?;
    let program = program(flags, &scenario)?;
    let mut executor = Process::new(program, &scenario, &flags.out)?;
    let mut display = Display::new(flags.quiet);
    let mut session = Session::open(beginning(args, scenario, &executor), &mut display)?;
    let recorded = session.measure(&mut executor, &mut display)?;
    let analysis = analyse(&recorded).map_err(|error| no_analysis(&session, &error))?;
    let metrics = write_results(&session.folder, &analysis, &session.identity)?;
    report(flags, &analysis, &metrics, &session.folder);
    if let Some(first) = recorded.voided.first().filter(|_| recorded.invalid) {
        return Err(session.with_ledger(&analyse::invalid(first)));
    }
    complete(&analysis)
}

/// Machines that each find a number of records of their own would not run one plan.
fn check_shard(flags: &SweepFlags, scenario: &Scenario) -> Result<()> {
    match (flags.shard, scenario.workload.records) {
        (Some(shard), Records::Auto { .. }) => Err(Error::usage(format!(
            "--shard {shard} needs a number in [workload] records: every machine would find \
             another one for \"auto\""
        ))),
        _ => Ok(()),
    }
}

fn beginning<'a>(args: &'a SweepArgs, scenario: Scenario, executor: &Process) -> Beginning<'a> {
    let at = Utc::now();
    let plan_hash = plan::hash(&scenario);
    let identity = identify(args, &plan_hash, &scenario, executor, at);
    let plan = PlanLine {
        format: FORMAT_VERSION,
        origin: Origin {
            revision: identity.revision.clone(),
            host: identity.machine.host.clone(),
            program: identity.program.blake3.clone(),
        },
        plan_hash,
        plan: Plan::of(&scenario),
        scenario,
        shard: args.flags.shard,
    };
    Beginning { plan, out: &args.flags.out, fresh: args.flags.fresh, at, identity }
}

/// What has run cannot be analysed, and running the same command again would not change that.
fn no_analysis(session: &Session, error: &Error) -> Error {
    let error = session.with_ledger(error);
    if error.kind() == ErrorKind::Invalid {
        // What is invalid is not gone on with: the same command begins anew by itself.
        return error;
    }
    Error::new(error.kind(), format!("{error}; `--fresh` measures anew"))
}

fn program(flags: &SweepFlags, scenario: &Scenario) -> Result<Program> {
    match (&scenario.runner, &flags.migrator) {
        (Some(_), Some(_)) => {
            Err(Error::usage("--migrator would be ignored: the scenario has a [runner] command"))
        }
        (Some(runner), None) => Ok(Program::Runner(runner.clone())),
        (None, Some(path)) => Ok(Program::other(invoked(path))),
        (None, None) => Program::own(),
    }
}

/// A program named without a folder is one in this folder, as the other paths of a command are,
/// and not one that `PATH` knows.
pub(super) fn invoked(path: &Path) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() }
}

fn identify(
    args: &SweepArgs,
    plan_hash: &str,
    scenario: &Scenario,
    executor: &Process,
    at: DateTime<Utc>,
) -> Identity {
    let program = identity::Program {
        path: match &scenario.runner {
            Some(runner) => Some(runner.command.join(" ")),
            None => args.flags.migrator.as_ref().map(|path| path.display().to_string()),
        },
        blake3: executor.fingerprint().into(),
        version: None,
        profile: None,
    };
    let measured = Measured { plan_hash, started: &iso(at), command: &command(args) };
    Identity::before(measured, program, &scenario.store, executor.stores())
}

/// The command that measures the same again.
fn command(args: &SweepArgs) -> String {
    let flags = &args.flags;
    let mut words = vec!["harness".into(), "sweep".into(), quoted(&args.scenario)];
    if flags.quick {
        words.push("--quick".into());
    }
    if let Some(seed) = flags.seed {
        words.extend(["--seed".into(), seed.to_string()]);
    }
    if let Some(shard) = flags.shard {
        words.extend(["--shard".into(), shard.to_string()]);
    }
    if let Some(path) = &flags.migrator {
        words.extend(["--migrator".into(), quoted(&path.display().to_string())]);
    }
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes every file but the ledger and the identity; gives the text of `metrics.json`.
fn write_results(folder: &Folder, analysis: &Analysis, identity: &Identity) -> Result<String> {
    let metrics = render::metrics::metrics(analysis)?;
    folder.write("metrics.json", &metrics)?;
    folder.write("analysis.json", &render::pretty(analysis)?)?;
    folder.write(render::charts::RATES_FILE, &render::charts::rates(analysis)?)?;
    if let Some(times) = render::charts::times(analysis)? {
        folder.write(render::charts::TIMES_FILE, &times)?;
    }
    folder.write(results::LAST_FILE, &render::markdown::markdown(analysis, identity))?;
    Ok(metrics)
}

fn report(flags: &SweepFlags, analysis: &Analysis, metrics: &str, folder: &Folder) {
    if flags.json {
        display::result(metrics);
    } else {
        display::result(&render::table::table(analysis));
        display::result(&render::words::summary(analysis, &folder.path().display().to_string()));
    }
}

/// A sweep that could not measure every setting has not done what was asked for.
fn complete(analysis: &Analysis) -> Result<()> {
    if analysis.unmeasured.is_empty() {
        return Ok(());
    }
    let reason = analysis.failed.iter().find(|run| analysis.unmeasured.contains(&run.setting));
    let reason = reason.map(|run| format!(": {}", run.reason)).unwrap_or_default();
    let settings = analysis.unmeasured.join(", ");
    Err(Error::environment(format!("no run of {settings} finished{reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_blanks_or_quotes_is_quoted_for_a_shell() {
        for (word, expected) in
            [("a/b.toml", "a/b.toml"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
