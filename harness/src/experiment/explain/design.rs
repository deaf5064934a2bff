//! Which runs take a difference apart: pairs of the two arms, and the settings in which each part
//! is switched by itself. Pure.

use migrator::config::Settings;

use super::settings::SettingPart;
use crate::scenario::Scenario;
use crate::stats::shapley;

/// The steps that compare the two arms.
pub(super) const PAIRED_COMPARISON: &str = "difference";
/// The step that takes settings apart.
pub(super) const ONE_AT_A_TIME: &str = "one at a time";

/// Which settings tell the parts of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttributionDesign {
    /// The parts.
    pub(super) parts: Vec<SettingPart>,
    /// What is run: each once, though two parts may need the same.
    pub(super) settings: Vec<Settings>,
    /// Which of them is what.
    pub(super) arms: shapley::Arms,
}

impl AttributionDesign {
    /// Of two settings.
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

    /// Of a scenario's two settings; `None` where they differ in one part, which then has
    /// everything, or are not two.
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
