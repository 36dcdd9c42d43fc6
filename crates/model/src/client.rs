//! Where an event came from. Must not know what an address means (country, lists): that is `intel`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// An IP address in its one canonical form: IPv4-mapped IPv6 (`::ffff:a.b.c.d`) is the IPv4 address it maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(IpAddr);

/// The network an address belongs to for comparison: /24 for IPv4, /64 for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(u128);

impl Address {
    /// The canonical address for `ip`.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// 128 bits, IPv4 in its mapped form: the 16 bytes of history's `ip_hi` and `ip_lo`.
    #[must_use]
    pub fn bits(self) -> u128 {
        match self.0 {
            IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => u128::from(v6),
        }
    }

    /// XXH3-64 of [`Self::bits`], the highest byte first. The index of a journal is kept by it, so it may not change.
    #[must_use]
    pub fn key(self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.bits().to_be_bytes())
    }

    /// Back from [`Self::bits`].
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self::new(IpAddr::V6(Ipv6Addr::from(bits)))
    }

    /// The /24 (IPv4) or /64 (IPv6) around this address.
    #[must_use]
    pub fn network(self) -> Network {
        Network::around(self.bits())
    }

    /// The /48 around an IPv6 address: what one site is given at most (RFC 6177). None for IPv4.
    #[must_use]
    pub fn site(self) -> Option<Network> {
        self.0.is_ipv6().then(|| Network(self.bits() & !((1 << 80) - 1)))
    }
}

impl Network {
    /// The network around an address given by its 128 bits, IPv4 mapped ([`Address::bits`]).
    #[must_use]
    pub const fn around(bits: u128) -> Self {
        const MAPPED_V4: u128 = 0xffff;
        let host = if bits >> 32 == MAPPED_V4 { 0xff } else { (1 << 64) - 1 };
        Self(bits & !host)
    }

    /// The 128 bits of the first address, IPv4 mapped.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }
}

impl From<Ipv4Addr> for Address {
    fn from(v4: Ipv4Addr) -> Self {
        Self(IpAddr::V4(v4))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Address {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self::new).map_err(|_unreadable| {
            Invalid::value("ip", text, "an IPv4 or IPv6 address without port, prefix or zone")
        })
    }
}

crate::wire::through_str_or_number!(
    Address,
    u128,
    Address::bits,
    |bits| Some(Address::from_bits(bits)),
    "an IP address"
);

crate::wire::text! {
    /// The `User-Agent` header as it came, at most 2,048 bytes (longer ones are refused, never cut silently).
    UserAgentText, "user_agent", 2048
}
crate::wire::text! {
    /// The broker's identifier of a device, opaque, at most 128 bytes.
    DeviceId, "device", 128
}
crate::wire::text! {
    /// JA4 TLS client fingerprint, at most 64 bytes.
    Ja4, "ja4", 64
}
crate::wire::text! {
    /// The broker's session identifier, opaque, at most 128 bytes.
    SessionId, "session", 128
}
crate::wire::text! {
    /// Preferred language as in `Accept-Language`, at most 64 bytes.
    Language, "language", 64
}

/// Where an event came from; whatever is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Address>,
    /// `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<UserAgentText>,
    /// Device identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// TLS fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ja4: Option<Ja4>,
    /// Session identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Preferred language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

#[cfg(test)]
mod tests {
    use super::Address;

    fn network(text: &str) -> String {
        Address::from_bits(text.parse::<Address>().unwrap().network().bits()).to_string()
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped: Address = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(mapped.to_string(), "192.0.2.7");
        assert_eq!(mapped, "192.0.2.7".parse().unwrap());
        assert_eq!(Address::from_bits(mapped.bits()), mapped);
    }

    #[test]
    fn networks_are_24_and_64_and_sites_48() {
        assert_eq!(network("192.0.2.7"), "192.0.2.0");
        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1:2::");
        let site = "2001:db8:1:2:3::4".parse::<Address>().unwrap().site();
        assert_eq!(Address::from_bits(site.unwrap().bits()).to_string(), "2001:db8:1::");
    }

    #[test]
    fn refuses_ports_prefixes_and_zones() {
        for text in ["192.0.2.7:443", "192.0.2.0/24", "fe80::1%eth0", "", "localhost", "1.2.3"] {
            assert!(text.parse::<Address>().unwrap_err().to_string().contains("`ip`"));
        }
    }
}
