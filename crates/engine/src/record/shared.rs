//! What is kept of all customers together: how frequent each value is among all logins, which the login score asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::retention::Named;

/// Values kept of one feature: browsers with version, systems with version, device types; there are fewer countries.
pub const VALUES_MAX: usize = 4_096;

/// What is kept of a user agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentUse {
    /// Logins in good order.
    pub logins: u32,
    /// When a login last named it.
    pub named: Named,
}

/// Logins by value. When it is full, the rarest quarter goes: who makes values up makes rare ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally(BTreeMap<u64, u32>);

impl Tally {
    /// Counts a login.
    pub fn add(&mut self, value: u64) {
        if let Some(count) = self.0.get_mut(&value) {
            *count = count.saturating_add(1);
            return;
        }
        if self.0.len() >= VALUES_MAX {
            let mut counts: Vec<(u32, u64)> = self.0.iter().map(|(value, count)| (*count, *value)).collect();
            counts.sort_unstable();
            for (_, value) in counts.iter().take(VALUES_MAX / 4) {
                self.0.remove(value);
            }
        }
        self.0.insert(value, 1);
    }

    /// Logins with a value.
    #[must_use]
    pub fn of(&self, value: u64) -> u32 {
        self.0.get(&value).copied().unwrap_or(0)
    }

    /// Different values.
    #[must_use]
    pub fn values(&self) -> usize {
        self.0.len()
    }

    /// Bytes on the heap, about: nodes of a tree are half full at the least.
    fn heap_bytes(&self) -> usize {
        self.values().saturating_mul(2 * size_of::<(u64, u32)>())
    }
}

/// What is known of all together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Logins in good order.
    pub logins: u64,
    /// Customers with a login in good order.
    pub customers: u64,
    /// Different autonomous systems among them.
    pub asns: u32,
    /// Logins by country, its two letters as a number.
    pub countries: Tally,
    /// Logins by browser.
    pub browsers: Tally,
    /// Logins by operating system.
    pub systems: Tally,
    /// Logins by device type.
    pub device_types: Tally,
}

impl Shared {
    /// Bytes on the heap, about.
    pub(crate) fn heap_bytes(&self) -> usize {
        let tallies = [&self.countries, &self.browsers, &self.systems, &self.device_types];
        tallies.iter().map(|tally| tally.heap_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, VALUES_MAX};

    #[test]
    fn the_frequent_stay_when_it_is_full() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(7);
        }
        for value in 100..20_000 {
            tally.add(value);
        }
        assert_eq!(tally.of(7), 3);
        assert_eq!(tally.of(19_999), 1);
        assert!(tally.values() <= VALUES_MAX, "{}", tally.values());
    }
}
