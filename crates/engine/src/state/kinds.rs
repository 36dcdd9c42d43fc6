//! Records of every kind alike: which are in memory, putting them there, their bytes, copies, sizes and the hash over all. To
//! add a kind is to add it here, in `key` and in `record`. Must not know what is in a record.

use super::State;
use super::changes::Copies;
use crate::key::RecordKey;
use crate::record::{Device, Record};

/// Calls a method of the records that a key belongs to, with the key within its kind; `$one` where there is one record of
/// its kind.
macro_rules! of_kind {
    ($state:ident, $key:expr, $records:ident, $inner:ident => $call:expr, $slot:ident => $one:expr) => {
        match $key {
            RecordKey::Shared => {
                let $slot = &mut $state.shared;
                $one
            }
            RecordKey::Watch => {
                let $slot = &mut $state.campaigns.watch;
                $one
            }
            RecordKey::Customer($inner) => {
                let $records = &mut $state.customers;
                $call
            }
            RecordKey::Ip($inner) => {
                let $records = &mut $state.ips;
                $call
            }
            RecordKey::Network($inner) => {
                let $records = &mut $state.networks;
                $call
            }
            RecordKey::Asn($inner) => {
                let $records = &mut $state.asns;
                $call
            }
            RecordKey::Device($inner) => {
                let $records = &mut $state.devices;
                $call
            }
            RecordKey::Agent($inner) => {
                let $records = &mut $state.agents;
                $call
            }
            RecordKey::Account($inner) => {
                let $records = &mut $state.accounts;
                $call
            }
            RecordKey::Document($inner) => {
                let $records = &mut $state.documents;
                $call
            }
            RecordKey::Profile($inner) => {
                let $records = &mut $state.profiles;
                $call
            }
            RecordKey::Bucket($inner) => {
                let $records = &mut $state.campaigns.buckets;
                $call
            }
            RecordKey::Segment($inner) => {
                let $records = &mut $state.campaigns.segments;
                $call
            }
            RecordKey::Campaign($inner) => {
                let $records = &mut $state.campaigns.campaigns;
                $call
            }
            RecordKey::Members($inner) => {
                let $records = &mut $state.campaigns.members;
                $call
            }
        }
    };
}

impl State {
    /// Whether a record is in memory (or known to be empty).
    #[must_use]
    pub fn holds(&self, key: RecordKey) -> bool {
        match key {
            RecordKey::Shared | RecordKey::Watch => true,
            RecordKey::Customer(key) => self.customers.get(key).is_some(),
            RecordKey::Ip(key) => self.ips.get(key).is_some(),
            RecordKey::Network(key) => self.networks.get(key).is_some(),
            RecordKey::Asn(key) => self.asns.get(key).is_some(),
            RecordKey::Device(key) => self.devices.get(key).is_some(),
            RecordKey::Agent(key) => self.agents.get(key).is_some(),
            RecordKey::Account(key) => self.accounts.get(key).is_some(),
            RecordKey::Document(key) => self.documents.get(key).is_some(),
            RecordKey::Profile(key) => self.profiles.get(key).is_some(),
            RecordKey::Bucket(key) => self.campaigns.buckets.get(key).is_some(),
            RecordKey::Segment(key) => self.campaigns.segments.get(key).is_some(),
            RecordKey::Campaign(key) => self.campaigns.campaigns.get(key).is_some(),
            RecordKey::Members(key) => self.campaigns.members.get(key).is_some(),
        }
    }

    /// Puts a stored record into memory. One of another kind than its key is not taken; says whether it was.
    pub fn load(&mut self, key: RecordKey, record: Record) -> bool {
        let tick = self.changes.tick();
        match (key, record) {
            (RecordKey::Shared, Record::Shared(record)) => self.shared.record = *record,
            (RecordKey::Customer(key), Record::Customer(record)) => self.customers.load(key, record, tick),
            (RecordKey::Ip(key), Record::Ip(record)) => self.ips.load(key, record, tick),
            (RecordKey::Network(key), Record::Network(record)) => self.networks.load(key, record, tick),
            (RecordKey::Asn(key), Record::Asn(record)) => self.asns.load(key, record, tick),
            (RecordKey::Device(key), Record::Device(record)) => self.devices.load(key, record, tick),
            (RecordKey::Agent(key), Record::Agent(record)) => self.agents.load(key, record, tick),
            (RecordKey::Account(key), Record::Account(record)) => self.accounts.load(key, record, tick),
            (RecordKey::Document(key), Record::Document(record)) => self.documents.load(key, record, tick),
            (RecordKey::Profile(key), Record::Profile(record)) => self.profiles.load(key, record, tick),
            (key, record) => return self.campaigns.load(key, record, tick),
        }
        true
    }

    /// A record's bytes as it stands; `None` if it is not in memory.
    #[must_use]
    pub fn encoded(&self, key: RecordKey) -> Option<Vec<u8>> {
        let kind = key.kind();
        let bytes = match key {
            RecordKey::Shared => Record::encode_into(kind, &self.shared.record, Vec::new()),
            RecordKey::Customer(key) => Record::encode_into(kind, self.customers.get(key)?, Vec::new()),
            RecordKey::Ip(key) => Record::encode_into(kind, self.ips.get(key)?, Vec::new()),
            RecordKey::Network(key) => Record::encode_into(kind, self.networks.get(key)?, Vec::new()),
            RecordKey::Asn(key) => Record::encode_into(kind, self.asns.get(key)?, Vec::new()),
            RecordKey::Device(key) => Record::encode_into(kind, self.devices.get(key)?, Vec::new()),
            RecordKey::Agent(key) => Record::encode_into(kind, self.agents.get(key)?, Vec::new()),
            RecordKey::Account(key) => Record::encode_into(kind, self.accounts.get(key)?, Vec::new()),
            RecordKey::Document(key) => Record::encode_into(kind, self.documents.get(key)?, Vec::new()),
            RecordKey::Profile(key) => Record::encode_into(kind, self.profiles.get(key)?, Vec::new()),
            RecordKey::Watch => Record::encode_into(kind, &self.campaigns.watch.record, Vec::new()),
            RecordKey::Bucket(key) => Record::encode_into(kind, self.campaigns.buckets.get(key)?, Vec::new()),
            RecordKey::Segment(key) => {
                Record::encode_into(kind, self.campaigns.segments.get(key)?, Vec::new())
            }
            RecordKey::Campaign(key) => {
                Record::encode_into(kind, self.campaigns.campaigns.get(key)?, Vec::new())
            }
            RecordKey::Members(key) => {
                Record::encode_into(kind, self.campaigns.members.get(key)?, Vec::new())
            }
        };
        bytes.ok()
    }

    /// Goes on copying, about this many records, and gives what was copied since this was last called, and whether that was
    /// all. Between calls inputs may be applied: a record that changes before its turn is copied first.
    ///
    /// `room` is empty; what is copied next goes there. One that was used and cleared has its memory already.
    pub fn copy(&mut self, at_most: usize, room: Copies) -> (Copies, bool) {
        for key in self.changes.next(at_most) {
            let changes = &mut self.changes;
            of_kind!(self, key, records, inner => records.copy(inner, changes), slot => changes.copy(key, slot));
        }
        self.changes.take(room)
    }

    /// Says that these records are changed after all: what was copied could not be stored.
    pub fn mark_changed(&mut self, keys: impl IntoIterator<Item = RecordKey>) {
        for key in keys {
            let changes = &mut self.changes;
            of_kind!(self, key, records, inner => records.mark_changed(inner, changes), slot => changes.note(key, slot));
        }
    }

    /// Bytes that a part of the records takes in memory, about.
    #[must_use]
    pub fn part_bytes(&self, part: usize) -> usize {
        self.customers.part_bytes(part, |customer| customer.heap_bytes())
            + self.ips.part_bytes(part, |ip| ip.heap_bytes())
            + self.networks.part_bytes(part, |_| 0)
            + self.asns.part_bytes(part, |_| 0)
            + self.devices.part_bytes(part, Device::heap_bytes)
            + self.agents.part_bytes(part, |_| 0)
            + self.accounts.part_bytes(part, |account| account.customers.heap_bytes())
            + self.profiles.part_bytes(part, |profile| profile.heap_bytes())
            + self.campaigns.part_bytes(part)
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
            + self.accounts.len()
            + self.documents.len()
            + self.profiles.len()
            + self.campaigns.len();
        u64::try_from(records).unwrap_or(u64::MAX)
    }

    /// A hash over every record in memory, in the order of their keys: equal for equal states, on every machine.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut keys = self.keys();
        keys.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for key in keys {
            let bytes = self.encoded(key).unwrap_or_default();
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            hasher.update(&[key.kind()]).update(&key.bytes()).update(&length.to_le_bytes()).update(&bytes);
        }
        *hasher.finalize().as_bytes()
    }

    /// The keys of all records in memory, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<RecordKey> {
        let mut keys = vec![RecordKey::Shared];
        keys.extend(self.customers.keys().map(RecordKey::Customer));
        keys.extend(self.ips.keys().map(RecordKey::Ip));
        keys.extend(self.networks.keys().map(RecordKey::Network));
        keys.extend(self.asns.keys().map(RecordKey::Asn));
        keys.extend(self.devices.keys().map(RecordKey::Device));
        keys.extend(self.agents.keys().map(RecordKey::Agent));
        keys.extend(self.accounts.keys().map(RecordKey::Account));
        keys.extend(self.documents.keys().map(RecordKey::Document));
        keys.extend(self.profiles.keys().map(RecordKey::Profile));
        keys.push(RecordKey::Watch);
        keys.extend(self.campaigns.keys());
        keys
    }
}
