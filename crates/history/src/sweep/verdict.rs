//! From what was counted to a verdict, by rules that fit on a page (`docs/sweep.md` has the page). Pure: facts in, verdict and
//! reasons out. Must not know history, files, or whose procedure it is; the holder's name plays no part.

use model::time::{DAY_US, HOUR_US};
use model::words;

use super::tally::{AddressTotals, Own, Seen};

words! {
    /// What a sweep says of a procedure, mildest first.
    Verdict, "verdict" {
        /// The customer's own past speaks for it.
        Clear = "clear",
        /// Something is new, and there is an ordinary explanation.
        Explained = "explained",
        /// A person should look.
        Review = "review",
        /// Treat as fraud until shown otherwise.
        Alarm = "alarm",
    }
}

words! {
    /// Why a verdict is what it is.
    Reason, "reason" {
        /// The customer has used this address on several days, well before.
        IpEstablished = "ip.established",
        /// The customer has used this /24, or this /64 or the /48 around it, well before.
        NetEstablished = "net.established",
        /// The customer has used this provider, well before and more than once or twice.
        AsnEstablished = "asn.established",
        /// The customer has used this device, well before.
        DeviceEstablished = "device.established",
        /// No access of this customer is known well before: a new customer, or one who was away for the whole window.
        CustomerNoPast = "customer.no_past",
        /// The procedure came without an address (telephone, branch, paper).
        IpNone = "ip.none",
        /// The customer was seen at this address only shortly before.
        IpFresh = "ip.fresh",
        /// Neither network nor provider is known of this customer.
        PlaceNew = "place.new",
        /// The network is new, the provider known.
        NetNew = "net.new",
        /// The device is new.
        DeviceNew = "device.new",
        /// The device is not known.
        DeviceUnknown = "device.unknown",
        /// Many customers use this address as they use any: a carrier's or a company's.
        IpShared = "ip.shared",
        /// Several customers' procedures of this kind, which is done seldom, came from this address.
        IpProcedures = "ip.procedures",
        /// Logins of several customers failed at this address, more than customers' own slips explain.
        IpFailures = "ip.failures",
        /// The address is on a Tor list or a blocklist.
        IpBlocklisted = "ip.blocklisted",
        /// The address belongs to a VPN or a hosting provider.
        IpHosting = "ip.hosting",
        /// Contact, password or a factor was changed within 72 hours before.
        ChainChanges = "chain.changes",
        /// Half of the balance or more left within 30 days after.
        ChainDrained = "chain.drained",
        /// Money left within 30 days after, asked for from the same address.
        ChainSameIp = "chain.same_ip",
        /// The address or the device also appears in an alarm.
        AlarmShared = "alarm.shared",
    }
}

/// "Well before": an attacker rarely waits this long between first entry and the procedure.
pub const ESTABLISHED_AGE_US: i64 = 14 * DAY_US;
/// Distinct days on which an address must have been used to be established.
pub const ESTABLISHED_DAYS: u32 = 2;
/// "Shortly before".
pub const FRESH_AGE_US: i64 = 72 * HOUR_US;
/// Other customers from which an address counts as shared by a carrier or a company.
pub const SHARED_CUSTOMERS: u32 = 8;
/// Other customers' procedures of one kind at an address that is not shared.
pub const PROCEDURES_SUSPICIOUS: u32 = 2;
/// Accesses through a provider, from its other networks, that make it the customer's own.
pub const ESTABLISHED_PROVIDER_ACCESSES: u64 = 5;
/// An address is not shared as a carrier's is when this percentage of its other customers or more had such procedures.
pub const PROCEDURES_PERCENT_SUSPICIOUS: u32 = 10;
/// Customers with failed logins at an address from which its failures are looked at …
pub const FAILED_CUSTOMERS_SUSPICIOUS: u32 = 3;
/// … and the share of failed logins that no honest address has, in percent.
pub const FAILED_PERCENT_SUSPICIOUS: u64 = 30;
/// Share of the balance that counts as drained, in millionths (MAS 2024: more than half of a large balance within a day).
pub const DRAINED_PPM: u64 = 500_000;

/// Which lists an address is on, by what they mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// Tor exits and blocklists.
    pub blocked: bool,
    /// VPN and hosting networks.
    pub hosting: bool,
    /// The broker's own list of addresses known to be harmless.
    pub allowed: bool,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// When the procedure was, microseconds.
    pub time: i64,
    /// Whether it came with an address.
    pub has_ip: bool,
    /// Whether it came with a device.
    pub has_device: bool,
    /// Whether it is of a kind that customers do seldom: a change of account, contact, password or factor. That several
    /// do such a thing from one address says something; that they log in or withdraw there says nothing.
    pub is_rare: bool,
    /// Whether it registers a first bank account.
    pub registers: bool,
    /// Whether the provider of its address is known.
    pub has_asn: bool,
    /// The customer's own past, and the chain.
    pub own: Own,
    /// Other customers at the address.
    pub other_customers: u32,
    /// Other customers with procedures of the same kind there.
    pub other_procedures: u32,
    /// Customers with failed logins there.
    pub ip_failed_customers: u32,
    /// Everything at the address.
    pub address: AddressTotals,
    /// Lists it is on.
    pub listed: Listed,
}

impl Facts {
    /// Whether the customer was there, or had it, well before; what failed does not count.
    fn established(&self, seen: Seen) -> bool {
        seen.first_done.is_some_and(|first| self.time.saturating_sub(first) >= ESTABLISHED_AGE_US)
    }

    /// Whether the customer was first seen at the address shortly before.
    fn fresh(&self) -> bool {
        self.own.ip.first.is_some_and(|first| self.time.saturating_sub(first) < FRESH_AGE_US)
    }

    fn ip_established(&self) -> bool {
        self.established(self.own.ip) && self.own.ip_days >= ESTABLISHED_DAYS
    }

    /// A home with IPv6 is given a /48 or a part of it, and may wander through its /64 (RFC 6177).
    fn net_established(&self) -> bool {
        self.established(self.own.net) || self.established(self.own.site)
    }

    /// A provider has many customers, so a single visit through it says little, and this network's accesses say nothing
    /// of its others.
    fn provider_established(&self) -> bool {
        let elsewhere = self.own.asn.done.saturating_sub(self.own.net.done);
        self.has_asn && self.established(self.own.asn) && elsewhere >= ESTABLISHED_PROVIDER_ACCESSES
    }

    fn failures(&self) -> bool {
        self.ip_failed_customers >= FAILED_CUSTOMERS_SUSPICIOUS
            && self.address.logins_failed.saturating_mul(100)
                >= self.address.logins.saturating_mul(FAILED_PERCENT_SUSPICIOUS)
    }

    /// A carrier's or a company's address. Such addresses stand on blocklists now and then; rented servers are none.
    fn shared(&self) -> bool {
        self.other_customers >= SHARED_CUSTOMERS && !self.failures() && !self.heaped() && !self.listed.hosting
    }

    /// More procedures than an address's traffic explains.
    fn heaped(&self) -> bool {
        self.is_rare
            && self.other_procedures >= PROCEDURES_SUSPICIOUS
            && self.other_procedures.saturating_mul(100)
                >= self.other_customers.saturating_mul(PROCEDURES_PERCENT_SUSPICIOUS)
    }

    fn procedures(&self) -> bool {
        self.is_rare && self.other_procedures >= PROCEDURES_SUSPICIOUS && !self.shared()
    }

    /// Somebody else's procedure came from the address too, though hardly anybody uses it.
    fn not_alone(&self) -> bool {
        self.is_rare && self.other_procedures > 0 && !self.shared()
    }

    fn hostile(&self) -> bool {
        let listed = self.listed.blocked && !self.shared();
        !self.listed.allowed && (self.failures() || self.procedures() || listed)
    }

    fn drained(&self) -> bool {
        self.own.withdrawals_share_ppm >= DRAINED_PPM
    }

    /// Whether changes came before, or money was asked for from the same address after.
    fn followed(&self) -> bool {
        self.changes() || self.own.withdrawals_same_ip > 0
    }

    fn changes(&self) -> bool {
        self.own.contact_changes > 0 || self.own.password_changes > 0 || self.own.factor_changes > 0
    }
}

/// The verdict on one procedure and its reasons, in the order of [`Reason::ALL`].
#[must_use]
pub fn judge(facts: &Facts) -> (Verdict, Vec<Reason>) {
    let place = Place::of(facts);
    let device = Device::of(facts);
    let reasons = reasons(facts, place, device);
    (weigh(facts, place, device), reasons)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NoAddress,
    KnownIp,
    KnownNet,
    KnownProvider,
    New,
}

impl Place {
    fn of(facts: &Facts) -> Self {
        if !facts.has_ip {
            Self::NoAddress
        } else if facts.ip_established() {
            Self::KnownIp
        } else if facts.net_established() {
            Self::KnownNet
        } else if facts.provider_established() {
            Self::KnownProvider
        } else {
            Self::New
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Known,
    New,
    Unknown,
}

impl Device {
    fn of(facts: &Facts) -> Self {
        if !facts.has_device {
            Self::Unknown
        } else if facts.established(facts.own.device) {
            Self::Known
        } else {
            Self::New
        }
    }
}

/// The rules, first match wins.
fn weigh(facts: &Facts, place: Place, device: Device) -> Verdict {
    let hostile = facts.hostile();
    let first_account = facts.registers && !facts.established(facts.own.any);
    match place {
        // Staff identified the caller or read the paper; only a drained account after fresh changes is looked at.
        Place::NoAddress if facts.drained() && facts.changes() => Verdict::Review,
        Place::NoAddress => Verdict::Explained,
        // The customer's own past speaks for the address; a bad neighbour there is still worth a look.
        Place::KnownIp if hostile && device != Device::Known => Verdict::Review,
        Place::KnownIp => Verdict::Clear,
        Place::KnownNet if hostile && device != Device::Known => Verdict::Review,
        Place::KnownNet if device == Device::New => Verdict::Explained,
        Place::KnownNet => Verdict::Clear,
        // From here on the network is new.
        Place::KnownProvider | Place::New if hostile && device != Device::Known => Verdict::Alarm,
        Place::KnownProvider | Place::New if hostile => Verdict::Review,
        // A new customer's first bank account has no past to be compared with.
        Place::New if first_account && facts.drained() => Verdict::Review,
        Place::New if first_account && !facts.changes() => Verdict::Explained,
        Place::New if device == Device::New && facts.drained() => Verdict::Alarm,
        Place::New if device == Device::Unknown && facts.drained() && facts.own.withdrawals_same_ip > 0 => {
            Verdict::Alarm
        }
        Place::KnownProvider if device == Device::New && facts.drained() && !facts.shared() => Verdict::Alarm,
        Place::KnownProvider | Place::New if device != Device::Known && facts.drained() => Verdict::Review,
        Place::New if device == Device::Known && facts.listed.hosting && facts.drained() => Verdict::Review,
        // A carrier's or company's address alone is no reason to suspect anybody.
        Place::New if facts.shared() && !facts.followed() && !facts.listed.blocked => Verdict::Explained,
        Place::New if device != Device::Known => Verdict::Review,
        Place::KnownProvider if device != Device::Known && (facts.followed() || facts.not_alone()) => {
            Verdict::Review
        }
        Place::KnownProvider | Place::New => Verdict::Explained,
    }
}

fn reasons(facts: &Facts, place: Place, device: Device) -> Vec<Reason> {
    let holds = |reason: Reason| match reason {
        Reason::IpEstablished => place == Place::KnownIp,
        Reason::NetEstablished => facts.has_ip && facts.net_established(),
        Reason::AsnEstablished => facts.provider_established(),
        Reason::DeviceEstablished => device == Device::Known,
        Reason::CustomerNoPast => !facts.established(facts.own.any),
        Reason::IpNone => place == Place::NoAddress,
        Reason::IpFresh => facts.has_ip && facts.fresh(),
        Reason::PlaceNew => place == Place::New,
        Reason::NetNew => place == Place::KnownProvider,
        Reason::DeviceNew => device == Device::New,
        Reason::DeviceUnknown => device == Device::Unknown && facts.has_ip,
        Reason::IpShared => facts.has_ip && facts.shared(),
        Reason::IpProcedures => facts.procedures(),
        Reason::IpFailures => facts.failures(),
        Reason::IpBlocklisted => facts.listed.blocked,
        Reason::IpHosting => facts.listed.hosting,
        Reason::ChainChanges => facts.changes(),
        Reason::ChainDrained => facts.drained(),
        Reason::ChainSameIp => facts.own.withdrawals_same_ip > 0,
        Reason::AlarmShared => false,
    };
    Reason::ALL.iter().copied().filter(|reason| holds(*reason)).collect()
}

#[cfg(test)]
mod tests {
    use model::time::DAY_US;

    use super::{Facts, Listed, Reason, Verdict, judge};
    use crate::sweep::tally::{AddressTotals, Own, Seen};

    const NOW: i64 = 1_000 * DAY_US;

    fn seen(count: u64, days_ago: i64) -> Seen {
        let first = (count > 0).then_some(NOW - days_ago * DAY_US);
        Seen { count, first, done: count, first_done: first }
    }

    /// A customer who comes from home on a known device.
    fn at_home() -> Facts {
        Facts {
            time: NOW,
            has_ip: true,
            is_rare: true,
            has_device: true,
            has_asn: true,
            own: Own {
                any: seen(90, 360),
                ip: seen(50, 200),
                ip_days: 40,
                net: seen(50, 200),
                asn: seen(60, 300),
                device: seen(60, 300),
                ..Own::default()
            },
            address: AddressTotals { accesses: 60, logins: 30, logins_failed: 1 },
            ..Facts::default()
        }
    }

    /// Somebody from nowhere: a first login minutes before.
    fn stranger() -> Facts {
        let first = Some(NOW - 600_000_000);
        let minutes = Seen { count: 2, first, done: 2, first_done: first };
        Facts {
            own: Own {
                ip: minutes,
                ip_days: 1,
                net: minutes,
                asn: minutes,
                device: minutes,
                ..Own::default()
            },
            address: AddressTotals { accesses: 5, logins: 1, logins_failed: 0 },
            ..at_home()
        }
    }

    fn check(facts: &Facts, verdict: Verdict, reason: Reason) {
        let (said, reasons) = judge(facts);
        assert_eq!(said, verdict, "{reasons:?}");
        assert!(reasons.contains(&reason), "{reason} not in {reasons:?}");
    }

    #[test]
    fn the_own_past_clears_and_minutes_before_do_not() {
        check(&at_home(), Verdict::Clear, Reason::IpEstablished);
        check(&stranger(), Verdict::Review, Reason::IpFresh);
    }

    #[test]
    fn a_stranger_who_drains_is_an_alarm_with_or_without_device() {
        let mut facts = stranger();
        facts.own.withdrawals = 1;
        facts.own.withdrawals_same_ip = 1;
        facts.own.withdrawals_share_ppm = 900_000;
        check(&facts, Verdict::Alarm, Reason::ChainDrained);
        facts.has_device = false;
        facts.own.device = Seen::default();
        check(&facts, Verdict::Alarm, Reason::DeviceUnknown);
    }

    #[test]
    fn a_move_and_a_journey_are_explained_by_the_device() {
        let facts = Facts { own: Own { device: seen(60, 300), ..stranger().own }, ..stranger() };
        check(&facts, Verdict::Explained, Reason::DeviceEstablished);
    }

    #[test]
    fn a_new_phone_at_home_is_clear_and_on_the_carrier_explained() {
        let mut facts = at_home();
        facts.own.device = Seen::default();
        check(&facts, Verdict::Clear, Reason::DeviceNew);
        facts.own.ip = Seen::default();
        facts.own.ip_days = 0;
        facts.own.net = Seen::default();
        facts.other_customers = 300;
        facts.other_procedures = 9;
        check(&facts, Verdict::Explained, Reason::IpShared);
    }

    #[test]
    fn a_carrier_is_not_suspicious_and_a_stuffing_address_is() {
        let carrier = Facts {
            other_customers: 300,
            other_procedures: 12,
            ip_failed_customers: 40,
            address: AddressTotals { accesses: 5_000, logins: 2_000, logins_failed: 90 },
            own: Own { asn: seen(60, 300), device: seen(60, 300), ..stranger().own },
            ..stranger()
        };
        check(&carrier, Verdict::Explained, Reason::IpShared);
        let stuffing =
            Facts { address: AddressTotals { accesses: 400, logins: 400, logins_failed: 380 }, ..stranger() };
        check(
            &Facts { ip_failed_customers: 300, other_customers: 310, ..stuffing },
            Verdict::Alarm,
            Reason::IpFailures,
        );
        for (other_customers, other_procedures) in [(3, 3), (15, 2)] {
            let heaped = Facts { other_customers, other_procedures, ..stranger() };
            check(&heaped, Verdict::Alarm, Reason::IpProcedures);
            // Logins and withdrawals are what everybody comes for.
            let often = Facts { is_rare: false, ..heaped };
            assert!(!judge(&often).1.contains(&Reason::IpProcedures));
        }
        let office = Facts { is_rare: false, other_customers: 30, other_procedures: 30, ..stranger() };
        check(&office, Verdict::Explained, Reason::IpShared);
    }

    #[test]
    fn the_own_provider_explains_a_new_network_unless_more_speaks_against_it() {
        let own = Own { asn: seen(60, 300), ..stranger().own };
        let moved = Facts { own, ..stranger() };
        check(&moved, Verdict::Explained, Reason::NetNew);
        check(&Facts { other_procedures: 1, ..moved }, Verdict::Review, Reason::NetNew);
        let asked = Own { withdrawals: 1, withdrawals_same_ip: 1, ..own };
        let unknown = Facts { has_device: false, own: Own { device: Seen::default(), ..asked }, ..moved };
        check(&unknown, Verdict::Review, Reason::DeviceUnknown);
        // One visit through a provider long ago does not make it the customer's own.
        let once = Own { asn: Seen { count: 3, done: 3, ..seen(3, 300) }, ..own };
        check(&Facts { own: once, ..moved }, Verdict::Review, Reason::PlaceNew);
    }

    #[test]
    fn lists_weigh_only_where_the_customer_is_new() {
        let listed = Listed { blocked: true, ..Listed::default() };
        check(&Facts { listed, ..stranger() }, Verdict::Alarm, Reason::IpBlocklisted);
        check(&Facts { listed, ..at_home() }, Verdict::Clear, Reason::IpBlocklisted);
        let allowed = Listed { blocked: true, allowed: true, ..Listed::default() };
        check(&Facts { listed: allowed, ..stranger() }, Verdict::Review, Reason::IpBlocklisted);
    }

    #[test]
    fn paper_is_explained() {
        check(&Facts { time: NOW, ..Facts::default() }, Verdict::Explained, Reason::IpNone);
    }
}
