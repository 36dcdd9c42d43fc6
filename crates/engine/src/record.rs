//! What is kept of each thing an event names. Must not know which of it is suspicious: that is a signal's work.
//!
//! Every collection has a limit, stated beside it; what does not fit is what was touched longest ago. A record is bytes to
//! whoever stores it ([`Record::encode`]).

mod account;
pub mod attempts;
pub mod customer;
mod ip;
pub mod shared;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use customer::{Change, Customer, Hold, Seen, Session};
pub use ip::{Asn, Device, Ip, Network};
pub use shared::{AgentUse, Shared};

use crate::key::RecordKey;

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
    Network(Box<Network>),
    /// Of an autonomous system.
    Asn(Asn),
    /// Of a device.
    Device(Box<Device>),
    /// Of a user agent.
    Agent(AgentUse),
    /// Of a bank account.
    Account(Box<Account>),
}

impl Record {
    /// The empty record for a key: nothing is known.
    #[must_use]
    pub fn empty(key: RecordKey) -> Self {
        match key {
            RecordKey::Shared => Self::Shared(Box::default()),
            RecordKey::Customer(_) => Self::Customer(Box::default()),
            RecordKey::Ip(_) => Self::Ip(Box::default()),
            RecordKey::Network(_) => Self::Network(Box::default()),
            RecordKey::Asn(_) => Self::Asn(Asn::default()),
            RecordKey::Device(_) => Self::Device(Box::default()),
            RecordKey::Agent(_) => Self::Agent(AgentUse::default()),
            RecordKey::Account(_) => Self::Account(Box::default()),
        }
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// Never for records of this crate; the format's own error otherwise.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }

    /// Back from [`Self::encode`].
    ///
    /// # Errors
    /// The bytes are no record of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}
