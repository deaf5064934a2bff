//! `[gate]`: comparison of two arms.

use super::spans::{Fault, Source};
use crate::scenario::model::Gate;

/// Its keys.
pub(super) const KEYS: &[&str] = &["margin", "metrics", "small", "exact"];

/// Rejects an impossible comparison.
pub(super) fn check(source: &Source<'_>, gate: &Gate) -> Result<(), Fault> {
    let fault = |key: &str, message: &str| Err(source.fault_in("gate", key, message));
    if !(gate.margin > 0.0 && gate.margin < 1.0) {
        return fault("margin", "takes a share above 0 and below 1, such as 0.05");
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{assert_refused, with};

    #[test]
    fn an_impossible_comparison_is_rejected_with_valid_values() {
        assert_refused([
            (with("[gate]\nmargin = 0.0"), "line 7: [gate] margin: takes a share above 0"),
            (with("[gate]\nmetrics = []"), "line 7: [gate] metrics: takes at least one"),
            (with("[gate]\nmetrics = [\"speed\"]"), "line 7: unknown variant `speed`"),
            (
                with("[gate]\nmetrics = [\"rec_per_min\", \"rec_per_min\"]"),
                "line 7: [gate] metrics: lists rec_per_min twice",
            ),
            (with("[gate]\nsmall = \"maybe\""), "line 7: unknown variant `maybe`"),
        ]);
    }
}
