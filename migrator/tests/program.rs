//! Tests of the program: real processes, their files, exit codes, signals and messages.
#![cfg(test)]

mod support;

mod program {
    mod check;
    mod check_store;
    mod contract_names;
    mod crash_resume;
    mod explain;
    mod generate;
    mod golden;
    mod help;
    mod hostile_names;
    mod injected_slowdown;
    mod limits_disk;
    mod limits_resources;
    mod loans;
    mod mssql_verbs;
    mod previous_store;
    mod processes_race;
    mod resume;
    mod run_command;
    mod run_golden;
    mod run_interrupted;
    mod verify;
    mod verify_tampering;
}
