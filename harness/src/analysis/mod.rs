//! From trials to summaries, tests and verdicts.

pub mod arm_summary;
mod best_subset;
mod caveat;
pub mod comparison;
pub mod consistency;
mod exact_counts;
pub mod external;
mod external_csv;
pub mod failure_count;
pub mod history;
pub mod sequential;
pub mod sweep;
pub mod test_result;
