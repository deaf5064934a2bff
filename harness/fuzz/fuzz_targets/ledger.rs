//! Any text as a ledger, alone and as what was written behind a good beginning: understood to its
//! last whole line, or refused.
#![no_main]

use harness::progress::tell;
use libfuzzer_sys::fuzz_target;

/// A whole ledger; its first line is the good beginning.
const LEDGER: &str = include_str!("../seeds/ledger/two-sizes.jsonl");

fn check(text: &str) {
    if let Ok(told) = tell(text) {
        assert_eq!(told.whole_bytes + told.torn_bytes, text.len());
    }
}

fuzz_target!(|text: &str| {
    check(text);
    let beginning = LEDGER.lines().next().unwrap_or_default();
    check(&format!("{beginning}\n{text}"));
});
