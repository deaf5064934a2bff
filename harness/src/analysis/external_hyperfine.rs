//! Parser for the JSON of `hyperfine --export-json`. Hyperfine runs all runs of one command before
//! those of the next, so drift of the machine looks like a difference. Its measurements give an
//! estimate and no verdict.

use serde::Deserialize;

use super::test_result::TestResult;
use crate::stats::hodges_lehmann::shift;
use crate::stats::verdict::ONE_LOOK_ALPHA;

/// A command that was timed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TimedCommand {
    /// Command line.
    pub command: String,
    /// Seconds of each run.
    #[serde(default)]
    times: Vec<f64>,
    /// Exit code of each run; `None` for a signal.
    #[serde(default)]
    exit_codes: Vec<Option<i64>>,
}

#[derive(Deserialize)]
struct Export {
    results: Vec<TimedCommand>,
}

/// Commands of an export: at least two, each with times above 0. The error is a line and a reason.
pub(crate) fn commands(json: &[u8]) -> Result<Vec<TimedCommand>, (u64, String)> {
    let export: Export = serde_json::from_slice(json).map_err(|error| {
        let line = error.line().max(1) as u64;
        (line, format!("the JSON is not an export of hyperfine: {error}"))
    })?;
    let commands = export.results;
    if commands.len() < 2 {
        let count = commands.len();
        return Err((1, format!("the export has {count} of the two commands of a comparison")));
    }
    let bad = |command: &&TimedCommand| {
        command.times.is_empty() || !command.times.iter().all(|time| *time > 0.0)
    };
    match commands.iter().find(bad) {
        Some(TimedCommand { command, .. }) => {
            Err((1, format!("command `{command}` has no times, or one that is not above 0")))
        }
        None => Ok(commands),
    }
}

impl TimedCommand {
    /// Slowdown of this command relative to the baseline, with a rank interval that holds only if
    /// the machine did not drift.
    pub(super) fn against(&self, baseline: &Self) -> TestResult {
        let logs = |command: &Self| command.times.iter().map(|time| time.ln()).collect::<Vec<_>>();
        let shift = shift(&logs(baseline), &logs(self), ONE_LOOK_ALPHA);
        let estimate = shift.map_or(f64::NAN, |shift| shift.estimate);
        TestResult::not_interleaved(estimate, shift.and_then(|shift| shift.interval))
    }

    /// Number of runs.
    pub(super) fn runs(&self) -> usize {
        self.times.len()
    }

    /// Number of runs that ended with a code other than 0.
    pub(super) fn failed(&self) -> usize {
        self.exit_codes.iter().filter(|code| **code != Some(0)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(json: &str) -> String {
        commands(json.as_bytes()).unwrap_err().1
    }

    #[test]
    fn a_command_is_compared_with_the_first_by_the_ratio_of_its_times() {
        let json = r#"{"results":[{"command":"a","times":[1,1.1,0.9,1.05]},
                       {"command":"b","times":[2,2.2,1.8,2.1],"exit_codes":[0,1,null,0]}]}"#;
        let found = commands(json.as_bytes()).unwrap();
        let result = found[1].against(&found[0]);
        assert!((result.effect_percent.unwrap() - 100.0).abs() < 1e-6, "{result:?}");
        let [low, high] = result.interval_percent.unwrap().map(Option::unwrap);
        assert!(low > 60.0 && low < 90.0 && high > 110.0, "{low} {high}");
        assert_eq!((found[1].runs(), found[0].failed(), found[1].failed()), (4, 0, 2));
        let verdict = serde_json::to_value(result.verdict).unwrap();
        assert_eq!(verdict, "not testable: the runs of A and B were not interleaved");
    }

    #[test]
    fn an_export_that_compares_nothing_is_refused() {
        assert!(reason("{").contains("not an export of hyperfine"));
        assert!(reason("{\"benchmarks\": []}").contains("missing field `results`"));
        assert!(reason("{\"results\": []}").contains("has 0 of the two commands"));
        let one = r#"{"command":"a","times":[1]}"#;
        assert!(reason(&format!(r#"{{"results":[{one}]}}"#)).contains("has 1 of the two"));
        for other in [r#"{"command":"b"}"#, r#"{"command":"b","times":[1,0]}"#] {
            let text = reason(&format!(r#"{{"results":[{one},{other}]}}"#));
            assert!(text.contains("command `b` has no times"), "{text}");
        }
    }
}
