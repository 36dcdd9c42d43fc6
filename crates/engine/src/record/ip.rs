//! What is kept of an address, a network, an autonomous system and a device: who came from it, and how often logins failed.

use serde::{Deserialize, Serialize};

use super::attempts::Attempts;
use super::retention::Named;
use crate::distinct::Distinct;

/// What is kept of an address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ip {
    /// First seen, seconds since 1970; 0 for never.
    pub first_s: u32,
    /// Last seen, seconds since 1970.
    pub last_s: u32,
    /// Logins in good order, of all customers.
    pub logins: u32,
    /// Different values of the more general levels among its logins: autonomous systems and countries.
    pub above: u16,
    /// When an input last named it.
    pub named: Named,
    /// Customers with an access in good order: the ledger the other way.
    pub customers: Distinct,
    /// Of these, those who had been customers for 30 days and had come from here before: what a carrier's address has many of.
    pub settled: Distinct,
    /// Customers whose logins failed here.
    pub failed_customers: Distinct,
    /// Customers whose procedures came from here, done or tried.
    pub procedures: Distinct,
    /// Logins.
    pub attempts: Attempts,
}

/// Long-standing customers from which an address is a carrier's or a company's.
pub(crate) const SHARED_CUSTOMERS_MIN: u64 = 8;

impl Ip {
    /// Whether so many long-standing customers come from it that it is a carrier's or a company's.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.settled.count() >= SHARED_CUSTOMERS_MIN
    }

    /// Whether one customer is known here, and nobody else was ever: as most homes are.
    #[must_use]
    pub fn is_of_one(&self) -> bool {
        let [one, others @ ..] = [&self.customers, &self.settled, &self.failed_customers, &self.procedures];
        is_of_one(one, others.as_slice())
    }

    /// Bytes on the heap, this record's own included.
    pub(crate) fn heap_bytes(&self) -> usize {
        let sets = [&self.customers, &self.settled, &self.failed_customers, &self.procedures];
        size_of::<Self>() + sets.iter().map(|set| set.heap_bytes()).sum::<usize>()
    }
}

/// What is kept of a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Logins.
    pub attempts: Attempts,
    /// When an input last named it.
    pub named: Named,
}

/// What is kept of an autonomous system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asn {
    /// Logins in good order, of all customers.
    pub logins: u32,
}

/// What is kept of a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Customers with an access in good order.
    pub customers: Distinct,
    /// Customers whose procedures came from it, done or tried.
    pub procedures: Distinct,
    /// When an input last named it, up to 30 days later.
    pub named: Named,
}

impl Device {
    /// Whether one customer is known to have it, and nobody else ever used it.
    #[must_use]
    pub fn is_of_one(&self) -> bool {
        is_of_one(&self.customers, &[&self.procedures])
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.customers.heap_bytes() + self.procedures.heap_bytes()
    }
}

/// Whether one key is in a set, and no other in the others.
fn is_of_one(one: &Distinct, others: &[&Distinct]) -> bool {
    matches!(one, Distinct::One(key) if others.iter().all(|other| other.count_without(*key) == 0))
}
