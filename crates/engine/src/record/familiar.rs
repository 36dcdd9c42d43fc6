//! Values a customer is familiar with, as small keys: records of millions of customers hold several of each.

use serde::{Deserialize, Serialize};

use crate::bounded::Key;

/// What a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// A device.
    Device,
    /// An autonomous system.
    Asn,
    /// A country, its two letters as a number.
    Country,
    /// A user agent's text.
    Agent,
    /// A browser with version.
    Browser,
    /// An operating system with version.
    System,
    /// A device type.
    DeviceType,
    /// A language.
    Language,
}

impl Feature {
    /// A number that never changes its meaning.
    #[must_use]
    pub const fn group(self) -> u8 {
        match self {
            Self::Device => 1,
            Self::Asn => 2,
            Self::Country => 3,
            Self::Agent => 4,
            Self::Browser => 5,
            Self::System => 6,
            Self::DeviceType => 7,
            Self::Language => 8,
        }
    }

    /// Values kept of a customer. Every update of a browser is a new user agent.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Device | Self::Asn | Self::Agent => 24,
            Self::Country | Self::Browser | Self::System | Self::DeviceType | Self::Language => 12,
        }
    }
}

/// A value of a feature: 8 bits for the feature, the lower 56 of the value or its hash. Aligned to 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait([u32; 2]);

const VALUE_BITS: u32 = 56;

impl Trait {
    /// A value of a feature.
    #[must_use]
    pub fn new(feature: Feature, value: u64) -> Self {
        let key = u64::from(feature.group()) << VALUE_BITS | Self::kept(value);
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        Self([half(key >> 32), half(key)])
    }

    /// What is kept of a value.
    #[must_use]
    pub const fn kept(value: u64) -> u64 {
        value & ((1 << VALUE_BITS) - 1)
    }

    /// What is kept of the value.
    #[must_use]
    pub fn value(self) -> u64 {
        Self::kept(u64::from(self.0[0]) << 32 | u64::from(self.0[1]))
    }
}

impl Key for Trait {
    fn group(self) -> u8 {
        u8::try_from(self.0[0] >> 24).unwrap_or(0)
    }
}

/// The 128 bits of an address, aligned to 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place([u32; 4]);

impl Place {
    /// The bits.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0.iter().fold(0, |bits, part| bits << 32 | u128::from(*part))
    }
}

impl From<u128> for Place {
    fn from(bits: u128) -> Self {
        let part = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(0);
        Self([part(96), part(64), part(32), part(0)])
    }
}

impl Key for Place {}

/// A country as a number.
#[must_use]
pub fn country(letters: [u8; 2]) -> u64 {
    u64::from(u16::from_be_bytes(letters))
}

#[cfg(test)]
mod tests {
    use super::{Feature, Place, Trait};
    use crate::bounded::Key as _;

    #[test]
    fn keys_keep_what_they_are_made_of() {
        let device = Trait::new(Feature::Device, u64::MAX);
        assert_eq!((device.group(), device.value()), (1, u64::MAX >> 8));
        assert_eq!(Trait::new(Feature::Asn, 64_500).value(), 64_500);
        let bits = 0x2001_0db8_0000_0001_0000_0000_ffff_0001;
        assert_eq!(Place::from(bits).bits(), bits);
    }
}
