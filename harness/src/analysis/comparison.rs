//! The pairs of a comparison → what they say (statistics.md 2, 4 and 5). Pure; every verdict comes from
//! [`TestResult::of`], as those of `harness judge` do. Does not say what follows from a verdict, nor
//! whether the runs stored the same ([`crate::analysis::consistency`]).

use serde::{Serialize, Serializer};

pub use super::exact_counts::{CountComparison, CountRange};

use crate::analysis::arm_summary::ArmSummary;
use crate::analysis::consistency;
use crate::analysis::test_result::{Decision, TestResult, rounded_percent};
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::scenario::metric::Metric;
use crate::session::state::{RanBlock, RanStep, Recorded};
use crate::stats::confidence::{Confidence, Look};
use crate::stats::diagnostics;
use crate::stats::diagnostics::{Level, Validity};
use crate::stats::group_sequential;
use crate::stats::paired::{Better, Order, Pair};
use crate::stats::power;
use crate::stats::verdict::{Judge, Judgement, Rule, Verdict};
use crate::trial::measurement::Measurement;

/// By which rule a comparison is judged, and where among its looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestPlan {
    /// Margin and error.
    pub rule: Rule,
    /// Whether looks come before or can follow.
    pub look: Look,
    /// Draws order vectors where there are too many to try them all.
    pub seed: u64,
}

impl TestPlan {
    /// The only look at a comparison, at α = 0.05.
    pub fn one_look(scenario: &Scenario) -> Self {
        let look = Look { is_first: true, is_last: true };
        Self { rule: Rule::one_look(scenario.gate.margin), look, seed: scenario.seed }
    }

    /// The look that sees so many planned pairs, one of [`group_sequential::LOOKS`], at its own α.
    pub fn look(scenario: &Scenario, pairs: usize) -> Self {
        let is_first = group_sequential::LOOKS.first().is_some_and(|first| pairs <= *first);
        let look = Look { is_first, is_last: group_sequential::is_last(pairs) };
        Self { rule: Rule::look(scenario.gate.margin), look, seed: scenario.seed }
    }
}

/// What a comparison says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The name of its steps.
    pub name: String,
    /// The arm that was there before.
    pub baseline: ArmFigures,
    /// The other arm.
    pub candidate: ArmFigures,
    /// What the first metric says; nothing where the comparison is invalid.
    pub verdict: Option<Decision>,
    /// How far that is to be trusted; in files a word.
    #[serde(serialize_with = "as_text")]
    pub confidence: Confidence,
    /// Pairs of which both runs finished.
    pub pairs: usize,
    /// The margin in percent.
    pub margin_percent: f64,
    /// About how many minutes the pairs take that would decide, beyond those that have run; where
    /// the first metric, or one that its family left open, is not decided.
    pub minutes_needed: Option<f64>,
    /// The difference that so many pairs tell at the noise that they had, in percent; where the first
    /// metric was judged.
    pub detectable_percent: Option<f64>,
    /// What every metric says that has figures, the first of the scenario's first.
    pub metrics: Vec<MetricFinding>,
    /// Metrics without figures in every pair.
    pub left_out: Vec<Metric>,
    /// Statements and round trips.
    pub exact: Vec<CountComparison>,
    /// Figures by which to believe it or not.
    pub validity: ValidityFigures,
    /// What they give rise to; in files as texts.
    #[serde(serialize_with = "as_texts")]
    pub warnings: Vec<diagnostics::Doubt>,
    /// What voided pairs, one each.
    pub voided: Vec<String>,
    /// Whether those were too many.
    pub invalid: bool,
    /// Why runs gave no figures, one each.
    pub failed: Vec<String>,
}

/// One arm of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmFigures {
    /// What it is called.
    pub label: String,
    /// Its program's index in the session's origin.
    pub program: usize,
    /// Its settings.
    pub settings: migrator::config::Settings,
    /// What its runs gave; nothing where none finished.
    pub figures: Option<ArmSummary>,
}

/// What the pairs say of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricFinding {
    /// Which.
    pub metric: Metric,
    /// The candidate's figure over the baseline's, less 1, in percent: the estimate of the pairs in
    /// the metric's own direction, so that a higher rate is positive.
    pub change_percent: Option<f64>,
    /// The interval of that; an end is `None` where nothing is too small or too large.
    pub change_interval_percent: Option<[Option<f64>; 2]>,
    /// The finding, in which bigger is worse.
    #[serde(flatten)]
    pub finding: TestResult,
}

/// Figures by which to believe a comparison or not; `None` where there is too little to tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ValidityFigures {
    /// Trend of the pairs' means, percent per hour of running.
    pub trend_percent_per_hour: Option<f64>,
    /// The same per minute.
    pub trend_percent_per_minute: Option<f64>,
    /// What running second costs.
    pub order_effect_percent: Option<f64>,
    /// Lag-1 autocorrelation of the order-adjusted d.
    pub autocorrelation: Option<f64>,
    /// Standard deviation of the order-adjusted d, in percent.
    pub std_dev_percent: Option<f64>,
    /// Share of runs beside which others took more than 5 % of the CPU.
    pub disturbed_share: Option<f64>,
    /// Spread of the clock speed, a share.
    pub clock_spread: Option<f64>,
}

/// The pairs of one metric, and how many of them each batch has on each machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// The pairs, batch by batch and machine by machine, in the order in which they ran.
    pub pairs: Vec<Pair>,
    /// The lengths of those parts: what may be permuted among themselves.
    pub batches: Vec<usize>,
}

impl Comparison {
    /// The verdict, where there is one that counts.
    pub fn decided(&self) -> Option<Verdict> {
        self.verdict.and_then(Decision::verdict)
    }

    /// Takes over what a family of tests leaves open of the metric at this place, instead of what
    /// its test says by itself.
    pub(crate) fn take_over(
        &mut self,
        place: usize,
        open: &Judgement,
        terms: &TestPlan,
        recorded: &Recorded,
    ) {
        let Some(found) = self.metrics.get_mut(place) else {
            return;
        };
        *found = MetricFinding::of(found.metric, TestResult::judged(open));
        let minutes = minutes_needed(&found.finding, &seconds(recorded, &self.name));
        let most = self.minutes_needed.into_iter().chain(minutes);
        self.minutes_needed = most.reduce(f64::max);
        if place > 0 || self.verdict.is_none() {
            return;
        }
        self.verdict = Some(found.finding.verdict);
        // It is that of a test by itself.
        self.detectable_percent = None;
        if self.confidence != Confidence::Low {
            self.confidence = confidence(Some(*open), terms, self.warnings.len());
        }
    }

    /// What the first metric of the scenario says; nothing where it is left out.
    pub fn primary(&self) -> Option<&MetricFinding> {
        self.metrics.first().filter(|_| self.invalid || self.verdict.is_some())
    }
}

/// What the steps of this name, batches of one comparison, say by these terms. An error where there
/// is no such step.
pub fn compare(recorded: &Recorded, name: &str, terms: &TestPlan) -> Result<Comparison> {
    let ran: Vec<&RanStep> = recorded.steps_of(name).collect();
    let found =
        ran.first().and_then(|first| Some((first, recorded.scenario(first.step.scenario)?)));
    let Some((first, scenario)) = found else {
        return Err(Error::environment(format!("there is no comparison {name}")));
    };
    let arms = [0, 1].map(|arm| arm_runs(&ran, arm));
    let figures = |arm: usize| arm_figures(recorded, first, arm, &arms[arm]);
    let (metrics, left_out) = findings(recorded, name, scenario, terms);
    let invalid = ran.iter().any(|ran| ran.invalid);
    let primary = metrics.first().filter(|primary| primary.metric == scenario.gate.metrics[0]);
    let validity = validity(recorded, name, scenario.gate.metrics[0]);
    let warnings = validity.doubts();
    let judgement = primary.and_then(|primary| primary.finding.judgement);
    let seconds = seconds(recorded, name);
    Ok(Comparison {
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
            .flat_map(|ran| ran.voided.iter().map(|voided| voided.disturbance.to_string()))
            .collect(),
        invalid,
        failed: ran.iter().flat_map(|ran| failed(recorded, ran)).collect(),
    })
}

/// The pairs of a metric in the steps of this name; without those of which a run failed. `None`
/// where a run that finished has no such figure, or none with a logarithm.
pub fn pairs(recorded: &Recorded, name: &str, metric: Metric) -> Option<Pairs> {
    let (mut pairs, mut batches) = (Vec::new(), Vec::new());
    for ran in recorded.steps_of(name) {
        let hosts = ran.blocks.iter().map(|block| block.host).max().map_or(0, |most| most + 1);
        for host in 0..hosts {
            let before = pairs.len();
            for block in ran.counted().filter(|block| block.host == host) {
                if block.measured().any(|measured| measured.report().is_none()) {
                    continue;
                }
                pairs.push(pair(block, metric)?);
            }
            batches.push(pairs.len() - before);
        }
    }
    Some(Pairs { pairs, batches })
}

fn pair(block: &RanBlock, metric: Metric) -> Option<Pair> {
    let [first, second] = block.trials.as_slice() else {
        return None;
    };
    let order = if first.trial.arm == 0 { Order::Ab } else { Order::Ba };
    let value = |line: &crate::session::ledger::TrialLine| line.measurement.value(metric);
    Pair::of(value(first)?, value(second)?, order, metric.better())
}

fn findings(
    recorded: &Recorded,
    name: &str,
    scenario: &Scenario,
    terms: &TestPlan,
) -> (Vec<MetricFinding>, Vec<Metric>) {
    let mut judge = Judge::new(terms.rule, terms.seed);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for metric in scenario.gate.metrics.iter().copied() {
        match pairs(recorded, name, metric) {
            Some(Pairs { pairs, batches }) => {
                let finding = TestResult::of(&mut judge, &pairs, &batches, terms.rule);
                found.push(MetricFinding::of(metric, finding));
            }
            None => left_out.push(metric),
        }
    }
    (found, left_out)
}

impl MetricFinding {
    fn of(metric: Metric, finding: TestResult) -> Self {
        let (change, interval) = match (metric.better(), finding.judgement) {
            (Better::Lower, _) => (finding.effect_percent, finding.interval_percent),
            (Better::Higher, Some(judgement)) => {
                let end = |log: f64| log.is_finite().then(|| rounded_percent(-log));
                let interval = judgement.interval;
                (
                    Some(rounded_percent(-judgement.estimate.shown)),
                    Some([end(interval.high), end(interval.low)]),
                )
            }
            // The reciprocal of what it is worse by.
            (Better::Higher, None) => (finding.effect_percent.map(turned), None),
        };
        Self { metric, change_percent: change, change_interval_percent: interval, finding }
    }
}

/// A rate that is so many percent worse is lower by this.
fn turned(worse_percent: f64) -> f64 {
    rounded_percent(-(worse_percent / 100.0).ln_1p())
}

fn arm_runs<'a>(ran: &[&'a RanStep], arm: usize) -> Vec<&'a Measurement> {
    ran.iter().flat_map(|ran| ran.counted()).filter_map(|block| block.of_arm(arm)).collect()
}

fn arm_figures(
    recorded: &Recorded,
    first: &RanStep,
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
    })
}

fn failed(recorded: &Recorded, ran: &RanStep) -> Vec<String> {
    let failures = ran.counted().flat_map(|block| &block.trials).filter_map(|line| {
        let label = consistency::label(recorded, &ran.step, line.trial.arm);
        line.measurement.failure().map(|failure| format!("{label}: {failure}"))
    });
    failures.collect()
}

/// Trend over the time that runs took: what lies between two sittings of a session is no time.
fn validity(recorded: &Recorded, name: &str, metric: Metric) -> Validity {
    let steps = || recorded.steps_of(name);
    let pairs = pairs(recorded, name, metric).map(|pairs| pairs.pairs).unwrap_or_default();
    let (mut hours, mut levels) = (0.0, Vec::new());
    let (mut shares, mut speeds) = (Vec::new(), Vec::new());
    for block in steps().flat_map(RanStep::counted) {
        let logs: Option<Vec<f64>> =
            block.measured().map(|measured| measured.value(metric).map(f64::ln)).collect();
        let half = block.elapsed_s() / 7200.0;
        if let Some(logs) = logs.filter(|logs| !logs.is_empty()) {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            levels.push(Level { hours: hours + half, mean });
        }
        hours += 2.0 * half;
        for around in block.measured().filter_map(|measured| measured.surroundings) {
            shares.push(around.foreign_cpu_share.max(around.steal_share));
            speeds.extend(around.clock_mhz);
        }
    }
    // Machines have levels and speeds of their own.
    if recorded.shards.len() > 1 {
        levels.clear();
        speeds.clear();
    }
    let disturbed_share = diagnostics::disturbed_share(&shares);
    let clock_spread = diagnostics::clock_spread(&speeds);
    Validity { disturbed_share, clock_spread, ..Validity::of(&pairs, &levels) }
}

impl ValidityFigures {
    fn of(validity: &Validity, judgement: Option<Judgement>) -> Self {
        let pace = validity.trend.map(|trend| trend.pace);
        Self {
            trend_percent_per_hour: pace.map(|pace| pace.percent_per_hour),
            trend_percent_per_minute: pace.map(|pace| pace.percent_per_minute),
            order_effect_percent: validity.order_effect.map(|effect| effect.percent),
            autocorrelation: validity.autocorrelation,
            std_dev_percent: judgement.map(|judgement| judgement.estimate.std_dev * 100.0),
            disturbed_share: validity.disturbed_share,
            clock_spread: validity.clock_spread,
        }
    }
}

fn confidence(judgement: Option<Judgement>, terms: &TestPlan, warnings: usize) -> Confidence {
    judgement.map_or(Confidence::None, |judgement| {
        let std_dev = judgement.estimate.std_dev;
        Confidence::of(judgement.verdict, terms.look, std_dev, warnings)
    })
}

/// What so many pairs tell (`stats::power`) as a percentage, both errors those of the rule.
fn detectable_percent(judgement: &Judgement, terms: &TestPlan) -> Option<f64> {
    let k = power::detectable(judgement.pairs, terms.rule.alpha)?;
    Some(rounded_percent(k * judgement.estimate.std_dev))
}

/// How long each pair took.
fn seconds(recorded: &Recorded, name: &str) -> Vec<f64> {
    recorded.steps_of(name).flat_map(RanStep::counted).map(RanBlock::elapsed_s).collect()
}

/// Minutes for the pairs beyond those that have run, where these do not decide.
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
    doubts: &[diagnostics::Doubt],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(doubts.iter().map(ToString::to_string))
}
