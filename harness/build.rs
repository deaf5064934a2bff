//! Passes the revision of the build to the program. Without git the package version replaces it.

use std::process::Command;

/// Files that determine the binary. Changes elsewhere do not mark the revision as modified.
const SOURCES: [&str; 6] = [
    "../harness/src",
    "../migrator/src",
    "../scenarios",
    "../Cargo.toml",
    "../Cargo.lock",
    "build.rs",
];

fn main() {
    for path in SOURCES {
        println!("cargo::rerun-if-changed={path}");
    }
    // A commit changes no source but the revision.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=HARNESS_REVISION={}", revision());
}

fn revision() -> String {
    // In a folder unpacked inside another repository, git would name that repository's revision.
    let tracked = git(&["ls-files", "--error-unmatch", "build.rs"]);
    let Some(commit) = tracked.and_then(|_| git(&["rev-parse", "HEAD"])) else {
        return env!("CARGO_PKG_VERSION").into();
    };
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    match git(&status) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}+changes"),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
