//! Records in memory, and the one function that changes them. Must not know where records come from when they are not in
//! memory: whoever applies an input loads what it [touches](crate::Input::touches) first, or says that there is nothing.
//!
//! An event is weighed against the records as they were before it, then noted. What is noted as the customer's own is only
//! what ended well and was not held or refused: an attacker's own tries must not make them a known face.

mod note;

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use model::customer::text_key;
use rustc_hash::FxBuildHasher;

use crate::decision::{Decision, Verdict};
use crate::input::{Body, Input, Observed, Profile};
use crate::key::RecordKey;
use crate::policy::Policy;
use crate::record::{Account, AgentUse, Asn, Customer, Device, Hold, Ip, Network, Record, Shared, customer};
use crate::signal::{Signal, View};

/// Records in memory, and which of them changed since they were last written back.
#[derive(Debug, Default)]
pub struct State {
    shared: Shared,
    customers: Records<u64, Customer>,
    ips: Records<u128, Ip>,
    networks: Records<u128, Network>,
    asns: Records<u32, Asn>,
    devices: Records<u64, Device>,
    agents: Records<u64, AgentUse>,
    accounts: Records<u64, Account>,
    changed: HashSet<RecordKey, FxBuildHasher>,
    documents: BTreeMap<String, Document>,
    seq: u64,
}

/// What is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Document {
    /// Its name.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
    /// The input that wrote it.
    pub seq: u64,
    /// When.
    pub time: model::Time,
    /// Who.
    pub by: String,
}

type Records<K, R> = HashMap<K, R, FxBuildHasher>;

/// What applying an input gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The decision about an event that was asked about.
    Decided(Decision),
    /// A fact or a profile was noted.
    Noted,
    /// A hold was settled; false if there was none.
    Settled(bool),
}

impl State {
    /// A state without records that is true up to input `seq`: its records are elsewhere.
    #[must_use]
    pub fn at(seq: u64) -> Self {
        Self { seq, ..Self::default() }
    }

    /// The input applied last; 0 for none.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether a record is in memory (or known to be empty).
    #[must_use]
    pub fn holds(&self, key: RecordKey) -> bool {
        match key {
            RecordKey::Shared => true,
            RecordKey::Customer(key) => self.customers.contains_key(&key),
            RecordKey::Ip(key) => self.ips.contains_key(&key),
            RecordKey::Network(key) => self.networks.contains_key(&key),
            RecordKey::Asn(key) => self.asns.contains_key(&key),
            RecordKey::Device(key) => self.devices.contains_key(&key),
            RecordKey::Agent(key) => self.agents.contains_key(&key),
            RecordKey::Account(key) => self.accounts.contains_key(&key),
        }
    }

    /// Puts a stored record into memory. One of another kind than its key is not taken; says whether it was.
    pub fn load(&mut self, key: RecordKey, record: Record) -> bool {
        match (key, record) {
            (RecordKey::Shared, Record::Shared(record)) => self.shared = *record,
            (RecordKey::Customer(key), Record::Customer(record)) => {
                self.customers.insert(key, *record);
            }
            (RecordKey::Ip(key), Record::Ip(record)) => {
                self.ips.insert(key, *record);
            }
            (RecordKey::Network(key), Record::Network(record)) => {
                self.networks.insert(key, *record);
            }
            (RecordKey::Asn(key), Record::Asn(record)) => {
                self.asns.insert(key, record);
            }
            (RecordKey::Device(key), Record::Device(record)) => {
                self.devices.insert(key, *record);
            }
            (RecordKey::Agent(key), Record::Agent(record)) => {
                self.agents.insert(key, record);
            }
            (RecordKey::Account(key), Record::Account(record)) => {
                self.accounts.insert(key, *record);
            }
            _ => return false,
        }
        true
    }

    /// A record as it stands; `None` if it is not in memory.
    #[must_use]
    pub fn record(&self, key: RecordKey) -> Option<Record> {
        Some(match key {
            RecordKey::Shared => Record::Shared(Box::new(self.shared.clone())),
            RecordKey::Customer(key) => Record::Customer(Box::new(self.customers.get(&key)?.clone())),
            RecordKey::Ip(key) => Record::Ip(Box::new(self.ips.get(&key)?.clone())),
            RecordKey::Network(key) => Record::Network(Box::new(self.networks.get(&key)?.clone())),
            RecordKey::Asn(key) => Record::Asn(*self.asns.get(&key)?),
            RecordKey::Device(key) => Record::Device(Box::new(self.devices.get(&key)?.clone())),
            RecordKey::Agent(key) => Record::Agent(*self.agents.get(&key)?),
            RecordKey::Account(key) => Record::Account(Box::new(self.accounts.get(&key)?.clone())),
        })
    }

    /// A customer's record, if it is in memory.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.get(&text_key(id))
    }

    /// An address's record, if it is in memory.
    #[must_use]
    pub fn ip(&self, bits: u128) -> Option<&Ip> {
        self.ips.get(&bits)
    }

    /// A network's record, if it is in memory.
    #[must_use]
    pub fn network(&self, bits: u128) -> Option<&Network> {
        self.networks.get(&bits)
    }

    /// The keys of the records changed since this was last asked, in order.
    pub fn take_changed(&mut self) -> Vec<RecordKey> {
        let mut changed: Vec<RecordKey> = self.changed.drain().collect();
        changed.sort_unstable();
        changed
    }

    /// Says that these records are changed after all: they could not be written back.
    pub fn mark_changed(&mut self, keys: impl IntoIterator<Item = RecordKey>) {
        self.changed.extend(keys);
    }

    /// Records in memory.
    #[must_use]
    pub fn records(&self) -> u64 {
        let records = self.customers.len()
            + self.ips.len()
            + self.networks.len()
            + self.asns.len()
            + self.devices.len()
            + self.agents.len()
            + self.accounts.len();
        u64::try_from(records).unwrap_or(u64::MAX)
    }

    /// Applies an input: the records it touches must be in memory; those that are not count as empty.
    pub fn apply(&mut self, policy: &Policy, input: &Input) -> Outcome {
        self.seq = input.seq;
        match &input.body {
            Body::Event(event) => self.apply_event(policy, event),
            // Whoever holds the policy compiles the new one for the inputs that follow.
            Body::Policy { version, text, by } => {
                self.put(format!("policy/{version:08}"), Some(text.as_bytes()), by, input);
                Outcome::Noted
            }
            Body::Document { name, bytes, by } => {
                self.put(name.clone(), bytes.as_deref(), by, input);
                Outcome::Noted
            }
            Body::Profile(profile) => {
                self.note_profile(profile);
                self.put(format!("profile/{}", profile.customer), Some(&profile.sealed), "", input);
                Outcome::Noted
            }
            Body::HoldSettled { customer, event, .. } => {
                let key = text_key(customer.as_str());
                self.changed.insert(RecordKey::Customer(key));
                let holds = &mut self.customers.entry(key).or_default().holds;
                let before = holds.len();
                holds.retain(|hold| hold.event != *event);
                Outcome::Settled(holds.len() < before)
            }
        }
    }

    fn apply_event(&mut self, policy: &Policy, event: &Observed) -> Outcome {
        let decision = if event.asked { Some(self.weigh(policy, event)) } else { None };
        let verdict = decision.as_ref().map_or(Verdict::Allow, |decision| decision.verdict);
        self.note(event, verdict);
        let Some(decision) = decision else { return Outcome::Noted };
        if let (Some(until), Some(customer)) = (decision.held_until, &event.customer) {
            let holds = &mut self.customers.entry(text_key(customer.as_str())).or_default().holds;
            // Those that are over make room; of too many, the oldest is left to its time.
            holds.retain(|hold| hold.until_us > event.time.as_us());
            if holds.len() >= customer::HOLDS_MAX {
                holds.remove(0);
            }
            holds.push(Hold {
                event: event.id.clone(),
                since_us: event.time.as_us(),
                until_us: until.as_us(),
            });
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

    fn with_view<T>(&self, event: &Observed, look: impl FnOnce(&View<'_>) -> T) -> T {
        let empty = Empty::default();
        let customer = event.customer.as_ref().and_then(|customer| self.customer(customer.as_str()));
        let ip = event.ip.and_then(|ip| self.ips.get(&ip.bits()));
        let network = event.ip.and_then(|ip| self.networks.get(&ip.network().bits()));
        let device = event.device.as_ref().and_then(|device| self.devices.get(&text_key(device.as_str())));
        let view = View {
            event,
            customer: customer.unwrap_or(&empty.customer),
            ip: ip.unwrap_or(&empty.ip),
            network: network.unwrap_or(&empty.network),
            asn: event.place.asn.and_then(|asn| self.asns.get(&asn)).unwrap_or(&empty.asn),
            device: device.unwrap_or(&empty.device),
            agent: event.agent.and_then(|agent| self.agents.get(&agent.text)).unwrap_or(&empty.agent),
            account: event
                .account
                .as_ref()
                .and_then(|account| self.accounts.get(&account.key))
                .unwrap_or(&empty.account),
            shared: &self.shared,
        };
        look(&view)
    }

    fn put(&mut self, name: String, bytes: Option<&[u8]>, by: &str, input: &Input) {
        let Some(bytes) = bytes else {
            self.documents.remove(&name);
            return;
        };
        let (seq, time) = (input.seq, input.time);
        let document = Document { name: name.clone(), bytes: bytes.to_vec(), seq, time, by: by.to_owned() };
        self.documents.insert(name, document);
    }

    /// A document by its name.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<&Document> {
        self.documents.get(name)
    }

    /// Documents whose names begin so, in the order of their names.
    #[must_use]
    pub fn documents(&self, prefix: &str) -> Vec<&Document> {
        let from = self.documents.range(prefix.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(prefix)).map(|(_, document)| document).collect()
    }

    /// Puts stored documents into memory.
    pub fn load_documents(&mut self, documents: Vec<Document>) {
        self.documents = documents.into_iter().map(|document| (document.name.clone(), document)).collect();
    }

    fn note_profile(&mut self, profile: &Profile) {
        let key = text_key(profile.customer.as_str());
        self.changed.insert(RecordKey::Customer(key));
        let customer = self.customers.entry(key).or_default();
        customer.holder = profile.holder.or(customer.holder);
        customer.opened_us = profile.opened.map(model::Time::as_us).or(customer.opened_us);
    }

    /// A hash over every record in memory, in the order of their keys: equal for equal states, on every machine.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut keys = self.keys();
        keys.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for key in keys {
            let bytes = self.record(key).and_then(|record| record.encode().ok()).unwrap_or_default();
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            hasher.update(&[key.kind()]).update(&key.bytes()).update(&length.to_le_bytes()).update(&bytes);
        }
        *hasher.finalize().as_bytes()
    }

    /// The keys of all records in memory, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<RecordKey> {
        let mut keys = vec![RecordKey::Shared];
        keys.extend(self.customers.keys().copied().map(RecordKey::Customer));
        keys.extend(self.ips.keys().copied().map(RecordKey::Ip));
        keys.extend(self.networks.keys().copied().map(RecordKey::Network));
        keys.extend(self.asns.keys().copied().map(RecordKey::Asn));
        keys.extend(self.devices.keys().copied().map(RecordKey::Device));
        keys.extend(self.agents.keys().copied().map(RecordKey::Agent));
        keys.extend(self.accounts.keys().copied().map(RecordKey::Account));
        keys
    }
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
