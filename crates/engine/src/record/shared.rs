//! What is kept of all customers together: how frequent each value is among all logins, which the login score asks for.

use serde::{Deserialize, Serialize};

use crate::bounded::Recent;

/// Countries kept; there are fewer.
pub const COUNTRIES_MAX: usize = 300;
/// Browsers with version, systems with version, device types kept.
pub const PARTS_MAX: usize = 4_096;

/// What is kept of a user agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentUse {
    /// Logins in good order.
    pub logins: u32,
}

/// What is known of all together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// Logins in good order.
    pub logins: u64,
    /// Customers with a login in good order.
    pub customers: u64,
    /// Different autonomous systems among them.
    pub asns: u32,
    /// Logins by country.
    pub countries: Recent<[u8; 2], u32>,
    /// Logins by browser.
    pub browsers: Recent<u64, u32>,
    /// Logins by operating system.
    pub systems: Recent<u64, u32>,
    /// Logins by device type.
    pub device_types: Recent<u64, u32>,
}
