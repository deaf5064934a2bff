//! Paired comparison of two arms: the test of each metric, exact counts and diagnostics
//! (statistics.md 2, 4 and 5). Each verdict comes from [`TestResult::of`], as in `harness judge`.

use serde::{Serialize, Serializer};

pub use super::exact_counts::{CountComparison, CountRange};

use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::caveat::LargeImprovement;
use crate::analysis::consistency;
use crate::analysis::failure_count::FailureCount;
use crate::analysis::test_result::{Decision, TestResult, rounded_percent};
use crate::error::{Error, Result};
use crate::scenario::metric::Metric;
use crate::scenario::{Gate, Scenario};
use crate::session::state::{CompletedBlock, CompletedStep, SessionState};
use crate::stats::confidence::{Confidence, Look};
use crate::stats::diagnostics;
use crate::stats::diagnostics::{Diagnostics, Level};
use crate::stats::group_sequential;
use crate::stats::paired::{Better, Pair, PairOrder};
use crate::stats::power;
use crate::stats::scale::{RawPair, Scale, ScaledMargin};
use crate::stats::verdict::{Judge, Judgement, Rule, Verdict};
use crate::trial::measurement::{Measurement, StoreFingerprint};

/// Share of the baseline's median above which an improvement is remarked on: a run that did nothing
/// would look the same.
const LARGE_IMPROVEMENT: f64 = 0.5;

/// Test of a comparison: its rule and its position among the interim looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestPlan {
    /// Margin and error.
    pub rule: Rule,
    /// Position among the looks.
    pub look: Look,
    /// Seed for drawing assignments when there are too many to enumerate.
    pub seed: u64,
}

impl TestPlan {
    /// The only look at a comparison, at α = 0.05.
    pub fn one_look(scenario: &Scenario) -> Self {
        let look = Look { is_first: true, is_last: true };
        Self { rule: Rule::one_look(scenario.gate.margin), look, seed: scenario.seed }
    }

    /// The look after this many planned pairs, one of [`group_sequential::CUMULATIVE_PAIRS`], at its own α.
    pub fn look(scenario: &Scenario, pairs: usize) -> Self {
        let is_first =
            group_sequential::CUMULATIVE_PAIRS.first().is_some_and(|first| pairs <= *first);
        let look = Look { is_first, is_last: group_sequential::is_last(pairs) };
        Self { rule: Rule::look(scenario.gate.margin), look, seed: scenario.seed }
    }
}

/// Result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of its steps.
    pub name: String,
    /// Baseline arm.
    pub baseline: ArmFigures,
    /// Candidate arm.
    pub candidate: ArmFigures,
    /// Decision on the first metric; `None` if the comparison is invalid. Its error bounds are
    /// those of the timing and do not include failures.
    pub verdict: Option<Decision>,
    /// Confidence in the decision; a word in files.
    #[serde(serialize_with = "as_text")]
    pub confidence: Confidence,
    /// Number of pairs with two finished runs.
    pub pairs: usize,
    /// Margin in percent.
    pub margin_percent: f64,
    /// Estimated minutes of additional pairs until a decision. `None` if the first metric and its
    /// family are decided.
    pub minutes_needed: Option<f64>,
    /// Smallest detectable difference with this many pairs at the observed noise, in percent.
    /// `None` if the first metric was not tested.
    pub detectable_percent: Option<f64>,
    /// Results of all metrics with data, in the scenario's order.
    pub metrics: Vec<MetricFinding>,
    /// Metrics without data in every pair.
    pub left_out: Vec<Metric>,
    /// Statement and round-trip counts.
    pub exact: Vec<CountComparison>,
    /// Diagnostics of the runs.
    pub validity: ValidityFigures,
    /// Warnings from the diagnostics; texts in files.
    #[serde(serialize_with = "as_texts")]
    pub warnings: Vec<diagnostics::DiagnosticWarning>,
    /// Interference in each discarded pair.
    pub voided: Vec<String>,
    /// True if too many pairs were discarded.
    pub invalid: bool,
    /// Reason of each failed run.
    pub failed: Vec<String>,
}

/// One arm of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmFigures {
    /// Label in reports.
    pub label: String,
    /// Index of its program in the session's origin.
    pub program: usize,
    /// Settings of its runs.
    pub settings: migrator::config::Settings,
    /// Summary of its runs; `None` if none finished.
    pub figures: Option<ArmSummary>,
    /// Its failed runs.
    #[serde(skip_serializing_if = "FailureCount::is_zero")]
    pub failures: FailureCount,
}

/// Result of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricFinding {
    /// The metric.
    pub metric: Metric,
    /// Direction in which it improves.
    pub better: Better,
    /// Scale on which it is compared.
    pub scale: Scale,
    /// Change of the candidate relative to the baseline, in percent of the metric's own direction:
    /// a higher rate is positive. The paired estimate. `None` on the scale of differences.
    pub change_percent: Option<f64>,
    /// Confidence interval of the change; an end is `None` if unbounded.
    pub change_interval_percent: Option<[Option<f64>; 2]>,
    /// On the scale of differences the same change, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// On the scale of differences the interval of the change, in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_interval: Option<[Option<f64>; 2]>,
    /// Result of the test, in which larger is worse.
    #[serde(flatten)]
    pub finding: TestResult,
}

/// Diagnostics of a comparison; `None` where there is too little data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ValidityFigures {
    /// Linear trend of the pairs' means, in percent per hour of running.
    pub trend_percent_per_hour: Option<f64>,
    /// The same trend per minute.
    pub trend_percent_per_minute: Option<f64>,
    /// 95 % interval of the trend per hour.
    pub trend_interval_percent_per_hour: Option<[f64; 2]>,
    /// 95 % interval of the trend per minute.
    pub trend_interval_percent_per_minute: Option<[f64; 2]>,
    /// Effect of running second in a pair, in percent; on differences of a typical value.
    pub order_effect_percent: Option<f64>,
    /// Lag-1 autocorrelation of the order-adjusted differences d.
    pub autocorrelation: Option<f64>,
    /// Standard deviation of the order-adjusted differences d, in percent.
    pub std_dev_percent: Option<f64>,
    /// Share of runs during which other programs used more than 5 % of the CPU.
    pub disturbed_share: Option<f64>,
    /// Spread of the clock speed, as a share.
    pub clock_spread: Option<f64>,
}

/// Pairs of one metric, by interim look and machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// Values of the pairs in run order, look by look and machine by machine.
    pub raw: Vec<RawPair>,
    /// Changes of the pairs on the scale of `margin`.
    pub pairs: Vec<Pair>,
    /// Lengths of those parts; only values within a part are exchangeable.
    pub batches: Vec<usize>,
    /// Scale and margin, fixed by the first look.
    pub margin: ScaledMargin,
    /// Direction of the metric.
    pub better: Better,
}

impl Comparison {
    /// The verdict, if the comparison reached a valid one.
    pub fn decided(&self) -> Option<Verdict> {
        self.verdict.and_then(Decision::verdict)
    }

    /// Replaces the result of the metric at this index by the one that the correction of its family
    /// leaves.
    pub(crate) fn apply_family_correction(
        &mut self,
        place: usize,
        open: &Judgement,
        terms: &TestPlan,
        recorded: &SessionState,
    ) {
        let Some(found) = self.metrics.get_mut(place) else {
            return;
        };
        *found = MetricFinding::of(found.metric, found.better, TestResult::judged(open));
        let minutes = minutes_needed(&found.finding, &seconds(recorded, &self.name));
        let most = self.minutes_needed.into_iter().chain(minutes);
        self.minutes_needed = most.reduce(f64::max);
        if place > 0 || self.verdict.is_none() {
            return;
        }
        self.verdict = Some(found.finding.verdict);
        // This value belongs to the uncorrected test.
        self.detectable_percent = None;
        if self.confidence != Confidence::Low {
            self.confidence = confidence(Some(*open), terms, self.warnings.len());
        }
    }

    /// Withdraws every decision, because a run failed: nothing is decided on the runs that are
    /// left. Medians and estimates stay as a description.
    pub(crate) fn withdraw_decisions(&mut self) {
        for found in &mut self.metrics {
            found.finding.withdraw();
            (found.change_interval_percent, found.change_interval) = (None, None);
        }
        if !self.invalid {
            self.verdict = Some(Decision::FailedRuns);
        }
        self.confidence = Confidence::None;
        (self.minutes_needed, self.detectable_percent) = (None, None);
    }

    /// Improvements by more than half, beside what the runs stored.
    pub(crate) fn large_improvements(
        &self,
        stored: Option<&StoreFingerprint>,
    ) -> Vec<LargeImprovement> {
        let baseline = self.baseline.figures.as_ref();
        let median = |metric| baseline.and_then(|arm| Some(arm.metrics.get(metric)?.median));
        let large = |found: &MetricFinding| {
            let share = found.large_improvement(median(found.metric)?)?;
            Some(LargeImprovement {
                metric: found.metric.name(),
                percent: share * 100.0,
                stored: stored.cloned(),
            })
        };
        self.metrics.iter().filter_map(large).collect()
    }

    /// Result of the scenario's first metric; `None` if it has no data.
    pub fn primary(&self) -> Option<&MetricFinding> {
        self.metrics.first().filter(|_| self.invalid || self.verdict.is_some())
    }
}

/// Compares the arms of the steps with this name, which are the looks of one comparison. Fails if
/// no such step exists.
pub fn compare(recorded: &SessionState, name: &str, terms: &TestPlan) -> Result<Comparison> {
    let ran: Vec<&CompletedStep> = recorded.steps_of(name).collect();
    let found =
        ran.first().and_then(|first| Some((first, recorded.scenario(first.step.scenario)?)));
    let Some((first, scenario)) = found else {
        return Err(Error::environment(format!("the ledger has no comparison {name}")));
    };
    let arms = [0, 1].map(|arm| arm_runs(&ran, arm));
    let figures = |arm: usize| {
        let failures = FailureCount::of_arm(&ran, arm);
        Ok(ArmFigures { failures, ..arm_figures(recorded, first, arm, &arms[arm])? })
    };
    let (metrics, left_out) = findings(recorded, name, scenario, terms);
    let invalid = ran.iter().any(|ran| ran.invalid);
    let primary = metrics.first().filter(|primary| primary.metric == scenario.gate.metrics[0]);
    let validity = validity(recorded, name, scenario.gate.metrics[0]);
    let warnings = validity.warnings();
    let judgement = primary.and_then(|primary| primary.finding.judgement);
    let seconds = seconds(recorded, name);
    let mut comparison = Comparison {
        name: name.into(),
        baseline: figures(0)?,
        candidate: figures(1)?,
        verdict: primary.filter(|_| !invalid).map(|primary| primary.finding.verdict),
        confidence: confidence(judgement.filter(|_| !invalid), terms, warnings.len()),
        pairs: primary.map_or(0, |primary| primary.finding.pairs),
        margin_percent: scenario.gate.margin * 100.0,
        minutes_needed: primary.and_then(|primary| minutes_needed(&primary.finding, &seconds)),
        detectable_percent: judgement.and_then(|judgement| detectable_percent(&judgement, terms)),
        left_out,
        exact: super::exact_counts::counts(&arms[0], &arms[1], &scenario.gate.exact),
        validity: ValidityFigures::of(&validity, judgement),
        warnings,
        metrics,
        voided: ran
            .iter()
            .flat_map(|ran| ran.voided.iter().map(|voided| voided.reason.to_string()))
            .collect(),
        invalid,
        failed: ran.iter().flat_map(|ran| failed(recorded, ran)).collect(),
    };
    if !comparison.failed.is_empty() {
        comparison.withdraw_decisions();
    }
    Ok(comparison)
}

/// Pairs of a metric in the steps of this name, without pairs in which a run failed. `None` if a
/// finished run lacks the metric. Scale and margin are those of the first look with pairs.
pub fn pairs(recorded: &SessionState, name: &str, metric: Metric) -> Option<Pairs> {
    let (mut raw, mut batches, mut first_look) = (Vec::new(), Vec::new(), 0);
    let mut gate = None;
    for ran in recorded.steps_of(name) {
        gate = gate.or(recorded.scenario(ran.step.scenario).map(|scenario| &scenario.gate));
        let hosts = ran.blocks.iter().map(|block| block.host).max().map_or(0, |most| most + 1);
        for host in 0..hosts {
            let before = raw.len();
            for block in ran.counted().filter(|block| block.host == host) {
                if block.measured().any(|measured| measured.report().is_none()) {
                    continue;
                }
                raw.push(raw_pair(block, metric)?);
            }
            batches.push(raw.len() - before);
        }
        if first_look == 0 {
            first_look = raw.len();
        }
    }
    let default = Gate::default();
    let gate = gate.unwrap_or(&default);
    let margin = gate.options_of(metric).margin(&raw[..first_look], gate.margin);
    let better = gate.better(metric);
    Some(Pairs { pairs: margin.changes(&raw, better), raw, batches, margin, better })
}

fn raw_pair(block: &CompletedBlock, metric: Metric) -> Option<RawPair> {
    let [first, second] = block.trials.as_slice() else {
        return None;
    };
    let order = if first.trial.arm == 0 { PairOrder::Ab } else { PairOrder::Ba };
    let value = |line: &crate::session::ledger::TrialLine| {
        line.measurement.value(metric).filter(|value| value.is_finite())
    };
    Some(RawPair { first: value(first)?, second: value(second)?, order })
}

fn findings(
    recorded: &SessionState,
    name: &str,
    scenario: &Scenario,
    terms: &TestPlan,
) -> (Vec<MetricFinding>, Vec<Metric>) {
    let mut judge = Judge::new(terms.rule.alpha, terms.seed);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for metric in scenario.gate.metrics.iter().copied() {
        match pairs(recorded, name, metric) {
            Some(Pairs { pairs, batches, margin, better, .. }) => {
                let finding = TestResult::of(&mut judge, &pairs, &batches, &margin);
                found.push(MetricFinding::of(metric, better, finding));
            }
            None => left_out.push(metric),
        }
    }
    (found, left_out)
}

impl MetricFinding {
    fn of(metric: Metric, better: Better, finding: TestResult) -> Self {
        let (change_percent, change_interval_percent) = match (better, finding.judgement) {
            (Better::Lower, _) => (finding.effect_percent, finding.interval_percent),
            (Better::Higher, Some(judgement)) if judgement.margin.scale == Scale::Ratio => {
                let end = |log: f64| log.is_finite().then(|| rounded_percent(-log));
                let interval = judgement.interval;
                (
                    Some(rounded_percent(-judgement.estimate.shown)),
                    Some([end(interval.high), end(interval.low)]),
                )
            }
            // The reciprocal of the slowdown.
            (Better::Higher, _) => (finding.effect_percent.map(turned), None),
        };
        // Subtracting from zero keeps 0 from becoming −0.
        let turn = |ends: [Option<f64>; 2]| match better {
            Better::Lower => ends,
            Better::Higher => [ends[1], ends[0]].map(|end| end.map(|end| 0.0 - end)),
        };
        Self {
            metric,
            better,
            scale: if finding.margin.is_some() { Scale::Difference } else { Scale::Ratio },
            change_percent,
            change_interval_percent,
            change: turn([finding.effect; 2])[0],
            change_interval: finding.interval.map(turn),
            finding,
        }
    }

    /// Gain of an improvement by more than [`LARGE_IMPROVEMENT`], as a share of the baseline's
    /// median.
    pub(crate) fn large_improvement(&self, baseline_median: f64) -> Option<f64> {
        if self.finding.verdict != Decision::Judged(Verdict::Improved) {
            return None;
        }
        let in_unit = || Some(self.change? / baseline_median);
        let share = self.change_percent.map(|percent| percent / 100.0).or_else(in_unit)?.abs();
        (share > LARGE_IMPROVEMENT).then_some(share)
    }
}

/// Decrease of a rate that corresponds to a slowdown of this many percent.
fn turned(worse_percent: f64) -> f64 {
    rounded_percent(-(worse_percent / 100.0).ln_1p())
}

fn arm_runs<'a>(ran: &[&'a CompletedStep], arm: usize) -> Vec<&'a Measurement> {
    ran.iter().flat_map(|ran| ran.counted()).filter_map(|block| block.of_arm(arm)).collect()
}

fn arm_figures(
    recorded: &SessionState,
    first: &CompletedStep,
    arm: usize,
    runs: &[&Measurement],
) -> Result<ArmFigures> {
    let Some(planned) = first.step.arms.get(arm) else {
        return Err(Error::environment(format!("{} has no arm {arm}", first.step.name)));
    };
    Ok(ArmFigures {
        label: consistency::label(recorded, &first.step, arm),
        program: planned.program,
        settings: planned.setting.settings.clone(),
        figures: ArmSummary::of(runs)?,
        failures: FailureCount::default(),
    })
}

fn failed(recorded: &SessionState, ran: &CompletedStep) -> Vec<String> {
    let label = |arm: usize| consistency::label(recorded, &ran.step, arm);
    let failures = ran.failures();
    failures.map(|(line, failure)| format!("{}: {failure}", label(line.trial.arm))).collect()
}

/// Trend over running time; pauses between two sittings of a session do not count.
fn validity(recorded: &SessionState, name: &str, metric: Metric) -> Diagnostics {
    let steps = || recorded.steps_of(name);
    let found = pairs(recorded, name, metric);
    let margin = found.as_ref().map_or(ScaledMargin::ratio(0.0), |found| found.margin);
    let pairs = found.map(|found| found.pairs).unwrap_or_default();
    let level = |value: f64| match margin.scale {
        Scale::Ratio => value.ln(),
        Scale::Difference => value / margin.unit,
    };
    let (mut hours, mut levels) = (0.0, Vec::new());
    let (mut shares, mut speeds) = (Vec::new(), Vec::new());
    for block in steps().flat_map(CompletedStep::counted) {
        let values: Option<Vec<f64>> =
            block.measured().map(|measured| measured.value(metric).map(level)).collect();
        let half = block.elapsed_s() / 7200.0;
        if let Some(values) = values.filter(|values| !values.is_empty()) {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            // A value that shows up as 0 at a later look has no logarithm.
            levels.extend(mean.is_finite().then_some(Level { hours: hours + half, mean }));
        }
        hours += 2.0 * half;
        for around in block.measured().filter_map(|measured| measured.surroundings) {
            shares.push(around.foreign_cpu_share.max(around.steal_share));
            speeds.extend(around.clock_mhz);
        }
    }
    // Machines differ in level and speed.
    if recorded.shards.len() > 1 {
        levels.clear();
        speeds.clear();
    }
    let disturbed_share = diagnostics::disturbed_share(&shares);
    let clock_spread = diagnostics::clock_spread(&speeds);
    Diagnostics { disturbed_share, clock_spread, ..Diagnostics::of(&pairs, &levels, margin.scale) }
}

impl ValidityFigures {
    fn of(validity: &Diagnostics, judgement: Option<Judgement>) -> Self {
        let Diagnostics { trend, .. } = validity;
        Self {
            trend_percent_per_hour: trend.map(|trend| trend.pace.percent_per_hour),
            trend_percent_per_minute: trend.map(|trend| trend.pace.percent_per_minute),
            trend_interval_percent_per_hour: trend
                .map(|trend| trend.interval.map(|end| end.percent_per_hour)),
            trend_interval_percent_per_minute: trend
                .map(|trend| trend.interval.map(|end| end.percent_per_minute)),
            order_effect_percent: validity.order_effect.map(|effect| effect.percent),
            autocorrelation: validity.autocorrelation,
            std_dev_percent: judgement.map(|judgement| judgement.relative_std_dev() * 100.0),
            disturbed_share: validity.disturbed_share,
            clock_spread: validity.clock_spread,
        }
    }
}

fn confidence(judgement: Option<Judgement>, terms: &TestPlan, warnings: usize) -> Confidence {
    judgement.map_or(Confidence::None, |judgement| {
        let std_dev = judgement.relative_std_dev();
        Confidence::of(judgement.verdict, terms.look, std_dev, warnings)
    })
}

/// Detectable difference (`stats::power`) in percent; both errors are those of the rule. `None` on
/// the scale of differences.
fn detectable_percent(judgement: &Judgement, terms: &TestPlan) -> Option<f64> {
    if judgement.margin.scale == Scale::Difference {
        return None;
    }
    let k = power::detectable(judgement.pairs, terms.rule.alpha)?;
    Some(rounded_percent(k * judgement.estimate.std_dev))
}

/// Duration of each pair, in seconds.
fn seconds(recorded: &SessionState, name: &str) -> Vec<f64> {
    recorded
        .steps_of(name)
        .flat_map(CompletedStep::counted)
        .map(CompletedBlock::elapsed_s)
        .collect()
}

/// Minutes for the additional pairs that an undecided result needs.
fn minutes_needed(finding: &TestResult, seconds: &[f64]) -> Option<f64> {
    let decides = finding.verdict.verdict().is_some_and(|v| v != Verdict::Inconclusive);
    let needed = finding.needed_pairs.filter(|_| !decides && !seconds.is_empty())?;
    let more = needed.saturating_sub(finding.pairs as u64) as f64;
    let each = seconds.iter().sum::<f64>() / seconds.len() as f64;
    Some(more * each / 60.0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_text<S: Serializer>(
    value: &Confidence,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_texts<S: Serializer>(
    doubts: &[diagnostics::DiagnosticWarning],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(doubts.iter().map(ToString::to_string))
}
