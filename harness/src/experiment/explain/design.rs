//! Design of an attribution: pairs of the two arms, and settings that each switch one part.

use migrator::config::Settings;

use super::settings::SettingPart;
use crate::scenario::Scenario;
use crate::stats::shapley;

/// Name of the steps that compare the two arms.
pub(super) const PAIRED_COMPARISON: &str = "difference";
/// Name of the step that switches settings one at a time.
pub(super) const ONE_AT_A_TIME: &str = "one at a time";

/// Settings to run for an attribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttributionDesign {
    /// Parts that differ.
    pub(super) parts: Vec<SettingPart>,
    /// Settings to run, each once, even if two parts need the same.
    pub(super) settings: Vec<Settings>,
    /// Role of each of them.
    pub(super) arms: shapley::Arms,
}

impl AttributionDesign {
    /// Design for two settings.
    pub(super) fn of(base: &Settings, head: &Settings) -> Self {
        let parts = SettingPart::differing(base, head);
        let mut settings = vec![base.clone(), head.clone()];
        let mut place = |wanted: Settings| {
            settings.iter().position(|there| *there == wanted).unwrap_or_else(|| {
                settings.push(wanted);
                settings.len() - 1
            })
        };
        let only = parts.iter().map(|part| place(part.switched(base, head))).collect();
        let but = parts.iter().map(|part| place(part.switched(head, base))).collect();
        let arms = shapley::Arms { none: 0, all: 1, only, but };
        Self { parts, settings, arms }
    }

    /// Design for a scenario's two settings. `None` if they differ in one part, to which the whole
    /// difference is attributed, or are not two.
    pub(super) fn of_scenario(scenario: &Scenario) -> Option<Self> {
        let [base, head] = scenario.settings.as_slice() else {
            return None;
        };
        let design = Self::of(&base.settings, &head.settings);
        (design.parts.len() > 1).then_some(design)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::asked;
    use super::*;

    const SEVEN: &str = "workers=4,batch_size=7,pool=worker,queue_depth=1,parse_threads=2,\
                         cache=batch,insert=bulk";

    #[test]
    fn two_parts_take_four_arms_three_eight_and_seven_sixteen() {
        let base = Settings::default();
        for (head, arms) in [
            ("batch_size=100", 2),
            ("batch_size=100,pool=worker", 4),
            ("batch_size=100,pool=worker,cache=batch", 8),
            (SEVEN, 16),
        ] {
            let head = asked(head, &base).unwrap();
            let design = AttributionDesign::of(&base, &head);
            assert_eq!(design.settings.len(), arms, "{head:?}");
            for (place, part) in design.parts.iter().enumerate() {
                let at = |arm: usize| &design.settings[arm];
                assert_eq!(at(design.arms.only[place]), &part.switched(&base, &head));
                assert_eq!(at(design.arms.but[place]), &part.switched(&head, &base));
            }
        }
    }
}
