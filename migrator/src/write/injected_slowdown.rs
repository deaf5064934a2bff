//! Artificial slowdown of a given size, to test programs that measure this one. Exists only with
//! the feature `planted-slowdown`. No shipped build has it, and the report of such a build shows
//! it.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// Upper bound of the slowdown factor.
const SHARE_MAX: f64 = 100.0;

/// Environment variable with the extra time of the insert stage, as a multiple of its own time, 0
/// to 100. With 0.2 the stage takes a fifth longer. The effect on a whole run has to be measured.
pub(crate) const VARIABLE: &str = "MIGRATOR_PLANTED_SLOWDOWN";

/// Extra time of the insert stage, as a multiple of its own time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct InjectedSlowdown {
    share: f64,
}

impl InjectedSlowdown {
    /// Reads [`VARIABLE`]. No slowdown if it is not set.
    pub(crate) fn from_environment() -> Result<Self> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self { share: 0.0 }),
            Some(value) => Self::parse(&value.to_string_lossy()),
        }
    }

    fn parse(value: &str) -> Result<Self> {
        let share = value.parse().ok().filter(|share| (0.0..=SHARE_MAX).contains(share));
        let refused = || {
            let message =
                format!("{VARIABLE} must be a number from 0 to 100, e.g. 0.2, not `{value}`");
            Error::new(ErrorKind::Usage, message)
        };
        share.map(|share| Self { share }).ok_or_else(refused)
    }

    /// Keeps the processor busy for this multiple of `took`. It spins because a pause would free
    /// the processor for other workers, which a slower program does not.
    pub(crate) fn spin(self, took: Duration) {
        let until = Instant::now() + took.mul_f64(self.share);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_from_0_to_100() {
        assert_eq!(InjectedSlowdown::parse("0.2").unwrap(), InjectedSlowdown { share: 0.2 });
        for wrong in ["", "-0.1", "inf", "NaN", "1e300", "20 %"] {
            assert!(InjectedSlowdown::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_injected_slowdown_takes_at_least_its_share_of_the_time() {
        let started = Instant::now();
        InjectedSlowdown { share: 0.5 }.spin(Duration::from_millis(20));
        assert!(started.elapsed() >= Duration::from_millis(10));
    }
}
