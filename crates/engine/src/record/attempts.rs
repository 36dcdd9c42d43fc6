//! Logins at an address or network, forgotten by and by.

use model::Time;
use model::time::{DAY_US, HOUR_US};
use serde::{Deserialize, Serialize};

use crate::decayed::Decayed;

/// Half-life of counts of attempts: an attack of an hour ago is half forgotten.
pub const ATTEMPTS_HALF_LIFE_US: i64 = HOUR_US;
/// Half-life of counts that say what an address is like.
pub const FAILURES_HALF_LIFE_US: i64 = DAY_US;

/// Logins at an address or network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// All, half-life one hour.
    pub recent: Decayed,
    /// All, half-life one day.
    pub all: Decayed,
    /// Failed, half-life one day.
    pub failed: Decayed,
    /// For nobody known, half-life one day.
    pub unknown: Decayed,
}

impl Attempts {
    /// Notes a login.
    pub fn note(&mut self, time: Time, failed: bool, nobody_known: bool) {
        self.recent.add(1, time, ATTEMPTS_HALF_LIFE_US);
        self.all.add(1, time, FAILURES_HALF_LIFE_US);
        if failed {
            self.failed.add(1, time, FAILURES_HALF_LIFE_US);
        }
        if nobody_known {
            self.unknown.add(1, time, FAILURES_HALF_LIFE_US);
        }
    }
}
