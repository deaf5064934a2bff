//! Requirements of a run report for comparisons, and the message about two runs that stored
//! different rows.

use harness::scenario::Link;
use harness::trial::measurement::{
    Cause, Failure, Outcome, StoreFingerprint, TrialSpec, read_report,
};
use harness::trial::report;
use migrator::config::Settings;
use migrator::telemetry::report::{FORMAT_VERSION, RunReport, SimulatedLink};

fn whole(settings: &Settings) -> TrialSpec<'_> {
    TrialSpec { settings, link: Link::default(), foreign: false }
}

#[test]
fn a_foreign_report_may_omit_optional_counts() {
    let settings = Settings::default();
    let foreign = TrialSpec { foreign: true, ..whole(&settings) };
    let least = r#"{"format": 1, "settings": {"batch_size": 1000}, "books": {"read": 500},
        "rec_per_min": 300.5}"#;
    let Outcome::Report(report) = read_report(least, &foreign) else { panic!("refused") };
    assert_eq!((report.books.read, report.settings), (500, settings.clone()));
    for (from, to, expected) in [
        ("1000", "50", "it ran under batch_size 50 instead of 1000"),
        (r#"{"batch_size": 1000}"#, "{}", "it does not say which settings"),
        ("300.5", "0", "its rec_per_min is 0"),
        (r#", "books": {"read": 500}"#, "", "it read no records"),
    ] {
        let Outcome::Failure(failure) = read_report(&least.replace(from, to), &foreign) else {
            panic!("accepted {to}");
        };
        assert!(failure.detail.contains(expected), "{failure}");
    }
    assert!(matches!(read_report(least, &whole(&settings)), Outcome::Failure(_)));
}

fn refused(change: impl FnOnce(&mut RunReport)) -> String {
    let asked = Settings::default();
    let mut report = report(&asked, 1000, 60_000.0);
    change(&mut report);
    let outcome = read_report(&serde_json::to_string(&report).unwrap(), &whole(&asked));
    assert!(matches!(outcome, Outcome::Failure(_)));
    harness::trial::measurement::Measurement::new(0.0, outcome).failure().unwrap().to_string()
}

#[test]
fn a_report_with_invalid_figures_is_a_failure_with_a_reason() {
    for (message, expected) in [
        (refused(|r| r.format = FORMAT_VERSION + 1), "newer than"),
        (refused(|r| r.settings.workers = 7.try_into().unwrap()), "it ran under"),
        (
            refused(|r| {
                let (connects, wire_messages) = (1, 1);
                let link =
                    SimulatedLink { connect_ms: 5, round_trip_ms: 1, connects, wire_messages };
                r.simulated_link = Some(link);
            }),
            "it ran over a simulated link (connect 5 ms, round trip 1 ms) instead of",
        ),
        (refused(|r| r.books.read = 0), "it read no records"),
        (refused(|r| r.rec_per_min = 0.0), "its rec_per_min is 0"),
        (refused(|r| r.rec_per_min = -1.0), "its rec_per_min is -1"),
        (refused(|r| r.checksum.clear()), "it gives no checksum"),
        (refused(|r| drop(r.stages.remove("commit"))), "the stage `commit`"),
    ] {
        assert!(message.starts_with("no usable report: "), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    let nothing = read_report("", &whole(&Settings::default()));
    assert!(matches!(nothing, Outcome::Failure(Failure { cause: Cause::Report, .. })));
}

#[test]
fn books_that_do_not_balance_are_a_failure_that_names_the_missing_records() {
    let foreign_settings = Settings::default();
    let foreign = TrialSpec { foreign: true, ..whole(&foreign_settings) };
    let report = |books: &str| {
        format!(
            r#"{{"format": 1, "settings": {{"batch_size": 1000}}, "rec_per_min": 9, "books": {books}}}"#
        )
    };
    for (books, expected) in [
        (r#"{"read": 10, "committed": 7}"#, "3 of 10 records are missing"),
        (r#"{"read": 10, "committed": 0}"#, "10 of 10 records are missing"),
        (r#"{"read": 10, "committed": 7, "failed": 2}"#, "1 of 10 records are missing"),
        (r#"{"read": 10, "committed": 12}"#, "10 records were read, and 12 have an outcome"),
        (
            r#"{"read": 10, "committed": 18446744073709551615, "failed": 11}"#,
            "10 records were read, and 18446744073709551615 have an outcome",
        ),
    ] {
        let Outcome::Failure(failure) = read_report(&report(books), &foreign) else {
            panic!("accepted {books}");
        };
        assert_eq!(failure.to_string(), format!("the books do not balance: {expected}"));
        assert_eq!(failure.wrong_rows(None).as_deref(), Some(expected));
    }
    let whole = read_report(&report(r#"{"read": 10, "committed": 7, "rejected": 3}"#), &foreign);
    assert!(matches!(whole, Outcome::Report(_)));
}

#[test]
fn the_report_of_a_run_that_failed_shows_which_records_it_lost_or_changed() {
    let expected = StoreFingerprint::of(&report(&Settings::default(), 1000, 60_000.0));
    let failed = |change: &dyn Fn(&mut RunReport)| {
        let mut report = report(&Settings::default(), 1000, 60_000.0);
        change(&mut report);
        let text = serde_json::to_string(&report).unwrap();
        let failure = Failure::new(Cause::Exit { code: 1 }, "").with_report(&text);
        failure.wrong_rows(Some(&expected))
    };
    assert_eq!(failed(&|_| {}), None);
    assert_eq!(
        failed(&|report| report.books.committed -= 3).unwrap(),
        "3 of 1000 records are missing"
    );
    assert_eq!(
        failed(&|report| *report.rows.get_mut("app_base").unwrap() -= 1).unwrap(),
        "rows of app_base 999 instead of 1000"
    );
    // A run that stopped early lost no record that it read.
    assert_eq!(failed(&|report| (report.books.read, report.books.committed) = (40, 40)), None);
    for text in ["", "{", r#"{"books": {"read": 5}}"#, r#"{"books": 5}"#] {
        assert_eq!(Failure::new(Cause::Report, "").with_report(text).reported, None, "{text}");
    }
}

#[test]
fn every_differing_count_of_two_runs_is_named() {
    let one = StoreFingerprint::of(&report(&Settings::default(), 1000, 60_000.0));
    let mut other = one.clone();
    assert!(one.differences(&other).is_empty());
    other.books.committed -= 2;
    other.books.failed += 2;
    other.rows.insert("app_extra".into(), 3);
    other.checksum = "beef".into();
    assert_eq!(
        one.differences(&other),
        [
            "records committed 998 instead of 1000",
            "records failed 2 instead of 0",
            "rows of app_extra 3 instead of 0",
            "checksum beef instead of 00112233445566778899aabbccddeeff",
        ]
    );
}
