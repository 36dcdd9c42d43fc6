//! What an event leaves in the records. Must not know signals or policy.

use model::customer::text_key;
use model::time::DAY_US;
use model::{Disposition, EventKind, Factor, Outcome};

use super::State;
use crate::decision::Verdict;
use crate::input::Observed;
use crate::key::RecordKey;
use crate::record::Ip;
use crate::record::customer::{
    BankCheck, Change, Customer, DEVICE_WAITS_US, IPS_MAX, OWN_DEVICES_MAX, OwnDevice, Seen, Session,
    Whereabouts, as_us, seconds,
};
use crate::record::familiar::{Feature, Place, Trait, country};
use crate::record::retention::Forgotten as _;
use crate::signal::{SOLD_HALF_LIFE_US, VELOCITY_HALF_LIFE_US};

/// How long a customer must have been seen at an address for it to count them as settled there.
const SETTLED_AFTER_US: i64 = 30 * DAY_US;

/// An event, and what it counts as.
struct Noted<'a> {
    event: &'a Observed,
    /// The customer's key; 0 for nobody.
    customer: u64,
    device: Option<u64>,
    /// It ended well, and nobody stopped it: what it came from is its customer's own.
    is_own: bool,
    is_login: bool,
    /// Many long-standing customers come from the address.
    is_shared: bool,
}

impl Noted<'_> {
    /// A change of who can reach the money, or money that leaves, done or tried.
    fn is_procedure(&self) -> bool {
        self.customer != 0 && self.event.outcome != Outcome::Failed && self.event.kind.is_procedure()
    }
}

impl State {
    /// Notes an event in every record it touches.
    pub(super) fn note(&mut self, event: &Observed, verdict: Verdict) {
        let noted = Noted {
            event,
            customer: event.customer.as_ref().map_or(0, |customer| text_key(customer.as_str())),
            device: event.device.as_ref().map(|device| text_key(device.as_str())),
            is_own: event.outcome == Outcome::Succeeded
                && verdict == Verdict::Allow
                && event.customer.is_some()
                && !event.kind.is_feedback(),
            is_login: event.kind == EventKind::Login,
            is_shared: event.ip.and_then(|ip| self.ip(ip.bits())).is_some_and(Ip::is_shared),
        };
        // By what is known before it.
        let watched = noted.is_login && event.outcome != Outcome::Attempted || event.order.is_some();
        let is_stranger = watched && self.is_stranger(&noted);
        let settled = self.note_customer(&noted);
        self.note_address(&noted, settled);
        self.note_device_and_account(&noted);
        self.note_payment(event);
        self.note_notice(event);
        if noted.is_own && noted.is_login {
            self.note_login(&noted);
        }
        if noted.is_login && is_stranger {
            self.watch_login(event, noted.customer);
        }
        self.watch_order(event, noted.customer, is_stranger);
    }

    /// As signals see it, see [`crate::signal::View`].
    fn is_stranger(&self, noted: &Noted<'_>) -> bool {
        let (event, customer) = (noted.event, self.customers.get(noted.customer));
        !noted.is_shared
            && event.ip.is_some_and(|ip| {
                customer.is_none_or(|customer| customer.is_stranger(ip, noted.device, event.time))
            })
    }

    /// Gives whether the customer has been at this address for long.
    fn note_customer(&mut self, noted: &Noted<'_>) -> bool {
        if noted.customer == 0 {
            return false;
        }
        let event = noted.event;
        let Some(customer) = self.customers.change(noted.customer, &mut self.changes) else { return false };
        let first_login = noted.is_own && noted.is_login && customer.logins == 0;
        customer.note(noted);
        if first_login {
            self.changes.note(RecordKey::Shared, &mut self.shared);
            let shared = &mut self.shared.record;
            shared.customers = shared.customers.saturating_add(1);
        }
        let seen = event.ip.and_then(|ip| customer.at(ip));
        seen.is_some_and(|seen| as_us(seen.last_s.saturating_sub(seen.first_s)) >= SETTLED_AFTER_US)
    }

    fn note_address(&mut self, noted: &Noted<'_>, settled: bool) {
        let event = noted.event;
        let Some(address) = event.ip else { return };
        let failed = event.outcome == Outcome::Failed;
        let (changes, now) = (&mut self.changes, self.now);
        let Some(ip) = self.ips.change(address.bits(), changes) else { return };
        let Some(network) = self.networks.change(address.network().bits(), changes) else { return };
        ip.name(now);
        network.name(now);
        let now_s = seconds(event.time);
        if ip.first_s == 0 {
            ip.first_s = now_s;
        }
        ip.last_s = ip.last_s.max(now_s);
        // A try is counted when it is told how it ended.
        if noted.is_login && event.outcome != Outcome::Attempted {
            let nobody_known = noted.customer == 0;
            ip.attempts.note(event.time, failed, nobody_known);
            network.attempts.note(event.time, failed, nobody_known);
            if failed && noted.customer != 0 {
                ip.failed_customers.add(noted.customer);
            }
        }
        if noted.is_procedure() {
            ip.procedures.add(noted.customer);
        }
        if noted.is_own {
            ip.customers.add(noted.customer);
            if settled {
                ip.settled.add(noted.customer);
            }
            if noted.is_login {
                // Of an address nearly always one provider and one country: two different values above it, once seen.
                let above = u16::from(event.place.asn.is_some()) + u16::from(event.place.country.is_some());
                ip.logins = ip.logins.saturating_add(1);
                ip.above = ip.above.max(above);
            }
        }
    }

    fn note_device_and_account(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        if noted.customer == 0 || event.outcome == Outcome::Failed {
            return;
        }
        let (changes, now) = (&mut self.changes, self.now);
        if let Some(key) = noted.device {
            // Nearly always it is known, and nothing changes.
            let known = self.devices.get(key).filter(|device| !device.named().is_stale(now));
            let is_new = noted.is_own && !known.is_some_and(|device| device.customers.has(noted.customer));
            let is_first =
                noted.is_procedure() && !known.is_some_and(|device| device.procedures.has(noted.customer));
            if (is_new || is_first)
                && let Some(device) = self.devices.change(key, changes)
            {
                device.name(now);
                if is_new {
                    device.customers.add(noted.customer);
                }
                if is_first {
                    device.procedures.add(noted.customer);
                }
            }
        }
        if let Some(named) = &event.account
            && let Some(account) = self.accounts.change(named.key, changes)
        {
            account.name(now);
            if account.first_us == 0 {
                account.first_us = event.time.as_us();
            }
            account.customers.add(noted.customer);
        }
    }

    /// What the broker itself paid.
    fn note_payment(&mut self, event: &Observed) {
        if event.kind != EventKind::PaymentInstruction || event.outcome != Outcome::Succeeded {
            return;
        }
        let Some(named) = &event.account else { return };
        let Some(account) = self.accounts.change(named.key, &mut self.changes) else { return };
        account.name(self.now);
        if account.paid_first_s == 0 {
            account.paid_first_s = seconds(event.time);
        }
        account.paid.add(1, event.time, VELOCITY_HALF_LIFE_US);
    }

    /// What a bank tells of an account, whether or not it knows whose money went there; or takes back.
    fn note_notice(&mut self, event: &Observed) {
        if event.kind != EventKind::BankNotice {
            return;
        }
        let Some(named) = &event.account else { return };
        let Some(account) = self.accounts.change(named.key, &mut self.changes) else { return };
        account.name(self.now);
        let told_s = seconds(event.time);
        if told_s >= account.listed_s {
            account.listed_s = if event.outcome == Outcome::Failed { 0 } else { told_s };
        }
    }

    /// A login in good order counts in the frequencies of all.
    fn note_login(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        let (changes, now) = (&mut self.changes, self.now);
        changes.note(RecordKey::Shared, &mut self.shared);
        let shared = &mut self.shared.record;
        shared.logins = shared.logins.saturating_add(1);
        if let Some(asn) = event.place.asn
            && let Some(record) = self.asns.change(asn, changes)
        {
            shared.asns = shared.asns.saturating_add(u32::from(record.logins == 0));
            record.logins = record.logins.saturating_add(1);
        }
        if let Some(letters) = event.place.country {
            shared.countries.add(country(letters));
        }
        if let Some(agent) = event.agent {
            if let Some(record) = self.agents.change(agent.text, changes) {
                record.name(now);
                record.logins = record.logins.saturating_add(1);
            }
            shared.browsers.add(agent.browser);
            shared.systems.add(agent.system);
            shared.device_types.add(agent.device_type);
        }
    }
}

impl Customer {
    fn note(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        if self.first_s == 0 {
            self.first_s = seconds(event.time);
        }
        // By what is known before it.
        let is_unfamiliar = event.order.is_some()
            && self.is_unfamiliar(event.ip, noted.device, noted.is_shared, event.time) == Some(true);
        let change =
            (event.outcome == Outcome::Succeeded && event.kind.is_procedure()).then(|| self.change(noted));
        self.note_session(noted);
        self.note_feedback(event);
        if let Some(change) = change {
            self.note_change(event, change);
        }
        if let (Outcome::Succeeded, EventKind::DeviceRegister | EventKind::DeviceRemove, Some(device)) =
            (event.outcome, event.kind, noted.device)
        {
            self.note_own_device(event, device);
        }
        self.note_bank_check(event);
        if event.kind.moves_money() && event.outcome == Outcome::Succeeded {
            self.dealings_mut().withdrawals.add(1, event.time, VELOCITY_HALF_LIFE_US);
        }
        if let Some(order) = event.order.filter(|_| event.outcome == Outcome::Succeeded) {
            let trading = self.trading_mut();
            trading.orders = trading.orders.saturating_add(1);
            trading.notional_max = trading.notional_max.max(order.notional.unwrap_or(0));
            if let Some(share_ppm) = order.holdings_share_ppm.filter(|_| !order.buys) {
                trading.sold.add(u64::from(share_ppm), event.time, SOLD_HALF_LIFE_US);
                if is_unfamiliar {
                    trading.sold_by_strangers.add(u64::from(share_ppm), event.time, SOLD_HALF_LIFE_US);
                }
            }
        }
        if noted.is_own {
            self.note_own(noted);
            self.note_whereabouts(noted);
        }
    }

    /// Only places where a person is: a rented server, or a gateway that a carrier's customers share, is nowhere.
    fn note_whereabouts(&mut self, noted: &Noted<'_>) {
        let (event, at_s) = (noted.event, seconds(noted.event.time));
        if let Some(spot) = event.place.spot
            && !noted.is_shared
            && !event.place.is_rented()
            && self.whereabouts.is_none_or(|known| known.at_s <= at_s)
        {
            self.whereabouts = Some(Whereabouts { at_s, spot });
        }
    }

    /// A change as it would be remembered, by what is known before it.
    fn change(&self, noted: &Noted<'_>) -> Change {
        let event = noted.event;
        let now = event.time;
        let known = |seen: &Seen| seen.is_established(now);
        let has_past =
            self.ips.iter().any(|(_, seen)| known(seen)) || self.devices().any(|(_, seen)| known(seen));
        let from_somewhere = event.ip.is_some() || noted.device.is_some();
        let own_network = event.ip.is_some_and(|ip| self.owns_network(ip.network(), now));
        let own_device = noted.device.is_some_and(|device| self.owns_device(device, now));
        Change {
            at_us: now.as_us(),
            ip: event.ip,
            device: noted.device,
            own: (has_past && from_somewhere).then_some(own_network || own_device),
        }
    }

    /// What was done, not what was tried; and what happened last, not what was told last.
    fn note_change(&mut self, event: &Observed, change: Change) {
        use EventKind as K;
        let replace = |slot: &mut Option<Change>| {
            if slot.is_none_or(|known| known.at_us <= change.at_us) {
                *slot = Some(change);
            }
        };
        match event.kind {
            K::ContactChange => replace(&mut self.dealings_mut().contact),
            K::PasswordChange | K::PasswordReset => replace(&mut self.dealings_mut().password),
            K::FactorEnroll | K::FactorRemove => replace(&mut self.dealings_mut().factor),
            K::BankAccountRegister | K::BankAccountChange => {
                let named = event.account.as_ref();
                let key = named.map(|account| account.key);
                let dealings = self.dealings_mut();
                // What the bank said of the account that stands there already changes none.
                if key.is_some()
                    && key == dealings.bank_named
                    && named.is_some_and(|account| account.verification.is_some())
                {
                    return;
                }
                if dealings.bank.is_none_or(|known| known.at_us <= change.at_us) {
                    dealings.bank_named = key;
                }
                replace(&mut self.dealings_mut().bank);
                if change.own == Some(false) {
                    replace(&mut self.dealings_mut().bank_by_stranger);
                }
            }
            _ => {}
        }
    }

    /// Whatever becomes of the event, what the bank said of the account it names stands.
    fn note_bank_check(&mut self, event: &Observed) {
        let Some(account) = &event.account else { return };
        let Some(verification) = account.verification else { return };
        let told = BankCheck { at_us: event.time.as_us(), account: account.key, verification };
        self.dealings_mut().note_bank_check(told);
    }

    /// A report stands until the customer was identified after it, in whatever order the two are told.
    fn note_feedback(&mut self, event: &Observed) {
        let at_us = event.time.as_us();
        if event.outcome == Outcome::Failed {
            match event.kind {
                EventKind::DeviceRestrict => {
                    let dealings = self.dealings_mut();
                    dealings.unrestricted_us = dealings.unrestricted_us.max(at_us);
                }
                EventKind::FactorCopied => {
                    let dealings = self.dealings_mut();
                    dealings.uncopied_us = dealings.uncopied_us.max(at_us);
                }
                _ => {}
            }
            return;
        }
        match event.kind {
            EventKind::FactorCopied => {
                let dealings = self.dealings_mut();
                dealings.copied_us = dealings.copied_us.max(at_us);
            }
            EventKind::CustomerReport => {
                let dealings = self.dealings_mut();
                dealings.reported_us = dealings.reported_us.max(at_us);
            }
            EventKind::CaseDisposition if event.disposition() == Some(Disposition::Verified) => {
                let dealings = self.dealings_mut();
                dealings.verified_us = dealings.verified_us.max(at_us);
            }
            EventKind::DeviceRestrict => {
                let dealings = self.dealings_mut();
                dealings.restricted_us = dealings.restricted_us.max(at_us);
            }
            _ => {}
        }
    }

    /// What the customer says of their devices: registered, removed.
    fn note_own_device(&mut self, event: &Observed, device: u64) {
        let now = event.time;
        let confirmed = event.factor == Some(Factor::Passkey);
        let at_once = confirmed || self.owns_device(device, now);
        let dealings = self.dealings_mut();
        let known = dealings.own_devices.iter().find(|own| own.device == device).copied();
        dealings.own_devices.retain(|own| own.device != device);
        if event.kind == EventKind::DeviceRemove {
            return;
        }
        let from_us = now.as_us().saturating_add(if at_once { 0 } else { DEVICE_WAITS_US });
        // Registered again, it does not wait longer.
        let from_us = known.map_or(from_us, |known| known.from_us.min(from_us));
        if dealings.own_devices.len() >= OWN_DEVICES_MAX {
            dealings.own_devices.remove(0);
        }
        dealings.own_devices.push(OwnDevice { device, from_us });
    }

    fn note_session(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        let Some(id) = &event.session else { return };
        let session = self.sessions.touch(session_key(id.as_str()));
        session.moved |= session.is_moved_by(event);
        let (network, agent) = places(event);
        session.network = if session.network == 0 { network } else { session.network };
        session.agent = if session.agent == 0 { agent } else { session.agent };
        let step = !event.kind.is_procedure() && event.outcome != Outcome::Attempted;
        session.steps = session.steps.saturating_add(u16::from(step));
    }

    /// What the event came from is the customer's own.
    fn note_own(&mut self, noted: &Noted<'_>) {
        let (event, is_login) = (noted.event, noted.is_login);
        self.last_s = self.last_s.max(seconds(event.time));
        if let Some(ip) = event.ip {
            self.ips.touch(Place::from(ip.bits()), IPS_MAX, |seen| seen.note(event.time, is_login));
        }
        let mut seen_with = |feature: Feature, value: u64| {
            let key = Trait::new(feature, value);
            self.familiar.touch(key, feature.limit(), |seen| seen.note(event.time, is_login));
        };
        if let Some(device) = noted.device {
            seen_with(Feature::Device, device);
        }
        if is_login && let Some(asn) = event.place.asn {
            seen_with(Feature::Asn, u64::from(asn));
        }
        if is_login && let Some(letters) = event.place.country {
            seen_with(Feature::Country, country(letters));
        }
        if event.kind.moves_money() {
            let dealings = self.dealings_mut();
            dealings.withdrawals_done = dealings.withdrawals_done.saturating_add(1);
            dealings.amount_max =
                dealings.amount_max.max(event.amount.as_ref().map_or(0, |amount| amount.minor));
        }
        if !is_login {
            return;
        }
        self.logins = self.logins.saturating_add(1);
        self.hours.note(event.time);
        let mut count = |feature: Feature, value: u64| {
            let key = Trait::new(feature, value);
            self.counted.touch(key, feature.limit(), |count| *count = count.saturating_add(1));
        };
        if let Some(agent) = event.agent {
            count(Feature::Agent, agent.text);
            count(Feature::Browser, agent.browser);
            count(Feature::System, agent.system);
            count(Feature::DeviceType, agent.device_type);
        }
        if let Some(language) = &event.language {
            count(Feature::Language, text_key(language.as_str()));
        }
    }
}

/// What an event came from as a session keeps it: network and user agent, 0 for none.
fn places(event: &Observed) -> (u32, u32) {
    let network = event.ip.map_or(0, |ip| folded(ip.network().bits()));
    (network, event.agent.map_or(0, |agent| short(agent.text)))
}

/// The two halves of a network folded into one: a /64 has nothing in its lower half, and a /24 in its upper.
fn folded(bits: u128) -> u32 {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    // An odd factor spreads what differs in the lowest bits only; nothing but equality is asked.
    short((half(bits) ^ half(bits >> 64)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// 32 bits of a hash, never 0.
fn short(hash: u64) -> u32 {
    u32::try_from((hash ^ hash >> 32) & u64::from(u32::MAX)).unwrap_or(0).max(1)
}

/// A session's identifier as it is kept.
pub(crate) fn session_key(id: &str) -> u32 {
    short(text_key(id))
}

impl Session {
    /// Whether an event comes from another network or user agent than the session began with.
    pub(crate) fn is_moved_by(&self, event: &Observed) -> bool {
        let (network, agent) = places(event);
        let other = |known: u32, now: u32| known != 0 && now != 0 && known != now;
        other(self.network, network) || other(self.agent, agent)
    }
}
