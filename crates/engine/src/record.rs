//! What is kept of each thing an event names. Must not know which of it is suspicious: that is a signal's work.
//!
//! Every collection has a limit, stated beside it; what does not fit is what was touched longest ago. A record is bytes to
//! whoever stores it ([`Record::encode`]).

mod account;
pub mod attempts;
pub mod campaign;
pub mod cluster;
pub mod customer;
mod document;
pub mod familiar;
pub(crate) mod ip;
pub mod retention;
pub mod shared;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use campaign::{Campaign, Members, Segment, Watch};
pub use cluster::Bucket;
pub use customer::{Change, Customer, Dealings, Hold, Seen, Session, Trading};
pub use document::Document;
pub use familiar::Feature;
pub use ip::{Asn, Device, Ip, Network};
pub use retention::Named;
pub use shared::{AgentUse, Shared};

/// One record of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// What is known of all together.
    Shared(Box<Shared>),
    /// Of a customer.
    Customer(Box<Customer>),
    /// Of an address.
    Ip(Box<Ip>),
    /// Of a network.
    Network(Network),
    /// Of an autonomous system.
    Asn(Asn),
    /// Of a device.
    Device(Device),
    /// Of a user agent.
    Agent(AgentUse),
    /// Of a bank account.
    Account(Account),
    /// A document.
    Document(Box<Document>),
    /// What is kept sealed of a customer.
    Profile(Box<Document>),
    /// How far what is about many customers at once is.
    Watch(Watch),
    /// Clusters.
    Bucket(Bucket),
    /// Strangers.
    Segment(Segment),
    /// A campaign.
    Campaign(Box<Campaign>),
    /// A campaign's members.
    Members(Members),
}

impl Record {
    /// The empty record for a key: nothing is known. None for documents, which are never empty.
    #[must_use]
    pub fn empty(key: crate::key::RecordKey) -> Option<Self> {
        use crate::key::RecordKey as K;
        Some(match key {
            K::Shared => Self::Shared(Box::default()),
            K::Customer(_) => Self::Customer(Box::default()),
            K::Ip(_) => Self::Ip(Box::default()),
            K::Network(_) => Self::Network(Network::default()),
            K::Asn(_) => Self::Asn(Asn::default()),
            K::Device(_) => Self::Device(Device::default()),
            K::Agent(_) => Self::Agent(AgentUse::default()),
            K::Account(_) => Self::Account(Account::default()),
            K::Watch => Self::Watch(Watch::default()),
            K::Bucket(_) => Self::Bucket(Bucket::default()),
            K::Segment(_) => Self::Segment(Segment::default()),
            K::Campaign(_) => Self::Campaign(Box::default()),
            K::Members(_) => Self::Members(Members::default()),
            K::Document(_) | K::Profile(_) => return None,
        })
    }

    /// Whether it counts as none, because no input named it for [`retention::RETENTION_DAYS`]: no answer changes if it is
    /// dropped.
    #[must_use]
    pub fn is_spent(&self, now: model::Time) -> bool {
        let named = match self {
            Self::Ip(record) => record.named,
            Self::Network(record) => record.named,
            Self::Device(record) => record.named,
            Self::Agent(record) => record.named,
            Self::Account(record) => record.named,
            // Those about many customers at once have limits of their own.
            Self::Shared(_)
            | Self::Customer(_)
            | Self::Asn(_)
            | Self::Document(_)
            | Self::Profile(_)
            | Self::Watch(_)
            | Self::Bucket(_)
            | Self::Segment(_)
            | Self::Campaign(_)
            | Self::Members(_) => return false,
        };
        named.is_spent(now)
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Never for records of this crate; the format's own error otherwise.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    /// Appends what [`Self::encode`] gives for a record of a kind ([`RecordKey::kind`](crate::key::RecordKey::kind)), without making a [`Record`] of it.
    /// The variants stand in the order of the kinds, which a test asserts.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn encode_into(
        kind: u8,
        record: &impl Serialize,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = bytes;
        bytes.push(kind);
        postcard::to_extend(record, bytes)
    }

    /// Back from [`Self::encode`].
    ///
    /// # Errors
    /// The bytes are no record of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::key::RecordKey;

    const KEYS: [RecordKey; 13] = [
        RecordKey::Shared,
        RecordKey::Customer(1),
        RecordKey::Ip(1),
        RecordKey::Network(1),
        RecordKey::Asn(1),
        RecordKey::Device(1),
        RecordKey::Agent(1),
        RecordKey::Account(1),
        RecordKey::Watch,
        RecordKey::Bucket(1),
        RecordKey::Segment(1),
        RecordKey::Campaign(1),
        RecordKey::Members(1),
    ];

    /// The form of empty records and of keys. Whoever changes it makes stores of older versions unreadable: add an `Anew` to the
    /// migrations of `state.db` (`store::schema`) and write the new digest here.
    #[test]
    fn the_form_of_records_changes_with_the_version_of_the_store() {
        let mut hasher = blake3::Hasher::new();
        for key in KEYS {
            let bytes = Record::empty(key).unwrap().encode().unwrap();
            hasher.update(&key.bytes()).update(&[key.kind()]).update(&bytes);
        }
        assert_eq!(&hasher.finalize().to_hex()[..16], "206ce405a7da11f2");
    }

    /// The order of variants is the order of kinds: what is encoded without its wrapper is read with it.
    #[test]
    fn records_are_encoded_alike_with_and_without_their_wrapper() {
        for key in KEYS {
            let mut state = crate::State::default();
            assert!(state.load(key, Record::empty(key).unwrap()));
            let bytes = state.encoded(key).unwrap();
            assert_eq!(bytes, Record::empty(key).unwrap().encode().unwrap());
            assert!(state.load(key, Record::decode(&bytes).unwrap()), "{key:?}");
        }
        for key in [RecordKey::Document(1), RecordKey::Profile(1)] {
            let document = super::Document { name: "a".to_owned(), ..super::Document::default() };
            let record = match key {
                RecordKey::Profile(_) => Record::Profile(Box::new(document)),
                _ => Record::Document(Box::new(document)),
            };
            let mut state = crate::State::default();
            assert!(state.load(key, record.clone()));
            assert_eq!(state.encoded(key).unwrap(), record.encode().unwrap());
        }
    }
}
