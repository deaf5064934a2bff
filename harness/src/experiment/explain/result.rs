//! Result of `harness explain`, from the ledger: the verdict on the whole difference, and the
//! contribution of each setting and stage.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::design::{AttributionDesign, ONE_AT_A_TIME, PAIRED_COMPARISON};
use super::settings::SettingPart;
use crate::analysis::comparison::{Comparison, CountComparison};
use crate::analysis::consistency;
use crate::analysis::consistency::check_stored_rows_agree;
use crate::analysis::failure_count::FailureCount;
use crate::analysis::sequential::{LookSchedule, compare_at_current_look, looks};
use crate::analysis::test_result::rounded_percent;
use crate::error::{Error, Result};
use crate::experiment::gate::attribution::WAITS;
use crate::experiment::gate::first_run_failure;
use crate::scenario::Scenario;
use crate::scenario::metric::Metric;
use crate::session::arms::{ArmRef, GateSpec};
use crate::session::ledger::{Kind, TrialLine};
use crate::session::state::{CompletedBlock, CompletedStep, SessionState};
use crate::stats::Sample;
use crate::stats::group_sequential::part_of_error;
use crate::stats::shapley;
use crate::stats::shapley::{Attribution, shares};
use crate::trial::measurement::{Measurement, StoreFingerprint, stage_ms};

/// Version of `analysis.json` of an explanation.
const FORMAT_VERSION: u32 = 1;
/// Error per side of all intervals of one table together.
const ALPHA: f64 = 0.025;

/// Result of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// Hash of the session's plan.
    pub plan_hash: String,
    /// Scenario that gave records and store.
    pub scenario: String,
    /// Records per run.
    pub records: u32,
    /// Baseline.
    pub base: String,
    /// Candidate.
    pub head: String,
    /// True if `--quick` reduced it, so that nothing is tested.
    pub quick: bool,
    /// Comparison of the two: verdict and exact counts.
    pub comparison: Comparison,
    /// Attribution to settings; `None` if the arms are programs.
    pub settings: Option<SettingAttribution>,
    /// Attribution to stages.
    pub stages: Stages,
    /// Warnings.
    pub warnings: Vec<String>,
}

/// Attribution of a rate difference to settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingAttribution {
    /// Complete blocks; 0 if only one part differs, or if a run failed.
    pub blocks: usize,
    /// All settings together, in percent of the rate; `None` without a finished block.
    pub whole: Option<Contribution>,
    /// Each setting.
    pub parts: Vec<SettingContribution>,
    /// Interaction of three or more settings; `None` for fewer.
    pub left: Option<Contribution>,
}

/// Contribution of one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingContribution {
    /// Name.
    pub setting: String,
    /// Value in the baseline.
    pub base: String,
    /// Value in the head.
    pub head: String,
    /// Contribution in percent of the rate; `None` without a finished block.
    pub share: Option<Contribution>,
}

/// Contribution to a difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contribution {
    /// Estimate in percent.
    pub percent: f64,
    /// Confidence interval. The intervals of a table with several rows hold jointly with 95 %,
    /// whichever look was the last. If only one setting differs, it is the interval of the paired
    /// test. `None` with too few runs.
    pub interval_percent: Option<[f64; 2]>,
    /// True if it differs significantly from zero.
    pub told: bool,
    /// Share of the whole in percent; for rates by their logarithms, which add up. `None` if it or
    /// the whole is not significant, and for a wait.
    pub of_whole_percent: Option<f64>,
}

/// Attribution of a difference to stages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stages {
    /// Pairs with two finished runs.
    pub pairs: usize,
    /// All stages in which no thread waits for another, in percent of their time in the baseline.
    /// `None` if no pair has stage times.
    pub whole: Option<Contribution>,
    /// Stages, the largest contribution first, waits at the end.
    pub parts: Vec<StageContribution>,
}

/// Contribution of one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageContribution {
    /// Stage.
    pub stage: String,
    /// True if a thread waits there for another; such a stage is not part of the whole.
    pub waits: bool,
    /// Median milliseconds per 1,000 records in the baseline, summed over workers.
    pub base_ms: f64,
    /// The same in the head.
    pub head_ms: f64,
    /// Difference in percent of all stages' time in the baseline.
    pub share: Contribution,
}

/// Analyses an explanation. Fails for a session of another kind, if a program does not run, and if
/// the arms stored different rows.
pub fn explain(recorded: &SessionState) -> Result<ExplainResult> {
    let (Kind::Explain(contest), Some(scenario)) =
        (&recorded.session.session.of, recorded.scenario(0))
    else {
        return Err(Error::usage("the session is not an explanation"));
    };
    if let Some(words) = first_run_failure(recorded) {
        return Err(Error::environment(words));
    }
    let stored = check_stored_rows_agree(recorded, 0)?;
    let Some(comparison) = compare_at_current_look(recorded, PAIRED_COMPARISON, scenario) else {
        return Err(Error::environment("the session ends before its first pair"));
    };
    let comparison = comparison?;
    let records = recorded.records.first().and_then(Option::as_ref).map_or(0, |line| line.records);
    let [base, head] = names(contest, scenario);
    Ok(ExplainResult {
        format: FORMAT_VERSION,
        plan_hash: recorded.session.plan_hash.clone(),
        scenario: scenario.name.clone(),
        records,
        base,
        head,
        quick: scenario.quick,
        settings: by_setting(recorded, scenario, &comparison),
        stages: by_stage(recorded, scenario)?,
        warnings: warnings(recorded, scenario, &comparison, &stored),
        comparison,
    })
}

/// Names of the arms: settings by their differing parts, programs by the user's names.
fn names(contest: &GateSpec, scenario: &Scenario) -> [String; 2] {
    match scenario.settings.as_slice() {
        [base, head] => [base, head].map(|setting| setting.label.clone()),
        _ => [&contest.base, &contest.head].map(ArmRef::label),
    }
}

impl Contribution {
    /// Contribution from logarithms of a rate.
    fn of_logs(part: shapley::Effect, whole: shapley::Effect) -> Self {
        Self::of(part, Some(whole), rounded_percent)
    }

    /// Contribution from percentages.
    fn of_percents(part: shapley::Effect, whole: Option<shapley::Effect>) -> Self {
        Self::of(part, whole, |percent| rounded(percent, 1e4))
    }

    fn of(part: shapley::Effect, whole: Option<shapley::Effect>, percent: fn(f64) -> f64) -> Self {
        let told = part.is_told();
        let whole = whole.filter(|whole| told && whole.is_told());
        Self {
            percent: percent(part.estimate),
            interval_percent: part.interval.map(|(low, high)| [percent(low), percent(high)]),
            told,
            of_whole_percent: whole
                .map(|whole| rounded(part.estimate / whole.estimate * 100.0, 1e2)),
        }
    }
}

/// Rounds to 1/`steps`; adding zero turns −0 into 0.
fn rounded(figure: f64, steps: f64) -> f64 {
    (figure * steps).round() / steps + 0.0
}

/// Attribution to settings; `None` if the arms are programs.
fn by_setting(
    recorded: &SessionState,
    scenario: &Scenario,
    comparison: &Comparison,
) -> Option<SettingAttribution> {
    let [base, head] = scenario.settings.as_slice() else {
        return None;
    };
    let (base, head) = (&base.settings, &head.settings);
    let design = AttributionDesign::of(base, head);
    let named = |share: &dyn Fn(usize) -> Option<Contribution>| {
        let part = |(place, part): (usize, &SettingPart)| SettingContribution {
            setting: part.name().into(),
            base: part.value(base),
            head: part.value(head),
            share: share(place),
        };
        design.parts.iter().enumerate().map(part).collect::<Vec<_>>()
    };
    if design.parts.len() < 2 {
        let whole = whole_of(comparison);
        return Some(SettingAttribution { blocks: 0, whole, parts: named(&|_| whole), left: None });
    }
    let blocks = blocks(recorded, design.settings.len());
    let found = shares(&blocks, &design.arms, ALPHA);
    let found = found.as_ref();
    let of = |part: fn(&Attribution) -> shapley::Effect| {
        found.map(|found| Contribution::of_logs(part(found), found.whole))
    };
    let each = |place: usize| {
        found.and_then(|found| Some(Contribution::of_logs(*found.each.get(place)?, found.whole)))
    };
    Some(SettingAttribution {
        blocks: blocks.len(),
        whole: of(|found| found.whole),
        parts: named(&each),
        left: of(|found| found.left).filter(|_| design.parts.len() > 2),
    })
}

/// If only one setting differs, its contribution is the paired estimate of the rate.
fn whole_of(comparison: &Comparison) -> Option<Contribution> {
    let rate = comparison.metrics.iter().find(|found| found.metric == Metric::RecPerMin)?;
    let interval = match rate.change_interval_percent {
        Some([Some(low), Some(high)]) => Some([low, high]),
        _ => None,
    };
    let told = interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0);
    Some(Contribution {
        percent: rate.change_percent?,
        interval_percent: interval,
        told,
        of_whole_percent: told.then_some(100.0),
    })
}

/// ln(rate) of all arms by block. Empty if a run failed: contributions are not estimated from the
/// runs that are left.
fn blocks(recorded: &SessionState, arms: usize) -> Vec<Vec<f64>> {
    if has_failures(recorded, ONE_AT_A_TIME) {
        return Vec::new();
    }
    let all = recorded
        .steps_of(ONE_AT_A_TIME)
        .filter(|ran| !ran.invalid)
        .flat_map(CompletedStep::counted);
    let rates = |block: &CompletedBlock| -> Option<Vec<f64>> {
        (0..arms).map(|arm| block.of_arm(arm)?.value(Metric::RecPerMin).map(f64::ln)).collect()
    };
    all.filter_map(rates).collect()
}

fn has_failures(recorded: &SessionState, name: &str) -> bool {
    recorded.steps_of(name).any(|ran| ran.failures().next().is_some())
}

/// Both runs of every pair. Empty if a run failed.
fn finished_pairs(recorded: &SessionState) -> Vec<[&Measurement; 2]> {
    if has_failures(recorded, PAIRED_COMPARISON) {
        return Vec::new();
    }
    let blocks = recorded.steps_of(PAIRED_COMPARISON).flat_map(CompletedStep::counted);
    let both = blocks.filter_map(|block| Some([block.of_arm(0)?, block.of_arm(1)?]));
    both.filter(|both| both.iter().all(|run| run.report().is_some())).collect()
}

fn by_stage(recorded: &SessionState, scenario: &Scenario) -> Result<Stages> {
    let pairs = finished_pairs(recorded);
    let reports = || pairs.iter().flatten().filter_map(|run| run.report());
    let took = reports().flat_map(|report| &report.stages).filter(|(_, times)| times.total_ns > 0);
    // `record` is a latency and not a share of the time.
    let names: BTreeSet<&str> =
        took.map(|(name, _)| name.as_str()).filter(|name| *name != "record").collect();
    let ms =
        |run: &Measurement, stage: &str| run.report().map_or(0.0, |report| stage_ms(report, stage));
    let busy: Vec<&str> = names.iter().copied().filter(|name| !WAITS.contains(name)).collect();
    let all_ms = |run: &Measurement| busy.iter().map(|stage| ms(run, stage)).sum::<f64>();
    let totals: Vec<f64> = pairs.iter().map(|[base, _]| all_ms(base)).collect();
    let Some(total_ms) = median(totals)?.filter(|total_ms| *total_ms > 0.0) else {
        return Ok(Stages { pairs: pairs.len(), whole: None, parts: Vec::new() });
    };
    let family = names.len() + 1;
    // The number of pairs depends on earlier looks.
    let taken = looks(recorded, PAIRED_COMPARISON).saturating_sub(1);
    let alpha = ALPHA * part_of_error(taken, LookSchedule::at(scenario).count());
    let part = |of: &dyn Fn(&Measurement) -> f64| {
        let percents: Vec<f64> =
            pairs.iter().map(|[base, head]| (of(head) - of(base)) / total_ms * 100.0).collect();
        shapley::Effect::of(&percents, alpha, family)
    };
    let whole = part(&all_ms);
    let mut parts = Vec::new();
    for stage in &names {
        let Some(part) = part(&|run| ms(run, stage)) else { continue };
        let waits = WAITS.contains(stage);
        let each = |arm: usize| median(pairs.iter().map(|both| ms(both[arm], stage)).collect());
        parts.push(StageContribution {
            stage: (*stage).into(),
            waits,
            base_ms: each(0)?.unwrap_or(0.0),
            head_ms: each(1)?.unwrap_or(0.0),
            share: Contribution::of_percents(part, whole.filter(|_| !waits)),
        });
    }
    parts.sort_by(|a, b| {
        let by_size = b.share.percent.abs().total_cmp(&a.share.percent.abs());
        a.waits.cmp(&b.waits).then(by_size)
    });
    let whole = whole.map(|whole| Contribution::of_percents(whole, Some(whole)));
    Ok(Stages { pairs: pairs.len(), whole, parts })
}

fn median(figures: Vec<f64>) -> Result<Option<f64>> {
    if figures.is_empty() {
        return Ok(None);
    }
    let sample =
        Sample::new(figures).map_err(|error| Error::caused("reading the stages' times", error))?;
    Ok(Some(sample.median()))
}

impl ExplainResult {
    /// Exact counts in which the arms differ.
    pub fn counts(&self) -> impl Iterator<Item = &CountComparison> {
        self.comparison.exact.iter().filter(|count| count.differs())
    }
}

/// Failed runs by arm, for the arms that have some.
fn failures(recorded: &SessionState) -> BTreeMap<String, FailureCount> {
    let mut arms: BTreeMap<String, Vec<&TrialLine>> = BTreeMap::new();
    for ran in &recorded.steps {
        for line in ran.results() {
            let label = consistency::label(recorded, &ran.step, line.trial.arm);
            arms.entry(label).or_default().push(line);
        }
    }
    let counted = arms.into_iter().map(|(arm, lines)| (arm, FailureCount::of(lines.into_iter())));
    counted.filter(|(_, failures)| !failures.is_zero()).collect()
}

fn warnings(
    recorded: &SessionState,
    scenario: &Scenario,
    comparison: &Comparison,
    stored: &StoreFingerprint,
) -> Vec<String> {
    let mut warnings: Vec<String> = comparison.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(failures(recorded).into_iter().map(|(arm, failures)| {
        format!("{arm} is not called better: {failures} failed: {}", failures.reasons())
    }));
    let voided: usize = recorded.steps.iter().map(|ran| ran.voided.len()).sum();
    if voided > 0 {
        warnings.push(format!("{voided} pairs or blocks were discarded and repeated"));
    }
    if stored.checksum.is_empty() {
        warnings.push("unverified: the programs report no checksum".into());
    }
    warnings.extend(scenario.link.is_simulated().then(|| scenario.link.to_string()));
    warnings
}
