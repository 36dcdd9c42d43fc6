//! What the logins of one attack can have in common: address, network, client, provider, country, that nobody is known. Must
//! not know counts.

use model::customer::text_key;
use model::{Address, Network};

use crate::input::Observed;
use crate::record::campaign::FACETS;

/// Something that logins can have in common, from the narrowest to the broadest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// The address; of IPv6 its /64.
    Address,
    /// The network, /24 or /48.
    Network,
    /// User agent, language and TLS fingerprint.
    Client,
    /// TLS fingerprint.
    Ja4,
    /// Provider with browser and system.
    ProviderClient,
    /// Provider.
    Provider,
    /// A country that few customers sign in from.
    Country,
    /// Any of these countries.
    Abroad,
    /// A hosting provider, VPN or Tor.
    Rented,
    /// Nobody known is named.
    Nobody,
}

impl Facet {
    /// All, in the order of their places.
    pub const ALL: [Self; FACETS] = [
        Self::Address,
        Self::Network,
        Self::Client,
        Self::Ja4,
        Self::ProviderClient,
        Self::Provider,
        Self::Country,
        Self::Abroad,
        Self::Rented,
        Self::Nobody,
    ];

    /// Its place, which never changes its meaning.
    #[must_use]
    pub fn place(self) -> u8 {
        let place = Self::ALL.iter().position(|each| *each == self).unwrap_or(0);
        u8::try_from(place).unwrap_or(0)
    }

    /// Its place as a bit.
    #[must_use]
    pub fn bit(self) -> u16 {
        1 << self.place()
    }

    /// The facet at a place.
    #[must_use]
    pub fn at(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Network => "network",
            Self::Client => "client",
            Self::Ja4 => "ja4",
            Self::ProviderClient => "provider_and_client",
            Self::Provider => "provider",
            Self::Country => "country",
            Self::Abroad => "abroad",
            Self::Rented => "rented",
            Self::Nobody => "unknown_names",
        }
    }

    /// Whether so many have it in common that what is usual must be known first.
    #[must_use]
    pub const fn is_broad(self) -> bool {
        matches!(self, Self::Abroad | Self::Rented | Self::Nobody)
    }

    /// Whether it is of strangers from countries that few customers sign in from: an attack is recognised by two names less.
    #[must_use]
    pub const fn is_seldom(self) -> bool {
        matches!(self, Self::Country | Self::Abroad)
    }

    /// Whether an attack can be recognised by it: one address alone is a rule's work.
    #[must_use]
    pub const fn can_name(self) -> bool {
        !matches!(self, Self::Address)
    }

    /// What an event has of it, for reading.
    #[must_use]
    pub fn value(self, event: &Observed) -> String {
        let text = |text: Option<&str>| text.unwrap_or("").chars().take(200).collect::<String>();
        let provider = event.place.asn.map_or_else(String::new, |asn| format!("AS{asn}"));
        match self {
            Self::Address => event.ip.map_or_else(String::new, |ip| machine(ip).to_string()),
            Self::Network => {
                event.ip.map_or_else(String::new, |ip| Address::from_bits(site(ip).bits()).to_string())
            }
            Self::Client => text(event.kept.user_agent.as_ref().map(model::client::UserAgentText::as_str)),
            Self::Ja4 => text(event.ja4.as_ref().map(model::client::Ja4::as_str)),
            Self::ProviderClient => {
                let agent = event.kept.user_agent.as_ref().map(model::client::UserAgentText::as_str);
                format!("{provider} {}", text(agent))
            }
            Self::Provider => provider,
            Self::Country => event
                .place
                .country
                .map_or_else(String::new, |letters| String::from_utf8_lossy(&letters).into_owned()),
            Self::Abroad | Self::Rented | Self::Nobody => String::new(),
        }
    }
}

/// An address as one machine has it: of IPv6 the first of its /64, within which it changes at will.
#[must_use]
pub fn machine(ip: Address) -> Address {
    if ip.ip().is_ipv6() { Address::from_bits(ip.network().bits()) } else { ip }
}

/// The network that one site has.
fn site(ip: Address) -> Network {
    ip.site().unwrap_or_else(|| ip.network())
}

/// The facets of an event by their places, hashed; 0 for one that it does not have. `abroad` tells whether few customers sign in
/// from its country.
#[must_use]
pub fn facets(event: &Observed, abroad: bool) -> [u64; FACETS] {
    let some = |facet: Facet, value: u64| mixed(value.wrapping_add(1), facet);
    let language = event.language.as_ref().map_or(0, |language| text_key(language.as_str()));
    let ja4 = event.ja4.as_ref().map(|ja4| text_key(ja4.as_str()));
    let asn = event.place.asn.map(u64::from);
    Facet::ALL.map(|facet| {
        let value = match facet {
            Facet::Address => event.ip.map(|ip| of_bits(machine(ip).bits())),
            Facet::Network => event.ip.map(|ip| of_bits(site(ip).bits())),
            Facet::Client => event
                .agent
                .map(|agent| agent.text ^ language.rotate_left(21) ^ ja4.unwrap_or(0).rotate_left(42)),
            Facet::Ja4 => ja4,
            Facet::ProviderClient => event
                .agent
                .zip(asn)
                .map(|(agent, asn)| agent.browser ^ agent.system.rotate_left(23) ^ asn.rotate_left(47)),
            Facet::Provider => asn,
            Facet::Country => {
                event.place.country.filter(|_| abroad).map(|letters| u64::from(u16::from_be_bytes(letters)))
            }
            Facet::Abroad => abroad.then_some(1),
            Facet::Rented => event.place.is_rented().then_some(1),
            Facet::Nobody => event.customer.is_none().then_some(1),
        };
        value.map_or(0, |value| some(facet, value))
    })
}

/// The key of an address as [`machine`] gives it.
#[must_use]
pub fn address(ip: Address) -> u64 {
    mixed(of_bits(ip.bits()).wrapping_add(1), Facet::Address)
}

fn of_bits(bits: u128) -> u64 {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    half(bits >> 64).rotate_left(17) ^ half(bits)
}

/// A value of a facet as a key, never 0. The finalizer of SplitMix64 (Steele et al. 2014).
fn mixed(value: u64, facet: Facet) -> u64 {
    let key = value ^ (u64::from(facet.place()) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ (key >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (key ^ (key >> 31)).max(1)
}

/// The key of a symbol's buyers, which stand in the same table.
#[must_use]
pub fn symbol(symbol: u64) -> u64 {
    /// Not that of any facet.
    const SYMBOLS: u64 = 0x5359_4d42_4f4c_5300;
    let key = (symbol ^ SYMBOLS).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (key ^ (key >> 31)).max(1)
}

/// The key of those who sell down what they hold, which stand in the same table.
#[must_use]
pub const fn sold_down() -> u64 {
    0x534f_4c44_2044_4f57
}

/// 32 bits of a key, 0 only for 0.
#[must_use]
pub fn short(key: u64) -> u32 {
    let folded = u32::try_from((key ^ key >> 32) & u64::from(u32::MAX)).unwrap_or(0);
    if key == 0 { 0 } else { folded.max(1) }
}

/// The name of somebody in a cluster: never 0 and without its lowest bit, which tells whether they failed.
#[must_use]
pub fn name(key: u64) -> u32 {
    (short(key) & !1).max(2)
}
