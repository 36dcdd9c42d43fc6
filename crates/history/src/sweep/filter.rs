//! A bitmap that says "certainly not a target" for nearly every row, in about a nanosecond. Must not know what keys mean.

/// Bits for each key: about two in a hundred foreign keys pass.
const BITS_PER_KEY: usize = 48;
/// Smallest filter, 4 KiB.
const BITS_MIN: usize = 1 << 15;
/// Largest filter, 16 MiB.
const BITS_MAX: usize = 1 << 27;

/// Keys that [`Filter::marks`] looks at together: the bits of its answer.
pub(super) const MARKED: usize = 64;

/// A one-hash Bloom filter over 64-bit keys.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
    /// Number of bits, a power of two, less one.
    mask: u64,
}

impl Filter {
    pub(super) fn new(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let bits = keys.len().saturating_mul(BITS_PER_KEY).next_power_of_two().clamp(BITS_MIN, BITS_MAX);
        let mask = u64::try_from(bits).unwrap_or(1).wrapping_sub(1);
        let mut filter = Self { words: vec![0; bits / 64], mask };
        for key in keys {
            let (word, bit) = filter.place(key);
            if let Some(word) = filter.words.get_mut(word) {
                *word |= bit;
            }
        }
        filter
    }

    /// Multiplicative hashing: the bits from the middle of a product mix all key bits below them, so that neighbouring
    /// addresses spread. Keys that differ in their uppermost bits only fall together, which costs look-ups, not answers.
    #[inline]
    fn place(&self, key: u64) -> (usize, u64) {
        let hash = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) & self.mask;
        (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
    }

    /// Whether `key` may be among the keys. Never false for one that is.
    #[inline]
    pub(super) fn may_hold(&self, key: u64) -> bool {
        let (word, bit) = self.place(key);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// A bit for each of up to [`MARKED`] keys, the first key lowest: whether it may be among the filter's.
    #[inline]
    pub(super) fn marks(&self, keys: &[u64]) -> u64 {
        // Eight at a time, so that the compiler unrolls: this is what a sweep does most.
        let (eights, rest) = keys.as_chunks::<8>();
        let rest = rest.iter().rev().fold(0, |marks, key| marks << 1 | u64::from(self.may_hold(*key)));
        eights.iter().rev().fold(rest, |marks, keys| marks << 8 | self.marks_of_eight(keys))
    }

    #[inline]
    fn marks_of_eight(&self, keys: &[u64; 8]) -> u64 {
        let mut marks = 0;
        for (place, key) in keys.iter().enumerate() {
            marks |= u64::from(self.may_hold(*key)) << place;
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn holds_all_keys_and_few_others() {
        let keys: Vec<u64> = (0..10_000).map(|key| key * 7919).collect();
        let filter = Filter::new(keys.iter().copied());
        assert!(keys.iter().all(|key| filter.may_hold(*key)));
        let others = (1..100_000_u64).filter(|key| filter.may_hold(key * 7919 + 1)).count();
        assert!(others < 5_000, "{others} of 100000 foreign keys pass");
    }

    #[test]
    fn marks_say_of_each_key_what_the_filter_says() {
        let filter = Filter::new((0..1_000_u32).map(|key| u64::from(key) * 7919));
        for length in [0_u64, 1, 7, 8, 9, 63, 64] {
            let keys: Vec<u64> = (0..length).map(|key| key * key * 3959).collect();
            let marks = filter.marks(&keys);
            let expected = (0..64)
                .zip(&keys)
                .fold(0, |marks, (place, key)| marks | u64::from(filter.may_hold(*key)) << place);
            assert_eq!(marks, expected, "of {length} keys");
        }
    }
}
