//! Any text as a ledger, alone and appended to a valid beginning: parsed up to its last complete
//! line, or rejected.
#![no_main]

use harness::session::replay::parse_ledger;
use libfuzzer_sys::fuzz_target;

/// A ledger. Its first lines, before any trial, are the valid beginning.
const LEDGER: &str = include_str!("../seeds/ledger/two-sizes.jsonl");

/// The session, its first step, and the number of records of a run.
const BEGINNING_LINES: usize = 3;

fn check(text: &str) {
    if let Ok(told) = parse_ledger(text) {
        assert_eq!(told.whole_bytes + told.torn_bytes, text.len());
    }
}

fuzz_target!(|text: &str| {
    check(text);
    let beginning: String = LEDGER.split_inclusive('\n').take(BEGINNING_LINES).collect();
    check(&format!("{beginning}{text}"));
});
