//! How often passwords are judged: for an API key and for a customer, each by the generic cell rate algorithm – one moment each,
//! the one at which all that was let through would have come at an even pace. Must not know what is let through.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use model::time::SECOND_US;

/// Customers that are remembered at most. When there are more, new ones share one place.
const CUSTOMERS_MAX: usize = 65_536;
/// Keys that are remembered at most: as many as a folder can have.
const KEYS_MAX: usize = 1_000;
/// How much may come at once: what comes evenly in this time.
const KEY_BURST_US: i64 = 4 * SECOND_US;
const CUSTOMER_BURST_US: i64 = 30 * SECOND_US;

/// Both rates.
#[derive(Debug)]
pub(crate) struct Rates {
    keys: Mutex<Rate>,
    customers: Mutex<Rate>,
}

/// What came more often than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// Whose rate it is.
    pub(crate) whose: &'static str,
    /// When to come again.
    pub(crate) retry_after_s: u16,
}

impl Rates {
    pub(crate) fn new(key_per_s: u32, customer_per_min: u32) -> Self {
        let key_us = SECOND_US / i64::from(key_per_s.max(1));
        let customer_us = 60 * SECOND_US / i64::from(customer_per_min.max(1));
        Self {
            keys: Mutex::new(Rate::new(key_us, KEY_BURST_US, KEYS_MAX)),
            customers: Mutex::new(Rate::new(customer_us, CUSTOMER_BURST_US, CUSTOMERS_MAX)),
        }
    }

    /// Lets one through, or says when to come again. What a customer may not does not count for the key.
    pub(crate) fn take(&self, key: u64, customer: Option<u64>, now_us: i64) -> Result<(), TooOften> {
        let take = |rate: &Mutex<Rate>, who: u64, whose: &'static str| {
            let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.take(who, now_us).map_err(|wait_us| {
                let seconds = wait_us.saturating_add(SECOND_US - 1) / SECOND_US;
                TooOften { whose, retry_after_s: u16::try_from(seconds).unwrap_or(u16::MAX).max(1) }
            })
        };
        customer.map_or(Ok(()), |customer| take(&self.customers, customer, "customer"))?;
        take(&self.keys, key, "key")
    }
}

#[derive(Debug)]
struct Rate {
    every_us: i64,
    burst_us: i64,
    entries_max: usize,
    /// When the next one would come at an even pace. One that is past says nothing.
    due_us: HashMap<u64, i64>,
}

impl Rate {
    fn new(every_us: i64, burst_us: i64, entries_max: usize) -> Self {
        Self { every_us, burst_us: burst_us.max(every_us), entries_max, due_us: HashMap::new() }
    }

    /// Lets one through, or says how many microseconds to wait.
    fn take(&mut self, who: u64, now_us: i64) -> Result<(), i64> {
        /// Of those for whom there is no place.
        const OTHERS: u64 = 0;
        if !self.due_us.contains_key(&who) && self.due_us.len() >= self.entries_max {
            self.due_us.retain(|_, due_us| *due_us > now_us);
        }
        let has_place = self.due_us.contains_key(&who) || self.due_us.len() < self.entries_max;
        let due_us = self.due_us.entry(if has_place { who } else { OTHERS }).or_insert(now_us);
        // A clock that was set back must not make anybody wait for longer than it ever takes.
        let is_of_this_clock = due_us.saturating_sub(now_us) <= self.burst_us;
        let from_us = if is_of_this_clock { (*due_us).max(now_us) } else { now_us };
        let next_us = from_us.saturating_add(self.every_us);
        let ahead_us = next_us.saturating_sub(now_us);
        if ahead_us > self.burst_us {
            return Err(ahead_us.saturating_sub(self.burst_us));
        }
        *due_us = next_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, Rates, SECOND_US};

    #[test]
    fn some_come_at_once_and_then_one_after_the_other() {
        let mut rate = Rate::new(SECOND_US, 3 * SECOND_US, 10);
        let taken = (0..5).filter(|_| rate.take(7, 0).is_ok()).count();
        assert_eq!(taken, 3);
        assert_eq!(rate.take(7, 0), Err(SECOND_US));
        assert_eq!(rate.take(8, 0), Ok(()), "somebody else");
        assert_eq!(rate.take(7, SECOND_US), Ok(()));
        assert_eq!(rate.take(7, SECOND_US), Err(SECOND_US));
        assert_eq!(rate.take(7, -100 * SECOND_US), Ok(()), "the clock was set back");
    }

    #[test]
    fn memory_is_bounded() {
        let mut rate = Rate::new(SECOND_US, 3 * SECOND_US, 4);
        for who in 1..100 {
            let _some_wait = rate.take(who, 0);
            assert!(rate.due_us.len() <= 5);
        }
        assert!(rate.take(1_000, 0).is_err(), "newcomers share a place, which is taken");
        assert_eq!(rate.take(1_000, 10 * SECOND_US), Ok(()), "those who wait no more make room");
        assert!(rate.due_us.len() <= 2);
    }

    #[test]
    fn the_one_who_must_wait_is_told() {
        let rates = Rates::new(1_000_000, 2);
        assert_eq!(rates.take(1, Some(5), 0), Ok(()));
        let wait = rates.take(1, Some(5), 0).unwrap_err();
        assert_eq!((wait.whose, wait.retry_after_s), ("customer", 30));
        assert_eq!(rates.take(1, None, 0), Ok(()));
        let rates = Rates::new(1, 60);
        assert!((0..4).all(|_| rates.take(1, None, 0).is_ok()));
        let wait = rates.take(1, None, 0).unwrap_err();
        assert_eq!((wait.whose, wait.retry_after_s), ("key", 1));
    }
}
