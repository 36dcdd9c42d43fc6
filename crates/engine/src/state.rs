//! Records in memory, and the one function that changes them. Must not know where records come from when they are not in
//! memory: whoever applies an input loads what it [touches](crate::input::Body::touches) first, or says that there is nothing.
//!
//! An event is weighed against the records as they were before it, then noted. What is noted as the customer's own is only
//! what ended well and was not held or refused: an attacker's own tries must not make them a known face.

mod campaigns;
mod changes;
mod kinds;
mod note;
mod records;
mod sizes;
mod watch;

use model::Time;
use model::customer::text_key;

pub use self::campaigns::{Campaigns, Entry, OPEN_US};
use self::changes::Changes;
pub use self::changes::Copies;
pub(crate) use self::note::session_key;
use self::records::{PARTS, Records, Slot};
pub use self::sizes::{KindTaken, Taken};
pub(crate) use self::watch::is_abroad;
use crate::decision::{Decision, Verdict};
use crate::input::{Body, Input, Observed, Profile};
use crate::key::RecordKey;
use crate::policy::Policy;
use crate::record::retention::remembered;
use crate::record::{
    Account, AgentUse, Asn, Customer, Device, Document, Hold, Ip, Network, Shared, customer,
};
use crate::signal::{Signal, View};

/// Records in memory, and which of them changed since they were last copied out.
#[derive(Debug)]
pub struct State {
    shared: Slot<Shared>,
    customers: Records<u64, Box<Customer>>,
    ips: Records<u128, Box<Ip>>,
    networks: Records<u128, Network>,
    asns: Records<u32, Asn>,
    devices: Records<u64, Device>,
    agents: Records<u64, AgentUse>,
    accounts: Records<u64, Account>,
    documents: Records<u64, Box<Document>>,
    profiles: Records<u64, Box<Document>>,
    campaigns: Campaigns,
    changes: Changes,
    seq: u64,
    /// When the input applied last arrived.
    now: Time,
}

impl Default for State {
    fn default() -> Self {
        Self {
            shared: Slot::default(),
            customers: Records::new(RecordKey::Customer),
            ips: Records::new(RecordKey::Ip),
            networks: Records::new(RecordKey::Network),
            asns: Records::new(RecordKey::Asn),
            devices: Records::new(RecordKey::Device),
            agents: Records::new(RecordKey::Agent),
            accounts: Records::new(RecordKey::Account),
            documents: Records::new(RecordKey::Document),
            profiles: Records::new(RecordKey::Profile),
            campaigns: Campaigns::default(),
            changes: Changes::default(),
            seq: 0,
            now: Time::MIN,
        }
    }
}

/// What applying an input gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The decision about an event that was asked about.
    Decided(Decision),
    /// A fact, a profile, a policy or a document was noted.
    Noted,
    /// A hold was settled; false if there was none, or if it was over.
    Settled(bool),
}

impl State {
    /// A state without records that is true up to input `seq`: its records are elsewhere.
    #[must_use]
    pub fn at(seq: u64) -> Self {
        let mut state = Self { seq, ..Self::default() };
        state.changes.at(seq);
        state
    }

    /// The input applied last; 0 for none.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// When the input applied last arrived; the beginning of time before there was one.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What is known of many customers at once.
    #[must_use]
    pub const fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }

    /// A customer's record, if it is in memory.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.get(text_key(id)).map(AsRef::as_ref)
    }

    /// What is kept sealed of a customer, if it is in memory.
    #[must_use]
    pub fn profile(&self, id: &str) -> Option<&Document> {
        self.profiles.get(text_key(id)).map(AsRef::as_ref)
    }

    /// An address's record by its 128 bits, if it is in memory and remembered.
    #[must_use]
    pub fn ip(&self, bits: u128) -> Option<&Ip> {
        self.ips.get(bits).map(AsRef::as_ref).filter(|ip: &&Ip| remembered(*ip, self.now))
    }

    /// A network's record by its 128 bits, if it is in memory and remembered.
    #[must_use]
    pub fn network(&self, bits: u128) -> Option<&Network> {
        self.networks.get(bits).filter(|network| remembered(*network, self.now))
    }

    /// A device's record, if it is in memory and remembered.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.get(text_key(id)).filter(|device| remembered(*device, self.now))
    }

    /// A document.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<&Document> {
        // One that was removed has no name; of two with one hash, only the one kept has this one.
        self.documents.get(text_key(name)).map(AsRef::as_ref).filter(|kept: &&Document| kept.name == name)
    }

    /// The documents whose names begin so, in the order of their names.
    #[must_use]
    pub fn documents(&self, prefix: &str) -> Vec<&Document> {
        let all = self.documents.values().map(AsRef::as_ref);
        let mut documents: Vec<&Document> =
            all.filter(|document: &&Document| document.name.starts_with(prefix)).collect();
        documents.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        documents
    }

    /// Begins copying out the records that changed since the round before, as they are now. False if that round is still
    /// under way.
    pub fn begin_copying(&mut self) -> bool {
        self.changes.begin()
    }

    /// Records changed since copying last began.
    #[must_use]
    pub const fn changed(&self) -> usize {
        self.changes.changed()
    }

    /// Lets records leave memory: of one part of [`Self::PARTS`], those that are stored as they are and that no input of the
    /// last `inputs` changed, give or take some hundred. Call it only when everything copied is stored. Tells which.
    pub fn forget(&mut self, part: usize, inputs: u64) -> Vec<RecordKey> {
        let mut changes = Changes::default();
        changes.at(self.seq.saturating_sub(inputs));
        let (since, mut gone) = (changes.tick(), Vec::new());
        self.customers.forget(part, since, &mut gone);
        self.ips.forget(part, since, &mut gone);
        self.networks.forget(part, since, &mut gone);
        self.devices.forget(part, since, &mut gone);
        self.accounts.forget(part, since, &mut gone);
        self.profiles.forget(part, since, &mut gone);
        gone
    }

    /// Parts into which records are cut.
    pub const PARTS: usize = PARTS;

    /// Applies an input: the records it touches must be in memory; those that are not count as empty.
    pub fn apply(&mut self, policy: &Policy, input: &Input) -> Outcome {
        self.seq = input.seq;
        self.now = input.time;
        self.changes.at(input.seq);
        match &input.body {
            Body::Event(event) => self.apply_event(policy, event),
            // Whoever holds the policy compiles the new one for the inputs that follow.
            Body::Policy { version, text, by } => {
                self.keep(input, &policy_name(*version), Some(text.as_bytes()), by)
            }
            Body::Document { name, bytes, by } => self.keep(input, name, bytes.as_deref(), by),
            Body::Profile(profile) => self.note_profile(input, profile),
            Body::Act { .. } => Outcome::Noted,
            Body::HoldSettled { customer, event, .. } => {
                let key = text_key(customer.as_str());
                let Some(customer) = self.customers.change(key, &mut self.changes) else {
                    return Outcome::Settled(false);
                };
                let holds = &mut customer.dealings_mut().holds;
                // One that is over cannot be settled any more.
                let is_open = |hold: &Hold| hold.event == *event && hold.until_us > input.time.as_us();
                let was_open = holds.iter().any(is_open);
                holds.retain(|hold| hold.event != *event);
                Outcome::Settled(was_open)
            }
        }
    }

    fn apply_event(&mut self, policy: &Policy, event: &Observed) -> Outcome {
        let arrived = self.arrived(event);
        let decision = if event.asked { Some(self.weigh(policy, event)) } else { None };
        let verdict = decision.as_ref().map_or(Verdict::Allow, |decision| decision.verdict);
        self.note(event, verdict);
        let Some(decision) = decision else { return Outcome::Noted };
        if let (Some(until), Some(customer)) = (decision.held_until, &event.customer)
            && let Some(customer) = self.customers.change(text_key(customer.as_str()), &mut self.changes)
        {
            let holds = &mut customer.dealings_mut().holds;
            // Those that are over make room; of too many, the oldest is left to its time.
            holds.retain(|hold| hold.until_us > arrived.as_us());
            if holds.len() >= customer::HOLDS_MAX {
                holds.remove(0);
            }
            holds.push(Hold { event: event.id.clone(), since_us: arrived.as_us(), until_us: until.as_us() });
        }
        Outcome::Decided(decision)
    }

    /// The decision about an event by a policy, against the records as they stand. Changes nothing.
    #[must_use]
    pub fn weigh(&self, policy: &Policy, event: &Observed) -> Decision {
        self.with_view(event, |view| policy.decide(view))
    }

    /// A signal's value for an event, against the records as they stand; `None` where it says nothing.
    #[must_use]
    pub fn signal(&self, signal: Signal, event: &Observed) -> Option<f64> {
        self.with_view(event, |view| signal.value(view))
    }

    pub(crate) fn with_view<T>(&self, event: &Observed, look: impl FnOnce(&View<'_>) -> T) -> T {
        let empty = Empty::default();
        let customer_key = event.customer.as_ref().map_or(0, |customer| text_key(customer.as_str()));
        let device_key = event.device.as_ref().map(|device| text_key(device.as_str()));
        let customer = self.customers.get(customer_key).map(AsRef::as_ref);
        let ip = event.ip.and_then(|ip| self.ip(ip.bits()));
        let network = event.ip.and_then(|ip| self.network(ip.network().bits()));
        let device = device_key.and_then(|device| self.devices.get(device));
        let device = device.filter(|device| remembered(*device, self.now));
        let account = event.account.as_ref().and_then(|account| self.accounts.get(account.key));
        let account = account.filter(|account| remembered(*account, self.now));
        let agent = event.agent.and_then(|agent| self.agents.get(agent.text));
        let agent = agent.filter(|agent| remembered(*agent, self.now));
        let view = View {
            event,
            arrived: self.arrived(event),
            customer_key,
            device_key,
            customer: customer.unwrap_or(&empty.customer),
            ip: ip.unwrap_or(&empty.ip),
            network: network.unwrap_or(&empty.network),
            asn: event.place.asn.and_then(|asn| self.asns.get(asn)).unwrap_or(&empty.asn),
            device: device.unwrap_or(&empty.device),
            agent: agent.unwrap_or(&empty.agent),
            account: account.unwrap_or(&empty.account),
            shared: &self.shared.record,
            campaigns: &self.campaigns,
        };
        look(&view)
    }

    /// When an event arrived that is applied now. A hold counts from here: an event that is told days late waits as long as any.
    fn arrived(&self, event: &Observed) -> Time {
        self.now.max(event.time)
    }

    fn note_profile(&mut self, input: &Input, profile: &Profile) -> Outcome {
        let (key, changes) = (text_key(profile.customer.as_str()), &mut self.changes);
        if let Some(customer) = self.customers.change(key, changes) {
            // A profile takes the place of the one before: what it no longer says is not known any more.
            customer.holder = profile.holder;
            customer.opened_s = profile.opened.map(customer::seconds);
        }
        if let Some(kept) = self.profiles.change(key, changes) {
            // Not by its customer's identifier: that is in it, sealed.
            **kept = Document {
                name: String::new(),
                bytes: profile.sealed.clone(),
                seq: input.seq,
                at_us: input.time.as_us(),
                by: String::new(),
            };
        }
        Outcome::Noted
    }

    fn keep(&mut self, input: &Input, name: &str, bytes: Option<&[u8]>, by: &str) -> Outcome {
        if let Some(kept) = self.documents.change(text_key(name), &mut self.changes) {
            // One that is removed stays as an empty name, so that the removal is stored.
            **kept = match bytes {
                Some(bytes) => Document {
                    name: name.to_owned(),
                    bytes: bytes.to_owned(),
                    seq: input.seq,
                    at_us: input.time.as_us(),
                    by: by.to_owned(),
                },
                None => Document::default(),
            };
        }
        Outcome::Noted
    }
}

/// The name of the document that a version of the policy is kept as.
#[must_use]
pub fn policy_name(version: u32) -> String {
    format!("policy/{version:08}")
}

/// Stands in for records that do not exist.
#[derive(Default)]
struct Empty {
    customer: Customer,
    ip: Ip,
    network: Network,
    asn: Asn,
    device: Device,
    agent: AgentUse,
    account: Account,
}
