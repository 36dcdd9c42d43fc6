//! The scorer: a history of logins in memory, and the score of a login against it.
//!
//! It works on any stream of logins in time order. It knows no file format, no clock and no threshold.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::feature::{Counts, Feature, Levels};
use super::own::OwnCounts;
use super::tally::{Digest, Tally};

/// Levels IP address / ASN / country. Both sets of weights: Wiefling et al. 2022.
const ADDRESS_WEIGHTS: Levels<f64, 2> = Levels { top: 0.6, lower: [0.3, 0.1] };
/// Levels full user agent / browser / operating system / device type.
const CLIENT_WEIGHTS: Levels<f64, 3> = Levels { top: 0.53867, lower: [0.26805, 0.18818, 0.00511] };

/// Ids have 32 bits: the upper three name the level, so that a value's id is unlike any other level's.
const LEVEL_IDS: u32 = 1 << 29;

/// One login as the score sees it. An empty value is a value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// Whose login it is.
    pub customer: &'a str,
    /// The address it came from.
    pub ip: &'a str,
    /// The number of the network the address belongs to.
    pub asn: &'a str,
    /// The country of the address.
    pub country: &'a str,
    /// The full user agent string.
    pub user_agent: &'a str,
    /// Browser name and version.
    pub browser: &'a str,
    /// Operating system name and version.
    pub os: &'a str,
    /// Kind of device: `desktop`, `mobile`, …
    pub device: &'a str,
}

/// A login's values by feature, as digests.
struct Values {
    customer: Digest,
    address: Levels<Digest, 2>,
    client: Levels<Digest, 3>,
}

impl Values {
    fn of(login: &Login<'_>, seed: u64) -> Self {
        let digest = |value| Digest::of(value, seed);
        let Login { customer, ip, asn, country, user_agent, browser, os, device } = *login;
        Self {
            customer: digest(customer),
            address: Levels { top: digest(ip), lower: [asn, country].map(digest) },
            client: Levels { top: digest(user_agent), lower: [browser, os, device].map(digest) },
        }
    }
}

/// The size of the history before a login.
struct Past {
    /// N.
    logins: u32,
    /// n_u, at least 1.
    own_logins: u32,
    customers: u32,
}

/// The history of logins, kept as counts, and the score of a login against it.
///
/// A step costs a fixed number of lookups, whatever the length of the history. Memory grows with the distinct values
/// and the distinct (customer, value) pairs, never with repetition. At most [`LoginScorer::LOGINS_MAX`] logins are
/// recorded; when [`is_full`](Self::is_full), further ones are scored but leave no trace.
#[derive(Debug)]
pub struct LoginScorer {
    customers: Tally,
    address: Feature<2>,
    client: Feature<3>,
    own: OwnCounts,
    logins: u32,
    /// Another in every process, so that no log can be made to collide on purpose. No result depends on it.
    seed: u64,
}

impl Default for LoginScorer {
    fn default() -> Self {
        Self::new()
    }
}

impl LoginScorer {
    /// The most logins a history can hold: each may bring a new value to every level, and a level has 2²⁹ ids.
    pub const LOGINS_MAX: u32 = LEVEL_IDS;

    /// A scorer that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        let [ip, asn, country, user_agent, browser, os, device] =
            [0, 1, 2, 3, 4, 5, 6].map(|level: u32| level * LEVEL_IDS);
        let address_ids = Levels { top: ip, lower: [asn, country] };
        let client_ids = Levels { top: user_agent, lower: [browser, os, device] };
        Self {
            customers: Tally::new(0),
            address: Feature::new(ADDRESS_WEIGHTS, address_ids),
            client: Feature::new(CLIENT_WEIGHTS, client_ids),
            own: OwnCounts::default(),
            logins: 0,
            seed: DefaultHashBuilder::default().hash_one(0),
        }
    }

    /// Scores the login against the logins observed before it, then adds it to them. One pass does both: recording a
    /// value tells how often it was there before. `None` where the customer has no earlier login.
    pub fn observe_and_score(&mut self, login: &Login<'_>) -> Option<f64> {
        if self.is_full() {
            return self.score(login);
        }
        let values = Values::of(login, self.seed);
        let (logins, customers) = (self.logins, self.customers.distinct());
        let customer = self.customers.add(values.customer);
        let past = Past { logins, own_logins: customer.count, customers };
        let address = self.address.record(&values.address, &mut self.own, customer.id);
        let client = self.client.record(&values.client, &mut self.own, customer.id);
        self.logins = logins.saturating_add(1);
        (customer.count > 0).then(|| self.formula(&past, &address, &client))
    }

    /// The score alone: above 0, finite; the higher, the less the login looks like the customer.
    /// `None` where the customer has no earlier login.
    #[must_use]
    pub fn score(&self, login: &Login<'_>) -> Option<f64> {
        let values = Values::of(login, self.seed);
        let customer = self.customers.find(values.customer)?;
        let past =
            Past { logins: self.logins, own_logins: customer.count, customers: self.customers.distinct() };
        let address = self.address.look(&values.address, &self.own, customer.id);
        let client = self.client.look(&values.client, &self.own, customer.id);
        Some(self.formula(&past, &address, &client))
    }

    /// Logins in the history (N).
    #[must_use]
    pub fn logins(&self) -> u32 {
        self.logins
    }

    /// Distinct customers in the history.
    #[must_use]
    pub fn customers(&self) -> u32 {
        self.customers.distinct()
    }

    /// Whether the history holds [`LOGINS_MAX`](Self::LOGINS_MAX) logins and takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.logins == Self::LOGINS_MAX
    }

    fn formula(&self, past: &Past, address: &Counts<2>, client: &Counts<3>) -> f64 {
        let (logins, own_logins) = (f64::from(past.logins), f64::from(past.own_logins));
        let address = self.address.ratio(address, own_logins, logins);
        let client = self.client.ratio(client, own_logins, logins);
        address * client * logins / (own_logins * f64::from(past.customers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_history_still_scores_but_takes_no_more() {
        let login = Login {
            customer: "a",
            ip: "1.1.1.1",
            asn: "100",
            country: "NO",
            user_agent: "ua",
            browser: "b",
            os: "o",
            device: "d",
        };
        let mut scorer = LoginScorer::new();
        assert_eq!(scorer.observe_and_score(&login), None);
        scorer.logins = LoginScorer::LOGINS_MAX;
        assert!(scorer.is_full());
        let score = scorer.score(&login);
        assert!(score.is_some());
        assert_eq!(scorer.observe_and_score(&login), score);
        assert_eq!(scorer.observe_and_score(&Login { customer: "b", ..login }), None);
        assert_eq!((scorer.score(&login), scorer.customers()), (score, 1));
    }
}
