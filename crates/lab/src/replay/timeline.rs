//! Events of many files in one order of time. Must not know where they go.
//!
//! Files whose times do not overlap – a file a day – are read one group after the other; only those that overlap are sorted
//! together. What of NDJSON overlaps is not known before it is read, so that it counts as overlapping with everything.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use history::events::{self, NoEvent, Told};
use history::files::{self, HistoryFile};
use history::{HistoryError, Watch};
use model::{Event, Invalid};

use super::ReplayError;
use super::ids::Ids;
use super::spool::{Item, Merge, Origin, Spool};
use super::tally::Tally;

/// Endings of files with events that are looked for in folders.
const LINES: [&str; 6] = [".ndjson", ".ndjson.gz", ".ndjson.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst"];
/// Lines between two looks at the request to stop.
const LOOK_UP_LINES: u64 = 1_024;

enum Source {
    Parquet(HistoryFile),
    Lines,
}

pub(super) struct Timeline<'a> {
    paths: Vec<PathBuf>,
    sources: Vec<Source>,
    /// Places of sources that overlap in time, the earliest first.
    groups: VecDeque<Vec<usize>>,
    merge: Option<Merge>,
    ids: Ids,
    watch: &'a Watch,
    tally: Tally,
}

impl<'a> Timeline<'a> {
    pub(super) fn open(inputs: &[PathBuf], ids: Ids, watch: &'a Watch) -> Result<Self, ReplayError> {
        let mut paths = Vec::new();
        for input in inputs {
            paths.extend(if input.is_dir() { in_folder(input)? } else { vec![input.clone()] });
        }
        paths.dedup();
        if paths.len() > files::FILES_MAX {
            let problem = format!("{} files; at most {}: name fewer", paths.len(), files::FILES_MAX);
            return Err(HistoryError::Usage(problem).into());
        }
        let mut sources = Vec::new();
        for path in &paths {
            let source = if files::is_parquet(path) {
                Source::Parquet(HistoryFile::open(path)?)
            } else {
                Source::Lines
            };
            if let Source::Parquet(file) = &source {
                watch.expect(file.rows());
            }
            sources.push(source);
        }
        let groups = groups(&sources);
        Ok(Self { paths, sources, groups, merge: None, ids, watch, tally: Tally::new()? })
    }

    /// The files, by the number in an event's origin.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Option<Item>, ReplayError> {
        loop {
            if let Some(merge) = &mut self.merge
                && let Some(item) = merge.next()?
            {
                return Ok(Some(item));
            }
            let Some(group) = self.groups.pop_front() else { return Ok(None) };
            let mut spool = Spool::default();
            for place in group {
                self.read(place, &mut spool)?;
            }
            self.merge = Some(spool.finish()?);
        }
    }

    fn read(&mut self, place: usize, spool: &mut Spool) -> Result<(), ReplayError> {
        let file = u32::try_from(place).unwrap_or(u32::MAX);
        let (ids, tally) = (self.ids, &mut self.tally);
        match (self.sources.get(place), self.paths.get(place)) {
            (Some(Source::Parquet(opened)), _) => events::read(opened, self.watch, |told| match told {
                Ok(Told { row, event, has_id, .. }) => {
                    let origin = Origin { file, line: row };
                    put(event, has_id, ids, origin, None, spool, tally)
                }
                Err(NoEvent { row, invalid }) => {
                    tally.refuse_event(Origin { file, line: row }, invalid);
                    Ok(())
                }
            }),
            (Some(Source::Lines), Some(path)) => lines(path, self.watch, |line, bytes| {
                let origin = Origin { file, line };
                match Event::from_json(bytes) {
                    Ok(event) => put(event, true, ids, origin, Some(bytes), spool, tally),
                    Err(invalid) => {
                        tally.refuse_event(origin, invalid);
                        Ok(())
                    }
                }
            }),
            _ => Ok(()),
        }
    }
}

/// Puts an event among those to be sorted; `json` is its wire form if it stays as it is.
fn put(
    mut event: Event,
    has_id: bool,
    ids: Ids,
    origin: Origin,
    json: Option<&[u8]>,
    spool: &mut Spool,
    tally: &mut Tally,
) -> Result<(), ReplayError> {
    let (time_us, kind) = (event.time.as_us(), event.kind);
    let customer = event.customer.as_ref().map_or(0, |customer| customer.key().0);
    let is_own = ids == Ids::Own && has_id;
    if let (true, Some(json)) = (is_own, json) {
        return spool.push(time_us, origin, customer, kind, json);
    }
    let made = ids
        .give(&mut event, has_id)
        .and_then(|()| serde_json::to_vec(&event).map_err(|error| Invalid::new(".", error.to_string())));
    match made {
        Ok(json) => spool.push(time_us, origin, customer, kind, &json),
        Err(invalid) => {
            tally.refuse_event(origin, invalid);
            Ok(())
        }
    }
}

/// History in a folder; where there is none, files with events, by name.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, ReplayError> {
    let history = files::find(&[folder.to_owned()])?;
    if !history.is_empty() {
        return Ok(history);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(HistoryError::io(folder, "listing"))? {
        let path = entry.map_err(HistoryError::io(folder, "listing"))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if LINES.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        let problem = "holds neither history (.parquet) nor events (.ndjson); see docs/replay.md";
        return Err(HistoryError::unsuitable(folder, problem).into());
    }
    Ok(found)
}

/// Sources that overlap in time, together.
fn groups(sources: &[Source]) -> VecDeque<Vec<usize>> {
    let mut spans: Vec<(i64, i64, usize)> = sources
        .iter()
        .zip(0..)
        .map(|(source, place)| match source {
            Source::Lines => (i64::MIN, i64::MAX, place),
            Source::Parquet(file) => {
                let span = files::time_range(std::slice::from_ref(file));
                span.map_or((i64::MIN, i64::MAX, place), |(first, last)| (first, last, place))
            }
        })
        .collect();
    spans.sort_unstable();
    let mut groups: VecDeque<Vec<usize>> = VecDeque::new();
    let mut until = None;
    for (first, last, place) in spans {
        match groups.back_mut() {
            Some(group) if until.is_some_and(|until| first <= until) => group.push(place),
            _ => groups.push_back(vec![place]),
        }
        until = until.max(Some(last));
    }
    groups
}

/// Every line of a file, plain or compressed, with its number from 1. One that is longer than an event may be is cut, and is
/// then no event.
fn lines(
    path: &Path,
    watch: &Watch,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), ReplayError>,
) -> Result<(), ReplayError> {
    let reading = || HistoryError::io(path, "reading");
    let file = File::open(path).map_err(HistoryError::io(path, "opening"))?;
    let mut reader = BufReader::with_capacity(1 << 20, history::import::decompress(file).map_err(reading())?);
    let bytes_max = u64::try_from(Event::BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
    let mut line = Vec::new();
    let mut counted = 0;
    for number in 1_u64.. {
        line.clear();
        let read = reader.by_ref().take(bytes_max).read_until(b'\n', &mut line).map_err(reading())?;
        if read == 0 {
            break;
        }
        if !line.ends_with(b"\n") {
            reader.skip_until(b'\n').map_err(reading())?;
        }
        if number.is_multiple_of(LOOK_UP_LINES) {
            watch.check()?;
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            counted += 1;
            each(number, text)?;
        }
    }
    watch.expect(counted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use history::Watch;

    use super::{Ids, Timeline};

    fn event(id: &str, second: u32) -> String {
        format!(
            "{{\"id\":\"{id}\",\"time\":\"2020-09-16T06:05:{second:02}Z\",\"kind\":\"login\",\"customer\":\"C1\",\"client\":{{}},\
             \"outcome\":\"failed\"}}\n"
        )
    }

    #[test]
    fn lines_of_several_files_come_in_order_and_bad_ones_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let first = format!("{}\nnot json\n{}", event("a", 30), event("b", 10));
        let long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(70_000));
        std::fs::write(folder.path().join("1.ndjson"), first).unwrap();
        std::fs::write(folder.path().join("2.ndjson"), long + &event("c", 20)).unwrap();
        let watch = Watch::default();
        let mut timeline = Timeline::open(&[folder.path().to_owned()], Ids::Own, &watch).unwrap();
        let mut places = Vec::new();
        while let Some(item) = timeline.next().unwrap() {
            let id: serde_json::Value = serde_json::from_slice(&item.json).unwrap();
            places.push((id["id"].as_str().unwrap().to_owned(), item.origin.file, item.origin.line));
        }
        let place = |id: &str, file, line| (id.to_owned(), file, line);
        assert_eq!(places, [place("b", 0, 4), place("c", 1, 2), place("a", 0, 1)]);
        let refused = timeline.into_tally().refused;
        let refused: Vec<_> = refused.iter().map(|each| (each.origin.file, each.origin.line)).collect();
        assert_eq!(refused, [(0, 3), (1, 1)]);
    }

    #[test]
    fn a_folder_without_anything_says_what_it_could_hold() {
        let folder = tempfile::tempdir().unwrap();
        let watch = Watch::default();
        let error = Timeline::open(&[folder.path().to_owned()], Ids::Own, &watch).err().unwrap();
        assert!(error.to_string().contains("neither history"), "{error}");
    }
}
