//! Family of a gate's tests except the primary one (statistics.md 3). Undecided metrics are shown
//! at their corrected level.

use crate::analysis::comparison::{Comparison, Pairs, pairs};
use crate::analysis::family::Family;
use crate::analysis::sequential;
use crate::scenario::Scenario;
use crate::session::state::SessionState;
use crate::stats::group_sequential;
use crate::stats::verdict::Judge;

/// Replaces interval and required number of pairs of an undecided metric by those at the family's
/// level. The uncorrected ones could contradict the verdict.
pub(super) fn report_at_family_level(
    family: &Family,
    view: &SessionState,
    scenario: &Scenario,
    comparison: &mut Comparison,
    place: usize,
) {
    let found = comparison.metrics.get(place).map(|found| found.metric);
    let found = found.and_then(|metric| pairs(view, &scenario.name, metric));
    let Some(Pairs { pairs, batches, margin, .. }) = found else {
        return;
    };
    let mut judge = Judge::new(group_sequential::POCOCK_ALPHA, scenario.seed);
    if let Ok(open) = judge.left_open(&pairs, &batches, family.levels, &margin) {
        let terms = sequential::terms(view, &scenario.name, scenario);
        comparison.apply_family_correction(place, &open, &terms, view);
    }
}
