//! The warm sweep: what can be said of procedures for certain by who knows less than history, the ledger. Must not know where
//! that is kept or how it is read.
//!
//! A ledger knows of some accesses that they were: the first and the last in good order from an address or with a device, as
//! of now. It does not know what came between, what failed, or what others did. So only a verdict counts that no row of history could
//! change, and the rules have one such: a network and a device that are the customer's own make it clear, whatever else is
//! true. Of every other procedure nothing is said but why not. `docs/adr/009-warm-sweep.md` goes through the columns.

use intel::Intel;
use model::time::{DAY_US, SECOND_US};
use model::{Procedure, Time};

use super::verdict::ESTABLISHED_AGE_US;
use super::{COLUMNS, Finding, Reason, Verdict, Window};
use crate::procedures::Examined;

/// Columns of a warm sweep's result behind [`COLUMNS`].
pub const WARM_COLUMNS: &[&str] = &["certain", "lacks", "net_since", "device_since"];

/// A customer's first and last known access in good order with something, in whole seconds since 1970: each was within its
/// second. Further ones may lie before, between and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The first known.
    pub first_s: u32,
    /// The last known.
    pub last_s: u32,
}

/// What is known of a procedure's customer, as of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Seen at the procedure's address.
    pub ip: Option<Sighting>,
    /// Seen at addresses of its [`neighbourhood`](is_near), that address among them.
    pub near: Vec<Sighting>,
    /// Seen with its device.
    pub device: Option<Sighting>,
}

/// Whether an access from one address makes the network of the other the customer's own: one /24, one /64, or one /48.
#[must_use]
pub fn is_near(one: model::Address, other: model::Address) -> bool {
    one.network() == other.network() || one.site().is_some_and(|site| other.site() == Some(site))
}

model::words! {
    /// What a certain verdict lacks.
    Lack, "lack" {
        /// The procedure came without an address.
        IpNone = "ip.none",
        /// That its network is the customer's own is not known.
        Net = "net",
        /// The procedure came without a device.
        DeviceNone = "device.none",
        /// That its device is the customer's own is not known.
        Device = "device",
        /// What is known would do, but lies before the window.
        Window = "window",
    }
}

/// What is said of one procedure.
#[derive(Debug, Clone)]
pub struct WarmFinding {
    /// The procedure, and what intel says of its address. Counts are not known: they are 0 here and empty in columns.
    finding: Finding,
    /// What a verdict lacks; nothing where it is certain.
    lacks: Vec<Lack>,
    net_since: Option<Time>,
    device_since: Option<Time>,
}

/// The second in which something is known to be true since.
fn moment(second: u32) -> Option<Time> {
    Time::from_us(i64::from(second).saturating_mul(SECOND_US))
}

/// The moments of a procedure at which an access counts as well before it.
#[derive(Clone, Copy)]
struct Span {
    time: i64,
    window: Window,
}

impl Span {
    /// Whether an access of this second surely lies in the window, `age_us` or more before the procedure. The last second
    /// there is stands for any beyond.
    fn holds(self, second: u32, age_us: i64) -> bool {
        let begin = i64::from(second).saturating_mul(SECOND_US);
        let end = begin.saturating_add(SECOND_US - 1);
        let inside = self.window.holds(begin) && self.window.holds(end);
        inside && second != u32::MAX && self.time.saturating_sub(end) >= age_us
    }

    /// The earliest of the known accesses that was well before the procedure.
    fn established(self, seen: &[Sighting]) -> Option<u32> {
        let seconds = seen.iter().flat_map(|seen| [seen.first_s, seen.last_s]);
        seconds.filter(|second| self.holds(*second, ESTABLISHED_AGE_US)).min()
    }

    /// Whether the address itself was surely used well before, and on two days before.
    fn ip_established(self, seen: Option<Sighting>) -> bool {
        let day = |second: u32| i64::from(second).saturating_mul(SECOND_US).div_euclid(DAY_US);
        seen.is_some_and(|seen| {
            self.holds(seen.first_s, ESTABLISHED_AGE_US)
                && self.holds(seen.last_s, 1)
                && day(seen.first_s) != day(seen.last_s)
        })
    }
}

/// Says what is certain of procedures, by what is known of each.
#[must_use]
pub fn run_warm(examined: &[Examined], known: &[Known], intel: &Intel, window: Window) -> Vec<WarmFinding> {
    examined.iter().zip(known).map(|(each, known)| WarmFinding::new(each, known, intel, window)).collect()
}

impl WarmFinding {
    fn new(examined: &Examined, known: &Known, intel: &Intel, window: Window) -> Self {
        let procedure = &examined.procedure;
        let span = Span { time: procedure.time.as_us(), window };
        let (net, device) = (span.established(&known.near), span.established(known.device.as_slice()));
        let mut finding = Finding::unjudged(examined, intel);
        let listed = procedure.ip.map(|address| finding.look_up(address, intel)).unwrap_or_default();
        let proven = Proven {
            ip: span.ip_established(known.ip),
            net: net.is_some(),
            device: device.is_some(),
            has_device: procedure.device.is_some(),
            allowed: listed.allowed,
        };
        let lacks = match proven.is_clear() {
            true => Vec::new(),
            false => lacks(procedure, known, proven, span),
        };
        finding.verdict = Verdict::Clear;
        let holds = [
            (Reason::IpEstablished, proven.ip),
            (Reason::NetEstablished, proven.net),
            (Reason::DeviceEstablished, proven.device),
            (Reason::IpNone, procedure.ip.is_none()),
            (Reason::DeviceUnknown, procedure.device.is_none() && procedure.ip.is_some()),
            (Reason::IpBlocklisted, listed.blocked),
            (Reason::IpHosting, listed.hosting),
        ];
        finding.reasons = holds.into_iter().filter_map(|(reason, holds)| holds.then_some(reason)).collect();
        Self { finding, lacks, net_since: net.and_then(moment), device_since: device.and_then(moment) }
    }

    /// The procedure.
    #[must_use]
    pub const fn examined(&self) -> &Examined {
        &self.finding.examined
    }

    /// The verdict, where it is certain.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.lacks.is_empty().then_some(self.finding.verdict)
    }

    /// What a certain verdict lacks.
    #[must_use]
    pub fn lacks(&self) -> &[Lack] {
        &self.lacks
    }

    /// Reasons that surely hold; history may know more.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.finding.reasons
    }

    /// The text of a column of [`COLUMNS`] or [`WARM_COLUMNS`]; empty where it is not known.
    #[must_use]
    pub fn column(&self, name: &str, unmask: bool) -> String {
        let time = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
        match name {
            "id" | "customer" | "time" | "kind" | "ip" | "country" | "asn" | "lists" | "reasons" => {
                self.finding.column(name, unmask)
            }
            "verdict" => self.verdict().map(|verdict| verdict.to_string()).unwrap_or_default(),
            "certain" => self.lacks.is_empty().to_string(),
            "lacks" => self.lacks.iter().map(|lack| lack.as_str()).collect::<Vec<_>>().join(";"),
            "net_since" => time(self.net_since),
            "device_since" => time(self.device_since),
            _ => String::new(),
        }
    }

    /// The columns of a warm sweep's result, in order.
    pub fn columns() -> impl Iterator<Item = &'static str> {
        COLUMNS.iter().chain(WARM_COLUMNS).copied()
    }
}

/// What is known to be so; what is not may be so or not.
#[derive(Debug, Clone, Copy, Default)]
struct Proven {
    /// The address is the customer's own.
    ip: bool,
    /// So is the network.
    net: bool,
    /// So is the device.
    device: bool,
    /// Whether the procedure came with one, which is known.
    has_device: bool,
    /// Whether the address is on an allow list, which is known.
    allowed: bool,
}

impl Proven {
    /// Whether the rules ([`super::verdict::judge`]) say clear, whatever is true of all that is not proven.
    const fn is_clear(self) -> bool {
        // An address on an allow list is never hostile; then a known address clears any device, a known network none or a known
        // one. Otherwise the neighbours may be hostile, which a known device outweighs.
        self.net && (self.device || self.allowed && (self.ip || !self.has_device))
    }
}

fn lacks(procedure: &Procedure, known: &Known, proven: Proven, span: Span) -> Vec<Lack> {
    let ever = Span { window: Window { from: i64::MIN, to: span.window.to }, ..span };
    let is_clear_without_window = Proven {
        ip: ever.ip_established(known.ip),
        net: ever.established(&known.near).is_some(),
        device: ever.established(known.device.as_slice()).is_some(),
        ..proven
    }
    .is_clear();
    let lacks = [
        (Lack::IpNone, procedure.ip.is_none()),
        (Lack::Net, procedure.ip.is_some() && !proven.net),
        (Lack::DeviceNone, procedure.device.is_none()),
        (Lack::Device, procedure.device.is_some() && !proven.device),
        (Lack::Window, is_clear_without_window),
    ];
    lacks.into_iter().filter_map(|(lack, holds)| holds.then_some(lack)).collect()
}

#[cfg(test)]
mod tests {
    use intel::Intel;
    use model::time::DAY_US;
    use model::{Procedure, Time};
    use proptest::prelude::*;

    use super::{Known, Lack, Proven, Sighting, is_near, run_warm};
    use crate::procedures::Examined;
    use crate::rows::Recorded;
    use crate::sweep::verdict::{ESTABLISHED_AGE_US, ESTABLISHED_DAYS, Facts, Listed, judge};
    use crate::sweep::{AddressTotals, Own, Seen, Verdict, Window};

    const NOW: i64 = 18_000 * DAY_US;
    const DAY_S: u32 = 86_400;
    const NOW_S: u32 = 18_000 * DAY_S;

    /// Anything that history may say, with what is proven in it.
    fn facts() -> impl Strategy<Value = (Facts, Proven)> {
        let age = prop_oneof![Just(None), (0..40_i64).prop_map(Some)];
        let seen = (age, 0..12_u64).prop_map(|(days, more)| {
            let first = days.map(|days| NOW - days * DAY_US);
            let done = u64::from(first.is_some()) + more;
            Seen { count: done + 1, first, done, first_done: first }
        });
        let own = (
            prop::collection::vec(seen, 6),
            0..4_u32,
            prop::array::uniform3(0..2_u32),
            0..3_u32,
            0..900_000_u64,
        );
        let own = own.prop_map(
            |(seen, ip_days, [contact_changes, password_changes, factor_changes], same_ip, share)| Own {
                any: seen[0],
                ip: seen[1],
                ip_last: None,
                ip_days,
                net: seen[2],
                site: seen[3],
                asn: seen[4],
                device: seen[5],
                contact_changes,
                password_changes,
                factor_changes,
                withdrawals: same_ip,
                withdrawals_same_ip: same_ip,
                withdrawals_share_ppm: share,
            },
        );
        let address = (0..50_u64, 0..50_u64).prop_map(|(logins, failed)| AddressTotals {
            accesses: logins + failed,
            logins: logins + failed,
            logins_failed: failed,
        });
        let flags = prop::array::uniform5(any::<bool>());
        let listed = prop::array::uniform3(any::<bool>());
        (own, address, flags, listed, prop::array::uniform3(0..12_u32)).prop_map(
            |(own, address, flags, listed, others)| {
                let [has_device, is_rare, registers, has_asn, _] = flags;
                let [blocked, hosting, allowed] = listed;
                let [other_customers, other_procedures, ip_failed_customers] = others;
                let well_before =
                    |seen: Seen| seen.first_done.is_some_and(|first| NOW - first >= ESTABLISHED_AGE_US);
                let proven = Proven {
                    ip: well_before(own.ip) && own.ip_days >= ESTABLISHED_DAYS,
                    net: well_before(own.net) || well_before(own.site),
                    device: has_device && well_before(own.device),
                    has_device,
                    allowed,
                };
                let facts = Facts {
                    time: NOW,
                    has_ip: true,
                    has_device,
                    is_rare,
                    registers,
                    has_asn,
                    own,
                    other_customers,
                    other_procedures,
                    ip_failed_customers,
                    address,
                    listed: Listed { blocked, hosting, allowed },
                };
                (facts, proven)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// What is proven to be clear is clear, whatever else is true.
        #[test]
        fn nothing_else_changes_what_is_certain((facts, proven) in facts()) {
            if proven.is_clear() {
                prop_assert_eq!(judge(&facts).0, Verdict::Clear);
            }
        }
    }

    fn procedure(ip: Option<&str>, device: Option<&str>) -> Examined {
        let procedure = Procedure {
            id: "p".parse().unwrap(),
            customer: "C".parse().unwrap(),
            time: Time::from_us(NOW).unwrap(),
            kind: model::EventKind::BankAccountChange,
            ip: ip.map(|ip| ip.parse().unwrap()),
            device: device.map(|device| device.parse().unwrap()),
        };
        Examined { procedure, recorded: Recorded::default() }
    }

    fn days_ago(first: u32, last: u32) -> Sighting {
        Sighting { first_s: NOW_S - first * DAY_S, last_s: NOW_S - last * DAY_S }
    }

    const YEAR: Window = Window { from: NOW - 365 * DAY_US, to: i64::MAX };

    fn lacks(examined: &Examined, known: Known) -> Vec<Lack> {
        let findings = run_warm(std::slice::from_ref(examined), &[known], &Intel::none(), YEAR);
        assert_eq!(findings[0].verdict(), findings[0].lacks().is_empty().then_some(Verdict::Clear));
        findings[0].lacks().to_vec()
    }

    #[test]
    fn only_an_own_network_with_an_own_device_is_certain() {
        let web = procedure(Some("192.0.2.7"), Some("d"));
        let own = Some(days_ago(100, 0));
        let known = |near: &[Sighting], device| Known { ip: None, near: near.to_vec(), device };
        assert_eq!(lacks(&web, known(&[days_ago(100, 0)], own)), []);
        assert_eq!(lacks(&web, known(&[days_ago(13, 0), days_ago(30, 30)], own)), []);
        assert_eq!(lacks(&web, known(&[days_ago(13, 0)], own)), [Lack::Net]);
        assert_eq!(lacks(&web, known(&[], own)), [Lack::Net]);
        assert_eq!(lacks(&web, known(&[days_ago(100, 0)], None)), [Lack::Device]);
        assert_eq!(lacks(&web, known(&[days_ago(100, 0)], Some(days_ago(13, 1)))), [Lack::Device]);
        assert_eq!(
            lacks(&procedure(Some("192.0.2.7"), None), known(&[days_ago(100, 0)], None)),
            [Lack::DeviceNone]
        );
        assert_eq!(lacks(&procedure(None, None), known(&[], None)), [Lack::IpNone, Lack::DeviceNone]);
    }

    /// The second in which an access was may be the one in which it is not well before, or not in the window.
    #[test]
    fn what_is_known_to_the_second_is_not_known_better() {
        let web = procedure(Some("192.0.2.7"), Some("d"));
        let at = |second: u32| Some(Sighting { first_s: second, last_s: second });
        let known =
            |second: u32| Known { ip: None, near: at(second).into_iter().collect(), device: at(second) };
        let edge = NOW_S - 14 * DAY_S;
        assert_eq!(lacks(&web, known(edge)), [Lack::Net, Lack::Device]);
        assert_eq!(lacks(&web, known(edge - 1)), []);
        let begin = NOW_S - 365 * DAY_S;
        assert_eq!(lacks(&web, known(begin)), []);
        assert_eq!(lacks(&web, known(begin - 1)), [Lack::Net, Lack::Device, Lack::Window]);
        assert_eq!(lacks(&web, known(u32::MAX)), [Lack::Net, Lack::Device]);
        // Seen before the window and in it.
        let both = Sighting { first_s: begin - 9, last_s: edge - 9 };
        assert_eq!(lacks(&web, Known { ip: None, near: vec![both], device: Some(both) }), []);
    }

    #[test]
    fn columns_say_what_is_known_and_nothing_else() {
        let web = procedure(Some("192.0.2.7"), Some("d"));
        let seen = days_ago(100, 3);
        let known = Known { ip: Some(seen), near: vec![seen], device: Some(days_ago(90, 0)) };
        let findings = run_warm(&[web], &[known], &Intel::none(), YEAR);
        let told: Vec<(&str, String)> = super::WarmFinding::columns()
            .map(|name| (name, findings[0].column(name, false)))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let expected = [
            ("id", "p"),
            ("customer", "•"),
            ("time", "2019-04-14T00:00:00.000000Z"),
            ("kind", "bank_account.change"),
            ("ip", "192.0.2.7"),
            ("verdict", "clear"),
            ("reasons", "ip.established;net.established;device.established"),
            ("certain", "true"),
            ("net_since", "2019-01-04T00:00:00.000000Z"),
            ("device_since", "2019-01-14T00:00:00.000000Z"),
        ];
        assert_eq!(told, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn near_is_one_network_or_one_site() {
        let near = |one: &str, other: &str| is_near(one.parse().unwrap(), other.parse().unwrap());
        assert!(near("192.0.2.7", "192.0.2.200") && !near("192.0.2.7", "192.0.3.7"));
        assert!(near("2001:db8:1:2::7", "2001:db8:1:ffff::1") && !near("2001:db8:1:2::7", "2001:db8:2:2::7"));
    }
}
