//! Server waits appear in the attribution line of every report, and only if the server counted
//! them.

use std::collections::BTreeMap;

use harness::experiment::gate::{GateStrategy, decide, session};
use harness::experiment::tune::{TuneStrategy, summarize};
use harness::report::markdown;
use harness::report::text::words;
use harness::scenario::tune_plan::Tune;
use harness::scenario::{Scenario, shipped, tune_plan};
use harness::session::arms::{ArmRef, GateSpec};
use harness::session::ledger::{Ledger, Origin, ProgramId, Session, SessionLine};
use harness::session::replay::Replay;
use harness::session::runner;
use harness::session::state::SessionState;
use harness::session::strategy::Strategy;
use harness::trial::provenance::{Provenance, StoreIdentity};
use harness::trial::{Mock, Source, report};
use migrator::config::{PoolConfig, Settings};
use migrator::telemetry::report::{RunReport, ServerReport, ServerWait};

use crate::common::{Silent, done, identity, mock_sweep, tell, uniform};

/// A run with this log wait, in milliseconds for 1,000 records, and this many bytes of log.
fn counted(run: RunReport, writelog_ms: f64, log_bytes: u64) -> RunReport {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds of a run"
    )]
    let wait_ms = (writelog_ms * run.books.read as f64 / 1000.0).round() as u64;
    let wait = ServerWait { count: 10, wait_ms, signal_ms: 0 };
    let server = ServerReport {
        waits: BTreeMap::from([("WRITELOG".to_owned(), wait)]),
        log_bytes: Some(log_bytes * run.books.read),
        lock_escalations: Some(0),
        ..ServerReport::default()
    };
    RunReport { server: Some(server), ..run }
}

fn on_a_server() -> StoreIdentity {
    StoreIdentity {
        url: "mssql://sa@db/loans?trust_cert=true&schema=sweetspot".into(),
        synchronous: None,
        version: Some("mssql Microsoft SQL Server 2022 (RTM-CU16) - 16.0.4165.4 (X64)".into()),
        filesystem: None,
    }
}

fn origin(programs: &[&str]) -> Origin {
    let id = |name: &&str| ProgramId { name: (*name).into(), blake3: format!("{name}-0123456789") };
    let programs = programs.iter().map(id).collect();
    Origin { revision: "r".into(), host: None, programs, servers: Vec::new() }
}

fn ran(line: SessionLine, strategy: &dyn Strategy, mut executor: Mock) -> SessionState {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let mut ledger = Ledger::create(&path, &line).unwrap();
    runner::run(Replay::of(line), strategy, &mut executor, &mut ledger, &mut Silent).unwrap();
    tell(&path).progress.into_recorded().unwrap()
}

/// A gate on a program that is a fifth slower. Its stages take 125 ms for 1,000 records.
fn gated(server: bool) -> SessionState {
    let text = shipped("gate").unwrap().replace("records = \"auto\" ", "records = 4000 ");
    let scenario = Scenario::parse(&text.replace("run_seconds = 0.8\n", "")).unwrap();
    let side = |name: &str| ArmRef { name: name.into(), commit: None };
    let contest = GateSpec::new(side("old"), side("new"), 600.0);
    let mut runs = 0;
    let executor = Mock::of_programs(move |source: &Source, program, settings: &Settings| {
        runs += 1;
        let slower = if program == 1 { 1.2 } else { 1.0 };
        let rate = 480_000.0 / slower / (1.0 + 0.02 * uniform(runs));
        let run = report(settings, source.records, rate);
        let (wait_ms, log_bytes) = [(20.0, 1_000), (45.0, 1_100)][program];
        Ok(done(if server { counted(run, wait_ms, log_bytes) } else { run }))
    });
    let line = SessionLine::new(session(contest, vec![scenario]), origin(&["old", "new"]), None);
    ran(line, &GateStrategy, executor)
}

#[test]
fn the_attribution_of_a_gate_names_the_server_waits() {
    let recorded = gated(true);
    let decided = decide(&recorded).unwrap();
    let why = decided.workloads[0].why.as_ref().unwrap();
    let change = why.server.as_ref().unwrap();
    // 25 ms more than the 237.5 ms of the stages of two workers.
    assert_eq!(change.waits[0].stage, "WRITELOG");
    assert!((change.waits[0].percent - 10.5).abs() < 0.5, "{why}");
    assert!((change.log_bytes_percent.unwrap() - 10.0).abs() < 0.1, "{why}");
    assert_eq!(change.lock_escalations, None);
    let identity = Provenance { store: on_a_server(), ..identity() };
    let report =
        markdown(&harness::report::build::gate::document(&decided, &recorded, &identity).unwrap())
            .unwrap();
    insta::assert_snapshot!("gate-on-a-server_markdown", report);
    let silent = decide(&gated(false)).unwrap();
    assert_eq!(silent.workloads[0].why.as_ref().unwrap().server, None);
    assert!(!harness::report::pretty(&silent).unwrap().contains("server"));
}

#[test]
fn the_conclusion_of_a_sweep_names_the_server_waits() {
    let scenario = Scenario::parse(shipped("batch-size").unwrap()).unwrap();
    let swept = |server: bool| {
        let mut runs = 0;
        let recorded = mock_sweep(&scenario, move |source: &Source, settings: &Settings| {
            runs += 1;
            let size = settings.batch_size.get() as f64;
            // The largest batch is fastest because it waits least for the log.
            let rate = 480_000.0 / (1.0 + 400.0 / size) * (1.0 + 0.01 * uniform(runs));
            let run = report(settings, source.records, rate);
            Ok(done(if server { counted(run, 40_000.0 / size, 1_000) } else { run }))
        });
        words::finding(&harness::analysis::sweep::analyse(&recorded.unwrap()).unwrap())
    };
    let finding = swept(true);
    assert!(finding.starts_with("IMPROVED: batch_size=2000"), "{finding}");
    assert!(finding.contains("It is kept. Why: server waits WRITELOG -"), "{finding}");
    assert!(!swept(false).contains("Why"));
}

#[test]
fn the_headline_of_a_tune_plan_names_the_server_waits() {
    let tuned = |server: bool| {
        let (mut base, plan) = Tune::parse(tune_plan::shipped("quick").unwrap()).unwrap();
        // One metric is enough to decide.
        base.gate.metrics.truncate(1);
        let plan = plan.only(&["II.2".to_owned()]).unwrap();
        let mut runs = 0;
        let executor = Mock::new(move |source: &Source, settings: &Settings| {
            runs += 1;
            let pooled = !matches!(settings.pool, PoolConfig::Off);
            let rate = if pooled { 600_000.0 } else { 480_000.0 };
            let run = report(settings, source.records, rate * (1.0 + 0.01 * uniform(runs)));
            let wait_ms = if pooled { 10.0 } else { 60.0 };
            Ok(done(if server { counted(run, wait_ms, 1_000) } else { run }))
        });
        let line = SessionLine::new(Session::tune(base, plan), origin(&["migrator"]), None);
        let recorded = ran(line, &TuneStrategy, executor);
        let tune_result = summarize(&recorded).unwrap();
        harness::report::build::tune::document(&tune_result, &recorded, &identity()).unwrap()
    };
    let document = tuned(true);
    let why = document.headline.why.as_ref().unwrap();
    assert!(why.starts_with("server waits WRITELOG -"), "{why}");
    assert!(markdown(&document).unwrap().contains("**Why:** server waits WRITELOG"));
    assert_eq!(tuned(false).headline.why, None);
}
