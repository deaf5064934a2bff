//! From trials to summaries, tests and verdicts.

pub(crate) mod arm_summary;
mod best_subset;
mod caveat;
pub mod comparison;
pub mod consistency;
mod exact_counts;
pub mod external;
mod external_csv;
pub(crate) mod failure_count;
pub mod history;
pub(crate) mod sequential;
pub mod sweep;
pub mod test_result;
