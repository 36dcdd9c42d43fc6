//! Random numbers that depend on nothing but a name: the same row comes out in whatever order rows are made.
//! Must not know what is drawn.

/// A sequence of numbers named by the parts it was made of (SplitMix64; Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// The sequence of this name. Other parts, or the same parts in another order, name another sequence.
    pub(super) fn named(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0, |state, part| mix(state ^ mix(*part))))
    }

    /// The next 64 bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        u64::try_from((u128::from(self.bits()) * u128::from(limit)) >> 64).unwrap_or(0)
    }

    /// A time span of at least 0 and less than `limit` microseconds.
    pub(super) fn span_us(&mut self, limit: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(limit).unwrap_or(0))).unwrap_or(0)
    }

    /// True `share` times in a hundred.
    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of these; `None` where there are none.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(choices.len()).unwrap_or(0);
        choices.get(usize::try_from(self.below(count)).unwrap_or(0))
    }
}

/// SplitMix64's last step: different numbers stay different, similar ones do not stay similar.
pub(super) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
