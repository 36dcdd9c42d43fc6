//! Events in order of time, however many: sorted in memory part by part, the parts on disk, merged as they are read. Must not
//! know where events come from.
//!
//! Limits: [`CHUNK_BYTES`] of events in memory, [`RUNS_MAX`] parts on disk, each with a buffer of a megabyte or so while it is merged. The
//! parts are compressed, in the system's folder for temporary files (`TMPDIR`), and have no name there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, Write as _};

use model::EventKind;

use super::{ReplayError, io};

/// Bytes of events sorted in memory at once.
const CHUNK_BYTES: usize = 128 << 20;
/// Parts on disk at most: 128 GiB of events whose files overlap in time.
const RUNS_MAX: usize = 1_024;
/// Fast compression: an eighth of the size.
const LEVEL: i32 = 1;

/// Where an event stands: the number of its file and of its line or row, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) file: u32,
    pub(super) line: u64,
}

/// An event, as far as it has to be known to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) time_us: i64,
    pub(super) origin: Origin,
    /// Of the customer, 0 for nobody.
    pub(super) customer: u64,
    pub(super) kind: EventKind,
    /// The wire form, one line.
    pub(super) json: Vec<u8>,
}

/// An event in memory: what it is sorted by, and where its bytes are.
struct Entry {
    time_us: i64,
    origin: Origin,
    customer: u64,
    kind: EventKind,
    start: usize,
    length: usize,
}

/// Takes events in any order.
#[derive(Default)]
pub(super) struct Spool {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    runs: Vec<File>,
}

impl Spool {
    pub(super) fn push(
        &mut self,
        time_us: i64,
        origin: Origin,
        customer: u64,
        kind: EventKind,
        json: &[u8],
    ) -> Result<(), ReplayError> {
        if self.bytes.len().saturating_add(json.len()) > CHUNK_BYTES {
            self.write_run()?;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(json);
        self.entries.push(Entry { time_us, origin, customer, kind, start, length: json.len() });
        Ok(())
    }

    fn sort(&mut self) {
        self.entries.sort_unstable_by_key(|entry| (entry.time_us, entry.origin));
    }

    fn write_run(&mut self) -> Result<(), ReplayError> {
        if self.runs.len() >= RUNS_MAX {
            return Err(ReplayError::Limit {
                what: "events of files that overlap in time",
                came: format!("more than {} GiB", (RUNS_MAX * CHUNK_BYTES) >> 30),
                allowed: "at most that; replay one part of the time after the other".to_owned(),
            });
        }
        self.sort();
        let writing = || io("writing a temporary file (is the folder of TMPDIR full?)");
        let file = tempfile::tempfile().map_err(writing())?;
        let mut out = zstd::Encoder::new(file, LEVEL).map_err(writing())?;
        for entry in self.entries.drain(..) {
            let end = entry.start.saturating_add(entry.length);
            let json = self.bytes.get(entry.start..end).unwrap_or_default();
            out.write_all(&Head::of(&entry).bytes()).and_then(|()| out.write_all(json)).map_err(writing())?;
        }
        self.bytes.clear();
        let mut file = out.finish().map_err(writing())?;
        file.rewind().map_err(writing())?;
        self.runs.push(file);
        Ok(())
    }

    /// Everything, in order of time; of the same time in order of files and lines.
    pub(super) fn finish(mut self) -> Result<Merge, ReplayError> {
        if self.runs.is_empty() {
            self.sort();
            let entries = std::mem::take(&mut self.entries).into_iter();
            return Ok(Merge(Form::Memory { entries, bytes: self.bytes }));
        }
        if !self.entries.is_empty() {
            self.write_run()?;
        }
        let mut merge = Disk { runs: Vec::new(), next: BinaryHeap::new() };
        for file in self.runs {
            let run = zstd::Decoder::new(file).map_err(io("reading a temporary file"))?;
            merge.runs.push(BufReader::new(run));
            merge.advance(merge.runs.len().saturating_sub(1))?;
        }
        Ok(Merge(Form::Disk(merge)))
    }
}

/// Gives events in order.
pub(super) struct Merge(Form);

enum Form {
    Memory { entries: std::vec::IntoIter<Entry>, bytes: Vec<u8> },
    Disk(Disk),
}

struct Disk {
    runs: Vec<BufReader<zstd::Decoder<'static, BufReader<File>>>>,
    /// The next event of each part: its head, and the part.
    next: BinaryHeap<Reverse<(Head, usize)>>,
}

impl Merge {
    pub(super) fn next(&mut self) -> Result<Option<Item>, ReplayError> {
        match &mut self.0 {
            Form::Memory { entries, bytes } => Ok(entries.next().map(|entry| {
                let end = entry.start.saturating_add(entry.length);
                let json = bytes.get(entry.start..end).unwrap_or_default().to_vec();
                Head::of(&entry).item(json)
            })),
            Form::Disk(disk) => disk.next(),
        }
    }
}

impl Disk {
    fn next(&mut self) -> Result<Option<Item>, ReplayError> {
        let Some(Reverse((head, run))) = self.next.pop() else { return Ok(None) };
        let mut json = vec![0; usize::try_from(head.length).unwrap_or(0)];
        if let Some(run) = self.runs.get_mut(run) {
            run.read_exact(&mut json).map_err(io("reading a temporary file"))?;
        }
        self.advance(run)?;
        Ok(Some(head.item(json)))
    }

    /// Reads the head of a part's next event.
    fn advance(&mut self, place: usize) -> Result<(), ReplayError> {
        let Some(run) = self.runs.get_mut(place) else { return Ok(()) };
        let reading = || io("reading a temporary file");
        let mut bytes = [0; Head::BYTES];
        match run.read(&mut bytes[..1]).map_err(reading())? {
            0 => return Ok(()),
            _ => run.read_exact(&mut bytes[1..]).map_err(reading())?,
        }
        self.next.push(Reverse((Head::read(bytes), place)));
        Ok(())
    }
}

/// What stands before an event's bytes on disk. Ordered by time and origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    time_us: i64,
    origin: Origin,
    customer: u64,
    kind: u8,
    length: u32,
}

impl Head {
    const BYTES: usize = 8 + 4 + 8 + 8 + 1 + 4;

    fn of(entry: &Entry) -> Self {
        let kind = EventKind::ALL.iter().position(|kind| *kind == entry.kind);
        Self {
            time_us: entry.time_us,
            origin: entry.origin,
            customer: entry.customer,
            kind: kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(0),
            length: u32::try_from(entry.length).unwrap_or(u32::MAX),
        }
    }

    fn bytes(self) -> Vec<u8> {
        [
            self.time_us.to_le_bytes().as_slice(),
            &self.origin.file.to_le_bytes(),
            &self.origin.line.to_le_bytes(),
            &self.customer.to_le_bytes(),
            &[self.kind],
            &self.length.to_le_bytes(),
        ]
        .concat()
    }

    fn read(bytes: [u8; Self::BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        let origin_of =
            |file, line| Origin { file: u32::from_le_bytes(file), line: u64::from_le_bytes(line) };
        Self {
            time_us: i64::from_le_bytes(take(&mut rest)),
            origin: origin_of(take(&mut rest), take(&mut rest)),
            customer: u64::from_le_bytes(take(&mut rest)),
            kind: u8::from_le_bytes(take(&mut rest)),
            length: u32::from_le_bytes(take(&mut rest)),
        }
    }

    fn item(self, json: Vec<u8>) -> Item {
        let kind = EventKind::ALL.get(usize::from(self.kind)).copied();
        Item {
            time_us: self.time_us,
            origin: self.origin,
            customer: self.customer,
            kind: kind.unwrap_or(EventKind::SessionActivity),
            json,
        }
    }
}

/// The next bytes of a head, which has them all.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((first, after)) = rest.split_first_chunk::<N>() else { return [0; N] };
    *rest = after;
    *first
}

#[cfg(test)]
mod tests {
    use model::EventKind;

    use super::{Origin, Spool};

    fn sorted(run_every: Option<usize>) -> Vec<(i64, u64, Vec<u8>)> {
        let mut spool = Spool::default();
        for line in 1..=500_u64 {
            let time_us = i64::try_from(line * 7_919 % 97).unwrap();
            let origin = Origin { file: 0, line };
            let json = format!("{{{line}}}");
            spool.push(time_us, origin, line, EventKind::Order, json.as_bytes()).unwrap();
            if run_every.is_some_and(|every| usize::try_from(line).unwrap().is_multiple_of(every)) {
                spool.write_run().unwrap();
            }
        }
        let mut merge = spool.finish().unwrap();
        let mut items = Vec::new();
        while let Some(item) = merge.next().unwrap() {
            assert_eq!((item.kind, item.customer), (EventKind::Order, item.origin.line));
            items.push((item.time_us, item.origin.line, item.json));
        }
        items
    }

    #[test]
    fn in_memory_and_on_disk_the_order_is_that_of_time_then_line() {
        let memory = sorted(None);
        assert_eq!(memory.len(), 500);
        assert!(memory.is_sorted_by_key(|(time, line, _)| (*time, *line)));
        for every in [499, 100, 7] {
            assert_eq!(sorted(Some(every)), memory);
        }
    }
}
