//! Resolved and checked settings of a run; no `Option` for a limit, no I/O.

use std::num::NonZeroUsize;
use std::str::FromStr;

use chrono::NaiveDateTime;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The settings that a sweep varies. Serialized as a flat object of those that apply, the names of
/// which are the names in scenarios; on the command line they take hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TypedSettings")]
pub struct Settings {
    /// Threads that map and insert.
    pub workers: NonZeroUsize,
    /// Records in one transaction.
    pub batch_size: NonZeroUsize,
    /// How batches find out which of their keys are stored.
    #[serde(flatten)]
    pub cache: Caching,
    /// How rows reach the store.
    pub insert: InsertMethod,
}

/// Settings as they are typed, on a command line or in a scenario: what is not there has the
/// baseline's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(default)]
pub struct TypedSettings {
    /// Threads that map and insert [default: 2]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Records in one transaction [default: 1000]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<NonZeroUsize>,
    /// How batches find out which of their keys are stored [default: off]
    #[arg(long, value_enum)]
    pub cache: Option<CacheMode>,
    /// With `--cache worker` or `shared`: most keys that one cache keeps [default: 500000]
    #[arg(long, value_name = "N")]
    pub cache_max_keys: Option<NonZeroUsize>,
    /// With `--cache worker` or `shared`: share of cached keys that the store is asked about all
    /// the same, 0 to 1 [default: 0]
    #[arg(long, value_name = "RATE")]
    pub cache_spot_check: Option<Rate>,
    /// How rows reach the store [default: values]
    #[arg(long, value_enum)]
    pub insert: Option<InsertMethod>,
}

/// How batches find out which of their keys are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// One query for each key
    Off,
    /// One query for each table's keys, its answers dropped with the batch
    Batch,
    /// The same, and each worker keeps the keys that it knows to be committed
    Worker,
    /// The same, and all workers keep them together
    Shared,
}

/// How batches find out which of their keys are stored, with the limits that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "cache", rename_all = "lowercase")]
pub enum Caching {
    /// One query for each key.
    Off,
    /// One query for each table's keys, its answers dropped with the batch.
    Batch,
    /// The same, and each worker keeps the keys that it knows to be committed.
    Worker(CacheLimits),
    /// The same, and all workers keep them together.
    Shared(CacheLimits),
}

/// What a cache of keys keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CacheLimits {
    /// Most keys that one cache keeps: with `worker`, each worker's.
    #[serde(rename = "cache_max_keys")]
    pub max_keys: NonZeroUsize,
    /// Share of the cached keys met in batches that the store is asked about all the same.
    #[serde(rename = "cache_spot_check")]
    pub spot_check: Rate,
}

/// A share, from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// Sound because a rate is never NaN.
impl Eq for Rate {}

impl TryFrom<f64> for Rate {
    type Error = Error;

    fn try_from(share: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&share) {
            return Ok(Self(share));
        }
        Err(Error::usage(format!("{share} is no rate from 0 to 1")))
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let share: f64 = text
            .parse()
            .map_err(|cause| Error::caused(ErrorKind::Usage, format!("rate {text}"), cause))?;
        Self::try_from(share)
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

/// How rows reach the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum InsertMethod {
    /// Parameterised multi-row INSERT statements.
    Values,
    /// The store's bulk path.
    Bulk,
}

/// How `SQLite` flushes at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Synchronous {
    /// Flush to disk at each commit.
    Full,
    /// Flush at checkpoints only; a power cut may lose the last commits.
    Normal,
    /// Leave flushing to the operating system.
    Off,
}

impl Default for Settings {
    /// The baseline that every optimization is compared with.
    fn default() -> Self {
        const WORKERS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
        const BATCH: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
        Self {
            workers: WORKERS,
            batch_size: BATCH,
            cache: Caching::Off,
            insert: InsertMethod::Values,
        }
    }
}

impl Default for CacheLimits {
    /// As many keys as some 80,000 applications have, in no more than 45 MB.
    fn default() -> Self {
        const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(500_000).unwrap();
        Self { max_keys: MAX_KEYS, spot_check: Rate::default() }
    }
}

impl Settings {
    /// The name of every setting that there is; which of them apply depends on the others.
    pub const NAMES: [&'static str; 6] =
        ["workers", "batch_size", "cache", "cache_max_keys", "cache_spot_check", "insert"];
}

impl TryFrom<TypedSettings> for Settings {
    type Error = Error;

    /// Fills in the baseline; refuses a setting that would be ignored, by its name and the name of
    /// the one that it depends on.
    fn try_from(typed: TypedSettings) -> Result<Self> {
        let baseline = Self::default();
        Ok(Self {
            cache: typed.caching()?,
            workers: typed.workers.unwrap_or(baseline.workers),
            batch_size: typed.batch_size.unwrap_or(baseline.batch_size),
            insert: typed.insert.unwrap_or(baseline.insert),
        })
    }
}

impl TypedSettings {
    /// With `off` and `batch` nothing is kept, so there is neither a number of keys to limit nor a
    /// kept answer to check.
    fn caching(&self) -> Result<Caching> {
        let usual = CacheLimits::default();
        let limits = CacheLimits {
            max_keys: self.cache_max_keys.unwrap_or(usual.max_keys),
            spot_check: self.cache_spot_check.unwrap_or(usual.spot_check),
        };
        let caching = match self.cache.unwrap_or(CacheMode::Off) {
            CacheMode::Off => Caching::Off,
            CacheMode::Batch => Caching::Batch,
            CacheMode::Worker => return Ok(Caching::Worker(limits)),
            CacheMode::Shared => return Ok(Caching::Shared(limits)),
        };
        let typed = [
            ("cache_max_keys", self.cache_max_keys.is_some()),
            ("cache_spot_check", self.cache_spot_check.is_some()),
        ];
        match typed.iter().find(|(_, typed)| *typed) {
            Some((name, _)) => Err(Error::usage(format!(
                "setting {name} would be ignored: it belongs to cache = worker or shared"
            ))),
            None => Ok(caching),
        }
    }
}

/// How a run is carried out, apart from what it reads, writes and maps with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What a sweep varies.
    pub settings: Settings,
    /// Most records to read; `u64::MAX` for all.
    pub limit: u64,
    /// Take records again that the log calls failed.
    pub retry_failed: bool,
    /// The run's one point in time: `GETUTCDATE()` and the log's `processing_time`.
    pub now: NaiveDateTime,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> std::result::Result<Settings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_show_the_cache_limits_only_where_they_apply() {
        for (typed, shown) in [
            (json!({}), json!({"cache": "off"})),
            (json!({"cache": "batch"}), json!({"cache": "batch"})),
            (
                json!({"cache": "worker"}),
                json!({"cache": "worker", "cache_max_keys": 500_000, "cache_spot_check": 0.0}),
            ),
            (
                json!({"cache": "shared", "cache_max_keys": 7, "cache_spot_check": 0.25}),
                json!({"cache": "shared", "cache_max_keys": 7, "cache_spot_check": 0.25}),
            ),
        ] {
            let settings = read(typed).unwrap();
            let mut value = serde_json::to_value(&settings).unwrap();
            assert_eq!(read(value.clone()).unwrap(), settings);
            value.as_object_mut().unwrap().retain(|name, _| name.starts_with("cache"));
            assert_eq!(value, shown);
        }
    }

    #[test]
    fn a_cache_limit_without_its_cache_is_refused_by_both_names() {
        for typed in [json!({}), json!({"cache": "off"}), json!({"cache": "batch"})] {
            for name in ["cache_max_keys", "cache_spot_check"] {
                let mut typed = typed.clone();
                typed[name] = json!(1);
                let fault = read(typed).unwrap_err();
                assert!(fault.contains(name), "{fault}");
                assert!(fault.contains("cache = worker or shared"), "{fault}");
            }
        }
    }

    #[test]
    fn cache_limits_out_of_range_are_refused() {
        for (name, value) in [
            ("cache_max_keys", json!(0)),
            ("cache_spot_check", json!(1.01)),
            ("cache_spot_check", json!(-0.5)),
        ] {
            let mut typed = json!({"cache": "shared"});
            typed[name] = value;
            assert!(read(typed).is_err(), "{name}");
        }
        for text in ["NaN", "1e9", "often"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_setting_that_is_shown_has_its_name_in_the_list() {
        let most = read(json!({"cache": "shared"})).unwrap();
        let shown = serde_json::to_value(most).unwrap();
        let names: Vec<_> = shown.as_object().unwrap().keys().collect();
        assert_eq!(names, Settings::NAMES);
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }
}
