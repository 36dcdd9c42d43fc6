//! How long answers took: counted in a histogram of fixed size, told as quantiles. Must not know what was asked.

use std::time::{Duration, Instant};

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

/// What is longer counts as this.
const LONGEST_US: u64 = 600_000_000;

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half were answered within this.
    pub p50_us: u64,
    /// 90 of 100.
    pub p90_us: u64,
    /// 99 of 100.
    pub p99_us: u64,
    /// 999 of 1,000.
    pub p999_us: u64,
    /// All.
    pub max_us: u64,
}

impl Latency {
    pub(crate) fn of(times: &Times) -> Self {
        let histogram = &times.0;
        Self {
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

/// Times from 1 µs to 10 minutes with three digits; some 200 KiB, however many.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Result<Self, CreationError> {
        Histogram::new_with_bounds(1, LONGEST_US, 3).map(Self)
    }

    pub(crate) fn count(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US);
        self.0.saturating_record(us);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that everything fits.
        let _fits = self.0.add(&other.0);
    }
}

/// Now, for measuring and for pacing what is measured.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the laboratory measures; nothing is decided by it")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latency, Times};

    #[test]
    fn quantiles_of_a_thousand_times() {
        let mut times = Times::new().unwrap();
        for us in 1..=1_000 {
            times.count(Duration::from_micros(us));
        }
        times.count(Duration::from_secs(3_600));
        let told = Latency::of(&times);
        assert_eq!((told.p50_us, told.p90_us, told.p99_us), (501, 901, 991));
        assert!(told.max_us >= 600_000_000);
    }
}
