//! A tally: the distinct strings of one level, each known by a small number, and how often each was seen.
//!
//! The strings themselves are not kept, only their 128-bit digests: a lookup then touches one place in memory instead
//! of four, and a long user agent costs no more than a short address. Two strings that share a digest would count as
//! one; among 100 million strings the chance of any such pair is below 10⁻²². The tally knows nothing of logins,
//! levels or customers.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Stands for a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest {
    /// Serves as the hash as well.
    low: [u8; 8],
    high: [u8; 8],
}

impl Digest {
    /// Digests compare only under the same seed.
    pub(super) fn of(value: &str, seed: u64) -> Self {
        let bytes = xxh3_128_with_seed(value.as_bytes(), seed).to_le_bytes();
        let [a, b, c, d, e, f, g, h, high @ ..] = bytes;
        Self { low: [a, b, c, d, e, f, g, h], high }
    }

    fn hash(&self) -> u64 {
        u64::from_le_bytes(self.low)
    }
}

/// What is known of a string: its id (the order of first appearance) and how often it was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: u32,
    pub(super) count: u32,
}

/// Distinct strings with their counts, about 40 bytes each.
#[derive(Debug)]
pub(super) struct Tally {
    entries: HashTable<(Digest, Seen)>,
    first_id: u32,
}

impl Tally {
    /// An empty tally that numbers its strings from `first_id`.
    pub(super) fn new(first_id: u32) -> Self {
        Self { entries: HashTable::new(), first_id }
    }

    /// What is known of the string, if it was ever added.
    pub(super) fn find(&self, digest: Digest) -> Option<Seen> {
        let found = self.entries.find(digest.hash(), |(other, _)| *other == digest);
        found.map(|(_, seen)| *seen)
    }

    /// How many distinct strings were added.
    pub(super) fn distinct(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// A string's place in the order of first appearance, from 0.
    pub(super) fn place(&self, id: u32) -> usize {
        index(id.saturating_sub(self.first_id))
    }

    /// Counts the string once more. Gives its id and its count before, 0 for a new one.
    pub(super) fn add(&mut self, digest: Digest) -> Seen {
        let new = Seen { id: self.first_id.saturating_add(self.distinct()), count: 0 };
        let mut entry = self
            .entries
            .entry(digest.hash(), |(other, _)| *other == digest, |(other, _)| other.hash())
            .or_insert((digest, new));
        let (_, seen) = entry.get_mut();
        let before = *seen;
        seen.count = seen.count.saturating_add(1);
        before
    }
}

/// An id as a position. Exact wherever `usize` has 32 bits or more.
pub(super) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_told_apart_and_counted() {
        let mut tally = Tally::new(100);
        // The empty string is a value like any other.
        let ids = ["", "ab", "a", "b", "ab", "", "", "abb"].map(|value| tally.add(Digest::of(value, 1)).id);
        assert_eq!(ids, [100, 101, 102, 103, 101, 100, 100, 104]);
        let count = |value| tally.find(Digest::of(value, 1)).map_or(0, |seen| seen.count);
        for (value, expected) in [("", 3), ("ab", 2), ("a", 1), ("b", 1), ("abb", 1), ("bb", 0), ("aba", 0)] {
            assert_eq!(count(value), expected, "{value:?}");
        }
        assert_eq!((tally.distinct(), tally.place(104)), (5, 4));
    }

    #[test]
    fn ids_survive_growth() {
        let mut tally = Tally::new(0);
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let digest = Digest::of(&number.to_string(), 1);
                assert_eq!(tally.find(digest), (round == 1).then_some(Seen { id: number, count: 1 }));
                assert_eq!(tally.add(digest), Seen { id: number, count: round });
            }
        }
        assert_eq!(tally.distinct(), 5_000);
    }
}
