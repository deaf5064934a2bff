//! `harness explain --bisect`: finds the first commit with a difference by gating commits. Finished
//! gates are reused, so the same command resumes.

use std::path::PathBuf;
use std::process::ExitCode;

use super::build_ref;
use super::build_ref::{Built, Commit};
use super::open_session::{NewSession, OpenSession, SessionRequest};
use super::reproduce::CommandLine;
use super::resolve_arm::built;
use super::write_results;
use crate::cli::args::ExplainArgs;
use crate::cli::display::{Display, say};
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::bisect::{
    BisectResult, BisectTarget, CommitInfo, CommitState, Search, TestedCommit,
};
use crate::experiment::gate;
use crate::experiment::gate::{GateResult, GateStrategy, GateVerdict, decide};
use crate::report;
use crate::scenario::Scenario;
use crate::session::arms::{ArmRef, GateSpec};
use crate::session::ledger;
use crate::trial::provenance::fingerprint;
use crate::trial::{Process, Program};

/// Length of the hash prefix that names a commit.
const HASH: usize = 12;

/// Runs the search.
pub(super) fn run(
    args: &ExplainArgs,
    command: &CommandLine,
    scenario: Scenario,
) -> Result<ExitCode> {
    let (base, head) = ends(args, &scenario)?;
    let commits = build_ref::between(&base, &head)?;
    let program = built(&args.base, &base, &args.common.out, args.common.quiet)?.program()?;
    let named: Vec<CommitInfo> = commits
        .iter()
        .map(|(commit, subject)| CommitInfo {
            commit: commit.hash.clone(),
            subject: subject.clone(),
        })
        .collect();
    let mut search = Search::of(commits.len());
    let mut tester =
        Tester { args, command, scenario, base, program, known: Vec::new(), found: None };
    let mut looked_at = Vec::new();
    while let Some(index) = search.next() {
        let (seen, words) = tester.look(&commits[index].0, index + 1 == commits.len())?;
        search.take(index, seen);
        let look = TestedCommit { named: named[index].clone(), seen, words };
        if !args.common.quiet {
            say(&report::text::bisect::line(&look));
        }
        looked_at.push(look);
    }
    let ends = [&args.base, &args.head].map(|name| (*name).clone());
    let found = tester.found.take().map_or((None, None), |(wanted, why)| (Some(wanted), why));
    let bisected = BisectResult::of(ends, found, &search, &named, looked_at);
    let scenario = &tester.scenario.name;
    let document = report::build::bisect::document(&bisected, scenario, &command.to_string())?;
    write_results::show(args.common.output, &document, &document.analysis, || {
        Ok(report::text::bisect::text(&bisected))
    })?;
    Ok(ExitCode::from(if bisected.is_found() { 0 } else { 3 }))
}

/// The two commits. Rejects flags that a bisection would ignore.
fn ends(args: &ExplainArgs, scenario: &Scenario) -> Result<(Commit, Commit)> {
    let ignored = [
        (args.common.quick, "--quick tests nothing, so --bisect cannot decide; remove --quick"),
        (args.program.migrator.is_some(), "--migrator would be ignored: commits are built"),
        (scenario.runner.is_some(), "the scenario's [runner] would be ignored: commits are built"),
    ];
    if let Some((_, message)) = ignored.into_iter().find(|(ignored, _)| *ignored) {
        return Err(Error::usage(message));
    }
    let commit = |name: &str| {
        Commit::of(name).ok_or_else(|| {
            Error::usage(format!("`{name}` is not a git ref here; --bisect needs two refs"))
        })
    };
    Ok((commit(&args.base)?, commit(&args.head)?))
}

/// Tests commits against the base.
struct Tester<'a> {
    args: &'a ExplainArgs,
    command: &'a CommandLine,
    scenario: Scenario,
    base: Commit,
    program: PathBuf,
    /// Tested programs by BLAKE3, with their state and its reason.
    known: Vec<(String, CommitState, String)>,
    /// Difference between the two ends and its attribution, once known.
    found: Option<(BisectTarget, Option<String>)>,
}

impl Tester<'_> {
    /// State of a commit and its reason. A failure of the head ends the search.
    fn look(&mut self, commit: &Commit, is_head: bool) -> Result<(CommitState, String)> {
        let (name, flags) = (commit.short(), &self.args.common);
        let program = match built(name, commit, &flags.out, flags.quiet)? {
            Built::Program(program) => program,
            Built::Refused(error) if is_head => return Err(error),
            Built::Refused(error) => return Ok((CommitState::Skip, skipped(name, &error))),
        };
        let print = fingerprint(&program)?;
        if print == fingerprint(&self.program)? {
            return Ok((CommitState::Good, "the base's program, byte for byte".into()));
        }
        if let Some((_, seen, words)) = self.known.iter().find(|(known, _, _)| *known == print) {
            return Ok((*seen, format!("the program of a commit before, byte for byte: {words}")));
        }
        let gated = self.gate(commit, program)?;
        if is_head {
            sound(&gated)?;
            self.found =
                BisectTarget::of(&gated).map(|wanted| (wanted, report::text::gate::why(&gated)));
        }
        let (seen, words) = self.said(&gated);
        self.known.push((print, seen, words.clone()));
        Ok((seen, words))
    }

    fn said(&self, gated: &GateResult) -> (CommitState, String) {
        let wanted = self.found.as_ref().map(|(wanted, _)| *wanted);
        let seen = match wanted {
            Some(wanted) => wanted.seen(gated),
            // Applies only to the head: it is within the margin and not better.
            None if gated.answer == GateVerdict::Pass => CommitState::Good,
            None => CommitState::Skip,
        };
        (seen, report::text::bisect::words(gated, wanted))
    }

    /// Gate of a commit against the base: a finished one, or a new one.
    fn gate(&self, commit: &Commit, program: PathBuf) -> Result<GateResult> {
        let (mut executor, beginning) = self.begin(commit, program)?;
        if let Some(recorded) = beginning.ended()? {
            return decide(&recorded);
        }
        let mut display = Display::new(self.args.common.quiet);
        let mut session = OpenSession::open(beginning, &mut display)?;
        let recorded = session.measure(&GateStrategy, &mut executor, &mut display)?;
        let gated = decide(&recorded).map_err(|error| session.with_ledger(&error))?;
        let document = report::build::gate::document(&gated, &recorded, &session.identity)?;
        write_results::write(&session.folder, &document)?;
        Ok(gated)
    }

    fn begin(&self, commit: &Commit, program: PathBuf) -> Result<(Process, NewSession<'_>)> {
        // Hashes name the arms, so that the same commits have the same plan later.
        let side = |commit: &Commit| ArmRef {
            name: commit.hash.get(..HASH).unwrap_or(&commit.hash).into(),
            commit: Some(commit.hash.clone()),
        };
        let sides = [side(&self.base), side(commit)];
        let [base, head] = sides.clone();
        let contest = GateSpec::new(base, head, self.args.budget.as_secs_f64());
        let session = ledger::Session {
            name: format!("bisect-{}", self.scenario.name),
            ..gate::session(contest, vec![self.scenario.clone()])
        };
        let command = self.command.as_gate().with_arms([&sides[0], &sides[1]]).to_string();
        let [base, head] = sides.map(|side| side.label());
        let programs = vec![
            ("base", Program::other(self.program.clone()), Some(base)),
            ("head", Program::other(program), Some(head)),
        ];
        let (out, fresh) = (self.args.common.out.as_path(), self.args.common.fresh);
        let store = &self.args.common.store;
        SessionRequest { session, programs, shard: None, out, store, fresh, command }.begin()
    }
}

/// Checks that the head can be compared with the base.
fn sound(gated: &GateResult) -> Result<()> {
    let kind = match gated.answer {
        GateVerdict::Failed => ErrorKind::Environment,
        GateVerdict::Invalid => ErrorKind::Invalid,
        GateVerdict::WrongResult => ErrorKind::WrongResult,
        _ => return Ok(()),
    };
    Err(Error::new(kind, report::text::bisect::words(gated, None)))
}

/// Reason why a commit could not be built, on one line without its name.
fn skipped(name: &str, error: &Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix(name).unwrap_or(&text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_end_matches(':').to_owned();
    // The compiler's own error is more specific than the first line.
    match lines.find(|line| line.starts_with("error")) {
        Some(error) => format!("{first}: {error}"),
        None => first,
    }
}
