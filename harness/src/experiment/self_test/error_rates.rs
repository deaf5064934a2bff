//! Result of a self-test: error rates of verdicts with exact intervals, and the measured slowdown
//! of the slowed program.

use serde::Serialize;

use super::{Truth, percent, slowdown};
use crate::analysis::comparison;
use crate::analysis::comparison::{Pairs, TestPlan};
use crate::analysis::consistency;
use crate::analysis::sweep::invalid;
use crate::analysis::test_result::{Decision, TestResult};
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::session::ledger::Ending;
use crate::session::state::SessionState;
use crate::stats::binomial;
use crate::stats::paired::Pair;
use crate::stats::verdict::{Judge, Verdict};

/// Error on each side of a rate's interval.
const INTERVAL_ALPHA: f64 = 0.025;

/// The last stretch of a slowed run is followed by no pause, so up to this percentage of the
/// slowdown may be missing.
const MISSING_PERCENT: f64 = 1.0;

/// Result of a self-test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTestResult {
    /// Scenario whose baseline was run.
    pub scenario: String,
    /// Records per run.
    pub records: u32,
    /// Pairs per session.
    pub pairs: u32,
    /// Margin in percent.
    pub margin_percent: f64,
    /// Slowdown of the slowed program by design, in percent.
    pub planted_percent: f64,
    /// Sessions of the program against itself.
    pub same: SessionGroup,
    /// Sessions of the slowed program against the program.
    pub slowed: SessionGroup,
    /// True if the interval of all their pairs includes the intended slowdown. Otherwise nothing is
    /// promised: on a machine with more work than processors, the scheduler compensates for the
    /// pauses.
    pub slowed_as_made: bool,
}

/// Results of one kind of session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionGroup {
    /// Kind.
    pub truth: Truth,
    /// Results in session order.
    pub each: Vec<SessionResult>,
    /// Rate of each kind of verdict.
    pub rates: Vec<ErrorRate>,
    /// Test of all pairs together; `None` without pairs.
    pub together: Option<TestResult>,
}

/// Result of one session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionResult {
    /// Verdict, or the reason why there is none.
    pub verdict: String,
    /// Slowdown of the second arm, in percent.
    pub effect_percent: Option<f64>,
    /// Standard deviation of a pair, in percent.
    pub std_dev_percent: Option<f64>,
}

/// Rate of one kind of verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorRate {
    /// Kind of verdict.
    pub what: VerdictKind,
    /// Number of sessions with it.
    pub events: u64,
    /// Number of judged sessions.
    pub sessions: u64,
    /// Exact 95 % interval of the rate, 0 to 1 (Clopper and Pearson).
    pub interval: [f64; 2],
    /// Largest rate that the procedure promises, if any.
    pub promised: Option<f64>,
}

/// Kinds of verdicts that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// Worse: REGRESSION or SMALL.
    CalledWorse,
    /// Better: IMPROVED.
    CalledBetter,
    /// REGRESSION.
    Found,
    /// Within the margin: IMPROVED, PASS or SMALL.
    LetPass,
    /// INCONCLUSIVE.
    Undecided,
}

impl VerdictKind {
    /// Kinds that are counted for sessions of this truth.
    fn of(truth: Truth) -> [Self; 3] {
        match truth {
            Truth::Same => [Self::CalledWorse, Self::CalledBetter, Self::Undecided],
            Truth::Slowed => [Self::Found, Self::LetPass, Self::Undecided],
        }
    }

    fn says(self, verdict: Verdict) -> bool {
        use Verdict::{Improved, Inconclusive, Pass, Regression, Small};
        match self {
            Self::CalledWorse => matches!(verdict, Regression | Small),
            Self::CalledBetter => verdict == Improved,
            Self::Found => verdict == Regression,
            Self::LetPass => matches!(verdict, Improved | Pass | Small),
            Self::Undecided => verdict == Inconclusive,
        }
    }

    /// True for errors, which α bounds on each side.
    fn is_error(self) -> bool {
        matches!(self, Self::CalledWorse | Self::CalledBetter | Self::LetPass)
    }
}

impl SelfTestResult {
    /// Analyses a self-test. Fails if runs stored different rows, or if every session has too much
    /// interference.
    pub fn of(recorded: &SessionState) -> Result<Self> {
        let scenario = recorded.scenario(0);
        let scenario =
            scenario.ok_or_else(|| Error::environment("the session has no scenario to test"))?;
        if recorded.ending == Some(Ending::Invalid) {
            return Err(invalid(&recorded.invalid_reason().unwrap_or_default()));
        }
        consistency::check_stored_rows_agree(recorded, 0)?;
        let records = recorded.records.first().and_then(Option::as_ref);
        let planted_percent = percent(slowdown(recorded));
        let mut slowed = sessions(recorded, scenario, Truth::Slowed);
        let slowed_as_made = allows(slowed.together.as_ref(), planted_percent);
        if !slowed_as_made {
            slowed.rates.iter_mut().for_each(|rate| rate.promised = None);
        }
        Ok(Self {
            scenario: scenario.name.clone(),
            records: records.map_or(0, |line| line.records),
            pairs: scenario.pairs,
            margin_percent: percent(scenario.gate.margin),
            planted_percent,
            same: sessions(recorded, scenario, Truth::Same),
            slowed,
            slowed_as_made,
        })
    }
}

/// True if an interval reaches this slowdown, or if there is none.
fn allows(together: Option<&TestResult>, planted_percent: f64) -> bool {
    let interval = together.and_then(|finding| finding.interval_percent);
    let high = interval.and_then(|[_, high]| high);
    high.is_none_or(|high| high + MISSING_PERCENT >= planted_percent)
}

impl SessionGroup {
    /// Number of judged sessions.
    pub fn judged(&self) -> u64 {
        self.rates.first().map_or(0, |rate| rate.sessions)
    }
}

fn sessions(recorded: &SessionState, scenario: &Scenario, truth: Truth) -> SessionGroup {
    let terms = TestPlan::one_look(scenario);
    let mut judge = Judge::new(terms.rule.alpha, terms.seed);
    let (mut each, mut verdicts) = (Vec::new(), Vec::new());
    let (mut all, mut batches): (Vec<Pair>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut margin = None;
    for ran in truth.steps(recorded) {
        // A session is not judged by the runs that are left.
        if ran.failures().next().is_some() {
            each.push(SessionResult::nothing(&Decision::FailedRuns.to_string()));
            continue;
        }
        let metric = scenario.gate.metrics[0];
        let found = comparison::pairs(recorded, &ran.step.name, metric).filter(|_| !ran.invalid);
        let Some(Pairs { raw, pairs, better, margin: own, .. }) = found else {
            each.push(SessionResult::nothing(if ran.invalid { "INVALID" } else { "no figures" }));
            continue;
        };
        let finding = TestResult::of(&mut judge, &pairs, &[], &own);
        verdicts.extend(finding.verdict.verdict());
        each.push(SessionResult::of(&finding));
        batches.push(pairs.len());
        // All sessions together are on the scale of the first.
        all.extend(margin.get_or_insert(own).changes(&raw, better));
    }
    let together = margin.filter(|_| !all.is_empty());
    let together = together.map(|margin| TestResult::of(&mut judge, &all, &batches, &margin));
    let rates = VerdictKind::of(truth).map(|what| rate(what, &verdicts, terms.rule.alpha));
    SessionGroup { truth, each, rates: rates.into(), together }
}

impl SessionResult {
    fn nothing(why: &str) -> Self {
        Self { verdict: why.into(), effect_percent: None, std_dev_percent: None }
    }

    fn of(finding: &TestResult) -> Self {
        Self {
            verdict: finding.verdict.to_string(),
            effect_percent: finding.effect_percent,
            std_dev_percent: finding.judgement.map(|one| one.relative_std_dev() * 100.0),
        }
    }
}

fn rate(what: VerdictKind, verdicts: &[Verdict], alpha: f64) -> ErrorRate {
    let events = verdicts.iter().filter(|verdict| what.says(**verdict)).count() as u64;
    let sessions = verdicts.len() as u64;
    let bounds = binomial::bounds(events, sessions, INTERVAL_ALPHA);
    let promised = what.is_error().then_some(alpha);
    ErrorRate { what, events, sessions, interval: [bounds.low, bounds.high], promised }
}
