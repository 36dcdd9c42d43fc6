//! The names of records: what of the state an input touches. Must not know what is in a record.

use std::ops::Deref;

use model::customer::text_key;
use model::{Address, Network};
use serde::{Deserialize, Serialize};

/// One record. Its kind and bytes ([`Self::kind`], [`Self::bytes`]) are how a store names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordKey {
    /// What is known of all together.
    Shared,
    /// A customer, by the hash of their identifier.
    Customer(u64),
    /// An address, its 128 bits (IPv4 mapped).
    Ip(u128),
    /// A network, /24 or /64.
    Network(u128),
    /// An autonomous system.
    Asn(u32),
    /// A device, by the hash of its identifier.
    Device(u64),
    /// A user agent, by the hash of its text.
    Agent(u64),
    /// A bank account, by its keyed hash.
    Account(u64),
    /// A document, by the hash of its name.
    Document(u64),
    /// What is kept sealed of a customer, by the hash of their identifier.
    Profile(u64),
    /// How far what is about many customers at once is.
    Watch,
    /// A bucket of clusters.
    Bucket(u32),
    /// A segment of strangers.
    Segment(u32),
    /// A campaign, by its place among those kept.
    Campaign(u32),
    /// A page of a campaign's members.
    Members(u64),
}

impl RecordKey {
    /// Every kind, as [`Self::kind`] gives it.
    pub const KINDS: std::ops::RangeInclusive<u8> = 0..=14;
    /// The kinds that are always in memory: no input names them among what it touches, so all of them are loaded at a start, beside
    /// [`Self::Shared`].
    pub const RESIDENT_KINDS: [u8; 6] = [8, 10, 11, 12, 13, 14];

    /// The customer with this identifier.
    #[must_use]
    pub fn customer(id: &str) -> Self {
        Self::Customer(text_key(id))
    }

    /// What is kept sealed of the customer with this identifier.
    #[must_use]
    pub fn profile(id: &str) -> Self {
        Self::Profile(text_key(id))
    }

    /// The document of this name.
    #[must_use]
    pub fn document(name: &str) -> Self {
        Self::Document(text_key(name))
    }

    /// The address.
    #[must_use]
    pub fn ip(ip: Address) -> Self {
        Self::Ip(ip.bits())
    }

    /// The network.
    #[must_use]
    pub const fn network(network: Network) -> Self {
        Self::Network(network.bits())
    }

    /// The kind as a number that never changes its meaning.
    #[must_use]
    pub const fn kind(self) -> u8 {
        match self {
            Self::Shared => 0,
            Self::Customer(_) => 1,
            Self::Ip(_) => 2,
            Self::Network(_) => 3,
            Self::Asn(_) => 4,
            Self::Device(_) => 5,
            Self::Agent(_) => 6,
            Self::Account(_) => 7,
            Self::Document(_) => 8,
            Self::Profile(_) => 9,
            Self::Watch => 10,
            Self::Bucket(_) => 11,
            Self::Segment(_) => 12,
            Self::Campaign(_) => 13,
            Self::Members(_) => 14,
        }
    }

    /// The key within its kind, big endian.
    #[must_use]
    pub fn bytes(self) -> KeyBytes {
        match self {
            Self::Shared | Self::Watch => KeyBytes::of(&[]),
            // IPv4 in the eight bytes that are not zero: stores find short keys sooner.
            Self::Ip(bits) | Self::Network(bits) => match u64::try_from(bits) {
                Ok(low) if is_v4(low) => KeyBytes::of(&low.to_be_bytes()),
                _ => KeyBytes::of(&bits.to_be_bytes()),
            },
            Self::Asn(key) | Self::Bucket(key) | Self::Segment(key) | Self::Campaign(key) => {
                KeyBytes::of(&key.to_be_bytes())
            }
            Self::Customer(key)
            | Self::Device(key)
            | Self::Agent(key)
            | Self::Account(key)
            | Self::Document(key)
            | Self::Profile(key)
            | Self::Members(key) => KeyBytes::of(&key.to_be_bytes()),
        }
    }

    /// Back from [`Self::kind`] and [`Self::bytes`]; `None` for what they never give.
    #[must_use]
    pub fn parse(kind: u8, bytes: &[u8]) -> Option<Self> {
        let narrow = || bytes.try_into().ok().map(u32::from_be_bytes);
        let short = || bytes.try_into().ok().map(u64::from_be_bytes);
        let long = || match short().filter(|low| is_v4(*low)) {
            Some(low) => Some(u128::from(low)),
            None => bytes.try_into().ok().map(u128::from_be_bytes),
        };
        Some(match kind {
            0 if bytes.is_empty() => Self::Shared,
            1 => Self::Customer(short()?),
            2 => Self::Ip(long()?),
            3 => Self::Network(long()?),
            4 => Self::Asn(narrow()?),
            5 => Self::Device(short()?),
            6 => Self::Agent(short()?),
            7 => Self::Account(short()?),
            8 => Self::Document(short()?),
            9 => Self::Profile(short()?),
            10 if bytes.is_empty() => Self::Watch,
            11 => Self::Bucket(narrow()?),
            12 => Self::Segment(narrow()?),
            13 => Self::Campaign(narrow()?),
            14 => Self::Members(short()?),
            _ => return None,
        })
    }
}

/// The bytes of a key, 16 at most, in place: there is one for every record that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyBytes {
    /// The rest is zero.
    bytes: [u8; KeyBytes::MAX],
    length: usize,
}

impl KeyBytes {
    /// Bytes at most.
    const MAX: usize = 16;

    fn of(given: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX];
        bytes.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
        Self { bytes, length: given.len().min(Self::MAX) }
    }
}

impl Deref for KeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

impl AsRef<[u8]> for KeyBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Whether these are the lower bits of an IPv4 address mapped to IPv6 (RFC 4291, 2.5.5.2), of which the upper ones are zero.
const fn is_v4(low: u64) -> bool {
    low >> 32 == 0xFFFF
}

#[cfg(test)]
mod tests {
    use super::RecordKey;

    #[test]
    fn keys_come_back_from_their_bytes() {
        for key in [
            RecordKey::Shared,
            RecordKey::Customer(1),
            RecordKey::Ip(2),
            RecordKey::Network(u128::MAX),
            RecordKey::Ip(0xFFFF_C000_0201),
            RecordKey::Network(0xFFFF_C000_0200),
            RecordKey::Ip(0x1_0000_FFFF_C000_0201),
            RecordKey::Ip(0xFFFE_C000_0201),
            RecordKey::Asn(64500),
            RecordKey::Device(3),
            RecordKey::Agent(4),
            RecordKey::Account(5),
            RecordKey::Document(6),
            RecordKey::Profile(7),
            RecordKey::Watch,
            RecordKey::Bucket(8),
            RecordKey::Segment(9),
            RecordKey::Campaign(10),
            RecordKey::Members(11),
        ] {
            assert_eq!(RecordKey::parse(key.kind(), &key.bytes()), Some(key));
        }
        assert_eq!(RecordKey::parse(1, &[1, 2]), None);
        assert_eq!(RecordKey::parse(15, &[]), None);
    }
}
