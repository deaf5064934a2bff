//! Measures what the migrator's settings are worth.
