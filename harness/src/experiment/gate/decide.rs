//! Decision of a gate from its ledger: verdicts of all metrics, Holm's correction of the family,
//! exact counters and failed runs. They give the one verdict from which every format and the exit
//! code derive (statistics.md 2 to 4).
//! Tests are in [`crate::analysis::comparison`].

use super::attribution::GateAttribution;
use super::failures::GateFailures;
use super::family::report_at_family_level;
use super::historical_baseline::with_stored_times;
use super::result::{GateResult, MetricTest, NegativeControl, SpeedNotJudged, WorkloadResult};
use super::step_names::CONTROL;
use super::verdict::{ExitPolicy, GateVerdict};
use crate::analysis::comparison::{Comparison, MetricFinding, pairs};
use crate::analysis::consistency::check_stored_rows_agree;
use crate::analysis::family::Family;
use crate::analysis::sequential::compare_at_current_look;
use crate::analysis::test_result::Decision;
use crate::error::{Error, ErrorKind, Result};
use crate::scenario::{Scenario, SmallPolicy};
use crate::session::arms::{ArmRef, BASE, GateSpec};
use crate::session::ledger::{Ending, Kind};
use crate::session::state::{CompletedStep, SessionState};
use crate::stats::Sample;
use crate::stats::confidence::Confidence;
use crate::stats::group_sequential;
use crate::stats::holm;
use crate::stats::verdict::{Verdict, control_alarms};
use crate::trial::measurement::{Measurement, StoreFingerprint};

/// Version of a gate's `analysis.json`.
const FORMAT_VERSION: u32 = 1;

/// Gate specification of a session. Fails for a session of another kind.
pub fn contest(recorded: &SessionState) -> Result<&GateSpec> {
    match &recorded.session.session.of {
        Kind::Gate(contest) => Ok(contest),
        _ => Err(Error::usage("the session is not a gate")),
    }
}

/// Decision of a gate, so far or at its end.
pub fn decide(recorded: &SessionState) -> Result<GateResult> {
    let contest = contest(recorded)?;
    let view = with_stored_times(recorded);
    let scenarios = &view.session.session.scenarios;
    let failures = GateFailures::of(&view);
    let mut workloads: Vec<WorkloadResult> = scenarios
        .iter()
        .enumerate()
        .map(|(index, scenario)| workload(&view, contest, index, scenario, &failures))
        .collect::<Result<_>>()?;
    let family = correct(&view, &mut workloads);
    for (index, workload) in workloads.iter_mut().enumerate() {
        workload.why = why(&view, &scenarios[index], workload)?;
    }
    let control = control(&view);
    let failure = wrong(&view, contest).or_else(|| failed(contest, &failures));
    let answer = if contest.one_program {
        GateVerdict::Pass
    } else {
        answer(recorded, &workloads, control.as_ref(), failure.as_ref(), scenarios)
    };
    let mut warnings = warnings(&view, contest, &workloads, family);
    if failures.is_zero() && control.as_ref().is_some_and(|control| control.alarmed.is_none()) {
        warnings.insert(0, "the negative control has too few pairs to give a result".into());
    }
    let fails = |index: usize| {
        scenarios[index].gate.small == SmallPolicy::Fail
            && workloads[index].tests.iter().any(is_small)
    };
    let small_fails = (0..workloads.len()).any(fails);
    let quick = scenarios.iter().any(|scenario| scenario.quick);
    let [base, head] = labels(contest);
    let programs = &recorded.session.origin.programs;
    Ok(GateResult {
        format: FORMAT_VERSION,
        plan_hash: recorded.session.plan_hash.clone(),
        answer,
        exit_code: answer.exit_code(ExitPolicy { small_fails, quick }),
        base,
        head,
        same_program: programs.len() > 1 && programs[0].blake3 == programs[1].blake3,
        speed_not_judged: speed_not_judged(answer, contest, &failures),
        failures: (!failures.is_zero()).then_some(failures),
        quick,
        control,
        workloads,
        family,
        difference: recorded.difference.clone(),
        failure: failure.map(|(_, words)| words),
        warnings,
    })
}

fn speed_not_judged(
    answer: GateVerdict,
    contest: &GateSpec,
    failures: &GateFailures,
) -> Option<SpeedNotJudged> {
    match answer {
        GateVerdict::Pass if contest.one_program => Some(SpeedNotJudged::OneProgram),
        GateVerdict::Pass if !failures.is_zero() => Some(SpeedNotJudged::FailingBase),
        _ => None,
    }
}

/// Labels of baseline and candidate.
fn labels(contest: &GateSpec) -> [String; 2] {
    [&contest.base, &contest.head].map(ArmRef::label)
}

fn workload(
    view: &SessionState,
    contest: &GateSpec,
    index: usize,
    scenario: &Scenario,
    failures: &GateFailures,
) -> Result<WorkloadResult> {
    let name = &scenario.name;
    let mut comparison = compared(view, contest, scenario)?;
    if let Some(comparison) = comparison.as_mut().filter(|_| !failures.is_zero()) {
        comparison.withdraw_decisions();
    }
    let records = view.records.get(index).and_then(Option::as_ref).map_or(0, |line| line.records);
    let stored = check_stored_rows_agree(view, index).ok();
    Ok(WorkloadResult {
        scenario: name.clone(),
        records,
        stored_by: if stored.is_none() { stored_by(view, index) } else { None },
        tests: comparison.iter().flat_map(|found| tests(found, index, scenario)).collect(),
        comparison,
        why: None,
        earlier: earlier(contest, index, records, stored.as_ref()),
        stored,
    })
}

/// Comparison of the pairs so far; `None` if none are planned.
fn compared(
    view: &SessionState,
    contest: &GateSpec,
    scenario: &Scenario,
) -> Result<Option<Comparison>> {
    let Some(mut comparison) =
        compare_at_current_look(view, &scenario.name, scenario).transpose()?
    else {
        return Ok(None);
    };
    let from_elsewhere = contest.stored.as_ref().is_some_and(|stored| stored.times_accepted);
    if from_elsewhere && comparison.confidence != Confidence::None {
        // Levels of two sessions differ for reasons that no test of these pairs detects.
        comparison.confidence = Confidence::Low;
    }
    Ok(Some(comparison))
}

/// Tests of a comparison, before correction.
fn tests(comparison: &Comparison, index: usize, scenario: &Scenario) -> Vec<MetricTest> {
    let test = |found: &MetricFinding| MetricTest {
        metric: found.metric,
        // If the deciding metric has no data, no other takes its place.
        primary: index == 0 && found.metric == scenario.gate.metrics[0],
        verdict: found.finding.verdict,
        p_worse_adjusted: found.finding.p_worse,
    };
    comparison.metrics.iter().map(test).collect()
}

/// Corrects all tests but the primary one as one family; returns its size.
fn correct(view: &SessionState, workloads: &mut [WorkloadResult]) -> usize {
    let all = workloads.iter().enumerate().flat_map(|(index, workload)| {
        workload.findings().enumerate().map(move |(place, found)| (index, place, found))
    });
    let (places, tests): (Vec<_>, Vec<_>) = all
        .filter(|(.., (_, test))| !test.primary)
        .filter_map(|(index, place, (found, _))| Some(((index, place), found.finding.judgement?.p)))
        .unzip();
    let family = Family::of(&tests, group_sequential::POCOCK_ALPHA);
    for (member, (index, place)) in places.into_iter().enumerate() {
        let WorkloadResult { tests, comparison, .. } = &mut workloads[index];
        tests[place].p_worse_adjusted = Some(family.p_worse[member]);
        tests[place].verdict = Decision::Judged(family.verdicts[member]);
        let open = family.verdicts[member] == Verdict::Inconclusive;
        let scenario = view.scenario(index).filter(|_| open);
        if let (Some(comparison), Some(scenario)) = (comparison, scenario) {
            report_at_family_level(&family, view, scenario, comparison, place);
        }
    }
    tests.len()
}

fn control(view: &SessionState) -> Option<NegativeControl> {
    // Interference during the control says nothing about the machine at other times.
    view.steps_of(CONTROL).next().filter(|ran| !ran.invalid)?;
    let scenario = view.scenario(0)?;
    let found = pairs(view, CONTROL, scenario.gate.metrics[0]);
    let found = found.map(|found| found.pairs).unwrap_or_default();
    let alarmed = control_alarms(&found, scenario.seed).ok();
    Some(NegativeControl { pairs: found.len(), alarmed })
}

/// Rows that both arms stored in their first finished runs.
fn stored_by(view: &SessionState, scenario: usize) -> Option<[StoreFingerprint; 2]> {
    let first = |program: usize| {
        let steps = view.steps.iter().filter(|ran| ran.step.scenario == scenario);
        let mut lines = steps.flat_map(|ran| ran.trials().map(move |line| (ran, line)));
        lines.find_map(|(ran, line)| {
            let ours = ran.step.arms.get(line.trial.arm)?.program == program;
            line.measurement.report().filter(|_| ours).map(StoreFingerprint::of)
        })
    };
    let both = [first(BASE)?, first(BASE + 1)?];
    (both[0] != both[1]).then_some(both)
}

/// Rows of an earlier session's baseline on the same records.
fn earlier(
    contest: &GateSpec,
    scenario: usize,
    records: u32,
    stored: Option<&StoreFingerprint>,
) -> Vec<String> {
    let Some(workload) = contest.stored.as_ref().and_then(|all| all.of_scenario(scenario)) else {
        return Vec::new();
    };
    let report = workload.runs.iter().find_map(Measurement::report);
    match (report.map(StoreFingerprint::of), stored) {
        (Some(earlier), Some(stored)) if workload.records == records => earlier.differences(stored),
        _ => Vec::new(),
    }
}

/// Description of the rows that differ.
fn wrong(view: &SessionState, contest: &GateSpec) -> Option<(GateVerdict, String)> {
    for (index, scenario) in view.session.session.scenarios.iter().enumerate() {
        let stored = match check_stored_rows_agree(view, index) {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::WrongResult => {
                return Some((GateVerdict::WrongResult, error.to_string()));
            }
            Err(_) => continue,
        };
        let records = view.records.get(index).and_then(Option::as_ref).map_or(0, |l| l.records);
        let differences = earlier(contest, index, records, Some(&stored));
        if let Some(stored) = contest.stored.as_ref().filter(|_| !differences.is_empty()) {
            let words = format!(
                "{}: the stored rows differ from those of {}: {}",
                scenario.name,
                stored.folder,
                differences.join(", ")
            );
            return Some((GateVerdict::WrongResult, words));
        }
    }
    None
}

/// Verdict that follows from failed runs, and its description.
fn failed(contest: &GateSpec, failures: &GateFailures) -> Option<(GateVerdict, String)> {
    let verdict = failures.verdict(contest.accept_failing_base)?;
    let [base, head] = labels(contest);
    let words = failures.words(&base, &head);
    let words = match verdict {
        GateVerdict::WrongResult => {
            format!("{head} lost or changed records: {}; {words}", failures.wrong_rows.join("; "))
        }
        GateVerdict::Pass => format!("{words}; speed not judged"),
        _ => words,
    };
    Some((verdict, words))
}

fn answer(
    recorded: &SessionState,
    workloads: &[WorkloadResult],
    control: Option<&NegativeControl>,
    failure: Option<&(GateVerdict, String)>,
    scenarios: &[Scenario],
) -> GateVerdict {
    let alarmed = control.is_some_and(|control| control.alarmed == Some(true));
    let too_void =
        |workload: &WorkloadResult| workload.comparison.as_ref().is_some_and(|c| c.invalid);
    if let Some((answer, _)) = failure {
        return *answer;
    }
    if alarmed || recorded.ending == Some(Ending::Invalid) || workloads.iter().any(too_void) {
        return GateVerdict::Invalid;
    }
    let verdicts = || workloads.iter().flat_map(|workload| &workload.tests).map(|t| t.verdict);
    let any = |wanted: Verdict| verdicts().any(|found| found.verdict() == Some(wanted));
    let small_fails = scenarios.iter().zip(workloads).any(|(scenario, workload)| {
        scenario.gate.small == SmallPolicy::Fail && workload.tests.iter().any(is_small)
    });
    let is_untested = |(scenario, workload): (&Scenario, &WorkloadResult)| {
        let deciding = scenario.gate.metrics[0];
        workload.tests.iter().all(|test| test.metric != deciding)
    };
    let untested = scenarios.iter().zip(workloads).any(is_untested);
    if any(Verdict::Regression) || workloads.iter().any(|w| w.risen().next().is_some()) {
        GateVerdict::Regression
    } else if small_fails {
        GateVerdict::Small
    } else if untested || verdicts().any(|v| v.verdict().is_none()) {
        GateVerdict::NotTestable
    } else if any(Verdict::Inconclusive) {
        GateVerdict::Inconclusive
    } else if any(Verdict::Small) {
        GateVerdict::Small
    } else if workloads
        .iter()
        .flat_map(|w| &w.tests)
        .any(|test| test.primary && test.verdict.verdict() == Some(Verdict::Improved))
    {
        GateVerdict::Improved
    } else {
        GateVerdict::Pass
    }
}

fn is_small(test: &MetricTest) -> bool {
    test.verdict.verdict() == Some(Verdict::Small)
}

/// Attribution for a workload on which the rate or a time changed.
fn why(
    view: &SessionState,
    scenario: &Scenario,
    workload: &WorkloadResult,
) -> Result<Option<GateAttribution>> {
    let verdicts = || workload.tests.iter().filter_map(|test| test.verdict.verdict());
    let worse = verdicts().any(|v| matches!(v, Verdict::Regression | Verdict::Small));
    if !worse && !verdicts().any(|v| v == Verdict::Improved) {
        return Ok(None);
    }
    let Some(comparison) = &workload.comparison else {
        return Ok(None);
    };
    let (Some(base), Some(head)) = (&comparison.baseline.figures, &comparison.candidate.figures)
    else {
        return Ok(None);
    };
    let cpu = [cpu_s(view, &scenario.name, 0)?, cpu_s(view, &scenario.name, 1)?];
    let cpu = match cpu {
        [Some(base), Some(head)] => Some([base, head]),
        _ => None,
    };
    Ok(GateAttribution::of(base, head, cpu, worse))
}

/// Median CPU seconds per record.
fn cpu_s(view: &SessionState, name: &str, arm: usize) -> Result<Option<f64>> {
    let blocks = view.steps_of(name).flat_map(CompletedStep::counted);
    let seconds = blocks.filter_map(|block| block.of_arm(arm)).filter_map(|measured| {
        let report = measured.report()?;
        let seconds = match measured.usage {
            Some(usage) => usage.cpu_user_s + usage.cpu_system_s,
            None => report.cpu_user_s + report.cpu_system_s,
        };
        Some(seconds / report.books.read as f64)
    });
    let seconds: Vec<f64> = seconds.collect();
    if seconds.is_empty() {
        return Ok(None);
    }
    let sample = Sample::new(seconds)
        .map_err(|error| Error::caused("reading the CPU time of the runs", error))?;
    Ok(Some(sample.median()))
}

fn warnings(
    view: &SessionState,
    contest: &GateSpec,
    workloads: &[WorkloadResult],
    family: usize,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(stored) = contest.stored.as_ref().filter(|stored| stored.times_accepted) {
        warnings.push(format!(
            "the baseline's times are from another session, {}: any change between the two \
             sessions counts as a difference",
            stored.folder
        ));
    }
    for (index, workload) in workloads.iter().enumerate() {
        let Some(comparison) = &workload.comparison else { continue };
        let name = &workload.scenario;
        let smallest = smallest_p(view, name);
        if smallest.is_some_and(|p| !holm::is_testable(family, p, group_sequential::POCOCK_ALPHA)) {
            let pairs = comparison.pairs;
            warnings.push(format!(
                "{name}: {pairs} pairs are too few to detect a regression in the {family} secondary \
                 metrics after correction"
            ));
        }
        warnings.extend(comparison.warnings.iter().map(|doubt| format!("{name}: {doubt}")));
        let large = comparison.large_improvements(workload.stored.as_ref());
        warnings.extend(large.iter().map(|found| format!("{name}: {found}")));
        let left_out = comparison.left_out.iter();
        warnings.extend(left_out.map(|metric| {
            format!("{name}: {} is left out: some runs do not report it", metric.name())
        }));
        let voided = &comparison.voided;
        warnings.extend(voided.first().map(|first| {
            format!(
                "{name}: {} pairs were discarded and repeated; first reason: {first}",
                voided.len()
            )
        }));
        if workload.stored.as_ref().is_some_and(|stored| stored.checksum.is_empty()) {
            warnings.push(format!("{name}: unverified: the programs report no checksum"));
        }
        let link = view.scenario(index).map(|scenario| scenario.link);
        warnings
            .extend(link.filter(|link| link.is_simulated()).map(|link| format!("{name}: {link}")));
    }
    warnings
}

/// Smallest p-value that the pairs of a workload can reach.
fn smallest_p(view: &SessionState, name: &str) -> Option<f64> {
    let metric = view.session.session.scenarios.iter().find(|scenario| scenario.name == name)?;
    let found = pairs(view, name, metric.gate.metrics[0])?;
    let design = crate::stats::permutation::PermutationDesign::of(&found.pairs, &found.batches);
    (design.pairs() > 0).then(|| design.smallest_p())
}
