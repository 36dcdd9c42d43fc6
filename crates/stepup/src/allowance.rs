//! How often codes are sent and calls asked for in one customer's name: few a day, with waits that grow, because each costs money
//! and rings somebody's telephone. Strangers and the customer's own browsers are counted apart, as with wrong answers
//! ([`crate::guesses`]); and only these ways wait: passkeys and apps do not. Must not know what is sent.

use model::Time;
use model::time::{DAY_US, SECOND_US};
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// Most that may be allowed a day.
pub const A_DAY_MAX: u8 = 50;
/// So many come without a wait of their own.
const FREE: usize = 3;
/// The first wait; each further one is twice as long.
const WAIT_US: i64 = 30 * SECOND_US;

/// What was taken in the last day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    at: Vec<Time>,
}

impl Allowance {
    /// Takes one of so many a day, at least one.
    ///
    /// # Errors
    /// Not yet: until when.
    pub fn take(&mut self, a_day: u8, now: Time) -> Result<(), Refusal> {
        self.at.retain(|at| now < at.plus_us(DAY_US));
        if let Some(until) =
            self.blocked_until(usize::from(a_day.clamp(1, A_DAY_MAX))).filter(|until| now < *until)
        {
            return Err(Refusal::asked_lately(until, now));
        }
        self.at.push(now);
        Ok(())
    }

    fn blocked_until(&self, a_day: usize) -> Option<Time> {
        let count = self.at.len();
        if count >= a_day {
            // Nothing is allowed while the last so many lie within a day.
            let oldest = count.checked_sub(a_day).and_then(|place| self.at.get(place))?;
            return Some(oldest.plus_us(DAY_US));
        }
        let doublings = u32::try_from(count.checked_sub(FREE)?).unwrap_or(u32::MAX);
        let wait = WAIT_US.checked_shl(doublings.min(32)).unwrap_or(DAY_US).min(DAY_US);
        Some(self.at.last()?.plus_us(wait))
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::{DAY_US, SECOND_US};

    use super::Allowance;
    use crate::Refusal;

    fn at(seconds: i64) -> Time {
        Time::from_us((1_600_000_000 + seconds) * SECOND_US).unwrap()
    }

    fn until(refused: Result<(), Refusal>) -> Time {
        match refused {
            Err(Refusal::AskedLately { until, .. }) => until,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_grow_and_a_day_has_an_end() {
        let mut allowance = Allowance::default();
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..6 {
            allowance.take(6, now).unwrap();
            if let Err(Refusal::AskedLately { until, .. }) = allowance.clone().take(6, now) {
                waits.push((until.as_us() - now.as_us()) / SECOND_US);
                now = until;
            }
        }
        assert_eq!(waits[..3], [30, 60, 120]);
        assert_eq!(until(allowance.clone().take(6, at(1_000))), at(0).plus_us(DAY_US), "six were taken");
        allowance.take(6, at(0).plus_us(DAY_US)).unwrap();
        allowance.take(6, at(0).plus_us(9 * DAY_US)).unwrap();
        assert_eq!(allowance.at.len(), 1, "what is older than a day is not kept");
    }

    #[test]
    fn who_never_stops_asking_gets_no_more_than_allowed() {
        for a_day in [1, 3, 10, 50] {
            let (mut allowance, mut now, mut taken) = (Allowance::default(), at(0), 0);
            while now < at(0).plus_us(DAY_US) {
                match allowance.take(a_day, now) {
                    Ok(()) => taken += 1,
                    Err(_) => now = now.plus_us(10 * SECOND_US),
                }
            }
            assert!(taken <= u32::from(a_day), "{taken} of {a_day}");
        }
    }
}
