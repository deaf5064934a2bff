//! From trials to summaries, tests and verdicts.

pub(crate) mod arm_summary;
mod best_subset;
pub mod caveat;
pub mod comparison;
pub mod consistency;
mod exact_counts;
pub mod external;
mod external_csv;
mod external_hyperfine;
mod external_text;
pub(crate) mod failure_count;
pub(crate) mod family;
pub mod history;
pub(crate) mod sequential;
pub mod sweep;
pub mod test_result;
