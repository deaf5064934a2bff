//! Any bytes as measurements: rejected with the numbers of the offending lines, or judged. The
//! result is the same each time, in numbers that JSON can represent.
#![no_main]

use harness::analysis::external::{Options, judge};
use harness::stats::paired::Better;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for better in [Better::Lower, Better::Higher] {
        let mut options = Options::new(0.05, 1);
        options.every.better = Some(better);
        match judge(bytes, &options) {
            Err(bad) => assert!(bad.to_string().starts_with("line ")),
            Ok(judged) => {
                let lines = judged.json_lines().unwrap();
                assert_eq!(lines.lines().count(), judged.lines.len());
                assert_eq!(judge(bytes, &options).unwrap(), judged);
                assert!(matches!(judged.exit_code(), 0 | 1 | 3));
                assert!(!lines.contains("NaN"));
            }
        }
    }
});
