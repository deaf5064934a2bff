//! Metrics of a run: names, units and directions.

use serde::{Deserialize, Serialize};

use crate::stats::paired::Better;

/// A value that every run yields once. Serialized as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// Records read per minute, from the first read to the last commit.
    #[serde(rename = "rec_per_min")]
    RecPerMin,
    /// Time in the stages `insert`, `log` and `commit` per 1,000 records read, summed over workers.
    #[serde(rename = "insert_ms_per_1000_records")]
    Insert,
    /// Time in `validation`, `parsing` and `mapping` per 1,000 records read, summed over workers.
    #[serde(rename = "prepare_ms_per_1000_records")]
    Prepare,
    /// Time in `coerce` per 1,000 records read, summed over workers.
    #[serde(rename = "coerce_ms_per_1000_records")]
    Coerce,
    /// 99th percentile of the time from a record's read to the commit of its batch. Missing if a
    /// run has too few records for this quantile.
    #[serde(rename = "latency_p99_ms")]
    LatencyP99,
    /// Largest resident set of the migrator's process.
    #[serde(rename = "peak_rss_bytes")]
    PeakRss,
}

impl Metric {
    /// Every metric, in the order of tables and files.
    pub const ALL: [Self; 6] = [
        Self::RecPerMin,
        Self::Insert,
        Self::Prepare,
        Self::Coerce,
        Self::LatencyP99,
        Self::PeakRss,
    ];

    /// The name in scenarios and result files; the unit is its last part.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecPerMin => "rec_per_min",
            Self::Insert => "insert_ms_per_1000_records",
            Self::Prepare => "prepare_ms_per_1000_records",
            Self::Coerce => "coerce_ms_per_1000_records",
            Self::LatencyP99 => "latency_p99_ms",
            Self::PeakRss => "peak_rss_bytes",
        }
    }

    /// Direction in which it improves.
    pub fn better(self) -> Better {
        if self == Self::RecPerMin { Better::Higher } else { Better::Lower }
    }

    /// The stages of a run report that are summed for the metric; empty for other metrics.
    pub fn stages(self) -> &'static [&'static str] {
        match self {
            Self::RecPerMin | Self::LatencyP99 | Self::PeakRss => &[],
            Self::Insert => &["insert", "log", "commit"],
            Self::Prepare => &["validation", "parsing", "mapping"],
            Self::Coerce => &["coerce"],
        }
    }
}

/// One value for each metric, except times that the program does not report. In files an object
/// with the metrics' names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerMetric<T> {
    /// For [`Metric::RecPerMin`].
    pub rec_per_min: T,
    /// For [`Metric::Insert`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insert_ms_per_1000_records: Option<T>,
    /// For [`Metric::Prepare`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare_ms_per_1000_records: Option<T>,
    /// For [`Metric::Coerce`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coerce_ms_per_1000_records: Option<T>,
    /// For [`Metric::LatencyP99`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p99_ms: Option<T>,
    /// For [`Metric::PeakRss`].
    pub peak_rss_bytes: T,
}

impl<T> PerMetric<T> {
    /// Calls `value` once for each metric; the first error ends it. `None` if the rate or the
    /// memory is missing, which every run has.
    pub fn build<E>(
        mut value: impl FnMut(Metric) -> Result<Option<T>, E>,
    ) -> Result<Option<Self>, E> {
        let (Some(rec_per_min), Some(peak_rss_bytes)) =
            (value(Metric::RecPerMin)?, value(Metric::PeakRss)?)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            rec_per_min,
            insert_ms_per_1000_records: value(Metric::Insert)?,
            prepare_ms_per_1000_records: value(Metric::Prepare)?,
            coerce_ms_per_1000_records: value(Metric::Coerce)?,
            latency_p99_ms: value(Metric::LatencyP99)?,
            peak_rss_bytes,
        }))
    }

    /// The value for one metric, if it exists.
    pub fn get(&self, metric: Metric) -> Option<&T> {
        match metric {
            Metric::RecPerMin => Some(&self.rec_per_min),
            Metric::Insert => self.insert_ms_per_1000_records.as_ref(),
            Metric::Prepare => self.prepare_ms_per_1000_records.as_ref(),
            Metric::Coerce => self.coerce_ms_per_1000_records.as_ref(),
            Metric::LatencyP99 => self.latency_p99_ms.as_ref(),
            Metric::PeakRss => Some(&self.peak_rss_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_own_place_under_its_own_name() {
        let names = PerMetric::build(|metric| Ok::<_, ()>(Some(metric.name()))).unwrap().unwrap();
        for metric in Metric::ALL {
            assert_eq!(names.get(metric), Some(&metric.name()));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        let file = serde_json::to_value(&names).unwrap();
        for (name, value) in file.as_object().unwrap() {
            assert_eq!(value, name);
        }
    }
}
