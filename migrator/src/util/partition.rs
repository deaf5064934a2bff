//! Which share of the records a process migrates, where several share one source (contract.md 16.3).

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// The records whose key modulo `count` is `index`: one of `count` shares that several processes
/// migrate side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// From 0, below `count`.
    index: u32,
    count: NonZeroU32,
}

impl Partition {
    /// Every record.
    pub const ALL: Self = Self { index: 0, count: NonZeroU32::MIN };

    /// Share `index` of `count`; none if there is no such share.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        (index < count.get()).then_some(Self { index, count })
    }

    /// From 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shares there are.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// Whether a record with this key, which is positive, belongs to the share.
    pub fn contains(self, key: i32) -> bool {
        key.unsigned_abs() % self.count == self.index
    }

    /// How many keys of a closed range, which are positive, belong to the share.
    pub fn count_keys_in(self, first: i32, last: i32) -> u64 {
        let up_to = |key: u32| match key.checked_sub(self.index) {
            // Keys from 0 on; the share of index 0 has 0 among them at both ends.
            Some(above) => u64::from(above / self.count) + 1,
            None => 0,
        };
        let before = first.unsigned_abs().saturating_sub(1);
        up_to(last.unsigned_abs()).saturating_sub(up_to(before))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse().ok()?, count.trim().parse().ok()?))
        });
        let (index, count) = parts.ok_or("the form is i/n, such as 0/3")?;
        Self::new(index, count)
            .ok_or_else(|| format!("shares of {count} are numbered from 0 to below {count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_one_of_n_shares_counted_from_zero() {
        for (text, read) in [
            ("0/1", Ok(Partition::ALL)),
            ("2/3", Ok(Partition::new(2, 3).unwrap())),
            (" 0 / 4 ", Ok(Partition::new(0, 4).unwrap())),
            ("3/3", Err("shares of 3 are numbered from 0 to below 3")),
            ("0/0", Err("shares of 0 are numbered from 0 to below 0")),
            ("-1/3", Err("the form is i/n, such as 0/3")),
            ("1", Err("the form is i/n, such as 0/3")),
            ("1/2/3", Err("the form is i/n, such as 0/3")),
        ] {
            assert_eq!(text.parse(), read.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn the_keys_of_a_range_are_counted_as_they_belong_to_a_share() {
        let share = |index, count| Partition::new(index, count).unwrap();
        for share in [Partition::ALL, share(0, 3), share(2, 3), share(4, 7)] {
            for (first, last) in [(1, 1), (1, 20), (3, 3), (6, 8), (7, 30), (9, 8)] {
                let one_by_one = (first..=last).filter(|&key| share.contains(key)).count() as u64;
                assert_eq!(
                    share.count_keys_in(first, last),
                    one_by_one,
                    "{share}: {first} to {last}"
                );
            }
        }
        assert_eq!(Partition::ALL.count_keys_in(1, i32::MAX), 2_147_483_647);
    }

    #[test]
    fn every_key_belongs_to_exactly_one_share() {
        for key in [1, 2, 3, 1000, i32::MAX] {
            for count in [1, 2, 3, 7] {
                let shares = (0..count).filter_map(|index| Partition::new(index, count));
                assert_eq!(shares.filter(|share| share.contains(key)).count(), 1, "{key}, {count}");
            }
        }
    }
}
