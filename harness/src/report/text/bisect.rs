//! Since which commit a difference is there, in words for the terminal, at most 100 columns wide.

use crate::analysis::comparison::MetricFinding;
use crate::analysis::test_result::Decision;
use crate::experiment::bisect;
use crate::experiment::bisect::{
    BisectResult, BisectTarget, CommitInfo, CommitState, TestedCommit,
};
use crate::experiment::gate::GateResult;
use crate::report::numbers::counted;
use crate::report::wrap::{COLUMNS, truncated, wrapped};
use crate::sanitize::on_one_line;

/// Characters of a hash that name a commit.
const HASH: usize = 12;

/// What a gate says of what is searched for; without that, its answer.
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
    let verdict = match verdict {
        Decision::Judged(verdict) => verdict.to_string(),
        Decision::Untestable(untestable) => untestable.to_string(),
    };
    format!("{verdict}, {} {}", found.metric.name(), super::gate::change(found))
}

/// A commit that was looked at, on one line.
pub fn line(look: &TestedCommit) -> String {
    let seen = match look.seen {
        CommitState::Same => "before",
        CommitState::Changed => "changed",
        CommitState::Unknown => "skipped",
    };
    format!("{}  {seen:<7}  {}", hash(&look.named), on_one_line(&look.words))
}

/// The answer, what it rests on, and what was left out.
pub fn text(bisected: &BisectResult) -> String {
    let mut parts = vec![wrapped(&answer(bisected))];
    parts.extend(bisected.first.iter().map(|named| {
        let line = format!("  {}  {}", hash(named), on_one_line(&named.subject));
        truncated(&line, COLUMNS)
    }));
    let why = bisected.why.iter().map(|why| wrapped(&format!("Why, at the end: {why}")));
    parts.extend(why);
    parts.push(format!(
        "\n{} of {} looked at, each against {}:",
        counted(bisected.looked_at.len(), "commit"),
        bisected.commits,
        bisected.base
    ));
    parts.extend(bisected.looked_at.iter().map(|look| wrapped(&line(look))));
    parts.join("\n") + "\n"
}

fn answer(bisected: &BisectResult) -> String {
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
