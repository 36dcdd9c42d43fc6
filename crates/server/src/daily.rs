//! The re-examination of every day: procedures of the last days against a year of history, with what is known today. Who
//! runs it asks [`Daily`] whether it is due, and the sweeps do it. Must not know HTTP.
//!
//! A decision is made with what was known at that moment. A day later more is: what else came from the address, whose accounts it
//! tried, whether the money left. au Kabucom compared every withdrawal this way, every day, from September 2020 on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use model::time::DAY_US;
use model::{EventKind, Time};

use crate::jobs::{JobError, JobState};
use crate::log::{Level, line, with_sources, write};
use crate::sequencer::Clock;
use crate::sweeps::{Source, Sweep, SweepError, SweepRequest, Sweeps};

/// Every procedure is examined on this many days: what a day later shows is still seen.
const EXAMINED_DAYS: i64 = 2;
/// What was not examined for longer than this, because the server did not run, is left to sweeps asked for by hand.
const BEHIND_DAYS_MAX: i64 = 14;
/// Days for which results are kept.
const KEPT_DAYS: i64 = 90;
/// Days to look back from the earliest procedure.
const WINDOW_DAYS: u16 = 365;
/// Who asks. Keys cannot be named so.
const BY: &str = "(daily)";
/// How often it is looked whether it is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long to wait after it could not be asked for.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// When.
#[derive(Debug, Clone)]
pub struct Daily {
    at: civil::Time,
    zone: TimeZone,
}

impl Daily {
    /// Every day at this time of the day, in this zone; none if there is no such time. Where a clock change leaves it out,
    /// right after.
    #[must_use]
    pub fn at(hour: i8, minute: i8, zone: TimeZone) -> Option<Self> {
        Some(Self { at: civil::Time::new(hour, minute, 0, 0).ok()?, zone })
    }

    /// The last moment at which it was due, up to `now`.
    fn due_before(&self, now: Time) -> Option<Time> {
        let now = Timestamp::from_microsecond(now.as_us()).ok()?;
        let today = now.to_zoned(self.zone.clone()).date();
        [Some(today), today.yesterday().ok()].into_iter().flatten().find_map(|day| {
            let due = day.to_datetime(self.at).to_zoned(self.zone.clone()).ok()?.timestamp();
            if due <= now { Time::from_timestamp(due).ok() } else { None }
        })
    }

    /// Asks for it whenever it is due. `began` is when the server did: what was due before is done only if it was done before.
    pub(crate) async fn run(self, sweeps: Arc<Sweeps>, clock: Clock) {
        let began = clock();
        let (history, mut told) = (sweeps.work().data.join(crate::serve::HISTORY), None);
        loop {
            let now = clock();
            let last = last_asked(&sweeps).unwrap_or(began);
            let due = self.due_before(now).filter(|due| *due > last);
            let asked = if due.is_some() { ask(&sweeps, now).await.map(drop) } else { Ok(()) };
            tokio::time::sleep(match asked {
                Ok(()) => LOOK_EVERY,
                // A server that has not seen anything yet. Said once a day; it may come at any time.
                Err(SweepError::History(why)) if matches!(history.try_exists(), Ok(false)) => {
                    if told != due {
                        write(Level::Info, "daily.nothing", &serde_json::json!({ "detail": why }));
                        told = due;
                    }
                    RETRY
                }
                Err(error) => {
                    line("daily.failed", &with_sources(&error));
                    RETRY
                }
            })
            .await;
        }
    }
}

/// When it was asked for last.
fn last_asked(sweeps: &Sweeps) -> Option<Time> {
    sweeps.list().iter().find(|sweep| sweep.about.daily_since.is_some()).map(|sweep| sweep.at)
}

/// Asks for it now.
///
/// # Errors
/// There is no history yet, too many sweeps wait, or the request cannot be kept.
pub(crate) async fn ask(sweeps: &Arc<Sweeps>, now: Time) -> Result<u32, SweepError> {
    let sweeps = Arc::clone(sweeps);
    let asking = tokio::task::spawn_blocking(move || {
        let before = now.plus_us((KEPT_DAYS * DAY_US).saturating_neg());
        let is_old = |sweep: &Sweep| sweep.about.daily_since.is_some() && sweep.at < before;
        sweeps.forget(is_old);
        let done = sweeps
            .list()
            .into_iter()
            .find(|sweep| sweep.about.daily_since.is_some() && sweep.state == JobState::Done);
        sweeps.ask(&request(now, done.map(|sweep| sweep.at)))
    });
    asking.await.unwrap_or_else(|_panic| {
        Err(JobError::Io(std::io::Error::other("asking for it ended unexpectedly")).into())
    })
}

/// What is examined `now`, if what was known at `done` was examined before.
fn request(now: Time, done: Option<Time>) -> SweepRequest {
    let days = |days: i64| days.saturating_mul(DAY_US).saturating_neg();
    let since =
        done.unwrap_or(now).min(now).plus_us(days(EXAMINED_DAYS)).max(now.plus_us(days(BEHIND_DAYS_MAX)));
    SweepRequest {
        at: now,
        by: BY.to_owned(),
        procedures: Vec::new(),
        kinds: EventKind::ALL.iter().copied().filter(|kind| kind.is_procedure()).collect(),
        since: Some(since),
        until: Some(now),
        window_days: WINDOW_DAYS,
        history: PathBuf::from(crate::serve::HISTORY),
        unmask: false,
        daily: true,
        source: Source::History,
        rest_of: None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use model::{EventKind, Time};

    use super::{Daily, request};

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_due_once_a_day_by_the_clock_on_the_wall() {
        let daily = Daily::at(4, 30, TimeZone::fixed(Offset::constant(9))).unwrap();
        for (now, due) in [
            ("2026-11-22T04:29:59+09:00", "2026-11-21T04:30:00+09:00"),
            ("2026-11-22T04:30:00+09:00", "2026-11-22T04:30:00+09:00"),
            ("2026-11-22T23:00:00+09:00", "2026-11-22T04:30:00+09:00"),
            ("2026-11-23T00:10:00+09:00", "2026-11-22T04:30:00+09:00"),
        ] {
            assert_eq!(daily.due_before(time(now)), Some(time(due)), "{now}");
        }
    }

    #[test]
    fn every_procedure_is_examined_twice_and_none_is_left_out_after_a_pause() {
        let now = time("2026-11-22T04:30:00+09:00");
        for (done, since) in [
            (None, "2026-11-20T04:30:00+09:00"),
            (Some("2026-11-21T04:30:00+09:00"), "2026-11-19T04:30:00+09:00"),
            (Some("2026-11-15T04:30:00+09:00"), "2026-11-13T04:30:00+09:00"),
            (Some("2026-01-01T00:00:00+09:00"), "2026-11-08T04:30:00+09:00"),
        ] {
            let asked = request(now, done.map(time));
            assert_eq!((asked.since, asked.until), (Some(time(since)), Some(now)), "{done:?}");
            assert!(asked.kinds.contains(&EventKind::Withdrawal) && !asked.kinds.contains(&EventKind::Login));
        }
    }
}
