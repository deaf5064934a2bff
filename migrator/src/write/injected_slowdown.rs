//! A slowdown of a given size, for testing whoever measures this program. Compiled only with the
//! feature `planted-slowdown`, which no shipped build has; the report of such a build says so.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// More than this is no slowdown that anybody wants to find.
const SHARE_MAX: f64 = 100.0;

/// The environment variable: by which share of its own time the insert stage takes longer, 0 to 100;
/// 0.2 is a fifth. What that makes of a whole run has to be measured.
pub const VARIABLE: &str = "MIGRATOR_PLANTED_SLOWDOWN";

/// How much longer the insert stage takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InjectedSlowdown {
    share: f64,
}

impl InjectedSlowdown {
    /// What [`VARIABLE`] says; nothing where it is not set.
    pub fn from_environment() -> Result<Self> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self { share: 0.0 }),
            Some(value) => Self::parse(&value.to_string_lossy()),
        }
    }

    fn parse(value: &str) -> Result<Self> {
        let share = value.parse().ok().filter(|share| (0.0..=SHARE_MAX).contains(share));
        let refused = || {
            let message = format!("{VARIABLE} is a share, 0 to 100, such as 0.2; not `{value}`");
            Error::new(ErrorKind::Usage, message)
        };
        share.map(|share| Self { share }).ok_or_else(refused)
    }

    /// Keeps the processor busy for this share of `took`. It spins: a pause would leave the
    /// processor to other workers, which a slower program does not.
    pub fn spin(self, took: Duration) {
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
    fn it_takes_at_least_its_share_of_the_time() {
        let started = Instant::now();
        InjectedSlowdown { share: 0.5 }.spin(Duration::from_millis(20));
        assert!(started.elapsed() >= Duration::from_millis(10));
    }
}
