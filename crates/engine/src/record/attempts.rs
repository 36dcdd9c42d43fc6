//! Logins at an address or network, forgotten by and by.
//!
//! Four counts that halve with time, brought to the same moment at every login, so that they share one time: 24 bytes. In
//! whole numbers, in parts of 1/1,024, because replay must give the same on every machine; between two halvings a count falls
//! in a straight line, which is at most 6 % above the true curve.

use model::Time;
use model::time::{DAY_US, HOUR_US};
use serde::{Deserialize, Serialize};

use crate::decayed::fallen;

/// Half-life of counts of attempts: an attack of an hour ago is half forgotten.
pub const ATTEMPTS_HALF_LIFE_US: i64 = HOUR_US;
/// Half-life of counts that say what an address is like.
pub const FAILURES_HALF_LIFE_US: i64 = DAY_US;

/// Parts of one.
const ONE: u32 = 1 << 10;

/// Logins at an address or network. Counts end at 4 million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Microseconds since 1970 at which the counts were true.
    at_us: i64,
    /// All, half-life one hour.
    recent: u32,
    /// All, half-life one day.
    all: u32,
    /// Failed, half-life one day.
    failed: u32,
    /// For nobody known, half-life one day.
    unknown: u32,
}

impl Attempts {
    /// Notes a login. One of the past counts as if it were now.
    pub fn note(&mut self, time: Time, failed: bool, nobody_known: bool) {
        let at_us = time.as_us().max(self.at_us);
        let passed = at_us.saturating_sub(self.at_us);
        let counted = |parts: u32, counts: bool, half_life_us: i64| {
            after(parts, passed, half_life_us).saturating_add(if counts { ONE } else { 0 })
        };
        self.recent = counted(self.recent, true, ATTEMPTS_HALF_LIFE_US);
        self.all = counted(self.all, true, FAILURES_HALF_LIFE_US);
        self.failed = counted(self.failed, failed, FAILURES_HALF_LIFE_US);
        self.unknown = counted(self.unknown, nobody_known, FAILURES_HALF_LIFE_US);
        self.at_us = at_us;
    }

    /// All, half-life one hour.
    #[must_use]
    pub fn recent(&self, time: Time) -> f64 {
        self.value(self.recent, time, ATTEMPTS_HALF_LIFE_US)
    }

    /// All, half-life one day.
    #[must_use]
    pub fn all(&self, time: Time) -> f64 {
        self.value(self.all, time, FAILURES_HALF_LIFE_US)
    }

    /// Failed, half-life one day.
    #[must_use]
    pub fn failed(&self, time: Time) -> f64 {
        self.value(self.failed, time, FAILURES_HALF_LIFE_US)
    }

    /// For nobody known, half-life one day.
    #[must_use]
    pub fn unknown(&self, time: Time) -> f64 {
        self.value(self.unknown, time, FAILURES_HALF_LIFE_US)
    }

    fn value(&self, parts: u32, time: Time, half_life_us: i64) -> f64 {
        let passed = time.as_us().saturating_sub(self.at_us).max(0);
        f64::from(after(parts, passed, half_life_us)) / f64::from(ONE)
    }
}

fn after(parts: u32, passed_us: i64, half_life_us: i64) -> u32 {
    if passed_us == 0 || parts == 0 {
        return parts;
    }
    u32::try_from(fallen(u64::from(parts), passed_us, half_life_us)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::HOUR_US;

    use super::Attempts;

    #[test]
    fn counts_halve_each_with_its_own_half_life() {
        let at = |hours: i64| Time::from_us(hours * HOUR_US).unwrap();
        let mut attempts = Attempts::default();
        for _ in 0..8 {
            attempts.note(at(1_000), true, false);
        }
        attempts.note(at(999), false, true);
        let near = |one: f64, other: f64| (one - other).abs() < 0.01;
        assert!(near(attempts.recent(at(1_000)), 9.0) && near(attempts.recent(at(1_001)), 4.5));
        assert!(near(attempts.all(at(1_024)), 4.5) && near(attempts.failed(at(1_024)), 4.0));
        assert!(near(attempts.unknown(at(1_000)), 1.0) && near(attempts.unknown(at(9_000)), 0.0));
        assert_eq!(size_of::<Attempts>(), 24);
    }
}
