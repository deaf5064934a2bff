//! `[workload]`: kind and number of records.

use std::num::NonZeroU32;

use migrator::cli::args::Profile;
use serde::Deserialize;

use super::spans::{Fault, Source};
use crate::scenario::model::{Records, Workload};
use crate::scenario::suggest;

/// Its keys.
pub(super) const KEYS: &[&str] =
    &["records", "run_seconds", "profile", "duplicates", "rejects", "seed"];

/// The table as typed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct WorkloadTable {
    records: toml::Value,
    run_seconds: Option<f64>,
    profile: String,
    duplicates: f64,
    rejects: f64,
    seed: u64,
}

impl Default for WorkloadTable {
    fn default() -> Self {
        Self {
            records: toml::Value::String("auto".into()),
            run_seconds: None,
            profile: "staged".into(),
            duplicates: 0.0,
            rejects: 0.0,
            seed: 42,
        }
    }
}

/// The table, checked.
pub(super) fn workload(source: &Source<'_>, table: WorkloadTable) -> Result<Workload, Fault> {
    for (key, rate) in [("duplicates", table.duplicates), ("rejects", table.rejects)] {
        if !(0.0..=1.0).contains(&rate) {
            return Err(source.fault_in("workload", key, "takes a share from 0 to 1"));
        }
    }
    suggest::check::<Profile>(&table.profile)
        .map_err(|message| source.fault_in("workload", "profile", message))?;
    Ok(Workload {
        records: records(source, &table.records, table.run_seconds)?,
        profile: table.profile,
        duplicates: table.duplicates,
        rejects: table.rejects,
        seed: table.seed,
    })
}

fn records(
    source: &Source<'_>,
    value: &toml::Value,
    run_seconds: Option<f64>,
) -> Result<Records, Fault> {
    if value.as_str() == Some("auto") {
        let run_seconds = run_seconds.unwrap_or(0.8);
        if run_seconds.is_finite() && run_seconds > 0.0 {
            return Ok(Records::Auto { run_seconds });
        }
        return Err(source.fault_in("workload", "run_seconds", "takes seconds above 0"));
    }
    let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
    let Some(number) = number.and_then(NonZeroU32::new) else {
        return Err(source.fault_in("workload", "records", "takes \"auto\" or a number above 0"));
    };
    if run_seconds.is_some() {
        let message = "has no effect beside a fixed number in `records`; take one of the two";
        return Err(source.fault_in("workload", "run_seconds", message));
    }
    Ok(Records::Fixed(number))
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{assert_refused, fault, with};

    #[test]
    fn impossible_record_counts_are_rejected_with_valid_values() {
        assert_refused([
            (with("[workload]\nrejects = 1.5"), "line 7: [workload] rejects: takes a share"),
            (with("[workload]\nrecords = 0"), "line 7: [workload] records: takes \"auto\" or"),
            (with("[workload]\nrecords = \"some\""), "line 7: [workload] records: takes"),
            (
                with("[workload]\nrun_seconds = 0.0"),
                "line 7: [workload] run_seconds: takes seconds",
            ),
            (
                with("[workload]\nprofile = \"huge\""),
                "line 7: [workload] profile: takes one of staged",
            ),
        ]);
    }

    #[test]
    fn an_ignored_setting_is_rejected_by_a_message_that_names_both() {
        let message = fault(&with("[workload]\nrecords = 9\nrun_seconds = 1.0"));
        assert!(message.starts_with("line 8: [workload] run_seconds: "), "{message}");
        assert!(message.contains("`records`"), "{message}");
    }
}
