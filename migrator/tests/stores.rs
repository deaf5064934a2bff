//! Tests of runs and stores within this process: the embedded store, a simulated network, stores with
//! injected faults and the test double of SQL Server.
#![cfg(test)]

mod support;

mod stores {
    mod audit_invariants;
    mod batches;
    mod contract;
    mod dedup_cache;
    mod dedup_decisions;
    mod faults_any_settings;
    mod faults_by_position;
    mod invariants;
    mod link;
    mod log_refused;
    mod mssql_runs;
    mod pool;
    mod resume_counts;
    mod run_halves;
    mod run_pipeline;
    mod run_settings;
    mod tds_faults;
    mod tds_statements;
    mod tds_traps;
}
