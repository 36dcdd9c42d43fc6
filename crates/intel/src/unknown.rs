//! What cannot be known because no file says it, and what that means for results.

/// Something that cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// Stable code for translation, such as `asn.unknown`.
    pub code: &'static str,
    /// What it means for results, in English.
    pub text: &'static str,
}

pub(crate) const COUNTRY: Unknown = Unknown {
    code: "country.unknown",
    text: "No file of countries is given: the country of an address stays empty, and a new country is not noticed.",
};
pub(crate) const COUNTRY_IPV4: Unknown = Unknown {
    code: "country.ipv4.unknown",
    text: "The files of countries hold no IPv4 networks: the country of IPv4 addresses stays empty.",
};
pub(crate) const COUNTRY_IPV6: Unknown = Unknown {
    code: "country.ipv6.unknown",
    text: "The files of countries hold no IPv6 networks: the country of IPv6 addresses stays empty.",
};
pub(crate) const ASN: Unknown = Unknown {
    code: "asn.unknown",
    text: "No file of autonomous systems is given: an address is compared by itself and by its /24 or /64 only, and a \
           customer's return to the same carrier or company is not seen.",
};
pub(crate) const ASN_IPV4: Unknown = Unknown {
    code: "asn.ipv4.unknown",
    text: "The files of autonomous systems hold no IPv4 networks: the carrier of IPv4 addresses is not known.",
};
pub(crate) const ASN_IPV6: Unknown = Unknown {
    code: "asn.ipv6.unknown",
    text: "The files of autonomous systems hold no IPv6 networks: the carrier of IPv6 addresses is not known.",
};
pub(crate) const TOR: Unknown = Unknown {
    code: "lists.tor.unknown",
    text: "No list of Tor exits is given: an access through Tor looks like any other new address.",
};
pub(crate) const VPN: Unknown = Unknown {
    code: "lists.vpn.unknown",
    text: "No list of VPNs is given: an access through a VPN looks like any other new address.",
};
pub(crate) const HOSTING: Unknown = Unknown {
    code: "lists.hosting.unknown",
    text: "No list of hosting networks is given: an access from a rented server looks like one from a home.",
};
pub(crate) const BLOCKLIST: Unknown = Unknown {
    code: "lists.blocklist.unknown",
    text: "No blocklist is given: addresses that others report for attacks are not recognised.",
};
pub(crate) const USER_AGENTS: Unknown = Unknown {
    code: "user_agents.unknown",
    text: "No rules for user agents are given: the report shows a browser's whole text instead of its name and system.",
};
