//! The simulated internet: networks with their numbers, owners and countries. Must not know who uses which.
//!
//! Nobody real is named: addresses are from ranges that are not routed (10/8, the carriers' 100.64/10 of RFC 6598, the
//! documentation prefix 2001:db8::/32 of RFC 3849), numbers from those for private use (RFC 6996), names are made up.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::Address;

use super::dice::{Dice, mix};

/// What a network is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Homes in Japan.
    Home,
    /// Mobile carriers in Japan; an address is shared by many.
    Mobile,
    /// Companies in Japan.
    Office,
    /// Public wireless access in Japan.
    Spot,
    /// Hotels in Japan.
    Hotel,
    /// Homes and hotels in other countries.
    Abroad,
    /// Data centres anywhere.
    Hosting,
    /// Commercial VPNs.
    Vpn,
}

/// One network: an IPv4 range and perhaps an IPv6 /36.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) asn: u32,
    pub(super) organisation: &'static str,
    pub(super) country: [u8; 2],
    pub(super) purpose: Purpose,
    /// How often it is chosen among those of its purpose.
    weight: u64,
    first: [u8; 4],
    prefix: u32,
    /// Which /36 of 2001:db8::/32, 0 to 15.
    v6: Option<u8>,
}

/// An address and the network it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) ip: Address,
    pub(super) network: &'static Network,
}

const fn network(
    (asn, organisation): (u32, &'static str),
    country: [u8; 2],
    (purpose, weight): (Purpose, u64),
    (first, prefix): ([u8; 4], u32),
) -> Network {
    Network { asn, organisation, country, purpose, weight, first, prefix, v6: None }
}

const fn dual(v4: Network, v6: u8) -> Network {
    Network { v6: Some(v6), ..v4 }
}

use Purpose::{Abroad, Home, Hosting, Hotel, Mobile, Office, Spot, Vpn};

const JP: [u8; 2] = *b"JP";

/// Every network, Japanese homes first.
pub(super) static NETWORKS: [Network; 40] = [
    dual(network((64512, "Tsubame Hikari (simulated)"), JP, (Home, 30), ([10, 0, 0, 0], 11)), 0),
    dual(network((64513, "Kitakaze Broadband (simulated)"), JP, (Home, 18), ([10, 32, 0, 0], 12)), 1),
    network((64514, "Minato Cable Vision (simulated)"), JP, (Home, 10), ([10, 48, 0, 0], 13)),
    dual(network((64515, "Satoyama Online (simulated)"), JP, (Home, 11), ([10, 56, 0, 0], 13)), 2),
    dual(network((64516, "Asagiri Fiber (simulated)"), JP, (Home, 14), ([10, 64, 0, 0], 12)), 3),
    network((64517, "Komorebi Internet (simulated)"), JP, (Home, 9), ([10, 80, 0, 0], 13)),
    network((64518, "Nagisa Cable (simulated)"), JP, (Home, 4), ([10, 88, 0, 0], 14)),
    dual(network((64519, "Yamabiko Net (simulated)"), JP, (Home, 4), ([10, 92, 0, 0], 14)), 4),
    network((64520, "Hayate Mobile (simulated)"), JP, (Mobile, 38), ([100, 64, 0, 0], 12)),
    network((64521, "Suzume Wireless (simulated)"), JP, (Mobile, 28), ([100, 80, 0, 0], 12)),
    network((64522, "Kogane Mobile (simulated)"), JP, (Mobile, 24), ([100, 96, 0, 0], 12)),
    network((64523, "Tampopo MVNO (simulated)"), JP, (Mobile, 10), ([100, 112, 0, 0], 13)),
    network((64524, "Kurogane Business Lines (simulated)"), JP, (Office, 60), ([10, 96, 0, 0], 14)),
    network((64525, "Shirogane Leased Lines (simulated)"), JP, (Office, 40), ([10, 100, 0, 0], 15)),
    network((64526, "Machikado Free Spot (simulated)"), JP, (Spot, 1), ([10, 102, 0, 0], 17)),
    network((64527, "Yadori Hotel Networks (simulated)"), JP, (Hotel, 1), ([10, 103, 0, 0], 16)),
    network((64530, "Changfeng Broadband (simulated)"), *b"CN", (Abroad, 14), ([10, 128, 0, 0], 12)),
    network((64531, "Nanhai Mobile (simulated)"), *b"CN", (Abroad, 8), ([10, 144, 0, 0], 13)),
    network((64532, "Selat Broadband (simulated)"), *b"MY", (Abroad, 4), ([10, 152, 0, 0], 14)),
    network((64533, "Kelawar Mobile (simulated)"), *b"MY", (Abroad, 2), ([10, 156, 0, 0], 14)),
    network((64534, "Bluff River Cable (simulated)"), *b"US", (Abroad, 22), ([10, 160, 0, 0], 13)),
    network((64535, "Yushan Net (simulated)"), *b"TW", (Abroad, 14), ([10, 168, 0, 0], 14)),
    network((64536, "Hangang Net (simulated)"), *b"KR", (Abroad, 14), ([10, 172, 0, 0], 14)),
    network((64537, "Straits Home (simulated)"), *b"SG", (Abroad, 6), ([10, 176, 0, 0], 15)),
    network((64538, "Harbour Home (simulated)"), *b"HK", (Abroad, 6), ([10, 178, 0, 0], 15)),
    network((64539, "Chao Net (simulated)"), *b"TH", (Abroad, 7), ([10, 180, 0, 0], 15)),
    network((64540, "Albion Cable (simulated)"), *b"GB", (Abroad, 3), ([10, 182, 0, 0], 15)),
    network((64541, "Rhein Netz (simulated)"), *b"DE", (Abroad, 3), ([10, 184, 0, 0], 15)),
    network((64542, "Song Hong Net (simulated)"), *b"VN", (Abroad, 5), ([10, 186, 0, 0], 15)),
    network((64550, "Takumi Servers (simulated)"), JP, (Hosting, 25), ([10, 192, 0, 0], 16)),
    network((64551, "Cedar Rack (simulated)"), *b"US", (Hosting, 20), ([10, 193, 0, 0], 16)),
    network((64552, "Stackyard (simulated)"), *b"US", (Hosting, 15), ([10, 194, 0, 0], 16)),
    network((64553, "Polder Servers (simulated)"), *b"NL", (Hosting, 12), ([10, 195, 0, 0], 16)),
    network((64554, "Straits Servers (simulated)"), *b"SG", (Hosting, 10), ([10, 196, 0, 0], 16)),
    network((64555, "Harbour Servers (simulated)"), *b"HK", (Hosting, 10), ([10, 197, 0, 0], 16)),
    network((64556, "Taiga Servers (simulated)"), *b"RU", (Hosting, 8), ([10, 199, 0, 0], 16)),
    network((64560, "Kakurega VPN Japan (simulated)"), JP, (Vpn, 60), ([10, 204, 0, 0], 19)),
    network((64561, "Lantern VPN (simulated)"), *b"US", (Vpn, 20), ([10, 204, 32, 0], 19)),
    network((64562, "Lantern VPN Asia (simulated)"), *b"SG", (Vpn, 12), ([10, 204, 64, 0], 19)),
    network((64563, "Polder VPN (simulated)"), *b"NL", (Vpn, 8), ([10, 204, 96, 0], 19)),
];

/// Exits of each VPN network; customers and attackers come from the same ones.
pub(super) const VPN_EXITS: u64 = 40;
/// Exits of the Tor network, all of them in data centres.
pub(super) const TOR_EXITS: u64 = 120;
/// Addresses of the public wireless access, each shared by whoever is near.
const SPOTS: u64 = 40;
/// Hotels, each with one address.
pub(super) const HOTELS: u64 = 500;

impl Network {
    /// A network of this purpose, by weight.
    pub(super) fn choose(dice: &mut Dice, purpose: Purpose) -> &'static Self {
        let of_purpose = || NETWORKS.iter().filter(move |network| network.purpose == purpose);
        let mut left = dice.below(of_purpose().map(|network| network.weight).sum());
        for network in of_purpose() {
            if left < network.weight {
                return network;
            }
            left -= network.weight;
        }
        &NETWORKS[0]
    }

    /// IPv4 addresses in it.
    pub(super) const fn size(&self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// The address at an offset, counted round.
    pub(super) fn v4(&'static self, offset: u64) -> Source {
        let offset = u32::try_from(offset % self.size()).unwrap_or(0);
        let first = u32::from(Ipv4Addr::from(self.first));
        Source { ip: Ipv4Addr::from(first | offset).into(), network: self }
    }

    /// The same place in the other half of the range; IPv6 stays.
    pub(super) fn other_half(&'static self, ip: Address) -> Source {
        let std::net::IpAddr::V4(v4) = ip.ip() else { return Source { ip, network: self } };
        let offset = u64::from(u32::from(v4) ^ u32::from(Ipv4Addr::from(self.first)));
        self.v4(offset + self.size() / 2)
    }

    /// Any address.
    pub(super) fn any(&'static self, dice: &mut Dice) -> Source {
        self.v4(dice.below(self.size()))
    }

    /// An address in one of its 2^28 IPv6 /64 networks; none where it has no IPv6.
    pub(super) fn v6(&'static self, site: u64, interface: u64) -> Option<Source> {
        let bits = self.v6_first()? | (u128::from(site & 0x0fff_ffff) << 64) | u128::from(interface);
        Some(Source { ip: Address::new(Ipv6Addr::from(bits).into()), network: self })
    }

    fn v6_first(&self) -> Option<u128> {
        Some((0x2001_0db8 << 96) | (u128::from(self.v6?) << 92))
    }

    /// First and last address of each of its ranges.
    pub(super) fn ranges(&'static self) -> Vec<(Address, Address)> {
        let v4 = (self.v4(0).ip, self.v4(self.size() - 1).ip);
        let v6 = self.v6_first().map(|first| {
            let last = first | ((1 << 92) - 1);
            (Address::new(Ipv6Addr::from(first).into()), Address::new(Ipv6Addr::from(last).into()))
        });
        std::iter::once(v4).chain(v6).collect()
    }
}

/// An exit of a VPN network.
pub(super) fn vpn_exit(network: &'static Network, number: u64) -> Source {
    network.v4(mix(network.asn.into(), number % VPN_EXITS))
}

/// An exit of the Tor network.
pub(super) fn tor_exit(number: u64) -> Source {
    let number = number % TOR_EXITS;
    let hosting: Vec<_> = NETWORKS.iter().filter(|network| network.purpose == Hosting).collect();
    let place = super::dice::place(number % super::dice::count(hosting.len()).max(1));
    hosting.get(place).copied().unwrap_or(&NETWORKS[0]).v4(mix(9_001, number))
}

/// An address of the public wireless access.
pub(super) fn spot(dice: &mut Dice) -> Source {
    let number = dice.below(SPOTS);
    Network::choose(dice, Spot).v4(mix(9_002, number))
}

/// The address of a hotel in Japan.
pub(super) fn hotel(dice: &mut Dice) -> Source {
    let number = dice.below(HOTELS);
    Network::choose(dice, Hotel).v4(mix(9_003, number))
}

#[cfg(test)]
mod tests {
    use super::{NETWORKS, Network, Purpose, tor_exit, vpn_exit};
    use crate::simulate::dice::{Dice, Stream};

    #[test]
    fn networks_do_not_overlap_and_numbers_are_unique() {
        let mut ranges: Vec<_> = NETWORKS.iter().flat_map(Network::ranges).collect();
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{} and {}", pair[0].1, pair[1].0);
        }
        let mut asns: Vec<u32> = NETWORKS.iter().map(|network| network.asn).collect();
        asns.dedup();
        assert_eq!(asns.len(), NETWORKS.len());
    }

    #[test]
    fn addresses_lie_in_their_network() {
        let mut dice = Dice::new(1, Stream::Lists, 0);
        let purposes = [Purpose::Home, Purpose::Mobile, Purpose::Abroad, Purpose::Hosting, Purpose::Vpn];
        for number in 0..1_000 {
            let network = Network::choose(&mut dice, purposes[usize::try_from(number % 5).unwrap()]);
            let sources = [Some(network.any(&mut dice)), network.v6(number, number), Some(tor_exit(number))];
            for source in sources.into_iter().flatten().chain([vpn_exit(&NETWORKS[36], number)]) {
                let inside = |(first, last): &(_, _)| (*first..=*last).contains(&source.ip);
                assert!(source.network.ranges().iter().any(inside), "{}", source.ip);
            }
        }
    }
}
