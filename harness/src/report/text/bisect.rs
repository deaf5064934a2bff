//! Text of a bisection, at most 100 columns wide on a terminal, and its parts for other formats.

use crate::analysis::comparison::MetricFinding;
use crate::analysis::test_result::Decision;
use crate::experiment::bisect;
use crate::experiment::bisect::{
    BisectResult, BisectTarget, CommitInfo, CommitState, TestedCommit,
};
use crate::experiment::gate::GateResult;
use crate::report::numbers::counted;
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::{COLUMNS, truncated, wrapped};
use crate::sanitize::on_one_line;

/// Length of the hash prefix that names a commit.
const HASH: usize = 12;

/// Result of a gate for the difference that is searched for; without one, the verdict of the gate.
pub fn words(gated: &GateResult, wanted: Option<BisectTarget>) -> String {
    if let Some(failure) = gated.failure.as_deref() {
        return format!("{}: {}", gated.answer, failure.lines().next().unwrap_or_default());
    }
    let told = match wanted {
        Some(BisectTarget::Metric { metric, .. }) => {
            bisect::finding(gated, metric).map(metric_words)
        }
        Some(BisectTarget::Count { count }) => bisect::counted(gated, count)
            .map(|found| format!("{} {}", count.name(), super::gate::arrow(found))),
        None => None,
    };
    told.unwrap_or_else(|| super::gate::finding(gated))
}

fn metric_words((found, verdict): (&MetricFinding, Decision)) -> String {
    format!("{verdict}, {} {}", found.metric.name(), super::gate::change(found))
}

/// A tested commit, on one line.
pub fn line(look: &TestedCommit) -> String {
    format!("{}  {:<7}  {}", hash(&look.named), state(look.seen), on_one_line(&look.words))
}

fn state(state: CommitState) -> &'static str {
    match state {
        CommitState::Good => "before",
        CommitState::Bad => "changed",
        CommitState::Skip => "skipped",
    }
}

/// Heading of the tested commits.
pub(in crate::report) fn tested(bisected: &BisectResult) -> String {
    format!(
        "{} of {} tested, each against {}",
        counted(bisected.looked_at.len(), "commit"),
        bisected.commits,
        bisected.base
    )
}

/// Hash and subject of a commit.
pub(in crate::report) fn candidate(named: &CommitInfo) -> String {
    format!("{}  {}", hash(named), on_one_line(&named.subject))
}

/// Tested commits, in test order.
pub(in crate::report) fn table(bisected: &BisectResult) -> Table {
    let columns = ["commit", "state", "subject", "result"];
    let columns = columns.map(|heading| (heading, ColumnKind::Text));
    let mut table = Table::with_columns(tested(bisected), &columns);
    table.rows.extend(bisected.looked_at.iter().map(|look| {
        vec![
            hash(&look.named).into(),
            state(look.seen).into(),
            look.named.subject.clone(),
            look.words.clone(),
        ]
    }));
    table
}

/// Text for the terminal: the answer and the tested commits.
pub fn text(bisected: &BisectResult) -> String {
    let mut parts = vec![wrapped(&answer(bisected))];
    parts.extend(
        bisected.first.iter().map(|named| truncated(&format!("  {}", candidate(named)), COLUMNS)),
    );
    let why = bisected.why.iter().map(|why| wrapped(&format!("Why, at the end: {why}")));
    parts.extend(why);
    parts.push(format!("\n{}:", tested(bisected)));
    parts.extend(bisected.looked_at.iter().map(|look| wrapped(&line(look))));
    parts.join("\n") + "\n"
}

/// The answer, one sentence.
pub(in crate::report) fn answer(bisected: &BisectResult) -> String {
    let BisectResult { base, head, wanted, first, .. } = bisected;
    let Some(wanted) = wanted else {
        return format!(
            "{head} is not shown to differ from {base}, so there is nothing to search for."
        );
    };
    let way = match wanted {
        BisectTarget::Metric { worse: false, .. } => "better",
        BisectTarget::Metric { .. } | BisectTarget::Count { .. } => "worse",
    };
    let between = format!("{head} is {way} than {base} ({})", wanted.name());
    match first.len() {
        0 => format!("{between}, and no commit was found to be the first."),
        1 => format!("{between} since this commit:"),
        many => format!(
            "{between} since one of these {many} commits; those before the last of them could \
             not be told:"
        ),
    }
}

fn hash(named: &CommitInfo) -> &str {
    named.commit.get(..HASH).unwrap_or(&named.commit)
}
