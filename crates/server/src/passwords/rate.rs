//! How often passwords are judged: for an API key and for a customer, each at a rate of its own. Must not know how they are judged.

use std::sync::{Mutex, PoisonError};

use model::time::SECOND_US;

use crate::rate::Rate;

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

#[cfg(test)]
mod tests {
    use super::Rates;

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
