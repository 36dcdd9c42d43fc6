//! How often somebody may guess what can be guessed: waits that grow, for strangers and for the customer's own browsers apart,
//! so that nobody keeps a customer out by failing in their name. Must not know what is guessed.
//!
//! Whoever proved themselves once in a browser keeps a token there; its wrong answers are counted by themselves (OWASP, "Slow
//! Down Online Guessing Attacks with Device Cookies"). All browsers without one share one count for the customer: filling it
//! keeps out strangers only. Passkeys are not guessed, so they are never made to wait.

use model::Time;
use model::time::{HOUR_US, SECOND_US};
use serde::{Deserialize, Serialize};

/// Wrong answers that cost no wait.
const FREE: u32 = 3;
/// The first wait; each further one is twice as long.
const WAIT_US: i64 = 15 * SECOND_US;
/// The longest wait. With six digits and three steps of time a stranger who never stops guesses right once in 25 years.
const WAIT_US_MAX: i64 = HOUR_US;
/// After so long without a wrong answer the count is halved, and again after as long.
const HALF_LIFE_US: i64 = 24 * HOUR_US;

/// Wrong answers of one kind of guesser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guesses {
    wrong: u32,
    last: Option<Time>,
}

impl Guesses {
    /// When the next answer is looked at; `None` for now.
    #[must_use]
    pub fn blocked_until(&self, now: Time) -> Option<Time> {
        let last = self.last?;
        let doublings = self.counted(now).checked_sub(FREE)?;
        let wait = WAIT_US.checked_shl(doublings.min(32)).unwrap_or(WAIT_US_MAX).min(WAIT_US_MAX);
        Some(last.plus_us(wait)).filter(|until| *until > now)
    }

    /// Notes a wrong answer.
    pub fn note_wrong(&mut self, now: Time) {
        self.wrong = self.counted(now).saturating_add(1);
        self.last = Some(now);
    }

    /// Notes a right one: the guesser is who they say.
    pub fn note_right(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing is left of it: it need not be kept.
    #[must_use]
    pub fn is_forgotten(&self, now: Time) -> bool {
        self.counted(now) == 0
    }

    fn counted(&self, now: Time) -> u32 {
        let Some(last) = self.last else { return 0 };
        let passed = now.as_us().saturating_sub(last.as_us()).max(0);
        let halvings = u32::try_from(passed / HALF_LIFE_US).unwrap_or(u32::MAX);
        self.wrong.checked_shr(halvings).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::{DAY_US, SECOND_US};

    use super::Guesses;

    fn at(seconds: i64) -> Time {
        Time::from_us(1_600_000_000 * SECOND_US + seconds * SECOND_US).unwrap()
    }

    #[test]
    fn waits_grow_and_end() {
        let mut guesses = Guesses::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            guesses.note_wrong(at(now));
            let until = guesses.blocked_until(at(now));
            let wait = until.map_or(0, |until| (until.as_us() - at(now).as_us()) / SECOND_US);
            waits.push(wait);
            now += wait;
            assert_eq!(guesses.blocked_until(at(now)), None, "a wait ends when it ends");
        }
        assert_eq!(waits, [0, 0, 15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
    }

    #[test]
    fn a_right_answer_or_time_forgets() {
        let mut guesses = Guesses::default();
        (0..5).for_each(|_| guesses.note_wrong(at(0)));
        assert!(guesses.blocked_until(at(1)).is_some());
        let mut right = guesses;
        right.note_right();
        assert_eq!(right.blocked_until(at(1)), None);
        let later = at(0).plus_us(3 * DAY_US);
        assert!(guesses.is_forgotten(later) && !guesses.is_forgotten(at(1)));
    }

    #[test]
    fn a_stranger_who_never_stops_gets_few_guesses_a_day() {
        let mut guesses = Guesses::default();
        let (mut now, mut looked_at) = (at(0), 0);
        while now < at(0).plus_us(DAY_US) {
            match guesses.blocked_until(now) {
                Some(until) => now = until,
                None => {
                    guesses.note_wrong(now);
                    looked_at += 1;
                }
            }
        }
        assert!(looked_at <= 36, "{looked_at} in a day");
    }
}
