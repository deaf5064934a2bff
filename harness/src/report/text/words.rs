//! Sentences about a sweep, the same on the terminal and in the report.

use crate::analysis::comparison::Comparison;
use crate::analysis::sweep::{Analysis, Caveat, PhaseOutcome};
use crate::analysis::test_result::Decision;
use crate::experiment::gate::attribution::ServerChange;
use crate::report::numbers::{milliseconds, percent, rounded, swept, thousands, value};
use crate::report::text::gate::change;
use crate::report::wrap::wrapped;
use crate::scenario::metric::Metric;
use crate::stats::verdict::Verdict;

/// Result in one or two sentences; the first begins with the status.
pub fn finding(analysis: &Analysis) -> String {
    let stands = match analysis.answer() {
        PhaseOutcome::Confirmed(outcome) => stands(outcome),
        other => capitalised(&other.to_string()),
    };
    format!("{stands}: {}", says(analysis))
}

/// Result without the status, below a heading that states it.
pub fn sentence(analysis: &Analysis) -> String {
    as_sentence(&says(analysis))
}

/// Status of confirmation runs at the start of a line.
fn stands(outcome: Decision) -> String {
    match outcome {
        Decision::Judged(verdict) => verdict.to_string(),
        other => capitalised(&other.to_string()),
    }
}

/// Capitalizes a text that begins with a word, not with the name of a setting or a number.
pub(crate) fn as_sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    if first.chars().all(char::is_alphabetic) { capitalised(text) } else { text.into() }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Result without the status.
fn says(analysis: &Analysis) -> String {
    match (analysis.answer(), &analysis.confirmation) {
        (PhaseOutcome::Confirmed(outcome), Some(fresh)) => confirmed(analysis, fresh, outcome),
        (PhaseOutcome::NothingToConfirm, _) => format!(
            "the current {} is the choice ({} records a minute).",
            analysis.baseline().setting.label,
            thousands(analysis.baseline().metrics.rec_per_min.median)
        ),
        (PhaseOutcome::Invalid, _) => match &analysis.invalid_reason {
            Some(reason) => format!("{reason}. The rest is not enough for a verdict."),
            None => {
                "too many confirmation pairs were discarded; the rest is not enough for a verdict."
                    .into()
            }
        },
        _ => format!(
            "{} had the highest median, {} records a minute. The highest of several medians is too \
             optimistic: only confirmation runs of a choice against {} can show a gain.",
            analysis.highest().setting.label,
            thousands(analysis.highest().metrics.rec_per_min.median),
            analysis.baseline().setting.label
        ),
    }
}

/// Result of the confirmation runs, and its consequence.
fn confirmed(analysis: &Analysis, fresh: &Comparison, outcome: Decision) -> String {
    let (choice, present) = (&fresh.candidate.label, &fresh.baseline.label);
    let (pairs, margin) = (fresh.pairs, margin(fresh));
    let change = confirmed_change(fresh);
    let confidence = fresh.confidence;
    let says = match outcome {
        Decision::Judged(Verdict::Improved) => format!(
            "{choice} beats {present} in {pairs} confirmation pairs by {change}, confidence {confidence}."
        ),
        Decision::Judged(Verdict::Pass) => format!(
            "{choice} is no more than {margin} worse than {present} in {pairs} confirmation pairs: \
             {change}, confidence {confidence}."
        ),
        Decision::Judged(Verdict::Small) => format!(
            "{choice} is worse than {present} in {pairs} confirmation pairs, by less than {margin}: \
             {change}, confidence {confidence}."
        ),
        Decision::Judged(Verdict::Regression) => format!(
            "{choice} is worse than {present} in {pairs} confirmation pairs: {change}, confidence \
             {confidence}."
        ),
        Decision::Judged(Verdict::Inconclusive) => undecided(fresh, choice, present),
        Decision::Untestable(_) => {
            format!("{choice} against {present}, {change} in {pairs} confirmation pairs.")
        }
        Decision::FailedRuns => failed_runs(fresh),
    };
    let why = on_server(fresh).map(|why| format!(" Why: {why}")).unwrap_or_default();
    format!("{says} {}{why}", consequence(analysis, outcome))
}

/// The failed runs of confirmation pairs, a sentence for each arm.
fn failed_runs(fresh: &Comparison) -> String {
    let arms = [&fresh.candidate, &fresh.baseline].into_iter();
    let failed = arms.filter(|arm| !arm.failures.is_zero()).map(|arm| {
        format!("{} failed in {}: {}.", arm.label, arm.failures, arm.failures.reasons())
    });
    failed.collect::<Vec<_>>().join(" ")
}

/// Server counters that changed, one sentence; `None` without a server or a change.
pub(crate) fn on_server(fresh: &Comparison) -> Option<String> {
    let [base, head] = [&fresh.baseline, &fresh.candidate].map(|arm| arm.figures.as_ref());
    ServerChange::of(base?, head?).map(|change| format!("{change}."))
}

/// Result of inconclusive confirmation runs: estimate, detectable difference, and the pairs that
/// would decide.
pub(crate) fn undecided(fresh: &Comparison, choice: &str, present: &str) -> String {
    let (pairs, change) = (fresh.pairs, confirmed_change(fresh));
    let told = fresh.detectable_percent.map(|percent| {
        let percent = rounded_to_tenths(percent);
        format!(" At the observed noise this many pairs detect a difference of {percent} %.")
    });
    format!(
        "{pairs} confirmation pairs did not decide between {choice} and {present}: {change}.{}{}",
        told.unwrap_or_default(),
        more(fresh)
    )
}

fn rounded_to_tenths(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

/// Change of the primary metric, with its interval.
pub(crate) fn confirmed_change(fresh: &Comparison) -> String {
    let Some(primary) = fresh.primary() else {
        return "no figures".into();
    };
    let shown = |value: Option<f64>| value.map_or_else(|| "unknown".into(), percent);
    let name = match primary.metric {
        Metric::RecPerMin => "",
        metric => metric.name(),
    };
    if primary.change.is_some() {
        return format!("{name} {}", change(primary)).trim_start().to_owned();
    }
    let interval = primary.change_interval_percent.map(|[low, high]| {
        let end = |value: Option<f64>| value.map_or_else(|| "any".into(), percent);
        format!(" ({} to {})", end(low), end(high))
    });
    let text = format!("{name} {}{}", shown(primary.change_percent), interval.unwrap_or_default());
    text.trim_start().to_owned()
}

/// Margin of the primary metric, in percent or in its unit.
fn margin(fresh: &Comparison) -> String {
    let in_unit = fresh
        .primary()
        .and_then(|primary| Some(value(primary.finding.margin?, primary.metric.unit())));
    in_unit.unwrap_or_else(|| format!("{} %", rounded(fresh.margin_percent)))
}

/// Number of pairs that would decide, and their duration.
fn more(fresh: &Comparison) -> String {
    let needed = fresh.primary().and_then(|primary| primary.finding.needed_pairs);
    let (Some(needed), Some(minutes)) = (needed, fresh.minutes_needed) else {
        return String::new();
    };
    let margin = margin(fresh);
    let more = needed.saturating_sub(fresh.pairs as u64);
    format!(
        " For {margin} it takes about {needed} pairs: {more} more, about {}.",
        duration(minutes)
    )
}

fn duration(minutes: f64) -> String {
    if minutes < 1.0 {
        return format!("{:.0} s", (minutes * 60.0).max(1.0));
    }
    format!("{minutes:.0} min")
}

fn consequence(analysis: &Analysis, outcome: Decision) -> &'static str {
    match (analysis.kept, outcome) {
        (true, Decision::Judged(Verdict::Pass)) => "It is kept: it needs less memory.",
        (true, _) => "It is kept.",
        (false, _) => "The current setting stays.",
    }
}

/// Result of the sweep without confirmation, in one or two sentences: a set, and the choice in it.
pub fn worth(analysis: &Analysis) -> String {
    if analysis.scenario.quick {
        return "Not testable: a smoke test shows that everything works, not which setting is faster."
            .into();
    }
    let Some(best) = &analysis.best else {
        let eligible = analysis.settings.iter().filter(|summary| summary.is_eligible()).count();
        if eligible < 2 && eligible < analysis.settings.len() {
            return "Too few settings stayed within the limits without a failed run to compare them."
                .into();
        }
        return format!(
            "The sweep cannot say which of {} settings may be the fastest.",
            analysis.settings.len()
        );
    };
    let names: Vec<&str> =
        best.members.iter().map(|index| analysis.settings[*index].setting.short.as_str()).collect();
    let swept = swept(analysis);
    let told = rounded_to_tenths(best.allowance_percent);
    // A candidate that failed in its confirmation left the current setting, which may be none of them.
    let is_member = best.members.contains(&analysis.choice);
    let choice = &analysis.choice().setting.label;
    let choice = is_member.then(|| format!(" The choice among them, by memory: {choice}."));
    match best.members.as_slice() {
        [only] => format!(
            "Of {} settings {} alone may be the fastest.",
            analysis.settings.len(),
            analysis.settings[*only].setting.label
        ),
        _ => format!(
            "Of {} settings {} may be the fastest ({swept} {}): the sweep cannot tell them apart, as \
             it could if the best were ahead by {told} %.{}",
            analysis.settings.len(),
            names.len(),
            names.join(", "),
            choice.unwrap_or_default()
        ),
    }
}

/// Insert and preparation time of the choice, one sentence; `None` if the program does not report
/// them.
pub fn times(analysis: &Analysis) -> Option<String> {
    let choice = analysis.choice();
    let insert = choice.metrics.get(Metric::Insert)?;
    let prepare = choice.metrics.get(Metric::Prepare)?;
    Some(format!(
        "With {}, 1,000 records took {} ms to insert and {} ms to prepare (summed over workers).",
        choice.setting.label,
        milliseconds(insert.median),
        milliseconds(prepare.median)
    ))
}

/// Caveats that [`finding`] and [`worth`] do not state.
pub fn other_caveats(analysis: &Analysis) -> impl Iterator<Item = &Caveat> {
    analysis.doubts.iter().filter(|doubt| {
        !matches!(
            doubt,
            Caveat::Quick { .. } | Caveat::NotConfirmed { .. } | Caveat::NothingToConfirm
        )
    })
}

/// Text for the terminal below the table; `folder` holds the files.
pub fn summary(analysis: &Analysis, folder: &str) -> String {
    let mut lines = vec![worth(analysis), finding(analysis)];
    lines.extend(times(analysis));
    lines.extend(other_caveats(analysis).map(|doubt| format!("note: {doubt}")));
    lines.push(format!("Report, metrics, charts and ledger: {folder}/"));
    let wrapped: Vec<String> = lines.iter().map(|line| wrapped(line)).collect();
    format!("\n{}\n", wrapped.join("\n"))
}
