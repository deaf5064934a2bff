//! `[baseline]` and `[sweep]`: every combination of settings that runs.

use migrator::config::Settings;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::spans::{Fault, Source};
use crate::scenario::model::Setting;

/// Maximum number of combinations of a grid.
const SETTINGS_MAX: usize = 1_000;

/// Maximum number of runs of a plan, which take weeks.
const TRIALS_MAX: u64 = 1_000_000;

/// The varied settings with their values.
pub(in crate::scenario) type Axes = Vec<(String, Vec<Value>)>;

/// Baseline as a flat object: the scenario's values over the program's defaults.
pub(in crate::scenario) fn baseline(
    source: &Source<'_>,
    table: &toml::Table,
) -> Result<Map<String, Value>, Fault> {
    let mut settings = default_settings();
    for (key, value) in table {
        settings.insert(key.clone(), json(value));
        typed(&settings).map_err(|message| source.fault_in("baseline", key, message))?;
    }
    Ok(settings)
}

/// The varied settings with their values, each value checked.
pub(in crate::scenario) fn axes(
    source: &Source<'_>,
    table: &toml::Table,
    baseline: &Map<String, Value>,
) -> Result<Axes, Fault> {
    let mut axes = Axes::new();
    for (key, value) in table {
        let fault = |message: String| source.fault_in("sweep", key, message);
        let listed = value.as_array().map_or(&[][..], Vec::as_slice);
        let values: Vec<Value> = listed.iter().map(json).collect();
        if values.is_empty() {
            return Err(fault("takes a list of values".into()));
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                return Err(fault(format!("lists {} twice", plain(value))));
            }
            typed(&with(baseline, key, value)).map_err(fault)?;
        }
        axes.push((key.clone(), values));
    }
    if axes.is_empty() {
        let span = source.span("sweep", "");
        return Err(source.fault_at(span, "[sweep] varies nothing"));
    }
    Ok(axes)
}

/// Rejects an unreasonable size before memory is allocated for it.
pub(super) fn check_size(
    source: &Source<'_>,
    runs: u32,
    warmup: u32,
    axes: &Axes,
) -> Result<(), Fault> {
    let combinations = axes.iter().map(|(_, values)| values.len()).fold(1, usize::saturating_mul);
    if combinations > SETTINGS_MAX {
        let message =
            format!("[sweep] has {combinations} combinations; {SETTINGS_MAX} are the most");
        return Err(source.fault_at(source.span("sweep", ""), message));
    }
    let blocks = u64::from(runs) + u64::from(warmup);
    // A baseline outside of the grid is run too.
    let trials = blocks.saturating_mul(combinations as u64 + 1);
    if trials > TRIALS_MAX {
        let message = format!("makes {trials} runs with warm-up; {TRIALS_MAX} are the most");
        return Err(source.fault_in("", "runs", message));
    }
    Ok(())
}

/// Every combination of the values, and the index of the baseline among them. A baseline outside of
/// the grid comes first.
pub(super) fn grid(
    source: &Source<'_>,
    baseline: &Map<String, Value>,
    axes: &Axes,
) -> Result<(Vec<Setting>, usize), Fault> {
    let mut points = vec![baseline.clone()];
    for (key, values) in axes {
        points = points
            .iter()
            .flat_map(|point| values.iter().map(|value| with(point, key, value)))
            .collect();
    }
    let index = points.iter().position(|point| point == baseline).unwrap_or_else(|| {
        points.insert(0, baseline.clone());
        0
    });
    let settings: Result<Vec<_>, _> = points.iter().map(|point| setting(point, axes)).collect();
    let settings = settings.map_err(|message| source.fault_in("sweep", "", message))?;
    Ok((settings, index))
}

/// Default values of all settings that apply, as a flat object.
fn default_settings() -> Map<String, Value> {
    match serde_json::to_value(Settings::default()) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    }
}

fn with(settings: &Map<String, Value>, key: &str, value: &Value) -> Map<String, Value> {
    let mut settings = settings.clone();
    settings.insert(key.into(), value.clone());
    settings
}

pub(in crate::scenario) fn typed(settings: &Map<String, Value>) -> Result<Settings, String> {
    Settings::deserialize(&Value::Object(settings.clone())).map_err(|error| error.to_string())
}

pub(in crate::scenario) fn setting(
    point: &Map<String, Value>,
    axes: &Axes,
) -> Result<Setting, String> {
    let value = |key: &str| point.get(key).map(plain).unwrap_or_default();
    let short: Vec<_> = axes.iter().map(|(key, _)| value(key)).collect();
    let label: Vec<_> = axes.iter().map(|(key, _)| format!("{key}={}", value(key))).collect();
    Ok(Setting { short: short.join(" × "), label: label.join(" "), settings: typed(point)? })
}

/// A value without the quotes of a text.
pub(in crate::scenario) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

/// Converts values that settings cannot have (dates, tables) to texts, which are then rejected by
/// name.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::from(*truth),
        toml::Value::String(text) => Value::from(text.as_str()),
        other => Value::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{LEAST, assert_refused, fault, with};

    #[test]
    fn a_sweep_without_variation_or_with_repeated_values_is_rejected() {
        assert_refused([
            (LEAST.replace("1000", "100"), "line 7: [sweep] batch_size: lists 100 twice"),
            (LEAST.replace("100, 1000", ""), "line 7: [sweep] batch_size: takes a list"),
            (LEAST.replace("[100, 1000]", "1000"), "line 7: [sweep] batch_size: takes a list"),
            (LEAST.replace("batch_size = [100, 1000]", ""), "line 6: [sweep] varies nothing"),
        ]);
    }

    #[test]
    fn oversized_plans_are_rejected_before_they_fill_the_memory() {
        let hundred = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let axes =
            ["workers", "queue_depth", "parse_threads"].map(|a| format!("{a} = [{hundred}]"));
        let grid = LEAST.replace("batch_size = [100, 1000]", &axes.join("\n"));
        assert_eq!(fault(&grid), "line 6: [sweep] has 1000000 combinations; 1000 are the most");
        for runs in ["runs = 4294967295", "warmup = 400000"] {
            let message = fault(&with(runs));
            assert!(message.contains("runs with warm-up; 1000000 are the most"), "{message}");
        }
    }

    #[test]
    fn a_value_that_the_migrator_rejects_is_rejected_with_its_line() {
        for (from, to) in [("[100, 1000]", "[100, 0]"), ("[100, 1000]", "[\"many\"]")] {
            let message = fault(&LEAST.replacen(from, to, 1));
            assert!(message.starts_with("line 7: [sweep] batch_size: invalid"), "{message}");
        }
        let message = fault(&with("[baseline]\ninsert = \"copy\""));
        assert!(message.starts_with("line 7: [baseline] insert: unknown variant"), "{message}");
    }
}
