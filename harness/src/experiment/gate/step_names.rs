//! Names of the steps that every gate has. No scenario has one of them.

/// The step that runs both arms once on every workload, uncounted.
pub(super) const WARM_UP: &str = "warm-up";
/// The step that compares a program with itself.
pub(super) const CONTROL: &str = "negative control";
