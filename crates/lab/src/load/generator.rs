//! The loop: sends what is due on connections that are free, reads what came, counts. Must not know what requests say.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use model::Time;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::requests::Requests;
use super::{LoadError, LoadOptions, LoadReport};
use crate::http::{Answer, HttpError, Target, connect};
use crate::latency::{Latency, Times, now};

/// How long answers may take once nothing more is sent.
const DRAIN_WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest wait without looking at the clock and at the request to stop.
const LOOK_UP: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 16 << 10;
/// Connections that break in a row, without one answer in between, before the run gives up.
const BROKEN_MAX: u32 = 1_000;

pub(super) struct Load<'a> {
    target: &'a Target,
    options: &'a LoadOptions,
    epoll: std::os::fd::OwnedFd,
    connections: Vec<Connection>,
    /// Places of connections that wait for nothing.
    free: Vec<usize>,
    requests: Requests,
    stamp: Stamp,
    times: Times,
    report: LoadReport,
    /// Answers that were decisions by verdict, in the order of [`engine::Verdict::ALL`].
    decisions: [u64; 4],
    /// What the first refusal said.
    refused: Option<(u16, String)>,
    broken_in_a_row: u32,
}

struct Connection {
    stream: TcpStream,
    /// From when the latency of the request under way counts.
    since: Option<Instant>,
    /// What came of its answer.
    bytes: Vec<u8>,
}

/// The time as events tell it, made anew once a millisecond.
struct Stamp {
    at: Instant,
    text: String,
    /// How far events are behind the present at the beginning, and the beginning.
    behind: Duration,
    begun: Instant,
    pace: u32,
}

impl Stamp {
    fn new(begun: Instant, options: &LoadOptions) -> Self {
        let behind =
            Duration::from_secs(options.seconds.into()).saturating_mul(options.pace.saturating_sub(1));
        let mut stamp = Self { at: begun, text: String::new(), behind, begun, pace: options.pace };
        stamp.renew(begun);
        stamp
    }

    fn renew(&mut self, at: Instant) {
        #[expect(
            clippy::disallowed_methods,
            reason = "events tell when they happen: now, if they keep pace with it"
        )]
        let now = jiff::Timestamp::now();
        let caught_up = at.saturating_duration_since(self.begun).saturating_mul(self.pace.saturating_sub(1));
        let behind = self.behind.saturating_sub(caught_up);
        let behind_us = i64::try_from(behind.as_micros()).unwrap_or(i64::MAX);
        let time = Time::from_timestamp(now).unwrap_or(Time::MIN).plus_us(behind_us.saturating_neg());
        (self.at, self.text) = (at, time.to_string());
    }
}

impl<'a> Load<'a> {
    pub(super) fn begin(target: &'a Target, key: &str, options: &'a LoadOptions) -> Result<Self, LoadError> {
        let begun = now();
        #[expect(clippy::disallowed_methods, reason = "tells this run's identifiers from those of others")]
        let run =
            jiff::Timestamp::now().as_microsecond().unsigned_abs() ^ (u64::from(std::process::id()) << 48);
        let mut load = Self {
            target,
            options,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)
                .map_err(|error| LoadError::Wait(error.into()))?,
            connections: Vec::new(),
            free: Vec::new(),
            requests: Requests::new(target, key, run, options.customers),
            stamp: Stamp::new(begun, options),
            times: Times::new()?,
            report: LoadReport::default(),
            decisions: [0; 4],
            refused: None,
            broken_in_a_row: 0,
        };
        for place in 0..usize::try_from(options.connections).unwrap_or(1) {
            let connection = load.connect(place)?;
            load.connections.push(connection);
            load.free.push(place);
        }
        Ok(load)
    }

    fn connect(&self, place: usize) -> Result<Connection, LoadError> {
        let host = || self.target.host.clone();
        let stream = connect(self.target).map_err(|source| LoadError::Connect { host: host(), source })?;
        stream.set_nonblocking(true).map_err(LoadError::Wait)?;
        let data = epoll::EventData::new_u64(u64::try_from(place).unwrap_or(0));
        epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)
            .map_err(|error| LoadError::Wait(error.into()))?;
        Ok(Connection { stream, since: None, bytes: Vec::with_capacity(READ_BYTES) })
    }

    pub(super) fn run(&mut self, watch: &history::Watch) -> Result<(), LoadError> {
        let begun = now();
        let end = begun + Duration::from_secs(self.options.seconds.into());
        let mut events = Vec::with_capacity(self.connections.len().max(1));
        let mut told = 0;
        loop {
            let time = now();
            self.report.stopped |= watch.check().is_err();
            watch.advance(
                self.report.answered.saturating_sub(std::mem::replace(&mut told, self.report.answered)),
            );
            let sending = time < end && self.report.sent < self.options.requests && !self.report.stopped;
            let next_due = if sending { self.send_due(begun, time)? } else { None };
            let waiting = self.free.len() < self.connections.len();
            if !sending && (!waiting || time > end + DRAIN_WAIT_MAX || self.report.stopped) {
                self.finish(begun, end.min(time), time);
                return Ok(());
            }
            let wait = next_due.map_or(LOOK_UP, |due| due.saturating_duration_since(time)).min(LOOK_UP);
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timespec(wait))) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(LoadError::Wait(error.into())),
            }
            for event in &events {
                // Copied out: the system's structure is packed.
                let data = event.data;
                self.receive(usize::try_from(data.u64()).unwrap_or(usize::MAX))?;
            }
        }
    }

    /// When request `number` is due; `None` flat out.
    fn due(&self, begun: Instant, number: u64) -> Option<Instant> {
        let rate = u64::from(self.options.rate?);
        let nanoseconds = number.saturating_mul(1_000_000_000) / rate;
        Some(begun + Duration::from_nanos(nanoseconds))
    }

    /// Sends what is due while there are free connections. Gives when the next is due.
    fn send_due(&mut self, begun: Instant, time: Instant) -> Result<Option<Instant>, LoadError> {
        if time.saturating_duration_since(self.stamp.at) >= Duration::from_millis(1) {
            self.stamp.renew(time);
        }
        while self.report.sent < self.options.requests {
            let due = self.due(begun, self.report.sent);
            if due.is_some_and(|due| due > time) {
                return Ok(due);
            }
            let Some(place) = self.free.pop() else { return Ok(None) };
            self.send(place, due)?;
        }
        Ok(None)
    }

    fn send(&mut self, place: usize, due: Option<Instant>) -> Result<(), LoadError> {
        let request = self.requests.next(self.stamp.text.as_bytes());
        let Some(connection) = self.connections.get_mut(place) else { return Ok(()) };
        self.report.sent = self.report.sent.saturating_add(1);
        connection.since = Some(due.unwrap_or_else(now));
        // A request is smaller than any socket's buffer, and nothing else is in it.
        match connection.stream.write(request) {
            Ok(written) if written == request.len() => Ok(()),
            _ => self.broken(place),
        }
    }

    /// Reads what came, and sends the next request at once when flat out.
    fn receive(&mut self, place: usize) -> Result<(), LoadError> {
        let Some(connection) = self.connections.get_mut(place) else { return Ok(()) };
        connection.bytes.reserve(READ_BYTES);
        match rustix::io::read(&connection.stream, spare_capacity(&mut connection.bytes)) {
            Ok(0) => return self.broken(place),
            Ok(_) => {}
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(()),
            Err(_) => return self.broken(place),
        }
        let Some(answer) = Answer::read(&connection.bytes)? else { return Ok(()) };
        let Some(since) = connection.since.take() else {
            return Err(HttpError::Foreign("an answer that nobody asked for".to_owned()).into());
        };
        self.times.count(now().saturating_duration_since(since));
        self.report.answered = self.report.answered.saturating_add(1);
        let count = self.report.statuses.entry(answer.status).or_default();
        *count = count.saturating_add(1);
        if answer.status == 200 {
            if let Some(count) = verdict(&answer.body).and_then(|place| self.decisions.get_mut(place)) {
                *count = count.saturating_add(1);
            }
        } else if self.refused.is_none() {
            let detail: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
            if matches!(answer.status, 401 | 403) {
                // The key will not get better by asking again.
                return Err(LoadError::Refused { status: answer.status, detail });
            }
            self.refused = Some((answer.status, detail));
        }
        let closes = answer.closes;
        connection.bytes.clear();
        self.broken_in_a_row = 0;
        if closes {
            return self.renew(place);
        }
        self.free.push(place);
        Ok(())
    }

    /// A connection broke: its request is lost, another connection takes its place.
    fn broken(&mut self, place: usize) -> Result<(), LoadError> {
        let asked =
            self.connections.get_mut(place).is_some_and(|connection| connection.since.take().is_some());
        if asked {
            self.report.lost = self.report.lost.saturating_add(1);
        } else {
            self.free.retain(|free| *free != place);
        }
        self.broken_in_a_row = self.broken_in_a_row.saturating_add(1);
        if self.broken_in_a_row > BROKEN_MAX {
            let problem = "connections keep breaking before they are answered";
            return Err(HttpError::Foreign(problem.to_owned()).into());
        }
        self.renew(place)
    }

    fn renew(&mut self, place: usize) -> Result<(), LoadError> {
        let fresh = self.connect(place)?;
        if let Some(connection) = self.connections.get_mut(place) {
            // The old stream is closed by being dropped, which takes it out of epoll.
            *connection = fresh;
            self.free.push(place);
        }
        Ok(())
    }

    fn finish(&mut self, begun: Instant, sent_until: Instant, time: Instant) {
        let report = &mut self.report;
        let waiting = self.connections.iter().filter(|connection| connection.since.is_some()).count();
        report.lost = report.lost.saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX));
        if let Some(rate) = self.options.rate {
            let elapsed = sent_until.saturating_duration_since(begun).as_nanos();
            let due = elapsed.saturating_mul(u128::from(rate)).div_ceil(1_000_000_000);
            let due = u64::try_from(due).unwrap_or(u64::MAX).min(self.options.requests);
            report.not_sent = due.saturating_sub(report.sent);
        }
        report.seconds = time.saturating_duration_since(begun).as_secs_f64();
        report.per_second =
            f64::from(u32::try_from(report.answered).unwrap_or(u32::MAX)) / report.seconds.max(1e-9);
        report.latency = Latency::of(&self.times);
        for (verdict, count) in engine::Verdict::ALL.iter().zip(self.decisions) {
            report.decisions.insert(verdict.as_str().to_owned(), count);
        }
    }

    /// What was found; an error if nothing was decided at all, because then nothing was measured.
    pub(super) fn into_report(self) -> Result<LoadReport, LoadError> {
        match self.refused {
            Some((status, detail)) if !self.report.statuses.contains_key(&200) => {
                Err(LoadError::Refused { status, detail })
            }
            _ => Ok(self.report),
        }
    }
}

fn timespec(wait: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    }
}

/// The place of an answer's decision in [`engine::Verdict::ALL`], looked for where it stands in every answer.
fn verdict(body: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = b"\"decision\":\"";
    let found = memchr::memmem::find(body, BEFORE)?;
    let word = body.get(found.saturating_add(BEFORE.len())..)?;
    let word = word.get(..memchr::memchr(b'"', word)?)?;
    engine::Verdict::ALL.iter().position(|verdict| verdict.as_str().as_bytes() == word)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Time;

    use super::{LoadOptions, Stamp};
    use crate::latency::now;

    #[test]
    fn events_of_a_day_come_to_the_present_in_ten_seconds() {
        let begun = now();
        let options = LoadOptions { seconds: 10, pace: 8_640, ..LoadOptions::default() };
        let mut stamp = Stamp::new(begun, &options);
        let time = |stamp: &Stamp| stamp.text.parse::<Time>().unwrap().as_us();
        let first = time(&stamp);
        stamp.renew(begun + Duration::from_secs(5));
        let middle = time(&stamp) - first;
        stamp.renew(begun + Duration::from_secs(20));
        let last = time(&stamp) - first;
        // The clock itself goes on meanwhile: allow it a minute.
        let about = |us: i64, seconds: i64| (us / 1_000_000 - seconds).abs() < 60;
        assert!(about(middle, 43_195) && about(last, 86_390), "{middle} {last}");
    }
}
