//! `[gate]`: comparison of two arms.

use toml::de::DeTable;

use super::spans::{Fault, Source};
use crate::scenario::model::Gate;
use crate::scenario::share::check_margin;

/// Its keys.
pub(super) const KEYS: &[&str] = &["margin", "metrics", "options", "small", "exact"];
/// Keys of a table `[gate.options.NAME]`.
const METRIC_KEYS: &[&str] = &["better", "scale", "margin_abs"];

/// Rejects unknown keys of the metrics' options.
pub(super) fn check_keys(source: &Source<'_>, gate: &DeTable<'_>) -> Result<(), Fault> {
    let options = gate.get("options").and_then(|table| table.get_ref().as_table());
    for (metric, table) in options.into_iter().flatten() {
        if let Some(table) = table.get_ref().as_table() {
            source.check_table(
                table,
                METRIC_KEYS,
                &format!("gate.options.{}", metric.get_ref()),
            )?;
        }
    }
    Ok(())
}

/// Rejects an impossible comparison.
pub(super) fn check(source: &Source<'_>, gate: &Gate) -> Result<(), Fault> {
    let fault = |key: &str, message: &str| Err(source.fault_in("gate", key, message));
    if let Err(message) = check_margin(gate.margin) {
        return fault("margin", &message);
    }
    if gate.metrics.is_empty() {
        return fault("metrics", "takes at least one metric: the first decides");
    }
    let repeated = gate
        .metrics
        .iter()
        .enumerate()
        .find(|(index, metric)| gate.metrics[..*index].contains(metric));
    if let Some((_, metric)) = repeated {
        return fault("metrics", &format!("lists {} twice", metric.name()));
    }
    for (metric, options) in &gate.options {
        if !gate.metrics.contains(metric) {
            let message = format!("{} has options and is not in `metrics`", metric.name());
            return fault("options", &message);
        }
        if let Err(message) = options.check() {
            return fault("options", &format!("{}: {message}", metric.name()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{assert_refused, with};

    #[test]
    fn an_impossible_comparison_is_rejected_with_valid_values() {
        assert_refused([
            (with("[gate]\nmargin = 0.0"), "line 7: [gate] margin: a margin is a share above 0"),
            (
                with("[gate]\nmargin = 5"),
                "line 7: [gate] margin: 5 is 500 %, and 5 % is 0.05 or 5%",
            ),
            (with("[gate]\nmargin = \"5\""), "line 7: 5 is 500 %, and 5 % is 0.05 or 5%"),
            (with("[gate]\nmargin = \"much\""), "line 7: much is not a share"),
            (with("[gate]\nmargin = true"), "line 7: expected a share such as 0.05"),
            (with("[gate]\nmetrics = []"), "line 7: [gate] metrics: takes at least one"),
            (with("[gate]\nmetrics = [\"speed\"]"), "line 7: unknown variant `speed`"),
            (
                with("[gate]\nmetrics = [\"rec_per_min\", \"rec_per_min\"]"),
                "line 7: [gate] metrics: lists rec_per_min twice",
            ),
            (with("[gate]\nsmall = \"maybe\""), "line 7: unknown variant `maybe`"),
        ]);
    }

    #[test]
    fn options_of_a_metric_that_mean_nothing_are_refused() {
        let option = |metric: &str, option: &str| {
            with(&format!(
                "[gate]\nmetrics = [\"peak_rss_bytes\"]\n[gate.options.{metric}]\n{option}"
            ))
        };
        assert_refused([
            (
                option("peak_rss_bytes", "scal = \"difference\""),
                "line 9: unknown key `scal` in [gate.options.peak_rss_bytes]; the nearest known one \
                 is `scale`",
            ),
            (option("peak_rss_bytes", "scale = \"log\""), "line 9: unknown variant `log`"),
            (option("peak_rss_bytes", "better = \"bigger\""), "line 9: unknown variant `bigger`"),
            (option("rss", "scale = \"ratio\""), "line 8: unknown variant `rss`"),
            (
                option("rec_per_min", "scale = \"ratio\""),
                "line 8: [gate] options: rec_per_min has options and is not in `metrics`",
            ),
            (
                option("peak_rss_bytes", "scale = \"ratio\"\nmargin_abs = 5"),
                "line 8: [gate] options: peak_rss_bytes: an absolute margin needs the scale of",
            ),
            (
                option("peak_rss_bytes", "margin_abs = -1"),
                "line 8: [gate] options: peak_rss_bytes: an absolute margin is a number from 0",
            ),
        ]);
    }
}
