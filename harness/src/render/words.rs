//! What a sweep says, in words: the same on the terminal and in the report. Claims no more than
//! the analysis does.

use super::format::{milliseconds, percent, rounded, swept, thousands, wrapped};
use crate::analyse::{Analysis, Answer, Doubt};
use crate::compare::Comparison;
use crate::finding::Outcome;
use crate::gate::why::ServerChange;
use crate::metric::Metric;
use crate::stats::verdict::Verdict;

/// Widest line on a terminal.
const COLUMNS: usize = 100;

/// What was found, in one or two sentences.
pub fn finding(analysis: &Analysis) -> String {
    match (analysis.answer(), &analysis.confirmation) {
        (Answer::Confirmed(outcome), Some(fresh)) => confirmed(analysis, fresh, outcome),
        (Answer::NothingToConfirm, _) => format!(
            "Nothing to confirm: the present {} is the choice ({} records a minute).",
            analysis.baseline().setting.label,
            thousands(analysis.baseline().metrics.rec_per_min.median)
        ),
        (Answer::Invalid, _) => {
            "INVALID: too much went on beside the runs, and what is left of them says nothing."
                .into()
        }
        _ => format!(
            "Not confirmed: {} had the highest median, {} records a minute, and looks better than \
             it is. Only fresh runs of a choice against {} alone can show a gain.",
            analysis.highest().setting.label,
            thousands(analysis.highest().metrics.rec_per_min.median),
            analysis.baseline().setting.label
        ),
    }
}

/// What the fresh pairs say of the choice, and what follows.
fn confirmed(analysis: &Analysis, fresh: &Comparison, outcome: Outcome) -> String {
    let (choice, present) = (&fresh.candidate.label, &fresh.baseline.label);
    let (pairs, margin) = (fresh.pairs, rounded(fresh.margin_percent));
    let change = confirmed_change(fresh);
    let confidence = fresh.confidence;
    let says = match outcome {
        Outcome::Judged(Verdict::Improved) => format!(
            "IMPROVED: {choice} beats {present} in {pairs} fresh pairs by {change}, confidence \
             {confidence}."
        ),
        Outcome::Judged(Verdict::Pass) => format!(
            "PASS: {choice} is no more than {margin} % worse than {present} in {pairs} fresh \
             pairs: {change}, confidence {confidence}."
        ),
        Outcome::Judged(Verdict::Small) => format!(
            "SMALL: {choice} is worse than {present} in {pairs} fresh pairs, by less than \
             {margin} %: {change}, confidence {confidence}."
        ),
        Outcome::Judged(Verdict::Regression) => format!(
            "REGRESSION: {choice} is worse than {present} in {pairs} fresh pairs: {change}, \
             confidence {confidence}."
        ),
        Outcome::Judged(Verdict::Inconclusive) => format!(
            "INCONCLUSIVE: {pairs} fresh pairs could not tell {choice} from {present}: {change}{}.",
            more(fresh)
        ),
        Outcome::Untestable(untestable) => {
            let untestable = untestable.to_string();
            let rest = untestable.strip_prefix("not ").unwrap_or(&untestable);
            format!("Not {rest}: {choice} against {present}, {change}.")
        }
    };
    let why = on_server(fresh).map(|why| format!(" Why: {why}")).unwrap_or_default();
    format!("{says} {}{why}", consequence(analysis, outcome))
}

/// What the server counted that changed, a sentence; none where there is no server, or where it says
/// nothing.
pub(super) fn on_server(fresh: &Comparison) -> Option<String> {
    let [base, head] = [&fresh.baseline, &fresh.candidate].map(|arm| arm.figures.as_ref());
    ServerChange::of(base?, head?).map(|change| format!("{change}."))
}

/// The change of the metric that decides, with its interval.
pub(super) fn confirmed_change(fresh: &Comparison) -> String {
    let Some(primary) = fresh.primary() else {
        return "no figures".into();
    };
    let shown = |value: Option<f64>| value.map_or_else(|| "unknown".into(), percent);
    let name = match primary.metric {
        Metric::RecPerMin => "",
        metric => metric.name(),
    };
    let interval = primary.change_interval_percent.map(|[low, high]| {
        let end = |value: Option<f64>| value.map_or_else(|| "any".into(), percent);
        format!(" ({} to {})", end(low), end(high))
    });
    let text = format!("{name} {}{}", shown(primary.change_percent), interval.unwrap_or_default());
    text.trim_start().to_owned()
}

/// How many pairs would tell, and how long they take.
fn more(fresh: &Comparison) -> String {
    let needed = fresh.primary().and_then(|primary| primary.finding.needed_pairs);
    let (Some(needed), Some(minutes)) = (needed, fresh.minutes_needed) else {
        return String::new();
    };
    format!("; about {needed} pairs would, {} more", duration(minutes))
}

fn duration(minutes: f64) -> String {
    if minutes < 1.0 {
        return format!("{:.0} s", (minutes * 60.0).max(1.0));
    }
    format!("{minutes:.0} min")
}

fn consequence(analysis: &Analysis, outcome: Outcome) -> &'static str {
    match (analysis.kept, outcome) {
        (true, Outcome::Judged(Verdict::Pass)) => "It is kept: it needs less memory.",
        (true, _) => "It is kept.",
        (false, _) => "The present setting stays.",
    }
}

/// What the sweep alone says, in one or two sentences: a set, and the choice in it.
pub fn worth(analysis: &Analysis) -> String {
    if analysis.scenario.quick {
        return "Not testable: a quick look shows that everything works, not what is faster."
            .into();
    }
    let Some(best) = &analysis.best else {
        return format!(
            "The sweep cannot say which of {} settings may be the fastest.",
            analysis.settings.len()
        );
    };
    let names: Vec<&str> =
        best.members.iter().map(|index| analysis.settings[*index].setting.short.as_str()).collect();
    let swept = swept(analysis);
    let choice = &analysis.choice().setting.label;
    match names.as_slice() {
        [_] => {
            format!("Of {} settings {choice} alone may be the fastest.", analysis.settings.len())
        }
        _ => format!(
            "Of {} settings {} may be the fastest ({swept} {}): the sweep cannot tell them apart. \
             The choice among them, by memory: {choice}.",
            analysis.settings.len(),
            names.len(),
            names.join(", ")
        ),
    }
}

/// How the time of the choice divides, in one sentence; none where the
/// program under test does not say.
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

/// The doubts that [`finding`] and [`worth`] do not put into words already.
pub fn further_doubts(analysis: &Analysis) -> impl Iterator<Item = &Doubt> {
    analysis.doubts.iter().filter(|doubt| {
        !matches!(doubt, Doubt::Quick { .. } | Doubt::NotConfirmed { .. } | Doubt::NothingToConfirm)
    })
}

/// Everything that a terminal says below the table; `folder` is where the files are.
pub fn summary(analysis: &Analysis, folder: &str) -> String {
    let mut lines = vec![worth(analysis), finding(analysis)];
    lines.extend(times(analysis));
    lines.extend(further_doubts(analysis).map(|doubt| format!("note: {doubt}")));
    lines.push(format!("Report, metrics, charts and ledger: {folder}/"));
    let wrapped: Vec<String> = lines.iter().map(|line| wrapped(line, COLUMNS)).collect();
    format!("\n{}\n", wrapped.join("\n"))
}
