//! What a self-test says, in words: for the terminal, at most 100 columns wide, and as Markdown. Claims
//! no more than the rates and their intervals.

use super::doctor;
use crate::analysis::test_result::TestResult;
use crate::experiment::doctor::DoctorReport;
use crate::experiment::self_test::Truth;
use crate::experiment::self_test::error_rates::{
    ErrorRate, SelfTestResult, SessionGroup, SessionResult, VerdictKind,
};
use crate::report::markdown::block;
use crate::report::numbers::{thousands, wrapped};

/// Widest line on a terminal.
const COLUMNS: usize = 100;

/// Below the rates.
const LEGEND: &str = "Intervals hold the true rate with 95 % (Clopper and Pearson). Nothing is claimed \
                      beyond them: they are of this machine, this store and these runs.";

/// Headings of the table of rates.
const HEADINGS: [&str; 5] = ["said of the second arm", "sessions", "rate", "interval", "promised"];

/// Everything as plain text; `folder` is where the files are.
pub fn text(tested: &SelfTestResult, folder: &str) -> String {
    let mut paragraphs = vec![wrapped(&what(tested), COLUMNS) + "\n"];
    for sessions in [&tested.same, &tested.slowed] {
        let mut lines = vec![title(tested, sessions), row_line(HEADINGS.map(String::from))];
        lines.extend(sessions.rates.iter().map(|rate| row_line(row(rate))));
        lines.push(wrapped(&together(tested, sessions), COLUMNS));
        paragraphs.push(lines.join("\n") + "\n");
    }
    paragraphs.push(wrapped(LEGEND, COLUMNS) + "\n");
    paragraphs.extend(refused(tested).iter().map(|line| wrapped(line, COLUMNS) + "\n"));
    paragraphs.push(format!("Report and ledger: {folder}/\n"));
    paragraphs.join("\n")
}

/// The report of a self-test; `checkup` is what the machine said before its runs, where somebody
/// looked.
pub fn markdown(tested: &SelfTestResult, checkup: Option<&DoctorReport>, command: &str) -> String {
    let mut parts = vec!["# Self-test".into(), what(tested)];
    for sessions in [&tested.same, &tested.slowed] {
        let mut rows = vec![
            format!("| {} |", HEADINGS.join(" | ")),
            format!("|---|{}", "---:|".repeat(HEADINGS.len() - 1)),
        ];
        rows.extend(sessions.rates.iter().map(|rate| format!("| {} |", row(rate).join(" | "))));
        parts.push(format!("## {}", title(tested, sessions)));
        parts.push(rows.join("\n"));
        parts.push(together(tested, sessions));
        parts.push(format!("One by one: {}.", one_by_one(&sessions.each)));
    }
    parts.push(LEGEND.into());
    parts.extend(refused(tested));
    parts.extend(checkup.map(|checkup| doctor::markdown(checkup).trim_end().to_owned()));
    parts.push(format!("## Again\n\n{}", block(command)));
    parts.join("\n\n") + "\n"
}

/// What was done, in a sentence.
fn what(tested: &SelfTestResult) -> String {
    let SelfTestResult { scenario, same, slowed, pairs, records, .. } = tested;
    format!(
        "{} sessions of {pairs} pairs, each run of the baseline of {scenario} on {} records: in turn \
         the program against itself, and the program against itself slowed by {} %, which is more \
         than the margin of {} %.",
        same.each.len() + slowed.each.len(),
        thousands(f64::from(*records)),
        tested.planted_percent,
        tested.margin_percent
    )
}

fn title(tested: &SelfTestResult, sessions: &SessionGroup) -> String {
    let judged = sessions.judged();
    let of = match sessions.each.len() as u64 - judged {
        0 => String::new(),
        others => format!(", {others} not"),
    };
    match sessions.truth {
        Truth::Same => format!("The same program: {judged} judged{of}"),
        Truth::Slowed => {
            format!("Slowed by {} %: {judged} judged{of}", tested.planted_percent)
        }
    }
}

fn name(what: VerdictKind) -> &'static str {
    match what {
        VerdictKind::CalledWorse => "worse (REGRESSION, SMALL)",
        VerdictKind::CalledBetter => "better (IMPROVED)",
        VerdictKind::Found => "REGRESSION",
        VerdictKind::LetPass => "within the margin",
        VerdictKind::Undecided => "INCONCLUSIVE",
    }
}

fn row(rate: &ErrorRate) -> [String; 5] {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let ErrorRate { events, sessions, interval: [low, high], .. } = rate;
    let found =
        if *sessions == 0 { "-".into() } else { percent(*events as f64 / *sessions as f64) };
    [
        name(rate.what).into(),
        format!("{events} of {sessions}"),
        if *sessions == 0 { found } else { format!("{found} %") },
        format!("{} to {} %", percent(*low), percent(*high)),
        rate.promised.map_or_else(|| "-".into(), |most| format!("at most {:.0} %", most * 100.0)),
    ]
}

fn row_line([what, sessions, rate, interval, promised]: [String; 5]) -> String {
    format!("  {what:<26}  {sessions:>10}  {rate:>8}  {interval:>16}  {promised:>11}")
}

/// What all pairs of one kind say together.
fn together(tested: &SelfTestResult, sessions: &SessionGroup) -> String {
    let known = match sessions.truth {
        Truth::Same => "no slower".into(),
        Truth::Slowed => format!("slower by {} %", tested.planted_percent),
    };
    let Some(TestResult { effect_percent: Some(effect), interval_percent, pairs, .. }) =
        &sessions.together
    else {
        return "No pairs to take together.".into();
    };
    let interval = interval_percent.map_or(String::new(), |[low, high]| {
        let end = |end: Option<f64>, none: &str| {
            end.map_or_else(|| none.to_owned(), |end| format!("{end:+.1}"))
        };
        format!(", between {} and {} %", end(low, "anything"), end(high, "anything"))
    });
    format!("All {pairs} pairs together: slower by {effect:+.1} %{interval}; it was made {known}.")
}

fn one_by_one(each: &[SessionResult]) -> String {
    let said = each.iter().map(|said| match (said.effect_percent, said.std_dev_percent) {
        (Some(effect), Some(noise)) => {
            format!("{} ({effect:+.1} %, s_d {noise:.1} %)", said.verdict)
        }
        _ => said.verdict.clone(),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// A sentence for each promise that the sessions refuse, and for one that cannot be made.
fn refused(tested: &SelfTestResult) -> Vec<String> {
    let rates = tested.same.rates.iter().chain(&tested.slowed.rates);
    let refused = rates.filter(|rate| rate.promised.is_some_and(|most| rate.interval[0] > most));
    let sentence = |rate: &ErrorRate| {
        format!(
            "Refused here: \"{}\" was said more often than promised. Runs of this machine are not as \
             the test assumes (one leaves something behind for the next), so its verdicts do not hold \
             here.",
            name(rate.what)
        )
    };
    let unmade = (!tested.slowed_as_made).then(|| {
        "The slowed program was not as slow as it was made, so nothing is promised about its \
         sessions: beside other programs the scheduler makes up for its stops. Stop what else runs \
         (`harness doctor` names it) and test again."
            .to_owned()
    });
    refused.map(sentence).chain(unmade).collect()
}
