//! `[validity]`: limits of interference.

use super::spans::{Fault, Source};
use crate::scenario::model::Validity;

/// Its keys.
pub(super) const KEYS: &[&str] = &["foreign_cpu_share_max", "steal_share_max", "swapped_pages_max"];

/// Rejects values that are not shares.
pub(super) fn check(source: &Source<'_>, validity: &Validity) -> Result<(), Fault> {
    for (key, share) in [
        ("foreign_cpu_share_max", validity.foreign_cpu_share_max),
        ("steal_share_max", validity.steal_share_max),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return Err(source.fault_in("validity", key, "takes a share from 0 to 1"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse::tests::{assert_refused, with};

    #[test]
    fn an_invalid_share_is_rejected() {
        assert_refused([
            (
                with("[validity]\nsteal_share_max = 5.0"),
                "line 7: [validity] steal_share_max: takes a share",
            ),
            (
                with("[validity]\nforeign_cpu_share_max = -0.1"),
                "line 7: [validity] foreign_cpu_share_max: takes a share",
            ),
        ]);
    }
}
