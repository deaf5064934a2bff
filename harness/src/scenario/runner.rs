//! `[runner] command`: command line of any program that writes a run report, with placeholders in
//! braces.

use migrator::config::Settings;
use serde::{Deserialize, Serialize};

use super::link::Link;
use super::store::Store;
use super::suggest::nearest;

/// Placeholders other than settings.
const PLACES: [&str; 7] =
    ["source", "store", "report", "now", "synchronous", "link_connect_ms", "link_round_trip_ms"];

/// A program under test that is not the migrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// The program, then its arguments. `{batch_size}` stands for a setting's value; `{source}`,
    /// `{store}` and `{report}` stand for the files of a trial. A doubled brace stands for one.
    pub command: Vec<String>,
}

/// A piece of a word.
enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

impl Runner {
    /// The command line with every placeholder's value. A setting that does not apply (`pool_max`
    /// without a shared pool) has none, and becomes an empty text.
    pub fn words(&self, value: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let filled = |word: &String| {
            let pieces = pieces(word).unwrap_or_default();
            let text = |piece: &Piece<'_>| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Place(name) => value(name).unwrap_or_default(),
            };
            pieces.iter().map(text).collect()
        };
        self.command.iter().map(filled).collect()
    }

    /// Error of the command, if it would silently ignore a part of the scenario.
    pub(crate) fn fault(&self, swept: &[String], link: Link, store: &Store) -> Option<String> {
        if self.command.is_empty() {
            return Some("takes a program and its arguments".into());
        }
        let mut places = Vec::new();
        for word in &self.command {
            match pieces(word) {
                Ok(pieces) => places.extend(pieces.iter().filter_map(Piece::place)),
                Err(fault) => return Some(fault),
            }
        }
        let known: Vec<&str> = PLACES.into_iter().chain(Settings::NAMES).collect();
        if let Some(unknown) = places.iter().find(|place| !known.contains(place)) {
            let nearest = nearest(unknown, &known);
            return Some(format!(
                "unknown placeholder {{{unknown}}}; the nearest is {{{nearest}}}"
            ));
        }
        let simulated = link.is_simulated();
        let needed = [
            ("report", true),
            ("link_connect_ms", simulated),
            ("link_round_trip_ms", simulated),
            ("synchronous", store.flushes_otherwise()),
            ("store", store.is_server()),
        ];
        let needed = needed.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name);
        let needed = needed.chain(swept.iter().map(String::as_str));
        let missing = needed.into_iter().find(|name| !places.contains(name))?;
        Some(format!("has no {{{missing}}}, which would be ignored"))
    }
}

impl<'a> Piece<'a> {
    fn place(&self) -> Option<&'a str> {
        match self {
            Self::Text(_) => None,
            Self::Place(name) => Some(name),
        }
    }
}

/// A word's texts and placeholders, in their order.
fn pieces(word: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Text(&from[..1]));
            rest = &from[2..];
            continue;
        }
        let inside = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((name, after)) = inside else {
            return Err(format!("a brace without its other in `{word}`; a brace itself is two"));
        };
        pieces.push(Piece::Place(name));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(words: &[&str]) -> Runner {
        Runner { command: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    #[test]
    fn placeholders_become_values_and_doubled_braces_braces() {
        let runner = runner(&["run", "--n={batch_size}{batch_size}", "{{}}", "[{pool_max}]", "x"]);
        let value = |name: &str| (name == "batch_size").then(|| "50".to_owned());
        assert_eq!(runner.words(value), ["run", "--n=5050", "{}", "[]", "x"]);
    }

    #[test]
    fn a_command_that_ignores_a_setting_is_rejected_by_name() {
        let swept = ["batch_size".to_owned()];
        let link = Link { connect_ms: 1, round_trip_ms: 0 };
        let none = Link::default();
        let files = |synchronous| Store::read("sqlite:", Some(synchronous)).unwrap();
        let (full, off) = (files("full"), files("off"));
        let server = Store::read("mssql:", None).unwrap();
        let whole = ["p", "{batch_size}", "{report}"];
        for (words, link, store, expected) in [
            (&[][..], none, &full, "takes a program"),
            (&whole[..2], none, &full, "has no {report}, which would be ignored"),
            (&["p", "{report}"], none, &full, "has no {batch_size}, which"),
            (&whole, link, &full, "has no {link_connect_ms}, which"),
            (&whole, none, &off, "has no {synchronous}, which"),
            (&whole, none, &server, "has no {store}, which"),
            (
                &["{batchsize}"],
                none,
                &full,
                "unknown placeholder {batchsize}; the nearest is {batch_size}",
            ),
            (&["{report"], none, &full, "a brace without its other in `{report`"),
        ] {
            let fault = runner(words).fault(&swept, link, store).unwrap();
            assert!(fault.starts_with(expected), "{fault}");
        }
        assert_eq!(runner(&whole).fault(&swept, none, &full), None);
    }
}
