//! Any text as a scenario: rejected with a place, or a plan in which every setting has its run.
#![no_main]

use harness::scenario::schedule;
use harness::scenario::schedule::Schedule;
use harness::scenario::Scenario;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            return;
        }
    };
    let name_stays_inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(!scenario.name.is_empty() && scenario.name.chars().all(name_stays_inside));
    let plan = Schedule::of(&scenario);
    let per_block = scenario.settings.len();
    assert_eq!(plan.trial_count(), plan.blocks.len() * per_block);
    for index in 0..plan.blocks.len().min(3) {
        let mut arms: Vec<_> = plan.block_trials(index).iter().map(|trial| trial.arm).collect();
        arms.sort_unstable();
        assert!(arms.into_iter().eq(0..per_block));
    }
    assert_eq!(schedule::hash(&scenario), schedule::hash(&scenario.clone()));
});
