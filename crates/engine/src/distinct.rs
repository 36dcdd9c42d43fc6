//! How many different ones: exact while few, an estimate when many, in bounded memory. Must not know what is counted.
//!
//! Up to [`EXACT_MAX`] keys are kept; then a HyperLogLog of 256 registers (Flajolet et al. 2007, standard error 6.5 %).
//! Keys are hashes already.

use serde::{Deserialize, Serialize};

/// Keys kept exactly.
pub const EXACT_MAX: usize = 32;
const REGISTERS: usize = 256;
const REGISTER_BITS: u32 = 8;

/// A set of which only the size can be asked, and, while it is small, its members. 16 bytes, and nothing on the heap for none
/// or one, which is what most addresses and devices have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distinct {
    /// None.
    #[default]
    None,
    /// One.
    One(u64),
    /// The keys, sorted.
    Exact(Box<Vec<u64>>),
    /// Registers of a HyperLogLog.
    Estimated(Box<Vec<u8>>),
}

impl Distinct {
    /// Adds a key; says whether it may be new (always true for an estimate that changed).
    pub fn add(&mut self, key: u64) -> bool {
        match self {
            Self::None => {
                *self = Self::One(key);
                true
            }
            Self::One(known) if *known == key => false,
            Self::One(known) => {
                *self = Self::Exact(Box::new(vec![key.min(*known), key.max(*known)]));
                true
            }
            Self::Exact(keys) => match keys.binary_search(&key) {
                Ok(_) => false,
                Err(place) => {
                    keys.insert(place, key);
                    if keys.len() > EXACT_MAX {
                        let mut registers = vec![0; REGISTERS];
                        for key in keys.iter() {
                            note(&mut registers, *key);
                        }
                        *self = Self::Estimated(Box::new(registers));
                    }
                    true
                }
            },
            Self::Estimated(registers) => note(registers, key),
        }
    }

    /// How many different keys there are, about.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Exact(keys) => u64::try_from(keys.len()).unwrap_or(u64::MAX),
            Self::Estimated(registers) => estimate(registers),
        }
    }

    /// Whether the count is known, not estimated.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        !matches!(self, Self::Estimated(_))
    }

    /// Whether a key is known to be in it; of an estimate that is never known.
    #[must_use]
    pub fn has(&self, key: u64) -> bool {
        match self {
            Self::None | Self::Estimated(_) => false,
            Self::One(known) => *known == key,
            Self::Exact(keys) => keys.binary_search(&key).is_ok(),
        }
    }

    /// The keys, while they are few; none of an estimate.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        match self {
            Self::None | Self::Estimated(_) => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Exact(keys) => keys,
        }
    }

    /// How many different keys there are beside this one, about.
    #[must_use]
    pub fn count_without(&self, key: u64) -> u64 {
        // Among the many it is or it is not: one does not matter.
        let has = self.has(key) || matches!(self, Self::Estimated(_));
        self.count().saturating_sub(u64::from(has))
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::Exact(keys) => size_of::<Vec<u64>>() + keys.capacity() * size_of::<u64>(),
            Self::Estimated(registers) => size_of::<Vec<u8>>() + registers.len(),
        }
    }
}

fn note(registers: &mut [u8], key: u64) -> bool {
    // The keys are good hashes of texts, but addresses are not hashed: mix again.
    let hash = mixed(key);
    let place = usize::try_from(hash >> (u64::BITS - REGISTER_BITS)).unwrap_or(0);
    let rank = (hash << REGISTER_BITS).leading_zeros().min(u64::BITS - REGISTER_BITS) + 1;
    let rank = u8::try_from(rank).unwrap_or(u8::MAX);
    match registers.get_mut(place) {
        Some(register) if *register < rank => {
            *register = rank;
            true
        }
        _ => false,
    }
}

/// The finalizer of SplitMix64 (Steele et al. 2014).
const fn mixed(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    key ^ (key >> 31)
}

/// The estimate of Flajolet et al., in whole numbers so that every machine gives the same: α·m²/Σ2^-r, and while that is
/// below 2.5 a register, what the empty registers tell.
fn estimate(registers: &[u8]) -> u64 {
    const UNIT_BITS: u32 = 57;
    /// 0.7213/(1 + 1.079/256) in millionths.
    const ALPHA_PPM: u128 = 718_273;
    let sum: u128 = registers.iter().map(|rank| 1_u128 << UNIT_BITS.saturating_sub(u32::from(*rank))).sum();
    let squared = u128::try_from(REGISTERS * REGISTERS).unwrap_or(1);
    let count = ((ALPHA_PPM * squared) << UNIT_BITS) / (sum.max(1) * 1_000_000);
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let registers_count = u64::try_from(REGISTERS).unwrap_or(1);
    let empty = registers.iter().filter(|rank| **rank == 0).count();
    match u64::try_from(empty) {
        Ok(empty) if empty > 0 && count < registers_count * 5 / 2 => drawn(registers_count, empty),
        _ => count,
    }
}

/// How many draws leave `empty` of `all` places empty, expected: Σ all/i for i from empty+1 to all, the coupon collector's
/// sum, which is what m·ln(m/V) stands for.
fn drawn(all: u64, empty: u64) -> u64 {
    const UNIT: u64 = 1 << 32;
    let sum: u64 = (empty + 1..=all).map(|place| all * UNIT / place).sum();
    sum / UNIT
}

#[cfg(test)]
mod tests {
    use super::{Distinct, EXACT_MAX};

    #[test]
    fn exact_while_few_and_near_when_many() {
        let mut distinct = Distinct::default();
        for key in 0..32_u64 {
            assert!(distinct.add(key));
            assert!(!distinct.add(key));
        }
        assert_eq!(distinct.count(), 32);
        assert_eq!(distinct.count_without(7), 31);
        assert_eq!(distinct.count_without(99), 32);
        assert!(matches!(&distinct, Distinct::Exact(keys) if keys.len() == EXACT_MAX) && distinct.is_exact());
        let mut added = 32;
        for many in [40, 100, 300, 600, 1_000, 20_000_u64] {
            for key in added..many {
                distinct.add(key);
            }
            added = many;
            assert!(matches!(distinct, Distinct::Estimated(_)) && !distinct.is_exact());
            let count = distinct.count();
            assert!(count.abs_diff(many) <= many / 5, "{count} for {many}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let (mut one, mut other) = (Distinct::default(), Distinct::default());
        for key in 0..1_000 {
            one.add(key);
            other.add(999 - key);
        }
        assert_eq!(one, other);
    }
}
