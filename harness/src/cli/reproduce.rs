//! The command line that measures the same again, as reports and ledgers give it: its flags, and
//! words as a shell takes them.

use std::time::Duration;

use crate::cli::args::{Flags, ProgramArgs, StoreArgs};
use crate::session::arms::Side;

/// What every measurement is told.
pub(super) fn flags(flags: &Flags) -> Vec<String> {
    let mut words = Vec::new();
    if flags.quick {
        words.push("--quick".into());
    }
    if let Some(seed) = flags.seed {
        words.extend(["--seed".into(), seed.to_string()]);
    }
    words.extend(stored(&flags.store));
    words
}

/// The build that is measured.
pub(super) fn program(program: &ProgramArgs) -> Vec<String> {
    let path = program.migrator.iter().map(|path| quoted(&path.display().to_string()));
    path.flat_map(|path| ["--migrator".into(), path]).collect()
}

/// The two arms: commits, because refs move.
pub(super) fn arms(sides: [&Side; 2]) -> Vec<String> {
    let named = ["--base", "--head"].into_iter().zip(sides);
    let words = named.flat_map(|(flag, side)| {
        let commit = side.commit.as_ref().map(|commit| commit.get(..12).unwrap_or(commit));
        [flag.into(), quoted(commit.unwrap_or(&side.name))]
    });
    words.collect()
}

/// Every scenario that is named.
pub(super) fn scenarios<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let words = names.into_iter().flat_map(|name| ["--scenario".into(), quoted(name)]);
    words.collect()
}

/// The time that may be taken, as one word.
pub(super) fn budget(budget: Duration) -> [String; 2] {
    ["--budget".into(), humantime::format_duration(budget).to_string().replace(' ', "")]
}

/// The flags that put the rows in the same place again. Where its password is is nobody's business.
fn stored(store: &StoreArgs) -> Vec<String> {
    let flags = [("--store", &store.store), ("--recreate", &store.recreate)];
    let given = flags.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
    given.flat_map(|(flag, value)| [flag.to_owned(), quoted(value)]).collect()
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_blanks_or_quotes_is_quoted_for_a_shell() {
        for (word, expected) in
            [("a/b.toml", "a/b.toml"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
