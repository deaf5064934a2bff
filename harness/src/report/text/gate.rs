//! Text of a gate, at most 100 columns wide on a terminal, and its parts for other formats.

use std::fmt::Write;

use crate::analysis::comparison::{CountComparison, CountRange, MetricFinding};
use crate::analysis::test_result::Decision;
use crate::experiment::gate::{
    GateResult, GateVerdict, MetricTest, SpeedNotJudged, WorkloadResult,
};
use crate::report::numbers::{counted, difference, percent, percent_range, rounded, thousands};
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;
use crate::stats::paired::Better;
use crate::stats::scale::Scale;
use crate::stats::verdict::Verdict;

/// Result in one or two sentences.
pub(crate) fn finding(gated: &GateResult) -> String {
    let (base, head) = (&gated.base, &gated.head);
    let margin = margin(gated);
    match gated.answer {
        GateVerdict::Regression => {
            format!("{head} is worse than {base}: {}.", list(gated, Verdict::Regression))
        }
        GateVerdict::Small => format!(
            "{head} is shown to be worse than {base}, by less than {margin}: {}. {}.",
            list(gated, Verdict::Small),
            match gated.exit_code {
                0 => "The scenario lets that pass",
                _ => "The scenario makes that fail",
            }
        ),
        GateVerdict::Improved => format!(
            "{head} is better than {base}: {}. Nothing is more than {margin} worse.",
            list(gated, Verdict::Improved)
        ),
        GateVerdict::Pass if gated.speed_not_judged == Some(SpeedNotJudged::OneProgram) => format!(
            "{head} and {base} are one program with the same arguments, environment and scenario, so \
             nothing was measured. --measure-anyway measures them."
        ),
        GateVerdict::Pass if gated.speed_not_judged.is_some() => failure(gated),
        GateVerdict::Pass => format!(
            "{head} is shown to be no more than {margin} worse than {base}: {}.",
            list(gated, Verdict::Pass)
        ),
        GateVerdict::Inconclusive => format!(
            "{head} may or may not be more than {margin} worse than {base}: {}.{}",
            list(gated, Verdict::Inconclusive),
            needed(gated)
        ),
        GateVerdict::NotTestable if gated.quick => format!(
            "{head} against {base} ran and stored the same; {}, a smoke test that proves \
             nothing about speed.",
            counted(pairs(gated), "quick pair")
        ),
        GateVerdict::NotTestable => format!(
            "Too few pairs of {head} against {base} finished for any test: {}.",
            counted(pairs(gated), "pair")
        ),
        GateVerdict::Invalid => invalid(gated),
        GateVerdict::WrongResult => wrong(gated),
        GateVerdict::Failed => failure(gated),
    }
}

/// The failed runs, as a sentence.
fn failure(gated: &GateResult) -> String {
    format!("{}.", gated.failure.as_deref().unwrap_or_default())
}

/// Margin in percent; the largest of several scenarios. Metrics that are compared by difference have
/// margins of their own.
fn margin(gated: &GateResult) -> String {
    let comparisons = || gated.workloads.iter().filter_map(|workload| workload.comparison.as_ref());
    let mut findings = comparisons().flat_map(|comparison| &comparison.metrics);
    if findings.any(|found| found.scale == Scale::Difference) {
        return "the margin".into();
    }
    let largest = comparisons().map(|comparison| comparison.margin_percent).fold(0.0, f64::max);
    format!("{} %", rounded(largest))
}

fn pairs(gated: &GateResult) -> usize {
    let comparisons = gated.workloads.iter().filter_map(|workload| workload.comparison.as_ref());
    comparisons.map(|comparison| comparison.pairs).sum()
}

/// Name of a metric, prefixed by its scenario if there are several.
pub(crate) fn name(gated: &GateResult, workload: &WorkloadResult, metric: &str) -> String {
    match gated.workloads.len() {
        1 => metric.into(),
        _ => format!("{}: {metric}", workload.scenario),
    }
}

/// Metrics with this verdict and their changes; for a regression, counts that must not rise as
/// well.
fn list(gated: &GateResult, verdict: Verdict) -> String {
    let mut parts = Vec::new();
    for workload in &gated.workloads {
        let found = workload.findings().filter(|(_, test)| test.verdict.verdict() == Some(verdict));
        parts.extend(found.map(|(found, _)| {
            format!("{} {}", name(gated, workload, found.metric.name()), change(found))
        }));
        if verdict == Verdict::Regression {
            let risen = workload.risen();
            parts.extend(risen.map(|count| {
                format!("{} {}", name(gated, workload, count.quantity.name()), arrow(count))
            }));
        }
    }
    parts.join(", ")
}

/// `-12.0 % (-14.4 to -9.9 %)`.
pub(crate) fn change(found: &MetricFinding) -> String {
    let change = change_alone(found).unwrap_or_else(|| "unknown".into());
    match interval(found) {
        Some(interval) => format!("{change} ({interval})"),
        None => change,
    }
}

/// The change without its interval, in percent or in the metric's unit.
fn change_alone(found: &MetricFinding) -> Option<String> {
    let in_unit = found.change.map(|change| difference(change, found.metric.unit()));
    in_unit.or_else(|| found.change_percent.map(percent))
}

fn interval(found: &MetricFinding) -> Option<String> {
    let in_unit = |end: f64| difference(end, found.metric.unit());
    let (ends, text): (_, &dyn Fn(f64) -> String) = match found.change_interval {
        Some(ends) => (ends, &in_unit),
        None => (found.change_interval_percent?, &percent),
    };
    match ends {
        [Some(low), Some(high)] if found.change_interval.is_none() => {
            Some(percent_range([low, high]))
        }
        [Some(low), Some(high)] => Some(format!("{} to {}", text(low), text(high))),
        [Some(low), None] => Some(format!("{} or more", text(low))),
        [None, Some(high)] => Some(format!("{} or less", text(high))),
        [None, None] => None,
    }
}

/// `8,000 → 8,123`.
pub(crate) fn arrow(count: &CountComparison) -> String {
    format!("{} → {}", range(count.baseline), range(count.candidate))
}

/// `8,000`, or `8,000 to 8,004` if the count depends on timing.
fn range(range: CountRange) -> String {
    let CountRange { min, max } = range;
    if min == max {
        return thousands(min as f64);
    }
    format!("{} to {}", thousands(min as f64), thousands(max as f64))
}

/// Pairs and minutes that would decide the undecided metrics; empty if unknown.
fn needed(gated: &GateResult) -> String {
    let open = gated.workloads.iter().flat_map(|workload| {
        let found = workload.findings().filter(|(_, test)| is_open(test));
        found.filter_map(|(found, _)| found.finding.needed_pairs)
    });
    let Some(pairs) = open.max() else {
        return String::new();
    };
    let minutes = gated.workloads.iter().filter_map(|workload| workload.comparison.as_ref());
    let minutes = minutes.filter_map(|comparison| comparison.minutes_needed).fold(0.0, f64::max);
    let time = match minutes {
        0.0 => String::new(),
        minutes if minutes < 1.0 => ", less than a minute more".into(),
        minutes => format!(", about {} more", counted_minutes(minutes)),
    };
    format!(" About {} in all would tell{time}.", counted(pairs, "pair"))
}

fn is_open(test: &MetricTest) -> bool {
    test.verdict.verdict() == Some(Verdict::Inconclusive)
}

fn counted_minutes(minutes: f64) -> String {
    let minutes = minutes.ceil();
    format!("{} minute{}", thousands(minutes), if minutes > 1.0 { "s" } else { "" })
}

fn invalid(gated: &GateResult) -> String {
    if let Some(failures) = &gated.failures {
        let is_base_alone = failures.head.is_zero();
        let remedy = if is_base_alone { "; --accept-failing-base lets it pass" } else { "" };
        return format!(
            "{} So there is nothing to judge the speed by: repair {}{remedy}.",
            failure(gated),
            gated.base
        );
    }
    if gated.control.as_ref().is_some_and(|control| control.alarmed == Some(true)) {
        return format!(
            "The negative control, {} against itself, found a difference where there is none: this \
             machine is too restless now for a verdict.",
            gated.base
        );
    }
    "Too much interference during the runs: more than a fifth of the pairs were discarded, and the \
     rest is not enough for a verdict."
        .into()
}

fn wrong(gated: &GateResult) -> String {
    let (base, head) = (&gated.base, &gated.head);
    let first = match &gated.difference {
        Some(difference) => format!(" The first difference: {}.", difference.words),
        None => String::new(),
    };
    if gated.failures.as_ref().is_some_and(|failures| !failures.wrong_rows.is_empty()) {
        return format!("{}{first}", failure(gated));
    }
    let differences = gated.workloads.iter().find_map(|workload| {
        let [ours, theirs] = workload.stored_by.as_ref()?;
        Some(ours.differences(theirs).join(", "))
    });
    if let Some(differences) = differences {
        return format!("{head} stores other things than {base}: {differences}.{first}");
    }
    let failure = gated.failure.as_deref().unwrap_or_default();
    format!("{}.{first}", failure.replace("\n  ", "; "))
}

/// Attribution of the difference in every workload that has one.
pub fn why(gated: &GateResult) -> Option<String> {
    let each = gated.workloads.iter().filter_map(|workload| {
        workload.why.as_ref().map(|why| name(gated, workload, &why.to_string()))
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| format!("{}.", each.join("; ")))
}

/// Consequences and reliability, as sentences.
pub(crate) fn details(gated: &GateResult) -> Vec<String> {
    let mut details = Vec::new();
    let looked = gated.workloads.iter().filter_map(|workload| {
        let comparison = workload.comparison.as_ref()?;
        let pairs = comparison.pairs;
        let pairs = counted(pairs, "interleaved pair");
        Some(match gated.workloads.len() {
            1 => pairs,
            _ => format!("{} of {pairs}", workload.scenario),
        })
    });
    let mut sentence = looked.collect::<Vec<_>>().join(", ");
    if let Some(control) = &gated.control {
        let says = match control.alarmed {
            Some(true) => "alarmed",
            Some(false) => "did not alarm",
            None => "could not be tested",
        };
        let separator = if sentence.is_empty() { "" } else { "; " };
        let _ =
            write!(sentence, "{separator}the negative control of {} pairs {says}", control.pairs);
    }
    if !sentence.is_empty() {
        let mut letters = sentence.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        details.push(format!("{}{}.", first.unwrap_or_default(), letters.as_str()));
    }
    if gated.same_program {
        details.push("Both arms are the same program, byte for byte.".into());
    }
    details
}

/// Text for the terminal: verdict, metrics and the path of the report.
pub fn text(gated: &GateResult, folder: &str) -> String {
    let mut text = format!("{}\n", wrapped(&format!("{}: {}", gated.answer, finding(gated))));
    if let Some(why) = why(gated) {
        let _ = writeln!(text, "{}", wrapped(&format!("Why: {why}")));
    }
    for detail in details(gated) {
        let _ = writeln!(text, "{}", wrapped(&detail));
    }
    text.push_str(&metrics(gated));
    for workload in &gated.workloads {
        let counts = workload.comparison.iter().flat_map(|comparison| &comparison.exact);
        for count in counts.filter(|count| count.differs()) {
            let _ = writeln!(
                text,
                "{}: {}",
                name(gated, workload, count.quantity.name()),
                arrow(count)
            );
        }
    }
    for warning in &gated.warnings {
        let _ = writeln!(text, "{}", wrapped(&format!("note: {warning}")));
    }
    let _ = writeln!(text, "\nreport: {folder}/report.md");
    text
}

/// Table of the metrics between empty lines; empty without metrics.
fn metrics(gated: &GateResult) -> String {
    let columns = [
        ("metric", ColumnKind::Text),
        ("better", ColumnKind::Text),
        ("verdict", ColumnKind::Text),
        ("change", ColumnKind::Figure),
        ("interval", ColumnKind::Figure),
        ("pairs", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("", &columns);
    for workload in &gated.workloads {
        for (found, test) in workload.findings() {
            table.rows.push(vec![
                name(gated, workload, found.metric.name()),
                match found.better {
                    Better::Lower => "lower".into(),
                    Better::Higher => "higher".into(),
                },
                match test.verdict {
                    Decision::Judged(verdict) => verdict.to_string(),
                    Decision::Untestable(_) => "not testable".into(),
                    Decision::FailedRuns => "not judged".into(),
                },
                change_alone(found).unwrap_or_default(),
                interval(found).unwrap_or_default(),
                found.finding.pairs.to_string(),
            ]);
        }
    }
    if table.rows.is_empty() { String::new() } else { format!("\n{}\n", table.to_text()) }
}
