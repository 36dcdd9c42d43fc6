//! A bitmap that says "certainly not a target" for nearly every row, in about a nanosecond. Must not know what keys mean.

/// Bits for each key: about two in a hundred foreign keys pass.
const BITS_PER_KEY: usize = 48;
/// Smallest filter, 64 KiB: it fits a second-level cache with room to spare.
const BITS_MIN: usize = 1 << 19;
/// Largest filter, 16 MiB.
const BITS_MAX: usize = 1 << 27;

/// A one-hash Bloom filter over 64-bit keys.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
    shift: u32,
}

impl Filter {
    pub(super) fn new(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let bits = keys.len().saturating_mul(BITS_PER_KEY).next_power_of_two().clamp(BITS_MIN, BITS_MAX);
        let mut filter =
            Self { words: vec![0; bits / 64], shift: 64_u32.saturating_sub(bits.trailing_zeros()) };
        for key in keys {
            let (word, bit) = filter.place(key);
            if let Some(word) = filter.words.get_mut(word) {
                *word |= bit;
            }
        }
        filter
    }

    /// Fibonacci hashing: the top bits of a product mix all bits of the key, so that neighbouring addresses spread.
    #[inline]
    fn place(&self, key: u64) -> (usize, u64) {
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift;
        (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
    }

    /// Whether `key` may be among the keys. Never false for one that is.
    #[inline]
    pub(super) fn may_hold(&self, key: u64) -> bool {
        let (word, bit) = self.place(key);
        self.words.get(word).is_some_and(|word| word & bit != 0)
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
}
