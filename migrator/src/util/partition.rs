//! Partitions of a source that several processes migrate at the same time (contract.md 16.3).

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// The records whose key modulo `count` equals `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// From 0 to `count` - 1.
    index: u32,
    count: NonZeroU32,
}

impl Partition {
    /// Every record.
    pub const ALL: Self = Self { index: 0, count: NonZeroU32::MIN };

    /// Partition `index` of `count`. `None` unless `index` is below `count`.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        (index < count.get()).then_some(Self { index, count })
    }

    /// Zero-based index.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Number of partitions.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// True if the record with this positive key belongs to the partition.
    pub fn contains(self, key: i32) -> bool {
        key.unsigned_abs() % self.count == self.index
    }

    /// Number of keys from `first` to `last`, both positive and included, that belong to the
    /// partition.
    pub fn count_keys_in(self, first: i32, last: i32) -> u64 {
        let up_to = |key: u32| match key.checked_sub(self.index) {
            // Counts from key 0. Both calls count key 0 for index 0, so the difference does not.
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
        let (index, count) = parts.ok_or("expected INDEX/COUNT, e.g. 0/3")?;
        Self::new(index, count).ok_or_else(|| match count {
            0 => "the number of partitions must be 1 or more".to_owned(),
            1 => "partition index must be 0".to_owned(),
            _ => format!("partition index must be 0 to {}", count - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_parsed_from_index_and_count() {
        for (text, read) in [
            ("0/1", Ok(Partition::ALL)),
            ("2/3", Ok(Partition::new(2, 3).unwrap())),
            (" 0 / 4 ", Ok(Partition::new(0, 4).unwrap())),
            ("3/3", Err("partition index must be 0 to 2")),
            ("1/1", Err("partition index must be 0")),
            ("0/0", Err("the number of partitions must be 1 or more")),
            ("-1/3", Err("expected INDEX/COUNT, e.g. 0/3")),
            ("1", Err("expected INDEX/COUNT, e.g. 0/3")),
            ("1/2/3", Err("expected INDEX/COUNT, e.g. 0/3")),
        ] {
            assert_eq!(text.parse(), read.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn keys_of_a_partition_are_counted_in_a_range() {
        let partition = |index, count| Partition::new(index, count).unwrap();
        for partition in [Partition::ALL, partition(0, 3), partition(2, 3), partition(4, 7)] {
            for (first, last) in [(1, 1), (1, 20), (3, 3), (6, 8), (7, 30), (9, 8)] {
                let one_by_one =
                    (first..=last).filter(|&key| partition.contains(key)).count() as u64;
                assert_eq!(
                    partition.count_keys_in(first, last),
                    one_by_one,
                    "{partition}: {first} to {last}"
                );
            }
        }
        assert_eq!(Partition::ALL.count_keys_in(1, i32::MAX), 2_147_483_647);
    }

    #[test]
    fn every_key_belongs_to_exactly_one_partition() {
        for key in [1, 2, 3, 1000, i32::MAX] {
            for count in [1, 2, 3, 7] {
                let partitions = (0..count).filter_map(|index| Partition::new(index, count));
                assert_eq!(
                    partitions.filter(|partition| partition.contains(key)).count(),
                    1,
                    "{key}, {count}"
                );
            }
        }
    }
}
