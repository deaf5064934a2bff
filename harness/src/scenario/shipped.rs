//! The scenarios that the binary contains, by name.

/// The scenarios inside the binary, so that their names work in any folder: name and text.
const SHIPPED: &[(&str, &str)] = &[
    ("batch-size", include_str!("../../../scenarios/batch-size.toml")),
    ("pool", include_str!("../../../scenarios/pool.toml")),
    ("queue", include_str!("../../../scenarios/queue.toml")),
    ("cache", include_str!("../../../scenarios/cache.toml")),
    ("parse", include_str!("../../../scenarios/parse.toml")),
    ("workers", include_str!("../../../scenarios/workers.toml")),
    ("insert", include_str!("../../../scenarios/insert.toml")),
    ("grid", include_str!("../../../scenarios/grid.toml")),
    ("batch-workers", include_str!("../../../scenarios/batch-workers.toml")),
    ("one-worker", include_str!("../../../scenarios/one-worker.toml")),
    ("full", include_str!("../../../scenarios/full.toml")),
    ("volume", include_str!("../../../scenarios/volume.toml")),
    ("batch-size-link", include_str!("../../../scenarios/batch-size-link.toml")),
    ("pool-link", include_str!("../../../scenarios/pool-link.toml")),
    ("cache-link", include_str!("../../../scenarios/cache-link.toml")),
    ("gate", include_str!("../../../scenarios/gate.toml")),
    ("gate-quick", include_str!("../../../scenarios/gate-quick.toml")),
];

/// The scenario of a `harness doctor` and a `harness self-test`.
pub const DEFAULT: &str = "scenarios/batch-size.toml";

/// The default scenario of `harness gate`.
pub const GATE: &str = "scenarios/gate.toml";

/// The text of a shipped scenario, by its bare name or its path in the repository.
pub fn shipped(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("scenarios/").unwrap_or(name);
    let name = name.strip_suffix(".toml").unwrap_or(name);
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of the shipped scenarios.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}
