//! Where something came from and with what, in a customer's words: country, prefecture, provider and the first part of the address; browser and
//! machine. A user agent is a claim of the sender, and shown as what it says. Must not know what is unusual.

use std::net::IpAddr;

use intel::Intel;
use model::Address;

use super::prefecture::near;
use super::recent::Origin;
use super::texts::Texts;

/// Stands for the part of an address that is not shown.
const HIDDEN: &str = "•••";

/// Marks of browsers in user agents, those that stand beside another's mark first.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Microsoft Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    (" Line/", "LINE"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
];
/// The same of machines.
const MACHINES: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// `日本 · 東京都付近 · Example Telecom · 203.0.113.•••`; the channel where there is no address.
pub(super) fn place(origin: &Origin, intel: &Intel, texts: Texts) -> String {
    let Some(ip) = origin.ip else {
        let channel = origin.channel.map(|channel| texts.of_word("channel", channel.as_str()));
        return channel.unwrap_or_else(|| texts.of("login.nowhere").to_owned());
    };
    let country = origin.country.map(|letters| {
        let letters = String::from_utf8_lossy(&letters).into_owned();
        texts.of_word("country", &letters)
    });
    // Coordinates say most where the country is small enough to name a part of it.
    let spot = origin.spot.filter(|_| origin.country == Some(*b"JP"));
    let prefecture = spot
        .and_then(near)
        .map(|word| texts.of("login.near").replace("{prefecture}", &texts.of_word("prefecture", word)));
    let provider = origin.asn.and_then(|asn| intel.organisation(asn)).map(str::to_owned);
    let parts = [country, prefecture, provider, Some(shown_of(ip))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Browser and machine: `Safari (iPhone)`.
pub(super) fn program(user_agent: &str, texts: Texts) -> String {
    let of = |marks: &[(&str, &'static str)]| {
        marks.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (of(&BROWSERS), of(&MACHINES)) {
        (Some(browser), Some(machine)) => format!("{browser} ({machine})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => texts.of("login.unknown_program").to_owned(),
    }
}

/// The part of an address that says where, without the one that says who: 24 bits of IPv4, 48 of IPv6.
fn shown_of(ip: Address) -> String {
    match ip.ip() {
        IpAddr::V4(ip) => {
            let [first, second, third, _] = ip.octets();
            format!("{first}.{second}.{third}.{HIDDEN}")
        }
        IpAddr::V6(ip) => {
            let [first, second, third, ..] = ip.segments();
            format!("{first:x}:{second:x}:{third:x}:{HIDDEN}")
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::input::Spot;
    use intel::Intel;
    use model::Channel;

    use super::{place, program};
    use crate::pages::recent::Origin;
    use crate::pages::texts::Texts;

    const JA: Texts = Texts { japanese: true };
    const EN: Texts = Texts { japanese: false };

    #[test]
    fn programs_are_told_in_plain_words() {
        for (text, told) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Version/17.2 Mobile/15E148 Safari/604.1",
                "Safari (iPhone)",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
                "Microsoft Edge (Windows)",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36",
                "Chrome (Android)",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:132.0) Gecko/20100101 Firefox/132.0",
                "Firefox (Mac)",
            ),
            ("curl/8.5.0", "curl"),
            ("MiraiTrade/3.2 (iPhone; iOS 17.2)", "iPhone"),
            ("something", "an unknown program"),
        ] {
            assert_eq!(program(text, EN), told, "{text}");
        }
        assert_eq!(program("", JA), "不明なアプリ");
    }

    #[test]
    fn places_are_told_as_far_as_they_are_known() {
        let origin = |ip: Option<&str>, country: Option<&[u8; 2]>| Origin {
            ip: ip.map(|ip| ip.parse().unwrap()),
            country: country.copied(),
            asn: Some(64_500),
            spot: Some(Spot { north: 357, east: 1397, radius_km: 20 }),
            user_agent: None,
            channel: Some(Channel::Phone),
        };
        let told = |origin: &Origin, texts| place(origin, &Intel::none(), texts);
        assert_eq!(told(&origin(Some("203.0.113.7"), Some(b"JP")), JA), "日本 · 東京都付近 · 203.0.113.•••");
        assert_eq!(
            told(&origin(Some("2001:db8:1:2::7"), Some(b"JP")), EN),
            "Japan · near Tokyo · 2001:db8:1:•••"
        );
        assert_eq!(told(&origin(Some("203.0.113.7"), Some(b"QQ")), EN), "QQ · 203.0.113.•••");
        assert_eq!(told(&origin(None, None), JA), "電話");
    }
}
