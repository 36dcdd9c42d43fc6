//! Requests as prepared bytes of fixed lengths, into which only digits are written. Must not know when they are sent.

use std::ops::Range;

use crate::http::Target;

/// Kinds in a hundred requests, as in the other benchmarks: a fifth moves money, one changes the bank account.
const MIX: [(&str, u64); 3] = [("bank_account.change", 1), ("withdrawal", 20), ("login", 79)];
/// Browsers that customers have.
pub(super) const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SO-51C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
];

// Stand where digits are written; as long as what replaces them.
const TIME: &str = "TTTTTTTTTTTTTTTTTTTTTTTTTTT";
const NUMBER: &str = "NNNNNNNNN";
const CUSTOMER: &str = "CCCCCCCC";
const OCTETS: [&str; 3] = ["XXX", "YYY", "ZZZ"];

/// Makes requests, each with an identifier of its own.
pub(super) struct Requests {
    templates: Vec<Template>,
    customers: u64,
    made: u64,
}

struct Template {
    bytes: Vec<u8>,
    time: Vec<Range<usize>>,
    number: Vec<Range<usize>>,
    customer: Vec<Range<usize>>,
    octets: Vec<Vec<Range<usize>>>,
}

impl Requests {
    /// `run` makes the identifiers of this run its own.
    pub(super) fn new(target: &Target, key: &str, run: u64, customers: u32) -> Self {
        let mut templates = Vec::new();
        for (kind, _) in MIX {
            for agent in AGENTS {
                templates.push(Template::new(target, key, &body(kind, agent, run)));
            }
        }
        Self { templates, customers: u64::from(customers).max(1), made: 0 }
    }

    /// The next request, at `time` (27 characters of RFC 3339).
    pub(super) fn next(&mut self, time: &[u8]) -> &[u8] {
        let number = self.made;
        self.made = self.made.wrapping_add(1);
        let mixed = mix(number);
        let customer = (mixed >> 8) % self.customers;
        let kind = kind(number % 100);
        let agents = u64::try_from(AGENTS.len()).unwrap_or(1);
        let place = kind.saturating_mul(agents).saturating_add(customer % agents);
        let count = self.templates.len();
        let place = usize::try_from(place).unwrap_or(0) % count.max(1);
        let Some(template) = self.templates.get_mut(place) else { return &[] };
        template.put_text(time);
        put(&mut template.bytes, &template.number, number);
        put(&mut template.bytes, &template.customer, customer);
        // At home, but now and then elsewhere.
        let from = if number.is_multiple_of(20) { mixed >> 16 } else { customer };
        for (ranges, octet) in template.octets.iter().zip(octets(from)) {
            put(&mut template.bytes, ranges, octet.into());
        }
        &template.bytes
    }
}

/// What follows `10.` in the address of somebody. From 100 to 249 each, so that all have three digits.
pub(super) fn octets(of: u64) -> [u8; 3] {
    [22_500, 150, 1].map(|divisor| u8::try_from(100 + of / divisor % 150).unwrap_or(u8::MAX))
}

/// Splitmix64: neighbours become strangers.
const fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

/// The place in [`MIX`].
fn kind(hundredth: u64) -> u64 {
    let mut until = 0;
    for (place, (_, share)) in (0..).zip(MIX) {
        until += share;
        if hundredth < until {
            return place;
        }
    }
    0
}

fn body(kind: &str, agent: &str, run: u64) -> String {
    let [x, y, z] = OCTETS;
    let details = match kind {
        "withdrawal" => {
            r#""outcome":"attempted","amount":{"minor":300000,"currency":"JPY"},"balance_share":0.1"#
        }
        "login" => r#""outcome":"succeeded","credential":"correct","factor":"none""#,
        _ => r#""outcome":"attempted""#,
    };
    format!(
        r#"{{"id":"load-{run:016x}-{NUMBER}","time":"{TIME}","kind":"{kind}","customer":"L{CUSTOMER}","channel":"web","client":{{"ip":"10.{x}.{y}.{z}","user_agent":"{agent}","device":"ld-{CUSTOMER}","session":"ls-{NUMBER}","language":"ja"}},{details}}}"#
    )
}

impl Template {
    fn new(target: &Target, key: &str, body: &str) -> Self {
        let mut bytes = Vec::new();
        crate::http::head(&mut bytes, target, key, ("POST", "/v1/decide"), body.len());
        let head = bytes.len();
        bytes.extend_from_slice(body.as_bytes());
        let find = |what: &str| {
            let starts = body.match_indices(what).map(|(start, _)| start.saturating_add(head));
            starts.map(|start| start..start.saturating_add(what.len())).collect()
        };
        let (time, number, customer) = (find(TIME), find(NUMBER), find(CUSTOMER));
        let octets = OCTETS.iter().map(|octet| find(octet)).collect();
        Self { bytes, time, number, customer, octets }
    }

    fn put_text(&mut self, text: &[u8]) {
        for range in &self.time {
            if let Some(place) = self.bytes.get_mut(range.clone())
                && place.len() == text.len()
            {
                place.copy_from_slice(text);
            }
        }
    }
}

/// Writes a number with leading zeros into each of the ranges.
fn put(bytes: &mut [u8], ranges: &[Range<usize>], number: u64) {
    for range in ranges {
        let mut rest = number;
        for digit in bytes.get_mut(range.clone()).unwrap_or_default().iter_mut().rev() {
            *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::{Event, EventKind};

    use super::{Requests, Target};

    #[test]
    fn every_request_is_an_event_of_its_own() {
        let target = Target::parse("http://127.0.0.1:1", false).unwrap();
        let mut requests = Requests::new(&target, "k", 7, 50);
        let (mut ids, mut customers, mut logins) = (BTreeSet::new(), BTreeSet::new(), 0);
        for _ in 0..1_000 {
            let bytes = requests.next(b"2026-01-05T10:00:00.123456Z");
            let text = std::str::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
            let event = Event::from_json(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
            assert!(ids.insert(event.id.to_string()));
            customers.insert(event.customer.unwrap().to_string());
            logins += u32::from(event.kind == EventKind::Login);
        }
        assert_eq!((customers.len(), logins), (50, 790));
    }
}
