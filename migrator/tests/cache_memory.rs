//! Compares the reported bytes of a key cache with the growth of the process. The test runs alone
//! in its process, so that nothing else grows it.
#![cfg(all(test, target_os = "linux", target_env = "gnu"))]

use migrator::config::{CacheConfig, CacheLimits};
use migrator::telemetry::metrics::peak_rss_bytes;
use migrator::write::cache::{DedupCache, KeyBytes};

#[test]
fn the_reported_bytes_of_a_cache_equal_the_growth_of_the_process() {
    const KEYS: u32 = 400_000;
    let cache = DedupCache::new(CacheConfig::Shared(CacheLimits::default()));
    let worker = cache.for_worker();
    let before = peak_rss_bytes().unwrap();
    // Same length as the key of a contact's address.
    let key = |number: u32| {
        let mut key = KeyBytes::from_slice(b"\x05i????i\x14");
        key[2..6].copy_from_slice(&number.to_le_bytes());
        key
    };
    worker.keep((0..KEYS).map(key));
    let grown = peak_rss_bytes().unwrap() - before;
    let report = cache.close();
    assert_eq!(report.keys_peak, u64::from(KEYS));
    let per_key = |bytes: u64| bytes as f64 / f64::from(KEYS);
    let (grown, said) = (per_key(grown), per_key(report.bytes_peak));
    assert!((grown / said - 1.0).abs() < 0.15, "{grown} bytes a key, {said} by its own account");
    assert!(said < 64.0, "{said} bytes a key");
}
