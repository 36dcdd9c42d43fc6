//! The year of the made history, and when in it things are done. Must not know what is done.
//!
//! The year ends on 16 September 2020, and the procedures are those since 1 July, as in the sweep that this benchmark
//! is named after.

use model::time::{DAY_US, HOUR_US, SECOND_US};

use super::draw::Draw;

/// Days of history.
pub(super) const DAYS: u32 = 365;
/// The last days, in which the procedures lie.
pub(super) const PROCEDURE_DAYS: u32 = 77;
/// 2019-09-17T00:00:00Z, a Tuesday, in microseconds.
pub(super) const START_US: i64 = 1_568_678_400 * SECOND_US;
/// The longest time from a session's first access to its last.
pub(super) const SESSION_US_MAX: i64 = HOUR_US;

/// Which day it is after which share of a year's sessions.
#[derive(Debug)]
pub(super) struct Calendar {
    /// Each day as many times as it has weight.
    slots: Vec<u32>,
}

impl Calendar {
    pub(super) fn new() -> Self {
        let weight = |day: &u32| if (day + 1) % 7 < 5 { 10 } else { 3 };
        Self { slots: (0..DAYS).flat_map(|day| std::iter::repeat_n(day, weight(&day))).collect() }
    }

    /// The day at a point of the year given in 2^-32ths: never later for an earlier point.
    pub(super) fn day(&self, point: u64) -> u32 {
        let count = u64::try_from(self.slots.len()).unwrap_or(0);
        let slot = usize::try_from((point.min(u64::from(u32::MAX)) * count) >> 32).unwrap_or(0);
        self.slots.get(slot).copied().unwrap_or(0)
    }
}

/// When a session of this day begins: mostly in market hours or in the evening of Japan, and early enough to end that day.
pub(super) fn session_start_us(day: u32, draw: &mut Draw) -> i64 {
    let (from, hours) = match draw.below(100) {
        0..55 => (0, 7),
        55..85 => (9, 7),
        _ => (0, 23),
    };
    START_US + i64::from(day) * DAY_US + from * HOUR_US + draw.span_us(hours * HOUR_US)
}

/// The end of history, exclusive.
pub(super) fn end_us() -> i64 {
    START_US + i64::from(DAYS) * DAY_US
}
