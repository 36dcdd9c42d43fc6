//! How much was let through in a day: summed by the hour, so that a day is a few numbers however much comes in it. Must not know whose,
//! nor what the limit is.

use model::Time;
use model::time::{DAY_US, HOUR_US};
use serde::{Deserialize, Serialize};

/// What was let through in the last day: the end of an hour, and what came in it.
///
/// An hour counts until its end is a day old. So nothing is forgotten before it is a day old, and all of it after at most an hour more;
/// and there are 25 hours at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaySum(Vec<(Time, u64)>);

impl DaySum {
    /// All that counts now.
    #[must_use]
    pub fn total(&self, now: Time) -> u64 {
        let counts = self.0.iter().filter(|(end, _)| now < end.plus_us(DAY_US));
        counts.fold(0, |sum, (_, part)| sum.saturating_add(*part))
    }

    /// Adds what comes now.
    pub fn add(&mut self, amount: u64, now: Time) {
        self.0.retain(|(end, _)| now < end.plus_us(DAY_US));
        let end = now.plus_us(HOUR_US - now.as_us().rem_euclid(HOUR_US));
        match self.0.iter_mut().find(|(each, _)| *each == end) {
            Some((_, sum)) => *sum = sum.saturating_add(amount),
            None => self.0.push((end, amount)),
        }
    }

    /// When nothing of it counts any more.
    #[must_use]
    pub fn over(&self) -> Option<Time> {
        self.0.iter().map(|(end, _)| end.plus_us(DAY_US)).max()
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::{DAY_US, HOUR_US, SECOND_US};

    use super::DaySum;

    fn at(seconds: i64) -> Time {
        Time::from_us(1_600_000_000 * SECOND_US / HOUR_US * HOUR_US + seconds * SECOND_US).unwrap()
    }

    #[test]
    fn nothing_is_forgotten_for_a_day_and_all_of_it_an_hour_later() {
        let mut sum = DaySum::default();
        sum.add(3, at(1_000));
        sum.add(4, at(2_000));
        for (now, total) in [(at(2_000), 7), (at(999).plus_us(DAY_US), 7), (at(3_599).plus_us(DAY_US), 7)] {
            assert_eq!(sum.total(now), total);
        }
        assert_eq!((sum.total(at(3_600).plus_us(DAY_US)), sum.over()), (0, Some(at(3_600).plus_us(DAY_US))));
        sum.add(u64::MAX, at(5_000));
        assert_eq!(sum.total(at(5_000)), u64::MAX);
    }

    #[test]
    fn a_day_is_a_few_numbers_however_much_comes() {
        let (mut sum, mut came) = (DaySum::default(), Vec::new());
        for number in 0..10_000 {
            let now = at(number * 37);
            sum.add(1, now);
            came.push(now);
            let of_a_day = came.iter().filter(|time| now < time.plus_us(DAY_US)).count();
            assert!(sum.0.len() <= 25 && usize::try_from(sum.total(now)).unwrap() >= of_a_day, "{now}");
        }
    }
}
