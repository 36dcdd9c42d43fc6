//! What a sweep examines: one procedure and the client it came from. Must not know how procedures are read from files.

use crate::client::DeviceId;
use crate::event::EventId;
use crate::{Address, CustomerId, EventKind, Time};

/// An event that changes who can reach the money, as far as a sweep needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Procedure {
    /// The broker's identifier, unique within one sweep; results are joined by it.
    pub id: EventId,
    /// In whose name.
    pub customer: CustomerId,
    /// When.
    pub time: Time,
    /// What.
    pub kind: EventKind,
    /// From where; absent for procedures by phone, branch or paper.
    pub ip: Option<Address>,
    /// From which device, if known.
    pub device: Option<DeviceId>,
}
