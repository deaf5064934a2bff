//! Diagnostics of a measurement: values printed with every verdict, and the warnings that follow
//! from them (statistics.md 4). They never change a verdict.
//!
//! The permutation test stays valid under drift and autocorrelation; t and rank intervals do not.

use std::fmt;

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::median::median;
use super::paired::{Estimate, Pair, adjusted, percent};
use super::scale::Scale;

/// A run is disturbed if others took more than this share of its CPU time.
pub(crate) const DISTURBED: f64 = 0.05;
/// A higher share of disturbed runs gives a warning.
const DISTURBED_RUNS_MAX: f64 = 0.1;
/// A wider spread of the clock speed gives a warning.
const CLOCK_SPREAD_MAX: f64 = 0.05;
/// Above this many percent per hour, a trend is printed per minute.
const PER_HOUR_MAX: f64 = 50.0;

/// Probability that a quiet session gives a certain warning about trend, order or autocorrelation.
const DOUBT_ALPHA: f64 = 0.01;
/// [`DOUBT_ALPHA`] as a two-sided normal quantile: a lag-1 autocorrelation of n values has a
/// standard error of about 1/√n.
const DOUBT_QUANTILE: f64 = 2.576;
/// A session that discarded more than this share of its pairs or blocks is invalid.
const VOIDED_MAX: f64 = 0.2;
/// Error of a trend's interval on each side.
const TREND_ALPHA: f64 = 0.025;

/// A value in percent, and the probability that noise alone gives one as large (two-sided t test).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TTest {
    /// The value.
    pub percent: f64,
    /// Its p value.
    pub p: f64,
}

/// Rate of drift. Both units come from the slope of the logarithm. A level that loses nearly all
/// within an hour is −100 % per hour, from which the rate per minute could not be recovered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftRate {
    /// Over an hour.
    pub percent_per_hour: f64,
    /// Over a minute.
    pub percent_per_minute: f64,
}

/// A rate of drift with its 95 % interval, and the probability that noise alone gives one as large
/// (two-sided t test).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The rate.
    pub pace: DriftRate,
    /// Ends of the interval of the slope (Student's t). Without them a few runs look steadier or
    /// steeper than they are.
    pub interval: [DriftRate; 2],
    /// Its p value.
    pub p: f64,
}

/// Time and level of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    /// Hours since the session began.
    pub hours: f64,
    /// Mean over the block's runs of ln(metric), or of the metric in a fixed unit.
    pub mean: f64,
}

/// Diagnostics of a session. A field is `None` for too little data, or if the operating system does
/// not report it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Diagnostics {
    /// Trend of the block means.
    pub trend: Option<Trend>,
    /// Effect of running second in a pair.
    pub order_effect: Option<TTest>,
    /// Lag-1 autocorrelation of the order-adjusted d.
    pub autocorrelation: Option<f64>,
    /// Number of differences d behind it.
    pub pairs: usize,
    /// Share of runs that were disturbed.
    pub disturbed_share: Option<f64>,
    /// Spread of the clock speed, a share.
    pub clock_spread: Option<f64>,
}

/// Warning about a measurement; its text contains the remedy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DiagnosticWarning {
    /// The level moved steadily.
    Trend(Trend),
    /// The second run of a pair differs by this percentage.
    OrderEffect(f64),
    /// Neighbouring pairs are alike: the lag-1 autocorrelation.
    Autocorrelation(f64),
    /// This share of the runs shared its CPU.
    Disturbed(f64),
    /// The clock speed varied by this share.
    Clock(f64),
}

impl fmt::Display for DiagnosticWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trend(trend) => {
                write!(f, "the level moved by {trend}; let the machine warm up or cool down")
            }
            Self::OrderEffect(percent) => write!(
                f,
                "the second run of a pair differs by {percent:+.1} %; look for what the first \
                 leaves behind"
            ),
            Self::Autocorrelation(share) => write!(
                f,
                "neighbouring pairs are alike (autocorrelation {share:+.2}); something slow goes \
                 on beside the runs"
            ),
            Self::Disturbed(share) => write!(
                f,
                "{:.0} % of the runs shared the CPU with others; stop what else runs",
                share * 100.0
            ),
            Self::Clock(share) => write!(
                f,
                "the clock speed varied by {:.0} %; fix the frequency or let it settle",
                share * 100.0
            ),
        }
    }
}

impl Diagnostics {
    /// Diagnostics of a session of pairs, without system load and clock speed. On differences a
    /// percentage is one of a typical value.
    pub(crate) fn of(pairs: &[Pair], levels: &[Level], scale: Scale) -> Self {
        let estimate = Estimate::of(pairs);
        let ratios = estimate.map(|estimate| adjusted(pairs, estimate.order_effect));
        Self {
            trend: trend(levels, scale),
            order_effect: estimate.and_then(|estimate| order_effect(&estimate, pairs.len(), scale)),
            autocorrelation: ratios.and_then(|ratios| autocorrelation(&ratios)),
            pairs: pairs.len(),
            disturbed_share: None,
            clock_spread: None,
        }
    }

    /// The warnings that follow from the diagnostics. The limits are this project's own. Each of
    /// the first three warnings occurs in about one of a hundred quiet sessions.
    pub(crate) fn warnings(&self) -> Vec<DiagnosticWarning> {
        let alike = DOUBT_QUANTILE / (self.pairs as f64).sqrt();
        let over = |figure: Option<f64>, most: f64| figure.filter(|figure| figure.abs() > most);
        [
            self.trend.filter(|trend| trend.p <= DOUBT_ALPHA).map(DiagnosticWarning::Trend),
            self.order_effect
                .filter(|effect| effect.p <= DOUBT_ALPHA)
                .map(|effect| DiagnosticWarning::OrderEffect(effect.percent)),
            over(self.autocorrelation, alike).map(DiagnosticWarning::Autocorrelation),
            over(self.disturbed_share, DISTURBED_RUNS_MAX).map(DiagnosticWarning::Disturbed),
            over(self.clock_spread, CLOCK_SPREAD_MAX).map(DiagnosticWarning::Clock),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl DriftRate {
    /// From the change of a level in an hour.
    fn of(slope: f64, scale: Scale) -> Self {
        let percent = |slope| percent_on(scale, slope);
        Self { percent_per_hour: percent(slope), percent_per_minute: percent(slope / 60.0) }
    }
}

/// Percent of a change on its scale.
fn percent_on(scale: Scale, change: f64) -> f64 {
    match scale {
        Scale::Ratio => percent(change),
        Scale::Difference => change * 100.0,
    }
}

/// Per hour, or per minute if the session is too short for an hour.
impl fmt::Display for DriftRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent_per_hour, percent_per_minute } = self;
        if percent_per_hour.abs() <= PER_HOUR_MAX {
            write!(f, "{percent_per_hour:+.1} % per hour")
        } else {
            write!(f, "{percent_per_minute:+.1} % per minute")
        }
    }
}

/// The pace and its interval in one unit: `+1.2 % per hour (-0.4 to +2.9 %)`.
impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval;
        let per_hour = self.pace.percent_per_hour.abs() <= PER_HOUR_MAX;
        let end = |rate: DriftRate| {
            if per_hour { rate.percent_per_hour } else { rate.percent_per_minute }
        };
        write!(f, "{} ({:+.1} to {:+.1} %)", self.pace, end(low), end(high))
    }
}

/// The trend of block means by least squares; `None` for fewer than three blocks or no time
/// between them.
pub(crate) fn trend(levels: &[Level], scale: Scale) -> Option<Trend> {
    let count = levels.len() as f64;
    let hours = levels.iter().map(|level| level.hours).sum::<f64>() / count;
    let mean = levels.iter().map(|level| level.mean).sum::<f64>() / count;
    let sum = |f: &dyn Fn(&Level) -> f64| levels.iter().map(f).sum::<f64>();
    let spread = sum(&|level| (level.hours - hours).powi(2));
    if levels.len() < 3 || spread <= 0.0 {
        return None;
    }
    let slope = sum(&|level| (level.hours - hours) * (level.mean - mean)) / spread;
    let rest = sum(&|level| (level.mean - mean - slope * (level.hours - hours)).powi(2));
    let error = (rest / (count - 2.0) / spread).sqrt();
    let quantile = StudentsT::new(0.0, 1.0, count - 2.0).ok()?.inverse_cdf(1.0 - TREND_ALPHA);
    let rate = |slope| DriftRate::of(slope, scale);
    Some(Trend {
        pace: rate(slope),
        interval: [slope - quantile * error, slope + quantile * error].map(rate),
        p: two_sided(slope, error, count - 2.0)?,
    })
}

/// The effect of the order, with R − 2 degrees of freedom.
fn order_effect(estimate: &Estimate, pairs: usize, scale: Scale) -> Option<TTest> {
    let error = estimate.std_dev / (pairs as f64).sqrt();
    let p = two_sided(estimate.order_effect, error, pairs.checked_sub(2)? as f64)?;
    Some(TTest { percent: percent_on(scale, estimate.order_effect), p })
}

/// The lag-1 autocorrelation of values in time order; `None` for fewer than three, or if all are
/// equal.
pub(crate) fn autocorrelation(figures: &[f64]) -> Option<f64> {
    let mean = figures.iter().sum::<f64>() / figures.len() as f64;
    let deviations: Vec<f64> = figures.iter().map(|figure| figure - mean).collect();
    let squares: f64 = deviations.iter().map(|deviation| deviation * deviation).sum();
    let products: f64 = deviations.windows(2).map(|pair| pair.iter().product::<f64>()).sum();
    (figures.len() >= 3 && squares > 0.0).then(|| products / squares)
}

/// Share of runs of whose CPU time others took more than [`DISTURBED`], from each run's share;
/// `None` without runs.
pub(crate) fn disturbed_share(stolen: &[f64]) -> Option<f64> {
    let disturbed = stolen.iter().filter(|share| **share > DISTURBED).count();
    (!stolen.is_empty()).then(|| disturbed as f64 / stolen.len() as f64)
}

/// (fastest − slowest) ÷ median of the runs' clock speeds, in any unit; `None` without runs.
pub(crate) fn clock_spread(speeds: &[f64]) -> Option<f64> {
    let fastest = speeds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let slowest = speeds.iter().copied().fold(f64::INFINITY, f64::min);
    (!speeds.is_empty()).then(|| (fastest - slowest) / median(&mut speeds.to_vec()))
}

/// True if this many discarded pairs or blocks of the planned ones make the session invalid.
pub(crate) fn voids_too_many(voided: usize, planned: usize) -> bool {
    voided as f64 > VOIDED_MAX * planned as f64
}

/// P(|T| ≥ |value/error|). A value without any error has p = 0, and a value of 0 has p = 1.
fn two_sided(figure: f64, error: f64, freedom: f64) -> Option<f64> {
    if figure.abs() < f64::EPSILON {
        return Some(1.0);
    }
    Some(2.0 * StudentsT::new(0.0, 1.0, freedom).ok()?.sf((figure / error).abs()))
}

#[cfg(test)]
mod tests {
    use super::super::paired::PairOrder;
    use super::*;

    fn levels(step: f64, noise: f64) -> Vec<Level> {
        let sign = |index: i32| if index % 2 == 0 { noise } else { -noise };
        let level = |index: i32| Level {
            hours: f64::from(index) * 0.1,
            mean: 7.0 + step * f64::from(index) + sign(index / 2),
        };
        (0..12).map(level).collect()
    }

    /// Pairs without noise but ±`noise` in a pattern that favours neither arm nor order.
    fn pairs(order_effect: f64, noise: f64) -> Vec<Pair> {
        (0..12)
            .map(|index| {
                let order = if index % 2 == 0 { PairOrder::Ab } else { PairOrder::Ba };
                let ratio = if index / 2 % 2 == 0 { noise } else { -noise };
                Pair { change: order_effect + order.sign() * ratio, order }
            })
            .collect()
    }

    #[test]
    fn a_steep_trend_is_given_per_minute() {
        let said =
            |percent: f64| DriftRate::of((percent / 100.0).ln_1p(), Scale::Ratio).to_string();
        assert_eq!(said(-1.44), "-1.4 % per hour");
        assert_eq!(said(50.0), "+50.0 % per hour");
        assert_eq!(said(15_489.1), "+8.8 % per minute");
        assert_eq!(said(-92.2), "-4.2 % per minute");
    }

    #[test]
    fn a_trend_that_halves_or_doubles_a_level_is_given_per_minute() {
        // A level that halves every minute, or doubles: over an hour −100 %, or 10^20 %.
        for (ln_per_minute, expected) in
            [(-std::f64::consts::LN_2, "-50.0"), (std::f64::consts::LN_2, "+100.0")]
        {
            let level = |index: i32| Level {
                hours: f64::from(index) / 60.0,
                mean: 7.0 + ln_per_minute * f64::from(index),
            };
            let levels: Vec<Level> = (0..5).map(level).collect();
            let trend = trend(&levels, Scale::Ratio).unwrap();
            assert_eq!(trend.pace.to_string(), format!("{expected} % per minute"));
            assert!(trend.pace.percent_per_hour.is_finite());
        }
    }

    #[test]
    fn a_trend_is_given_in_percent_per_hour() {
        // ln rises by 0.01 every tenth of an hour: 0.1 per hour.
        let trend = trend(&levels(0.01, 0.0), Scale::Ratio).unwrap();
        assert!((trend.pace.percent_per_hour - 0.1_f64.exp_m1() * 100.0).abs() < 1e-6);
        assert!(trend.p < 1e-6);
    }

    #[test]
    fn a_trend_comes_with_the_interval_of_its_slope() {
        // Levels 0, 1, 0, 1 at 0, 1, 2, 3 hours: slope 0.2, residual sum of squares 0.8, standard
        // error √(0.8/2/5) = 0.2828, t(0.975, 2) = 4.3027.
        let level = |index: u8| Level { hours: f64::from(index), mean: f64::from(index % 2) };
        let levels: Vec<Level> = (0..4).map(level).collect();
        let trend = trend(&levels, Scale::Difference).unwrap();
        assert!((trend.pace.percent_per_hour - 20.0).abs() < 1e-9);
        for (end, expected) in trend.interval.iter().zip([-101.70, 141.70]) {
            assert!((end.percent_per_hour - expected).abs() < 0.01, "{trend:?}");
        }
        assert_eq!(trend.to_string(), "+20.0 % per hour (-101.7 to +141.7 %)");
        let steep = Trend { pace: DriftRate::of(-6.0, Scale::Ratio), ..trend };
        assert_eq!(steep.to_string(), "-9.5 % per minute (-1.7 to +2.4 %)");
    }

    #[test]
    fn a_quiet_session_gives_no_warning() {
        let mut quiet = Diagnostics::of(&pairs(0.0, 0.02), &levels(0.0, 0.01), Scale::Ratio);
        quiet.disturbed_share = disturbed_share(&[0.0, 0.01, 0.05]);
        quiet.clock_spread = clock_spread(&[3000.0, 3010.0, 2990.0]);
        assert_eq!(quiet.warnings(), []);
        assert!(quiet.trend.is_some() && quiet.autocorrelation.is_some());
    }

    #[test]
    fn each_interference_gives_its_own_warning_with_advice() {
        let mut loud = Diagnostics::of(&pairs(0.04, 0.001), &levels(0.01, 0.001), Scale::Ratio);
        loud.autocorrelation = Some(0.9);
        loud.disturbed_share = disturbed_share(&[0.3, 0.0, 0.06, 0.0]);
        loud.clock_spread = clock_spread(&[2000.0, 3000.0, 4000.0]);
        let texts: Vec<String> = loud.warnings().iter().map(ToString::to_string).collect();
        let expected = [
            "the level moved by +10.4 % per hour",
            "the second run of a pair differs by +4.1 %",
            "neighbouring pairs are alike (autocorrelation +0.90)",
            "50 % of the runs shared the CPU",
            "the clock speed varied by 67 %",
        ];
        assert_eq!(texts.len(), expected.len(), "{texts:?}");
        for (text, start) in texts.iter().zip(expected) {
            assert!(text.starts_with(start) && text.contains("; "), "{text}");
        }
    }

    #[test]
    fn autocorrelation_is_high_of_runs_and_negative_of_alternation() {
        let runs = autocorrelation(&[1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0]).unwrap();
        assert!((runs - 5.0 / 8.0).abs() < 1e-12);
        let alternation = autocorrelation(&[1.0, -1.0, 1.0, -1.0]).unwrap();
        assert!((alternation + 0.75).abs() < 1e-12);
        assert_eq!(autocorrelation(&[1.0, 1.0, 1.0]), None);
        assert_eq!(autocorrelation(&[]), None);
    }

    #[test]
    fn too_few_values_give_no_figures() {
        let one = Level { hours: 0.0, mean: 1.0 };
        assert_eq!(trend(&[one; 2], Scale::Ratio), None);
        assert_eq!(trend(&[one; 5], Scale::Ratio), None);
        assert_eq!(disturbed_share(&[]), None);
        assert_eq!(clock_spread(&[]), None);
        assert_eq!(Diagnostics::of(&[], &[], Scale::Ratio), Diagnostics::default());
    }

    #[test]
    fn at_most_a_fifth_may_be_discarded() {
        assert!(!voids_too_many(2, 10));
        assert!(voids_too_many(3, 10));
        assert!(!voids_too_many(0, 0));
    }
}
