//! Days and hours of the simulated span in Japanese time, and on which days the exchange is open. Must not know customers.

use jiff::civil::Date;
use model::Time;
use model::time::{DAY_US, HOUR_US, SECOND_US};

use super::dice::{Dice, place};
use super::error::LabError;

/// Japan keeps one time all year.
const OFFSET_HOURS: i64 = 9;
/// Days of the examination: 1 July to 16 September.
const EXAMINED_DAYS: u64 = 78;

/// The simulated days, counted from 0 in Japanese time.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The first day, counted from 1970-01-01.
    first: i64,
    trading: Vec<bool>,
    start: Date,
}

impl Calendar {
    pub(super) fn new(start: Date, days: u32) -> Result<Self, LabError> {
        let outside = || LabError::Start { came: start };
        let mut trading = Vec::new();
        let mut date = start;
        if !(1971..=9000).contains(&start.year()) {
            return Err(outside());
        }
        for _ in 0..days {
            trading.push(is_trading(date));
            date = date.tomorrow().map_err(|_end_of_time| outside())?;
        }
        let since = jiff::civil::date(1970, 1, 1).until(start).map_err(|_too_far| outside())?;
        Ok(Self { first: i64::from(since.get_days()), trading, start })
    }

    pub(super) fn days(&self) -> u64 {
        super::dice::count(self.trading.len())
    }

    /// Days after 1 January of its year.
    pub(super) fn day_of_year(&self, day: u64) -> u64 {
        let later = jiff::Span::new().try_days(i64::try_from(day).unwrap_or(0)).unwrap_or_default();
        u64::try_from(self.start.saturating_add(later).day_of_year()).unwrap_or(1).saturating_sub(1)
    }

    /// The first examined day: the last 78 days are examined, or all where there are fewer.
    pub(super) fn examined_from(&self) -> u64 {
        self.days().saturating_sub(EXAMINED_DAYS)
    }

    /// A point in time on a day, in microseconds after its midnight.
    pub(super) fn time(&self, day: u64, us: u64) -> Time {
        let midnight = self.epoch_day(day).saturating_mul(DAY_US) - OFFSET_HOURS * HOUR_US;
        Time::MIN.plus_us(midnight.saturating_add(i64::try_from(us).unwrap_or(DAY_US)))
    }

    /// A point in time within an hour of a day.
    pub(super) fn in_hour(&self, dice: &mut Dice, day: u64, hour: u64) -> Time {
        let hour_us = u64::try_from(HOUR_US).unwrap_or(0);
        self.time(day, hour * hour_us + dice.below(hour_us))
    }

    /// The end of the simulated span; nothing happens from then on.
    pub(super) fn end(&self) -> Time {
        self.time(self.days(), 0)
    }

    /// A day counted from 1970-01-01.
    pub(super) fn epoch_day(&self, day: u64) -> i64 {
        self.first.saturating_add(i64::try_from(day).unwrap_or(i64::MAX))
    }

    pub(super) fn is_trading(&self, day: u64) -> bool {
        self.trading.get(place(day)).copied().unwrap_or(false)
    }

    /// The `number`th trading day from `day` on (0: `day` itself if it is one); past the end every day counts.
    pub(super) fn trading_day(&self, day: u64, number: u64) -> u64 {
        let mut left = number;
        let mut at = day;
        loop {
            if at >= self.days() || self.is_trading(at) {
                if left == 0 {
                    return at;
                }
                left -= 1;
            }
            at += 1;
        }
    }
}

/// Monday to Friday without the turn of the year; other holidays are left out.
fn is_trading(date: Date) -> bool {
    let weekend = date.weekday().to_monday_zero_offset() >= 5;
    let turn_of_the_year = matches!((date.month(), date.day()), (12, 31) | (1, 1..=3));
    !weekend && !turn_of_the_year
}

/// When a person comes: how likely each hour of the day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Habit {
    /// Works by day: before work, at noon, in the evening.
    #[default]
    Worker,
    /// At home by day.
    AtHome,
    /// Trades while the exchange is open, 9:00 to 11:30 and 12:30 to 15:00.
    Trader,
}

const WORKER: [u64; 24] =
    [6, 3, 1, 1, 1, 4, 18, 45, 60, 70, 40, 40, 95, 40, 40, 45, 25, 30, 45, 55, 65, 75, 60, 25];
const AT_HOME: [u64; 24] =
    [3, 1, 1, 1, 2, 8, 20, 40, 85, 110, 80, 70, 75, 70, 75, 55, 35, 30, 30, 35, 45, 40, 25, 10];
const TRADER: [u64; 24] =
    [4, 2, 1, 1, 1, 6, 20, 60, 160, 190, 110, 90, 120, 110, 120, 60, 30, 25, 30, 35, 45, 50, 30, 12];
const DAY_OFF: [u64; 24] =
    [10, 5, 2, 1, 1, 3, 10, 25, 45, 60, 65, 60, 55, 55, 55, 55, 55, 50, 50, 60, 75, 80, 60, 30];

impl Habit {
    /// An hour at which a session begins.
    pub(super) fn hour(self, dice: &mut Dice, trading: bool) -> u64 {
        let weights = match (trading, self) {
            (false, _) => &DAY_OFF,
            (true, Self::Worker) => &WORKER,
            (true, Self::AtHome) => &AT_HOME,
            (true, Self::Trader) => &TRADER,
        };
        let mut left = dice.below(weights.iter().sum());
        for (hour, weight) in (0..).zip(weights) {
            if left < *weight {
                return hour;
            }
            left -= weight;
        }
        0
    }
}

/// Microseconds of a span in seconds.
pub(super) fn seconds_us(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(0).saturating_mul(SECOND_US)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::Calendar;

    #[test]
    fn days_are_japanese_days() {
        let calendar = Calendar::new(date(2019, 9, 17), 366).unwrap();
        assert_eq!(calendar.time(0, 0).to_string(), "2019-09-16T15:00:00.000000Z");
        assert_eq!(calendar.end().to_string(), "2020-09-16T15:00:00.000000Z");
        let examined = calendar.time(calendar.examined_from(), 0).to_string();
        assert_eq!(examined, "2020-06-30T15:00:00.000000Z", "midnight of 1 July in Japan");
    }

    #[test]
    fn the_exchange_rests_on_weekends_and_at_the_turn_of_the_year() {
        let calendar = Calendar::new(date(2019, 12, 27), 14).unwrap();
        let open: Vec<u64> = (0..14).filter(|day| calendar.is_trading(*day)).collect();
        assert_eq!(open, [0, 3, 10, 11, 12, 13], "27, 30 December, 6 to 9 January");
        assert_eq!(calendar.trading_day(1, 0), 3);
        assert_eq!(calendar.trading_day(0, 2), 10);
        assert_eq!(calendar.trading_day(13, 3), 16, "past the end every day counts");
    }

    #[test]
    fn strange_years_are_refused() {
        assert!(Calendar::new(date(1970, 12, 31), 10).is_err());
        assert!(Calendar::new(date(9999, 1, 1), 10).is_err());
    }
}
