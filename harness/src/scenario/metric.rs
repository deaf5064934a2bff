//! Metrics of a run: names, units and directions.

use serde::{Deserialize, Serialize};

use crate::stats::paired::Better;
use crate::stats::scale::{RawPair, Scale, ScaledMargin};

/// Names of rates in measurements from elsewhere. Only the whole name counts: `errors_per_s` is
/// none of them.
const RATES: [&str; 3] = ["rec_per_min", "throughput", "ops_per_s"];

/// Direction of a metric by its name: higher for known rates, else lower.
pub fn better_by_name(name: &str) -> Better {
    if RATES.contains(&name) { Better::Higher } else { Better::Lower }
}

/// Options of one metric; `None` for the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricOptions {
    /// Direction in which it improves. By default that of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// Scale on which it is compared. By default ratios, and differences if a value is 0 or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Allowed degradation in its unit, on the scale of differences. By default the margin's share
    /// of the baseline's median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_abs: Option<f64>,
}

impl MetricOptions {
    /// These options, and those of `other` for what they leave open.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            better: self.better.or(other.better),
            scale: self.scale.or(other.scale),
            margin_abs: self.margin_abs.or(other.margin_abs),
        }
    }

    /// Declared scale. A margin in the metric's unit declares differences.
    pub fn declared_scale(&self) -> Option<Scale> {
        self.scale.or(self.margin_abs.map(|_| Scale::Difference))
    }

    /// Scale and margin of a metric with these pairs in its first look. Later looks keep them.
    /// `share` is the margin as a share.
    pub fn margin(&self, first_look: &[RawPair], share: f64) -> ScaledMargin {
        let has_logarithms = first_look.iter().all(|pair| pair.min() > 0.0);
        let by_values = if has_logarithms { Scale::Ratio } else { Scale::Difference };
        match (self.declared_scale().unwrap_or(by_values), self.margin_abs) {
            (Scale::Ratio, _) => ScaledMargin::ratio(share),
            (Scale::Difference, Some(delta)) => ScaledMargin::difference(delta, first_look),
            (Scale::Difference, None) => ScaledMargin::share_of_baseline(share, first_look),
        }
    }

    /// Rejects options that contradict each other.
    pub fn check(&self) -> Result<(), String> {
        match (self.scale, self.margin_abs) {
            (Some(Scale::Ratio), Some(_)) => {
                Err("an absolute margin needs the scale of differences".into())
            }
            (_, Some(margin)) if !(margin >= 0.0 && margin.is_finite()) => {
                Err("an absolute margin is a number from 0 on, in the metric's unit".into())
            }
            _ => Ok(()),
        }
    }
}

/// A value that every run yields once. Serialized as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
        better_by_name(self.name())
    }

    /// Unit of its values.
    pub fn unit(self) -> &'static str {
        match self {
            Self::RecPerMin => "rec/min",
            Self::PeakRss => "bytes",
            Self::Insert | Self::Prepare | Self::Coerce | Self::LatencyP99 => "ms",
        }
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

    #[test]
    fn a_rate_is_known_by_its_whole_name() {
        for (name, better) in [
            ("rec_per_min", Better::Higher),
            ("throughput", Better::Higher),
            ("ops_per_s", Better::Higher),
            ("errors_per_s", Better::Lower),
            ("throughput_ms", Better::Lower),
            ("Throughput", Better::Lower),
            ("wall", Better::Lower),
        ] {
            assert_eq!(better_by_name(name), better, "{name}");
        }
        let rates = Metric::ALL.into_iter().filter(|metric| metric.better() == Better::Higher);
        assert_eq!(rates.collect::<Vec<_>>(), [Metric::RecPerMin]);
    }

    #[test]
    fn an_absolute_margin_declares_differences() {
        let margin_abs = |margin| MetricOptions { margin_abs: Some(margin), ..Default::default() };
        assert_eq!(margin_abs(0.0).declared_scale(), Some(Scale::Difference));
        assert_eq!(MetricOptions::default().declared_scale(), None);
        let ratio = MetricOptions { scale: Some(Scale::Ratio), ..margin_abs(1.0) };
        assert!(ratio.check().is_err() && margin_abs(1.0).check().is_ok());
        for margin in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(margin_abs(margin).check().is_err(), "{margin}");
        }
        let merged = MetricOptions::default().or(ratio).or(margin_abs(2.0));
        assert_eq!(merged, ratio);
    }
}
