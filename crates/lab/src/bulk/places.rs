//! Where made accesses come from: addresses that belong to nobody, their networks, providers and countries.
//! Must not know who uses them when.
//!
//! All IPv4 is in 240.0.0.0/4 (reserved), all IPv6 in 2001:db8::/32 (documentation), all providers in the private range
//! of AS numbers, so nothing here names anybody real.

use model::Address;

use super::draw::Draw;

/// Addresses that one subscriber of a carrier is given in turn.
const CARRIER_REGION_ADDRESSES: u64 = 32;
/// Days after which a home's provider gives it another address of the same /24.
const HOME_ADDRESS_DAYS: u64 = 120;

const HOMES_FROM: u64 = 0xf000_0000;
const MOBILE_FROM: u64 = 0xf800_0000;
const OFFICES_FROM: u64 = 0xfa00_0000;
const HOSTING_FROM: u64 = 0xfc00_0000;
const AWAY_FROM: u64 = 0xfe00_0000;
const AWAY_ADDRESSES: u64 = 1 << 24;
const IPV6_FROM: u64 = 0x2001_0db8_0000_0000;

const HOME_PROVIDERS: u64 = 40;
const CARRIERS: u64 = 4;
const OFFICE_PROVIDERS: u64 = 100;
const HOSTERS: u64 = 12;
const AWAY_PROVIDERS: u64 = 200;
const HOSTING_COUNTRIES: [[u8; 2]; 6] = [*b"JP", *b"US", *b"NL", *b"SG", *b"HK", *b"DE"];
const AWAY_COUNTRIES: [[u8; 2]; 6] = [*b"JP", *b"JP", *b"JP", *b"US", *b"TW", *b"TH"];

/// An address and what a source would have recorded about it. The same address always has the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: Address,
    pub(super) asn: u32,
    pub(super) country: [u8; 2],
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// The customer's home: one /24 or /64 for good, the address in it changing now and then (IPv6: daily).
    Home,
    /// A carrier's shared addresses: many customers behind each.
    Mobile,
    /// An office: some tens of customers behind one address.
    Office,
    /// A hosting provider or VPN: few addresses, used by anybody.
    Hosting,
    /// A hotel, a café, a friend: an address seen once.
    Away,
}

/// How many addresses of each kind there are, for a number of customers.
#[derive(Debug, Clone)]
pub(super) struct Places {
    home_networks: u64,
    carrier_regions: u64,
    offices: u64,
    hosting_addresses: u64,
}

impl Places {
    pub(super) fn for_customers(customers: u64) -> Self {
        Self {
            home_networks: (customers / 8).clamp(16, 1 << 19),
            carrier_regions: (customers / 50 / CARRIER_REGION_ADDRESSES).clamp(1, 1 << 12),
            offices: (customers / 40).clamp(8, 1 << 20),
            hosting_addresses: (customers / 200).clamp(64, 1 << 18),
        }
    }

    /// Whether this person's home has IPv6: one in five.
    fn has_ipv6(seed: u64) -> bool {
        seed.is_multiple_of(5)
    }

    /// A place of this kind that the person with this seed may be at on this day.
    pub(super) fn place(&self, spot: Spot, seed: u64, day: u64, draw: &mut Draw) -> Place {
        let mut own = Draw::named(&[seed, 1]);
        match spot {
            Spot::Home if Self::has_ipv6(seed) => {
                let network = own.below(1 << 32);
                let host = Draw::named(&[seed, 2, day]).bits() | 1;
                let bits = (u128::from(IPV6_FROM | network) << 64) | u128::from(host);
                place(Address::from_bits(bits), 64_512 + network % HOME_PROVIDERS, *b"JP")
            }
            Spot::Home => {
                let network = own.below(self.home_networks);
                let turn = (day + own.below(HOME_ADDRESS_DAYS)) / HOME_ADDRESS_DAYS;
                let host = 1 + Draw::named(&[seed, 3, turn]).below(254);
                place(ipv4(HOMES_FROM + network * 256 + host), 64_512 + network % HOME_PROVIDERS, *b"JP")
            }
            Spot::Mobile => {
                let region = own.below(self.carrier_regions);
                let host = region * CARRIER_REGION_ADDRESSES + draw.below(CARRIER_REGION_ADDRESSES);
                place(ipv4(MOBILE_FROM + host), 64_600 + region % CARRIERS, *b"JP")
            }
            Spot::Office => {
                let office = own.below(self.offices);
                place(ipv4(OFFICES_FROM + office * 8 + 1), 64_700 + office % OFFICE_PROVIDERS, *b"JP")
            }
            Spot::Hosting => {
                // The smaller of two: some addresses are used far more than others.
                let host = draw.below(self.hosting_addresses).min(draw.below(self.hosting_addresses));
                let country = Draw::named(&[host % HOSTERS]).pick(&HOSTING_COUNTRIES).copied();
                place(ipv4(HOSTING_FROM + host), 64_900 + host % HOSTERS, country.unwrap_or(*b"JP"))
            }
            Spot::Away => {
                let network = draw.below(AWAY_ADDRESSES) / 256;
                let host = 1 + draw.below(254);
                let provider = network % AWAY_PROVIDERS;
                let country = Draw::named(&[provider]).pick(&AWAY_COUNTRIES).copied();
                place(ipv4(AWAY_FROM + network * 256 + host), 65_000 + provider, country.unwrap_or(*b"JP"))
            }
        }
    }
}

fn ipv4(bits: u64) -> Address {
    Address::from_bits((0xffff << 32) | u128::from(bits))
}

fn place(address: Address, asn: u64, country: [u8; 2]) -> Place {
    Place { address, asn: u32::try_from(asn).unwrap_or(0), country }
}
