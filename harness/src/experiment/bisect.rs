//! Since which commit a difference is there: which commit to test next, and between which two the
//! answer lies, by the gate's verdicts. Builds and runs nothing. Pure.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::analysis::comparison::{CountComparison, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::experiment::gate::{GateResult, GateVerdict, WorkloadResult};
use crate::scenario::Exact;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;

/// The version of what is printed as JSON.
const FORMAT_VERSION: u32 = 1;

/// What a commit is, compared with the one before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// The difference is not there yet.
    Same,
    /// It is there.
    Changed,
    /// It cannot be told: it does not build or run, stores something else, or the test did not
    /// decide.
    Unknown,
}

/// A search among commits, the oldest first, for the first one that has the difference. The last
/// one is tested first: without a difference there is nothing to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    seen: Vec<Option<CommitState>>,
}

impl Search {
    /// Of so many commits after the one before them all.
    pub fn of(commits: usize) -> Self {
        Self { seen: vec![None; commits] }
    }

    /// Takes in what a commit is.
    pub fn take(&mut self, commit: usize, seen: CommitState) {
        if let Some(place) = self.seen.get_mut(commit) {
            *place = Some(seen);
        }
    }

    /// The commit to test next: of those that may be the first, the one nearest to their middle;
    /// `None` where there is nothing left to tell.
    pub fn next(&self) -> Option<usize> {
        let last = self.seen.len().checked_sub(1)?;
        if self.seen[last].is_none() {
            return Some(last);
        }
        let (first, known) = self.range()?.into_inner();
        // Testing one tells whether the difference is there at it or after it.
        let middle = usize::midpoint(first, known.saturating_sub(1));
        let open = (first..known).filter(|commit| self.seen[*commit].is_none());
        open.min_by_key(|commit| (commit.abs_diff(middle), *commit))
    }

    /// The commits of which one is the first with the difference, where that is in one step; `None`
    /// where the last one does not have it.
    pub fn range(&self) -> Option<RangeInclusive<usize>> {
        if self.seen.last() != Some(&Some(CommitState::Changed)) {
            return None;
        }
        let known = self.seen.iter().position(|seen| *seen == Some(CommitState::Changed))?;
        let before = self.seen[..known].iter().rposition(|seen| *seen == Some(CommitState::Same));
        Some(before.map_or(0, |before| before + 1)..=known)
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BisectResult {
    /// `FORMAT_VERSION` of the program that wrote it.
    pub format: u32,
    /// What was there before.
    pub base: String,
    /// Where the difference is.
    pub head: String,
    /// What was searched for; nothing where the ends do not differ.
    pub wanted: Option<BisectTarget>,
    /// What made the difference between the ends, in words.
    pub why: Option<String>,
    /// How many commits there are after the base, the head among them.
    pub commits: usize,
    /// Those of which one is the first with the difference, the oldest first.
    pub first: Vec<CommitInfo>,
    /// Every commit that was looked at, in that order.
    pub looked_at: Vec<TestedCommit>,
}

/// A commit for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommitInfo {
    /// Its hash.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
}

/// One commit that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestedCommit {
    /// The commit.
    #[serde(flatten)]
    pub named: CommitInfo,
    /// What it is.
    pub seen: CommitState,
    /// What was found, or why nothing could be.
    pub words: String,
}

impl BisectResult {
    /// What a search says; `commits` are those that were searched, the oldest first.
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

    /// Whether one commit is left.
    pub fn is_found(&self) -> bool {
        self.first.len() == 1
    }
}

/// Which difference is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum BisectTarget {
    /// A metric that got worse, or better.
    Metric {
        /// Which.
        metric: Metric,
        /// Whether it got worse.
        worse: bool,
        /// By how much at the ends, in logarithms; above 0 is worse.
        #[serde(skip)]
        effect: f64,
    },
    /// An exact quantity that rose, and by the scenario may not.
    Count {
        /// Which.
        count: Exact,
    },
}

impl BisectTarget {
    /// What the two ends differ in by the gate's tests: the metric that decides, else the first of
    /// the others that does, else a count that rose; `None` where nothing is told.
    pub fn of(gated: &GateResult) -> Option<Self> {
        // Those of a workload come in the scenario's order, the one that decides first.
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

    /// What a gate on a commit says of it; nothing where programs stored different things, one of
    /// them did not run, or the measurement is invalid.
    pub fn seen(self, gated: &GateResult) -> CommitState {
        if matches!(
            gated.answer,
            GateVerdict::Failed | GateVerdict::Invalid | GateVerdict::WrongResult
        ) {
            return CommitState::Unknown;
        }
        match self {
            Self::Metric { metric, worse, effect } => match finding(gated, metric) {
                Some((found, verdict)) => of_verdict(worse, verdict, found, effect),
                None => CommitState::Unknown,
            },
            Self::Count { count } => match counted(gated, count) {
                Some(count) if count.rises() => CommitState::Changed,
                Some(_) => CommitState::Same,
                None => CommitState::Unknown,
            },
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric { metric, .. } => metric.name(),
            Self::Count { count } => count.name(),
        }
    }
}

/// A metric in a gate's answer, with the verdict that counts.
pub fn finding(gated: &GateResult, metric: Metric) -> Option<(&MetricFinding, Decision)> {
    let mut findings = gated.workloads.iter().flat_map(WorkloadResult::findings);
    let ours = findings.find(|(found, _)| found.metric == metric);
    ours.map(|(found, test)| (found, test.verdict))
}

/// An exact quantity in a gate's answer.
pub fn counted(gated: &GateResult, quantity: Exact) -> Option<&CountComparison> {
    let comparisons = gated.workloads.iter().filter_map(|workload| workload.comparison.as_ref());
    comparisons.flat_map(|found| &found.exact).find(|count| count.quantity == quantity)
}

fn of_verdict(worse: bool, verdict: Decision, found: &MetricFinding, effect: f64) -> CommitState {
    let (Decision::Judged(verdict), Some(judgement)) = (verdict, found.finding.judgement) else {
        return CommitState::Unknown;
    };
    let has_it = match verdict {
        Verdict::Regression | Verdict::Small => worse,
        Verdict::Improved => !worse,
        Verdict::Pass | Verdict::Inconclusive => false,
    };
    // A gate shows that something is within the margin. The difference that is searched for may be
    // smaller than that: only an interval that leaves it out says that a commit does not have it.
    let interval = judgement.interval;
    let lacks_it = if worse { interval.high < effect } else { interval.low > effect };
    match (has_it, lacks_it) {
        (true, _) => CommitState::Changed,
        (false, true) => CommitState::Same,
        (false, false) => CommitState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches among commits of which `first` is the first with the difference and those in
    /// `unknown` cannot be told: the range, and how many were tested.
    fn search(commits: usize, first: usize, unknown: &[bool]) -> (RangeInclusive<usize>, usize) {
        let mut search = Search::of(commits);
        let mut tested = 0;
        while let Some(commit) = search.next() {
            tested += 1;
            let seen = match (unknown[commit], commit >= first) {
                (true, _) => CommitState::Unknown,
                (false, true) => CommitState::Changed,
                (false, false) => CommitState::Same,
            };
            search.take(commit, seen);
        }
        (search.range().unwrap(), tested)
    }

    #[test]
    fn the_last_commit_is_tested_first_and_without_a_difference_nothing_else() {
        for seen in [CommitState::Same, CommitState::Unknown] {
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
    fn around_commits_that_cannot_be_told_the_answer_is_a_range() {
        let mut unknown = [false; 8];
        unknown[2..5].fill(true);
        assert_eq!(search(8, 4, &unknown).0, 2..=5);
        // Where they are elsewhere it is one commit all the same.
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
        fn whatever_cannot_be_told_the_range_holds_the_first_and_nothing_that_could_be_told(
            mut unknown in proptest::collection::vec(any::<bool>(), 1..40),
            place in any::<prop::sample::Index>(),
        ) {
            let commits = unknown.len();
            let first = place.index(commits);
            unknown[commits - 1] = false;
            let (range, tested) = search(commits, first, &unknown);
            prop_assert!(range.contains(&first));
            prop_assert!(tested <= commits);
            // All but the last of the range are ones that cannot be told.
            let (from, to) = range.into_inner();
            prop_assert!((from..to).all(|commit| unknown[commit]));
        }
    }
}
