//! Random draws in whole numbers, one stream for each purpose and number. Must not know what is drawn.
//!
//! Whole numbers only, because the last bit of a logarithm differs between mathematical libraries and the same seed must
//! give the same bytes everywhere. A stream for each customer makes results independent of the order of work.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream is for. Two purposes never share a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// Households, offices and who belongs to them.
    Population,
    /// What a customer has and does.
    Customer,
    /// The computer that a household shares.
    SharedComputer,
    /// A customer's name.
    Name,
    /// An attack; the number tells which.
    Attack,
    /// Lists of networks.
    Lists,
    /// What befalls many customers at once.
    Year,
    /// What befalls one customer in such a year.
    Strange,
    /// What a household's common tablet is.
    Tablet,
    /// What attackers do when they are stopped, and customers when they are asked.
    Reaction,
    /// Draws again from what was measured.
    Bootstrap,
}

impl Stream {
    const fn number(self) -> u64 {
        match self {
            Self::Population => 1,
            Self::Customer => 2,
            Self::SharedComputer => 3,
            Self::Name => 4,
            Self::Attack => 5,
            Self::Lists => 6,
            Self::Year => 7,
            Self::Strange => 8,
            Self::Tablet => 9,
            Self::Reaction => 10,
            Self::Bootstrap => 11,
        }
    }
}

/// A stream of draws.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream `number` for a purpose: always the same for the same seed.
    pub(crate) fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let mut key = [0; 32];
        let words = [seed, stream.number(), number].map(u64::to_le_bytes);
        for (place, byte) in key.iter_mut().zip(words.as_flattened()) {
            *place = *byte;
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 0 to `limit` − 1; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The upper half of the product: as even as 64 bits allow.
        u64::try_from((u128::from(self.next()) * u128::from(limit)) >> 64).unwrap_or(0)
    }

    /// `low` to `high`, both included; `low` where they are the wrong way round.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// True in so many of a million cases.
    pub(crate) fn ppm(&mut self, share: u64) -> bool {
        self.below(1_000_000) < share
    }

    /// One of `from`, each as likely as the other; the default where there is none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        from.get(place(self.below(count(from.len())))).copied().unwrap_or_default()
    }

    /// One of `from` by weight; the default where all weights are 0.
    pub(crate) fn weighted<T: Copy + Default>(&mut self, from: &[(u64, T)]) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in from {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        T::default()
    }

    /// A value of a distribution given as (share below, in thousandths, rising from 0 to 1000; value), straight between.
    pub(crate) fn quantile(&mut self, table: &[(u64, u64)]) -> u64 {
        let at = self.below(1_000_000);
        for pair in table.windows(2) {
            let [(from, low), (to, high)] = *pair else { continue };
            if at < to * 1_000 {
                let width = (to - from) * 1_000;
                return low + (high - low) * (at - from * 1_000) / width.max(1);
            }
        }
        table.last().map_or(0, |(_, value)| *value)
    }
}

/// A number from two others that looks random but is a pure function of them.
pub(crate) fn mix(one: u64, other: u64) -> u64 {
    scramble(one ^ scramble(other.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// A permutation of all 64-bit numbers (the finalizer of SplitMix64): distinct numbers stay distinct.
pub(super) const fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A number as a place in a slice.
pub(crate) fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length as a number.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Dice, Stream};

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, number| Dice::new(seed, Stream::Customer, number).next();
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), Dice::new(1, Stream::Population, 1).next());
    }

    #[test]
    fn draws_keep_their_limits_and_shares() {
        let mut dice = Dice::new(7, Stream::Customer, 0);
        assert_eq!((dice.below(0), dice.between(5, 5), dice.between(5, 4)), (0, 5, 5));
        assert!((0..1_000).all(|_| (3..=9).contains(&dice.between(3, 9))));
        let hits = (0..100_000).filter(|_| dice.permille(70)).count();
        assert!((6_600..7_400).contains(&hits), "{hits}");
        let second = (0..100_000).filter(|_| dice.weighted(&[(3, 'a'), (1, 'b')]) == 'b').count();
        assert!((24_000..26_000).contains(&second), "{second}");
        assert_eq!(dice.pick::<u8>(&[]), 0);
    }

    #[test]
    fn quantiles_follow_their_table() {
        let mut dice = Dice::new(7, Stream::Customer, 0);
        let table = [(0, 10), (500, 20), (1_000, 1_000)];
        let draws: Vec<u64> = (0..10_000).map(|_| dice.quantile(&table)).collect();
        assert!(draws.iter().all(|draw| (10..1_000).contains(draw)));
        let low = draws.iter().filter(|draw| **draw < 20).count();
        assert!((4_700..5_300).contains(&low), "{low}");
    }
}
