//! Attribution of differences, without processes, and the real binary with a stand-in for the
//! migrator. Every figure is invented and reproducible.

use std::path::Path;

use harness::analysis::test_result::Decision;
use harness::error::{Error, ErrorKind, Result};
use harness::experiment::bisect::{
    BisectResult, BisectTarget, CommitInfo, CommitState, Search, TestedCommit,
};
use harness::experiment::explain::settings::asked;
use harness::experiment::explain::{ExplainResult, ExplainStrategy, explain, of_settings, session};
use harness::report::model::Document;
use harness::report::text::explain::text;
use harness::report::{build, markdown};
use harness::scenario::metric::Metric;
use harness::scenario::{Scenario, shipped};
use harness::session::arms::{ArmRef, GateSpec};
use harness::session::ledger::{Ending, Ledger, Line, Origin, ProgramId, ResumedLine, SessionLine};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::SessionState;
use harness::trial::measurement::Measurement;
use harness::trial::{Mock, Source, report};
use migrator::config::Settings;
use migrator::telemetry::report::RunReport;

use crate::common::{Fake, Silent, done, failure, harness, identity, tell, uniform};

fn scenario() -> Scenario {
    let text = shipped("gate").unwrap().replace("records = \"auto\" ", "records = 4000 ");
    Scenario::parse(&text.replace("run_seconds = 0.8\n", "")).unwrap()
}

fn contest(base: &str, head: &str) -> GateSpec {
    let side = |name: &str| ArmRef { name: name.into(), commit: None };
    GateSpec::new(side(base), side(head), 600.0)
}

fn line(contest: GateSpec, scenario: Scenario, programs: &[&str]) -> SessionLine {
    let id = |name: &&str| ProgramId { name: (*name).into(), blake3: format!("{name}-0123") };
    let programs = programs.iter().map(id).collect();
    let origin = Origin { revision: "r".into(), host: None, programs, servers: Vec::new() };
    SessionLine::new(session(contest, scenario), origin, None)
}

/// The session that attributes the difference between these settings and the baseline.
fn of(head: &str) -> SessionLine {
    let scenario = scenario();
    let base = scenario.settings[scenario.baseline].settings.clone();
    let settings = asked(head, &base).unwrap();
    line(contest("baseline", head), of_settings(scenario, &base, &settings), &["migrator"])
}

fn start(path: &Path, line: SessionLine, executor: &mut Mock) -> Result<SessionState> {
    let mut ledger = Ledger::create(path, &line)?;
    runner::run(Replay::of(line), &ExplainStrategy, executor, &mut ledger, &mut Silent)?;
    tell(path).progress.into_recorded()
}

fn recorded(line: SessionLine, mut executor: Mock) -> Result<SessionState> {
    let folder = tempfile::tempdir().unwrap();
    start(&folder.path().join("ledger.jsonl"), line, &mut executor)
}

fn explained(line: SessionLine, executor: Mock) -> Result<ExplainResult> {
    explain(&recorded(line, executor)?)
}

/// The document of three settings that differ.
pub(crate) fn a_document() -> Document {
    let recorded = recorded(of(THREE), mock(0.01)).unwrap();
    build::explain::document(&explain(&recorded).unwrap(), &recorded, &identity()).unwrap()
}

/// The document of a search among four commits, the third of which made the program slower.
pub(crate) fn a_bisection() -> Document {
    let commits: Vec<CommitInfo> = (1..=4)
        .map(|index| CommitInfo {
            commit: format!("{index:040x}"),
            subject: format!("change {index}"),
        })
        .collect();
    let mut search = Search::of(4);
    let mut tested = Vec::new();
    while let Some(index) = search.next() {
        let seen = if index < 2 { CommitState::Good } else { CommitState::Bad };
        search.take(index, seen);
        let words = format!("tested as number {}", tested.len() + 1);
        tested.push(TestedCommit { named: commits[index].clone(), seen, words });
    }
    let wanted = BisectTarget::Metric { metric: Metric::RecPerMin, worse: true, effect: -0.12 };
    let ends = ["main".into(), "HEAD".into()];
    let found = BisectResult::of(ends, (Some(wanted), None), &search, &commits, tested);
    let command = "harness explain --bisect --base main --head HEAD";
    build::bisect::document(&found, "gate", command).unwrap()
}

/// Runs in which a pool brings 10 %, small batches cost 5 %, a cache brings nothing, and pool and
/// cache together bring 4 % more. Rates vary by up to `noise`.
fn effects(
    noise: f64,
    mut ran: u32,
    cut_at: Option<u32>,
) -> impl FnMut(&Source, usize, &Settings) -> Result<Measurement> {
    move |source, _, settings| {
        if cut_at == Some(ran) {
            return Err(Error::new(ErrorKind::Interrupted, "cut off"));
        }
        ran += 1;
        let usual = Settings::default();
        let [pool, cache] = [settings.pool != usual.pool, settings.cache != usual.cache];
        let small = settings.batch_size.get() < 500;
        let mut log = if pool { 0.10 } else { 0.0 };
        log -= if small { 0.05 } else { 0.0 };
        log += if pool && cache { 0.04 } else { 0.0 };
        let rate = 480_000.0 * (log + noise * uniform(300 + ran)).exp();
        Ok(done(report(settings, source.records, rate)))
    }
}

fn mock(noise: f64) -> Mock {
    Mock::of_programs(effects(noise, 0, None))
}

const THREE: &str = "batch_size=100,pool=worker,cache=batch";

#[test]
fn a_difference_is_attributed_to_settings_and_interactions_are_split_equally() {
    let found = explained(of(THREE), mock(0.01)).unwrap();
    let apart = found.settings.as_ref().unwrap();
    let percents: Vec<f64> = apart.parts.iter().map(|part| part.share.unwrap().percent).collect();
    let names: Vec<&str> = apart.parts.iter().map(|part| part.setting.as_str()).collect();
    assert_eq!(names, ["batch_size", "pool", "cache"]);
    for (percent, log) in percents.iter().zip([-0.05, 0.12, 0.02_f64]) {
        assert!((percent - log.exp_m1() * 100.0).abs() < 1.0, "{percents:?}");
    }
    assert!(apart.parts[1].share.unwrap().told && !apart.left.unwrap().told, "{apart:?}");
    assert_eq!(apart.blocks, 10);
    let shown = text(&found, "results/explain-gate/x");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    insta::assert_snapshot!("explain", shown);
    insta::assert_snapshot!("explain_markdown", markdown(&a_document()).unwrap());
}

#[test]
fn a_setting_without_effect_has_an_interval_around_zero() {
    let found = explained(of("batch_size=100,insert=bulk"), mock(0.02)).unwrap();
    let parts = found.settings.unwrap().parts;
    assert!(parts[0].share.unwrap().told, "{parts:?}");
    let insert = parts[1].share.unwrap();
    assert!(!insert.told && insert.percent.abs() < 1.5, "{parts:?}");
}

#[test]
fn a_single_setting_gets_the_whole_difference_without_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let recorded = start(&path, of("pool=worker"), &mut mock(0.01)).unwrap();
    let names: Vec<&str> = recorded.steps.iter().map(|ran| ran.step.name.as_str()).collect();
    assert_eq!(names, ["warm-up", "difference"]);
    let found = explain(&recorded).unwrap();
    let apart = found.settings.unwrap();
    assert_eq!((apart.blocks, apart.parts.len()), (0, 1));
    assert_eq!(apart.parts[0].share, apart.whole);
    assert!((apart.whole.unwrap().percent - 10.5).abs() < 1.0);
}

/// Two programs. The head takes this share of the whole time longer, all of it in inserting.
fn programs(share: f64) -> Mock {
    noisy_programs(share, 0.02)
}

/// The same two programs with runs that vary by up to `noise`.
fn noisy_programs(share: f64, noise: f64) -> Mock {
    let mut ran = 0;
    Mock::of_programs(move |source: &Source, program, settings: &Settings| {
        ran += 1;
        let noise = 1.0 + noise * uniform(ran);
        let share = if program == 1 { share } else { 0.0 };
        let mut slow = report(settings, source.records, 480_000.0 / noise / (1.0 + share));
        let usual = report(settings, source.records, 480_000.0 / noise);
        let busy: u64 = usual.stages.values().map(|times| times.total_ns).sum();
        slow.stages.clone_from(&usual.stages);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "nanoseconds of a second"
        )]
        let more = (busy as f64 * share) as u64;
        slow.stages.get_mut("insert").unwrap().total_ns += more;
        Ok(done(slow))
    })
}

#[test]
fn a_difference_of_programs_is_attributed_to_their_stages() {
    let line = line(contest("main", "HEAD"), scenario().baseline_alone(), &["base", "head"]);
    let found = explained(line, programs(0.2)).unwrap();
    assert_eq!(found.settings, None);
    let first = &found.stages.parts[0];
    assert_eq!(first.stage, "insert");
    assert!((first.share.percent - 20.0).abs() < 1.5 && first.share.told, "{first:?}");
    let others = &found.stages.parts[1..];
    assert!(others.iter().all(|part| part.share.percent.abs() < 1.0), "{others:?}");
    assert!((found.stages.whole.unwrap().percent - 20.0).abs() < 3.0);
    insta::assert_snapshot!("explain_programs", text(&found, "results/explain-gate/x"));
}

#[test]
fn a_later_look_widens_the_intervals_of_the_stages() {
    let line = line(contest("main", "HEAD"), scenario().baseline_alone(), &["base", "head"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let recorded = start(&path, line, &mut noisy_programs(0.025, 0.35)).unwrap();
    assert!(recorded.steps_of("difference").count() > 1, "the first look told");
    let width = |recorded: &SessionState| {
        let [low, high] =
            explain(recorded).unwrap().stages.whole.unwrap().interval_percent.unwrap();
        high - low
    };
    // The same pairs as the only look of a quick session, and as the last of several looks.
    let mut quick = recorded.clone();
    quick.session.session.scenarios[0].quick = true;
    assert!(width(&recorded) > width(&quick), "{} {}", width(&recorded), width(&quick));
}

#[test]
fn programs_without_a_checksum_are_unverified() {
    let mock = Mock::of_programs(|source: &Source, _, settings: &Settings| {
        let report =
            RunReport { checksum: String::new(), ..report(settings, source.records, 480_000.0) };
        Ok(done(report))
    });
    let found = explained(of("pool=worker"), mock).unwrap();
    let unverified = "unverified: the programs report no checksum";
    assert!(found.warnings.iter().any(|warning| warning == unverified), "{:?}", found.warnings);
}

#[test]
fn a_resumed_explanation_has_the_same_result() {
    let whole = explained(of(THREE), mock(0.01)).unwrap();
    for cut_at in [1, 7, 22, 23, 60, 101] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let mut cut = Mock::of_programs(effects(0.01, 0, Some(cut_at)));
        assert_eq!(start(&path, of(THREE), &mut cut).unwrap_err().kind(), ErrorKind::Interrupted);
        let told = tell(&path);
        // A discarded block is repeated whole, and the result of a run depends on the number of
        // runs before it.
        let blocks = told.progress.recorded().trials().count();
        let ran = u32::try_from(blocks).unwrap();
        let mut ledger = Ledger::reopen(&path, told.whole_bytes).unwrap();
        let mut progress = told.progress;
        let resumed = Line::Resumed(ResumedLine { at: "2026-01-01T00:00:00Z".into() });
        ledger.append(&resumed).unwrap();
        progress.take(resumed).unwrap();
        let mut rest = Mock::of_programs(effects(0.01, ran, None));
        runner::run(progress, &ExplainStrategy, &mut rest, &mut ledger, &mut Silent).unwrap();
        let again = explain(&tell(&path).progress.into_recorded().unwrap()).unwrap();
        assert_eq!(again, whole, "cut off at {cut_at}");
    }
}

#[test]
fn settings_that_fail_or_store_different_rows_are_an_error() {
    let wrong = Mock::of_programs(|source: &Source, _, settings: &Settings| {
        let mut report = report(settings, source.records, 480_000.0);
        if settings.pool != Settings::default().pool {
            report.checksum = "ffeeddccbbaa99887766554433221100".into();
        }
        Ok(done(report))
    });
    assert_eq!(explained(of(THREE), wrong).unwrap_err().kind(), ErrorKind::WrongResult);
    let fails = Mock::of_programs(|source: &Source, _, settings: &Settings| {
        if settings.pool == Settings::default().pool {
            return Ok(done(report(settings, source.records, 480_000.0)));
        }
        Ok(failure())
    });
    let said = explained(of(THREE), fails).unwrap_err();
    assert_eq!(said.kind(), ErrorKind::Environment);
    assert!(said.to_string().contains("did not finish its first run"), "{said}");
}

/// An explanation of which the runs fail that `fails` names, by their settings and their number.
fn with_failures(fails: impl Fn(&Settings, u32) -> bool + 'static) -> SessionState {
    let mut ran = 0;
    let mut usual = effects(0.01, 0, None);
    let executor = Mock::of_programs(move |source: &Source, program, settings: &Settings| {
        ran += 1;
        if fails(settings, ran) { Ok(failure()) } else { usual(source, program, settings) }
    });
    recorded(of(THREE), executor).unwrap()
}

#[test]
fn nothing_is_attributed_by_the_runs_that_failures_leave() {
    // The head in a pair, and a setting in the blocks that switch one part at a time.
    let of = asked(THREE, &scenario().settings[0].settings).unwrap();
    let head = of.clone();
    let recorded = with_failures(move |settings, ran| ran < 24 && ran > 9 && *settings == head);
    let found = explain(&recorded).unwrap();
    assert_eq!(found.comparison.verdict, Some(Decision::FailedRuns));
    assert_eq!((found.stages.pairs, found.stages.whole), (0, None));
    let said = |found: &ExplainResult| {
        let mut warnings = found.warnings.iter();
        warnings.any(|w| w.contains(" is not called better: ") && w.contains("out of luck"))
    };
    assert!(said(&found), "{:?}", found.warnings);
    let base = scenario().settings[0].settings.clone();
    let recorded = with_failures(move |settings, ran| {
        (40..50).contains(&ran) && *settings != base && *settings != of
    });
    let found = explain(&recorded).unwrap();
    let apart = found.settings.as_ref().unwrap();
    assert_eq!((apart.blocks, apart.whole), (0, None));
    assert!(apart.parts.iter().all(|part| part.share.is_none()));
    assert!(said(&found), "{:?}", found.warnings);
}

#[test]
fn a_baseline_that_fails_is_repeated_once_and_then_ends_the_explanation_as_invalid() {
    let base = scenario().settings[0].settings.clone();
    let once = base.clone();
    // Each warm-up is a pair.
    let recorded = with_failures(move |settings, ran| ran <= 2 && *settings == once);
    assert_eq!((recorded.steps[0].voided.len(), recorded.ending), (1, Some(Ending::Complete)));
    let found = explain(&recorded).unwrap();
    assert!(found.comparison.verdict.is_some_and(|decision| decision.verdict().is_some()));
    let again = with_failures(move |settings, ran| ran <= 4 && *settings == base);
    assert_eq!((again.steps.len(), again.ending), (1, Some(Ending::Invalid)));
}

/// `harness explain` with a stand-in for the migrator.
fn explain_with(fake: &Fake, words: &[&str]) -> assert_cmd::Command {
    let mut command = harness();
    command.arg("explain").args(words).arg("--migrator").arg(fake.program());
    command.arg("--out").arg(fake.out());
    command
}

const SHORT: &str = "name = \"short\"\nwhy = \"?\"\nphase = \"p\"\noptimization = \"o\"\n\
                     [workload]\nrecords = 500\n[validity]\nforeign_cpu_share_max = 1.0\n\
                     steal_share_max = 1.0\n[gate]\nmargin = 0.5\n";

#[test]
fn a_quick_explanation_writes_its_report_and_can_be_reported_again() {
    let fake = Fake::new("");
    let scenario = fake.write("short.toml", SHORT);
    let scenario = scenario.to_str().unwrap();
    let arms =
        ["--base", "baseline", "--head", "batch_size=200,workers=1", "--quick", "--scenario"];
    let mut command = explain_with(&fake, &[&arms[..], &[scenario]].concat());
    let assert = command.assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(said.starts_with("NOT TESTABLE: workers=1 batch_size=200 against "), "{said}");
    assert!(said.contains("By setting") && said.contains("By stage"), "{said}");
    let results = fake.results("explain-short");
    let report = std::fs::read_to_string(results.join("report.md")).unwrap();
    let mut again = harness();
    let again = again.arg("report").arg(&results).assert().success();
    assert_eq!(String::from_utf8_lossy(&again.get_output().stdout), report);
}

#[test]
fn incomparable_arms_are_rejected_by_name() {
    let fake = Fake::new("");
    let program = fake.program();
    let program = program.to_str().unwrap();
    for (base, head, expected) in [
        ("batch_size=1", program, "names no settings, but the other arm does"),
        ("batchsize=1", "baseline", "the nearest known one is `batch_size`"),
        ("baseline", "batch_size=500", "there is nothing to explain"),
        (program, program, "--migrator would be ignored"),
    ] {
        let assert = explain_with(&fake, &["--base", base, "--head", head]).assert().code(2);
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
    let bisect = ["--base", "a", "--head", "b", "--bisect"];
    let assert = explain_with(&fake, &bisect).assert().code(2);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("--migrator would be ignored: commits are built"), "{said}");
}
