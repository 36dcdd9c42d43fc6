//! A span of addresses of one family: what a line of a file, a CIDR network or a node of an MMDB stands for.
//!
//! IPv4-mapped IPv6 becomes IPv4 here, and only here, for everything that comes from files.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::quoted;

/// First and last address, both included, first ≤ last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    V4(u32, u32),
    V6(u128, u128),
}

impl Span {
    /// Refuses a span that ends before it starts or that mixes families.
    pub(crate) fn new(start: IpAddr, end: IpAddr) -> Result<Self, String> {
        let span = match (start.to_canonical(), end.to_canonical()) {
            (IpAddr::V4(start), IpAddr::V4(end)) => Self::V4(start.into(), end.into()),
            (IpAddr::V6(start), IpAddr::V6(end)) => Self::V6(start.into(), end.into()),
            _ => {
                return Err(format!(
                    "{start} and {end} are not of one family; give both as IPv4 or both as IPv6"
                ));
            }
        };
        match span {
            Self::V4(first, last) if first <= last => Ok(span),
            Self::V6(first, last) if first <= last => Ok(span),
            _ => Err(format!("the range ends ({end}) before it starts ({start}); give start, then end")),
        }
    }

    /// An address (`192.0.2.1`) or a network (`192.0.2.0/24`; bits set behind the prefix are ignored).
    pub(crate) fn parse_network(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Self::new(ip, ip);
        }
        let network: IpNet = text.parse().map_err(|_| {
            format!("{} is neither an address nor a network such as 192.0.2.0/24", quoted(text))
        })?;
        Ok(Self::of_network(network.network(), network.broadcast()))
    }

    /// A network by its first and last address. One that is wider than the mapped addresses (`::/80`) stays IPv6.
    pub(crate) fn of_network(first: IpAddr, last: IpAddr) -> Self {
        let number = |ip| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().into(),
            IpAddr::V6(ip) => ip.into(),
        };
        Self::new(first, last).unwrap_or_else(|_| Self::V6(number(first), number(last)))
    }

    /// This span and the one that follows it directly, as one.
    pub(crate) fn joined(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::V4(start, end), Self::V4(after, last)) if end.checked_add(1) == Some(after) => {
                Some(Self::V4(start, last))
            }
            (Self::V6(start, end), Self::V6(after, last)) if end.checked_add(1) == Some(after) => {
                Some(Self::V6(start, last))
            }
            _ => None,
        }
    }

    /// The two ends of a range.
    pub(crate) fn parse_range(start: &str, end: &str) -> Result<Self, String> {
        Self::new(parse_address(start)?, parse_address(end)?)
    }
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{} is not an IP address", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn networks_and_addresses() {
        let good = [
            ("192.0.2.1", Span::V4(0xc000_0201, 0xc000_0201)),
            ("192.0.2.9/24", Span::V4(0xc000_0200, 0xc000_02ff)),
            ("0.0.0.0/0", Span::V4(0, u32::MAX)),
            ("255.255.255.255/32", Span::V4(u32::MAX, u32::MAX)),
            ("::ffff:192.0.2.1", Span::V4(0xc000_0201, 0xc000_0201)),
            ("::ffff:192.0.2.0/120", Span::V4(0xc000_0200, 0xc000_02ff)),
            ("2001:db8::5/126", Span::V6((0x2001_0db8 << 96) + 4, (0x2001_0db8 << 96) + 7)),
            ("::/0", Span::V6(0, u128::MAX)),
            ("::/80", Span::V6(0, 0xffff_ffff_ffff)),
        ];
        for (text, span) in good {
            assert_eq!(Span::parse_network(text), Ok(span), "{text}");
        }
        for bad in [
            "",
            "192.0.2",
            "192.0.2.1/33",
            "::1/129",
            "010.0.0.1",
            "192.0.2.0/24/8",
            "example.com",
            "1.2.3.4:80",
        ] {
            let reason = Span::parse_network(bad).unwrap_err();
            assert!(reason.contains("neither an address nor a network"), "{reason}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(Span::parse_range("1.0.0.0", "1.0.0.255"), Ok(Span::V4(0x0100_0000, 0x0100_00ff)));
        assert_eq!(Span::parse_range("::ffff:1.0.0.0", "1.0.0.255"), Ok(Span::V4(0x0100_0000, 0x0100_00ff)));
        let bad = [
            ("1.0.0.9", "1.0.0.0", "before it starts"),
            ("1.0.0.9", "::1", "not of one family"),
            ("::ffff:1.0.0.0", "::1:0:0:0", "not of one family"),
            ("start", "end", "`start` is not an IP address"),
        ];
        for (start, end, reason) in bad {
            let got = Span::parse_range(start, end).unwrap_err();
            assert!(got.contains(reason), "{got}");
        }
    }
}
