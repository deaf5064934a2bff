//! What a self-test says, in words: for the terminal, at most 100 columns wide, and as Markdown. Claims
//! no more than the rates and their intervals.

use super::doctor;
use crate::analysis::test_result::TestResult;
use crate::experiment::doctor::DoctorReport;
use crate::experiment::self_test::Truth;
use crate::experiment::self_test::error_rates::{
    ErrorRate, SelfTestResult, SessionGroup, SessionResult, VerdictKind,
};
use crate::report::escape::block;
use crate::report::numbers::thousands;
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;

/// Below the rates.
const LEGEND: &str = "Intervals hold the true rate with 95 % (Clopper and Pearson). Nothing is claimed \
                      beyond them: they are of this machine, this store and these runs.";

/// Everything as plain text; `folder` is where the files are.
pub fn text(tested: &SelfTestResult, folder: &str) -> String {
    let mut paragraphs = vec![wrapped(&what(tested)) + "\n"];
    for sessions in [&tested.same, &tested.slowed] {
        let (title, together) = (title(tested, sessions), wrapped(&together(tested, sessions)));
        paragraphs.push(format!("{title}\n{}{together}\n", rates(sessions).to_text()));
    }
    paragraphs.push(wrapped(LEGEND) + "\n");
    paragraphs.extend(refused(tested).iter().map(|line| wrapped(line) + "\n"));
    paragraphs.push(format!("Report and ledger: {folder}/\n"));
    paragraphs.join("\n")
}

/// The report of a self-test; `checkup` is what the machine said before its runs, where somebody
/// looked.
pub fn markdown(tested: &SelfTestResult, checkup: Option<&DoctorReport>, command: &str) -> String {
    let mut parts = vec!["# Self-test".into(), what(tested)];
    for sessions in [&tested.same, &tested.slowed] {
        parts.push(format!("## {}", title(tested, sessions)));
        parts.push(rates(sessions).to_markdown(usize::MAX));
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

fn rates(sessions: &SessionGroup) -> Table {
    let columns = [
        ("said of the second arm", ColumnKind::Text),
        ("sessions", ColumnKind::Figure),
        ("rate", ColumnKind::Figure),
        ("interval", ColumnKind::Figure),
        ("promised", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("", &columns);
    table.rows.extend(sessions.rates.iter().map(row));
    table
}

fn row(rate: &ErrorRate) -> Vec<String> {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let ErrorRate { events, sessions, interval: [low, high], .. } = rate;
    let found = match sessions {
        0 => "-".into(),
        sessions => format!("{} %", percent(*events as f64 / *sessions as f64)),
    };
    vec![
        name(rate.what).into(),
        format!("{events} of {sessions}"),
        found,
        format!("{} to {} %", percent(*low), percent(*high)),
        rate.promised.map_or_else(|| "-".into(), |most| format!("at most {:.0} %", most * 100.0)),
    ]
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
