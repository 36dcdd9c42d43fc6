//! What strangers with something in common did lately: the cells out of which campaigns are recognised. Must not know what
//! they have in common, nor what is done about it.
//!
//! A table of fixed size: clusters stand in [`BUCKETS`] buckets of at most [`BUCKET_CLUSTERS`]; in a full one the cluster touched
//! longest ago makes room, one of a campaign three days later. 131,072 clusters of 144 bytes are 19 MB at most.

use model::Time;
use model::time::{DAY_US, HOUR_US};
use serde::{Deserialize, Serialize};

use super::customer::seconds;
use crate::decayed::fallen;
use crate::facet::Facet;

/// Buckets of the table.
pub const BUCKETS: u32 = 16_384;
/// Clusters of a bucket at most.
pub const BUCKET_CLUSTERS: usize = 8;
/// How much longer than others a cluster of a campaign stays in a full bucket.
const CAMPAIGN_KEPT_US: i64 = 3 * DAY_US;
/// Names kept of a cluster, so that one customer who tries again is one.
const NAMES: usize = 12;
/// Addresses kept of a cluster, to see that there are several.
const ADDRESSES: usize = 4;
/// How exactly it is known when a name was counted.
const STEP_US: i64 = HOUR_US / 6;
/// Parts of one.
const ONE: u32 = 1 << 10;
const WEEK_US: i64 = 4 * DAY_US;
const MONTH_US: i64 = 30 * DAY_US;
/// How long a count remembers a steady flow, hours: twice the half-life, because it falls in straight lines and often.
const MONTH_HOURS: f64 = 1_440.0;
const WEEK_HOURS: f64 = 192.0;
const HOUR_WINDOW: f64 = 2.0;
/// A cluster of many must have been watched for so long before what is usual is known.
const WATCHED_HOURS_MIN: f64 = 7.0 * 24.0;
const DAY_WINDOW: f64 = 48.0;

/// Visits of strangers, all and those that failed, with one half-life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Visits {
    all: u32,
    failed: u32,
}

impl Visits {
    fn after(self, passed_us: i64, half_life_us: i64) -> Self {
        let left =
            |parts: u32| u32::try_from(fallen(u64::from(parts), passed_us, half_life_us)).unwrap_or(u32::MAX);
        Self { all: left(self.all), failed: left(self.failed) }
    }

    fn add(&mut self, failed: bool) {
        self.all = self.all.saturating_add(ONE);
        self.failed = self.failed.saturating_add(if failed { ONE } else { 0 });
    }

    const fn done(self) -> u32 {
        self.all.saturating_sub(self.failed)
    }

    /// One that failed so long ago did not fail after all.
    fn forgive(&mut self, passed_us: i64, half_life_us: i64) {
        let left = Self { all: 0, failed: ONE }.after(passed_us, half_life_us);
        self.failed = self.failed.saturating_sub(left.failed);
    }
}

/// How soon something became visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Within hours.
    Fast,
    /// Over a day and more.
    Slow,
}

/// What strangers with something in common did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// What they have in common, hashed; 0 for none.
    key: u64,
    /// When the counts were true, microseconds since 1970.
    at_us: i64,
    /// Half-life one hour.
    hour: Visits,
    /// Half-life one day.
    day: Visits,
    /// Half-life 30 days: what is usual.
    month: Visits,
    /// Of these, with half-life four days: they are not yet what is usual.
    week: Visits,
    /// First, seconds since 1970.
    first_s: u32,
    /// Names tried last, the lowest bit set where it failed.
    names: [u32; NAMES],
    /// When each of them was counted, in steps since 1970, the lowest 16 bits: they come again after 455 days.
    steps: [u16; NAMES],
    /// Addresses seen last.
    addresses: [u32; ADDRESSES],
    /// The campaign it belongs to, whether on or over; 0 for none.
    pub campaign: u32,
}

impl Cluster {
    /// Notes a visit. Says whether it is another that failed.
    pub fn note(&mut self, time: Time, failed: bool, (name, address): (u32, u32)) -> bool {
        if self.first_s == 0 {
            self.first_s = seconds(time);
        }
        self.decay(time);
        // After a quiet day what came before has nothing to do with it.
        if self.day.all < ONE / 4 {
            self.addresses = [0; ADDRESSES];
        }
        if !self.addresses.contains(&address) {
            self.addresses.rotate_left(1);
            let [.., last] = &mut self.addresses;
            *last = address;
        }
        let (as_failed, as_done) = (name | 1, name & !1);
        let known = self.names.iter_mut().zip(self.steps).find(|(known, _)| **known | 1 == as_failed);
        if let Some((known, counted)) = known {
            // Who found the password in the end only forgot it, or guessed well: not one that failed.
            if *known == as_failed && !failed {
                *known = as_done;
                let passed = self.since(counted);
                self.hour.forgive(passed, HOUR_US);
                self.day.forgive(passed, DAY_US);
                self.month.forgive(passed, MONTH_US);
                self.week.forgive(passed, WEEK_US);
            }
            return false;
        }
        self.names.rotate_left(1);
        let [.., last] = &mut self.names;
        *last = if failed { as_failed } else { as_done };
        self.steps.rotate_left(1);
        let [.., last] = &mut self.steps;
        *last = step(self.at_us);
        self.hour.add(failed);
        self.day.add(failed);
        self.month.add(failed);
        self.week.add(failed);
        failed
    }

    /// How long ago something was counted, as far as the steps say.
    fn since(&self, counted: u16) -> i64 {
        i64::from(step(self.at_us).wrapping_sub(counted)).saturating_mul(STEP_US)
    }

    fn decay(&mut self, time: Time) {
        let at_us = time.as_us().max(self.at_us);
        let passed = at_us.saturating_sub(self.at_us);
        self.hour = self.hour.after(passed, HOUR_US);
        self.day = self.day.after(passed, DAY_US);
        self.month = self.month.after(passed, MONTH_US);
        self.week = self.week.after(passed, WEEK_US);
        self.at_us = at_us;
    }

    /// Whether strangers fail in numbers that this cluster never saw: at least half of all, from several addresses, and of
    /// more than usual so many that chance does not explain it (usual λ in the same time: λ + 4√λ + 4.5, within hours of what is seldom
    /// at all two less).
    #[must_use]
    pub fn is_attack(&self, facet: Facet) -> Option<Pace> {
        let hours = self.age_hours();
        if self.addresses.iter().filter(|address| **address != 0).count() < 2
            || (facet.is_broad() && hours < WATCHED_HOURS_MIN)
        {
            return None;
        }
        let stands_out = |visits: Visits, window_hours: f64, least: f64| {
            let (failed, usual) = (count(visits.failed), self.usually_failed(window_hours, hours));
            failed * 2.0 >= count(visits.all) && failed >= usual + 4.0 * usual.sqrt() + least
        };
        if stands_out(self.hour, HOUR_WINDOW, if facet.is_seldom() { 2.5 } else { 4.5 }) {
            return Some(Pace::Fast);
        }
        stands_out(self.day, DAY_WINDOW, 4.5).then_some(Pace::Slow)
    }

    /// Whether strangers fail here so much that beside an attack it is a part of it: two thirds of all, and more than usual.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let (failed, usual) = (count(self.day.failed), self.usually_failed(DAY_WINDOW, self.age_hours()));
        failed * 3.0 >= count(self.day.all) * 2.0 && failed >= usual + 2.0 * usual.sqrt() + 2.5
    }

    /// Whether more strangers than usual got in: where as many as always do, those who did are the customers who always come.
    #[must_use]
    pub fn is_entered(&self, time: Time) -> bool {
        let mut now = *self;
        now.decay(time);
        let before = (count(now.month.done()) - count(now.week.done())).max(0.0);
        let usual = usual(before, DAY_WINDOW, now.age_hours());
        count(now.day.done()) >= usual + 2.0 * usual.sqrt() + 0.5
    }

    /// How many fail in a window of hours as a rule, by what came more than some days before.
    fn usually_failed(&self, window_hours: f64, age_hours: f64) -> f64 {
        let before = (count(self.month.failed) - count(self.week.failed)).max(0.0);
        usual(before, window_hours, age_hours)
    }

    /// When it was first seen, if any name did well within about a month.
    #[must_use]
    pub fn entered_since(&self) -> Option<Time> {
        (count(self.month.done()) >= 0.5)
            .then(|| Time::from_us(super::customer::as_us(self.first_s)))
            .flatten()
    }

    /// How many names failed within about a day.
    #[must_use]
    pub fn failed_lately(&self) -> f64 {
        count(self.day.failed)
    }

    /// Since it was first seen.
    fn age_hours(&self) -> f64 {
        let age_us = self.at_us.saturating_sub(super::customer::as_us(self.first_s)).max(0);
        f64::from(u32::try_from(age_us / HOUR_US).unwrap_or(u32::MAX))
    }

    /// Whether by now so many fail here that another who comes is of the attack: one who fails where half of all do, one who does well
    /// where two thirds fail. Of a single address it is enough that somebody failed within about a month: slow attacks come back.
    #[must_use]
    pub fn takes(&self, time: Time, failed: bool, is_address: bool) -> bool {
        let mut now = *self;
        now.decay(time);
        if is_address {
            let (bad, all) = (count(now.month.failed), count(now.month.all));
            return bad >= 0.5 && bad * 2.0 >= all;
        }
        let (bad, all) = (count(now.day.failed), count(now.day.all));
        let usual = now.usually_failed(DAY_WINDOW, now.age_hours());
        let times = if failed { 2.0 } else { 1.5 };
        bad * times >= all && bad >= usual + 2.0 * usual.sqrt() + 2.5
    }

    /// How many other names than this one failed over about a day, where those are more than usual and it has been watched for long
    /// enough to know: λ + 2√λ + 0.5. Else 0.
    #[must_use]
    pub fn unusual(&self, time: Time, name: u32) -> f64 {
        let mut now = *self;
        now.decay(time);
        let (hours, (_, failed)) = (now.age_hours(), now.lately(time, name));
        let usual = now.usually_failed(DAY_WINDOW, hours);
        if hours >= WATCHED_HOURS_MIN && failed >= usual + 2.0 * usual.sqrt() + 0.5 { failed } else { 0.0 }
    }

    /// How many other names than this one came over about a day, where those are more than usual: λ + 2√λ + 0.5. Else 0.
    #[must_use]
    pub fn rush(&self, time: Time, name: u32) -> f64 {
        let mut now = *self;
        now.decay(time);
        let (all, _) = now.lately(time, name);
        let before = (count(now.month.all) - count(now.week.all)).max(0.0);
        let usual = usual(before, DAY_WINDOW, now.age_hours());
        if all >= usual + 2.0 * usual.sqrt() + 0.5 { all } else { 0.0 }
    }

    /// Visits, and those that failed, over about a day, without this name's.
    #[must_use]
    pub fn lately(&self, time: Time, name: u32) -> (f64, f64) {
        let passed = time.as_us().saturating_sub(self.at_us).max(0);
        let mut day = self.day;
        if let Some((known, counted)) =
            self.names.iter().zip(self.steps).find(|(known, _)| **known | 1 == name | 1)
        {
            let own = Visits { all: ONE, failed: if known & 1 == 1 { ONE } else { 0 } };
            let own = own.after(self.since(counted), DAY_US);
            day.all = day.all.saturating_sub(own.all);
            day.failed = day.failed.saturating_sub(own.failed);
        }
        let day = day.after(passed, DAY_US);
        (count(day.all), count(day.failed))
    }
}

/// How many hours of a steady flow a count holds that remembers so many and is so old: m(1 − e^(−age/m)), by Padé's fraction up
/// to three times m, in products and quotients alone.
fn remembered(age_hours: f64, hours: f64) -> f64 {
    let x = (age_hours / hours).min(3.0);
    hours * x / (1.0 + x / 2.0 + x * x / 12.0)
}

/// How many come in a window of hours where so many came before the last days.
fn usual(before: f64, window_hours: f64, age_hours: f64) -> f64 {
    let hours = remembered(age_hours, MONTH_HOURS) - remembered(age_hours, WEEK_HOURS);
    before * window_hours / hours.max(window_hours)
}

/// Steps since 1970, the lowest 16 bits.
fn step(at_us: i64) -> u16 {
    u16::try_from((at_us / STEP_US).rem_euclid(1 << 16)).unwrap_or(0)
}

fn count(parts: u32) -> f64 {
    f64::from(parts) / f64::from(ONE)
}

/// The clusters of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket(Vec<Cluster>);

impl Bucket {
    /// Which bucket a cluster stands in.
    #[must_use]
    pub fn of(key: u64) -> u32 {
        u32::try_from(key % u64::from(BUCKETS)).unwrap_or(0)
    }

    /// A cluster.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&Cluster> {
        self.0.iter().find(|cluster| cluster.key == key)
    }

    /// A cluster to change, made if there is none.
    pub fn touch(&mut self, key: u64) -> Option<&mut Cluster> {
        let known = self.0.iter().position(|cluster| cluster.key == key);
        let place = match known {
            Some(place) => place,
            None if self.0.len() < BUCKET_CLUSTERS => {
                self.0.push(Cluster { key, ..Cluster::default() });
                self.0.len().saturating_sub(1)
            }
            None => {
                let kept_us = |known: &Cluster| {
                    known.at_us.saturating_add(if known.campaign == 0 { 0 } else { CAMPAIGN_KEPT_US })
                };
                let oldest = (0..).zip(&self.0).min_by_key(|(_, known)| kept_us(known));
                let place = oldest.map_or(0, |(place, _)| place);
                if let Some(cluster) = self.0.get_mut(place) {
                    *cluster = Cluster { key, ..Cluster::default() };
                }
                place
            }
        };
        self.0.get_mut(place)
    }

    /// Bytes on the heap.
    pub(crate) const fn heap_bytes(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<Cluster>())
    }
}

#[cfg(test)]
mod tests {
    use model::Time;
    use model::time::{DAY_US, HOUR_US};

    use super::{BUCKET_CLUSTERS, Bucket, Cluster, Pace, count};
    use crate::facet::Facet;

    fn at(hours: i64) -> Time {
        Time::from_us(500_000 * HOUR_US + hours * HOUR_US).unwrap()
    }

    /// So many visits within an hour, of which so many fail, each with another name, from two addresses.
    fn visits(cluster: &mut Cluster, hours: i64, all: u32, failed: u32) -> Option<Pace> {
        let mut named = None;
        for number in 0..all {
            let name = u32::try_from(hours).unwrap().wrapping_mul(7_919).wrapping_add(number) * 2 + 2;
            cluster.note(at(hours), number < failed, (name, number % 2 + 1));
            named = named.or(cluster.is_attack(Facet::Network));
        }
        named
    }

    #[test]
    fn few_names_are_enough_where_nothing_ever_failed() {
        assert_eq!(visits(&mut Cluster::default(), 0, 4, 4), None);
        assert_eq!(visits(&mut Cluster::default(), 0, 5, 5), Some(Pace::Fast));
        assert_eq!(visits(&mut Cluster::default(), 0, 40, 4), None);
        let (mut seldom, mut old) = (Cluster::default(), Cluster::default());
        visits(&mut seldom, 0, 3, 3);
        assert_eq!(seldom.is_attack(Facet::Country), Some(Pace::Fast), "two names less");
        // One address yesterday a week ago, and another today.
        old.note(at(0), true, (4, 9));
        for name in 10..20 {
            old.note(at(24 * 8), true, (name * 2, 1));
        }
        assert_eq!(old.is_attack(Facet::Network), None, "one address a week is one address");
    }

    /// A popular browser: a tenth of the strangers who use it fail, hundreds a day, and today twice as many come.
    #[test]
    fn what_always_fails_now_and_then_is_no_attack() {
        let mut cluster = Cluster::default();
        for hour in 0..24 * 60 {
            let busy = if hour > 24 * 58 { 2 } else { 1 };
            assert_eq!(visits(&mut cluster, hour, 40 * busy, 4 * busy), None, "{hour}");
        }
        let mut always = Cluster::default();
        for hour in 0..24 * 60 {
            visits(&mut always, hour, 2, 2);
        }
        assert_eq!(visits(&mut always, 24 * 60, 4, 4), None, "a program that always fails, as usual");
        assert_eq!(visits(&mut always, 24 * 60 + 12, 30, 30), Some(Pace::Fast), "and far more than usual");
    }

    #[test]
    fn two_tries_an_hour_are_seen_within_half_a_day() {
        let mut cluster = Cluster::default();
        let named = (0..24 * 4).find_map(|hour| visits(&mut cluster, hour, 2, 2).map(|pace| (hour, pace)));
        assert!(named.is_some_and(|(hour, pace)| hour < 12 && pace == Pace::Slow), "{named:?}");
    }

    #[test]
    fn one_name_and_one_address_are_no_attack() {
        let mut cluster = Cluster::default();
        for _try in 0..50 {
            cluster.note(at(0), true, (8, 1));
        }
        assert_eq!(cluster.lately(at(0), 9_998), (1.0, 1.0));
        assert_eq!(cluster.lately(at(0), 8), (0.0, 0.0));
        for name in 10..60 {
            cluster.note(at(0), true, (name * 2, 1));
        }
        assert_eq!(cluster.is_attack(Facet::Network), None, "one address");
        cluster.note(at(0), false, (118, 2));
        let by = |facet: Facet| cluster.is_attack(facet).is_some();
        assert!(by(Facet::Network) && !by(Facet::Rented));
        let (all, failed) = cluster.lately(Time::from_us(at(0).as_us() + DAY_US).unwrap(), 9_998);
        assert_eq!((all * 2.0, failed * 2.0), (51.0, 50.0), "who found the password did not fail");
    }

    /// Who came a while ago takes off what is left of that visit, not a whole one.
    #[test]
    fn ones_own_visit_counts_for_nobody_however_old() {
        let mut cluster = Cluster::default();
        cluster.note(at(0), true, (8, 1));
        visits(&mut cluster, 48, 3, 3);
        let (all, failed) = cluster.lately(at(48), 8);
        assert_eq!((all.round(), failed.round()), (3.0, 3.0));
        assert!(all >= 3.0 && cluster.rush(at(48), 8) >= 3.0, "three others, and no less than three: {all}");
        let (all, _) = cluster.lately(at(24 * 40), 8);
        assert!(all < 0.01, "{all}");
        // Nor does who failed two days ago and gets in now rub out that somebody else failed just now.
        let mut failing = Cluster::default();
        failing.note(at(0), true, (8, 1));
        visits(&mut failing, 48, 3, 3);
        failing.note(at(48), false, (8, 1));
        assert_eq!(count(failing.hour.failed).round(), 3.0);
    }

    #[test]
    fn what_is_unusual_is_known_after_a_week() {
        let mut cluster = Cluster::default();
        visits(&mut cluster, 0, 1, 1);
        assert_eq!(cluster.unusual(at(0), 8), 0.0, "never watched");
        visits(&mut cluster, 24 * 9, 3, 3);
        assert_eq!(cluster.unusual(at(24 * 9), 8).round(), 3.0);
        let mut busy = Cluster::default();
        for day in 0..60 {
            visits(&mut busy, day * 24, 5, 3);
        }
        assert_eq!(busy.unusual(at(24 * 60), 8), 0.0, "as many as ever");
    }

    #[test]
    fn a_full_bucket_forgets_what_is_old_and_no_campaign() {
        let mut bucket = Bucket::default();
        for key in 0..8 {
            bucket.touch(key + 100).unwrap().note(at(i64::try_from(key).unwrap()), true, (2, 1));
        }
        bucket.touch(100).unwrap().campaign = 1;
        bucket.touch(200).unwrap().note(at(9), true, (2, 1));
        assert!(bucket.get(100).is_some() && bucket.get(101).is_none() && bucket.get(200).is_some());
        assert!(bucket.heap_bytes() <= BUCKET_CLUSTERS * size_of::<Cluster>());
        assert!(size_of::<Cluster>() <= 144);
    }
}
