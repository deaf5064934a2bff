//! Gates without processes: schedule, decision and report. Every figure is invented and
//! reproducible.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use harness::analysis::test_result::Decision;
use harness::error::{Error, ErrorKind, Result};
use harness::experiment::bisect::{BisectTarget, CommitState};
use harness::experiment::gate::{
    GateResult, GateStrategy, GateVerdict, SpeedNotJudged, WorkloadResult, decide, session,
};
use harness::report::build::gate::document;
use harness::report::{Format, markdown, pretty, render};
use harness::scenario::metric::Metric;
use harness::scenario::schedule::{Schedule, derive_seed};
use harness::scenario::{Exact, Scenario, shipped};
use harness::session::arms::{ArmRef, GateSpec, StoredBaseline, StoredWorkload};
use harness::session::ledger::{Ending, Ledger, Line, Origin, ProgramId, ResumedLine, SessionLine};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::{CompletedStep, SessionState};
use harness::session::strategy::{NextStep, Strategy};
use harness::stats::confidence::Confidence;
use harness::stats::verdict::Verdict;
use harness::trial::measurement::{Measurement, SystemLoad};
use harness::trial::provenance::{ProgramIdentity, Provenance};
use harness::trial::{Mock, Source, StoreDifference, report};
use migrator::config::Settings;
use migrator::telemetry::report::RunReport;

use crate::common::{Silent, done, failure, identity, tell, uniform};

const RECORDS: u32 = 4000;

/// The shipped scenario on `RECORDS` records, with these lines in its `[gate]`.
fn scenario(gate: &str) -> Scenario {
    let text = shipped("gate").unwrap().replace("records = \"auto\" ", "records = 4000 ");
    let text = text.replace("run_seconds = 0.8\n", "").replace("small = \"pass\"", gate);
    Scenario::parse(&text).unwrap()
}

fn contest(budget_s: f64) -> GateSpec {
    let side = |name: &str, commit: &str| ArmRef { name: name.into(), commit: Some(commit.into()) };
    GateSpec::new(
        side("main", "1a2b3c4d00000000000000000000000000000000"),
        side("HEAD", "5e6f7a8b00000000000000000000000000000000"),
        budget_s,
    )
}

fn line_of(contest: GateSpec, scenarios: Vec<Scenario>) -> SessionLine {
    let id = |name: &str| ProgramId { name: name.into(), blake3: format!("{name}-0123456789") };
    let mut programs = vec![id("base"), id("head")];
    if contest.stored.as_ref().is_some_and(|stored| stored.times_accepted) {
        programs.remove(0);
    }
    let origin = Origin { revision: "r".into(), host: None, programs, servers: Vec::new() };
    SessionLine::new(session(contest, scenarios), origin, None)
}

/// Runs a gate to its end, or until its executor stops it.
fn start(path: &Path, line: SessionLine, executor: &mut Mock) -> Result<SessionState> {
    let mut ledger = Ledger::create(path, &line)?;
    runner::run(Replay::of(line), &GateStrategy, executor, &mut ledger, &mut Silent)?;
    tell(path).progress.into_recorded()
}

fn gate(line: SessionLine, mut executor: Mock) -> SessionState {
    let folder = tempfile::tempdir().unwrap();
    start(&folder.path().join("ledger.jsonl"), line, &mut executor).unwrap()
}

fn one(gate: &str) -> SessionLine {
    line_of(contest(600.0), vec![scenario(gate)])
}

/// A run whose inserts take longer by this share of the whole time.
fn slowed(settings: &Settings, records: u32, share: f64, noise: f64) -> RunReport {
    let usual = report(settings, records, 480_000.0 / (1.0 + noise));
    let mut report = report(settings, records, 480_000.0 / (1.0 + noise) / (1.0 + share));
    for (name, times) in &mut report.stages {
        times.total_ns = usual.stages[name].total_ns;
    }
    let busy: u64 = usual.stages.values().map(|times| times.total_ns).sum();
    let more = busy as f64 * share;
    let insert = report.stages.get_mut("insert").unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a second")]
    let more = more.round() as i64;
    insert.total_ns = insert.total_ns.checked_add_signed(more).unwrap();
    report.peak_rss_bytes += u64::from(records % 7);
    report
}

/// Two programs. The head takes longer by this share, and each run varies by up to `noise`. The
/// result of a run depends on the number of runs before it.
fn programs(share: f64, noise: f64) -> Mock {
    Mock::of_programs(answers(share, noise, 0, None))
}

fn answers(
    share: f64,
    noise: f64,
    mut ran: u32,
    cut_at: Option<u32>,
) -> impl FnMut(&Source, usize, &Settings) -> Result<Measurement> {
    move |source, program, settings| {
        if cut_at == Some(ran) {
            return Err(Error::new(ErrorKind::Interrupted, "cut off"));
        }
        ran += 1;
        let share = if program == 1 { share } else { 0.0 };
        Ok(done(slowed(settings, source.records, share, noise * uniform(900 + ran))))
    }
}

fn identity_of_gate() -> Provenance {
    let program = |path: &str| ProgramIdentity { path: Some(path.into()), ..identity().program };
    Provenance {
        command: "harness gate --base 1a2b3c4d0000 --head 5e6f7a8b0000 --budget 10m".into(),
        program: program("main (1a2b3c4d)"),
        other_programs: vec![program("HEAD (5e6f7a8b)")],
        ..identity()
    }
}

fn report_md(recorded: &SessionState) -> String {
    let gated = decide(recorded).unwrap();
    markdown(&document(&gated, recorded, &identity_of_gate()).unwrap()).unwrap()
}

fn said(gated: &GateResult) -> (GateVerdict, u8) {
    (gated.answer, gated.exit_code)
}

#[test]
fn a_slower_program_is_a_regression_attributed_to_its_stage() {
    let recorded = gate(one("small = \"pass\""), programs(0.2, 0.02));
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::Regression, 1));
    let why = gated.workloads[0].why.as_ref().unwrap();
    assert_eq!(why.stages[0].stage, "insert");
    assert!((why.stages[0].percent - 20.0).abs() < 3.0, "{why}");
    // Warm-up, negative control, one look: a clear difference needs no more.
    let steps: Vec<_> = recorded.steps.iter().map(|ran| ran.step.name.as_str()).collect();
    assert_eq!(steps, ["warm-up", "negative control", "gate"]);
    insta::assert_snapshot!("gate-regression_markdown", report_md(&recorded));
}

#[test]
fn a_faster_program_is_an_improvement() {
    let recorded = gate(one("small = \"pass\""), programs(-0.15, 0.02));
    assert_eq!(said(&decide(&recorded).unwrap()), (GateVerdict::Improved, 0));
    insta::assert_snapshot!("gate-improvement_markdown", report_md(&recorded));
}

#[test]
fn equal_programs_pass() {
    let recorded = gate(one("small = \"pass\""), programs(0.0, 0.02));
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::Pass, 0));
    assert_eq!(gated.workloads[0].why, None);
    assert_eq!(gated.control.unwrap().alarmed, Some(false));
}

#[test]
fn a_regression_within_the_margin_follows_the_policy_of_the_scenario() {
    for (policy, code) in [("pass", 0), ("fail", 1)] {
        let line = one(&format!("small = \"{policy}\""));
        let recorded = gate(line, programs(0.03, 0.002));
        let gated = decide(&recorded).unwrap();
        assert_eq!(said(&gated), (GateVerdict::Small, code));
        // Every format says the same as the exit code.
        let document = document(&gated, &recorded, &identity_of_gate()).unwrap();
        let junit = render(Format::Junit, &document).unwrap();
        assert_eq!(junit.contains("<failure"), code == 1, "{junit}");
        let html = render(Format::Html, &document).unwrap();
        assert_eq!(html.contains("class=\"verdict bad\""), code == 1);
    }
}

#[test]
fn looks_continue_until_a_decision_or_the_end_of_the_budget() {
    // The source takes 5 s and a run about 0.55 s. 22 runs before the first look and 20 in it take
    // 28 s with the source, and 7 s are reserved for the next look.
    for (budget_s, pairs) in [(1.0, 10), (33.0, 10), (38.0, 16)] {
        let line = line_of(contest(budget_s), vec![scenario("small = \"pass\"")]);
        let recorded = gate(line, programs(0.025, 0.35));
        let gated = decide(&recorded).unwrap();
        assert_eq!(said(&gated), (GateVerdict::Inconclusive, 3), "{budget_s}");
        let comparison = gated.workloads[0].comparison.as_ref().unwrap();
        assert_eq!(comparison.pairs, pairs, "{budget_s}");
        assert_eq!(comparison.confidence, Confidence::Low, "no look follows");
        if pairs == 16 {
            insta::assert_snapshot!("gate-inconclusive_markdown", report_md(&recorded));
        }
    }
}

/// Seconds of all runs of a gate, and of the runs up to the first look at every scenario. Every
/// 23rd run is disturbed, and no look decides.
fn seconds(budget_s: f64, scenarios: usize) -> [f64; 2] {
    let called =
        |index: usize| Scenario { name: format!("s{index}"), ..scenario("small = \"pass\"") };
    let line = line_of(contest(budget_s), (0..scenarios).map(called).collect());
    let took = Rc::new(RefCell::new(Vec::new()));
    let (mut runs, noted) = (answers(0.025, 0.35, 0, None), took.clone());
    let recorded = gate(
        line,
        Mock::of_programs(move |source, program, settings| {
            let measured = runs(source, program, settings)?;
            let mut took = noted.borrow_mut();
            took.push(measured.elapsed_s);
            let foreign_cpu_share = if took.len().is_multiple_of(23) { 0.9 } else { 0.0 };
            let around = SystemLoad {
                foreign_cpu_share,
                steal_share: 0.0,
                swapped_pages: 0,
                clock_mhz: None,
            };
            Ok(Measurement { surroundings: Some(around), ..measured })
        }),
    );
    let is_always = |ran: &&CompletedStep| ran.step.name == "warm-up" || ran.step.look == 1;
    let always = recorded.steps.iter().filter(is_always);
    let always: usize = always.map(|ran| 2 * (ran.blocks.len() + ran.voided.len())).sum();
    let took = took.borrow();
    [took.iter().sum(), took[..always].iter().sum()]
}

#[test]
fn a_gate_keeps_to_its_budget_except_for_the_mandatory_runs() {
    let mut before = [0.0, 0.0];
    for budget_s in [0.0, 40.0, 50.0, 80.0] {
        for scenarios in [1, 2] {
            let [took, always] = seconds(budget_s, scenarios);
            assert!(took <= budget_s.max(always), "{took} s of {budget_s} s, always {always} s");
            assert!(took >= before[scenarios - 1], "more time is no loss");
            before[scenarios - 1] = took;
        }
    }
    // The gate also uses the available time.
    assert!(before.iter().all(|took| *took > 40.0), "{before:?}");
}

#[test]
fn programs_that_store_different_rows_stop_the_gate() {
    let executor = Mock::of_programs(|source: &Source, program, settings: &Settings| {
        let mut report = report(settings, source.records, 480_000.0);
        if program == 1 {
            report.checksum = "ffeeddccbbaa99887766554433221100".into();
            *report.rows.get_mut("app_base").unwrap() -= 1;
        }
        Ok(done(report))
    });
    let difference = StoreDifference {
        table: "app_base".into(),
        record: Some(17),
        words: "app_base, record 17 is stored by base alone".into(),
    };
    let recorded = gate(one("small = \"pass\""), executor.differing(difference));
    assert_eq!(recorded.ending, Some(Ending::Differs));
    assert_eq!(recorded.trials().count(), 2);
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::WrongResult, 5));
    assert_eq!(gated.difference.as_ref().unwrap().record, Some(17));
    insta::assert_snapshot!("gate-wrong-result_markdown", report_md(&recorded));
}

#[test]
fn a_significant_negative_control_makes_the_gate_invalid() {
    let seed = scenario("small = \"pass\"").seed;
    let control = Schedule::pairs(10, 0, derive_seed(seed, "negative control", 1));
    let arms: Vec<usize> = control.trials().map(|trial| trial.arm).collect();
    let mut number = 0;
    let executor = Mock::new(move |source, settings| {
        // The warm-up is runs 0 and 1.
        let arm = arms.get(usize::checked_sub(number, 2).unwrap_or(usize::MAX)).copied();
        number += 1;
        let share = if arm == Some(1) { 0.2 } else { 0.0 };
        let noise = 0.02 * uniform(u32::try_from(number).unwrap());
        Ok(done(slowed(settings, source.records, share, noise)))
    });
    let recorded = gate(one("small = \"pass\""), executor);
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::Invalid, 4));
    assert_eq!(recorded.steps.len(), 2, "no look is taken");
    assert!(report_md(&recorded).contains("The negative control, main (1a2b3c4d) against itself"));
}

#[test]
fn a_program_that_does_not_finish_its_first_run_is_named() {
    let executor = Mock::of_programs(|source: &Source, program, settings: &Settings| {
        Ok(if program == 1 { failure() } else { done(report(settings, source.records, 4e5)) })
    });
    let recorded = gate(one("small = \"pass\""), executor);
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::Failed, 1));
    assert_eq!(recorded.trials().count(), 2);
    let words =
        "HEAD (5e6f7a8b) failed in 1 of 1 run, main (1a2b3c4d) in none: exit code 2: out of luck";
    assert!(report_md(&recorded).contains(words));
}

#[test]
fn a_base_that_never_runs_is_invalid_at_once_and_accepted_on_request() {
    let executor = || {
        Mock::of_programs(|source: &Source, program, settings: &Settings| {
            Ok(if program == 0 { failure() } else { done(report(settings, source.records, 4e5)) })
        })
    };
    // Its first run was to find the number of records.
    let scenario = || Scenario::parse(shipped("gate").unwrap()).unwrap();
    let recorded = gate(line_of(contest(600.0), vec![scenario()]), executor());
    let gated = decide(&recorded).unwrap();
    assert_eq!((said(&gated), recorded.ending), ((GateVerdict::Invalid, 4), Some(Ending::Invalid)));
    assert_eq!(recorded.trials().count(), 4, "the warm-up, and once more");
    let accepting = GateSpec { accept_failing_base: true, ..contest(600.0) };
    let recorded = gate(line_of(accepting, vec![scenario()]), executor());
    let gated = decide(&recorded).unwrap();
    assert_eq!((said(&gated), recorded.ending), ((GateVerdict::Pass, 0), Some(Ending::Complete)));
    assert_eq!(gated.speed_not_judged, Some(SpeedNotJudged::FailingBase));
    assert!(report_md(&recorded).contains("speed not judged"));
}

#[test]
fn interference_discards_times_and_not_failures() {
    let mut runs = answers(0.0, 0.02, 0, None);
    let mut ran = 0;
    let executor = Mock::of_programs(move |source: &Source, program, settings: &Settings| {
        ran += 1;
        let around = |share| SystemLoad {
            foreign_cpu_share: share,
            steal_share: 0.0,
            swapped_pages: 0,
            clock_mhz: None,
        };
        // In the first pair after the warm-up and the control the head fails, and both are disturbed.
        let first_pair = ran == 23 || ran == 24;
        let finished = runs(source, program, settings)?;
        let measured = if first_pair && program == 1 { failure() } else { finished };
        let share = if first_pair { 0.9 } else { 0.0 };
        Ok(Measurement { surroundings: Some(around(share)), ..measured })
    });
    let recorded = gate(one("small = \"pass\""), executor);
    assert_eq!(recorded.steps[2].voided.len(), 1);
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::Failed, 1));
    let failures = gated.failures.as_ref().unwrap();
    assert_eq!((failures.head.failed, failures.head.runs, failures.base.runs), (1, 12, 12));
    assert!(report_md(&recorded).contains("HEAD (5e6f7a8b) failed in 1 of 12 runs"));
}

#[test]
fn a_rise_of_an_exact_counter_is_a_regression_only_if_the_scenario_gates_it() {
    for (exact, expected) in
        [("[]", (GateVerdict::Pass, 0)), ("[\"statements\"]", (GateVerdict::Regression, 1))]
    {
        let mut runs = answers(0.0, 0.02, 0, None);
        let executor = Mock::of_programs(move |source: &Source, program, settings: &Settings| {
            let mut measured = runs(source, program, settings)?;
            if let harness::trial::measurement::Outcome::Report(report) = &mut measured.outcome {
                report.insert_statements += program as u64;
            }
            Ok(measured)
        });
        let recorded = gate(one(&format!("exact = {exact}")), executor);
        let gated = decide(&recorded).unwrap();
        assert_eq!(said(&gated), expected);
        // A bisection uses the counter if no other metric differs.
        let wanted = (expected.0 == GateVerdict::Regression)
            .then_some(BisectTarget::Count { count: Exact::Statements });
        assert_eq!(BisectTarget::of(&gated), wanted);
        assert!(wanted.is_none_or(|wanted| wanted.seen(&gated) == CommitState::Bad));
        assert!(
            report_md(&recorded).contains("statements: 8,000 in the baseline, 8,001 in the head")
        );
    }
}

#[test]
fn a_bisection_follows_the_metric_and_verdict_in_which_its_ends_differ() {
    let of = |executor| decide(&gate(one("small = \"pass\""), executor)).unwrap();
    let fails = Mock::of_programs(|source: &Source, program, settings: &Settings| {
        Ok(if program == 1 { failure() } else { done(report(settings, source.records, 4e5)) })
    });
    let same = of(programs(0.0, 0.02));
    let unsure = of(programs(0.025, 0.9));
    let (slower, faster) = (of(programs(0.2, 0.02)), of(programs(-0.15, 0.02)));
    let failed = of(fails);
    for ends in [&same, &unsure, &failed] {
        assert_eq!(BisectTarget::of(ends), None);
    }
    for (ends, worse, changed, other) in
        [(&slower, true, &slower, &faster), (&faster, false, &faster, &slower)]
    {
        let wanted = BisectTarget::of(ends).unwrap();
        let BisectTarget::Metric { metric, worse: is_worse, .. } = wanted else {
            panic!("a count")
        };
        assert_eq!((metric, is_worse), (Metric::RecPerMin, worse));
        assert_eq!(wanted.seen(changed), CommitState::Bad);
        assert_eq!(wanted.seen(other), CommitState::Good);
        assert_eq!(wanted.seen(&same), CommitState::Good);
        assert_eq!(wanted.seen(&unsure), CommitState::Skip);
        assert_eq!(wanted.seen(&failed), CommitState::Skip);
    }
}

#[test]
fn a_bisection_of_a_small_difference_does_not_treat_pass_as_equal() {
    let of =
        |effect, noise| decide(&gate(one("small = \"pass\""), programs(effect, noise))).unwrap();
    // Worse by 2 %, less than the margin of 5 %.
    let ends = of(0.02, 0.004);
    assert_eq!(said(&ends), (GateVerdict::Small, 0));
    let wanted = BisectTarget::of(&ends).unwrap();
    // Worse by 1 % with noise: within the margin, but a difference of 2 % is not excluded.
    let hidden = of(0.01, 0.03);
    assert_eq!(said(&hidden), (GateVerdict::Pass, 0));
    assert_eq!(wanted.seen(&hidden), CommitState::Skip);
    assert_eq!(wanted.seen(&of(0.0, 0.004)), CommitState::Good);
}

#[test]
fn a_missing_primary_metric_is_not_replaced_by_another() {
    let mut scenario = scenario("small = \"pass\"");
    scenario.gate.metrics = vec![Metric::LatencyP99, Metric::RecPerMin];
    // Runs without latencies of records.
    let mut runs = answers(0.0, 0.02, 0, None);
    let executor = Mock::of_programs(move |source: &Source, program, settings: &Settings| {
        let mut measured = runs(source, program, settings)?;
        if let harness::trial::measurement::Outcome::Report(report) = &mut measured.outcome {
            report.stages.remove("record");
        }
        Ok(measured)
    });
    let recorded = gate(line_of(contest(600.0), vec![scenario]), executor);
    let gated = decide(&recorded).unwrap();
    let comparison = gated.workloads[0].comparison.as_ref().unwrap();
    assert_eq!(comparison.left_out, [Metric::LatencyP99]);
    assert!(comparison.primary().is_none());
    assert!(gated.workloads[0].tests.iter().all(|test| !test.primary));
    assert_eq!(said(&gated), (GateVerdict::NotTestable, 3));
}

#[test]
fn several_scenarios_share_one_family_of_tests() {
    let other = Scenario { name: "other".into(), ..scenario("small = \"pass\"") };
    let line = line_of(contest(1.0), vec![scenario("small = \"pass\""), other]);
    let recorded = gate(line, programs(0.2, 0.02));
    let gated = decide(&recorded).unwrap();
    // Three metrics on two workloads, without the primary one, which has α to itself. Ten pairs are
    // too few for the corrected tests, and the report says so.
    assert_eq!(gated.family, 5);
    let verdicts: Vec<_> = gated.workloads.iter().flat_map(|w| &w.tests).collect();
    assert!(verdicts[0].primary && verdicts[0].p_worse_adjusted.unwrap() < 0.019);
    assert!(verdicts[1..].iter().all(|test| test.p_worse_adjusted.unwrap() > 0.019));
    // Alone each would be significant; the report shows the values at the family's level.
    let findings = gated.workloads.iter().flat_map(WorkloadResult::findings).skip(1);
    let open = findings.filter(|(_, test)| test.verdict == Decision::Judged(Verdict::Inconclusive));
    let open: Vec<_> = open.map(|(found, _)| &found.finding).collect();
    assert!(open.iter().any(|finding| finding.p_worse.unwrap() <= 0.019), "{open:?}");
    for finding in open {
        assert_eq!(finding.verdict, Decision::Judged(Verdict::Inconclusive));
        assert_eq!(finding.interval_percent.unwrap()[0], None, "no ten pairs are so extreme");
        assert!(finding.needed_pairs.unwrap() >= 16, "{finding:?}");
    }
    let other = gated.workloads[1].comparison.as_ref().unwrap();
    assert_eq!(other.decided(), Some(Verdict::Inconclusive));
    assert!(other.minutes_needed.is_some() && other.confidence == Confidence::Low);
    let told = |warning: &&String| {
        warning.contains("10 pairs are too few to detect a regression in the 5 secondary")
    };
    assert_eq!(gated.warnings.iter().filter(told).count(), 2);
    assert_eq!(said(&gated), (GateVerdict::Regression, 1));
    assert!(report_md(&recorded).starts_with("<!-- sweetspot:gate:gate-other -->"));
}

#[test]
fn a_quick_gate_performs_no_test_and_succeeds() {
    let line = line_of(contest(600.0), vec![scenario("small = \"pass\"").quick()]);
    let recorded = gate(line, programs(0.2, 0.02));
    let gated = decide(&recorded).unwrap();
    assert_eq!(said(&gated), (GateVerdict::NotTestable, 0));
    assert_eq!(gated.control, None);
    assert_eq!(gated.workloads[0].comparison.as_ref().unwrap().pairs, 4);
}

fn stored(times_accepted: bool, change: impl Fn(&mut RunReport)) -> StoredBaseline {
    let settings = scenario("small = \"pass\"").settings[0].settings.clone();
    let run = |number: u32| {
        let mut report = slowed(&settings, RECORDS, 0.0, 0.02 * uniform(70 + number));
        change(&mut report);
        done(report)
    };
    let workload =
        StoredWorkload { scenario: 0, records: RECORDS, runs: (0..10).map(run).collect() };
    StoredBaseline {
        folder: "results/gate/earlier".into(),
        revision: "r".into(),
        times_accepted,
        workloads: vec![workload],
    }
}

#[test]
fn an_accepted_baseline_of_times_decides_with_low_confidence() {
    for (share, answer) in [(0.2, GateVerdict::Regression), (0.0, GateVerdict::Pass)] {
        let contest = GateSpec { stored: Some(stored(true, |_| {})), ..contest(600.0) };
        let mut runs = answers(share, 0.02, 0, None);
        // Only the head is run.
        let executor = Mock::new(move |source, settings| runs(source, 1, settings));
        let recorded = gate(line_of(contest, vec![scenario("small = \"pass\"")]), executor);
        let gated = decide(&recorded).unwrap();
        assert_eq!(gated.answer, answer);
        let comparison = gated.workloads[0].comparison.as_ref().unwrap();
        assert_eq!((comparison.pairs, comparison.confidence), (10, Confidence::Low));
        let looked = recorded.steps_of("gate").next().unwrap();
        assert_eq!((looked.step.arms.len(), looked.trials().count()), (1, 10));
        let warned = gated.warnings.iter().any(|warning| warning.contains("another session"));
        assert!(warned, "{:?}", gated.warnings);
    }
}

#[test]
fn exact_counters_of_an_accepted_baseline_must_agree() {
    let contest = |change: fn(&mut RunReport)| GateSpec {
        stored: Some(stored(false, change)),
        ..contest(600.0)
    };
    let gated = |change| {
        let line = line_of(contest(change), vec![scenario("small = \"pass\"")]);
        decide(&gate(line, programs(0.0, 0.02))).unwrap()
    };
    assert_eq!(said(&gated(|_| {})), (GateVerdict::Pass, 0));
    let other = gated(|report| report.books.rejected = 1);
    assert_eq!(said(&other), (GateVerdict::WrongResult, 5));
    let words = "gate: the stored rows differ from those of results/gate/earlier: records rejected 0 \
                 instead of 1";
    assert_eq!(other.failure.as_deref(), Some(words));
}

#[test]
fn a_resumed_gate_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let line = || line_of(contest(38.0), vec![scenario("small = \"pass\"")]);
    let path = folder.path().join("whole");
    let whole = start(&path, line(), &mut programs(0.025, 0.35)).unwrap();
    let expected = (report_md(&whole), pretty(&decide(&whole).unwrap()).unwrap());
    let runs = u32::try_from(whole.trials().count()).unwrap();
    assert_eq!(runs, 2 + 20 + 32);
    for cut in [1, 3, 22, 30, 45] {
        let path = folder.path().join(format!("cut-{cut}"));
        let mut executor = Mock::of_programs(answers(0.025, 0.35, 0, Some(cut)));
        start(&path, line(), &mut executor).unwrap_err();
        let told = tell(&path);
        let mut progress = told.progress;
        let mut ledger = Ledger::reopen(&path, told.whole_bytes).unwrap();
        let resumed = Line::Resumed(ResumedLine { at: "later".into() });
        ledger.append(&resumed).unwrap();
        progress.take(resumed).unwrap();
        // A partial pair is repeated whole.
        let ran = u32::try_from(progress.recorded().trials().count()).unwrap();
        let mut executor = Mock::of_programs(answers(0.025, 0.35, ran, None));
        runner::run(progress, &GateStrategy, &mut executor, &mut ledger, &mut Silent).unwrap();
        let recorded = tell(&path).progress.into_recorded().unwrap();
        let said = (report_md(&recorded), pretty(&decide(&recorded).unwrap()).unwrap());
        assert_eq!(said, expected, "cut off at {cut}");
    }
}

#[test]
fn every_format_has_the_verdict_and_the_simulated_change() {
    // A fifth more time for each record is a sixth fewer records a minute.
    let recorded = gate(one("small = \"pass\""), programs(0.2, 0.02));
    let gated = decide(&recorded).unwrap();
    let document = document(&gated, &recorded, &identity_of_gate()).unwrap();
    let said = |format| render(format, &document).unwrap();
    let json: serde_json::Value = serde_json::from_str(&said(Format::Json)).unwrap();
    assert_eq!(json["answer"], "REGRESSION");
    let change = document.metrics[0].effect_percent.unwrap();
    assert!((change + 100.0 / 6.0).abs() < 1.0, "{change}");
    let change = format!("{change:.1} %");
    let markdown = said(Format::Markdown);
    assert!(markdown.contains("\n**REGRESSION.** ") && markdown.chars().count() < 65_536);
    assert!(markdown.contains(&format!("| {} |", change.replace(' ', "\u{a0}"))), "{markdown}");
    let page = scraper::Html::parse_document(&said(Format::Html));
    let all = |selector: &str| -> Vec<String> {
        let selector = scraper::Selector::parse(selector).unwrap();
        page.select(&selector).map(|element| element.text().collect()).collect()
    };
    assert_eq!(all("#verdict-word"), ["regression"]);
    assert!(all("#metrics td").contains(&change), "{:?}", all("#metrics td"));
    let junit = said(Format::Junit);
    assert!(junit.contains(&format!("message=\"regression: {change}")), "{junit}");
    // Every run of both programs, without warm-up.
    let csv = said(Format::Csv);
    let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(csv.as_bytes())
        .records()
        .map(std::result::Result::unwrap)
        .collect();
    let step = &gated.workloads[0].scenario;
    for (arm, is_baseline) in [("base", "true"), ("head", "false")] {
        let of_step = rows.iter().filter(|row| row[0] == **step);
        let of_arm = of_step.filter(|row| &row[2] == arm && &row[3] == is_baseline);
        assert_eq!(of_arm.count(), document.metrics[0].pairs, "{csv}");
    }
}

#[test]
fn the_next_step_depends_only_on_the_ledger() {
    let recorded = gate(one("small = \"pass\""), programs(0.0, 0.02));
    for steps in 0..recorded.steps.len() {
        let next = GateStrategy.next(&recorded.until(steps));
        assert_eq!(next, NextStep::Step(Box::new(recorded.steps[steps].step.clone())));
    }
    assert_eq!(GateStrategy.next(&recorded), NextStep::Done(Ending::Complete));
}
