//! Resolved and checked settings of a run; no `Option` for a limit, no I/O.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;

use chrono::NaiveDateTime;
use clap::{Args, ValueEnum};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::util::partition::Partition;

/// The settings that a sweep varies. Serialized as a flat object of those that apply, the names of
/// which are the names in scenarios; on the command line they take hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SettingsArgs")]
pub struct Settings {
    /// Threads that map and insert.
    pub workers: NonZeroUsize,
    /// Records in one transaction.
    pub batch_size: NonZeroUsize,
    /// Where batches get their connections.
    #[serde(flatten)]
    pub pool: PoolConfig,
    /// What may wait between a worker's two halves.
    #[serde(flatten)]
    pub queue: QueueConfig,
    /// Threads of the parse pool; 0: workers parse themselves.
    pub parse_threads: usize,
    /// How batches find out which of their keys are stored.
    #[serde(flatten)]
    pub cache: CacheConfig,
    /// How rows reach the store.
    pub insert: InsertMethod,
}

/// Settings as they are typed, on a command line or in a scenario: what is not there has the
/// baseline's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(default)]
pub struct SettingsArgs {
    /// Threads that map and insert [default: 2]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Records in one transaction [default: 1000]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<NonZeroUsize>,
    /// Where batches get their connections [default: off]
    #[arg(long, value_enum)]
    pub pool: Option<PoolMode>,
    /// With `--pool shared`: most connections at one time [default: 10]
    #[arg(long, value_name = "N")]
    pub pool_max: Option<NonZeroUsize>,
    /// With `--pool shared`: seconds after which an unused connection is closed [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub pool_idle_s: Option<NonZeroU64>,
    /// With `--pool shared`: seconds after which a connection is replaced [default: 1800]
    #[arg(long, value_name = "SECONDS")]
    pub pool_lifetime_s: Option<NonZeroU64>,
    /// Prepared batches that may wait between a worker's mapping half and its inserting half; 0: it
    /// maps a batch, then inserts it [default: 0]
    #[arg(long, value_name = "N")]
    pub queue_depth: Option<usize>,
    /// With `--queue-depth`: bytes that may wait, per worker [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    pub queue_bytes_max: Option<NonZeroU64>,
    /// Threads that parse in front of the mappers; 0: workers parse themselves [default: 0]
    #[arg(long, value_name = "N")]
    pub parse_threads: Option<usize>,
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

/// Where batches get their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// A fresh connection for every batch
    Off,
    /// One for each worker, opened at first use and kept for the worker's life
    Worker,
    /// One lazy pool for all workers
    Shared,
}

/// Where batches get their connections, with the limits that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "pool", rename_all = "lowercase")]
pub enum PoolConfig {
    /// A fresh connection for every batch.
    Off,
    /// One for each worker, opened at first use and kept for the worker's life.
    Worker,
    /// One lazy pool for all workers.
    Shared(PoolLimits),
}

/// What a shared pool keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolLimits {
    /// Most connections at one time.
    #[serde(rename = "pool_max")]
    pub max: NonZeroUsize,
    /// Seconds after which a connection that nobody uses is closed.
    #[serde(rename = "pool_idle_s")]
    pub idle_s: NonZeroU64,
    /// Seconds after which a connection is not used again.
    #[serde(rename = "pool_lifetime_s")]
    pub lifetime_s: NonZeroU64,
}

/// What may wait between a worker's mapping half and its inserting half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueConfig {
    /// Nothing: a worker maps a batch, then inserts it.
    Off,
    /// Prepared batches, while the other half works.
    On(QueueLimits),
}

/// What a queue keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Most batches that wait.
    pub depth: NonZeroUsize,
    /// Most bytes that wait; a larger batch passes alone through the empty queue.
    pub bytes_max: NonZeroU64,
}

impl Serialize for QueueConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Off => map.serialize_entry("queue_depth", &0)?,
            Self::On(limits) => {
                map.serialize_entry("queue_depth", &limits.depth)?;
                map.serialize_entry("queue_bytes_max", &limits.bytes_max)?;
            }
        }
        map.end()
    }
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
pub enum CacheConfig {
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
            pool: PoolConfig::Off,
            queue: QueueConfig::Off,
            parse_threads: 0,
            cache: CacheConfig::Off,
            insert: InsertMethod::Values,
        }
    }
}

impl Default for PoolLimits {
    /// The usual ones of connection pools (bb8, r2d2): no run of minutes meets them by accident.
    fn default() -> Self {
        const MAX: NonZeroUsize = NonZeroUsize::new(10).unwrap();
        const IDLE_S: NonZeroU64 = NonZeroU64::new(600).unwrap();
        const LIFETIME_S: NonZeroU64 = NonZeroU64::new(1800).unwrap();
        Self { max: MAX, idle_s: IDLE_S, lifetime_s: LIFETIME_S }
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
    pub const NAMES: [&'static str; 13] = [
        "workers",
        "batch_size",
        "pool",
        "pool_max",
        "pool_idle_s",
        "pool_lifetime_s",
        "queue_depth",
        "queue_bytes_max",
        "parse_threads",
        "cache",
        "cache_max_keys",
        "cache_spot_check",
        "insert",
    ];
}

impl TryFrom<SettingsArgs> for Settings {
    type Error = Error;

    /// Fills in the baseline; refuses a setting that would be ignored, by its name and the name of
    /// the one that it depends on.
    fn try_from(args: SettingsArgs) -> Result<Self> {
        let baseline = Self::default();
        Ok(Self {
            pool: args.pool_config()?,
            queue: args.queue_config()?,
            parse_threads: args.parse_threads.unwrap_or(baseline.parse_threads),
            cache: args.cache_config()?,
            workers: args.workers.unwrap_or(baseline.workers),
            batch_size: args.batch_size.unwrap_or(baseline.batch_size),
            insert: args.insert.unwrap_or(baseline.insert),
        })
    }
}

/// Bytes of prepared batches that wait for one worker's inserting half, unless said otherwise.
const QUEUE_BYTES_MAX: NonZeroU64 = NonZeroU64::new(64 << 20).unwrap();

impl SettingsArgs {
    /// With `off` and `batch` nothing is kept, so there is neither a number of keys to limit nor a
    /// kept answer to check.
    fn cache_config(&self) -> Result<CacheConfig> {
        let usual = CacheLimits::default();
        let limits = CacheLimits {
            max_keys: self.cache_max_keys.unwrap_or(usual.max_keys),
            spot_check: self.cache_spot_check.unwrap_or(usual.spot_check),
        };
        let config = match self.cache.unwrap_or(CacheMode::Off) {
            CacheMode::Off => CacheConfig::Off,
            CacheMode::Batch => CacheConfig::Batch,
            CacheMode::Worker => return Ok(CacheConfig::Worker(limits)),
            CacheMode::Shared => return Ok(CacheConfig::Shared(limits)),
        };
        let limits = [
            ("cache_max_keys", self.cache_max_keys.is_some()),
            ("cache_spot_check", self.cache_spot_check.is_some()),
        ];
        match limits.iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => Err(Error::usage(format!(
                "setting {name} would be ignored: it belongs to cache = worker or shared"
            ))),
            None => Ok(config),
        }
    }

    fn queue_config(&self) -> Result<QueueConfig> {
        let depth = self.queue_depth.and_then(NonZeroUsize::new);
        match (depth, self.queue_bytes_max) {
            (Some(depth), bytes_max) => Ok(QueueConfig::On(QueueLimits {
                depth,
                bytes_max: bytes_max.unwrap_or(QUEUE_BYTES_MAX),
            })),
            (None, None) => Ok(QueueConfig::Off),
            (None, Some(_)) => Err(Error::usage(
                "setting queue_bytes_max would be ignored: it belongs to queue_depth of 1 or more",
            )),
        }
    }

    fn pool_config(&self) -> Result<PoolConfig> {
        let usual = PoolLimits::default();
        let config = match self.pool.unwrap_or(PoolMode::Off) {
            PoolMode::Off => PoolConfig::Off,
            PoolMode::Worker => PoolConfig::Worker,
            PoolMode::Shared => {
                return Ok(PoolConfig::Shared(PoolLimits {
                    max: self.pool_max.unwrap_or(usual.max),
                    idle_s: self.pool_idle_s.unwrap_or(usual.idle_s),
                    lifetime_s: self.pool_lifetime_s.unwrap_or(usual.lifetime_s),
                }));
            }
        };
        let limits = [
            ("pool_max", self.pool_max.is_some()),
            ("pool_idle_s", self.pool_idle_s.is_some()),
            ("pool_lifetime_s", self.pool_lifetime_s.is_some()),
        ];
        match limits.iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => Err(Error::usage(format!(
                "setting {name} would be ignored: it belongs to pool = shared"
            ))),
            None => Ok(config),
        }
    }
}

/// A link between migrator and store that is simulated on top of the one that is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// What a connect takes, in milliseconds.
    pub connect_ms: u32,
    /// What a message on the wire and its answer take, in milliseconds.
    pub round_trip_ms: u32,
}

impl Link {
    /// Whether it takes any time; without that, nothing is simulated.
    pub fn takes_time(self) -> bool {
        self != Self::default()
    }
}

/// How a run is carried out, apart from what it reads, writes and maps with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What a sweep varies.
    pub settings: Settings,
    /// Most records to read; `u64::MAX` for all.
    pub limit: u64,
    /// Which share of the source is taken.
    pub partition: Partition,
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
    fn settings_show_what_applies_and_nothing_else() {
        for (typed, shown) in [
            (
                json!({}),
                json!({
                    "workers": 2, "batch_size": 1000, "pool": "off", "queue_depth": 0,
                    "parse_threads": 0, "cache": "off", "insert": "values",
                }),
            ),
            (
                json!({"pool": "worker", "insert": "bulk"}),
                json!({
                    "workers": 2, "batch_size": 1000, "pool": "worker", "queue_depth": 0,
                    "parse_threads": 0, "cache": "off", "insert": "bulk",
                }),
            ),
            (
                json!({"workers": 3, "pool": "shared", "pool_max": 1, "queue_depth": 4}),
                json!({
                    "workers": 3, "batch_size": 1000, "pool": "shared", "pool_max": 1,
                    "pool_idle_s": 600, "pool_lifetime_s": 1800, "queue_depth": 4,
                    "queue_bytes_max": 67_108_864, "parse_threads": 0, "cache": "off", "insert": "values",
                }),
            ),
        ] {
            let settings = read(typed).unwrap();
            let value = serde_json::to_value(&settings).unwrap();
            assert_eq!(value, shown);
            assert_eq!(read(value).unwrap(), settings);
        }
    }

    #[test]
    fn the_baseline_is_what_is_not_typed() {
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn a_limit_without_its_pool_is_refused_by_both_names() {
        for mode in ["off", "worker"] {
            for name in ["pool_max", "pool_idle_s", "pool_lifetime_s"] {
                let fault = read(json!({"pool": mode, name: 1})).unwrap_err();
                assert!(fault.contains(name) && fault.contains("pool = shared"), "{fault}");
                let fault = read(json!({name: 1})).unwrap_err();
                assert!(fault.contains(name) && fault.contains("pool = shared"), "{fault}");
            }
        }
    }

    #[test]
    fn a_bound_in_bytes_without_a_queue_is_refused_by_both_names() {
        for typed in
            [json!({"queue_bytes_max": 1}), json!({"queue_bytes_max": 1, "queue_depth": 0})]
        {
            let fault = read(typed).unwrap_err();
            assert!(fault.contains("queue_bytes_max") && fault.contains("queue_depth"), "{fault}");
        }
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
    fn a_limit_of_zero_is_refused() {
        for name in ["pool_max", "pool_idle_s", "pool_lifetime_s"] {
            assert!(read(json!({"pool": "shared", name: 0})).is_err(), "{name}");
        }
    }

    #[test]
    fn every_setting_that_is_shown_has_its_name_in_the_list() {
        let shared = read(json!({"pool": "shared", "queue_depth": 1, "cache": "shared"})).unwrap();
        let shown = serde_json::to_value(shared).unwrap();
        let names: Vec<_> = shown.as_object().unwrap().keys().collect();
        assert_eq!(names, Settings::NAMES);
    }

    #[test]
    fn a_link_without_any_time_is_none() {
        assert!(!Link::default().takes_time());
        assert!(Link { connect_ms: 1, round_trip_ms: 0 }.takes_time());
        assert!(Link { connect_ms: 0, round_trip_ms: 1 }.takes_time());
    }
}
