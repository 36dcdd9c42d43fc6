//! How often each customer used each value.
//!
//! Most customers have few values, so theirs stand side by side in a short list: one place in memory answers for all
//! levels. A customer with many values moves to one table for everybody, so a step stays cheap however long a history
//! grows. This module knows numbers only, not what they stand for.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::tally::index;

/// Most distinct values in a customer's list.
const LISTED_MAX: usize = 32;

/// Counts by customer and value: 8 bytes a pair in a list (and its spare room), about 20 in the table.
#[derive(Debug, Default)]
pub(super) struct OwnCounts {
    /// By customer id.
    customers: Vec<Customer>,
    table: HashTable<Entry>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
enum Customer {
    /// All pairs of (value, count).
    Listed(Vec<(u32, u32)>),
    /// They are in the table.
    InTable,
}

#[derive(Debug)]
struct Entry {
    customer: u32,
    value: u32,
    count: u32,
}

impl OwnCounts {
    /// How often the customer used the value.
    pub(super) fn count(&self, customer: u32, value: u32) -> u32 {
        match self.customers.get(index(customer)) {
            None => 0,
            Some(Customer::Listed(list)) => {
                list.iter().find(|(listed, _)| *listed == value).map_or(0, |&(_, count)| count)
            }
            Some(Customer::InTable) => {
                let hash = self.hasher.hash_one((customer, value));
                let same = |entry: &Entry| entry.customer == customer && entry.value == value;
                self.table.find(hash, same).map_or(0, |entry| entry.count)
            }
        }
    }

    /// Counts one more use and gives the count before it.
    pub(super) fn add(&mut self, customer: u32, value: u32) -> u32 {
        let at = index(customer);
        if at >= self.customers.len() {
            self.customers.resize_with(at.saturating_add(1), || Customer::Listed(Vec::new()));
        }
        let Some(known) = self.customers.get_mut(at) else { return 0 };
        if let Customer::Listed(list) = known {
            if let Some((_, count)) = list.iter_mut().find(|(listed, _)| *listed == value) {
                let before = *count;
                *count = before.saturating_add(1);
                return before;
            }
            if list.len() < LISTED_MAX {
                list.push((value, 1));
                return 0;
            }
            let list = std::mem::take(list);
            *known = Customer::InTable;
            for (value, count) in list {
                self.add_to_table(customer, value, count);
            }
        }
        self.add_to_table(customer, value, 1)
    }

    fn add_to_table(&mut self, customer: u32, value: u32, uses: u32) -> u32 {
        let Self { table, hasher, .. } = self;
        let hash = hasher.hash_one((customer, value));
        let same = |entry: &Entry| entry.customer == customer && entry.value == value;
        let rehash = |entry: &Entry| hasher.hash_one((entry.customer, entry.value));
        let new = Entry { customer, value, count: 0 };
        let entry = table.entry(hash, same, rehash).or_insert(new).into_mut();
        let before = entry.count;
        entry.count = before.saturating_add(uses);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_right_beyond_the_list() {
        let mut own = OwnCounts::default();
        let values = 3 * u32::try_from(LISTED_MAX).unwrap();
        for value in 0..values {
            for before in 0..=value % 5 {
                assert_eq!(own.add(7, value), before, "value {value}");
            }
            own.add(2, value % 2);
        }
        for value in 0..values {
            assert_eq!(own.count(7, value), value % 5 + 1, "value {value}");
        }
        assert_eq!((own.count(2, 0), own.count(2, 1)), (values / 2, values / 2));
        for (customer, value) in [(7, values), (2, 2), (0, 0), (8, 0)] {
            assert_eq!(own.count(customer, value), 0, "customer {customer}, value {value}");
        }
    }
}
