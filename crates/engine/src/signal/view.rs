//! What signals look at: the event, and the records it touches as they were before it.

use model::Time;

use crate::input::Observed;
use crate::record::{Account, AgentUse, Asn, Customer, Device, Ip, Network, Seen, Shared};
use crate::state::Campaigns;

/// An event and the records it touches.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The event.
    pub event: &'a Observed,
    /// When it arrived; when it happened, where that is said to be later.
    pub arrived: Time,
    /// Its customer's key; 0 for nobody.
    pub customer_key: u64,
    /// Its device's key.
    pub device_key: Option<u64>,
    /// Its customer's record; empty if it names nobody.
    pub customer: &'a Customer,
    /// Its address's record.
    pub ip: &'a Ip,
    /// Its network's record.
    pub network: &'a Network,
    /// Its provider's record.
    pub asn: &'a Asn,
    /// Its device's record.
    pub device: &'a Device,
    /// Its user agent's record.
    pub agent: &'a AgentUse,
    /// Its bank account's record.
    pub account: &'a Account,
    /// What is known of all together.
    pub shared: &'a Shared,
    /// What is known of many customers at once.
    pub campaigns: &'a Campaigns,
}

impl View<'_> {
    /// When it happened.
    pub(super) const fn time(&self) -> Time {
        self.event.time
    }

    /// Whether anything at all is known of the customer's past.
    pub(super) fn has_past(&self) -> bool {
        self.customer.has_past()
    }

    /// Whether what was seen is the customer's own by now.
    pub(super) fn is_established(&self, seen: Option<&Seen>) -> bool {
        seen.is_some_and(|seen| seen.is_established(self.time()))
    }

    /// Whether the address is the customer's own; `None` where the event has none.
    pub(super) fn own_ip(&self) -> Option<bool> {
        let ip = self.event.ip?;
        Some(self.is_established(self.customer.at(ip)))
    }

    /// Whether any address in the network is the customer's own.
    pub(super) fn own_network(&self) -> Option<bool> {
        Some(self.customer.owns_network(self.event.ip?.network(), self.time()))
    }

    /// Whether the device is the customer's own.
    pub(super) fn own_device(&self) -> Option<bool> {
        Some(self.customer.owns_device(self.device_key?, self.time()))
    }

    /// Whether somebody is there whom nothing shows to be the customer: neither network nor device is their own, and the
    /// address is not one that many long-standing customers share.
    pub(super) fn is_stranger(&self) -> bool {
        self.event.ip.is_some_and(|ip| self.customer.is_stranger(ip, self.device_key, self.time()))
            && !self.ip.is_shared()
    }

    /// Hours since a moment, at least 0.
    pub(super) fn hours_since(&self, at_us: i64) -> f64 {
        let minutes = self.time().as_us().saturating_sub(at_us).max(0) / (60 * model::time::SECOND_US);
        // Minutes of at most 8,000 years fit.
        f64::from(u32::try_from(minutes).unwrap_or(u32::MAX)) / 60.0
    }
}
