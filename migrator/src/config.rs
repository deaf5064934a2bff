//! Settings and limits of a run, resolved and checked. A limit that applies always has a value.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;

use chrono::NaiveDateTime;
use clap::{Args, ValueEnum};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::util::partition::Partition;

/// The settings that a sweep varies. Serialized as a flat object of those that apply, under the
/// names that scenarios use. The command line spells the names with hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SettingsArgs")]
pub struct Settings {
    /// Threads that map and insert.
    pub workers: NonZeroUsize,
    /// Records per transaction.
    pub batch_size: NonZeroUsize,
    /// Source of the batches' connections.
    #[serde(flatten)]
    pub pool: PoolConfig,
    /// Queue between the two halves of a worker.
    #[serde(flatten)]
    pub queue: QueueConfig,
    /// Threads of the parse pool. With 0, workers parse themselves.
    pub parse_threads: usize,
    /// Method to find out which keys of a batch are stored.
    #[serde(flatten)]
    pub cache: CacheConfig,
    /// Method to send rows to the store.
    pub insert: InsertMethod,
}

/// Settings as given on a command line or in a scenario. Absent ones take the baseline's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(default)]
pub struct SettingsArgs {
    /// Threads that map and insert [default: 2]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Records per transaction [default: 1000]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<NonZeroUsize>,
    /// Source of the batches' connections [default: off]
    #[arg(long, value_enum)]
    pub pool: Option<PoolMode>,
    /// With `--pool shared`: maximum number of connections [default: 10]
    #[arg(long, value_name = "N")]
    pub pool_max: Option<NonZeroUsize>,
    /// With `--pool shared`: close a connection after this many idle seconds [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub pool_idle_s: Option<NonZeroU64>,
    /// With `--pool shared`: replace a connection after this many seconds [default: 1800]
    #[arg(long, value_name = "SECONDS")]
    pub pool_lifetime_s: Option<NonZeroU64>,
    /// Mapped batches that may wait between the two halves of a worker; 0: one thread maps, then
    /// inserts [default: 0]
    #[arg(long, value_name = "N")]
    pub queue_depth: Option<usize>,
    /// With `--queue-depth`: maximum bytes that wait, per worker [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    pub queue_bytes_max: Option<NonZeroU64>,
    /// Threads of a parse pool in front of the mappers; 0: workers parse themselves [default: 0]
    #[arg(long, value_name = "N")]
    pub parse_threads: Option<usize>,
    /// Method to find out which keys of a batch are stored [default: off]
    #[arg(long, value_enum)]
    pub cache: Option<CacheMode>,
    /// With `--cache worker` or `shared`: maximum number of keys in one cache [default: 500000]
    #[arg(long, value_name = "N")]
    pub cache_max_keys: Option<NonZeroUsize>,
    /// With `--cache worker` or `shared`: fraction of the cached keys that the store has to
    /// confirm, 0 to 1 [default: 0]
    #[arg(long, value_name = "RATE")]
    pub cache_spot_check: Option<Rate>,
    /// Method to send rows to the store [default: values]
    #[arg(long, value_enum)]
    pub insert: Option<InsertMethod>,
}

/// Source of the batches' connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// A new connection for every batch
    Off,
    /// One connection per worker, opened at first use and kept to the end
    Worker,
    /// One pool for all workers, filled on demand
    Shared,
}

/// Source of the batches' connections, with the limits that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "pool", rename_all = "lowercase")]
pub enum PoolConfig {
    /// A new connection for every batch.
    Off,
    /// One connection per worker, opened at first use and kept to the end.
    Worker,
    /// One pool for all workers, filled on demand.
    Shared(PoolLimits),
}

/// Limits of a shared pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolLimits {
    /// Maximum number of open connections.
    #[serde(rename = "pool_max")]
    pub max: NonZeroUsize,
    /// Seconds after which an idle connection is closed.
    #[serde(rename = "pool_idle_s")]
    pub idle_s: NonZeroU64,
    /// Seconds after which a connection is not reused.
    #[serde(rename = "pool_lifetime_s")]
    pub lifetime_s: NonZeroU64,
}

/// Queue between the mapping half and the inserting half of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueConfig {
    /// No queue: a worker maps a batch, then inserts it.
    Off,
    /// Mapped batches wait while the other half works.
    On(QueueLimits),
}

/// Limits of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Maximum number of batches that wait.
    pub depth: NonZeroUsize,
    /// Maximum number of bytes that wait. A larger batch passes alone through the empty queue.
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

/// Method to find out which keys of a batch are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// One query per key
    Off,
    /// One query per table for all keys of a batch
    Batch,
    /// As `batch`; each worker also caches keys that it knows to be committed
    Worker,
    /// As `batch`; all workers share one cache of committed keys
    Shared,
}

/// Method to find out which keys of a batch are stored, with the limits that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "cache", rename_all = "lowercase")]
pub enum CacheConfig {
    /// One query per key.
    Off,
    /// One query per table for all keys of a batch.
    Batch,
    /// As `Batch`; each worker also caches keys that it knows to be committed.
    Worker(CacheLimits),
    /// As `Batch`; all workers share one cache of committed keys.
    Shared(CacheLimits),
}

/// Limits of a key cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CacheLimits {
    /// Maximum number of keys in one cache. With `worker`, each worker has its own.
    #[serde(rename = "cache_max_keys")]
    pub max_keys: NonZeroUsize,
    /// Fraction of the cache hits that the store has to confirm.
    #[serde(rename = "cache_spot_check")]
    pub spot_check: Rate,
}

/// A fraction from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// Total equality holds because a rate is never NaN.
impl Eq for Rate {}

impl TryFrom<f64> for Rate {
    type Error = Error;

    fn try_from(share: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&share) {
            return Ok(Self(share));
        }
        Err(Error::usage(format!("rate {share} is out of range: expected 0 to 1")))
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

/// Method to send rows to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum InsertMethod {
    /// Multi-row INSERT statements with parameters.
    Values,
    /// The store's bulk load.
    Bulk,
}

/// Flush policy of `SQLite` at a commit.
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
    /// The baseline to which every optimization is compared.
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
    /// The usual limits of connection pools (bb8, r2d2). A run of a few minutes does not reach
    /// them.
    fn default() -> Self {
        const MAX: NonZeroUsize = NonZeroUsize::new(10).unwrap();
        const IDLE_S: NonZeroU64 = NonZeroU64::new(600).unwrap();
        const LIFETIME_S: NonZeroU64 = NonZeroU64::new(1800).unwrap();
        Self { max: MAX, idle_s: IDLE_S, lifetime_s: LIFETIME_S }
    }
}

impl Default for CacheLimits {
    /// The keys of some 80,000 applications, in no more than 45 MB.
    fn default() -> Self {
        const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(500_000).unwrap();
        Self { max_keys: MAX_KEYS, spot_check: Rate::default() }
    }
}

impl Settings {
    /// The names of all settings. Some apply only with certain values of others.
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

    /// Fills in the baseline. Rejects a setting that would be ignored, and names the setting that
    /// it depends on.
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

/// Default of `queue_bytes_max`.
const QUEUE_BYTES_MAX: NonZeroU64 = NonZeroU64::new(64 << 20).unwrap();

impl SettingsArgs {
    /// Rejects limits with `off` and `batch`: without a cache there are no keys to limit and no
    /// hits to confirm.
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
                "setting {name} has no effect without cache = worker or shared"
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
                "setting queue_bytes_max has no effect without queue_depth of 1 or more",
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
            Some((name, _)) => {
                Err(Error::usage(format!("setting {name} has no effect without pool = shared")))
            }
            None => Ok(config),
        }
    }
}

/// Simulated network between migrator and store, in addition to the real one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// Extra latency of a connect, in milliseconds.
    pub connect_ms: u32,
    /// Extra latency of a message and its answer, in milliseconds.
    pub round_trip_ms: u32,
}

impl Link {
    /// True if any latency is above zero. Without latency nothing is simulated.
    pub fn takes_time(self) -> bool {
        self != Self::default()
    }
}

/// Parameters of a run, apart from source, store and contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The settings that a sweep varies.
    pub settings: Settings,
    /// Maximum number of records to read; `u64::MAX` for all.
    pub limit: u64,
    /// The part of the source to read.
    pub partition: Partition,
    /// Retry records that the log has as failed.
    pub retry_failed: bool,
    /// The run's single point in time: `GETUTCDATE()` and the log's `processing_time`.
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
    fn settings_show_only_effective_values() {
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
    fn defaults_are_the_baseline() {
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn a_limit_without_its_pool_is_rejected_with_both_names() {
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
    fn a_byte_limit_without_a_queue_is_rejected_with_both_names() {
        for typed in
            [json!({"queue_bytes_max": 1}), json!({"queue_bytes_max": 1, "queue_depth": 0})]
        {
            let fault = read(typed).unwrap_err();
            assert!(fault.contains("queue_bytes_max") && fault.contains("queue_depth"), "{fault}");
        }
    }

    #[test]
    fn settings_show_cache_limits_only_with_a_cache() {
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
    fn a_cache_limit_without_its_cache_is_rejected_with_both_names() {
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
    fn cache_limits_out_of_range_are_rejected() {
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
    fn a_limit_of_zero_is_rejected() {
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
    fn a_simulated_network_without_latency_is_none() {
        assert!(!Link::default().takes_time());
        assert!(Link { connect_ms: 1, round_trip_ms: 0 }.takes_time());
        assert!(Link { connect_ms: 0, round_trip_ms: 1 }.takes_time());
    }
}
