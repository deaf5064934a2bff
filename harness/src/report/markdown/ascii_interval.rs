//! Intervals drawn with characters, for tables without charts.

use crate::report::model::ComparisonRow;

/// Characters on each side of zero.
const HALF: i32 = 10;
/// Mark of zero.
const ZERO: char = '┃';

/// Change at the ends of all intervals, in percent: a round number.
pub(super) fn scale(comparisons: &[ComparisonRow]) -> f64 {
    let ends = |comparison: &ComparisonRow| {
        let interval = comparison.interval_percent.into_iter().flatten();
        interval
            .chain(comparison.effect_percent)
            .chain(comparison.margin_percent)
            .collect::<Vec<_>>()
    };
    let largest = comparisons.iter().flat_map(ends).map(f64::abs).fold(1.0, f64::max);
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
        .into_iter()
        .find(|round| *round >= largest)
        .unwrap_or(largest)
}

/// Draws the interval and the estimate, better to the right: `·······┃─◆──·········`.
pub(super) fn interval(comparison: &ComparisonRow, scale: f64) -> String {
    let Some(effect) = comparison.effect_percent else { return String::new() };
    let place = |percent: f64| {
        let place = (comparison.gain(percent) / scale * f64::from(HALF)).round();
        #[expect(clippy::cast_possible_truncation, reason = "clamped to a few characters")]
        let place = place.clamp(f64::from(-HALF), f64::from(HALF)) as i32;
        place
    };
    let [one, other] = comparison.interval_percent.unwrap_or([effect, effect]).map(place);
    let (low, high) = (one.min(other), one.max(other));
    let character = |at: i32| match at {
        at if at == place(effect) => '◆',
        0 => ZERO,
        at if (low..=high).contains(&at) => '─',
        _ => '·',
    };
    (-HALF..=HALF).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_fell_is_left_of_no_change_and_a_time_that_fell_right() {
        let rate = ComparisonRow {
            effect_percent: Some(-4.0),
            interval_percent: Some([-6.0, -2.0]),
            ..ComparisonRow::default()
        };
        let time = ComparisonRow { lower_is_better: true, ..rate.clone() };
        assert_eq!(interval(&rate, 10.0), "····──◆──·┃··········");
        assert_eq!(interval(&time, 10.0), "··········┃·──◆──····");
        assert!((scale(&[rate]) - 10.0).abs() < f64::EPSILON);
    }
}
