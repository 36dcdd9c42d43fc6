//! When an event is due: at a rate, at a multiple of the speed at which it happened, or at once. Must not know what it says.

use std::time::{Duration, Instant};

use history::Watch;

use super::ReplayError;
use crate::latency::now;

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as it goes.
    FlatOut,
    /// So many events a second, 1 to 1,000,000.
    Rate(u32),
    /// So many times as fast as it happened, 0.001 to 10,000,000.
    Speed(f64),
}

impl Pace {
    pub(super) fn check(self) -> Result<(), ReplayError> {
        let (what, came, allowed) = match self {
            Self::FlatOut => return Ok(()),
            Self::Rate(rate) if (1..=1_000_000).contains(&rate) => return Ok(()),
            Self::Speed(speed) if (0.001..=10_000_000.0).contains(&speed) => return Ok(()),
            Self::Rate(rate) => ("--rate", rate.to_string(), "1 to 1,000,000"),
            Self::Speed(speed) => ("--speed", speed.to_string(), "0.001 to 10,000,000"),
        };
        Err(ReplayError::Limit { what, came, allowed: allowed.to_owned() })
    }
}

/// Counts from the first event it is asked about.
pub(super) struct Pacer {
    pace: Pace,
    first: Option<(Instant, i64)>,
    count: u64,
}

impl Pacer {
    pub(super) const fn new(pace: Pace) -> Self {
        Self { pace, first: None, count: 0 }
    }

    /// When the next event, of this time, is due.
    pub(super) fn due(&mut self, time_us: i64) -> Option<Instant> {
        if self.pace == Pace::FlatOut {
            return None;
        }
        let (begun, first_us) = *self.first.get_or_insert_with(|| (now(), time_us));
        let number = self.count;
        self.count = number.saturating_add(1);
        let after = match self.pace {
            Pace::FlatOut => Duration::ZERO,
            Pace::Rate(rate) => {
                Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate.max(1)))
            }
            Pace::Speed(speed) => {
                let us = u64::try_from(time_us.saturating_sub(first_us)).unwrap_or(0);
                Duration::from_micros(us).div_f64(speed.max(0.001))
            }
        };
        begun.checked_add(after)
    }
}

/// Waits until it is due; false if `watch` said stop.
pub(super) fn wait(due: Option<Instant>, watch: &Watch) -> bool {
    const LOOK_UP: Duration = Duration::from_millis(100);
    loop {
        if watch.check().is_err() {
            return false;
        }
        let Some(rest) = due.and_then(|due| due.checked_duration_since(now())) else { return true };
        if rest.is_zero() {
            return true;
        }
        std::thread::sleep(rest.min(LOOK_UP));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Pace, Pacer};

    #[test]
    fn events_are_due_by_number_or_by_their_time() {
        let after = |pace: Pace| {
            let mut pacer = Pacer::new(pace);
            let first = pacer.due(5_000_000);
            [6_000_000, 15_000_000].map(|us| Some(pacer.due(us)?.duration_since(first?)))
        };
        assert_eq!(after(Pace::FlatOut), [None, None]);
        assert_eq!(
            after(Pace::Rate(4)),
            [Some(Duration::from_millis(250)), Some(Duration::from_millis(500))]
        );
        assert_eq!(
            after(Pace::Speed(10.0)),
            [Some(Duration::from_millis(100)), Some(Duration::from_secs(1))]
        );
        assert!(Pace::Rate(0).check().is_err() && Pace::Speed(f64::NAN).check().is_err());
    }
}
