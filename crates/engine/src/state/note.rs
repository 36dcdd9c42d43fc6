//! What an event leaves in the records. Must not know signals or policy.

use model::customer::text_key;
use model::time::DAY_US;
use model::{EventKind, Outcome};

use super::State;
use crate::decision::Verdict;
use crate::input::Observed;
use crate::key::RecordKey;
use crate::record::customer::{
    AGENTS_MAX, ASNS_MAX, Change, Customer, DEVICES_MAX, FEW_MAX, IPS_MAX, Seen, Session,
};
use crate::record::shared::{COUNTRIES_MAX, PARTS_MAX};
use crate::signal::VELOCITY_HALF_LIFE_US;

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
                && event.customer.is_some(),
            is_login: event.kind == EventKind::Login,
        };
        let settled = self.note_customer(&noted);
        self.note_address(&noted, settled);
        self.note_device_and_account(&noted);
        if noted.is_own && noted.is_login {
            self.note_login(&noted);
        }
    }

    /// Gives whether the customer has been at this address for long.
    fn note_customer(&mut self, noted: &Noted<'_>) -> bool {
        if noted.customer == 0 {
            return false;
        }
        let event = noted.event;
        self.changed.insert(RecordKey::Customer(noted.customer));
        let customer = self.customers.entry(noted.customer).or_default();
        let first_login = noted.is_own && noted.is_login && customer.logins == 0;
        customer.note(noted);
        if first_login {
            self.shared.customers = self.shared.customers.saturating_add(1);
        }
        let seen = event.ip.and_then(|ip| customer.ips.get(ip.bits()));
        seen.is_some_and(|seen| seen.last_us.saturating_sub(seen.first_us) >= SETTLED_AFTER_US)
    }

    fn note_address(&mut self, noted: &Noted<'_>, settled: bool) {
        let event = noted.event;
        let Some(address) = event.ip else { return };
        let (bits, network_bits) = (address.bits(), address.network().bits());
        let failed = event.outcome == Outcome::Failed;
        let ip = self.ips.entry(bits).or_default();
        let network = self.networks.entry(network_bits).or_default();
        if ip.first_us == 0 {
            ip.first_us = event.time.as_us();
        }
        // A try is counted when it is told how it ended.
        if noted.is_login && event.outcome != Outcome::Attempted {
            let nobody_known = noted.customer == 0;
            ip.attempts.note(event.time, failed, nobody_known);
            network.attempts.note(event.time, failed, nobody_known);
            if failed && noted.customer != 0 {
                ip.failed_customers.add(noted.customer);
            }
        }
        if noted.is_own {
            ip.customers.add(noted.customer);
            if settled {
                ip.settled.add(noted.customer);
            }
        }
        self.changed.insert(RecordKey::Ip(bits));
        self.changed.insert(RecordKey::Network(network_bits));
    }

    fn note_device_and_account(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        if noted.customer == 0 {
            return;
        }
        if let Some(key) = noted.device
            && event.outcome != Outcome::Failed
        {
            let device = self.devices.entry(key).or_default();
            if noted.is_own {
                device.customers.add(noted.customer);
            }
            self.changed.insert(RecordKey::Device(key));
        }
        if let Some(named) = &event.account
            && event.outcome != Outcome::Failed
        {
            let account = self.accounts.entry(named.key).or_default();
            if account.first_us == 0 {
                account.first_us = event.time.as_us();
            }
            account.customers.add(noted.customer);
            self.changed.insert(RecordKey::Account(named.key));
        }
    }

    /// A login in good order counts in the frequencies of all.
    fn note_login(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        let shared = &mut self.shared;
        shared.logins = shared.logins.saturating_add(1);
        let add = |count: &mut u32| *count = count.saturating_add(1);
        // Of an address nearly always one provider and one country: two different values above it, once seen.
        let above = u32::from(event.place.asn.is_some()) + u32::from(event.place.country.is_some());
        if let Some(ip) = event.ip.and_then(|ip| self.ips.get_mut(&ip.bits())) {
            add(&mut ip.logins);
            ip.above = ip.above.max(above);
        }
        if let Some(asn) = event.place.asn {
            let record = self.asns.entry(asn).or_default();
            shared.asns = shared.asns.saturating_add(u32::from(record.logins == 0));
            add(&mut record.logins);
            self.changed.insert(RecordKey::Asn(asn));
        }
        if let Some(country) = event.place.country {
            shared.countries.touch(country, COUNTRIES_MAX, add);
        }
        if let Some(agent) = event.agent {
            add(&mut self.agents.entry(agent.text).or_default().logins);
            self.changed.insert(RecordKey::Agent(agent.text));
            shared.browsers.touch(agent.browser, PARTS_MAX, add);
            shared.systems.touch(agent.system, PARTS_MAX, add);
            shared.device_types.touch(agent.device_type, PARTS_MAX, add);
        }
        self.changed.insert(RecordKey::Shared);
    }
}

impl Customer {
    fn note(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        let us = event.time.as_us();
        if self.first_us == 0 {
            self.first_us = us;
        }
        let change = self.change(noted);
        self.note_session(noted);
        if event.outcome == Outcome::Succeeded {
            self.note_change(event, change);
        }
        if event.kind.moves_money() && event.outcome == Outcome::Succeeded {
            self.withdrawals.add(1, event.time, VELOCITY_HALF_LIFE_US);
        }
        if noted.is_own {
            self.note_own(noted);
        }
    }

    /// A change as it would be remembered, by what is known before it.
    fn change(&self, noted: &Noted<'_>) -> Change {
        let event = noted.event;
        let now = event.time;
        let known = |seen: &Seen| seen.is_established(now);
        let has_past =
            self.ips.iter().any(|(_, seen)| known(seen)) || self.devices.iter().any(|(_, seen)| known(seen));
        let from_somewhere = event.ip.is_some() || noted.device.is_some();
        let own_network = event.ip.map(model::Address::network).is_some_and(|network| {
            self.ips.iter().any(|(bits, seen)| model::Network::around(bits) == network && known(seen))
        });
        let own_device = noted.device.and_then(|device| self.devices.get(device)).is_some_and(known);
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
            K::ContactChange => replace(&mut self.contact),
            K::PasswordChange | K::PasswordReset => replace(&mut self.password),
            K::FactorEnroll | K::FactorRemove => replace(&mut self.factor),
            K::BankAccountRegister | K::BankAccountChange => {
                replace(&mut self.bank);
                if change.own == Some(false) {
                    replace(&mut self.bank_by_stranger);
                }
                self.account = event.account.as_ref().map(|account| account.key).or(self.account);
            }
            _ => {}
        }
    }

    fn note_session(&mut self, noted: &Noted<'_>) {
        let event = noted.event;
        let Some(id) = &event.session else { return };
        if self.session.as_ref().is_none_or(|session| session.id != *id) {
            self.session = Some(Session { id: id.clone(), ip: None, agent: None, moved: false, steps: 0 });
        }
        if let Some(session) = &mut self.session {
            session.moved |= session.is_moved_by(event);
            session.ip = session.ip.or(event.ip);
            session.agent = session.agent.or(event.agent.map(|agent| agent.text));
            let step = !event.kind.is_procedure() && event.outcome != Outcome::Attempted;
            session.steps = session.steps.saturating_add(u32::from(step));
        }
    }

    /// What the event came from is the customer's own.
    fn note_own(&mut self, noted: &Noted<'_>) {
        let (event, is_login) = (noted.event, noted.is_login);
        self.last_us = self.last_us.max(event.time.as_us());
        if let Some(ip) = event.ip {
            self.ips.touch(ip.bits(), IPS_MAX, |seen| seen.note(event.time, is_login));
        }
        if let Some(device) = noted.device {
            self.devices.touch(device, DEVICES_MAX, |seen| seen.note(event.time, is_login));
        }
        if event.kind.moves_money() {
            self.withdrawals_done = self.withdrawals_done.saturating_add(1);
            self.amount_max = self.amount_max.max(event.amount.as_ref().map_or(0, |amount| amount.minor));
        }
        if !is_login {
            return;
        }
        self.logins = self.logins.saturating_add(1);
        self.hours.note(event.time);
        let add = |count: &mut u32| *count = count.saturating_add(1);
        if let Some(asn) = event.place.asn {
            self.asns.touch(asn, ASNS_MAX, |seen| seen.note(event.time, true));
        }
        if let Some(country) = event.place.country {
            self.countries.touch(country, FEW_MAX, |seen| seen.note(event.time, true));
        }
        if let Some(agent) = event.agent {
            self.agents.touch(agent.text, AGENTS_MAX, add);
            self.browsers.touch(agent.browser, FEW_MAX, add);
            self.systems.touch(agent.system, FEW_MAX, add);
            self.device_types.touch(agent.device_type, FEW_MAX, add);
        }
        if let Some(language) = &event.language {
            self.languages.touch(text_key(language.as_str()), FEW_MAX, add);
        }
    }
}

impl Session {
    /// Whether an event comes from another network or user agent than the session began with.
    pub(crate) fn is_moved_by(&self, event: &Observed) -> bool {
        let other =
            |known: Option<u64>, now: Option<u64>| known.zip(now).is_some_and(|(known, now)| known != now);
        let network = |ip: Option<model::Address>| ip.map(model::Address::network);
        let elsewhere = network(self.ip).zip(network(event.ip)).is_some_and(|(known, now)| known != now);
        elsewhere || other(self.agent, event.agent.map(|agent| agent.text))
    }
}
