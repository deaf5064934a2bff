//! Parts of a document that every session has: its runs, its environment, its simulated network.

use crate::report::model::{ArmRun, Fact, FailedRun, RunRow};
use crate::report::numbers::mib;
use crate::scenario::metric::Metric;
use crate::session::ledger::TrialLine;
use crate::session::state::{CompletedStep, SessionState};
use crate::trial::provenance::Provenance;

/// Every trial with its step and the running time before it, in seconds.
pub(super) fn timed_trials(
    recorded: &SessionState,
) -> impl Iterator<Item = (&CompletedStep, &TrialLine, f64)> {
    let trials = recorded.steps.iter().flat_map(|ran| ran.trials().map(move |line| (ran, line)));
    let mut elapsed_s = 0.0;
    trials.map(move |(ran, line)| {
        let start_s = elapsed_s + line.measurement.reset_s.unwrap_or_default();
        elapsed_s = start_s + line.measurement.elapsed_s;
        (ran, line, start_s)
    })
}

/// Figures of a trial that began at `at_s`.
pub(super) fn run(line: &TrialLine, at_s: f64) -> RunRow {
    let measurement = &line.measurement;
    RunRow {
        number: line.trial.number,
        block: line.trial.block,
        at_s,
        elapsed_s: measurement.elapsed_s,
        rec_per_min: measurement.value(Metric::RecPerMin),
        insert_ms: measurement.value(Metric::Insert),
        prepare_ms: measurement.value(Metric::Prepare),
        peak_rss_bytes: measurement.value(Metric::PeakRss),
        failure: measurement.failure().map(ToString::to_string),
    }
}

/// Every counted run with its arm.
pub(super) fn arm_runs(recorded: &SessionState) -> Vec<ArmRun> {
    let counted = timed_trials(recorded).filter(|(_, line, _)| !line.trial.warmup);
    let of_arm = counted.filter_map(|(ran, line, at_s)| {
        let arm = ran.step.arms.get(line.trial.arm)?;
        Some(ArmRun {
            step: ran.step.name.clone(),
            arm: recorded.arm_name(arm),
            is_baseline: line.trial.arm == ran.step.baseline,
            run: run(line, at_s),
        })
    });
    of_arm.collect()
}

/// Failed runs with their arm and step.
pub(super) fn failed(recorded: &SessionState) -> Vec<FailedRun> {
    let lines = recorded
        .steps
        .iter()
        .flat_map(|ran| ran.failures().map(move |(line, failure)| (ran, line.trial, failure)));
    let failed = lines.filter_map(|(ran, trial, failure)| {
        let arm = ran.step.arms.get(trial.arm)?;
        Some(FailedRun {
            trial: trial.number,
            setting: format!("{}, {}", recorded.arm_name(arm), ran.step.name),
            reason: failure.to_string(),
        })
    });
    failed.collect()
}

/// Simulated network of the session, in words.
pub(super) fn link(recorded: &SessionState) -> Option<String> {
    let scenarios = recorded.session.session.scenarios.iter();
    let mut links = scenarios.map(|scenario| scenario.link);
    links.find(|link| link.is_simulated()).map(|link| link.to_string())
}

/// Machine, programs and store of a session, by name.
pub(super) fn environment(identity: &Provenance) -> Vec<Fact> {
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
    let (machine, program, store) = (&identity.machine, &identity.program, &identity.store);
    let path = program.path.clone().unwrap_or_else(|| "the harness's own".into());
    let memory = machine.memory_bytes.map(|bytes| mib(bytes as f64));
    let load = machine.load.map(|load| format!("{load:.2}"));
    vec![
        Fact::new("began", &*identity.started),
        Fact::new("harness revision", &*identity.revision),
        Fact::new("migrator", path),
        Fact::new(
            "migrator build",
            format!("version {}, {}", known(&program.version), known(&program.profile)),
        ),
        Fact::new("migrator BLAKE3", &*program.blake3),
        Fact::new(
            "store",
            match &store.synchronous {
                Some(synchronous) => format!(
                    "{}, synchronous {synchronous}, on {}",
                    known(&store.version),
                    known(&store.filesystem)
                ),
                None => format!("{} at {}", known(&store.version), store.url),
            },
        ),
        Fact::new("host", known(&machine.host)),
        Fact::new("processors", format!("{} ({})", machine.cpus, known(&machine.cpu))),
        Fact::new("memory", known(&memory)),
        Fact::new("kernel", known(&machine.kernel)),
        Fact::new("governor", known(&machine.governor)),
        Fact::new("load before the first run", known(&load)),
    ]
}
