//! Modules import downwards only: the order of the list is the order of the layers.

#[path = "../../migrator/tests/support/layering.rs"]
mod layering;

use std::path::Path;

const ORDER: &[&str] = &[
    // 0: what stops a session, units, statistics
    "error.rs",
    "stats/sample.rs",
    "stats/middle.rs",
    "stats/walsh.rs",
    "stats/paired.rs",
    "stats/quadrature.rs",
    "stats/power.rs",
    "stats/dunnett.rs",
    "stats/hsu.rs",
    "stats/holm.rs",
    "stats/looks.rs",
    "stats/rate.rs",
    "stats/tails.rs",
    "stats/successive.rs",
    "stats/permutation.rs",
    "stats/interval.rs",
    "stats/verdict.rs",
    "stats/confidence.rs",
    "stats/validity.rs",
    "stats/mod.rs",
    "metric.rs",
    // 1: what is to be measured
    "scenario/mod.rs",
    "scenario/read.rs",
    "scenario/runner.rs",
    // 2: in which order
    "plan.rs",
    "step.rs",
    // 3: what a trial gave, where results go, what machine this is
    "measure.rs",
    "validity.rs",
    "identity.rs",
    "results.rs",
    // 4: trials, events, the ledger
    "executor/mod.rs",
    "executor/mock.rs",
    "executor/launch.rs",
    "executor/surroundings.rs",
    "executor/process.rs",
    "ledger.rs",
    "recorded.rs",
    "progress.rs",
    "resume.rs",
    "event.rs",
    // 5: the loop, the analysis
    "strategy.rs",
    "run.rs",
    "figures.rs",
    "finding.rs",
    "agreement.rs",
    "compare/exact.rs",
    "compare/mod.rs",
    "analyse/doubt.rs",
    "analyse/mod.rs",
    "analyse/best.rs",
    "sweep.rs",
    "self_test/mod.rs",
    "self_test/rates.rs",
    "judge/read.rs",
    "judge/mod.rs",
    "doctor/finding.rs",
    "doctor/texts.rs",
    "doctor/processor.rs",
    "doctor/sharing.rs",
    "doctor/memory.rs",
    "doctor/disk.rs",
    "doctor/watch.rs",
    "doctor/noise.rs",
    "doctor/mod.rs",
    // 6: what people and programs read
    "render/format.rs",
    "render/order.rs",
    "render/words.rs",
    "render/metrics.rs",
    "render/table.rs",
    "render/charts/frame.rs",
    "render/charts/mod.rs",
    "render/markdown.rs",
    "render/doctor.rs",
    "render/self_test.rs",
    "render/mod.rs",
    "display.rs",
    // 7: the program
    "args.rs",
    "cmd/load.rs",
    "cmd/judge.rs",
    "cmd/plan.rs",
    "cmd/session.rs",
    "cmd/write.rs",
    "cmd/sweep.rs",
    "cmd/report.rs",
    "cmd/doctor.rs",
    "cmd/self_test.rs",
    "cmd/mod.rs",
    "lib.rs",
    "main.rs",
];

#[test]
fn every_file_imports_only_from_files_below_it() {
    layering::assert_layers(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), ORDER);
}
