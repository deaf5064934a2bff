//! Text of a self-test, at most 100 columns wide on a terminal, and its parts for other formats.

use crate::analysis::test_result::TestResult;
use crate::experiment::self_test::Truth;
use crate::experiment::self_test::error_rates::{
    ErrorRate, SelfTestResult, SessionGroup, SessionResult, VerdictKind,
};
use crate::report::numbers::thousands;
use crate::report::table::{ColumnKind, Table};
use crate::report::wrap::wrapped;

/// Legend of the rates.
pub(in crate::report) const LEGEND: &str = "Intervals hold the true rate with 95 % (Clopper and Pearson). Nothing is claimed \
                      beyond them: they are of this machine, this store and these runs.";

/// Text for the terminal; `folder` holds the files.
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

/// Description of the sessions, one sentence.
pub(in crate::report) fn what(tested: &SelfTestResult) -> String {
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

pub(in crate::report) fn title(tested: &SelfTestResult, sessions: &SessionGroup) -> String {
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

pub(in crate::report) fn name(what: VerdictKind) -> &'static str {
    match what {
        VerdictKind::CalledWorse => "worse (REGRESSION, SMALL)",
        VerdictKind::CalledBetter => "better (IMPROVED)",
        VerdictKind::Found => "REGRESSION",
        VerdictKind::LetPass => "within the margin",
        VerdictKind::Undecided => "INCONCLUSIVE",
    }
}

pub(in crate::report) fn rates(sessions: &SessionGroup) -> Table {
    let columns = [
        ("said of the second arm", ColumnKind::Text),
        ("sessions", ColumnKind::Figure),
        ("rate", ColumnKind::Figure),
        ("interval", ColumnKind::Figure),
        ("promised (timing)", ColumnKind::Figure),
    ];
    let mut table = Table::with_columns("", &columns);
    table.rows.extend(sessions.rates.iter().map(row));
    table
}

pub(in crate::report) fn row(rate: &ErrorRate) -> Vec<String> {
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

/// Result of all pairs of a group together.
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

/// Sentences below the rates of a group.
pub(in crate::report) fn below(tested: &SelfTestResult, sessions: &SessionGroup) -> Vec<String> {
    let each = format!("One by one: {}.", one_by_one(&sessions.each));
    vec![together(tested, sessions), each]
}

/// True if the whole interval of a rate is above the promised rate.
pub(in crate::report) fn exceeds_promise(rate: &ErrorRate) -> bool {
    rate.promised.is_some_and(|most| rate.interval[0] > most)
}

/// True for verdicts that are right, so that a higher rate is better.
pub(in crate::report) fn is_success(kind: VerdictKind) -> bool {
    kind == VerdictKind::Found
}

/// A sentence for each broken promise, and for promises that cannot be made.
pub(in crate::report) fn refused(tested: &SelfTestResult) -> Vec<String> {
    let rates = tested.same.rates.iter().chain(&tested.slowed.rates);
    let refused = rates.filter(|rate| exceeds_promise(rate));
    let sentence = |rate: &ErrorRate| {
        format!(
            "Rejected here: \"{}\" was more frequent than promised. Runs on this machine are not \
             independent, as the test assumes: one affects the next. Its verdicts do not hold here.",
            name(rate.what)
        )
    };
    let unmade = (!tested.slowed_as_made).then(|| {
        "The slowed program was not as slow as intended, so nothing is promised about its sessions: \
         on a busy machine the scheduler compensates for its pauses. Stop other programs (`harness \
         doctor` names them) and test again."
            .to_owned()
    });
    refused.map(sentence).chain(unmade).collect()
}
