//! Events of history files in the order of their times, observed as a server would have observed them. One thread reads, decodes
//! and sorts a file while the events of the one before are taken. Must not know what is done with them.
//!
//! Files are read in the order of their first times; what is held is only what overlaps with the next. Files of a day each
//! hardly overlap, files clustered by customer all do. Where memory is limited and that would be too much, all files are read
//! a span of time at a time (`spans`), as often as there are spans. Events of one time come in the order of files and rows,
//! so that the same files give the same order.

mod spans;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use engine::Observed;
use engine::input::{Account, Additions, Agent, Place};
use hashbrown::HashMap;
use history::events::{self, Beside, NoEvent, Told};
use history::files::{self, HistoryFile};
use history::{HistoryError, Watch};
use model::time::SECOND_US;
use model::{Address, Event, Time};
use rustc_hash::FxBuildHasher;
use serde::Serialize;

use crate::observe::Observer;
use crate::past::PastError;

/// Events held at most, beside the file that is being read: some 4 GB.
const HELD_MAX: usize = 8_000_000;
/// An event that is held, about.
const HELD_BYTES: usize = 512;
/// Spans of events that are in memory at once: one is taken, one waits, one is being read.
const SPANS: u64 = 3;
/// User agents and addresses remembered at most, each; then they are looked up anew. Where the memory is limited, one of each for
/// so many bytes of it.
const REMEMBERED_MAX: usize = 1 << 20;
const REMEMBERED_BYTES: usize = 2_048;
/// Refused rows listed at most.
const LISTED_MAX: usize = 20;
/// Events between two looks at the request to stop.
const LOOK_EVENTS: u64 = 1 << 14;
/// 2000-01-01T00:00:00Z: what lies before is a clock that was never set.
const EARLIEST_US: i64 = 946_684_800 * SECOND_US;

/// What was fed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fed {
    /// Events.
    pub events: u64,
    /// Rows that are no events.
    pub refused: u64,
    /// The first of them.
    pub refused_listed: Vec<RefusedRow>,
    /// When the first event happened.
    pub first: Option<Time>,
    /// When the last event happened.
    pub last: Option<Time>,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// The file.
    pub file: PathBuf,
    /// Its number in the file, from 1.
    pub row: u64,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

/// An event and its place: time, file, row.
type Item = ((i64, u32, u32), Box<Observed>);

/// What is read at once.
enum Part<'a> {
    /// A file, with its number.
    File(u32, &'a HistoryFile),
    /// What of all files happened in a span.
    Span(RangeInclusive<i64>),
}

/// The events of a part, in order.
#[derive(Default)]
struct Read {
    /// When the first event of this and all further parts happens at the earliest.
    from_us: i64,
    items: Vec<Item>,
    refused: u64,
    listed: Vec<RefusedRow>,
}

/// Files, in the order of their first times.
pub(crate) struct Feed {
    files: Vec<(i64, HistoryFile)>,
    /// Where the memory is limited: how much that is, in bytes.
    bytes_max: Option<usize>,
}

impl Feed {
    /// Opens the files under some paths.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, PastError> {
        let opened = files::open_all(paths)?;
        let from = |file: &HistoryFile| {
            files::time_range(std::slice::from_ref(file)).map_or(i64::MIN, |(first, _)| first)
        };
        let mut files: Vec<(i64, HistoryFile)> = opened.into_iter().map(|file| (from(&file), file)).collect();
        files.sort_by(|(one, first), (other, second)| (one, &first.path).cmp(&(other, &second.path)));
        Ok(Self { files, bytes_max: None })
    }

    /// Holds no more than half of so many bytes, about.
    pub(crate) fn with_memory(self, bytes_max: Option<usize>) -> Self {
        Self { bytes_max, ..self }
    }

    /// Events for which there is room where the memory is limited.
    fn room(&self) -> Option<u64> {
        self.bytes_max.map(|bytes| u64::try_from(bytes / (2 * HELD_BYTES)).unwrap_or(u64::MAX))
    }

    /// What is read at once, each with the time of its first event at the earliest.
    fn parts(&self, watch: &Watch) -> Result<Vec<(i64, Part<'_>)>, PastError> {
        match self.room().filter(|room| spans::held_of_files(&self.files) > *room) {
            None => {
                let files = self.files.iter().zip(0..);
                Ok(files.map(|((from_us, file), number)| (*from_us, Part::File(number, file))).collect())
            }
            Some(room) => {
                let spans = spans::spans(&self.files, (room / SPANS).max(1), watch)?;
                Ok(spans.into_iter().map(|span| (*span.start(), Part::Span(span))).collect())
            }
        }
    }

    /// Gives every event to `take`, in order. Where the observer's files know nothing of an address, what was recorded
    /// with the event counts.
    pub(crate) fn run(
        &self,
        observer: &Observer,
        watch: &Watch,
        mut take: impl FnMut(Box<Observed>) -> Result<(), PastError>,
    ) -> Result<Fed, PastError> {
        watch.expect(self.files.iter().map(|(_, file)| file.rows()).sum());
        std::thread::scope(|scope| {
            // One part waits while one is taken and one is read.
            let (sender, reads) = sync_channel(0);
            let reading = scope.spawn(move || self.read(observer, watch, &sender));
            let fed = self.merge(&reads, watch, &mut take);
            drop(reads);
            let read = reading.join().unwrap_or_else(|_panic| {
                let problem = "reading the history ended unexpectedly".to_owned();
                Err(HistoryError::Usage(problem).into())
            });
            match (fed, read) {
                // What stopped the reader is why there was nothing more to take.
                (Ok(_), Err(error)) => Err(error),
                (fed, _) => fed,
            }
        })
    }

    fn read(&self, observer: &Observer, watch: &Watch, sender: &SyncSender<Read>) -> Result<(), PastError> {
        let remembered_max = self.bytes_max.map_or(REMEMBERED_MAX, |bytes| bytes / REMEMBERED_BYTES);
        let mut observing = Observing {
            observer,
            remembered_max: remembered_max.min(REMEMBERED_MAX),
            agents: HashMap::default(),
            places: HashMap::default(),
        };
        for (from_us, part) in self.parts(watch)? {
            let mut read = Read { from_us, ..Read::default() };
            match part {
                Part::File(number, file) => {
                    read.items.reserve_exact(usize::try_from(file.rows()).unwrap_or(0).min(HELD_MAX));
                    events::read(file, watch, |told| {
                        self.note(told, (number, file), &mut observing, &mut read)
                    })?;
                }
                Part::Span(span) => {
                    for ((_, file), number) in self.files.iter().zip(0..) {
                        let note = |told| self.note(told, (number, file), &mut observing, &mut read);
                        events::read_span(file, &span, watch, note)?;
                    }
                }
            }
            read.items.sort_unstable_by_key(|(place, _)| *place);
            if sender.send(read).is_err() {
                // Whoever takes them has ended, and says why.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Adds a row to what is read.
    fn note(
        &self,
        told: Result<Told, NoEvent>,
        (number, file): (u32, &HistoryFile),
        observing: &mut Observing<'_>,
        read: &mut Read,
    ) -> Result<(), PastError> {
        let (row, problem) = match told {
            Ok(Told { row, event, .. }) if event.time.as_us() < EARLIEST_US => {
                (row, format!("time: came {}; allowed: from 2000-01-01 on", event.time))
            }
            Ok(Told { row, event, beside, .. }) => {
                let place = (event.time.as_us(), number, u32::try_from(row).unwrap_or(u32::MAX));
                let observed = observing.observe(event, beside);
                read.items.extend(observed.map(|observed| (place, Box::new(observed))));
                return self.check(read.items.len());
            }
            Err(NoEvent { row, invalid }) => (row, invalid.to_string()),
        };
        read.refused = read.refused.saturating_add(1);
        if read.listed.len() < LISTED_MAX {
            read.listed.push(RefusedRow { file: file.path.clone(), row, problem });
        }
        Ok(())
    }

    /// That so many events may be held where the memory is limited: more of one time may be more than there is room for.
    fn check(&self, held: usize) -> Result<(), PastError> {
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        match self.bytes_max.filter(|_| self.room().is_some_and(|room| held > room)) {
            Some(bytes_max) => Err(PastError::BaseMemory { mib: bytes_max >> 20 }),
            None => Ok(()),
        }
    }

    /// Gives events to `take` as soon as no further part can have earlier ones.
    fn merge(
        &self,
        reads: &Receiver<Read>,
        watch: &Watch,
        take: &mut impl FnMut(Box<Observed>) -> Result<(), PastError>,
    ) -> Result<Fed, PastError> {
        let mut fed = Fed::default();
        let mut held: Vec<Item> = Vec::new();
        for read in reads {
            let ready = held.partition_point(|((time, ..), _)| *time < read.from_us);
            let rest = held.split_off(ready);
            give(held, &mut fed, watch, take)?;
            held = rest;
            if held.is_empty() {
                held = read.items;
            } else {
                held.extend(read.items);
                // Two runs in order: merged, not sorted anew.
                held.sort_by_key(|(place, _)| *place);
            }
            self.check(held.len())?;
            if held.len() > HELD_MAX && self.bytes_max.is_none() {
                let problem = format!(
                    "more than {HELD_MAX} events of several files overlap in time, as where they are clustered by customer; \
                     give the files as they were imported, in order of time, or a part of them"
                );
                return Err(HistoryError::Usage(problem).into());
            }
            fed.refused = fed.refused.saturating_add(read.refused);
            let room = LISTED_MAX.saturating_sub(fed.refused_listed.len());
            fed.refused_listed.extend(read.listed.into_iter().take(room));
        }
        give(held, &mut fed, watch, take)?;
        Ok(fed)
    }
}

fn give(
    items: Vec<Item>,
    fed: &mut Fed,
    watch: &Watch,
    take: &mut impl FnMut(Box<Observed>) -> Result<(), PastError>,
) -> Result<(), PastError> {
    for ((time, ..), event) in items {
        if fed.events.is_multiple_of(LOOK_EVENTS) {
            watch.check()?;
            watch.advance(if fed.events == 0 { 0 } else { LOOK_EVENTS });
        }
        fed.events = fed.events.saturating_add(1);
        fed.first = fed.first.or_else(|| Time::from_us(time));
        fed.last = Time::from_us(time).max(fed.last);
        take(event)?;
    }
    Ok(())
}

/// Completes events, and remembers what it looked up.
struct Observing<'a> {
    observer: &'a Observer,
    remembered_max: usize,
    agents: HashMap<Box<str>, Agent, FxBuildHasher>,
    places: HashMap<u128, Place, FxBuildHasher>,
}

impl Observing<'_> {
    /// `None` never: an event is not ahead of its own time.
    fn observe(&mut self, event: Event, beside: Beside) -> Option<Observed> {
        let place = event.client.ip.map(|ip| self.place(ip)).unwrap_or_default();
        let agent = event.client.user_agent.as_ref().map(|text| self.agent(text.as_str()));
        let additions = Additions {
            account: beside.account_key.map(|key| Account { key, holder: None, verification: None }),
            agent,
            place: Place {
                country: place.country.or(beside.recorded.country),
                asn: place.asn.or(beside.recorded.asn),
                ..place
            },
            ..Additions::default()
        };
        let time = event.time;
        Observed::new(event, additions, time).ok()
    }

    fn place(&mut self, ip: Address) -> Place {
        if self.places.len() >= self.remembered_max {
            self.places.clear();
        }
        self.places.entry(ip.bits()).or_insert_with(|| self.observer.place(ip)).clone()
    }

    fn agent(&mut self, text: &str) -> Agent {
        if let Some(agent) = self.agents.get(text) {
            return *agent;
        }
        if self.agents.len() >= self.remembered_max {
            self.agents.clear();
        }
        let agent = self.observer.agent(text);
        self.agents.insert(text.into(), agent);
        agent
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use history::Watch;
    use history::rows::{AccountHasher, Recorded, RowBuffer};
    use history::writer::{HistoryWriter, Order};
    use model::Event;

    use super::{Feed, HELD_BYTES, Observer, PastError};
    use crate::secret::Secret;

    /// A file with a login of C1 at each of these seconds.
    fn file(folder: &Path, name: &str, seconds: &[u32], recorded: Recorded) {
        let mut rows = RowBuffer::new(AccountHasher::none());
        for second in seconds {
            let event = format!(
                "{{\"id\":\"{name}-{second}\",\"time\":\"2020-09-16T06:05:{second:02}Z\",\"kind\":\"login\",\"customer\":\"C1\",\
                 \"client\":{{\"ip\":\"192.0.2.7\",\"user_agent\":\"curl/8\"}},\"outcome\":\"succeeded\"}}"
            );
            rows.push(&Event::from_json(event.as_bytes()).unwrap(), recorded);
        }
        let mut writer = HistoryWriter::begin(&folder.join(name), Order::Time).unwrap();
        writer.push(rows.finish().unwrap(), &Watch::default()).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn events_of_files_that_overlap_come_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().unwrap();
        let recorded = Recorded { country: Some(*b"JP"), asn: Some(64_500) };
        file(folder.path(), "a", &[10, 30, 50], recorded);
        file(folder.path(), "b", &[1, 2], Recorded::default());
        file(folder.path(), "c", &[2, 11, 31], Recorded::default());
        let feed = Feed::open(&[folder.path().to_owned()]).unwrap();
        let observer = Observer::new(Arc::default(), Secret::from_bytes(&[]));
        let mut ids = Vec::new();
        let watch = Watch::default();
        let fed = feed
            .run(&observer, &watch, |event| {
                assert_eq!(event.place.asn, event.id.as_str().starts_with('a').then_some(64_500));
                assert!(event.agent.unwrap().automation && !event.asked);
                ids.push(event.id.to_string());
                Ok(())
            })
            .unwrap();
        assert_eq!(ids, ["b-1", "b-2", "c-2", "a-10", "c-11", "a-30", "c-31", "a-50"]);
        assert_eq!((fed.events, fed.refused, watch.read().total), (8, 0, 8));
        assert_eq!(fed.first.unwrap().to_string(), "2020-09-16T06:05:01.000000Z");
        // However little may be held, they are the same: here one for each span, but where two have one time.
        for room in [2, 3, 7, 12, 1_000] {
            let feed = Feed::open(&[folder.path().to_owned()]).unwrap();
            let (feed, watch) = (feed.with_memory(Some(2 * HELD_BYTES * room)), Watch::default());
            let mut told = Vec::new();
            let same = feed.run(&observer, &watch, |event| {
                told.push(event.id.to_string());
                Ok(())
            });
            assert_eq!((same.unwrap(), &told, watch.read().total), (fed.clone(), &ids, 8), "{room}");
        }
        let narrow = Feed::open(&[folder.path().to_owned()]).unwrap().with_memory(Some(2 * HELD_BYTES));
        let refused = narrow.run(&observer, &Watch::default(), |_| Ok(())).unwrap_err();
        assert!(matches!(refused, PastError::BaseMemory { .. }), "{refused}");
        let stopped = Watch::default();
        stopped.stop();
        assert!(feed.run(&observer, &stopped, |_| Ok(())).is_err());
    }
}
