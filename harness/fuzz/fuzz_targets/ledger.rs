//! Any text as a ledger, alone and as what was written behind a good beginning: understood to its
//! last whole line, or refused.
#![no_main]

use harness::session::replay::parse_ledger;
use libfuzzer_sys::fuzz_target;

/// The beginning of a ledger; its first lines, before any trial, are the good beginning.
const LEDGER: &str = include_str!("../seeds/ledger/two-sizes.jsonl");

/// The session, its first step, and how many records a run takes.
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
