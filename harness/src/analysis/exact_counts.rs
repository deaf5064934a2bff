//! Comparison of noise-free counters between two arms, without statistics.

use migrator::telemetry::report::RunReport;
use serde::Serialize;

use crate::scenario::Exact;
use crate::trial::measurement::Measurement;

/// A counter in both arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountComparison {
    /// The counter.
    pub quantity: Exact,
    /// Values of the baseline's runs.
    pub baseline: CountRange,
    /// Values of the candidate's runs.
    pub candidate: CountRange,
    /// True if the scenario treats any increase as a regression.
    pub gated: bool,
}

/// Range over several runs; minimum and maximum are equal if timing plays no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountRange {
    /// Minimum.
    pub min: u64,
    /// Maximum.
    pub max: u64,
}

impl CountComparison {
    /// True if the candidate's minimum exceeds the baseline's maximum.
    pub fn rises(&self) -> bool {
        self.candidate.min > self.baseline.max
    }

    /// True if the ranges differ at all.
    pub fn differs(&self) -> bool {
        self.baseline != self.candidate
    }
}

/// Compares every counter that the runs of both arms have.
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
