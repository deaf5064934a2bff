//! The simulated network between migrator and store.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Latency that the migrator simulates before its store; none if both are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// Added latency of each connect, in milliseconds.
    pub connect_ms: u32,
    /// Added latency of each message and its answer, in milliseconds.
    pub round_trip_ms: u32,
}

impl Link {
    /// True if any latency is simulated.
    pub fn is_simulated(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connect_ms, round_trip_ms } = self;
        write!(f, "simulated link (connect {connect_ms} ms, round trip {round_trip_ms} ms)")
    }
}
