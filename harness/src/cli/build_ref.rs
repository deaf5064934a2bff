//! Builds the migrator of a git ref in a worktree and target folder under the results folder, once
//! per tree and toolchain. The user's worktree and target folder stay untouched.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::results_dir::make;

/// Package to build, and the name of its program.
const PACKAGE: &str = "migrator";

/// Number of compiler output lines in an error.
const LAST_LINES: usize = 20;

/// A commit and its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    /// Hash of the commit.
    pub(super) hash: String,
    tree: String,
}

impl Commit {
    /// Resolves a ref in the repository of the working directory; `None` without such a ref, a
    /// repository, or git.
    pub(super) fn of(name: &str) -> Option<Self> {
        let parse = |suffix: &str| {
            let wanted = format!("{name}{suffix}");
            let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
            let output = git(None, words).ok().filter(|output| output.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        Some(Self { hash: parse("^{commit}")?, tree: parse("^{tree}")? })
    }

    /// Hash prefix.
    pub(super) fn short(&self) -> &str {
        self.hash.get(..8).unwrap_or(&self.hash)
    }
}

/// Commits after `base` up to `head` along first parents, oldest first, with their subjects. Fails
/// if `base` is not on that line.
pub(super) fn between(base: &Commit, head: &Commit) -> Result<Vec<(Commit, String)>> {
    let range = format!("{}..{}", base.hash, head.hash);
    let words = [
        "log",
        "--first-parent",
        "--reverse",
        "--format=%H%x09%T%x09%s",
        "--end-of-options",
        &range,
    ];
    let output = git(None, words)?;
    if !output.status.success() {
        return Err(Error::environment(format!("git log {range}: {}", last_lines(&output.stderr))));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let commit = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (hash, tree) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some((Commit { hash, tree }, parts.next()?.to_owned()))
    };
    let commits: Vec<(Commit, String)> = text.lines().filter_map(commit).collect();
    let oldest = commits.first().map(|(oldest, _)| format!("{}^", oldest.hash));
    if oldest.and_then(|name| Commit::of(&name)).as_ref() == Some(base) {
        return Ok(commits);
    }
    Err(Error::usage(format!(
        "{} is not a first-parent ancestor of {}: there are no commits between them \
         to search",
        base.short(),
        head.short()
    )))
}

/// True if tracked files of the working directory's repository have uncommitted changes.
pub(super) fn has_changes() -> bool {
    let status = git(None, ["status", "--porcelain", "--untracked-files=no"]);
    status.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// Folder of kept builds.
#[derive(Debug)]
pub(super) struct Builds {
    folder: PathBuf,
    toolchain: String,
    _lock: File,
}

/// Outcome of a build.
pub(super) enum Built {
    /// The program.
    Program(PathBuf),
    /// The build failed, with the compiler's last lines.
    Refused(Error),
}

impl Built {
    /// The program, or the error of the build.
    pub(super) fn program(self) -> Result<PathBuf> {
        match self {
            Self::Program(path) => Ok(path),
            Self::Refused(error) => Err(error),
        }
    }
}

impl Builds {
    /// Opens the folder of builds below the results folder; waits for another harness that builds
    /// there.
    pub(super) fn within(out: &Path) -> Result<Self> {
        let folder = out.join(".builds");
        make(&folder)?;
        let failed = |error| Error::caused(format!("locking {}", folder.display()), error);
        let folder = folder.canonicalize().map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { toolchain: toolchain()?, folder, _lock: lock })
    }

    fn kept(&self, commit: &Commit) -> PathBuf {
        // Another compiler or other flags make a different program of the same tree.
        self.folder.join(format!("{}-{}", commit.tree, self.toolchain)).join(PACKAGE)
    }

    /// True if the commit is built already.
    pub(super) fn has(&self, commit: &Commit) -> bool {
        self.kept(commit).exists()
    }

    /// Builds a commit; `name` is for messages.
    pub(super) fn build(&self, name: &str, commit: &Commit) -> Result<Built> {
        let kept = self.kept(commit);
        if kept.exists() {
            return Ok(Built::Program(kept));
        }
        let source = self.check_out(commit)?;
        let built = self.compile(name, &source)?;
        if let Built::Program(path) = &built {
            keep(path, &kept)?;
            return Ok(Built::Program(kept));
        }
        Ok(built)
    }

    /// All refs share one worktree and one target folder, so that the next one compiles only the
    /// differences.
    fn check_out(&self, commit: &Commit) -> Result<PathBuf> {
        let source = self.folder.join("source");
        let hash = commit.hash.as_str();
        if source.exists() {
            let words = ["checkout", "--quiet", "--force", "--detach", hash];
            let done = git(Some(&source), words)?.status.success();
            if done && git(Some(&source), ["clean", "-qfdx"])?.status.success() {
                return Ok(source);
            }
            // A worktree of another repository, or of one that has moved.
            fs::remove_dir_all(&source)
                .map_err(|error| Error::caused(format!("removing {}", source.display()), error))?;
        }
        git(None, ["worktree", "prune"])?;
        let words = [
            OsStr::new("worktree"),
            OsStr::new("add"),
            OsStr::new("--quiet"),
            OsStr::new("--force"),
            OsStr::new("--detach"),
            source.as_os_str(),
            OsStr::new(hash),
        ];
        let output = git(None, words)?;
        if output.status.success() {
            return Ok(source);
        }
        let words = last_lines(&output.stderr);
        Err(Error::environment(format!("checking out {}: {words}", commit.short())))
    }

    fn compile(&self, name: &str, source: &Path) -> Result<Built> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--locked", "--package", PACKAGE, "--bin", PACKAGE])
            .args(["--color", "never", "--message-format", "json-render-diagnostics"])
            .arg("--target-dir")
            .arg(self.folder.join("target"))
            .current_dir(source);
        let output = cargo.output().map_err(|error| Error::caused("starting cargo", error))?;
        if output.status.signal().is_some() {
            // Ctrl-C reaches the compiler too; its failure is then no property of the commit.
            let message = format!("building {name} was interrupted");
            return Err(Error::new(ErrorKind::Interrupted, message));
        }
        let refused = |words: &str| {
            Built::Refused(Error::environment(format!("{name} does not build: {words}")))
        };
        if !output.status.success() {
            return Ok(refused(&format!("\n{}", last_lines(&output.stderr))));
        }
        let named = executable(&output.stdout).map(Built::Program);
        Ok(named.unwrap_or_else(|| refused(&format!("cargo built no program named {PACKAGE}"))))
    }
}

/// Cargo's message about a program that it has built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn executable(messages: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(messages);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    let mut ours = artifacts.filter(|artifact| artifact.target.name == PACKAGE);
    ours.find_map(|artifact| artifact.executable)
}

/// Copies a program to a temporary name and renames it, so that the copy is complete or absent.
fn keep(built: &Path, kept: &Path) -> Result<()> {
    let failed = |error| Error::caused(format!("keeping {}", kept.display()), error);
    let aside = kept.with_extension("tmp");
    if let Some(folder) = kept.parent() {
        make(folder)?;
    }
    fs::copy(built, &aside).and_then(|_| fs::rename(&aside, kept)).map_err(failed)
}

/// Eight characters that change with the compiler and its flags.
fn toolchain() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output();
    let output = output.map_err(|error| Error::caused("starting rustc", error))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&output.stdout);
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        hasher.update(std::env::var_os(variable).unwrap_or_default().as_encoded_bytes());
        hasher.update(b"\n");
    }
    Ok(hasher.finalize().to_hex()[..8].to_owned())
}

/// Runs git in a folder, or in the working directory.
fn git(
    folder: Option<&Path>,
    words: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<Output> {
    let mut command = Command::new("git");
    if let Some(folder) = folder {
        command.arg("-C").arg(folder);
    }
    let output = command.args(words).output();
    output.map_err(|error| Error::caused("starting git", error))
}

fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}
