//! `harness sweep`: measures one scenario, from the plan to the results folder.

use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};

use super::load;
use crate::analyse::{Analysis, analyse};
use crate::args::{SweepArgs, SweepFlags};
use crate::display::{self, Display};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Observer};
use crate::executor::{Process, Program};
use crate::identity::{self, Identity, Measured};
use crate::ledger::{self, FORMAT_VERSION, Ledger, PlanLine, Recorded};
use crate::plan::{self, Plan};
use crate::render;
use crate::results::Folder;
use crate::run;
use crate::scenario::Scenario;

/// Runs the verb.
pub fn run(args: &SweepArgs) -> Result<()> {
    let flags = &args.flags;
    let scenario = load::load(&args.scenario, flags.seed, flags.quick)?;
    let program = match &flags.migrator {
        Some(path) => Program::other(invoked(path)),
        None => Program::own()?,
    };
    let mut executor = Process::new(program.clone(), &scenario, &flags.out)?;
    let started = Utc::now();
    let plan = PlanLine {
        format: FORMAT_VERSION,
        plan_hash: plan::hash(&scenario),
        plan: Plan::of(&scenario),
        scenario,
    };
    let mut identity = identify(args, &plan, &program, &executor, started)?;
    let folder = results_folder(&flags.out, &plan.scenario, started)?;
    write_identity(&folder, &identity)?;
    let mut display = Display::new(flags.quiet);
    let recorded = measure(&plan, &folder, &mut executor, &mut display)?;
    learn(&mut identity, &recorded);
    write_identity(&folder, &identity)?;
    let analysis = analyse(&recorded).map_err(|error| with_ledger(&error, &folder))?;
    let metrics = write_results(&folder, &analysis, &identity)?;
    report(flags, &analysis, &metrics, &folder);
    complete(&analysis)
}

/// A program named without a folder is one in this folder, as the other paths of a command are,
/// and not one that `PATH` knows.
fn invoked(path: &Path) -> PathBuf {
    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() }
}

fn identify(
    args: &SweepArgs,
    plan: &PlanLine,
    program: &Program,
    executor: &Process,
    started: DateTime<Utc>,
) -> Result<Identity> {
    let program = identity::Program {
        path: args.flags.migrator.as_ref().map(|path| path.display().to_string()),
        blake3: program.fingerprint()?,
        version: None,
        profile: None,
    };
    let measured = Measured {
        plan_hash: &plan.plan_hash,
        started: &started.to_rfc3339_opts(SecondsFormat::Secs, true),
        command: &command(args),
    };
    Ok(Identity::before(measured, program, &plan.scenario.store, executor.stores()))
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

fn results_folder(out: &Path, scenario: &Scenario, started: DateTime<Utc>) -> Result<Folder> {
    let time = started.format("%Y%m%dT%H%M%SZ").to_string();
    Folder::create(out, &scenario.name, &time, identity::short_revision())
}

fn write_identity(folder: &Folder, identity: &Identity) -> Result<()> {
    folder.write("identity.json", &render::pretty(identity)?)
}

/// Runs the plan; what is analysed afterwards is what the ledger says, not what was in memory.
fn measure(
    plan: &PlanLine,
    folder: &Folder,
    executor: &mut Process,
    display: &mut Display,
) -> Result<Recorded> {
    let mut ledger = Ledger::create(&folder.ledger(), plan)?;
    let PlanLine { scenario, plan, .. } = plan;
    display.observe(Event::Planned { scenario, plan, folder: folder.path() });
    let ran = run::run(scenario, plan, executor, &mut ledger, display);
    ran.map_err(|error| with_ledger(&error, folder))?;
    ledger::read(ledger.path())
}

fn with_ledger(error: &Error, folder: &Folder) -> Error {
    let separator = if error.kind() == ErrorKind::WrongResult { "\n" } else { "; " };
    let message = format!("{error}{separator}what ran is in {}", folder.ledger().display());
    Error::new(error.kind(), message)
}

fn learn(identity: &mut Identity, recorded: &Recorded) {
    if let Some(report) = recorded.trials.iter().find_map(|line| line.measurement.report()) {
        identity.learn(report);
    }
}

/// Writes every file but the ledger and the identity; gives the text of `metrics.json`.
fn write_results(folder: &Folder, analysis: &Analysis, identity: &Identity) -> Result<String> {
    let metrics = render::metrics::metrics(analysis)?;
    folder.write("metrics.json", &metrics)?;
    folder.write("analysis.json", &render::pretty(analysis)?)?;
    folder.write(render::charts::RATES_FILE, &render::charts::rates(analysis)?)?;
    folder.write(render::charts::TIMES_FILE, &render::charts::times(analysis)?)?;
    folder.write("report.md", &render::markdown::markdown(analysis, identity))?;
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
