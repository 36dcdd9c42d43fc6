//! A device that a customer registered as theirs: named, taken back, and, where it has a key of its own, shown to be it by a
//! signature. Must not know how a signature is checked, nor what registered devices are let in for: that is policy.

use model::client::DeviceId;
use model::{CustomerId, Time};
use serde::{Deserialize, Serialize};

/// Devices a customer may have registered.
pub const DEVICES_MAX: usize = 8;

/// A registered device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// By which it is named.
    pub id: [u8; 16],
    /// Whose.
    pub customer: CustomerId,
    /// The identifier that the broker tells as `client.device`.
    pub device: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// Its public key, on the curve P-256, as SEC 1 has it; none where it has no key of its own.
    pub key: Option<Vec<u8>>,
    /// When it was registered.
    pub made: Time,
    /// When its key last showed that it was there.
    pub used: Option<Time>,
}
