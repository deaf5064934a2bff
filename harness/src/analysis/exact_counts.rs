//! Quantities that noise does not touch, of both arms: compared as they are, without statistics.

use migrator::telemetry::report::RunReport;
use serde::Serialize;

use crate::scenario::Exact;
use crate::trial::measurement::Measurement;

/// An exact quantity of both arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountComparison {
    /// Which.
    pub quantity: Exact,
    /// Of the baseline's runs.
    pub baseline: CountRange,
    /// Of the other arm's runs.
    pub candidate: CountRange,
    /// Whether the scenario makes any rise a regression.
    pub gated: bool,
}

/// The smallest and the largest of several runs: the same where timing has no part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountRange {
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

impl CountComparison {
    /// Whether the other arm takes more, whatever the timing: its least is above the baseline's
    /// most.
    pub fn rises(&self) -> bool {
        self.candidate.min > self.baseline.max
    }

    /// Whether the two differ at all.
    pub fn differs(&self) -> bool {
        self.baseline != self.candidate
    }
}

/// Every quantity that the runs of both arms counted.
pub(crate) fn counts(
    baseline: &[&Measurement],
    candidate: &[&Measurement],
    gated: &[Exact],
) -> Vec<CountComparison> {
    let count = |quantity: Exact| {
        Some(CountComparison {
            quantity,
            baseline: range(baseline, quantity)?,
            candidate: range(candidate, quantity)?,
            gated: gated.contains(&quantity),
        })
    };
    Exact::ALL.into_iter().filter_map(count).collect()
}

fn range(runs: &[&Measurement], quantity: Exact) -> Option<CountRange> {
    let reports = runs.iter().filter_map(|run| run.report());
    let values: Option<Vec<u64>> = reports.map(|report| value(report, quantity)).collect();
    let values = values?;
    Some(CountRange { min: *values.iter().min()?, max: *values.iter().max()? })
}

fn value(report: &RunReport, quantity: Exact) -> Option<u64> {
    match quantity {
        Exact::Statements => Some(report.queries + report.set_queries + report.insert_statements),
        Exact::RoundTrips => report.simulated_link.map(|link| link.wire_messages),
    }
}
