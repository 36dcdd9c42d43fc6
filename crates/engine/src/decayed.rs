//! A count that forgets: it halves with every half-life. Must not know what is counted.
//!
//! In whole numbers throughout, because the C library's `exp2` differs from machine to machine and replay must not. Between
//! two halvings the count falls in a straight line, which is at most 6 % above the true curve.

use model::Time;
use serde::{Deserialize, Serialize};

/// Parts of one: counts are kept in units of 1/65,536.
const ONE: u64 = 1 << 16;

/// A decayed count as of a time: 16 bytes, O(1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decayed {
    parts: u64,
    /// Microseconds since 1970 at which `parts` was true.
    at_us: i64,
}

impl Decayed {
    /// Nothing counted yet.
    pub const NONE: Self = Self { parts: 0, at_us: 0 };

    /// Adds `amount` at `time`. An event of the past counts as much as it would be worth now.
    pub fn add(&mut self, amount: u64, time: Time, half_life_us: i64) {
        let at_us = time.as_us();
        let added = amount.saturating_mul(ONE);
        if at_us >= self.at_us {
            self.parts = self.parts_at(at_us, half_life_us).saturating_add(added);
            self.at_us = at_us;
        } else {
            let late = Self { parts: added, at_us };
            self.parts = self.parts.saturating_add(late.parts_at(self.at_us, half_life_us));
        }
    }

    /// The count at `time`, which is the count as it stands if `time` is earlier than what was added last.
    #[must_use]
    pub fn value(&self, time: Time, half_life_us: i64) -> f64 {
        let parts = self.parts_at(time.as_us(), half_life_us);
        // Both are exact: a count that is ever reached has far fewer than 2^53 parts.
        parts_to_f64(parts) / parts_to_f64(ONE)
    }

    fn parts_at(&self, at_us: i64, half_life_us: i64) -> u64 {
        fallen(self.parts, at_us.saturating_sub(self.at_us), half_life_us)
    }
}

/// What is left of `parts` after a time.
pub(crate) fn fallen(parts: u64, passed_us: i64, half_life_us: i64) -> u64 {
    let (passed, half_life) = (passed_us.max(0), half_life_us.max(1));
    let Ok(halvings) = u32::try_from(passed / half_life) else { return 0 };
    let whole = parts.checked_shr(halvings).unwrap_or(0);
    let rest = u128::try_from(passed % half_life).unwrap_or(0);
    let fallen = u128::from(whole) * rest / (2 * u128::try_from(half_life).unwrap_or(1));
    whole.saturating_sub(u64::try_from(fallen).unwrap_or(whole))
}

/// A number of parts or of events as a fraction's part. Exact below 2^53.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no lossless conversion exists; exact below 2^53"
)]
pub(crate) const fn parts_to_f64(parts: u64) -> f64 {
    parts as f64
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::HOUR_US;

    use super::Decayed;

    fn at(hours: i64) -> Time {
        Time::from_us(hours * HOUR_US).unwrap()
    }

    #[test]
    fn halves_with_every_half_life_and_falls_in_between() {
        let mut count = Decayed::default();
        count.add(8, at(100), HOUR_US);
        for (hours, value) in [(100, 8.0), (101, 4.0), (102, 2.0), (103, 1.0), (99, 8.0), (100_000, 0.0)] {
            assert!((count.value(at(hours), HOUR_US) - value).abs() < 1e-9, "{hours}");
        }
        let between = count.value(Time::from_us(100 * HOUR_US + HOUR_US / 2).unwrap(), HOUR_US);
        assert!((between - 6.0).abs() < 1e-9, "{between}");
    }

    #[test]
    fn the_order_of_arrival_matters_little() {
        let (mut one, mut other) = (Decayed::default(), Decayed::default());
        one.add(1, at(1), HOUR_US);
        one.add(1, at(3), HOUR_US);
        other.add(1, at(3), HOUR_US);
        other.add(1, at(1), HOUR_US);
        assert_eq!(one, other);
        assert!((one.value(at(3), HOUR_US) - 1.25).abs() < 1e-9);
    }
}
