//! Binary search for the first commit that shows a difference, by the verdicts of gates.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::analysis::comparison::{CountComparison, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::experiment::gate::{GateResult, GateVerdict, WorkloadResult};
use crate::scenario::Exact;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;

/// Version of the JSON output.
const FORMAT_VERSION: u32 = 1;

/// State of a commit, compared with the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// Without the difference.
    #[serde(rename = "same")]
    Good,
    /// With the difference.
    #[serde(rename = "changed")]
    Bad,
    /// Untestable: it does not build or run, stores other rows, or the test is undecided.
    #[serde(rename = "unknown")]
    Skip,
}

/// Search among commits, oldest first, for the first one with the difference. The last one is
/// tested first: without a difference at the end, the search is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    seen: Vec<Option<CommitState>>,
}

impl Search {
    /// Search among this many commits after the base.
    pub fn of(commits: usize) -> Self {
        Self { seen: vec![None; commits] }
    }

    /// Records the state of a commit.
    pub fn take(&mut self, commit: usize, seen: CommitState) {
        if let Some(place) = self.seen.get_mut(commit) {
            *place = Some(seen);
        }
    }

    /// Commit to test next: the candidate nearest to the middle. `None` if no test can narrow the
    /// range.
    pub fn next(&self) -> Option<usize> {
        let last = self.seen.len().checked_sub(1)?;
        if self.seen[last].is_none() {
            return Some(last);
        }
        let (first, known) = self.range()?.into_inner();
        // A test shows whether the difference appears at that commit or later.
        let middle = usize::midpoint(first, known.saturating_sub(1));
        let open = (first..known).filter(|commit| self.seen[*commit].is_none());
        open.min_by_key(|commit| (commit.abs_diff(middle), *commit))
    }

    /// Candidates for the first commit with the difference; `None` if the last one does not have
    /// it. Assumes a single step.
    pub fn range(&self) -> Option<RangeInclusive<usize>> {
        if self.seen.last() != Some(&Some(CommitState::Bad)) {
            return None;
        }
        let known = self.seen.iter().position(|seen| *seen == Some(CommitState::Bad))?;
        let before = self.seen[..known].iter().rposition(|seen| *seen == Some(CommitState::Good));
        Some(before.map_or(0, |before| before + 1)..=known)
    }
}

/// Result of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BisectResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// Baseline ref.
    pub base: String,
    /// Ref with the difference.
    pub head: String,
    /// Difference searched for; `None` if the ends do not differ.
    pub wanted: Option<BisectTarget>,
    /// Attribution of the difference between the ends, as text.
    pub why: Option<String>,
    /// Number of commits after the base, including the head.
    pub commits: usize,
    /// Candidates for the first commit with the difference, oldest first.
    pub first: Vec<CommitInfo>,
    /// Tested commits, in test order.
    pub looked_at: Vec<TestedCommit>,
}

/// Hash and subject of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitInfo {
    /// Hash.
    pub commit: String,
    /// First line of the message.
    pub subject: String,
}

/// A tested commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestedCommit {
    /// The commit.
    #[serde(flatten)]
    pub named: CommitInfo,
    /// Its state.
    pub seen: CommitState,
    /// Result, or the reason why there is none.
    pub words: String,
}

impl BisectResult {
    /// Result of a finished search; `commits` are the searched ones, oldest first.
    pub fn of(
        ends: [String; 2],
        (wanted, why): (Option<BisectTarget>, Option<String>),
        search: &Search,
        commits: &[CommitInfo],
        looked_at: Vec<TestedCommit>,
    ) -> Self {
        let [base, head] = ends;
        let first = search.range().and_then(|range| commits.get(range)).unwrap_or_default();
        Self {
            format: FORMAT_VERSION,
            base,
            head,
            wanted,
            why,
            commits: commits.len(),
            first: first.to_vec(),
            looked_at,
        }
    }

    /// True if a single commit remains.
    pub fn is_found(&self) -> bool {
        self.first.len() == 1
    }
}

/// Difference to search for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum BisectTarget {
    /// A metric that became worse or better.
    Metric {
        /// The metric.
        metric: Metric,
        /// True if it became worse.
        worse: bool,
        /// Difference between the ends as a logarithm; above 0 is worse.
        #[serde(skip)]
        effect: f64,
    },
    /// A counter that increased although the scenario forbids it.
    Count {
        /// The counter.
        count: Exact,
    },
}

impl BisectTarget {
    /// Significant difference between the two ends: the deciding metric, else the first other
    /// metric, else an increased counter. `None` if the gate shows no difference.
    pub fn of(gated: &GateResult) -> Option<Self> {
        // Results of a workload are in the scenario's order; the deciding metric is the first.
        let mut findings = gated.workloads.iter().flat_map(WorkloadResult::findings);
        let metric = findings.find_map(|(found, test)| {
            let worse = match test.verdict.verdict()? {
                Verdict::Regression | Verdict::Small => true,
                Verdict::Improved => false,
                Verdict::Pass | Verdict::Inconclusive => return None,
            };
            let effect = found.finding.judgement?.estimate.shown;
            Some(Self::Metric { metric: found.metric, worse, effect })
        });
        let mut risen = gated.workloads.iter().flat_map(WorkloadResult::risen);
        metric.or_else(|| risen.next().map(|risen| Self::Count { count: risen.quantity }))
    }

    /// State of a commit by its gate. Untestable if the programs stored different rows, one of them
    /// did not run, or the measurement is invalid.
    pub fn seen(self, gated: &GateResult) -> CommitState {
        if matches!(
            gated.answer,
            GateVerdict::Failed | GateVerdict::Invalid | GateVerdict::WrongResult
        ) {
            return CommitState::Skip;
        }
        match self {
            Self::Metric { metric, worse, effect } => match finding(gated, metric) {
                Some((found, verdict)) => of_verdict(worse, verdict, found, effect),
                None => CommitState::Skip,
            },
            Self::Count { count } => match counted(gated, count) {
                Some(count) if count.rises() => CommitState::Bad,
                Some(_) => CommitState::Good,
                None => CommitState::Skip,
            },
        }
    }

    /// Name of the metric or counter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric { metric, .. } => metric.name(),
            Self::Count { count } => count.name(),
        }
    }
}

/// Result of a metric in a gate, with its final verdict.
pub fn finding(gated: &GateResult, metric: Metric) -> Option<(&MetricFinding, Decision)> {
    let mut findings = gated.workloads.iter().flat_map(WorkloadResult::findings);
    let ours = findings.find(|(found, _)| found.metric == metric);
    ours.map(|(found, test)| (found, test.verdict))
}

/// Comparison of a counter in a gate.
pub fn counted(gated: &GateResult, quantity: Exact) -> Option<&CountComparison> {
    let comparisons = gated.workloads.iter().filter_map(|workload| workload.comparison.as_ref());
    comparisons.flat_map(|found| &found.exact).find(|count| count.quantity == quantity)
}

fn of_verdict(worse: bool, verdict: Decision, found: &MetricFinding, effect: f64) -> CommitState {
    let (Decision::Judged(verdict), Some(judgement)) = (verdict, found.finding.judgement) else {
        return CommitState::Skip;
    };
    let has_it = match verdict {
        Verdict::Regression | Verdict::Small => worse,
        Verdict::Improved => !worse,
        Verdict::Pass | Verdict::Inconclusive => false,
    };
    // A pass only shows that a change is within the margin, and the difference searched for may be
    // smaller. Only an interval that excludes it shows that a commit does not have it.
    let interval = judgement.interval;
    let lacks_it = if worse { interval.high < effect } else { interval.low > effect };
    match (has_it, lacks_it) {
        (true, _) => CommitState::Bad,
        (false, true) => CommitState::Good,
        (false, false) => CommitState::Skip,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Simulates a search in which `first` is the first commit with the difference and those in
    /// `unknown` are untestable. Returns the range and the number of tests.
    fn search(commits: usize, first: usize, unknown: &[bool]) -> (RangeInclusive<usize>, usize) {
        let mut search = Search::of(commits);
        let mut tested = 0;
        while let Some(commit) = search.next() {
            tested += 1;
            let seen = match (unknown[commit], commit >= first) {
                (true, _) => CommitState::Skip,
                (false, true) => CommitState::Bad,
                (false, false) => CommitState::Good,
            };
            search.take(commit, seen);
        }
        (search.range().unwrap(), tested)
    }

    #[test]
    fn the_last_commit_is_tested_first_and_without_a_difference_nothing_else() {
        for seen in [CommitState::Good, CommitState::Skip] {
            let mut search = Search::of(5);
            assert_eq!(search.next(), Some(4));
            search.take(4, seen);
            assert_eq!((search.next(), search.range()), (None, None));
        }
        assert_eq!((Search::of(0).next(), Search::of(0).range()), (None, None));
    }

    #[test]
    fn a_single_commit_needs_one_test() {
        assert_eq!(search(1, 0, &[false]), (0..=0, 1));
    }

    #[test]
    fn untestable_commits_around_the_first_one_give_a_range() {
        let mut unknown = [false; 8];
        unknown[2..5].fill(true);
        assert_eq!(search(8, 4, &unknown).0, 2..=5);
        // Untestable commits elsewhere do not widen the range.
        assert_eq!(search(8, 7, &unknown).0, 7..=7);
        assert_eq!(search(8, 1, &unknown).0, 1..=1);
    }

    proptest! {
        #[test]
        fn the_first_commit_with_the_difference_is_found_in_as_many_tests_as_halving_takes(
            commits in 1_usize..200, place in any::<prop::sample::Index>(),
        ) {
            let first = place.index(commits);
            let (range, tested) = search(commits, first, &vec![false; commits]);
            prop_assert_eq!(range, first..=first);
            let most = 1 + commits.next_power_of_two().ilog2() as usize;
            prop_assert!(tested <= most, "{} tests of {} commits", tested, commits);
        }

        #[test]
        fn the_range_ends_at_a_tested_commit_and_holds_the_first_one(
            mut unknown in proptest::collection::vec(any::<bool>(), 1..40),
            place in any::<prop::sample::Index>(),
        ) {
            let commits = unknown.len();
            let first = place.index(commits);
            unknown[commits - 1] = false;
            let (range, tested) = search(commits, first, &unknown);
            prop_assert!(range.contains(&first));
            prop_assert!(tested <= commits);
            // All but the last commit of the range are untestable.
            let (from, to) = range.into_inner();
            prop_assert!((from..to).all(|commit| unknown[commit]));
        }
    }
}
