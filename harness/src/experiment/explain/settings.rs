//! Settings of the command line of `harness explain`, and the parts in which two settings differ.

use migrator::config::Settings;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::scenario::{Setting, nearest};

/// Name of a scenario's own settings.
pub const BASELINE: &str = "baseline";

/// Settings that depend on another one, and follow it.
const FOLLOWERS: [(&str, &[&str]); 3] = [
    ("pool", &["pool_max", "pool_idle_s", "pool_lifetime_s"]),
    ("queue_depth", &["queue_bytes_max"]),
    ("cache", &["cache_max_keys", "cache_spot_check"]),
];

/// A setting that can be switched alone, with its dependent ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingPart {
    /// Threads that map and insert.
    Workers,
    /// Records per transaction.
    BatchSize,
    /// Source of a batch's connections.
    Pool,
    /// Queue between the two halves of a worker.
    Queue,
    /// Threads that parse.
    ParseThreads,
    /// Look-up of stored keys.
    Cache,
    /// Insert method.
    Insert,
}

impl SettingPart {
    /// All parts, in report order.
    const ALL: [Self; 7] = [
        Self::Workers,
        Self::BatchSize,
        Self::Pool,
        Self::Queue,
        Self::ParseThreads,
        Self::Cache,
        Self::Insert,
    ];

    /// Name of the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::BatchSize => "batch_size",
            Self::Pool => "pool",
            Self::Queue => "queue_depth",
            Self::ParseThreads => "parse_threads",
            Self::Cache => "cache",
            Self::Insert => "insert",
        }
    }

    /// Parts in which two settings differ.
    pub fn differing(one: &Settings, other: &Settings) -> Vec<Self> {
        let differs = |part: &Self| part.switched(one, other) != *one;
        Self::ALL.into_iter().filter(differs).collect()
    }

    /// Settings with this part taken from `other`.
    pub fn switched(self, settings: &Settings, other: &Settings) -> Settings {
        let mut settings = settings.clone();
        match self {
            Self::Workers => settings.workers = other.workers,
            Self::BatchSize => settings.batch_size = other.batch_size,
            Self::Pool => settings.pool = other.pool,
            Self::Queue => settings.queue = other.queue,
            Self::ParseThreads => settings.parse_threads = other.parse_threads,
            Self::Cache => settings.cache = other.cache,
            Self::Insert => settings.insert = other.insert,
        }
        settings
    }

    /// Value of the part: `shared pool_max=4`.
    pub fn value(self, settings: &Settings) -> String {
        let object = flat(settings);
        let plain = |name: &str| object.get(name).map(plain).unwrap_or_default();
        let own = plain(self.name());
        let theirs = flat(&Self::alone(self, settings));
        let followers = FOLLOWERS.iter().filter(|(owner, _)| *owner == self.name());
        let names = followers.flat_map(|(_, names)| names.iter().copied());
        let unusual = names.filter(|name| object.get(*name) != theirs.get(*name));
        unusual.fold(own, |text, name| format!("{text} {name}={}", plain(name)))
    }

    /// Default settings with only this part changed.
    fn alone(self, settings: &Settings) -> Settings {
        let object = flat(settings);
        let mut only = flat(&Settings::default());
        if let Some(value) = object.get(self.name()) {
            only.insert(self.name().into(), value.clone());
        }
        typed(&only).unwrap_or_default()
    }
}

/// True if a word of the command line names settings.
pub fn is_settings(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| !name.contains('/'))
}

/// Parses `batch_size=100,pool=worker` over a scenario's settings; [`BASELINE`] stands for them.
/// Errors name the rejected part.
pub fn asked(text: &str, baseline: &Settings) -> Result<Settings, String> {
    let mut object = flat(baseline);
    if text == BASELINE {
        return Ok(baseline.clone());
    }
    let mut pairs = Vec::new();
    for word in text.split(',') {
        let Some((name, value)) = word.trim().split_once('=') else {
            return Err(format!("`{word}` is not of the form name=value"));
        };
        if !Settings::NAMES.contains(&name) {
            let nearest = nearest(name, &Settings::NAMES);
            return Err(format!("unknown setting `{name}`; the nearest known one is `{nearest}`"));
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(format!("{name} is given twice"));
        }
        pairs.push((name, value));
    }
    for (owner, followers) in FOLLOWERS {
        if pairs.iter().any(|(name, _)| *name == owner) {
            for name in followers {
                object.remove(*name);
            }
        }
    }
    object.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), read(value))));
    typed(&object)
}

/// Setting for a plan, labelled by the parts in which it differs.
pub fn setting(settings: &Settings, parts: &[SettingPart]) -> Setting {
    let of = |part: &SettingPart| (part.name(), part.value(settings));
    let short: Vec<String> = parts.iter().map(|part| of(part).1).collect();
    let label = parts.iter().map(of).map(|(name, value)| format!("{name}={value}"));
    Setting {
        short: short.join(" × "),
        label: label.collect::<Vec<_>>().join(" "),
        settings: settings.clone(),
    }
}

fn flat(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn typed(object: &Map<String, Value>) -> Result<Settings, String> {
    Settings::deserialize(&Value::Object(object.clone())).map_err(|error| error.to_string())
}

/// Parses a number, else a text.
fn read(text: &str) -> Value {
    let whole = text.parse::<u64>().map(Value::from);
    whole.or_else(|_| text.parse::<f64>().map(Value::from)).unwrap_or_else(|_| text.into())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Settings {
        asked(text, &Settings::default()).unwrap()
    }

    #[test]
    fn given_settings_replace_those_of_the_scenario() {
        assert_eq!(of(BASELINE), Settings::default());
        let head = of("batch_size=100,pool=shared,pool_max=4");
        assert_eq!(head.batch_size.get(), 100);
        assert_eq!(SettingPart::Pool.value(&head), "shared pool_max=4");
        assert_eq!(SettingPart::Pool.value(&of("pool=shared")), "shared");
        // Dependent settings of the scenario are dropped with their own setting.
        assert_eq!(asked("pool=off", &head).unwrap(), of("batch_size=100"));
        assert_eq!(
            SettingPart::Queue.value(&of("queue_depth=2,queue_bytes_max=7")),
            "2 queue_bytes_max=7"
        );
    }

    #[test]
    fn rejected_settings_are_named() {
        for (text, expected) in [
            ("batchsize=1", "the nearest known one is `batch_size`"),
            ("workers", "`workers` is not of the form name=value"),
            ("workers=1,workers=2", "workers is given twice"),
            ("pool_max=3", "pool_max has no effect"),
            ("workers=0", "0"),
            ("insert=slow", "slow"),
        ] {
            let said = asked(text, &Settings::default()).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn settings_are_distinguished_from_refs() {
        for text in ["batch_size=100", "pool=worker,cache=batch"] {
            assert!(is_settings(text), "{text}");
        }
        for text in ["main", "HEAD~1", "feature/a=b", "./migrator", BASELINE] {
            assert!(!is_settings(text), "{text}");
        }
    }

    #[test]
    fn every_part_that_differs_is_named_and_switched_by_itself() {
        let base = of("workers=1");
        let head = of("workers=4,batch_size=7,pool=worker,queue_depth=1,parse_threads=2,\
                       cache=batch,insert=bulk");
        let parts = SettingPart::differing(&base, &head);
        assert_eq!(parts, SettingPart::ALL);
        let all = parts.iter().fold(base.clone(), |settings, part| part.switched(&settings, &head));
        assert_eq!(all, head);
        for part in parts {
            let one = part.switched(&base, &head);
            assert_eq!(SettingPart::differing(&base, &one), [part]);
            assert!(Settings::NAMES.contains(&part.name()));
        }
        assert_eq!(
            setting(&head, &[SettingPart::Pool, SettingPart::Cache]).label,
            "pool=worker cache=batch"
        );
    }
}
