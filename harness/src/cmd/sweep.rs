//! `harness sweep`: measures one scenario, from the plan to the results folder.

use std::path::{Path, PathBuf};

use super::load;
use super::session::{Asked, Session};
use super::write;
use crate::analyse::{self, Analysis, analyse};
use crate::args::{Flags, StoreArgs, SweepArgs, SweepFlags};
use crate::display::{self, Display};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Program;
use crate::ledger::{self, Ending};
use crate::recorded::Recorded;
use crate::render;
use crate::results::Folder;
use crate::scenario::{Records, Scenario};
use crate::sweep::Sweep;

/// Runs the verb.
pub fn run(args: &SweepArgs) -> Result<()> {
    let flags = &args.flags;
    let scenario = load::load(&args.scenario, flags.common.seed, flags.common.quick)?;
    let scenario = load::placed(scenario, &flags.common.store)?;
    check_shard(flags, &scenario)?;
    let (program, path) = program(flags.common.migrator.as_deref(), &scenario)?;
    let (mut executor, beginning) = Asked {
        session: ledger::Session::sweep(scenario),
        programs: vec![("migrator", program, path)],
        shard: flags.shard,
        out: &flags.common.out,
        fresh: flags.common.fresh,
        store: &flags.common.store,
        command: command(args),
    }
    .begin()?;
    let mut display = Display::new(flags.common.quiet);
    let mut session = Session::open(beginning, &mut display)?;
    let recorded = session.measure(&Sweep, &mut executor, &mut display)?;
    let analysis = analyse(&recorded).map_err(|error| no_analysis(&session, &error))?;
    let metrics = write::sweep(&session.folder, &analysis, &recorded, &session.identity)?;
    report(&flags.common, &analysis, &metrics, &session.folder);
    valid(&recorded).map_err(|error| session.with_ledger(&error))?;
    complete(&analysis)
}

/// A session of which too much was void has not done what was asked for.
pub(super) fn valid(recorded: &Recorded) -> Result<()> {
    if recorded.ending != Some(Ending::Invalid) {
        return Ok(());
    }
    let mut void = recorded.steps.iter().filter(|ran| ran.invalid).flat_map(|ran| &ran.voided);
    let first = void.next().map(|voided| voided.disturbance.to_string());
    Err(analyse::invalid(&first.unwrap_or_default()))
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

/// What has run cannot be analysed, and running the same command again would not change that.
pub(super) fn no_analysis(session: &Session, error: &Error) -> Error {
    let error = session.with_ledger(error);
    if error.kind() == ErrorKind::Invalid {
        // What is invalid is not gone on with: the same command begins anew by itself.
        return error;
    }
    Error::new(error.kind(), format!("{error}; `--fresh` measures anew"))
}

/// The program under test, and what the user called it.
pub(super) fn program(
    migrator: Option<&Path>,
    scenario: &Scenario,
) -> Result<(Program, Option<String>)> {
    match (&scenario.runner, migrator) {
        (Some(_), Some(_)) => {
            Err(Error::usage("--migrator would be ignored: the scenario has a [runner] command"))
        }
        (Some(runner), None) => {
            Ok((Program::Runner(runner.clone()), Some(runner.command.join(" "))))
        }
        (None, Some(path)) => Ok((Program::other(invoked(path)), Some(path.display().to_string()))),
        (None, None) => Ok((Program::own()?, None)),
    }
}

/// A program named without a folder is one in this folder, as the other paths of a command are,
/// and not one that `PATH` knows.
pub(super) fn invoked(path: &Path) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() }
}

/// The command that measures the same again.
fn command(args: &SweepArgs) -> String {
    let mut words = vec!["harness".into(), "sweep".into(), quoted(&args.scenario)];
    words.extend(common(&args.flags.common));
    if let Some(shard) = args.flags.shard {
        words.extend(["--shard".into(), shard.to_string()]);
    }
    words.join(" ")
}

/// The flags of a command that measures the same again.
pub(super) fn common(flags: &Flags) -> Vec<String> {
    let mut words = Vec::new();
    if flags.quick {
        words.push("--quick".into());
    }
    if let Some(seed) = flags.seed {
        words.extend(["--seed".into(), seed.to_string()]);
    }
    if let Some(path) = &flags.migrator {
        words.extend(["--migrator".into(), quoted(&path.display().to_string())]);
    }
    words.extend(stored(&flags.store));
    words
}

/// The flags that put the rows in the same place again. Where its password is is nobody's business.
pub(super) fn stored(store: &StoreArgs) -> Vec<String> {
    let flags = [("--store", &store.store), ("--recreate", &store.recreate)];
    let given = flags.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
    given.flat_map(|(flag, value)| [flag.to_owned(), quoted(value)]).collect()
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn report(flags: &Flags, analysis: &Analysis, metrics: &str, folder: &Folder) {
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
