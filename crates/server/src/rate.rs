//! How often something is let through, for each of many: the generic cell rate algorithm – one moment each, the one at which all that
//! was let through would have come at an even pace. Must not know what is let through.

use hashbrown::HashMap;

/// A rate.
#[derive(Debug)]
pub(crate) struct Rate {
    every_us: i64,
    burst_us: i64,
    entries_max: usize,
    /// When the next one would come at an even pace. One that is past says nothing.
    due_us: HashMap<u64, i64>,
}

impl Rate {
    /// One in so many microseconds, as many at once as come evenly in `burst_us`, for so many at most.
    pub(crate) fn new(every_us: i64, burst_us: i64, entries_max: usize) -> Self {
        Self { every_us, burst_us: burst_us.max(every_us), entries_max, due_us: HashMap::new() }
    }

    /// Lets one through, or says how many microseconds to wait.
    pub(crate) fn take(&mut self, who: u64, now_us: i64) -> Result<(), i64> {
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
    use model::time::SECOND_US;

    use super::Rate;

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
}
