//! Sessions of steps without processes: schedules, comparisons, resuming and rejections.

use std::path::Path;

use harness::analysis::comparison::{Comparison, TestPlan, compare, pairs};
use harness::analysis::consistency::check_stored_rows_agree;
use harness::analysis::sweep::{PhaseOutcome, analyse};
use harness::analysis::test_result::Decision;
use harness::error::{Error, ErrorKind, Result};
use harness::report::pretty;
use harness::results_dir::{COMPLETION_MARKER, ResultsDir};
use harness::scenario::metric::Metric;
use harness::scenario::step::{Arm, Step};
use harness::scenario::{Scenario, shipped};
use harness::session::ledger::{
    Ending, Kind, Ledger, Line, Origin, ProgramId, ResumedLine, Session, SessionLine,
};
use harness::session::replay::Replay;
use harness::session::resume;
use harness::session::resume::PreviousSession;
use harness::session::runner;
use harness::session::state::{SessionState, merge};
use harness::session::strategy::{NextStep, Strategy};
use harness::stats::confidence::Confidence;
use harness::stats::group_sequential::PAIRS_PER_LOOK;
use harness::stats::verdict::Verdict;
use harness::trial::measurement::{Measurement, SystemLoad};
use harness::trial::{Mock, Source, report};
use migrator::config::Settings;

use crate::common::{Silent, done, session_line, tell, uniform};

fn batch_size() -> Scenario {
    Scenario::parse(shipped("batch-size").unwrap()).unwrap()
}

/// Two programs under one setting, in looks of pairs, with one more look until a decision. The
/// harness has no such strategy.
struct Looks;

/// Later looks draw their order vectors, which takes time.
const LOOKS_MOST: usize = 2;

impl Strategy for Looks {
    fn next(&self, recorded: &SessionState) -> NextStep {
        let scenario = recorded.scenario(0).unwrap();
        let looks = recorded.steps.len();
        if looks > 0 {
            let planned = PAIRS_PER_LOOK[..looks].iter().sum();
            let look = compare(recorded, "look", &TestPlan::look(scenario, planned)).unwrap();
            if look.invalid {
                return NextStep::Done(Ending::Invalid);
            }
            if looks == LOOKS_MOST || look.decided() != Some(Verdict::Inconclusive) {
                return NextStep::Done(Ending::Complete);
            }
        }
        let setting = scenario.settings[scenario.baseline].clone();
        let arms = [0, 1].map(|program| Arm { program, setting: setting.clone() });
        let (pairs, seed) = (PAIRS_PER_LOOK[looks], scenario.seed);
        NextStep::Step(Box::new(Step::comparison("look", looks + 1, 0, arms, pairs, seed)))
    }

    fn ahead(&self, _: &SessionState) -> usize {
        0
    }
}

fn two_programs() -> SessionLine {
    let id = |name: &str| ProgramId { name: name.into(), blake3: format!("{name} build") };
    let origin = Origin {
        revision: "r".into(),
        host: None,
        programs: vec![id("base"), id("head")],
        servers: Vec::new(),
    };
    let session = Session { name: "looks".into(), of: Kind::Sweep, scenarios: vec![batch_size()] };
    SessionLine::new(session, origin, None)
}

/// Runs of two programs that differ by this factor, with this noise. The result of a run depends on
/// its program and on the number of earlier runs of it. The executor fails after `cut_at` runs.
fn two_arms(
    mut ran: [u32; 2],
    factor: f64,
    noise: f64,
    cut_at: Option<usize>,
) -> impl FnMut(&Source, usize, &Settings) -> Result<Measurement> {
    let mut number = 0;
    move |source, program, settings| {
        if cut_at == Some(number) {
            return Err(Error::new(ErrorKind::Interrupted, "cut off"));
        }
        number += 1;
        ran[program] += 1;
        let draw = uniform(500 + ran[program] * 2 + u32::try_from(program).unwrap());
        let factor = if program == 1 { factor } else { 1.0 };
        Ok(done(report(settings, source.records, 600_000.0 * factor * (1.0 + noise * draw))))
    }
}

fn start(path: &Path, factor: f64, noise: f64, cut_at: Option<usize>) -> Result<SessionState> {
    let session = two_programs();
    let mut ledger = Ledger::create(path, &session)?;
    let mut executor = Mock::of_programs(two_arms([0; 2], factor, noise, cut_at));
    runner::run(Replay::of(session), &Looks, &mut executor, &mut ledger, &mut Silent)?;
    tell(path).progress.into_recorded()
}

fn go_on(path: &Path, factor: f64, noise: f64, cut_at: Option<usize>) -> Result<SessionState> {
    let told = tell(path);
    let mut progress = told.progress;
    let mut ledger = Ledger::reopen(path, told.whole_bytes)?;
    let line = Line::Resumed(ResumedLine { at: "later".into() });
    ledger.append(&line)?;
    progress.take(line).unwrap();
    let recorded = progress.recorded();
    let blocks = recorded.steps.iter().map(|ran| ran.blocks.len()).sum::<usize>();
    let blocks = u32::try_from(blocks).unwrap();
    // The baseline run is a run of the first program.
    let pilot = u32::from(recorded.records[0].is_some());
    let mut executor = Mock::of_programs(two_arms([blocks + pilot, blocks], factor, noise, cut_at));
    runner::run(progress, &Looks, &mut executor, &mut ledger, &mut Silent)?;
    tell(path).progress.into_recorded()
}

fn said(recorded: &SessionState) -> String {
    let scenario = recorded.scenario(0).unwrap();
    let planned = PAIRS_PER_LOOK[..recorded.steps.len()].iter().sum();
    pretty(&compare(recorded, "look", &TestPlan::look(scenario, planned)).unwrap()).unwrap()
}

#[test]
fn a_resumed_session_of_looks_has_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let (factor, noise) = (0.975, 0.2);
    let whole = start(&folder.path().join("whole"), factor, noise, None).unwrap();
    assert!(whole.steps.len() > 1, "it looks more than once");
    let expected = said(&whole);
    let runs = 1 + whole.trials().count();
    for cut in (0..runs).step_by(4) {
        let path = folder.path().join(format!("cut-{cut}"));
        start(&path, factor, noise, Some(cut)).unwrap_err();
        let _ = go_on(&path, factor, noise, Some(7));
        let recorded = match tell(&path).progress.recorded().ending {
            None => go_on(&path, factor, noise, None).unwrap(),
            Some(_) => tell(&path).progress.into_recorded().unwrap(),
        };
        assert_eq!(said(&recorded), expected, "cut off at {cut}");
    }
}

#[test]
fn every_look_is_balanced_and_has_its_own_order() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = start(&folder.path().join("l"), 0.975, 0.2, None).unwrap();
    for ran in &recorded.steps {
        let first: Vec<usize> = ran.blocks.iter().map(|block| block.trials[0].trial.arm).collect();
        let b_first = first.iter().sum::<usize>();
        assert_eq!(2 * b_first, first.len());
        assert_eq!(first.len(), PAIRS_PER_LOOK[ran.step.look - 1]);
    }
    let found = pairs(&recorded, "look", Metric::RecPerMin).unwrap();
    assert_eq!(found.batches, PAIRS_PER_LOOK[..recorded.steps.len()]);
    assert_eq!(found.pairs.len(), found.batches.iter().sum::<usize>());
}

#[test]
fn a_slower_program_is_a_regression_and_a_faster_one_an_improvement() {
    let folder = tempfile::tempdir().unwrap();
    for (factor, verdict, sign) in
        [(0.8, Verdict::Regression, -1.0), (1.0, Verdict::Pass, 0.0), (1.2, Verdict::Improved, 1.0)]
    {
        let path = folder.path().join(format!("{factor}"));
        let recorded = start(&path, factor, 0.03, None).unwrap();
        let scenario = recorded.scenario(0).unwrap();
        let terms = TestPlan::look(scenario, PAIRS_PER_LOOK[0]);
        let found = compare(&recorded, "look", &terms).unwrap();
        assert_eq!(found.verdict, Some(Decision::Judged(verdict)), "{factor}");
        let expected = match found.warnings.len() {
            0 => Confidence::High,
            1 => Confidence::Moderate,
            _ => Confidence::Low,
        };
        assert_eq!(found.confidence, expected);
        assert_eq!(
            [&found.baseline.label, &found.candidate.label],
            ["base batch_size=1000", "head batch_size=1000"]
        );
        let change = found.primary().unwrap().change_percent.unwrap();
        assert!((change - (factor - 1.0) * 100.0).abs() < 4.0 && change * sign >= 0.0, "{change}");
        let [low, high] = found.primary().unwrap().change_interval_percent.unwrap();
        assert!(low.unwrap() < change && change < high.unwrap());
        assert!(check_stored_rows_agree(&recorded, 0).is_ok());
    }
}

#[test]
fn a_disturbed_pair_is_repeated_and_too_many_make_the_comparison_invalid() {
    let folder = tempfile::tempdir().unwrap();
    // The baseline run is run 0; the third pair is runs 5 and 6.
    for (disturbed, voided, ending) in
        [(&[6][..], 1, Ending::Complete), (&[1, 3, 5], 3, Ending::Invalid)]
    {
        let path = folder.path().join(format!("{voided}"));
        let session = two_programs();
        let mut ledger = Ledger::create(&path, &session).unwrap();
        let mut runs = two_arms([0; 2], 0.8, 0.03, None);
        let mut number = 0;
        let disturbed = disturbed.to_vec();
        let mut executor = Mock::of_programs(move |source, program, settings| {
            let share = if disturbed.contains(&number) { 0.9 } else { 0.0 };
            number += 1;
            let around = SystemLoad {
                foreign_cpu_share: share,
                steal_share: 0.0,
                swapped_pages: 0,
                clock_mhz: None,
            };
            Ok(Measurement { surroundings: Some(around), ..runs(source, program, settings)? })
        });
        runner::run(Replay::of(session), &Looks, &mut executor, &mut ledger, &mut Silent).unwrap();
        let recorded = tell(&path).progress.into_recorded().unwrap();
        assert_eq!((recorded.steps[0].voided.len(), recorded.ending), (voided, Some(ending)));
        let terms = TestPlan::look(recorded.scenario(0).unwrap(), PAIRS_PER_LOOK[0]);
        let found = compare(&recorded, "look", &terms).unwrap();
        assert_eq!(found.voided.len(), voided);
        if ending == Ending::Complete {
            let last = recorded.steps[0].blocks.last().unwrap();
            assert_eq!((last.index, recorded.steps[0].blocks.len()), (2, 10));
            assert_eq!(found.decided(), Some(Verdict::Regression));
        } else {
            assert_eq!((found.decided(), found.confidence), (None, Confidence::None));
        }
    }
}

/// A slower program. Every seventh of its runs has this clock speed in MHz, all others 3,000.
fn at_clock_speed(slow_mhz: f64) -> Comparison {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let session = two_programs();
    let mut ledger = Ledger::create(&path, &session).unwrap();
    let mut runs = two_arms([0; 2], 0.8, 0.03, None);
    let mut number = 0;
    let mut executor = Mock::of_programs(move |source, program, settings| {
        number += 1;
        let clock_mhz = Some(if number % 7 == 0 { slow_mhz } else { 3000.0 });
        let around =
            SystemLoad { foreign_cpu_share: 0.0, steal_share: 0.0, swapped_pages: 0, clock_mhz };
        Ok(Measurement { surroundings: Some(around), ..runs(source, program, settings)? })
    });
    runner::run(Replay::of(session), &Looks, &mut executor, &mut ledger, &mut Silent).unwrap();
    let recorded = tell(&path).progress.into_recorded().unwrap();
    let terms = TestPlan::look(recorded.scenario(0).unwrap(), PAIRS_PER_LOOK[0]);
    compare(&recorded, "look", &terms).unwrap()
}

#[test]
fn a_varying_clock_speed_gives_a_warning_and_lower_confidence() {
    let [steady, varied] = [3000.0, 2400.0].map(at_clock_speed);
    assert_eq!(steady.validity.clock_spread, Some(0.0));
    // The range from 2,400 to 3,000 is a fifth of the median, which is 3,000.
    assert!((varied.validity.clock_spread.unwrap() - 0.2).abs() < 1e-9);
    assert_eq!(varied.decided(), Some(Verdict::Regression));
    assert_eq!(varied.verdict, steady.verdict);
    let change = |found: &Comparison| found.primary().unwrap().change_percent;
    assert_eq!(change(&varied), change(&steady));
    let said = |found: &Comparison| -> Vec<String> {
        found.warnings.iter().map(ToString::to_string).collect()
    };
    let known = said(&steady);
    let new: Vec<String> = said(&varied).into_iter().filter(|text| !known.contains(text)).collect();
    assert_eq!(new, ["the clock speed varied by 20 %; fix the frequency or let it settle"]);
    assert_eq!(known.len() + 1, varied.warnings.len());
    assert_eq!((steady.confidence, varied.confidence), (Confidence::High, Confidence::Moderate));
}

#[test]
fn a_failed_run_discards_its_pair_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let session = two_programs();
    let mut ledger = Ledger::create(&path, &session).unwrap();
    let mut runs = two_arms([0; 2], 1.0, 0.03, None);
    let mut executor = Mock::of_programs(move |source, program, settings| match program {
        1 => Ok(crate::common::failure()),
        _ => runs(source, program, settings),
    });
    runner::run(Replay::of(session), &Looks, &mut executor, &mut ledger, &mut Silent).unwrap();
    let recorded = tell(&path).progress.into_recorded().unwrap();
    let terms = TestPlan::look(recorded.scenario(0).unwrap(), PAIRS_PER_LOOK[0]);
    let found = compare(&recorded, "look", &terms).unwrap();
    assert_eq!((found.pairs, found.decided()), (0, None));
    assert!(found.candidate.figures.is_none() && found.baseline.figures.is_some());
    assert_eq!(found.failed[0], "head batch_size=1000: exit code 2: out of luck");
}

#[test]
fn programs_that_store_different_rows_end_the_session_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let session = two_programs();
    let mut ledger = Ledger::create(&path, &session).unwrap();
    let mut executor = Mock::of_programs(|source, program, settings| {
        let mut report = report(settings, source.records, 600_000.0);
        if program == 1 {
            report.checksum = "beef".into();
        }
        Ok(done(report))
    });
    runner::run(Replay::of(session), &Looks, &mut executor, &mut ledger, &mut Silent).unwrap();
    let recorded = tell(&path).progress.into_recorded().unwrap();
    assert_eq!((recorded.ending, recorded.trials().count()), (Some(Ending::Differs), 2));
    let error = check_stored_rows_agree(&recorded, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongResult);
    assert!(error.to_string().contains("batch_size=1000 (trial "), "{error}");
}

#[test]
fn shards_of_one_plan_are_merged_and_other_plans_are_rejected() {
    let mut scenario = batch_size();
    scenario.workload.records = harness::scenario::Records::Fixed(8000.try_into().unwrap());
    let part = |scenario: &Scenario, shard: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut session = session_line(scenario);
        session.shard = Some(shard.parse().unwrap());
        let mut ledger = Ledger::create(&path, &session).unwrap();
        let mut executor = Mock::new(crate::common::noisy_runs());
        let progress = Replay::of(session);
        runner::run(
            progress,
            &harness::experiment::sweep::SweepStrategy,
            &mut executor,
            &mut ledger,
            &mut Silent,
        )
        .unwrap();
        (shard.to_owned(), tell(&path).progress.into_recorded().unwrap())
    };
    let [one, two] = ["0/2", "1/2"].map(|shard| part(&scenario, shard));
    assert_eq!((one.1.steps.len(), one.1.steps[0].blocks.len()), (1, 6));
    let whole = merge(vec![one.clone(), two.clone()]).unwrap();
    assert_eq!(whole, merge(vec![two.clone(), one.clone()]).unwrap());
    let analysis = analyse(&whole).unwrap();
    assert!(analysis.settings.iter().all(|summary| summary.runs == 10));
    assert_eq!(analysis.best.as_ref().unwrap().blocks, 10);
    assert_eq!(analysis.answer(), PhaseOutcome::NotConfirmed);
    let mut other = scenario.clone();
    other.seed = 9;
    for (second, expected) in [
        (part(&other, "1/2"), "are not parts of one plan: plan "),
        (one.clone(), "are not parts of one plan: shard 0/2 twice"),
        (part(&scenario, "1/3"), "are not parts of one plan: shard 1/3 beside shard 0/2"),
    ] {
        let error = merge(vec![one.clone(), second]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn pairs_of_several_machines_are_permuted_within_each_machine() {
    let part = |shard: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut session = two_programs();
        session.shard = Some(shard.parse().unwrap());
        let NextStep::Step(step) = Looks.next(&SessionState::of(session.clone())) else {
            panic!("done")
        };
        let mut ledger = Ledger::create(&path, &session).unwrap();
        let mut executor = Mock::of_programs(two_arms([0; 2], 0.8, 0.03, None));
        let progress = Replay::of(session);
        runner::run(progress, &OneLook(*step), &mut executor, &mut ledger, &mut Silent).unwrap();
        (shard.to_owned(), tell(&path).progress.into_recorded().unwrap())
    };
    let whole = merge(vec![part("0/2"), part("1/2")]).unwrap();
    let found = pairs(&whole, "look", Metric::RecPerMin).unwrap();
    assert_eq!(found.batches, [5, 5]);
    let terms = TestPlan::look(whole.scenario(0).unwrap(), 10);
    assert_eq!(compare(&whole, "look", &terms).unwrap().pairs, 10);
}

/// A strategy of one step, whatever its result.
struct OneLook(Step);

impl Strategy for OneLook {
    fn next(&self, recorded: &SessionState) -> NextStep {
        match recorded.steps.len() {
            0 => NextStep::Step(Box::new(self.0.clone())),
            _ => NextStep::Done(Ending::Complete),
        }
    }

    fn ahead(&self, _: &SessionState) -> usize {
        0
    }
}

/// A change of the origin of a session.
type Change = fn(&mut Origin);

#[test]
fn a_session_of_another_user_or_program_is_rejected_with_the_difference() {
    let out = tempfile::tempdir().unwrap();
    ResultsDir::create(out.path(), "looks", "20260101T000000Z", "abc", |folder| {
        start(&folder.ledger(), 1.0, 0.03, Some(9)).unwrap_err();
        Ok(())
    })
    .unwrap();
    let find =
        |session: &SessionLine| resume::newest(ResultsDir::earlier(out.path(), "looks"), session);
    assert!(matches!(find(&two_programs()).unwrap(), PreviousSession::Resumable(_)));
    let changes: [(Change, &str); 5] = [
        (
            |origin| origin.programs[0].blake3 = "another build".into(),
            "program under test (base) base build instead of another build",
        ),
        (
            |origin| origin.programs[1].blake3 = "another build".into(),
            "program under test (head) head build instead of another build",
        ),
        (
            |origin| drop(origin.programs.pop()),
            "program under test (head) head build instead of none",
        ),
        (|origin| origin.revision = "s".into(), "revision r instead of s"),
        (|origin| origin.host = Some("other".into()), "host unknown instead of other"),
    ];
    for (change, expected) in changes {
        let mut changed = two_programs();
        change(&mut changed.origin);
        let error = find(&changed).unwrap_err().to_string();
        assert!(error.contains(&format!("{expected}; `--fresh`")), "{error}");
        assert_eq!(error.matches(" instead of ").count(), 1, "{error}");
    }
    // Another name alone does not make another program.
    let mut renamed = two_programs();
    renamed.origin.programs[1].name = "other".into();
    assert!(matches!(find(&renamed).unwrap(), PreviousSession::Resumable(_)));
    // Another plan is another session and no reason to reject one.
    let mut session = two_programs().session;
    session.scenarios[0].seed += 1;
    let other = SessionLine::new(session, two_programs().origin, None);
    assert!(matches!(find(&other).unwrap(), PreviousSession::None));
}

#[test]
fn only_the_newest_measurement_of_a_plan_is_resumed() {
    let out = tempfile::tempdir().unwrap();
    let session = |time: &str, cut_at: Option<usize>| {
        let fill = |folder: &ResultsDir| Ok(start(&folder.ledger(), 1.0, 0.03, cut_at).is_ok());
        let (folder, ended) = ResultsDir::create(out.path(), "looks", time, "abc", fill).unwrap();
        assert_eq!(ended, cut_at.is_none());
        folder
    };
    let newest = |session: &SessionLine| {
        resume::newest(ResultsDir::earlier(out.path(), "looks"), session).unwrap()
    };
    assert!(matches!(newest(&two_programs()), PreviousSession::None));
    let report = |folder: &ResultsDir| folder.write(COMPLETION_MARKER, "said").unwrap();
    let first = session("20260101T000000Z", None);
    // Its report has not been written yet.
    assert!(matches!(newest(&two_programs()), PreviousSession::Resumable(_)));
    report(&first);
    let PreviousSession::Ended(recorded) = newest(&two_programs()) else { panic!("it has ended") };
    assert_eq!(recorded.ending, Some(Ending::Complete));
    // Another program is measured, not rejected: no session of it was interrupted.
    let mut changed = two_programs();
    changed.origin.programs[1].blake3 = "another build".into();
    assert!(matches!(newest(&changed), PreviousSession::None));
    // A later session that was interrupted resumes, whatever completed before it.
    session("20260102T000000Z", Some(9));
    assert!(matches!(newest(&two_programs()), PreviousSession::Resumable(_)));
}
