//! The command line that repeats a measurement, as reports and results folders show it.

use std::ffi::OsString;
use std::fmt;

use crate::session::arms::ArmRef;

/// Names of arms in a command line.
const ARMS: [&str; 2] = ["--base", "--head"];

/// The path of a password file stays out of reports, which are public more often than not.
const PASSWORD_FILE: &str = "--password-file";

/// A command line as it was given, without the program's path and the password's place.
///
/// `Display` quotes its words for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandLine(Vec<String>);

impl CommandLine {
    /// From a process's arguments; the first is the program's path.
    pub(super) fn from_arguments(arguments: &[OsString]) -> Self {
        let given = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
        let mut words = vec!["harness".to_owned()];
        let mut is_value_left_out = false;
        for word in given {
            let (flag, value) = word.split_once('=').map_or((&*word, None), |(f, v)| (f, Some(v)));
            if is_value_left_out {
                is_value_left_out = false;
            } else if flag == PASSWORD_FILE {
                is_value_left_out = value.is_none();
            } else if let (true, Some(value)) = (ARMS.contains(&flag), value) {
                words.extend([flag.to_owned(), value.to_owned()]);
            } else {
                words.push(word);
            }
        }
        Self(words)
    }

    /// With commits in place of refs, because refs move.
    pub(super) fn with_arms(&self, sides: [&ArmRef; 2]) -> Self {
        let mut words = self.0.clone();
        for (flag, side) in ARMS.into_iter().zip(sides) {
            let commit = side.commit.as_ref().map(|commit| commit.get(..12).unwrap_or(commit));
            let flag_at = words.iter().position(|word| word == flag);
            if let Some(value) = flag_at.and_then(|at| words.get_mut(at + 1)) {
                commit.unwrap_or(&side.name).clone_into(value);
            }
        }
        Self(words)
    }

    /// The gate of a bisection's commit, from the command line of the bisection.
    pub(super) fn as_gate(&self) -> Self {
        let mut words = self.0.clone();
        words.retain(|word| word != "--bisect");
        if let Some(verb) = words.get_mut(1) {
            "gate".clone_into(verb);
        }
        Self(words)
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|word| quoted(word)).collect();
        f.write_str(&words.join(" "))
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+@%,~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('~') {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &str) -> CommandLine {
        let arguments: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        CommandLine::from_arguments(&arguments)
    }

    #[test]
    fn a_word_with_blanks_or_quotes_is_quoted_for_a_shell() {
        let cases = [
            ("a/b.toml", "a/b.toml"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("HEAD~1", "HEAD~1"),
            ("~/x", "'~/x'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn the_arguments_are_kept_as_given_but_for_the_program_and_the_password_file() {
        let line = given("/opt/harness sweep a.toml --seed 3 --password-file /run/secret --quick");
        assert_eq!(line.to_string(), "harness sweep a.toml --seed 3 --quick");
        let line = given("harness --password-file=/run/secret --budget=2m");
        assert_eq!(line.to_string(), "harness --budget=2m");
    }

    #[test]
    fn refs_become_commits_and_other_arms_keep_their_names() {
        let side = |name: &str, commit: Option<&str>| ArmRef {
            name: name.into(),
            commit: commit.map(str::to_owned),
        };
        let head = side("feature", Some("0123456789abcdef"));
        for line in [
            "harness gate --base a.toml --head feature",
            "harness gate --base=a.toml --head=feature",
        ] {
            let line = given(line).with_arms([&side("a.toml", None), &head]);
            assert_eq!(line.to_string(), "harness gate --base a.toml --head 0123456789ab");
        }
    }

    #[test]
    fn a_bisection_gates_each_commit_with_its_own_flags() {
        let line = given("harness explain --bisect --base a --head b --budget 5m --json");
        assert_eq!(line.as_gate().to_string(), "harness gate --base a --head b --budget 5m --json");
    }
}
