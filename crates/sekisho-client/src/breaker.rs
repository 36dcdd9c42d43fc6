//! Leaves a server alone that failed several times in a row, so that customers do not wait for it, and tries it again by one call
//! after a rest. Must not know what a failure is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Breaker {
    failures_max: u32,
    rest: Duration,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    failures: u32,
    /// Until then it is left alone.
    until: Option<Instant>,
}

impl Breaker {
    pub(crate) fn new(failures_max: u32, rest: Duration) -> Self {
        Self { failures_max: failures_max.max(1), rest, standing: Mutex::default() }
    }

    /// Whether a call may be made now. After a rest one may; further ones wait until it is known what came of it.
    pub(crate) fn lets_through(&self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "a client is told nothing of time but by the clock")]
        self.lets_through_at(Instant::now())
    }

    fn lets_through_at(&self, now: Instant) -> bool {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        match standing.until {
            None => true,
            Some(until) if now < until => false,
            Some(_over) => {
                standing.until = Some(now + self.rest);
                true
            }
        }
    }

    /// Notes what came of a call.
    pub(crate) fn note(&self, answered: bool) {
        #[expect(clippy::disallowed_methods, reason = "a client is told nothing of time but by the clock")]
        self.note_at(answered, Instant::now());
    }

    fn note_at(&self, answered: bool, now: Instant) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *standing = Standing::default();
            return;
        }
        standing.failures = standing.failures.saturating_add(1);
        if standing.failures >= self.failures_max {
            standing.until = Some(now + self.rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Breaker;

    #[test]
    fn it_opens_after_failures_and_one_call_tries_again_after_a_rest() {
        let breaker = Breaker::new(3, Duration::from_secs(5));
        #[expect(clippy::disallowed_methods, reason = "a point in time to count from")]
        let begin = std::time::Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert!(breaker.lets_through_at(at(0)));
            breaker.note_at(false, at(0));
        }
        assert!(!breaker.lets_through_at(at(4)));
        assert!(breaker.lets_through_at(at(5)), "one");
        assert!(!breaker.lets_through_at(at(5)), "and no other");
        breaker.note_at(false, at(6));
        assert!(!breaker.lets_through_at(at(10)));
        assert!(breaker.lets_through_at(at(11)));
        breaker.note_at(true, at(11));
        assert!(breaker.lets_through_at(at(11)) && breaker.lets_through_at(at(11)));
        breaker.note_at(false, at(12));
        assert!(breaker.lets_through_at(at(12)), "one failure is not enough again");
    }
}
